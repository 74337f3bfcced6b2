package des

import "example.com/dsim/clock"

// What follows is for package parallel, in which one scheduler keeps the
// timeline and others, one for each partition, run what happens between its
// events. The main one stands where a scheduler that ran everything would.

// Divide gives the events that are pending to the schedulers that route names;
// nil keeps an event. No timer may be armed.
func (s *Scheduler) Divide(route func(Event) *Scheduler) {
	if s.queue.timers.armed > 0 {
		panic("des: a scheduler is divided that has timers")
	}
	var all []Event
	for e, ok := s.queue.Pop(); ok; e, ok = s.queue.Pop() {
		all = append(all, e)
	}
	s.queue = Queue{}
	for _, e := range all {
		to := route(e)
		if to == nil {
			to = s
		} else if k := (pendingKey{e.Entity(), e.Seq}); s.causes != nil {
			if by, ok := s.causes[k]; ok {
				to.causes[k] = by
				delete(s.causes, k)
			}
		}
		to.queue.Push(e)
	}
}

// Adopt puts s into the event that another scheduler is handling: what is
// scheduled with s until Part has that event as its cause.
func (s *Scheduler) Adopt(o *Scheduler) {
	if s.now != o.now || !s.began {
		s.begin(o.now)
	}
	s.delta, s.deepest, s.ran, s.outside = o.delta, max(s.deepest, o.delta), true, o.outside
	s.current, s.cause, s.running = o.current, o.cause, true
}

// Part ends what Adopt began.
func (s *Scheduler) Part() { s.running = false }

// Absorb tells s what others have run: how many events, and the last of them in
// the total order.
func (s *Scheduler) Absorb(events uint64, last Event) {
	s.executed += events
	if events > 0 && s.current.Before(last) {
		if last.Time != s.now {
			s.begin(last.Time)
		}
		s.began, s.ran = true, true
		s.current, s.cause = last, Key{}
		s.deepest = max(s.deepest, last.Delta())
	}
}

// Last is the event handled last.
func (s *Scheduler) Last() Event { return s.current }

// Grain is what limits on events are multiples of.
func (s *Scheduler) Grain() clock.Time { return clock.Time(s.limits.Grain) }

// Cross does what a number of events has made due, if an event at next is the
// first at or after the boundary that it was put off to. Next must lie in a
// later grain than the last event if it does not lie in the same.
func (s *Scheduler) Cross(next clock.Time) bool {
	if s.executed >= s.checkAt && next >= s.bound() {
		return s.atBoundary()
	}
	return true
}

// Untouch takes back a Touch, and gives the event that it was called in.
func (s *Scheduler) Untouch() (by Key, ok bool) {
	ok, s.touched = s.touched, false
	return s.touchedBy, ok
}
