package des

import "example.com/dsim/clock"

// TimerRef names a timer of a Queue. 0 is no timer.
type TimerRef uint32

// Queue holds events that have not happened yet and gives them back in the
// total order of their keys. The zero Queue is empty and ready.
//
// What is pushed stays until it is popped and lies in a wheel of chunks; what
// may be cancelled is the event of a timer and lies in a wheel of bags. The
// least event is the lesser of the two wheels' heads. Times are not negative,
// and nothing may be added before the time of the last event popped; between
// that and the least event pending, anything may.
//
// A Queue grows to the most it ever held and keeps that: at a steady load it
// allocates nothing.
type Queue struct {
	events wheel
	timers timers
}

// Push adds an event that cannot be cancelled.
func (q *Queue) Push(e Event) {
	q.events.n++
	q.events.add(e)
}

// Peek is the least event, false if there is none.
func (q *Queue) Peek() (Event, bool) {
	e := q.events.peek()
	switch {
	case e == nil:
		if !q.timers.settle(clock.Never) {
			return Event{}, false
		}
		return *q.timers.head(), true
	case e.Time >= q.timers.soon && q.timers.settle(e.Time) && q.timers.head().Before(*e):
		return *q.timers.head(), true
	}
	return *e, true
}

// Pop removes the least event; a timer whose event it was is disarmed.
func (q *Queue) Pop() (Event, bool) {
	w := &q.events
	if w.head < len(w.near) {
		if e := &w.near[w.head]; e.Time < w.soon && e.Time < q.timers.soon {
			w.head++
			w.n--
			return *e, true
		}
	}
	return q.popLesser()
}

// PopUntil removes the least event if it is due at or before t.
func (q *Queue) PopUntil(t clock.Time) (Event, bool) {
	w := &q.events
	if w.head < len(w.near) {
		if e := &w.near[w.head]; e.Time <= t && e.Time < w.soon && e.Time < q.timers.soon {
			w.head++
			w.n--
			return *e, true
		}
	}
	if q.timers.armed == 0 {
		q.timers.soon = clock.Never
	}
	after := t
	if after < clock.Never {
		after++
	}
	if w.n > 0 && w.before(min(after, q.timers.soon)) {
		return w.pop(), true
	}
	if e, ok := q.Peek(); !ok || e.Time > t {
		return Event{}, false
	}
	return q.popLesser()
}

func (q *Queue) popLesser() (Event, bool) {
	switch {
	case q.events.n == 0:
		if !q.timers.settle(clock.Never) {
			return Event{}, false
		}
		return q.timers.pop(), true
	case q.timers.armed == 0:
		q.timers.soon = clock.Never
		return q.events.pop(), true
	case q.events.before(q.timers.soon):
		return q.events.pop(), true
	}
	e := q.events.peek()
	if q.timers.settle(e.Time) && q.timers.head().Before(*e) {
		return q.timers.pop(), true
	}
	return q.events.pop(), true
}

// Len is the number of events held.
func (q *Queue) Len() int { return q.events.n + q.timers.armed }

// NewTimer gives a timer that is not armed.
func (q *Queue) NewTimer() TimerRef { return q.timers.create() }

// FreeTimer gives a timer back; it must not be armed.
func (q *Queue) FreeTimer(r TimerRef) { q.timers.release(r) }

// Arm puts e into the queue as the event of timer r, in place of the one it
// had.
func (q *Queue) Arm(r TimerRef, e Event) { q.timers.arm(r, e) }

// Armed is the event of timer r, false if it is not armed.
func (q *Queue) Armed(r TimerRef) (Event, bool) { return q.timers.event(r) }

// Disarm takes the event of timer r out and reports whether there was one.
func (q *Queue) Disarm(r TimerRef) bool { return q.timers.disarm(r) }
