package scenarios

import (
	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// stage is a world as the scene of its court.
type stage struct{ w *World }

// Subscribe is told of emissions by the host.
func (s stage) Subscribe(kinds []cells.Kind, f func(des.Key, cells.Emission)) {
	s.w.host.Subscribe(kinds, f)
}

// Watch makes a cell or a link announce changes, if it is there.
func (s stage) Watch(q *Watch) {
	w := s.w
	if q.Cell == "" {
		w.net.Watch(q.Link)
	} else if ref, ok := w.host.Find(q.Cell); ok {
		w.host.Watch(ref, q.Attr)
	}
	if w.side != nil {
		w.side.watch(q)
	}
}

// Read is a value now; what is gone keeps its last value.
func (s stage) Read(q *Watch, last Value) Value {
	w := s.w
	if w.side != nil {
		return w.side.read(q, last)
	}
	if q.Cell != "" {
		if ref, ok := w.host.Find(q.Cell); ok {
			if a, ok := w.host.Value(ref, q.Attr); ok {
				return AttrOf(a)
			}
		}
		return last
	}
	counts, ok := w.net.Link(q.Link)
	if !ok {
		return last
	}
	return q.Of(counts)
}

// Snapshot is the network's.
func (s stage) Snapshot() cells.Snapshot { return s.w.net.Snapshot() }

// Current is the event that runs, or ran last.
func (s stage) Current() des.Key { return s.w.sched.Current() }

// Who is whose event it is.
func (s stage) Who(k des.Key) string { return s.w.who(k) }

// Fire schedules the steps of an action.
func (s stage) Fire(action int, k uint64, at clock.Time) { s.w.schedule(action, k, at) }

// Survey schedules a look at a structural property.
func (s stage) Survey(expectation int, at clock.Time) { s.w.survey(expectation, at) }

// Failed stops the run a reaction later unless it is to go on.
func (s stage) Failed(f *Failure) {
	w := s.w
	if w.Scenario.Run.NoStop || w.stopping {
		return
	}
	w.stopping = true
	at := max(f.Time.Add(w.Scenario.Run.Reaction), w.sched.Now())
	w.sched.Push(w.sched.Event(at, timeline, 0, stopAction<<(stepBits+firingBits), 0))
}
