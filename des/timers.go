package des

import "example.com/dsim/clock"

// timers holds the events that may be cancelled: a wheel whose spots are bags
// of timers. Each timer has one entry in one bag and knows where it lies, as in
// a linked list; but to take it out reads no neighbours, which are far away: the
// last of the bag takes its place.
//
// Nothing is moved that need not be. A timer armed again for its spot or a
// later one, as a retransmission timer is with each acknowledgement, stays in
// its bag with the new event written down; it goes to its place when the bag is
// looked at. So a timer lies in its spot or in an earlier one, never in a later
// one. A timer that is cancelled stays too, marked, since the next thing done
// to it is most often to arm it again; when more are marked than armed, the
// marked ones are swept out. To cancel and to arm again is then to read and
// write two bytes that are in the cache, and to write 32 that are not: nobody
// waits for a write.
//
// Bags are looked at no more than needed: soon bounds all timers from below,
// and as long as other events are earlier nobody asks which is the least. A
// bag too large to be searched is spread over the levels below, which moves
// base up to its first time; timers armed for before base, and crowds at one
// instant, are kept in a heap.
type timers struct {
	// By TimerRef; 0 has one too, never used.
	where  []where
	pos    []uint32 // in its bag: chunk<<bagBits | index; in the crowd: its index; freed: the next
	events []Event

	free  TimerRef
	armed int
	off   int // cancelled and still in a bag

	soon  clock.Time // no timer is due before
	least TimerRef   // the least timer, due at soon; 0 if it is not known

	base  uint64 // not after the least event of the queue when it was set
	inUse spotSet
	bags  [spots]bag
	crowd []TimerRef // a binary heap

	chunks    []bagChunk // 0 is not used
	freeChunk uint32
}

// where is the spot in whose bag a timer lies, or one of the states below.
type where uint16

const (
	inCrowd where = spots + iota // greater than any spot
	idle
	freed
	off where = 1 << 15 // with a spot: cancelled
)

// bag is a spot's timers in no order, in a chain of full chunks and a last one.
type bag struct {
	n   uint32
	end uint32 // where the last of them lies
}

// bagChunk is the entries of 31 timers, and the chunk before it in its chain.
type bagChunk [32]TimerRef

const (
	bagBits = 5
	bagMask = 1<<bagBits - 1
	bagPrev = bagMask // the index of the chunk before
	bagLast = bagPrev - 1
)

// searchMax is how many timers a bag may have to be searched for its least.
const searchMax = 16

// offMin is how many cancelled timers are never worth a sweep.
const offMin = 64

func (t *timers) create() TimerRef {
	if r := t.free; r != 0 {
		t.free = TimerRef(t.pos[r])
		t.where[r] = idle
		t.events[r] = Event{}
		return r
	}
	if len(t.where) == 0 {
		t.where = append(t.where, freed)
		t.pos = append(t.pos, 0)
		t.events = append(t.events, Event{})
		t.chunks = append(t.chunks, bagChunk{})
	}
	t.where = append(t.where, idle)
	t.pos = append(t.pos, 0)
	t.events = append(t.events, Event{})
	return TimerRef(len(t.where) - 1)
}

func (t *timers) release(r TimerRef) {
	if w := t.where[r]; w >= off {
		t.take(r)
	} else if w != idle {
		panic("des: a timer is freed that is armed or free")
	}
	t.where[r] = freed
	t.pos[r] = uint32(t.free)
	t.free = r
}

func (t *timers) event(r TimerRef) (Event, bool) {
	return t.events[r], t.where[r] < idle
}

func (t *timers) arm(r TimerRef, e Event) {
	w := t.where[r]
	if uint64(e.Time) >= t.base && w&^off <= where(spotOf(t.base, uint64(e.Time))) {
		if w >= off {
			t.where[r] = w &^ off
			t.off--
			t.armed++
		}
		t.events[r] = e
		if r == t.least {
			t.least = 0
		}
	} else {
		t.rearm(r, e)
	}
	if e.Time < t.soon || t.armed == 1 {
		t.soon, t.least = e.Time, r
	} else if e.Time == t.soon && t.least != 0 && e.Before(t.events[t.least]) {
		t.least = r
	}
}

// rearm takes the timer r from where it is and puts it, with the event e, into
// its place.
func (t *timers) rearm(r TimerRef, e Event) {
	switch w := t.where[r]; {
	case w >= off:
		t.take(r)
		t.armed++
	case w < idle:
		t.remove(r)
	case w == idle:
		t.armed++
	default:
		panic("des: a timer is armed that is free")
	}
	t.events[r] = e
	t.insert(r, e.Time)
}

func (t *timers) disarm(r TimerRef) bool {
	w := t.where[r]
	if w >= idle {
		return false
	}
	if r == t.least {
		t.least = 0
	}
	if t.armed--; t.armed == 0 {
		t.soon = clock.Never
	}
	if w == inCrowd {
		t.remove(r)
		t.where[r] = idle
		return true
	}
	t.where[r] = w | off
	if t.off++; t.off > t.armed+offMin {
		t.sweep()
	}
	return true
}

// sweep takes every bag apart, so that nothing cancelled is left.
func (t *timers) sweep() {
	all := t.inUse
	for !all.empty() {
		s := all.least()
		all.drop(s)
		t.scatter(s)
	}
}

// take takes the timer r, which is cancelled, out of its bag.
func (t *timers) take(r TimerRef) {
	t.remove(r)
	t.where[r] = idle
	t.off--
}

// insert puts the timer r, which lies nowhere and is due at the time given,
// into its place.
func (t *timers) insert(r TimerRef, at clock.Time) {
	if at < clock.Time(t.base) {
		t.crowdIn(r)
		return
	}
	s := spotOf(t.base, uint64(at))
	b := &t.bags[s]
	end := b.end + 1
	if b.n == 0 || end&bagMask == bagPrev {
		if b.n == 0 {
			t.inUse.put(s)
		}
		end = t.newChunk(b.end>>bagBits) << bagBits
	}
	b.n++
	b.end = end
	t.chunks[end>>bagBits][end&bagMask] = r
	t.pos[r] = end
	t.where[r] = where(s)
}

// newChunk gives a chunk that comes after prev, 0 if it is the first.
func (t *timers) newChunk(prev uint32) uint32 {
	c := t.freeChunk
	if c != 0 {
		t.freeChunk = uint32(t.chunks[c][bagPrev])
	} else {
		c = uint32(len(t.chunks))
		t.chunks = append(t.chunks, bagChunk{})
	}
	t.chunks[c][bagPrev] = TimerRef(prev)
	return c
}

// releaseChunk gives chunk c back and returns the one before it.
func (t *timers) releaseChunk(c uint32) uint32 {
	prev := uint32(t.chunks[c][bagPrev])
	t.chunks[c][bagPrev] = TimerRef(t.freeChunk)
	t.freeChunk = c
	return prev
}

// remove takes the timer r from where it is; who the least is may be forgotten.
func (t *timers) remove(r TimerRef) {
	if r == t.least {
		t.least = 0
	}
	w, p := t.where[r], t.pos[r]
	if w == inCrowd {
		t.crowdOut(int(p))
		return
	}
	s := spot(w &^ off)
	b := &t.bags[s]
	end := b.end
	last := t.chunks[end>>bagBits][end&bagMask]
	t.chunks[p>>bagBits][p&bagMask] = last
	t.pos[last] = p
	b.n--
	b.end = end - 1
	if end&bagMask == 0 {
		b.end = 0
		if prev := t.releaseChunk(end >> bagBits); prev != 0 {
			b.end = prev<<bagBits | bagLast
		} else {
			t.inUse.drop(s)
		}
	}
}

// head is the least timer's event; settle must have found it.
func (t *timers) head() *Event { return &t.events[t.least] }

// pop disarms the least timer, which settle must have found.
func (t *timers) pop() Event {
	r := t.least
	t.remove(r)
	t.where[r] = idle
	if t.armed--; t.armed == 0 {
		t.soon = clock.Never
	}
	return t.events[r]
}

// settle finds the least timer and reports whether it is due by limit. It looks
// no further than that: no event of the queue may be earlier than limit and the
// least timer, so that base does not pass what may still be armed next.
func (t *timers) settle(limit clock.Time) bool {
	if t.armed == 0 {
		t.soon = clock.Never
		return false
	}
	for t.least == 0 {
		if len(t.crowd) > 0 {
			t.soon = t.events[t.crowd[0]].Time
		}
		s := spot(spots)
		if !t.inUse.empty() {
			s = t.inUse.least()
			first, _ := s.span(t.base)
			if at := clock.Time(first); len(t.crowd) == 0 || at <= t.soon {
				t.soon = at
			} else {
				s = spots
			}
		}
		if t.soon > limit {
			return false
		}
		if s == spots {
			t.least = t.crowd[0]
		} else {
			t.search(s)
		}
	}
	t.soon = t.events[t.least].Time
	return t.soon <= limit
}

// search finds the least timer in the earliest spot and the crowd, or changes
// something so that the next search is nearer to it.
func (t *timers) search(s spot) {
	b := &t.bags[s]
	if b.n > searchMax {
		t.spread(s)
		return
	}
	var least TimerRef
	if len(t.crowd) > 0 {
		least = t.crowd[0]
	}
	found := false
	pos := b.end
	for range b.n {
		r := t.chunks[pos>>bagBits][pos&bagMask]
		before := pos - 1
		if pos&bagMask == 0 {
			before = uint32(t.chunks[pos>>bagBits][bagPrev])<<bagBits | bagLast
		}
		e := &t.events[r]
		switch { // what is taken out is replaced by one that was looked at
		case t.where[r] >= off:
			t.take(r)
		case spotOf(t.base, uint64(e.Time)) != s: // it was armed again for later
			t.remove(r)
			t.insert(r, e.Time)
		default:
			found = true
			if least == 0 || e.Before(t.events[least]) {
				least = r
			}
		}
		pos = before
	}
	if found {
		t.least = least
	}
}

// spread moves the bag of the earliest spot to the levels below it, or, if it
// is of one instant, to the crowd.
func (t *timers) spread(s spot) {
	first, _ := s.span(t.base)
	t.base = first
	t.scatter(s)
}

// scatter takes the bag of a spot apart: what is cancelled goes, the rest goes
// to its place. That is the crowd for too many of one instant.
func (t *timers) scatter(s spot) {
	b := t.bags[s]
	t.bags[s] = bag{}
	t.inUse.drop(s)
	instant := s.level() == 0 && b.n > searchMax
	left := b.end&bagMask + 1
	for c := b.end >> bagBits; c != 0; left = bagLast + 1 {
		refs := t.chunks[c]
		c = t.releaseChunk(c)
		for _, r := range refs[:left] {
			at := t.events[r].Time
			switch {
			case t.where[r] >= off:
				t.where[r] = idle
				t.off--
			case instant && uint64(at) == t.base:
				t.crowdIn(r)
			default:
				t.insert(r, at)
			}
		}
	}
}
