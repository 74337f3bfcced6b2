package des

import (
	"fmt"
	"testing"

	"example.com/dsim/clock"
)

// Each benchmark runs on the queue and, in the same run, on container/heap.
func eachQueue(b *testing.B, f func(b *testing.B, q anyQueue)) {
	b.Run("wheel", func(b *testing.B) { b.ReportAllocs(); f(b, new(Queue)) })
	b.Run("heap", func(b *testing.B) { b.ReportAllocs(); f(b, new(sorted)) })
}

// BenchmarkHold keeps n events pending: one operation pops one and pushes one.
func BenchmarkHold(b *testing.B) {
	for _, d := range []distribution{
		distributions[0],
		distributions[2],
		{name: "bimodal", delay: func(g *splitmix, _ clock.Time) clock.Time {
			if x := g.next(); x>>32%10 == 0 {
				return whole
			} else {
				return micro + clock.Time(x&0xffff)
			}
		}},
		distributions[4],
	} {
		for _, n := range []int{100, 10_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/n=%d", d.name, n), func(b *testing.B) {
				eachQueue(b, func(b *testing.B, q anyQueue) {
					g := splitmix(1)
					delays := make([]clock.Time, 1<<14)
					for i := range delays {
						delays[i] = d.delay(&g, 0)
					}
					seq := uint64(0)
					for i := range n {
						seq++
						q.Push(Event{Time: delays[i&(1<<14-1)] * clock.Time(i+1) / clock.Time(n), Seq: seq})
					}
					hold := func() {
						e, _ := q.Pop()
						seq++
						q.Push(Event{Time: e.Time + delays[seq&(1<<14-1)], Seq: seq})
					}
					for range 2 * n {
						hold()
					}
					for b.Loop() {
						hold()
					}
				})
			})
		}
	}
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

// BenchmarkTimers cancels one of 100,000 timers, picked at random, and arms it
// again for 1 ms to 1 s from now; time goes on by 1 us each time, and what is
// due by then fires and is armed again.
func BenchmarkTimers(b *testing.B) {
	eachQueue(b, func(b *testing.B, q anyQueue) {
		g := splitmix(2)
		now := clock.Time(0)
		seq := uint64(0)
		refs := make([]TimerRef, 100_000)
		arm := func(i int) {
			seq++
			at := now + milli + clock.Time(g.next()%uint64(whole-milli))
			q.Arm(refs[i], Event{Time: at, Seq: seq, Arg: uint64(i)})
		}
		for i := range refs {
			refs[i] = q.NewTimer()
			arm(i)
		}
		op := func() {
			i := g.below(len(refs))
			q.Disarm(refs[i])
			arm(i)
			now += micro
			for {
				e, ok := q.Peek()
				if !ok || e.Time > now {
					break
				}
				q.Pop()
				arm(int(e.Arg))
			}
		}
		for range 2 * len(refs) {
			op()
		}
		for b.Loop() {
			op()
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
