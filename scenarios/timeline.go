package scenarios

import (
	"slices"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

var timeline = des.MakeEntity(des.Timeline, 0)

// schedule puts the k-th firing of an action into the queue, a step at a time.
func (w *World) schedule(action int, k uint64, at clock.Time) {
	a := &w.Scenario.Timeline[action]
	for i := range a.Steps {
		seq := uint64(action)<<(stepBits+firingBits) | uint64(i)<<firingBits | k&(1<<firingBits-1)
		w.sched.At(at.Add(a.Steps[i].After), timeline, 0, seq, k)
	}
}

// Dispatch handles the events of the timeline.
func (w *World) Dispatch(e des.Event) {
	if w.side != nil {
		w.side.begin()
		defer w.side.end()
	}
	action := int(e.Seq >> (stepBits + firingBits))
	if action == stopAction {
		w.host.Record(des.Record{Op: des.OpTimeline, Text: "stop on failure"})
		w.sched.Stop()
		return
	}
	if action == surveyOf {
		w.surveyed(int(e.Arg))
		return
	}
	step := int(e.Seq >> firingBits & (1<<stepBits - 1))
	a := &w.Scenario.Timeline[action]
	if step == 0 {
		w.again(action, e.Arg)
	}
	if w.court.Passes(a, &a.Steps[step]) {
		return
	}
	w.act(a, &a.Steps[step])
}

// again schedules the next firing of an action that repeats.
func (w *World) again(action int, k uint64) {
	t := &w.Scenario.Timeline[action].Trigger
	if t.Kind != Every || t.Times != 0 && k+1 >= t.Times {
		return
	}
	if next := w.sched.Now().Add(t.Every); next <= t.Until && next != clock.Never {
		w.schedule(action, k+1, next)
	}
}

// act carries out one step inside the current event.
func (w *World) act(a *Action, s *Step) {
	w.host.Record(des.Record{Op: des.OpTimeline, Text: a.Path + ": " + s.String()})
	w.court.Acting(a, w.sched.Now())
	if err := w.carryOut(s); err != nil && w.sched.Err() == nil { // what stops the run is judged by itself
		w.court.Refused(a, err, w.sched.Now(), w.sched.Current())
	}
	w.court.Watch() // cells and links may be new
	w.sched.Touch()
}

func (w *World) carryOut(s *Step) error {
	if s.Command != nil {
		answer, err := w.net.Command(s.Command.Cell, s.Command.Args)
		w.chooseCommand(s.Command, answer, err)
		return err
	}
	changes := s.Resolve(w.net.Snapshot())
	if len(changes) == 0 {
		return nil
	}
	version := s.Version
	if version == 0 {
		version = w.net.Version() + 1
	}
	return w.net.Apply(version, changes)
}

func (w *World) chooseCommand(c *Command, answer string, err error) {
	if w.opt.Choices == nil {
		return
	}
	if err != nil {
		answer = "error: " + err.Error()
	}
	w.opt.Choices.Choose(&des.Choice{
		At: w.sched.Current(), What: "command", Where: string(c.Cell),
		N: uint64(w.sched.Now()), Value: joinWords(c.Args) + " -> " + answer,
	})
}

// survey asks for a look at a structural property at an instant.
func (w *World) survey(judge int, at clock.Time) {
	w.sched.At(at, timeline, 0, surveyOf<<(stepBits+firingBits)|uint64(judge), uint64(judge))
}

// surveyed judges a structural property, unless a fault has given the site more
// time since.
func (w *World) surveyed(expectation int) {
	if w.court.Due(expectation, w.sched.Now()) {
		w.host.Record(des.Record{Op: des.OpTimeline, Text: "look at " + w.Scenario.Expect[expectation].Property})
		w.court.Survey(expectation, w.sched.Now())
	}
}

// attrsOf are all attributes that the running cells show, for the result.
func (w *World) attrsOf() []CellState {
	var out []CellState
	for i := range w.host.Len() {
		ref := cells.CellRef(i)
		if w.host.Run(ref) == cells.Removed {
			continue
		}
		out = append(out, CellState{ID: w.host.Name(ref), Run: w.host.Run(ref), Fold: w.host.Fold(ref), Attrs: w.host.AppendState(ref, nil)})
	}
	slices.SortFunc(out, func(a, b CellState) int {
		switch {
		case a.ID < b.ID:
			return -1
		case a.ID > b.ID:
			return 1
		}
		return 0
	})
	return out
}
