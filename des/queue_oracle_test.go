package des

import (
	"container/heap"
)

// sorted is the queue one would write first: a heap of everything, with
// container/heap. It is the oracle of the tests and the baseline of the
// benchmarks.
type sorted struct {
	heap   []*sortedEntry
	timers []*sortedEntry
	free   []TimerRef
}

type sortedEntry struct {
	e     Event
	index int // in the heap, -1 outside
	timer bool
}

func (s *sorted) Len() int           { return len(s.heap) }
func (s *sorted) Less(i, j int) bool { return s.heap[i].e.Before(s.heap[j].e) }
func (s *sorted) Swap(i, j int) {
	s.heap[i], s.heap[j] = s.heap[j], s.heap[i]
	s.heap[i].index, s.heap[j].index = i, j
}

type sortedHeap struct{ *sorted }

func (s sortedHeap) Push(x any) {
	e := x.(*sortedEntry)
	e.index = len(s.heap)
	s.heap = append(s.heap, e)
}

func (s sortedHeap) Pop() any {
	n := len(s.heap) - 1
	e := s.heap[n]
	s.heap[n] = nil
	s.heap = s.heap[:n]
	e.index = -1
	return e
}

func (s *sorted) Push(e Event) { heap.Push(sortedHeap{s}, &sortedEntry{e: e}) }

func (s *sorted) Peek() (Event, bool) {
	if len(s.heap) == 0 {
		return Event{}, false
	}
	return s.heap[0].e, true
}

func (s *sorted) Pop() (Event, bool) {
	if len(s.heap) == 0 {
		return Event{}, false
	}
	return heap.Pop(sortedHeap{s}).(*sortedEntry).e, true
}

func (s *sorted) NewTimer() TimerRef {
	if n := len(s.free); n > 0 {
		r := s.free[n-1]
		s.free = s.free[:n-1]
		return r
	}
	s.timers = append(s.timers, &sortedEntry{index: -1, timer: true})
	return TimerRef(len(s.timers))
}

func (s *sorted) FreeTimer(r TimerRef) { s.free = append(s.free, r) }

func (s *sorted) Arm(r TimerRef, e Event) {
	t := s.timers[r-1]
	t.e = e
	if t.index >= 0 {
		heap.Fix(sortedHeap{s}, t.index)
		return
	}
	heap.Push(sortedHeap{s}, t)
}

func (s *sorted) Armed(r TimerRef) (Event, bool) {
	t := s.timers[r-1]
	return t.e, t.index >= 0
}

func (s *sorted) Disarm(r TimerRef) bool {
	t := s.timers[r-1]
	if t.index < 0 {
		return false
	}
	heap.Remove(sortedHeap{s}, t.index)
	return true
}

// anyQueue is what a Queue and its baseline have in common.
type anyQueue interface {
	Push(Event)
	Peek() (Event, bool)
	Pop() (Event, bool)
	Len() int
	NewTimer() TimerRef
	FreeTimer(TimerRef)
	Arm(TimerRef, Event)
	Armed(TimerRef) (Event, bool)
	Disarm(TimerRef) bool
}

var _, _ anyQueue = (*Queue)(nil), (*sorted)(nil)

// splitmix is a small generator for tests, so that they repeat.
type splitmix uint64

func (g *splitmix) next() uint64 {
	*g += 0x9e3779b97f4a7c15
	z := uint64(*g)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (g *splitmix) below(n int) int { return int(g.next() % uint64(n)) }
