package links_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/cells/celltest"
	"example.com/dsim/des"
)

// talker is one side of an echo over streams: alice dials and sends, bob sends
// back what has room. Now and then either is rude and sends more than there is
// room for. It writes down what each end of a connection was promised and told.
type talker struct {
	celltest.Script
	t     *testing.T
	what  string // names the run in messages
	bound int
	r     *cells.Rand
	ends  map[cells.Port]*streamEnd // looked up, never ranged over
	all   []*streamEnd
}

type streamEnd struct {
	id                 int // from the first byte that alice sends; -1 while it is not known
	dialled            bool
	up, downs          int
	closed, shut, dead bool // closed by its cell; half of it; its cell has crashed
	accepted, received []byte
	left               int // pieces to send
}

func newTalker(t *testing.T, what string, bound int) *talker {
	s := &talker{t: t, what: what, bound: bound, ends: make(map[cells.Port]*streamEnd)}
	s.OnStart = s.start
	s.OnUp = s.upcall
	s.OnRecv = s.recv
	s.OnTimer = s.timer
	s.OnDown = s.down
	return s
}

func (s *talker) start(e cells.Env) {
	s.r = e.Rand("talk")
	if e.Self() == "bob" {
		e.Listen("svc")
		return
	}
	for i := range 3 {
		e.Arm(cells.TimerID(1000+i), time.Duration(i*7)*ms)
	}
}

// end finds what an event is for, and checks that it may come.
func (s *talker) end(p cells.Port, event string) *streamEnd {
	x := s.ends[p]
	switch {
	case x == nil:
		s.t.Errorf("%s: %s on port %d, which is nobody's", s.what, event, p)
		return &streamEnd{}
	case x.closed:
		s.t.Errorf("%s: %s on port %d after Close", s.what, event, p)
	case x.downs > 0:
		s.t.Errorf("%s: %s on port %d after Down", s.what, event, p)
	}
	return x
}

func (s *talker) add(p cells.Port, id int) *streamEnd {
	x := &streamEnd{id: id, dialled: id >= 0, left: 3 + int(s.r.N(15))}
	s.ends[p] = x
	s.all = append(s.all, x)
	return x
}

func (s *talker) upcall(e cells.Env, p cells.Port) {
	if e.Port(p).Accepted {
		s.add(p, -1)
	}
	x := s.end(p, "Up")
	if x.up++; x.up > 1 {
		s.t.Errorf("%s: Up twice on port %d", s.what, p)
	}
	if x.dialled {
		s.send(e, p, x, []byte{byte(x.id)})
		e.Arm(cells.TimerID(p), 0)
	}
}

// send notes what a Send has taken.
func (s *talker) send(e cells.Env, p cells.Port, x *streamEnd, b []byte) {
	before := e.Queued(p)
	e.Send(p, b)
	switch e.Queued(p) - before {
	case len(b):
		x.accepted = append(x.accepted, b...)
	case 0:
	default:
		s.t.Errorf("%s: of %d bytes %d were taken", s.what, len(b), e.Queued(p)-before)
	}
}

func (s *talker) timer(e cells.Env, id cells.TimerID) {
	if id >= 1000 {
		n := len(s.all)
		s.add(e.Dial("bob:svc"), n)
		return
	}
	p := cells.Port(id)
	x := s.ends[p]
	if x.closed || x.shut || e.Port(p).State == cells.PortDown {
		return
	}
	n := 1 + int(s.r.N(uint64(s.bound/2)))
	if e.Queued(p)+n <= s.bound || s.r.N(40) == 0 {
		b := make([]byte, n)
		s.r.Bytes(b)
		s.send(e, p, x, b)
		x.left--
	}
	if x.left > 0 {
		e.Arm(id, time.Duration(s.r.N(2000))*time.Microsecond)
		return
	}
	if s.r.N(3) == 0 {
		e.Close(p)
		x.closed = true
	} else {
		e.CloseWrite(p)
		x.shut = true
	}
}

func (s *talker) recv(e cells.Env, p cells.Port, b []byte) {
	x := s.end(p, "Recv")
	if x.received = append(x.received, b...); x.id < 0 {
		x.id = int(b[0])
	}
	if !x.dialled && !x.shut && (e.Queued(p)+len(b) <= s.bound || s.r.N(40) == 0) {
		s.send(e, p, x, b)
	}
}

func (s *talker) down(e cells.Env, p cells.Port, err error) {
	x := s.end(p, "Down")
	x.downs++
	if err != io.EOF {
		return
	}
	switch s.r.N(3) {
	case 0:
		e.Close(p)
		x.closed = true
	case 1:
		e.CloseWrite(p)
		x.shut = true
	}
}

// crash marks what a cell does not know any more.
func (s *talker) crash() {
	for _, x := range s.all {
		x.dead = true
	}
}

// TestStreamsOverSeeds: over a thousand worlds with links that re-cut, reset,
// refuse, are cut, held, broken and removed, what an end has received is a
// prefix of what the other was promised to send, and each end is told exactly
// once that it is over, unless it closed first.
func TestStreamsOverSeeds(t *testing.T) {
	var seen struct{ bytes, whole, downs, up int }
	reasons := map[string]int{}
	for seed := range uint64(1000) {
		sides, w := talk(t, seed)
		w.finish()
		for k, s := range sides {
			other := sides[1-k]
			for _, x := range s.all {
				if x.downs != 1 && !x.closed && !x.dead {
					t.Errorf("%s: an end of %s was told %d times that it is over", s.what, [2]string{"alice", "bob"}[k], x.downs)
				}
				seen.downs += x.downs
				seen.up += x.up
				seen.bytes += len(x.received)
				if y := other.find(x); y != nil {
					if !bytes.HasPrefix(y.accepted, x.received) {
						t.Errorf("%s: received are %d bytes that are no prefix of the %d accepted", s.what, len(x.received), len(y.accepted))
					}
					if len(x.received) == len(y.accepted) {
						seen.whole++
					}
				}
			}
		}
		for _, r := range w.of(des.OpDown) {
			if r.A != 0 {
				reasons[cells.DownOf(uint8(r.A)).Error()]++
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d is the first to fail; its link: %v", seed, w.net.Snapshot().Links)
		}
	}
	if seen.up < 3000 || seen.bytes < 500_000 || seen.whole < 1000 {
		t.Errorf("too little has happened: %+v", seen)
	}
	for _, err := range []error{
		io.EOF, cells.ErrRemoved, cells.ErrOverflow, cells.ErrUnreachable, cells.ErrRefused, cells.ErrReset, cells.ErrTimeout,
	} {
		if reasons[err.Error()] == 0 {
			t.Errorf("no end of any of the worlds was told %q: %v", err, reasons)
		}
	}
}

// find gives the other end of the connection of x.
func (s *talker) find(x *streamEnd) *streamEnd {
	for _, y := range s.all {
		if x.id >= 0 && y.id == x.id {
			return y
		}
	}
	return nil
}

// talk runs the world of a seed.
func talk(t *testing.T, seed uint64) ([2]*talker, *world) {
	r := des.SeedOf(seed).Rand("test", 0, "options")
	bound := 100 + int(r.N(2000))
	what := fmt.Sprintf("seed %d", seed)
	sides := [2]*talker{newTalker(t, what, bound), newTalker(t, what, bound)}
	ties := []des.Ties{des.TiesFIFO, des.TiesShuffled}[r.N(2)]
	w := newWorld(t, ways{seed: seed, ties: ties}, protocols{"alice": sides[0], "bob": sides[1]})
	recut := []string{"full", "full", "cut", "none"}[r.N(4)]
	both := fmt.Sprintf("delay=%dus bound=%dB segment=%dB recut=%s connect-timeout=50ms", r.N(3000), bound, 1+r.N(500), recut)
	for _, more := range []string{" rate=10Mbit", " reset=1%", " refuse=20%", " jitter=uniform(0s,2ms)", " connect-delay=1ms", " speed=1Mbit rate=1Mbit"} {
		if r.N(3) == 0 {
			both += more
		}
	}
	w.apply(addCell("alice"), addCell("bob"), addStream("ab", "alice", "bob", both))
	at := time.Duration(1+r.N(30)) * ms
	fault := [][]cells.Change{
		nil,
		{setLink("ab", "cut=lost")},
		{setLink("ab", "cut=hold")},
		{setLink("ab", "cut=drain")},
		{{Op: cells.SetLink, Link: cells.LinkSpec{Name: "ab", AB: params("cut=lost")}}},
		{setLink("ab", "break=now")},
		{setLink("ab", "bound=1MiB segment=7B")},
		{removeLink("ab")},
		{drainLink("ab")},
		{setCell("bob", cells.SetRun, "crash")},
		{setCell("alice", cells.SetRun, "pause")},
		{setCell("bob", cells.SetRun, "pause")},
	}[r.N(12)]
	w.at(at, func() {
		if fault != nil {
			w.apply(fault...)
		}
		if w.host.Run(w.cell("bob")) == cells.Crashed {
			sides[1].crash()
		}
	})
	w.at(at+time.Duration(r.N(30))*ms, func() { // what can be undone is
		for _, c := range []cells.Change{setLink("ab", "cut=no"), setCell("alice", cells.SetRun, "resume"), setCell("bob", cells.SetRun, "resume")} {
			if w.net.Apply(w.version+1, []cells.Change{c}) == nil {
				w.version++
			}
		}
	})
	w.at(time.Second, func() { // so that every end comes to an end
		if w.net.Apply(w.version+1, []cells.Change{removeLink("ab")}) == nil {
			w.version++
		}
	})
	return sides, w
}
