package des

import (
	"container/heap"

	"example.com/dsim/clock"
)

// heap4 is a 4-ary heap of events by value: the best of the simple queues, and
// the one no distribution may make the wheel slower than. A cancelled timer
// leaves its event behind, which is thrown away when it surfaces: gen is the
// Seq of the event that counts.
type heap4 struct {
	h   []Event
	gen []uint64 // by TimerRef
}

const timerArg = 1 << 63 // marks the event of a timer; the rest is its ref

func (q *heap4) Push(e Event) {
	h := append(q.h, e)
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !e.Before(h[up]) {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = e
	q.h = h
}

func (q *heap4) Pop() (Event, bool) {
	for len(q.h) > 0 {
		e := q.take()
		if e.Arg&timerArg == 0 {
			return e, true
		}
		if r := e.Arg &^ timerArg; q.gen[r] == e.Seq {
			q.gen[r] = 0
			return e, true
		}
	}
	return Event{}, false
}

func (q *heap4) take() Event {
	h := q.h
	least := h[0]
	n := len(h) - 1
	e := h[n]
	h = h[:n]
	q.h = h
	i := 0
	for {
		k := 4*i + 1
		if k >= n {
			break
		}
		m := k
		for j := k + 1; j < min(k+4, n); j++ {
			if h[j].Before(h[m]) {
				m = j
			}
		}
		if !h[m].Before(e) {
			break
		}
		h[i] = h[m]
		i = m
	}
	if n > 0 {
		h[i] = e
	}
	return least
}

func (q *heap4) NewTimer() TimerRef {
	q.gen = append(q.gen, 0)
	return TimerRef(len(q.gen) - 1)
}

func (q *heap4) Disarm(r TimerRef) bool {
	was := q.gen[r] != 0
	q.gen[r] = 0
	return was
}

func (q *heap4) Arm(r TimerRef, e Event) {
	q.gen[r] = e.Seq
	e.Arg = timerArg | uint64(r)
	q.Push(e)
}

// closures is the simulator one would write first: container/heap of boxed
// closures, which are called.
type closures struct {
	now  clock.Time
	seq  uint64
	heap closureHeap
}

type closure struct {
	at    clock.Time
	seq   uint64
	index int
	f     func()
}

type closureHeap []*closure

func (h closureHeap) Len() int { return len(h) }
func (h closureHeap) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].seq < h[j].seq
}

func (h closureHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *closureHeap) Push(x any) {
	c := x.(*closure)
	c.index = len(*h)
	*h = append(*h, c)
}

func (h *closureHeap) Pop() any {
	n := len(*h) - 1
	c := (*h)[n]
	(*h)[n] = nil
	*h = (*h)[:n]
	c.index = -1
	return c
}

func (s *closures) after(d clock.Time, f func()) *closure {
	s.seq++
	c := &closure{at: s.now + d, seq: s.seq, f: f}
	heap.Push(&s.heap, c)
	return c
}

func (s *closures) cancel(c *closure) {
	if c.index >= 0 {
		heap.Remove(&s.heap, c.index)
	}
}

func (s *closures) step() {
	c := heap.Pop(&s.heap).(*closure)
	s.now = c.at
	c.f()
}

// sleepers is the simulator of one goroutine a process: each sleeps on a
// channel of its own, and the one whose time has come is handed the run.
type sleepers struct {
	closures
	yield chan struct{}
	done  chan struct{}
}

// spawn starts a process that sleeps for delay again and again.
func (s *sleepers) spawn(delay func() clock.Time) {
	wake := make(chan struct{})
	resume := func() {
		wake <- struct{}{}
		<-s.yield
	}
	s.after(delay(), resume)
	go func() {
		for {
			select {
			case <-wake:
			case <-s.done:
				return
			}
			s.after(delay(), resume)
			s.yield <- struct{}{}
		}
	}()
}
