package des

import (
	"testing"

	"pgregory.net/rapid"

	"example.com/dsim/clock"
)

// The law: whatever is pushed, armed, disarmed and popped in whatever order,
// the queue says what a sorted one says.
func TestWheelLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q Queue
		var o sorted
		var now clock.Time
		seq := uint64(0)
		var refs []TimerRef
		at := func() Event {
			seq++
			bits := rapid.IntRange(0, 62).Draw(t, "bits")
			d := clock.Time(rapid.Uint64Range(0, 1<<bits).Draw(t, "delay"))
			k := Key{
				Time:   clock.Time(min(uint64(clock.Never), uint64(now)+uint64(d))),
				Rank:   rapid.Uint16Range(0, 3).Draw(t, "rank"),
				Entity: MakeEntity(Cell, rapid.Uint32Range(0, 3).Draw(t, "entity")),
				Seq:    seq,
			}
			return MakeEvent(k, seq)
		}
		timer := func() (TimerRef, bool) {
			if len(refs) == 0 {
				return 0, false
			}
			return rapid.SampledFrom(refs).Draw(t, "timer"), true
		}
		want := func(what string, a, b Event, aok, bok bool) {
			if aok != bok || aok && a != b {
				t.Fatalf("%s = %v %v, the oracle says %v %v", what, a.Key(), aok, b.Key(), bok)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"push": func(*rapid.T) { e := at(); q.Push(e); o.Push(e) },
			"many": func(t *rapid.T) {
				e := at()
				step := clock.Time(rapid.Uint64Range(0, 100).Draw(t, "step"))
				down := rapid.Bool().Draw(t, "down")
				n := rapid.IntRange(1, 200).Draw(t, "n")
				for i := range n {
					f := e
					k := i
					if down {
						k = n - i
					}
					f.Time = e.Time + min(clock.Never-e.Time, clock.Time(k)*step)
					seq++
					f.Seq = seq
					q.Push(f)
					o.Push(f)
				}
			},
			"new": func(t *rapid.T) {
				r, s := q.NewTimer(), o.NewTimer()
				if r != s {
					t.Fatalf("NewTimer() = %d, the oracle says %d", r, s)
				}
				refs = append(refs, r)
				e := at()
				q.Arm(r, e)
				o.Arm(r, e)
			},
			"arm": func(*rapid.T) {
				if r, ok := timer(); ok {
					e := at()
					q.Arm(r, e)
					o.Arm(r, e)
				}
			},
			"disarm": func(t *rapid.T) {
				if r, ok := timer(); ok {
					if a, b := q.Disarm(r), o.Disarm(r); a != b {
						t.Fatalf("Disarm(%d) = %v, the oracle says %v", r, a, b)
					}
				}
			},
			"pop": func(*rapid.T) {
				a, aok := q.Pop()
				b, bok := o.Pop()
				want("Pop()", a, b, aok, bok)
				if aok {
					now = a.Time
				}
			},
			"": func(t *rapid.T) {
				a, aok := q.Peek()
				b, bok := o.Peek()
				want("Peek()", a, b, aok, bok)
				for _, r := range refs {
					a, aok := q.Armed(r)
					b, bok := o.Armed(r)
					want("Armed()", a, b, aok, bok)
				}
				if q.Len() != o.Len() {
					t.Fatalf("Len() = %d, the oracle says %d", q.Len(), o.Len())
				}
			},
		})
	})
}
