package des

// TimerRef names a timer of a Queue. 0 is no timer.
type TimerRef uint32

// Queue holds events that have not happened yet and gives them back in the
// total order of their keys. The zero Queue is empty and ready.
type Queue struct {
	list   []Event
	timers []timerSlot
	free   []TimerRef
}

type timerSlot struct {
	e     Event
	armed bool
}

// Push adds an event that cannot be cancelled.
func (q *Queue) Push(e Event) {
	i := len(q.list)
	q.list = append(q.list, e)
	for i > 0 && e.Before(q.list[i-1]) {
		q.list[i] = q.list[i-1]
		i--
	}
	q.list[i] = e
}

func (q *Queue) leastTimer() TimerRef {
	best := TimerRef(0)
	for i := range q.timers {
		if q.timers[i].armed && (best == 0 || q.timers[i].e.Before(q.timers[best-1].e)) {
			best = TimerRef(i + 1)
		}
	}
	return best
}

// Peek is the least event, false if there is none.
func (q *Queue) Peek() (Event, bool) {
	t := q.leastTimer()
	if t != 0 && (len(q.list) == 0 || q.timers[t-1].e.Before(q.list[0])) {
		return q.timers[t-1].e, true
	}
	if len(q.list) == 0 {
		return Event{}, false
	}
	return q.list[0], true
}

// Pop removes the least event; a timer whose event it was is disarmed.
func (q *Queue) Pop() (Event, bool) {
	t := q.leastTimer()
	if t != 0 && (len(q.list) == 0 || q.timers[t-1].e.Before(q.list[0])) {
		q.timers[t-1].armed = false
		return q.timers[t-1].e, true
	}
	if len(q.list) == 0 {
		return Event{}, false
	}
	e := q.list[0]
	q.list = q.list[1:]
	return e, true
}

// Len is the number of events held.
func (q *Queue) Len() int {
	n := len(q.list)
	for i := range q.timers {
		if q.timers[i].armed {
			n++
		}
	}
	return n
}

// NewTimer gives a timer that is not armed.
func (q *Queue) NewTimer() TimerRef {
	if n := len(q.free); n > 0 {
		r := q.free[n-1]
		q.free = q.free[:n-1]
		return r
	}
	q.timers = append(q.timers, timerSlot{})
	return TimerRef(len(q.timers))
}

// FreeTimer gives a timer back; it must not be armed.
func (q *Queue) FreeTimer(r TimerRef) { q.free = append(q.free, r) }

// Arm puts e into the queue as the event of timer r, in place of the one it
// had.
func (q *Queue) Arm(r TimerRef, e Event) { q.timers[r-1] = timerSlot{e, true} }

// Armed is the event of timer r, false if it is not armed.
func (q *Queue) Armed(r TimerRef) (Event, bool) { return q.timers[r-1].e, q.timers[r-1].armed }

// Disarm takes the event of timer r out and reports whether there was one.
func (q *Queue) Disarm(r TimerRef) bool {
	was := q.timers[r-1].armed
	q.timers[r-1].armed = false
	return was
}
