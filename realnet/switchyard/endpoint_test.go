package switchyard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/switchyard"
	"example.com/dsim/realnet"
	"example.com/dsim/replay/site"
	"example.com/dsim/scenarios"
)

// serve runs a fabric on a port of the loopback, at addr if that is not empty.
func serve(t testing.TB, addr string, params ...cells.Param) (*realnet.Driver, string) {
	t.Helper()
	port := 0
	if addr != "" {
		at, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		port = at.Port
	}
	o := realnet.Options{Site: site.Config{Name: "fabric", Seed: des.SeedOf(1), Make: scenarios.MakeProtocol}}
	d, err := Serve(o, params, "127.0.0.1", uint16(port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, Addr(d)
}

func open(t testing.TB, o Options) *Endpoint {
	t.Helper()
	e, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func recv(t testing.TB, e *Endpoint) Frame {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	f, err := e.Recv(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func frame(to, from eth.MAC, text string) []byte {
	b := append(append([]byte{}, to[:]...), from[:]...)
	return append(append(b, 0x88, 0xb5), text...)
}

func TestFramesBetweenEndpoints(t *testing.T) {
	_, addr := serve(t, "")
	a, b := open(t, Options{Addr: addr, Name: "a"}), open(t, Options{Addr: addr, Name: "b"})
	all := open(t, Options{Addr: addr, Name: "sniffer", Promisc: true})
	me, you := a.Identity(), b.Identity()
	if me.MAC.String() != "02:53:59:00:00:01" || you.Endpoint != 2 {
		t.Errorf("the identities are %+v and %+v", me, you)
	}
	who, err := a.Lookup(t.Context(), "b")
	if err != nil || who != you {
		t.Errorf("b is %+v, %v", who, err)
	}
	want := frame(you.MAC, me.MAC, "hello")
	if err := a.Send(want); err != nil {
		t.Fatal(err)
	}
	if got := recv(t, b); !bytes.Equal(got.Data, want) || got.Promisc {
		t.Errorf("b got %+v", got)
	}
	if got := recv(t, all); !bytes.Equal(got.Data, want) || !got.Promisc {
		t.Errorf("the sniffer got %+v", got)
	}
	if err := a.Send(want[:13]); err == nil || !strings.Contains(err.Error(), "13 bytes") {
		t.Errorf("half a header: %v", err)
	}
}

func TestTheFabricsWordsAreErrors(t *testing.T) {
	_, addr := serve(t, "")
	open(t, Options{Addr: addr, Name: "a"})
	_, err := Open(t.Context(), Options{Addr: addr, Name: "a", Exclusive: true})
	var said *FabricError
	if !errors.As(err, &said) || said.Text != "endpoint name already exists: a" {
		t.Errorf("a name that is taken: %v", err)
	}
	b := open(t, Options{Addr: addr, Name: "b"})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := b.Lookup(ctx, "nobody"); err == nil || !strings.Contains(err.Error(), "no such endpoint: nobody") {
		t.Errorf("a name nobody has: %v", err)
	}
	if _, err := Open(t.Context(), Options{Addr: "127.0.0.1:1", Name: "x"}); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("no fabric: %v", err)
	}
	if _, err := Open(t.Context(), Options{}); err == nil {
		t.Error("an endpoint without a name is opened")
	}
}

// TestReconnect ends the fabric and starts another at the same address.
func TestReconnect(t *testing.T) {
	d, addr := serve(t, "")
	lost, ready := make(chan error, 8), make(chan switchyard.Identity, 8)
	a := open(t, Options{
		Addr: addr, Name: "a", Backoff: 5 * time.Millisecond,
		Lost: func(err error) { lost <- err }, Ready: func(me switchyard.Identity) { ready <- me },
	})
	d.Close()
	if err := <-lost; err == nil {
		t.Error("the connection was lost without a reason")
	}
	if err := a.Send(frame(eth.Broadcast, a.Identity().MAC, "x")); !errors.Is(err, ErrNotConnected) || a.Stats().Lost != 1 {
		t.Errorf("without a connection: %v, %+v", err, a.Stats())
	}
	serve(t, addr)
	select {
	case <-ready:
	case <-time.After(10 * time.Second):
		t.Fatal("no reconnect")
	}
	b := open(t, Options{Addr: addr, Name: "b"})
	if err := b.Send(frame(a.Identity().MAC, b.Identity().MAC, "again")); err != nil {
		t.Fatal(err)
	}
	if got := recv(t, a); !strings.HasSuffix(string(got.Data), "again") {
		t.Errorf("a got %q", got.Data)
	}
	if n := a.Stats().Reconnects; n != 1 {
		t.Errorf("%d reconnects", n)
	}
}

// TestAStuckSubscriberCostsTheOthersNothing lets one endpoint read nothing.
func TestAStuckSubscriberCostsTheOthersNothing(t *testing.T) {
	_, addr := serve(t, "")
	a, b := open(t, Options{Addr: addr, Name: "a"}), open(t, Options{Addr: addr, Name: "b", Queue: 1 << 16})
	stuck, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer stuck.Close()
	for _, m := range []switchyard.Message{
		{Type: switchyard.TypeHello, Payload: payload("client_name", "stuck")},
		{Type: switchyard.TypeEndpointCreate, Payload: payload("name", "stuck")},
		{Type: switchyard.TypeSubscribe, Endpoint: 3, Payload: payload()},
	} {
		stuck.Write(m.Append(nil))
	}
	if _, err := a.Lookup(t.Context(), "stuck"); err != nil {
		t.Fatal(err)
	}
	const n = 5000
	for i := range n {
		if err := a.Send(frame(eth.Broadcast, a.Identity().MAC, fmt.Sprintf("%d %s", i, strings.Repeat("x", 1400)))); err != nil {
			t.Fatal(err)
		}
		if i%4 == 0 { // no faster than b reads: a quarter of its bound may wait for its credit
			for b.Stats().Received+4 < uint64(i) {
				time.Sleep(100 * time.Microsecond)
			}
		}
	}
	for i := range n {
		if got := recv(t, b); !strings.HasPrefix(string(got.Data[14:]), fmt.Sprintf("%d ", i)) {
			t.Fatalf("frame %d is %.20q", i, got.Data[14:])
		}
	}
}
