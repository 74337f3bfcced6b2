package des

import (
	"fmt"
	"testing"

	"example.com/dsim/clock"
)

// delays is a drawn table of a distribution's delays, long enough to be no
// pattern, short enough to stay in the cache: what a benchmark measures is the
// queue.
type delays [4096]int32

func (d *delays) at(i uint64) clock.Time { return clock.Time(d[i*0x9e3779b97f4a7c15>>52]) }

// holdDist is one of the loads of BenchmarkHold.
type holdDist struct {
	name  string
	delay func(g *splitmix) clock.Time
}

var holdDists = []holdDist{
	{"exp", func(g *splitmix) clock.Time { return expTable[g.next()>>54] + clock.Time(g.next()>>54) }},
	{"uniform", func(g *splitmix) clock.Time { return clock.Time(g.next() % 2_000_000) }},
	{"const", func(*splitmix) clock.Time { return milli }},
	{"bimodal", func(g *splitmix) clock.Time { // 90 % near 1 us, 10 % near 1 s
		if g.next()%10 == 0 {
			return whole + clock.Time(g.next()>>48)
		}
		return micro + clock.Time(g.next()>>54)
	}},
	{"pareto", func(g *splitmix) clock.Time { return clock.Time((1_000 << 20) / (1 + g.next()>>44)) }}, // P(>x) ~ 1/x
	{"instant", func(*splitmix) clock.Time { return 0 }},                                               // all at one, for ever
	{"ties", func(g *splitmix) clock.Time { return milli * clock.Time(1+g.next()%3) }},                 // all at few
}

// holder is what HOLD needs of a queue.
type holder interface {
	Push(Event)
	Pop() (Event, bool)
}

// hold is one operation: pop one, push one. It is generic so that no queue
// pays for an interface.
type hold[Q any] struct {
	q   *Q
	d   *delays
	seq uint64
}

func newHold[Q any, P interface {
	*Q
	holder
}](d holdDist, n int) *hold[Q] {
	h := &hold[Q]{q: new(Q), d: new(delays)}
	g := splitmix(1)
	for i := range h.d {
		h.d[i] = int32(d.delay(&g))
	}
	spread := clock.Time(n)
	for i := range n {
		h.seq++
		at := h.d.at(h.seq)
		if d.name == "const" { // as links do: never all at once
			at = at * clock.Time(i+1) / spread
		}
		P(h.q).Push(Event{Time: at, Seq: h.seq})
	}
	return h
}

func (h *hold[Q]) next(e Event) Event {
	h.seq++
	return Event{Time: e.Time + h.d.at(h.seq), Seq: h.seq, Arg: e.Arg}
}

// BenchmarkHold keeps n events pending: one operation pops one and pushes one,
// a delay after it. The baselines run in the same run, each after what it is
// the baseline of: a 4-ary heap of events, container/heap of closures, and for
// few events a goroutine each.
func BenchmarkHold(b *testing.B) {
	for _, d := range holdDists {
		for _, n := range []int{100, 10_000, 1_000_000} {
			name := fmt.Sprintf("dist=%s/n=%d", d.name, n)
			b.Run(name, func(b *testing.B) {
				b.ReportAllocs()
				h := newHold[Queue](d, n)
				for range 2 * n {
					e, _ := h.q.Pop()
					h.q.Push(h.next(e))
				}
				for b.Loop() {
					e, _ := h.q.Pop()
					h.q.Push(h.next(e))
				}
			})
			b.Run(name+"/baseline=heap4", func(b *testing.B) {
				b.ReportAllocs()
				h := newHold[heap4](d, n)
				for range 2 * n {
					e, _ := h.q.Pop()
					h.q.Push(h.next(e))
				}
				for b.Loop() {
					e, _ := h.q.Pop()
					h.q.Push(h.next(e))
				}
			})
			b.Run(name+"/baseline=closures", func(b *testing.B) {
				b.ReportAllocs()
				holdClosures(b, d, n)
			})
			if n <= 100 {
				b.Run(name+"/baseline=goroutines", func(b *testing.B) {
					b.ReportAllocs()
					holdGoroutines(b, d, n)
				})
			}
		}
	}
}

func drawn(d holdDist) func() clock.Time {
	table := new(delays)
	g := splitmix(1)
	for i := range table {
		table[i] = int32(d.delay(&g))
	}
	i := uint64(0)
	return func() clock.Time { i++; return table.at(i) }
}

func holdClosures(b *testing.B, d holdDist, n int) {
	var s closures
	delay := drawn(d)
	for i := range n {
		var fire func()
		fire = func() { s.after(delay(), fire) }
		s.after(delay()*clock.Time(i+1)/clock.Time(n), fire)
	}
	for b.Loop() {
		s.step()
	}
}

func holdGoroutines(b *testing.B, d holdDist, n int) {
	s := sleepers{yield: make(chan struct{}), done: make(chan struct{})}
	defer close(s.done)
	delay := drawn(d)
	for range n {
		s.spawn(delay)
	}
	for b.Loop() {
		s.step()
	}
}

// BenchmarkTimers cancels one of n timers, picked at random, and arms it again
// for 1 ms to 1 s from now: that is one operation. A driver fires every 10 us
// and makes ten; timers that come due fire in between and are armed again.
func BenchmarkTimers(b *testing.B) {
	const n = 100_000
	name := fmt.Sprintf("n=%d", n)
	b.Run(name, func(b *testing.B) { b.ReportAllocs(); timersBench[Queue](b, n) })
	b.Run(name+"/baseline=heap4", func(b *testing.B) { b.ReportAllocs(); timersBench[heap4](b, n) })
	b.Run(name+"/baseline=sorted", func(b *testing.B) { b.ReportAllocs(); timersBench[sorted](b, n) })
	b.Run(name+"/baseline=closures", func(b *testing.B) { b.ReportAllocs(); timersClosures(b, n) })
}

type timerQueue interface {
	holder
	NewTimer() TimerRef
	Arm(TimerRef, Event)
	Disarm(TimerRef) bool
}

func timersBench[Q any, P interface {
	*Q
	timerQueue
}](b *testing.B, n int) {
	q := P(new(Q))
	g := splitmix(2)
	now, seq := clock.Time(0), uint64(0)
	pick := func(x uint64, n int) uint64 { return x >> 32 * uint64(n) >> 32 } // without a division
	refs := make([]TimerRef, n)
	arm := func(i uint64) {
		seq++
		at := now + milli + clock.Time(pick(g.next(), int(whole-milli)))
		q.Arm(refs[i], Event{Time: at, Seq: seq, Ord: i})
	}
	for i := range refs {
		refs[i] = q.NewTimer()
		arm(uint64(i))
	}
	drive := func() {
		q.Push(Event{Time: now + 10*micro, Seq: ^uint64(0), Ord: ^uint64(0)})
	}
	drive()
	left := 0
	op := func() {
		for left == 0 {
			e, _ := q.Pop()
			now = e.Time
			if e.Ord == ^uint64(0) {
				left = 10
				drive()
				break
			}
			arm(e.Ord)
		}
		left--
		i := pick(g.next(), n)
		q.Disarm(refs[i])
		arm(i)
	}
	for range 20 * n { // two simulated seconds
		op()
	}
	for b.Loop() {
		op()
	}
}

func timersClosures(b *testing.B, n int) {
	var s closures
	g := splitmix(2)
	timers := make([]*closure, n)
	var arm func(i int)
	arm = func(i int) {
		timers[i] = s.after(milli+clock.Time(g.below(int(whole-milli))), func() { arm(i) })
	}
	for i := range timers {
		arm(i)
	}
	left := 0
	var drive func()
	drive = func() { left = 10; s.after(10*micro, drive) }
	drive()
	for b.Loop() {
		for left == 0 {
			s.step()
		}
		left--
		i := g.below(n)
		s.cancel(timers[i])
		arm(i)
	}
}

// Each of the following runs on the queue and, in the same run, on
// container/heap.
func eachQueue(b *testing.B, f func(b *testing.B, q anyQueue)) {
	b.Run("queue", func(b *testing.B) { b.ReportAllocs(); f(b, new(Queue)) })
	b.Run("baseline=sorted", func(b *testing.B) { b.ReportAllocs(); f(b, new(sorted)) })
}

// BenchmarkStep is Hold as the scheduler does it: with a look before each pop.
func BenchmarkStep(b *testing.B) {
	for _, n := range []int{100, 10_000, 1_000_000} {
		b.Run(fmt.Sprintf("exponential/n=%d", n), func(b *testing.B) {
			eachQueue(b, func(b *testing.B, q anyQueue) {
				seq := uint64(0)
				delay := func() clock.Time { return expTable[seq*0x9e3779b97f4a7c15>>54] }
				for range n {
					seq++
					q.Push(Event{Time: delay(), Seq: seq})
				}
				step := func() {
					q.Peek()
					e, _ := q.Pop()
					seq++
					q.Push(Event{Time: e.Time + delay(), Seq: seq})
				}
				for range 2 * n {
					step()
				}
				for b.Loop() {
					step()
				}
			})
		})
	}
}

// BenchmarkPingPong has one event pending.
func BenchmarkPingPong(b *testing.B) {
	eachQueue(b, func(b *testing.B, q anyQueue) {
		q.Push(Event{Time: milli})
		seq := uint64(0)
		for b.Loop() {
			e, _ := q.Pop()
			seq++
			q.Push(Event{Time: e.Time + milli, Seq: seq})
		}
	})
}

// BenchmarkMixed is traffic with a retransmission timer: pop, push for 1 ms
// later, and put the flow's timer off to 200 ms from now.
func BenchmarkMixed(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			eachQueue(b, func(b *testing.B, q anyQueue) {
				seq := uint64(0)
				refs := make([]TimerRef, n)
				for i := range refs {
					refs[i] = q.NewTimer()
					seq++
					q.Push(Event{Time: milli * clock.Time(i+1) / clock.Time(n), Seq: seq, Arg: uint64(i)})
				}
				op := func() {
					e, _ := q.Pop()
					seq++
					q.Push(Event{Time: e.Time + milli, Seq: seq, Arg: e.Arg})
					q.Arm(refs[e.Arg], Event{Time: e.Time + 200*milli, Seq: seq, Arg: e.Arg})
				}
				for range 2 * n {
					op()
				}
				for b.Loop() {
					op()
				}
			})
		})
	}
}
