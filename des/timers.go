package des

import "example.com/dsim/clock"

// timers holds the events that may be cancelled: a wheel whose spots are
// doubly linked lists of nodes, so that each timer has one node and a cancelled
// one leaves nothing behind.
//
// A timer armed again for later, as a retransmission timer is with each
// acknowledgement, stays in its list with the new event written down; it goes
// to its place when the list is looked at. So a node lies in its spot or in an
// earlier one, never in a later one.
//
// Lists are looked at no more than needed: soon bounds all timers from below,
// and as long as other events are earlier nobody asks which is the least. A
// list too long to be searched is spread over the levels below, which moves
// base up to its first time; timers armed for before base, and crowds at one
// instant, are kept in a heap.
type timers struct {
	nodes []timerNode // TimerRef 0 has one too, never used
	free  TimerRef
	armed int

	soon  clock.Time // no timer is due before
	least TimerRef   // the least timer, due at soon; 0 if it is not known

	base  uint64 // not after the least event of the queue when it was set
	inUse spotSet
	first [spots]TimerRef
	crowd []TimerRef // a binary heap
}

// timerNode is 48 bytes.
type timerNode struct {
	e     Event
	next  TimerRef
	prev  TimerRef // in the crowd: its index there
	where spot16
}

// spot16 is a spot, or one of the states below.
type spot16 uint16

const (
	inCrowd spot16 = spots + iota
	idle
	freed
)

// searchMax is how many timers a list may have to be searched for its least.
const searchMax = 16

func (t *timers) create() TimerRef {
	r := t.free
	if r != 0 {
		t.free = t.nodes[r].next
	} else {
		if len(t.nodes) == 0 {
			t.nodes = append(t.nodes, timerNode{where: freed})
		}
		r = TimerRef(len(t.nodes))
		t.nodes = append(t.nodes, timerNode{})
	}
	t.nodes[r] = timerNode{where: idle}
	return r
}

func (t *timers) release(r TimerRef) {
	if n := &t.nodes[r]; n.where != idle {
		panic("des: a timer is freed that is armed or free")
	}
	t.nodes[r].where = freed
	t.nodes[r].next = t.free
	t.free = r
}

func (t *timers) event(r TimerRef) (Event, bool) {
	n := &t.nodes[r]
	return n.e, n.where < idle
}

func (t *timers) arm(r TimerRef, e Event) {
	n := &t.nodes[r]
	switch {
	case n.where < inCrowd && e.Time >= n.e.Time:
		n.e = e
		if r == t.least {
			t.least = 0
		}
	case n.where < idle:
		t.remove(r)
		n.e = e
		t.insert(r)
	case n.where == idle:
		n.e = e
		t.insert(r)
		t.armed++
	default:
		panic("des: a timer is armed that is free")
	}
	if t.armed == 1 || e.Time < t.soon {
		t.soon, t.least = e.Time, r
	} else if e.Time == t.soon && t.least != 0 && e.Before(t.nodes[t.least].e) {
		t.least = r
	}
}

func (t *timers) disarm(r TimerRef) bool {
	n := &t.nodes[r]
	if n.where >= idle {
		return false
	}
	t.remove(r)
	n.where = idle
	if t.armed--; t.armed == 0 {
		t.soon = clock.Never
	}
	return true
}

// insert puts the node r, which is nowhere, into its place.
func (t *timers) insert(r TimerRef) {
	n := &t.nodes[r]
	if n.e.Time < clock.Time(t.base) {
		t.crowdIn(r)
		return
	}
	s := spotOf(t.base, uint64(n.e.Time))
	head := t.first[s]
	if head != 0 {
		t.nodes[head].prev = r
	} else {
		t.inUse.put(s)
	}
	n.where, n.next, n.prev = spot16(s), head, 0
	t.first[s] = r
}

// remove takes the node r from where it is; who the least is may be forgotten.
func (t *timers) remove(r TimerRef) {
	if r == t.least {
		t.least = 0
	}
	n := &t.nodes[r]
	if n.where == inCrowd {
		t.crowdOut(int(n.prev))
		return
	}
	if n.next != 0 {
		t.nodes[n.next].prev = n.prev
	}
	if n.prev != 0 {
		t.nodes[n.prev].next = n.next
		return
	}
	t.first[n.where] = n.next
	if n.next == 0 {
		t.inUse.drop(spot(n.where))
	}
}

// head is the least timer's event; settle must have found it.
func (t *timers) head() *Event { return &t.nodes[t.least].e }

// pop disarms the least timer, which settle must have found.
func (t *timers) pop() Event {
	r := t.least
	t.disarm(r)
	return t.nodes[r].e
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
			t.soon = t.nodes[t.crowd[0]].e.Time
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
	t.soon = t.nodes[t.least].e.Time
	return t.soon <= limit
}

// search finds the least timer in the earliest spot and the crowd, or changes
// something so that the next search is nearer to it.
func (t *timers) search(s spot) {
	var least TimerRef
	if len(t.crowd) > 0 {
		least = t.crowd[0]
	}
	found := 0
	for r := t.first[s]; r != 0; {
		n := &t.nodes[r]
		next := n.next
		if spotOf(t.base, uint64(n.e.Time)) != s { // it was armed again for later
			t.remove(r)
			t.insert(r)
		} else {
			if least == 0 || n.e.Before(t.nodes[least].e) {
				least = r
			}
			if found++; found > searchMax {
				t.spread(s)
				return
			}
		}
		r = next
	}
	if found > 0 {
		t.least = least
	}
}

// spread moves the list of the earliest spot to the levels below it, or, if it
// is of one instant, to the crowd.
func (t *timers) spread(s spot) {
	r := t.first[s]
	first, _ := s.span(t.base)
	t.base = first
	t.first[s] = 0
	t.inUse.drop(s)
	for r != 0 {
		next := t.nodes[r].next
		if s.level() == 0 && t.nodes[r].e.Time == clock.Time(first) {
			t.crowdIn(r)
		} else {
			t.insert(r)
		}
		r = next
	}
}
