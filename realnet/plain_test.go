package realnet

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/cells/celltest"
	"example.com/dsim/des"
	"example.com/dsim/realnet/plain"
	"example.com/dsim/realnet/socket"
	"example.com/dsim/replay/site"
)

// probed is a site with one probe, whose stream link leads to plain connections.
func probed(t testing.TB, c socket.Config) (*Driver, func(words string) string) {
	d, err := New(Options{Site: site.Config{Name: "probe", Seed: des.SeedOf(7), Make: celltest.MakeProbe}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	c.Kind = plain.Kind
	batch := []cells.Change{
		{Op: cells.AddCell, Cell: cells.CellSpec{ID: "probe", Protocol: celltest.ProbeName}},
		{Op: cells.AddLink, Link: cells.LinkSpec{Name: "tcp", A: cells.Endpoint{Cell: "probe"}, B: cells.Endpoint{Cell: "world"}, Stream: true}},
	}
	if err := d.Prepare(1, batch, map[string]socket.Config{"tcp": c}); err != nil {
		t.Fatal(err)
	}
	if err := d.Commit(1); err != nil {
		t.Fatal(err)
	}
	return d, func(words string) string {
		answer, err := d.Command("probe", strings.Fields(words))
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
}

func eventually(t testing.TB, why string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + why)
		}
	}
}

func TestAPlainClientTalksToACell(t *testing.T) {
	d, command := probed(t, socket.Config{Mode: "server", Service: "svc"})
	addr := d.Wires()[0].Local
	if refused, err := net.Dial("tcp", addr); err == nil { // it may be broken as soon as that
		refused.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := refused.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
			t.Errorf("nobody listens in the cell, and reading gives %v", err)
		}
	}
	command("listen svc") // port 1: 0 is the link's own
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(c, "hello")
	eventually(t, "the cell gets it", func() bool { return command("text 2") == "hello" })
	if log := command("log"); !strings.Contains(log, "up 2 at 1 from world") {
		t.Errorf("the cell saw\n%s", log)
	}
	command("send 2 answer")
	got := make([]byte, 6)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "answer" {
		t.Errorf("came back %q, %v", got, err)
	}
	c.(*net.TCPConn).CloseWrite()
	eventually(t, "the cell hears of the end", func() bool { return strings.Contains(command("log"), "down 2 EOF") })
	command("send 2 still")
	command("close 2")
	if rest, err := io.ReadAll(c); err != nil || string(rest) != "still" {
		t.Errorf("the rest is %q, %v", rest, err)
	}
	eventually(t, "both have ended", func() bool { return d.Wires()[0].Counters.Queued == 0 })
}

func TestACellTalksToAPlainServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // an echo
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	_, command := probed(t, socket.Config{Mode: "client", Remote: uint16(l.Addr().(*net.TCPAddr).Port)})
	p := command("dial world:anything")
	eventually(t, "connected", func() bool { return strings.Contains(command("log"), "up "+p+" to world:anything") })
	command("flood " + p + " 60000 900")
	eventually(t, "all comes back", func() bool { return command("pattern "+p) == "60000" })
	command("closewrite " + p)
	eventually(t, "the end comes back", func() bool { return strings.Contains(command("log"), "down "+p+" EOF") })
	l.Close()
	p = command("dial world:anything")
	eventually(t, "nobody listens", func() bool {
		return strings.Contains(command("log"), "down "+p+" "+cells.ErrRefused.Error())
	})
}

// TestPlainBackPressure lets a client read nothing: the cell's queue fills up to
// its bound, and falls when the client reads at last.
func TestPlainBackPressure(t *testing.T) {
	d, command := probed(t, socket.Config{Mode: "server", Service: "svc"})
	command("listen svc")
	c, err := net.Dial("tcp", d.Wires()[0].Local)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.(*net.TCPConn).SetReadBuffer(4096)
	eventually(t, "connected", func() bool { return strings.Contains(command("log"), "up 2") })
	sent := 0
	for command("info 2") == "up" && sent < 64<<20 { // until the kernel takes no more
		if q := command("queued 2"); len(q) < 5 { // below 10,000
			command("flood 2 30000 30000")
			sent += 30000
		} else if len(q) == 5 {
			time.Sleep(10 * time.Millisecond)
			if command("queued 2") == q {
				break
			}
		}
	}
	queued := command("queued 2")
	if queued == "0" {
		t.Fatalf("nothing is queued after %d bytes", sent)
	}
	all, err := io.ReadAll(io.LimitReader(c, int64(sent)))
	if err != nil || len(all) != sent {
		t.Fatalf("%d bytes of %d came, %v", len(all), sent, err)
	}
	one := all[:30000]
	for rest := all; len(rest) > 0; rest = rest[30000:] {
		if !bytes.Equal(one, rest[:30000]) {
			t.Fatal("bytes came in another order")
		}
	}
	eventually(t, "the queue falls from "+queued+" to "+command("queued 2"), func() bool {
		var n int
		fmt.Sscan(command("queued 2"), &n)
		return n < 16<<10 // a quarter of the bound may wait for more
	})
}

// TestIdleConnectionsHarmNobody opens many that send nothing.
func TestIdleConnectionsHarmNobody(t *testing.T) {
	n := 500
	if *long {
		n = 8000
	}
	d, command := probed(t, socket.Config{Mode: "server", Service: "svc"})
	command("listen svc")
	addr := d.Wires()[0].Local
	var idle []net.Conn
	for range n {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		idle = append(idle, c)
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	eventually(t, "all are accepted", func() bool { return d.Wires()[0].Counters.Connects == uint64(n)+1 })
	fmt.Fprint(c, "hello")
	port := fmt.Sprint(2 + n)
	eventually(t, "the cell gets it", func() bool { return command("text "+port) == "hello" })
	for _, c := range idle[:n/2] {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	command("send " + port + " answer")
	got := make([]byte, 6)
	if _, err := io.ReadFull(c, got); err != nil {
		t.Error(err)
	}
}
