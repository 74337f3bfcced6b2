package des

import (
	"math/bits"
	"slices"

	"example.com/dsim/clock"
)

// wheel holds the events that are not cancelled.
//
// A spot's events lie in a chain of chunks, in the order in which they came:
// both adding and taking walk through memory in order. When all that is before
// it is gone, the earliest spot is drained: into near if it is short or came
// in order, else over the levels below it. Near is a sorted array; what is
// added before its end goes into it by insertion. If that becomes too long a
// way, near is spilled back to the levels below the one it was drained from,
// so one event is spilled at most once a level.
//
// All events of one instant have one spot and cannot be spread further: those
// that come too far from the end of near go to crowd, a heap.
type wheel struct {
	n     int     // events in near, crowd and spots
	near  []Event // sorted from head on; all not after last
	head  int
	crowd crowd
	last  clock.Time // what is later lies in a spot
	level uint       // of the spot near was drained from; spots below it are empty

	base  uint64 // not after the last event taken
	inUse spotSet
	spots [spots]bucket

	chunks []chunk
	free   uint32 // the first of the chunks not in use, 1 up; 0 is none

	top    Event // with topped, the least of the events in spots
	topped bool
}

// bucket is the chain of chunks of a spot.
type bucket struct {
	first, final uint32 // chunks, 1 up
	n            uint32
	fill         uint16 // events in the final chunk
	jumbled      uint16 // 1 if some event came before one that was there
}

const chunkLen = 15

// chunk is 512 bytes, so that no event lies across two cache lines.
type chunk struct {
	e    [chunkLen]Event
	next uint32
	_    [28]byte
}

const (
	takeMax  = 24   // a spot with as many is sorted, not spread
	runMax   = 1024 // a sorted spot with as many is taken as it is
	shiftMax = 48   // an insertion into near moves as many at most
)

// add puts e where it belongs. In the zero wheel that is near for what is at 0,
// a spot for all else.
func (w *wheel) add(e Event) {
	if e.Time > w.last {
		w.place(e)
		return
	}
	w.insert(e)
}

// place puts e, which is later than last, into its spot.
func (w *wheel) place(e Event) {
	s := spotOf(w.base, uint64(e.Time))
	b := &w.spots[s]
	switch {
	case b.n == 0:
		c := w.newChunk()
		*b = bucket{first: c, final: c}
		w.inUse.put(s)
	default:
		// Random arrivals make a branch here a coin flip; a borrow is not one.
		l := &w.chunks[b.final-1].e[b.fill-1]
		_, c := bits.Sub64(e.Seq, l.Seq, 0)
		_, c = bits.Sub64(e.Ord, l.Ord, c)
		_, c = bits.Sub64(uint64(e.Time), uint64(l.Time), c)
		b.jumbled |= uint16(c)
		if b.fill == chunkLen {
			c := w.newChunk()
			w.chunks[b.final-1].next = c
			b.final, b.fill = c, 0
		}
	}
	w.chunks[b.final-1].e[b.fill] = e
	b.fill++
	b.n++
	if w.topped && e.Before(w.top) {
		w.top = e
	}
}

func (w *wheel) newChunk() uint32 {
	if c := w.free; c != 0 {
		w.free = w.chunks[c-1].next
		return c
	}
	w.chunks = append(w.chunks, chunk{})
	return uint32(len(w.chunks))
}

// release gives chunk c back and returns the one after it in its chain.
func (w *wheel) release(c uint32) uint32 {
	next := w.chunks[c-1].next
	w.chunks[c-1].next = w.free
	w.free = c
	return next
}

// peek is the least event, nil if there is none. It changes nothing in the
// order of things: base stays behind whatever may still be added.
func (w *wheel) peek() *Event {
	switch {
	case w.head < len(w.near):
		e := &w.near[w.head]
		if len(w.crowd) > 0 && w.crowd[0].Before(*e) {
			e = &w.crowd[0]
		}
		return e
	case len(w.crowd) > 0:
		return &w.crowd[0]
	case w.n == 0:
		return nil
	case !w.topped:
		w.top, w.topped = w.leastOf(&w.spots[w.inUse.least()]), true
	}
	return &w.top
}

func (w *wheel) leastOf(b *bucket) Event {
	c := b.first
	least := w.chunks[c-1].e[0]
	if b.jumbled == 0 {
		return least
	}
	for left := b.n; left > 0; c = w.chunks[c-1].next {
		n := min(left, chunkLen)
		p := w.chunks[c-1].e[:n]
		for i := range p {
			if p[i].Before(least) {
				least = p[i]
			}
		}
		left -= n
	}
	return least
}

// before reports whether the least event is certain to be earlier than t; it
// does not look into spots. There must be an event.
func (w *wheel) before(t clock.Time) bool {
	if w.head < len(w.near) {
		return w.near[w.head].Time < t
	}
	if len(w.crowd) > 0 {
		return w.crowd[0].Time < t
	}
	_, last := w.inUse.least().span(w.base)
	return clock.Time(last) < t
}

// pop takes the least event out; there must be one.
func (w *wheel) pop() Event {
	w.n--
	if w.head == len(w.near) {
		if len(w.crowd) > 0 {
			return w.crowd.pop()
		}
		w.drain()
	} else if len(w.crowd) > 0 && w.crowd[0].Before(w.near[w.head]) {
		return w.crowd.pop()
	}
	e := w.near[w.head]
	w.head++
	return e
}

// drain fills near, which is empty like crowd, from the earliest spot.
func (w *wheel) drain() {
	w.topped = false
	for {
		s := w.inUse.least()
		b := w.spots[s]
		w.spots[s].n = 0
		w.inUse.drop(s)
		first, last := s.span(w.base)
		w.base = first
		if b.n <= takeMax || s.level() == 0 || b.jumbled == 0 && b.n <= runMax {
			w.last, w.level = clock.Time(last), s.level()
			w.take(b)
			return
		}
		w.spread(b)
	}
}

// take moves a bucket to near, which is empty.
func (w *wheel) take(b bucket) {
	p := w.near[:0]
	c := b.first
	for left := b.n; left > 0; c = w.release(c) {
		n := min(left, chunkLen)
		p = append(p, w.chunks[c-1].e[:n]...)
		left -= n
	}
	w.near, w.head = p, 0
	if b.jumbled == 0 {
		return
	}
	if len(p) > takeMax {
		slices.SortFunc(p, compareEvents)
		return
	}
	for i := 1; i < len(p); i++ {
		e := p[i]
		j := i
		for ; j > 0 && e.Before(p[j-1]); j-- {
			p[j] = p[j-1]
		}
		p[j] = e
	}
}

func compareEvents(a, b Event) int {
	switch {
	case a.Before(b):
		return -1
	case b.Before(a):
		return 1
	}
	return 0
}

// spread moves a bucket to the levels below it; base is its first time.
func (w *wheel) spread(b bucket) {
	c := b.first
	for left := b.n; left > 0; c = w.release(c) {
		n := min(left, chunkLen)
		for i := range n {
			w.place(w.chunks[c-1].e[i])
		}
		left -= n
	}
}
