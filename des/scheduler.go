package des

import (
	"fmt"
	"math"

	"example.com/dsim/clock"
)

// Dispatcher handles the events of one class of entities.
type Dispatcher interface {
	Dispatch(Event)
}

// Ties says how events at one instant and depth are ordered.
type Ties uint8

const (
	TiesFIFO     Ties = iota // by entity, then sequence
	TiesShuffled             // by a hash first: real networks promise no order
)

// Config is what a Scheduler is made of.
type Config struct {
	Limits Limits
	Causes bool                // keep the cause of every pending event, for records
	Name   func(Entity) string // names entities in errors; may be nil
}

// Scheduler runs events in the total order of their keys.
type Scheduler struct {
	now      clock.Time
	began    bool   // an event at now has run, or RunUntil has reached it
	delta    uint16 // of the event being handled
	deepest  uint16 // the greatest delta run at now
	ran      bool   // an event or an act has run at now
	outside  uint16 // delta of the last act from outside at now: depth counts from it
	running  bool   // inside a Dispatch
	executed uint64
	current  Event
	cause    Key
	queue    Queue
	handlers [4]Dispatcher
	limits   Limits
	name     func(Entity) string
	err      error // what stops the run; set once

	causes map[pendingKey]Key // of pending events; nil unless kept
	chain  []chainLink        // of deep events of this instant

	instant   func(clock.Time) // called when an instant that was touched is complete
	touched   bool
	touchedBy Key
	stopped   bool
	tie       func(first, second Event)
	guard     func(panicked any) bool
	each      func(Event) // called before each event

	checkAt  uint64     // when so many events have run, the next boundary matters
	boundary clock.Time // it, once checkAt is reached; else 0
	countAt  uint64     // when the next call of count is due
	pauseAt  uint64     // when Run is to return
	count    func()
}

type pendingKey struct {
	entity Entity
	seq    uint64
}

type chainLink struct{ key, cause Key }

// chainKept is how many of the last causes a zero-delay error can name.
const chainKept = 64

// NewScheduler gives a scheduler at time 0 with nothing to do.
func NewScheduler(c Config) *Scheduler {
	s := &Scheduler{limits: c.Limits.withDefaults(), name: c.Name, countAt: math.MaxUint64, pauseAt: math.MaxUint64}
	s.check()
	if c.Causes {
		s.causes = make(map[pendingKey]Key)
	}
	return s
}

// Handle sets who handles the events of a class. Each class is set once,
// before its first event runs.
func (s *Scheduler) Handle(c Class, d Dispatcher) { s.handlers[c] = d }

// Now is the instant the run has reached.
func (s *Scheduler) Now() clock.Time { return s.now }

// Current is the key of the event being handled or handled last.
func (s *Scheduler) Current() Key { return s.current.Key() }

// Cause is the key of the event that scheduled the current one, zero if it is
// not known.
func (s *Scheduler) Cause() Key { return s.cause }

// Running reports whether an event is being handled.
func (s *Scheduler) Running() bool { return s.running }

// Executed is the number of events handled so far.
func (s *Scheduler) Executed() uint64 { return s.executed }

// Pending is the number of events that have not happened yet.
func (s *Scheduler) Pending() int { return s.queue.Len() }

// At schedules an event of entity e at instant t, which must not lie in the
// past. Its delta follows from when it is scheduled.
func (s *Scheduler) At(t clock.Time, e Entity, rank uint16, seq, arg uint64) {
	if t > s.now && s.causes == nil {
		s.queue.Push(Event{t, uint64(rank)<<32 | uint64(e), seq, arg})
		return
	}
	s.at(t, e, rank, seq, arg)
}

func (s *Scheduler) at(t clock.Time, e Entity, rank uint16, seq, arg uint64) {
	ev := s.Event(t, e, rank, seq, arg)
	if s.causes != nil && s.running {
		s.causes[pendingKey{e, seq}] = s.current.Key()
	}
	s.queue.Push(ev)
}

// Push puts an event into the queue that Event has made, here or in another
// partition. Who pushes keeps its cause, and gives it by Caused.
func (s *Scheduler) Push(e Event) { s.queue.Push(e) }

// Caused says what caused the event being handled, where At was not told.
func (s *Scheduler) Caused(by Key) { s.cause = by }

// Tracing reports whether causes are kept.
func (s *Scheduler) Tracing() bool { return s.causes != nil }

// NewTimer gives a timer of the queue, not armed.
func (s *Scheduler) NewTimer() TimerRef { return s.queue.NewTimer() }

// FreeTimer gives a timer back; it is disarmed first.
func (s *Scheduler) FreeTimer(r TimerRef) {
	s.Disarm(r)
	s.queue.FreeTimer(r)
}

// Arm schedules the event of a timer, instead of what it was armed for. Who
// arms keeps the cause, and gives it by Caused when the timer fires.
func (s *Scheduler) Arm(r TimerRef, t clock.Time, e Entity, rank uint16, seq, arg uint64) {
	s.queue.Arm(r, s.Event(t, e, rank, seq, arg))
}

// Disarm cancels the event of a timer and reports whether there was one.
func (s *Scheduler) Disarm(r TimerRef) bool { return s.queue.Disarm(r) }

// Event makes an event as At does, and does not schedule it.
func (s *Scheduler) Event(t clock.Time, e Entity, rank uint16, seq, arg uint64) Event {
	ev := Event{t, uint64(rank)<<32 | uint64(e), seq, arg}
	if t <= s.now && (s.began || t < s.now) {
		s.atOnce(&ev)
	}
	return ev
}

// Beside makes an event of this instant that has the delta of the one being
// handled, which must be one of the timeline: it comes before whatever that one
// causes, in its place among what was due at the instant all along.
func (s *Scheduler) Beside(e Entity, rank uint16, seq, arg uint64) Event {
	if !s.running || s.current.Entity().Class() != Timeline || e.Class() == Timeline {
		panic("des: only the timeline has events beside it")
	}
	return Event{s.now, s.current.Ord&^(1<<48-1) | uint64(rank)<<32 | uint64(e), seq, arg}
}

// atOnce gives the delta of an event that is scheduled for its own instant.
func (s *Scheduler) atOnce(ev *Event) {
	if ev.Time < s.now {
		panic(fmt.Sprintf("des: %s scheduled at %s, which is before now, %s", ev.Entity(), ev.Time, s.now))
	}
	var delta uint16
	if s.running {
		delta = s.deeper(s.delta)
	} else {
		delta = s.deeper(s.deepest)
		s.outside = delta
	}
	ev.Ord |= uint64(delta) << 48
	if s.running {
		depth, limit := int(delta)-int(s.outside), int(s.limits.Delta)
		if depth > limit && s.err == nil {
			s.err = s.zeroDelay(ev.Key())
		}
		if depth > limit-chainKept {
			s.chain = append(s.chain, chainLink{ev.Key(), s.current.Key()})
		}
	}
}

// deeper is the delta after d. That there is none is an error: acts from
// outside are not bounded by the limit of a chain, but they are by the key.
func (s *Scheduler) deeper(d uint16) uint16 {
	if d == math.MaxUint16 {
		s.Fail(fmt.Errorf("instant %s: more than %d acts and causes one after another", s.now, d))
		return d
	}
	return d + 1
}

// zeroDelay walks the causes back from k.
func (s *Scheduler) zeroDelay(k Key) error {
	err := &ZeroDelayError{Limit: s.limits.Delta}
	keys := []Key{k}
	at := s.current.Key()
	for range chainKept {
		if at.Time != k.Time || at.IsZero() {
			break
		}
		keys = append(keys, at)
		next, ok := Key{}, false
		if at == s.current.Key() && !s.cause.IsZero() {
			next, ok = s.cause, true
		}
		for _, l := range s.chain {
			if l.key == at {
				next, ok = l.cause, true
			}
		}
		if !ok {
			break
		}
		at = next
	}
	for i := len(keys) - 1; i >= 0; i-- {
		err.Chain = append(err.Chain, keys[i])
		name := keys[i].Entity.String()
		if s.name != nil {
			name = s.name(keys[i].Entity)
		}
		err.Names = append(err.Names, name)
	}
	return err
}

// OnInstant sets what is called when an instant is complete at which Touch was
// called: when nothing with a time up to it is pending. It runs before any
// later event, and may schedule later events only.
func (s *Scheduler) OnInstant(f func(clock.Time)) { s.instant = f }

// OnTie sets what is called before an event that would have come before the last
// one, had a rank not decided otherwise.
func (s *Scheduler) OnTie(f func(first, second Event)) { s.tie = f }

// OnRun sets what is called with every event before it is handled.
func (s *Scheduler) OnRun(f func(Event)) { s.each = f }

// Tied reports whether a rank has decided that e came before o, which followed.
func Tied(e, o Event) bool {
	if o.Time != e.Time || o.Delta() != e.Delta() || o.Ord>>32 == e.Ord>>32 {
		return false
	}
	return o.Entity() < e.Entity() || o.Entity() == e.Entity() && o.Seq < e.Seq
}

// Touch asks for the call of OnInstant at the end of this instant.
func (s *Scheduler) Touch() { s.touched, s.touchedBy = true, s.current.Key() }

// TouchedBy is the last event in which Touch was called.
func (s *Scheduler) TouchedBy() Key { return s.touchedBy }

// Fail stops the run with err after the event being handled; the first error
// is kept.
func (s *Scheduler) Fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// Err is what stopped the run, nil if nothing did.
func (s *Scheduler) Err() error { return s.err }

// Stop ends the run cleanly before the next event.
func (s *Scheduler) Stop() { s.stopped = true }

// Stopped reports whether Stop was called.
func (s *Scheduler) Stopped() bool { return s.stopped }
