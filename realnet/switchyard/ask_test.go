package switchyard

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/switchyard"
)

// slow is a fabric with one client that answers what lets an endpoint begin, and
// gives the test what is asked then.
func slow(t *testing.T) (addr string, asked <-chan switchyard.Message, answer func(switchyard.Message)) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	questions, conns := make(chan switchyard.Message, 16), make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		conns <- c
		for {
			var head [4]byte
			if _, err := io.ReadFull(c, head[:]); err != nil {
				return
			}
			b := make([]byte, binary.BigEndian.Uint32(head[:]))
			if _, err := io.ReadFull(c, b); err != nil {
				return
			}
			m, err := switchyard.ParseMessage(b)
			reply := map[switchyard.Type]switchyard.Message{
				switchyard.TypeHello:          {Type: switchyard.TypeWelcome, Payload: payload()},
				switchyard.TypeEndpointCreate: {Type: switchyard.TypeEndpointCreated, Payload: []byte(`{"endpoint_id": 1, "name": "a", "mac": "02:53:59:00:00:01"}`)},
				switchyard.TypeSubscribe:      {Type: switchyard.TypeSubscribed, Payload: payload()},
			}[m.Type]
			if err != nil || reply.Type == 0 {
				questions <- m
				continue
			}
			c.Write(reply.Append(nil))
		}
	}()
	var c net.Conn
	return l.Addr().String(), questions, func(m switchyard.Message) {
		if c == nil {
			c = <-conns
			t.Cleanup(func() { c.Close() })
		}
		c.Write(m.Append(nil))
	}
}

// Who asks waits as long as its context, and no longer. The answer that comes
// after all is not taken for that of the next question.
func TestAskEndsWithItsContext(t *testing.T) {
	addr, asked, answer := slow(t)
	e := open(t, Options{Addr: addr, Name: "a", Timeout: 20 * time.Second})
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("no more interest")
	go func() {
		<-asked
		cancel(why)
	}()
	question := func(text string) switchyard.Message {
		return switchyard.Message{Type: switchyard.TypeStatsGet, Payload: []byte(text)}
	}
	if _, err := e.Ask(ctx, question("first"), switchyard.TypeStats); !errors.Is(err, why) {
		t.Fatalf("the context has ended, and Ask says %v", err)
	}
	if _, err := e.Ask(ctx, question("never"), switchyard.TypeStats); !errors.Is(err, why) {
		t.Fatalf("after the end of its context Ask says %v", err)
	}
	go func() {
		<-asked
		answer(switchyard.Message{Type: switchyard.TypeStats, Payload: []byte("one")})
		answer(switchyard.Message{Type: switchyard.TypeError, Payload: payload("error", "PACKET_OUT: unknown src endpoint_id 1")})
		answer(switchyard.Message{Type: switchyard.TypeStats, Payload: []byte("two")})
	}()
	m, err := e.Ask(t.Context(), question("second"), switchyard.TypeStats)
	if err != nil || string(m.Payload) != "two" {
		t.Errorf("the second question is answered %q, %v", m.Payload, err)
	}
	if s := e.Stats(); s.Refused != 1 || s.Reconnects != 0 {
		t.Errorf("counted %+v", s)
	}
}

// Without an answer within Timeout the connection is given up, though nobody
// waits for it any more.
func TestAnAnswerThatNeverComes(t *testing.T) {
	addr, asked, _ := slow(t)
	lost := make(chan error, 1)
	e := open(t, Options{Addr: addr, Name: "a", Timeout: 200 * time.Millisecond, Backoff: time.Hour, Lost: func(err error) { lost <- err }})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if _, err := e.Ask(ctx, switchyard.Message{Type: switchyard.TypeStatsGet}, switchyard.TypeStats); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	select {
	case err := <-lost:
		if err == nil || !strings.Contains(err.Error(), "no answer to STATS_GET within 200ms") {
			t.Errorf("lost: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the connection is kept")
	}
}

func TestANameThatNobodyCanHave(t *testing.T) {
	_, addr := serve(t, "")
	e := open(t, Options{Addr: addr, Name: "a"})
	if _, err := e.Lookup(t.Context(), "a\nb"); err == nil || !strings.Contains(err.Error(), "bad ENDPOINT_LOOKUP") {
		t.Errorf("looked up: %v", err)
	}
}

// After a loss an endpoint asks for the address it had, which others know; one
// that was given away meanwhile is made up for by another.
func TestReconnectKeepsTheAddress(t *testing.T) {
	d, addr := serve(t, "")
	open(t, Options{Addr: addr, Name: "before", Backoff: -1})
	ready := make(chan switchyard.Identity, 8)
	a := open(t, Options{
		Addr: addr, Name: "a", Backoff: 300 * time.Millisecond, Exclusive: true,
		Ready: func(me switchyard.Identity) { ready <- me },
	})
	had := a.Identity().MAC
	for _, given := range []bool{false, true} {
		d.Close()
		d, _ = serve(t, addr)
		if given {
			open(t, Options{Addr: addr, Name: "thief", MAC: had, Backoff: -1})
		}
		select {
		case me := <-ready:
			if me.MAC == had == given || me.MAC == (eth.MAC{}) {
				t.Errorf("given to another: %t; a had %s, and has %s", given, had, me.MAC)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("no reconnect")
		}
	}
	if n := a.Stats().Reconnects; n != 2 {
		t.Errorf("%d reconnects", n)
	}
}

// Who only asks makes no endpoint, and leaves none.
func TestWhoOnlyAsks(t *testing.T) {
	_, addr := serve(t, "")
	a := open(t, Options{Addr: addr, Name: "a"})
	asks := open(t, Options{Addr: addr, Asks: true})
	if who, err := asks.Lookup(t.Context(), "a"); err != nil || who != a.Identity() {
		t.Errorf("a is %+v, %v", who, err)
	}
	m, err := asks.Ask(t.Context(), switchyard.Message{Type: switchyard.TypeStatsGet, Payload: payload()}, switchyard.TypeStats)
	if err != nil || !strings.Contains(string(m.Payload), `"endpoints":1,`) || !strings.Contains(string(m.Payload), `"subscriptions":1`) {
		t.Errorf("%s, %v", m.Payload, err)
	}
	if err := asks.Send(frame(eth.Broadcast, a.Identity().MAC, "x")); err == nil {
		t.Error("a frame is sent from nowhere")
	}
}
