package des

import (
	"testing"
	"unsafe"

	"example.com/dsim/clock"
)

const eventBytes = int(unsafe.Sizeof(Event{}))

// bytes is what the queue keeps, in use or not.
func (q *Queue) bytes() int {
	w, t := &q.events, &q.timers
	return cap(w.chunks)*int(unsafe.Sizeof(chunk{})) +
		(cap(w.late)+cap(w.sorted)+cap(w.crowd))*eventBytes + cap(w.counts)*4 +
		cap(t.where)*2 + cap(t.pos)*4 + cap(t.events)*eventBytes +
		cap(t.crowd)*4 + cap(t.chunks)*int(unsafe.Sizeof(bagChunk{}))
}

// The law: a queue keeps at most three times the bytes of the events it holds,
// whatever their delays.
func TestQueueMemory(t *testing.T) {
	for _, d := range holdDists {
		n := 200_000
		if *long || d.name == "exp" && !testing.Short() {
			n = 1_000_000
		}
		t.Run(d.name, func(t *testing.T) {
			h := newHold[Queue](d, n)
			wantBytes(t, h.q, n)
			for i := range 2 * n {
				e, _ := h.q.Pop()
				h.q.Push(h.next(e))
				if i%(n/4) == 0 {
					wantBytes(t, h.q, n)
				}
			}
			wantBytes(t, h.q, n)
		})
	}
	const n = 200_000
	t.Run("far", func(t *testing.T) {
		var q Queue
		g := splitmix(5)
		for i := range n {
			q.Push(Event{Time: clock.Time(g.next() >> 1), Seq: uint64(i)})
		}
		wantBytes(t, &q, n)
	})
	t.Run("timers", func(t *testing.T) {
		var q Queue
		g := splitmix(6)
		for i := range n {
			q.Arm(q.NewTimer(), Event{Time: milli + clock.Time(g.next()>>34), Seq: uint64(i)})
		}
		wantBytes(t, &q, n)
		now := clock.Time(0)
		for i := range 2 * n {
			if i%4 == 0 {
				e, _ := q.Pop()
				now = e.Time
			}
			r := TimerRef(1 + g.below(n))
			q.Disarm(r)
			q.Arm(r, Event{Time: now + milli + clock.Time(g.next()>>34), Seq: uint64(n + i)})
		}
		wantBytes(t, &q, q.Len())
	})
}

func wantBytes(t *testing.T, q *Queue, n int) {
	t.Helper()
	if got, most := q.bytes(), 3*n*eventBytes+1<<17; got > most {
		t.Fatalf("%d bytes are kept for %d events, more than %d", got, n, most)
	}
}

// The law: what is cancelled is never more than what is armed and a few, and
// is gone when nothing is armed.
func TestTimersCancelled(t *testing.T) {
	const n = 100_000
	var q Queue
	g := splitmix(8)
	refs := make([]TimerRef, n)
	for i := range refs {
		refs[i] = q.NewTimer()
		q.Arm(refs[i], Event{Time: 1 + clock.Time(g.next()>>20), Seq: uint64(i)})
	}
	for i, r := range refs {
		if !q.Disarm(r) || q.Disarm(r) {
			t.Fatalf("timer %d was armed, and is not when disarmed", r)
		}
		if i%100 != 0 {
			continue
		}
		held := 0
		for _, b := range q.timers.bags {
			held += int(b.n)
		}
		if armed := n - 1 - i; q.Len() != armed || held > 2*armed+offMin {
			t.Fatalf("%d entries are held with %d of %d timers armed", held, q.Len(), armed)
		}
	}
	for _, r := range refs {
		q.Disarm(r)
		q.FreeTimer(r)
	}
	if e, ok := q.Pop(); ok {
		t.Fatalf("%v is popped when everything is cancelled", e.Key())
	}
	if q.timers.off != 0 || q.timers.armed != 0 {
		t.Errorf("%d timers are marked and %d armed after all were freed", q.timers.off, q.timers.armed)
	}
	for _, r := range refs {
		if s := q.NewTimer(); s > TimerRef(n) {
			t.Fatalf("a freed timer is not given again: %d, after %d", s, r)
		}
	}
}

// The law: no distribution makes the wheel fall over: events of one distribution
// leave in order and none gathers where it costs a heap or a long way.
func TestWheelTraps(t *testing.T) {
	for _, d := range holdDists {
		for _, n := range []int{100, 10_000, 100_000} {
			h := newHold[Queue](d, n)
			last := clock.Time(0)
			seq := uint64(0)
			for range 4 * n {
				e, _ := h.q.Pop()
				if e.Time < last || e.Time == last && e.Seq < seq {
					t.Fatalf("%s: %v after %d", d.name, e.Key(), last)
				}
				last, seq = e.Time, e.Seq
				h.q.Push(h.next(e))
			}
			if c := len(h.q.events.crowd); c > 0 {
				t.Errorf("%s of %d: %d events are crowded", d.name, n, c)
			}
			if l := len(h.q.events.late) - h.q.events.taken; d.name != "instant" && l > wideMax {
				t.Errorf("%s of %d: %d events lie in late", d.name, n, l)
			}
		}
	}
}

// Runs in order are taken where they lie: a long one with no more time than it
// has, a short one with all the time of its spot. Either way others come
// between.
func TestWheelRuns(t *testing.T) {
	for _, n := range []int{100, wideMax / 2, wideMax + 1000} {
		p := &pair{t: t, g: 12}
		start := clock.Time(1 << 40)
		for i := range n {
			p.push(p.at(start + clock.Time(i)*1000))
		}
		p.wantPop()
		for i := range 2 * wideMax { // in order, after it
			p.push(p.at(start + clock.Time(n+i)*1000))
		}
		if l := len(p.q.events.late) - p.q.events.taken; l > wideMax {
			t.Errorf("run of %d: %d events lie in late", n, l)
		}
		for range 4 * n {
			p.push(p.at(p.now + clock.Time(p.g.next()>>30>>(p.g.next()&31))))
			p.wantPop()
		}
		p.wantSound()
		for p.wantPop() {
		}
		p.wantSound()
	}
}
