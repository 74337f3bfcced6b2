package des

import (
	"fmt"
	"math"

	"example.com/dsim/clock"
)

// Next is the instant of the next event, [clock.Never] if there is none.
func (s *Scheduler) Next() clock.Time {
	if e, ok := s.queue.Peek(); ok {
		return e.Time
	}
	return clock.Never
}

// RunUntil runs everything due at or before t, and leaves Now at t unless the
// run was stopped.
func (s *Scheduler) RunUntil(t clock.Time) error {
	t = min(t, s.limits.Time)
	s.Drain(t)
	if s.err == nil && !s.stopped && t > s.now {
		s.begin(t)
	}
	return s.err
}

// Drain runs everything due at or before t, and leaves Now at the last event.
func (s *Scheduler) Drain(t clock.Time) {
	defer s.guarded()
	for more := true; more; more = s.step(t) {
		s.quick(t)
	}
}

// Run is Drain for at most n events, 0 for as many as there are. It reports
// whether everything due at or before t has run.
func (s *Scheduler) Run(t clock.Time, n uint64) bool {
	t = min(t, s.limits.Time)
	if n == 0 {
		s.Drain(t)
		return true
	}
	s.pauseAt = s.executed + n
	s.check()
	s.Drain(t)
	paused := s.executed >= s.pauseAt
	s.pauseAt = math.MaxUint64
	s.check()
	return !paused
}

// check finds how many events may run before something else is due.
func (s *Scheduler) check() { s.checkAt = min(s.limits.Events, s.countAt, s.pauseAt) }

// quick runs events one after the other for as long as nothing asks for more
// than that.
func (s *Scheduler) quick(t clock.Time) {
	if s.err != nil || s.stopped || s.causes != nil || s.tie != nil || s.each != nil {
		return
	}
	for !s.touched && s.executed < s.checkAt {
		e, ok := s.queue.PopUntil(t)
		if !ok {
			return
		}
		delta := uint16(e.Ord >> 48)
		if e.Time > s.now || !s.began {
			s.begin(e.Time)
		}
		s.delta = delta
		if delta > s.deepest {
			s.deepest = delta
		}
		s.ran = true
		s.current = e
		s.executed++
		s.running = true
		s.handlers[e.Ord>>30&3].Dispatch(e)
		s.running = false
		if s.err != nil || s.stopped {
			return
		}
	}
}

// Step runs the next event if it is due at or before t, and reports whether
// there was one. Now becomes the event's time.
func (s *Scheduler) Step(t clock.Time) bool {
	defer s.guarded()
	return s.step(min(t, s.limits.Time))
}

// OnPanic sets who is asked about a panic inside an event: true says that it
// has become the error of the run, false lets it go on. It is caught once for
// many events, which a handler of its own for each would slow down.
func (s *Scheduler) OnPanic(f func(panicked any) bool) { s.guard = f }

func (s *Scheduler) guarded() {
	if !s.running || s.guard == nil {
		return
	}
	v := recover()
	if v == nil {
		return
	}
	s.running = false
	if !s.guard(v) {
		panic(v)
	}
}

func (s *Scheduler) step(t clock.Time) bool {
	if s.err != nil || s.stopped {
		return false
	}
	limit := t
	if s.touched {
		limit = min(t, s.now) // to the end of this instant
	}
	if s.executed >= s.checkAt {
		if s.executed >= s.pauseAt {
			return false
		}
		if s.executed >= s.limits.Events && s.executed-s.limits.Events >= s.limits.Events+eventsMore {
			s.err = fmt.Errorf("%w: %d events by %s, with no end to what happens before %s", ErrEvents, s.executed, s.now, s.bound())
			return false
		}
		limit = min(limit, s.bound()-1)
	}
	e, ok := s.queue.PopUntil(limit)
	if !ok {
		switch {
		case s.touched:
			s.complete()
			return true
		case limit < t && s.Next() <= t:
			return s.atBoundary()
		}
		return false
	}
	if s.tie != nil && Tied(s.current, e) {
		s.tie(s.current, e)
	}
	if s.each != nil {
		s.each(e)
	}
	if e.Time > s.now || !s.began {
		s.begin(e.Time)
	}
	s.delta = e.Delta()
	s.deepest = max(s.deepest, s.delta)
	s.ran = true
	s.current = e
	if s.causes != nil {
		s.takeCause(e)
	}
	s.executed++
	s.running = true
	s.handlers[e.Ord>>30&3].Dispatch(e)
	s.running = false
	return s.err == nil
}

func (s *Scheduler) takeCause(e Event) {
	k := pendingKey{e.Entity(), e.Seq}
	if by, ok := s.causes[k]; ok {
		s.cause = by
		delete(s.causes, k)
		return
	}
	s.cause = Key{}
}

func (s *Scheduler) begin(t clock.Time) {
	s.now = t
	s.began = true
	s.ran = false
	s.delta, s.deepest, s.outside = 0, 0, 0
	if len(s.chain) > 0 {
		s.chain = s.chain[:0]
	}
}

func (s *Scheduler) complete() {
	s.touched = false
	if s.instant != nil {
		s.instant(s.now)
	}
}

// OnCount sets what is called once at least n events have run, at the next
// multiple of the grain: between the events before it and those at or after it.
func (s *Scheduler) OnCount(n uint64, f func()) {
	s.countAt, s.count, s.boundary = n, f, 0
	s.check()
}

// bound is the boundary that the number of events has made matter. Boundaries
// are multiples of the grain: instants that do not depend on how events are
// shared out among partitions.
func (s *Scheduler) bound() clock.Time {
	if s.boundary == 0 {
		g := clock.Time(s.limits.Grain)
		s.boundary = (s.now/g + 1) * g
	}
	return s.boundary
}

// atBoundary does what was put off to the boundary, now that the next event
// lies at or after it.
func (s *Scheduler) atBoundary() bool {
	s.boundary = 0
	if s.executed >= s.countAt {
		s.countAt = math.MaxUint64
		s.count()
	}
	s.check()
	if s.executed >= s.limits.Events {
		s.err = fmt.Errorf("%w: %d events by %s", ErrEvents, s.executed, s.now)
	}
	return s.err == nil
}

// Act runs f as an act from outside at Now: what f schedules for this instant
// comes after all that has already run at it. The entity and its sequence are
// the act's place in the order; cause chains start at it.
func (s *Scheduler) Act(e Entity, seq uint64, f func()) {
	if s.running {
		panic("des: Act inside an event")
	}
	delta := uint16(0)
	if s.ran {
		delta = s.deeper(s.deepest)
	}
	s.began, s.ran = true, true
	s.delta, s.deepest, s.outside = delta, delta, delta
	s.current = MakeEvent(Key{Time: s.now, Delta: delta, Entity: e, Seq: seq}, 0)
	s.cause = Key{}
	s.running = true
	defer s.guarded()
	f()
	s.running = false
}
