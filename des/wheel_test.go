package des

import (
	"math/bits"
	"testing"

	"example.com/dsim/clock"
)

const (
	micro = clock.Time(1_000)
	milli = clock.Time(1_000_000)
	whole = clock.Time(1_000_000_000)
)

// expTable is an exponential distribution in 1024 steps, mean 1 ms, near
// enough: it is made without floats by halving.
var expTable = func() (t [1024]clock.Time) {
	for i := range t {
		// -ln(1-x) by the position of the leading bit of 1-x, linear between.
		left := uint64(len(t)-i)<<32 - 1<<31
		n := bits.Len64(left)
		frac := left<<(64-n)>>1 - 1<<62      // of 1..2, as 0..1<<62
		e := uint64(43-n)<<20 - frac>>42     // log2(len(t)<<32 / left), 20 bits behind the point
		t[i] = clock.Time(e * 693_147 >> 20) // ns
	}
	return t
}()

// distribution says how far ahead the next event lies.
type distribution struct {
	name  string
	delay func(g *splitmix, now clock.Time) clock.Time
	// cancel is how many of 16 timers are cancelled before their time.
	cancel int
}

var distributions = []distribution{
	{"exponential", func(g *splitmix, _ clock.Time) clock.Time { return expTable[g.below(len(expTable))] }, 4},
	{"uniform", func(g *splitmix, _ clock.Time) clock.Time { return clock.Time(g.below(2_000_000)) }, 4},
	{"constant", func(*splitmix, clock.Time) clock.Time { return milli }, 4},
	{"bimodal", func(g *splitmix, _ clock.Time) clock.Time {
		if g.below(10) == 0 {
			return whole
		}
		return micro
	}, 4},
	{"pareto", func(g *splitmix, _ clock.Time) clock.Time {
		return clock.Time((1_000 << 24) / (1 + g.next()>>40)) // 1 us to 16 s, P(>x) ~ 1/x
	}, 4},
	{"instant", func(_ *splitmix, now clock.Time) clock.Time { return max(0, 5*whole-now) }, 4},
	{"zero", func(*splitmix, clock.Time) clock.Time { return 0 }, 4},
	{"far", func(g *splitmix, now clock.Time) clock.Time {
		return clock.Time(g.next() >> 1 >> (g.next() & 63) % uint64(clock.Never-now))
	}, 4},
	{"cancelled", func(g *splitmix, _ clock.Time) clock.Time { return clock.Time(g.below(300_000_000)) }, 16},
	{"ties", func(g *splitmix, now clock.Time) clock.Time {
		return clock.Time(g.below(3))*milli - now%milli + milli
	}, 4},
}

// pair is a queue beside its oracle; it does everything to both.
type pair struct {
	t      testing.TB
	q      Queue
	o      sorted
	g      splitmix
	now    clock.Time
	seq    uint64
	timers []TimerRef
}

func (p *pair) at(t clock.Time) Event {
	p.seq++
	if t < p.now { // past the end of time
		t = clock.Never - 1
	}
	x := p.g.next()
	k := Key{t, uint16(x & 3), uint16(x >> 8), MakeEntity(Class(x>>24&3), uint32(x>>32&7)), p.seq ^ x>>40&7<<60}
	return MakeEvent(k, x)
}

func (p *pair) push(e Event) { p.q.Push(e); p.o.Push(e) }

func (p *pair) arm(r TimerRef, e Event) { p.q.Arm(r, e); p.o.Arm(r, e) }

func (p *pair) disarm(r TimerRef) {
	if a, b := p.q.Disarm(r), p.o.Disarm(r); a != b {
		p.t.Fatalf("Disarm(%d) = %v, the oracle says %v", r, a, b)
	}
}

func (p *pair) create() TimerRef {
	r := p.q.NewTimer()
	if o := p.o.NewTimer(); o != r {
		p.t.Fatalf("NewTimer() = %d, the oracle says %d", r, o)
	}
	return r
}

func (p *pair) wantPeek() {
	a, aok := p.q.Peek()
	b, bok := p.o.Peek()
	if a != b || aok != bok {
		p.t.Fatalf("Peek() = %v %v, the oracle says %v %v (now %d)", a.Key(), aok, b.Key(), bok, p.now)
	}
}

func (p *pair) wantPop() bool {
	a, aok := p.q.Pop()
	b, bok := p.o.Pop()
	if a != b || aok != bok {
		p.t.Fatalf("Pop() = %v %v, the oracle says %v %v (now %d)", a.Key(), aok, b.Key(), bok, p.now)
	}
	if aok {
		p.now = a.Time
	}
	return aok
}

func (p *pair) wantLen() {
	if a, b := p.q.Len(), p.o.Len(); a != b {
		p.t.Fatalf("Len() = %d, the oracle says %d", a, b)
	}
}

func (p *pair) wantArmed(r TimerRef) {
	a, aok := p.q.Armed(r)
	b, bok := p.o.Armed(r)
	if aok != bok || aok && a != b {
		p.t.Fatalf("Armed(%d) = %v %v, the oracle says %v %v", r, a.Key(), aok, b.Key(), bok)
	}
}

// wantSound checks what the queue promises itself.
func (p *pair) wantSound() {
	w := &p.q.events
	n := len(w.near) - w.head + int(w.left) + len(w.late) - w.taken + len(w.crowd)
	used, free := 0, 0
	if w.in != 0 {
		used += 1 + (int(w.left)+chunkLen-1)/chunkLen
	}
	for s := range w.spots {
		b := &w.spots[s]
		if in := w.inUse.slots[s>>levelBits]>>(s&63)&1 == 1; in != (b.n > 0) {
			p.t.Fatalf("spot %d holds %d events, marked in use: %v", s, b.n, in)
		}
		n += int(b.n)
		used += (int(b.n) + chunkLen - 1) / chunkLen
	}
	for c := w.free; c != 0; c = w.chunks[c-1].next {
		free++
	}
	if n != w.n {
		p.t.Fatalf("%d events are held, %d counted", n, w.n)
	}
	if used+free != len(w.chunks) {
		p.t.Fatalf("%d chunks: %d in use and %d free", len(w.chunks), used, free)
	}
	t := &p.q.timers
	held, cancelled := len(t.crowd), 0
	for s, b := range t.bags {
		pos := b.end
		for range b.n {
			r := t.chunks[pos>>bagBits][pos&bagMask]
			if w := t.where[r]; int(w&^off) != s || t.pos[r] != pos {
				p.t.Fatalf("timer %d lies at %d in spot %d and is said to at %d in %d", r, pos, s, t.pos[r], w)
			} else if w >= off {
				cancelled++
				held--
			} else if t.events[r].Time < t.soon {
				p.t.Fatalf("timer %d is due at %d, before %d", r, t.events[r].Time, t.soon)
			}
			held++
			if pos--; pos&bagMask == bagMask {
				pos = uint32(t.chunks[(pos+1)>>bagBits][bagPrev])<<bagBits | bagLast
			}
		}
		if in := t.inUse.slots[s>>levelBits]>>(s&63)&1 == 1; in != (b.n > 0) {
			p.t.Fatalf("spot %d holds %d timers, marked in use: %v", s, b.n, in)
		}
	}
	if cancelled != t.off || t.off > t.armed+offMin {
		p.t.Fatalf("%d cancelled timers are held, %d counted, with %d armed", cancelled, t.off, t.armed)
	}
	if held != t.armed {
		p.t.Fatalf("%d timers are held, %d armed", held, t.armed)
	}
}

// run does n random operations with delays of d.
func (p *pair) run(d distribution, n int) {
	populations := []int{1, 3, 20, 100, 1000, 10000}
	target := 100
	g := &p.g
	for i := range n {
		if i%997 == 0 {
			target = populations[g.below(len(populations))]
			p.wantLen()
		}
		if i%9973 == 0 {
			p.wantSound()
		}
		x := g.next()
		switch op := x & 15; {
		case op < 2 && len(p.timers) > 0:
			r := p.timers[g.below(len(p.timers))]
			if int(x>>8&15) < d.cancel {
				p.disarm(r)
			} else {
				p.wantArmed(r)
			}
		case op < 4 && len(p.timers) > 0: // again, for any time
			p.arm(p.timers[g.below(len(p.timers))], p.at(p.now+d.delay(g, p.now)))
		case op == 4 && len(p.timers) > 0: // for later
			r := p.timers[g.below(len(p.timers))]
			if e, ok := p.o.Armed(r); ok {
				p.arm(r, p.at(e.Time+d.delay(g, p.now)/8))
			}
		case op == 5: // before what was just looked at
			p.wantPeek()
			if e, ok := p.o.Peek(); ok && e.Time > p.now {
				t := p.now + clock.Time(g.next()%uint64(e.Time-p.now))
				if x>>8&1 == 0 || len(p.timers) == 0 {
					p.push(p.at(t))
				} else {
					p.arm(p.timers[g.below(len(p.timers))], p.at(t))
				}
			}
		case op == 6:
			p.wantPeek()
		case op == 7 && len(p.timers) < target:
			r := p.create()
			p.timers = append(p.timers, r)
			p.arm(r, p.at(p.now+d.delay(g, p.now)))
		case op == 7:
			k := g.below(len(p.timers))
			r := p.timers[k]
			p.disarm(r)
			p.q.FreeTimer(r)
			p.o.FreeTimer(r)
			p.timers[k] = p.timers[len(p.timers)-1]
			p.timers = p.timers[:len(p.timers)-1]
		case p.o.Len() < target:
			p.push(p.at(p.now + d.delay(g, p.now)))
		default:
			p.wantPop()
			if p.o.Len() < 2*target {
				p.push(p.at(p.now + d.delay(g, p.now)))
			}
		}
		if d.cancel == 16 && i%50_000 == 49_999 {
			for _, r := range p.timers {
				p.disarm(r)
			}
		}
	}
	for p.wantPop() {
	}
	p.wantLen()
	p.wantSound()
	if c := p.q.events.chunks; len(c) > 2*20_000/chunkLen+spots {
		p.t.Errorf("%d chunks for at most 20000 events", len(c))
	}
}

func TestWheelAgainstSorted(t *testing.T) {
	n := 1_000_000
	switch {
	case testing.Short():
		n = 100_000
	case *long:
		n = 10_000_000
	}
	for i, d := range distributions {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			p := &pair{t: t, g: splitmix(i + 1)}
			p.run(d, n)
		})
	}
}

func TestWheelOneInstant(t *testing.T) {
	// A crowd at one instant, each of which adds one to the same instant: the
	// worst case of every sorted array.
	n := 20_000
	p := &pair{t: t, g: 7}
	for i := range n {
		if i%2 == 0 {
			p.push(p.at(3 * whole))
		} else {
			p.arm(p.create(), p.at(3*whole))
		}
	}
	for i := range n {
		p.wantPop()
		if i%2 == 0 {
			p.push(p.at(p.now))
		} else {
			p.arm(TimerRef(1+p.g.below(n/2)), p.at(p.now))
		}
	}
	for p.wantPop() {
	}
	p.wantSound()
}

func TestWheelAtTheEndOfTime(t *testing.T) {
	p := &pair{t: t, g: 9}
	for _, at := range []clock.Time{clock.Never, 0, clock.Never - 1, 1, 1 << 62, 1<<62 - 1, 1<<60 - 1, 1 << 60, clock.Never - 1} {
		p.push(p.at(at))
		p.arm(p.create(), p.at(at))
	}
	for p.wantPop() {
		p.wantPeek()
	}
	if p.now != clock.Never {
		t.Errorf("the last event was at %v", p.now)
	}
}

func TestWheelSpots(t *testing.T) {
	g := splitmix(4)
	for range 100_000 {
		base := g.next() >> 1 >> (g.next() & 63)
		at := base + g.next()>>1>>(g.next()&63)
		if at > uint64(clock.Never) {
			continue
		}
		s := spotOf(base, at)
		if first, last := s.span(base); at < first || at > last || last > uint64(clock.Never) {
			t.Fatalf("%d from base %d has spot %d, which is %d to %d", at, base, s, first, last)
		}
	}
}

func TestTimerMisused(t *testing.T) {
	var q Queue
	r := q.NewTimer()
	q.Arm(r, Event{Time: 1})
	wantPanic(t, "freed while armed", func() { q.FreeTimer(r) })
	q.Disarm(r)
	q.FreeTimer(r)
	wantPanic(t, "freed twice", func() { q.FreeTimer(r) })
	wantPanic(t, "armed when free", func() { q.Arm(r, Event{Time: 1}) })
}

// The law: work that has been steady for a while allocates nothing.
func TestQueueAllocates(t *testing.T) {
	for _, d := range distributions {
		if d.name == "instant" || d.name == "far" { // these end
			continue
		}
		var q Queue
		g := splitmix(11)
		now := clock.Time(0)
		seq := uint64(0)
		const n = 1000
		refs := make([]TimerRef, n)
		at := func() Event {
			seq++
			return Event{Time: now + d.delay(&g, now), Seq: seq}
		}
		for i := range refs {
			refs[i] = q.NewTimer()
			q.Push(at())
		}
		steps := func() {
			for range 10_000 {
				switch x := g.next(); x & 3 {
				case 0:
					q.Arm(refs[g.below(n)], at())
				case 1:
					q.Disarm(refs[g.below(n)])
				default:
					q.Peek()
					e, _ := q.Pop()
					now = e.Time
					if q.Len() < n {
						q.Push(at())
						q.Push(at())
					}
				}
			}
		}
		for range 20 {
			steps()
		}
		if a := testing.AllocsPerRun(5, steps); a != 0 {
			t.Errorf("%s: %v allocations in 10000 steps", d.name, a)
		}
	}
}

// What is a matter of cost only: random arrivals are spilled and never crowd a
// heap, and no long list is searched.
func TestWheelShape(t *testing.T) {
	var q Queue
	g := splitmix(3)
	now := clock.Time(0)
	for i := range uint64(50_000) {
		if i%2 == 0 {
			q.Arm(q.NewTimer(), Event{Time: clock.Time(g.next() >> 24), Seq: i})
		} else {
			q.Push(Event{Time: clock.Time(g.next() >> 24), Seq: i})
		}
	}
	for i := range uint64(200_000) {
		if n := len(q.events.crowd) + len(q.timers.crowd); n > 0 {
			t.Fatalf("%d events of different times are crowded", n)
		}
		e, _ := q.Pop()
		if e.Time < now {
			t.Fatalf("%d after %d", e.Time, now)
		}
		now = e.Time
		q.Push(Event{Time: now + clock.Time(g.next()>>24>>(g.next()&31)), Seq: 100_000 + i})
		if r := q.timers.least; r != 0 && q.timers.where[r] < inCrowd {
			if n := q.timers.bags[q.timers.where[r]].n; n > searchMax {
				t.Fatalf("the least of %d timers was searched", n)
			}
		}
	}

	q = Queue{}
	for i := range uint64(1000) { // a run is taken where it lies, and spilled when others come between
		q.Push(Event{Time: 1<<40 + clock.Time(i), Seq: i})
	}
	q.Push(Event{Time: 1<<40 + 1<<20, Seq: 1000})
	q.Pop()
	for i := range uint64(10_000) {
		q.Push(Event{Time: 1<<40 + 1 + clock.Time(g.next()>>44), Seq: 10_000 + i})
	}
	if n := len(q.events.crowd); n > 0 {
		t.Errorf("%d events of different times are crowded", n)
	}
}
