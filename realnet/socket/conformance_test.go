//go:build linux || darwin

package socket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// ear is a Handler that keeps what it hears.
type ear struct {
	mu     sync.Mutex
	frames [][]byte
	events []string
	stuck  chan struct{} // Frame waits for it, if it is there
}

func (e *ear) Frame(b []byte) {
	e.mu.Lock()
	e.frames = append(e.frames, bytes.Clone(b))
	stuck := e.stuck
	e.mu.Unlock()
	if stuck != nil {
		<-stuck
	}
}

func (e *ear) Connected() { e.event("connected") }

func (e *ear) Broken(err error) { e.event("broken") }

func (e *ear) event(s string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.events = append(e.events, s)
}

func (e *ear) heard() [][]byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.frames[:len(e.frames):len(e.frames)]
}

func (e *ear) told() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return fmt.Sprint(e.events)
}

// until polls: what happens in the system has no event to wait on.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(200 * time.Microsecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 30 s in vain: %s", what)
		}
	}
}

// shortFolder is a folder whose name leaves room in the path of a socket.
func shortFolder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// sort of wire, and how to make the two ends of one.
type pairing struct {
	kind     string
	reliable bool
	whole    int  // the longest frame that goes, as the system is set up everywhere
	refuses  bool // an end without a peer says so
	pair     func(t testing.TB) (server, client Config)
}

var ports = struct {
	sync.Mutex
	next uint16
}{next: 20000 + uint16(os.Getpid()%8000)}

// twoPorts gives two ports that are probably free.
func twoPorts() (uint16, uint16) {
	ports.Lock()
	defer ports.Unlock()
	ports.next += 2
	return ports.next, ports.next + 1
}

func byPath(kind string) func(testing.TB) (Config, Config) {
	return func(t testing.TB) (Config, Config) {
		p := filepath.Join(shortFolder(t), "w.sock")
		return Config{Kind: kind, Path: p, Mode: "server"}, Config{Kind: kind, Path: p, Mode: "client"}
	}
}

func byPorts(kind, host string) func(testing.TB) (Config, Config) {
	return func(testing.TB) (Config, Config) {
		a, b := twoPorts()
		return Config{Kind: kind, Host: host, Local: a, Remote: b}, Config{Kind: kind, Host: host, Local: b, Remote: a}
	}
}

// pairings are the kinds that need no privilege.
var pairings = []pairing{
	{"unix", false, 100_000, true, byPath("unix")},
	{"unix-stream", true, FrameMax, true, byPath("unix-stream")},
	{"udp", false, 60_000, false, byPorts("udp", "")},
	{"udp6", false, 60_000, false, byPorts("udp", "::1")},
	{"tcp", true, FrameMax, true, byPorts("tcp", "")},
}

func mustOpen(t testing.TB, c Config, h Handler) Wire {
	t.Helper()
	w, err := Open(c, h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func isUp(w Wire) func() bool { return func() bool { return w.Status() == "connected" } }

// twoEnds opens both, and waits until each knows of the other.
func twoEnds(t testing.TB, p pairing) (a, b Wire, ha, hb *ear) {
	t.Helper()
	sc, cc := p.pair(t)
	ha, hb = &ear{}, &ear{}
	a, b = mustOpen(t, sc, ha), mustOpen(t, cc, hb)
	until(t, "the server is connected", isUp(a))
	until(t, "the client is connected", isUp(b))
	return a, b, ha, hb
}

// numbered is a frame of a size with its number in front.
func numbered(n uint32, size int) []byte {
	b := make([]byte, max(size, 4))
	for i := range b {
		b[i] = byte(int(n)*31 + i)
	}
	binary.BigEndian.PutUint32(b, n)
	return b
}

func eachKind(t *testing.T, f func(t *testing.T, p pairing)) {
	for _, p := range pairings {
		t.Run(p.kind, func(t *testing.T) { f(t, p) })
	}
}

func TestFramesArriveWholeAndInOrder(t *testing.T) {
	eachKind(t, func(t *testing.T, p pairing) {
		a, b, ha, hb := twoEnds(t, p)
		if a.Role() != "server" || b.Role() != "client" {
			t.Fatalf("roles %q and %q", a.Role(), b.Role())
		}
		both(t, a, hb, p)
		both(t, b, ha, p)
	})
}

// both sends frames of all sizes from one end, and wants them at the other.
func both(t *testing.T, from Wire, to *ear, p pairing) {
	t.Helper()
	sizes := []int{4, 5, 64, 1500, 8192, 60_000 - 1, p.whole}
	for n := range uint32(300) {
		want := numbered(n, sizes[int(n)%len(sizes)])
		before := len(to.heard())
		if err := from.Send(want); err != nil {
			t.Fatalf("frame %d of %d bytes: %v", n, len(want), err)
		}
		until(t, "a frame arrives", func() bool { return len(to.heard()) > before })
		if got := to.heard()[before]; !bytes.Equal(got, want) {
			t.Fatalf("frame %d of %d bytes came as %d bytes", n, len(want), len(got))
		}
	}
	if err := from.Send(make([]byte, FrameMax+1)); !errors.Is(err, ErrTooLong) {
		t.Fatalf("a frame over the bound: %v", err)
	}
	if c := from.Counters(); c.TxFrames < 300 || c.TooLong != 1 || c.LastTx.IsZero() {
		t.Fatalf("counters %+v", c)
	}
}

func TestPeerMayComeLaterAndComeBack(t *testing.T) {
	eachKind(t, func(t *testing.T, p pairing) {
		sc, cc := p.pair(t)
		for i, first := range []Config{sc, cc} {
			second := []Config{cc, sc}[i]
			h := &ear{}
			w := mustOpen(t, first, h)
			if p.refuses {
				if err := w.Send([]byte("early")); !errors.Is(err, ErrNotConnected) {
					t.Fatalf("Send without a peer: %v", err)
				}
			}
			for round := range 3 {
				hb := &ear{}
				peer := mustOpen(t, second, hb)
				until(t, "the peer is connected", isUp(peer))
				back(t, w, peer, h, hb)
				if got := len(hb.heard()); got == 0 {
					t.Fatalf("round %d: nothing came", round)
				}
				peer.Close()
				// Whoever sends learns that nobody is there.
				until(t, "the wire is disconnected", func() bool { w.Send([]byte("?")); return w.Status() == "disconnected" })
				if w.Problem() == nil {
					t.Fatal("disconnected without a problem")
				}
			}
			w.Close()
			if w.Status() != "dead" || !errors.Is(w.Send([]byte("late")), ErrClosed) {
				t.Fatalf("a closed wire: %s, %v", w.Status(), w.Send([]byte("late")))
			}
		}
	})
}

// back sends both ways until something arrived both ways.
func back(t *testing.T, a, b Wire, ha, hb *ear) {
	t.Helper()
	na, nb := len(ha.heard()), len(hb.heard())
	until(t, "frames go both ways", func() bool {
		a.Send([]byte("ping"))
		b.Send([]byte("pong"))
		return len(ha.heard()) > na && len(hb.heard()) > nb
	})
}

func TestFullQueueDropsAndDoesNotBlock(t *testing.T) {
	eachKind(t, func(t *testing.T, p pairing) {
		a, _, _, hb := twoEnds(t, p)
		stuck := make(chan struct{})
		hb.mu.Lock()
		hb.stuck = stuck
		hb.mu.Unlock()
		var taken uint32
		began := time.Now()
		for a.Counters().Full == 0 && taken < 20_000 {
			if err := a.Send(numbered(taken, 1000)); err == nil {
				taken++
			} else if !errors.Is(err, ErrFull) {
				t.Fatal(err)
			}
		}
		if p.kind != "udp" && p.kind != "udp6" && a.Counters().Full == 0 {
			t.Fatal("never full") // UDP drops at the receiver, and nobody is told
		}
		if q := a.Counters().Queued; q > ringMax+headerSize {
			t.Fatalf("%d bytes wait", q)
		}
		if d := time.Since(began); d > 5*time.Second {
			t.Fatalf("blocked: %v for %d frames", d, taken)
		}
		close(stuck)
		if !p.reliable {
			return
		}
		until(t, "what was accepted arrives", func() bool { return uint32(len(hb.heard())) == taken })
		for n, b := range hb.heard() {
			if !bytes.Equal(b, numbered(uint32(n), 1000)) {
				t.Fatalf("frame %d is another", n)
			}
		}
		if q := a.Counters().Queued; q != 0 {
			t.Fatalf("%d bytes wait still", q)
		}
	})
}

// TestRefusalOfUDPIsAboutAFrameBefore: the frame that is told of it goes all the
// same, and who only sends learns that somebody is there again.
func TestRefusalOfUDPIsAboutAFrameBefore(t *testing.T) {
	near, far := twoPorts()
	w := mustOpen(t, Config{Kind: "udp", Local: near, Remote: far}, &ear{})
	for n := range 200 {
		if err := w.Send([]byte("anybody?")); err != nil {
			t.Fatalf("frame %d: %v", n, err)
		}
	}
	until(t, "the refusal is noticed", func() bool { return w.Status() == "disconnected" })
	if c := w.Counters(); c.Refused == 0 || c.TxFrames != 200 {
		t.Fatalf("%+v", c)
	}
	silent, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(far)})
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	until(t, "it is connected", func() bool { return w.Send([]byte("here?")) == nil && w.Status() == "connected" })
}
