package des

import (
	"math/bits"

	"example.com/dsim/clock"
)

// wheel holds the events that are not cancelled.
//
// A spot's events lie in a chain of chunks, in the order in which they came:
// both adding and taking walk through memory in order. When all that is before
// it is gone, the earliest spot is drained. If its events came in order, they
// are taken where they lie, however many; if they are few they are sorted, into
// near; else they are spread over the levels below. What is few follows from
// how many events there are: see few.
//
// What is added before the end of what was drained goes to late, a sorted
// array, by insertion. If that becomes too long a way, late and what is left of
// near are spilled back to the levels below the one they were drained from, so
// one event is spilled at most once a level.
//
// All events of one instant have one spot and cannot be spread further: those
// that come too far from the end of late go to crowd, a heap.
type wheel struct {
	n    int     // events in near, the run, late, crowd and spots
	near []Event // sorted from head on; in sorted or in chunk in, only read
	head int
	in   uint32 // the chunk near lies in, 0 if it lies in sorted
	left uint32 // events of the run after near, in the chunks after in

	soon  clock.Time // what of near is earlier is before all of late and crowd
	late  []Event    // sorted from taken on
	taken int
	crowd crowd

	last  clock.Time // what is later lies in a spot
	level uint       // of the spot that was drained; spots below it are empty

	base  uint64 // not after the last event taken
	inUse spotSet
	spots [spots]bucket

	chunks []chunk
	free   uint32 // the first of the chunks not in use, 1 up; 0 is none

	top    Event // with topped, the least of the events in spots
	topped bool

	sorted []Event
	counts []uint32
	dealt  []Event // reused by dealAtOnce
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

// shiftMax is how many events an insertion into late moves at most.
const shiftMax = 48

// wideMax is how many events, which came in order, are taken together with all
// the time of their spot: as long as such a pattern lasts events go from late
// to near and back.
const wideMax = 1 << 14

// few reports whether n of the events held are sorted at once. An event that is
// added falls among them about once in all/n times, and then moves some of the
// others that did: n*n/all is what late comes to, and is bounded here.
func few(n uint32, all int) bool { return uint64(n)*uint64(n) <= 32*uint64(all) }

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
	e := w.front()
	if e != nil {
		return e
	}
	if w.n == 0 {
		return nil
	}
	if !w.topped {
		w.top, w.topped = w.leastOf(&w.spots[w.inUse.least()]), true
	}
	return &w.top
}

// front is the least event outside of spots, nil if there is none.
func (w *wheel) front() *Event {
	if w.head == len(w.near) && w.left > 0 {
		w.advance()
	}
	var e *Event
	if w.head < len(w.near) {
		e = &w.near[w.head]
		if e.Time < w.soon {
			return e
		}
	}
	if w.taken < len(w.late) && (e == nil || w.late[w.taken].Before(*e)) {
		e = &w.late[w.taken]
	}
	if len(w.crowd) > 0 && (e == nil || w.crowd[0].Before(*e)) {
		e = &w.crowd[0]
	}
	return e
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
	if e := w.front(); e != nil {
		return e.Time < t
	}
	_, last := w.inUse.least().span(w.base)
	return clock.Time(last) < t
}

// pop takes the least event out; there must be one.
func (w *wheel) pop() Event {
	w.n--
	if w.head == len(w.near) {
		if w.left > 0 {
			w.advance()
		} else if len(w.crowd) == 0 {
			if w.taken == len(w.late) {
				w.drain()
			} else {
				w.turn()
			}
		}
	}
	if w.head < len(w.near) {
		if e := &w.near[w.head]; e.Time < w.soon || e == w.front() {
			w.head++
			return *e
		}
	}
	return w.popLate()
}

// popLate takes the least event of late and crowd.
func (w *wheel) popLate() Event {
	var e Event
	if w.taken == len(w.late) || len(w.crowd) > 0 && w.crowd[0].Before(w.late[w.taken]) {
		e = w.crowd.pop()
	} else {
		e = w.late[w.taken]
		w.taken++
	}
	w.bound()
	return e
}

// bound sets soon. Where all of near comes first there is no bound, so that a
// crowd at one instant which comes in order is taken without comparing.
func (w *wheel) bound() {
	w.soon = clock.Never
	if w.head == len(w.near) {
		return
	}
	final := &w.near[len(w.near)-1]
	if w.taken < len(w.late) && w.late[w.taken].Before(*final) {
		w.soon = w.late[w.taken].Time
	}
	if len(w.crowd) > 0 && w.crowd[0].Before(*final) {
		w.soon = min(w.soon, w.crowd[0].Time)
	}
}

// drain takes the earliest spot; there must be nothing outside of spots.
func (w *wheel) drain() {
	w.topped = false
	w.soon = clock.Never
	for {
		s := w.inUse.least()
		b := w.spots[s]
		w.spots[s].n = 0
		w.inUse.drop(s)
		first, last := s.span(w.base)
		w.base = first
		w.last, w.level = clock.Time(last), s.level()
		switch {
		case few(b.n, w.n) || w.level == 0 || b.jumbled == 0 && b.n <= wideMax:
			w.take(b)
			return
		case b.jumbled == 0: // what comes after it shall not go to late
			w.last = w.chunks[b.final-1].e[b.fill-1].Time
			w.take(b)
			return
		}
		w.spread(b)
	}
}

// take makes a bucket what comes next.
func (w *wheel) take(b bucket) {
	w.leave()
	if b.jumbled != 0 {
		w.sort(b)
		return
	}
	w.in, w.head = b.first, 0
	n := min(b.n, chunkLen)
	w.near = w.chunks[b.first-1].e[:n]
	w.left = b.n - n
}

// advance goes to the next chunk of the run.
func (w *wheel) advance() {
	w.in = w.release(w.in)
	n := min(w.left, chunkLen)
	w.near, w.head = w.chunks[w.in-1].e[:n], 0
	w.left -= n
	w.bound()
}

// leave gives back the chunk of near, which is used up.
func (w *wheel) leave() {
	if w.in != 0 {
		w.release(w.in)
		w.in = 0
	}
	w.near, w.head = nil, 0
}

// turn makes late what comes next; near must be used up and crowd empty.
func (w *wheel) turn() {
	w.leave()
	w.near, w.head = w.late, w.taken
	w.sorted, w.late, w.taken = w.late, w.sorted[:0], 0
	w.soon = clock.Never
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
