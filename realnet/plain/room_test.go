package plain

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"example.com/dsim/links"
	"example.com/dsim/realnet/socket"
)

// site is what a wire tells.
type site struct{ told chan links.Segment }

func (s *site) Frame(b []byte) {
	x, err := links.ParseSegment(b)
	if err != nil {
		panic(err)
	}
	s.told <- x
}
func (*site) Connected()   {}
func (*site) Broken(error) {}

func (s *site) wants(t *testing.T, kind links.SegmentKind, dial uint32) {
	t.Helper()
	select {
	case x := <-s.told:
		if x.Kind != kind || x.Dial != dial {
			t.Fatalf("told %+v, want %v of dial %d", x, kind, dial)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("never told %v of dial %d", kind, dial)
	}
}

// TestWhoWasHungUpOnMakesRoom: a client that the cell has hung up on, and that
// does not hang up itself, has a place only until somebody else needs it; one
// that the cell still talks to keeps it.
func TestWhoWasHungUpOnMakesRoom(t *testing.T) {
	s := &site{told: make(chan links.Segment, 64)}
	w, err := open(socket.Config{Kind: Kind, Mode: "server", Service: "svc"}, s, 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	stands := func() bool { // and is not turned away, which dialling may notice
		c, err := net.Dial("tcp", w.Local())
		if err != nil {
			return false
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		_, err = c.Read(make([]byte, 1))
		return errors.Is(err, os.ErrDeadlineExceeded)
	}
	says := func(x links.Segment) {
		if err := w.Send(x.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	for n := uint32(1); n <= 2; n++ {
		if !stands() {
			t.Fatalf("%d is turned away", n)
		}
		s.wants(t, links.SegSYN, n)
		says(links.Segment{Kind: links.SegACK, Dial: n, N: Window})
	}
	if stands() {
		t.Fatal("there is room for a third, and the cell talks to both")
	}
	says(links.Segment{Kind: links.SegFIN, Dial: 2})
	for end := time.Now().Add(10 * time.Second); !stands(); {
		if time.Now().After(end) {
			t.Fatal("there is no room")
		}
	}
	s.wants(t, links.SegRST, 2)
	s.wants(t, links.SegSYN, 3)
}
