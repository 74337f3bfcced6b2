package links_test

import (
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/cells/celltest"
	"example.com/dsim/des"
)

var kindNoise = cells.NewKind("links-test-noise", "a", "b")

// TestLaw1_TheSameSeedGivesTheSameRun runs a busy world twice, with ties in
// both orders, with and without a trace.
func TestLaw1_TheSameSeedGivesTheSameRun(t *testing.T) {
	digests := map[des.Digest]bool{}
	for _, ties := range []des.Ties{des.TiesFIFO, des.TiesShuffled} {
		for seed := range uint64(5) {
			first := busy(t, ways{seed: seed, ties: ties})
			second := busy(t, ways{seed: seed, ties: ties})
			quiet := busy(t, ways{seed: seed, ties: ties, quiet: true})
			for _, w := range []*world{first, second, quiet} {
				w.run(200 * ms)
			}
			if len(first.events) != len(second.events) || len(first.events) < 1000 {
				t.Fatalf("%d records, then %d", len(first.events), len(second.events))
			}
			for i := range first.events {
				if a, b := first.events[i], second.events[i]; a.Key != b.Key || a.Op != b.Op || a.data != b.data || a.Text != b.Text {
					t.Fatalf("record %d is %+v, then %+v", i, a, b)
				}
			}
			if d := first.host.Digest(); d != second.host.Digest() || d != quiet.host.Digest() {
				t.Errorf("seed %d: digests %x, %x, without a trace %x", seed, d, second.host.Digest(), quiet.host.Digest())
			}
			digests[first.host.Digest()] = true
		}
	}
	if len(digests) < 5 {
		t.Errorf("five seeds give %d digests", len(digests))
	}
}

// TestLaw4_NobodyElseMoves adds things to a busy world that must leave the
// folds of all other cells as they were, however ties are broken.
func TestLaw4_NobodyElseMoves(t *testing.T) {
	noise := func(p *celltest.Script) *celltest.Script {
		start, timer := p.OnStart, p.OnTimer
		p.OnStart = func(e cells.Env) { start(e); e.Rand("more").Uint64() }
		p.OnTimer = func(e cells.Env, id cells.TimerID) {
			e.Emit(kindNoise, 1, 2)
			e.EmitText(kindNoise, "a line of log")
			timer(e, id)
		}
		return p
	}
	additions := []struct {
		name  string
		carol func() *celltest.Script
		early []cells.Change // before everybody else, so that numbers move
		late  []cells.Change
		at    []cells.Change // at 50 ms
		moves []cells.ID
	}{
		{name: "an idle cell", late: []cells.Change{addCell("zoe")}},
		{name: "an idle cell before all", early: []cells.Change{addCell("aaron")}},
		{name: "a busy pair", early: []cells.Change{addCell("x"), addCell("y"), addLink("xy", "x:p0", "y:p0", "delay=1ms loss=50% jitter=uniform(0s,1ms)")}},
		{name: "streams of strangers", late: []cells.Change{addCell("x"), addCell("y"), addStream("xy", "x", "y", "")}},
		{name: "a cell that is added later", at: []cells.Change{addCell("x"), addCell("y"), addLink("xy", "x:p0", "y:p0", "delay=1ms")}},
		{name: "lines of log", carol: func() *celltest.Script { return noise(chatter()) }, moves: []cells.ID{"carol"}},
		{
			name:  "a fault on another link",
			early: []cells.Change{addCell("x"), addCell("y"), addLink("xy", "x:p0", "y:p0", "delay=1ms")},
			at:    []cells.Change{setLink("xy", "cut=lost loss=10%"), setCell("x", cells.SetRun, "crash")},
		},
	}
	for _, ties := range []des.Ties{des.TiesFIFO, des.TiesShuffled} {
		for _, a := range additions {
			run := func(with bool) *world {
				carol := chatter()
				if with && a.carol != nil {
					carol = a.carol()
				}
				w := newWorld(t, ways{seed: 7, ties: ties, quiet: true}, protocols{
					"alice": chatter(), "bob": chatter(), "carol": carol, "x": chatter(), "y": chatter(),
				})
				chain := []cells.Change{
					addCell("alice"), addCell("bob"), addCell("carol"),
					addLink("ab", "alice:p0", "bob:p0", "delay=1ms loss=10% dup=10% jitter=uniform(0s,1ms)"),
					addLink("bc", "bob:p1", "carol:p1", "delay=2ms rate=1Mbit ber=1e-4"),
				}
				if a.moves != nil { // carol's frames carry her changes on
					chain = chain[:4]
				}
				if with {
					chain = append(append(append([]cells.Change{}, a.early...), chain...), a.late...)
				}
				w.apply(chain...)
				if with && a.at != nil {
					w.at(50*ms, func() { w.apply(a.at...) })
				}
				w.run(150 * ms)
				return w
			}
			plain, added := run(false), run(true)
			for _, id := range []cells.ID{"alice", "bob", "carol"} {
				moved := plain.host.Fold(plain.cell(id)) != added.host.Fold(added.cell(id))
				wanted := len(a.moves) > 0 && a.moves[0] == id
				if moved != wanted {
					t.Errorf("%s, ties %d: the fold of %s moves: %t", a.name, ties, id, moved)
				}
			}
		}
	}
}

// TestVerdictsAreInTheFold: what a link did to a frame is in the fold of who
// sent it, even where it does not show at the frame's edges.
func TestVerdictsAreInTheFold(t *testing.T) {
	folds := map[des.Fold]string{}
	for _, both := range []string{
		"", "loss=100%", "corrupt=100%", "corrupt=100% corrupt.bits=1", "dup=100%", "dup=100% dup.copies=2", "mtu=5B",
		"reorder=100%", "reorder=100% reorder.delay=2ms",
	} {
		w := newWorld(t, ways{quiet: true}, nil)
		w.apply(addCell("alice"), addCell("bob"), addLink("ab", "alice:p0", "bob:p0", "delay=1ms "+both))
		w.run(0)
		w.send("alice", 0, string(make([]byte, 100)))
		f := w.host.Fold(w.cell("alice"))
		if other, ok := folds[f]; ok {
			t.Errorf("%q and %q leave the same fold", both, other)
		}
		folds[f] = both
	}
}

// TestFramesAllComeBack: whatever becomes of frames, none stays in use once all
// is drained, and every one is accounted for.
func TestFramesAllComeBack(t *testing.T) {
	for seed := range uint64(10) {
		w := busy(t, ways{seed: seed, quiet: true})
		w.at(20*ms, func() { w.apply(setLink("ab", "cut=hold hold=5"), setCell("carol", cells.SetRun, "pause")) })
		w.at(40*ms, func() {
			w.apply(setLink("ab", "cut=no"), setLink("bc", "cut=lost"), setCell("carol", cells.SetRun, "crash"))
		})
		w.at(50*ms, func() {
			w.apply(drainLink("ca"), setCell("carol", cells.SetRun, "restart"), setLink("bc", "cut=no mtu=30B fcs=true"))
		})
		w.at(70*ms, func() {
			w.apply(setCell("alice", cells.SetRun, "crash"), setCell("bob", cells.SetRun, "crash"), setCell("carol", cells.SetRun, "crash"))
		})
		w.finish()
		c := w.net.Totals()
		if c.Sent < 300 || c.Sent+c.Duplicated != c.Delivered+c.Dropped {
			t.Errorf("seed %d: sent %d + copies %d, delivered %d + dropped %d", seed, c.Sent, c.Duplicated, c.Delivered, c.Dropped)
		}
		var by uint64
		for _, n := range c.Reasons {
			by += n
		}
		if by != c.Dropped {
			t.Errorf("seed %d: %d frames dropped, %d of them for a reason", seed, c.Dropped, by)
		}
	}
}

// pingPong is two cells over a link: 1,000 bytes there, 20 back.
func pingPong(t testing.TB, sink des.Sink) *des.Scheduler {
	s := des.NewScheduler(des.Config{})
	h := cells.NewHost(s, cells.Options{Sink: sink})
	// Bytes of a protocol's own, sent again and again, are copied by Send.
	long, short := make([]byte, 1000), make([]byte, 20)
	n := newNetwork(h, protocols{
		"alice": &celltest.Script{
			OnUp:   func(e cells.Env, p cells.Port) { e.Send(p, long) },
			OnRecv: func(e cells.Env, p cells.Port, _ []byte) { e.Arm(1, 50*ms); e.Send(p, long) },
		},
		"bob": &celltest.Script{OnRecv: func(e cells.Env, p cells.Port, _ []byte) { e.Send(p, append(e.Buf(), short...)) }},
	})
	err := n.Apply(1, []cells.Change{addCell("alice"), addCell("bob"), addLink("ab", "alice:p0", "bob:p0", "delay=10us rate=10Gbit")})
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		s.Step(1 << 60)
	}
	return s
}

func TestNoAllocationPerEvent(t *testing.T) {
	s := pingPong(t, nil)
	const hops = 1000
	if n := testing.AllocsPerRun(20, func() {
		for range hops {
			s.Step(1 << 60)
		}
	}); n > 0 {
		t.Errorf("%d hops of a ping-pong allocate %v times", hops, n)
	}
}

// discard takes records and forgets them.
type discard struct{ n int }

func (d *discard) Record(*des.Record) { d.n++ }

func BenchmarkHop(b *testing.B) {
	for _, c := range []struct {
		name string
		sink des.Sink
	}{{"digest", nil}, {"records", &discard{}}} {
		b.Run(c.name+"/1000B,20B", func(b *testing.B) {
			s := pingPong(b, c.sink)
			b.ReportAllocs()
			for b.Loop() {
				s.Step(1 << 60)
			}
		})
	}
	b.Run("loss,ber/1000B,20B", func(b *testing.B) {
		w := newWorld(b, ways{quiet: true}, protocols{"alice": sender(), "bob": &celltest.Script{}})
		w.apply(addCell("alice"), addCell("bob"), addLink("ab", "alice:p0", "bob:p0", "delay=10us loss=1% ber=1e-7"))
		b.ReportAllocs()
		for b.Loop() {
			w.sched.Step(1 << 60)
		}
	})
}

// sender sends a frame every 10 µs.
func sender() *celltest.Script {
	data := make([]byte, 1000)
	s := &celltest.Script{OnStart: func(e cells.Env) { e.Arm(1, 0) }}
	s.OnTimer = func(e cells.Env, _ cells.TimerID) {
		e.Send(0, data)
		e.Arm(1, 10*time.Microsecond)
	}
	return s
}
