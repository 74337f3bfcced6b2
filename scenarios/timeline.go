package scenarios

import (
	"fmt"
	"slices"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/links"
)

// when is an action of the timeline that a condition sets off.
type when struct {
	action int
	cond   *watched
	held   bool // at the last instant it was looked at
	fired  uint64
}

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
	if a.Fault && w.faultsEnd && !a.Steps[step].Ends {
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
	if a.Stop || a.Fault && !w.faultsEnd { // what ends a fault after the stop moves no window
		w.faulted()
	}
	if a.Stop {
		w.faultsEnd = true
	}
	if err := w.carryOut(s); err != nil && w.sched.Err() == nil { // what stops the run is judged by itself
		w.fail(&Failure{
			Property: "dsim/timeline", Path: a.Path, File: a.File, Line: a.Line,
			Text: err.Error(), Time: w.sched.Now(), Key: w.sched.Current(),
		})
	}
	w.values.watch() // cells and links may be new
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

// faulted remembers when the last fault acted: what must happen after faults
// has all its time before it again.
func (w *World) faulted() {
	w.lastFault = w.sched.Now()
	for _, j := range w.judges {
		if j.spec.Mode == Eventually && j.spec.AfterFaults {
			j.met = nil
		}
	}
}

// survey asks for a look at a structural property at an instant.
func (w *World) survey(judge int, at clock.Time) {
	w.sched.At(at, timeline, 0, surveyOf<<(stepBits+firingBits)|uint64(judge), uint64(judge))
}

// surveyed judges a structural property, unless a fault has given the site more
// time since.
func (w *World) surveyed(judge int) {
	j := w.judges[judge]
	if due := j.from().Add(j.spec.Within); due > w.sched.Now() {
		w.survey(judge, due)
		return
	}
	w.host.Record(des.Record{Op: des.OpTimeline, Text: "look at " + j.spec.Property})
	j.survey(w.sched.Now())
}

// instant looks at all conditions at the end of an instant at which a value
// they read may have changed, last in an event.
func (w *World) instant(now clock.Time, by des.Key) {
	for _, j := range w.judges {
		j.look(now, by)
	}
	for _, x := range w.whens {
		w.lookWhen(x, now, by)
	}
}

// lookWhen sets an action off when its condition has come to hold: reaction
// later, first at its instant.
func (w *World) lookWhen(x *when, now clock.Time, by des.Key) {
	a := &w.Scenario.Timeline[x.action]
	t := &a.Trigger
	holds, err := x.cond.holds()
	if err != nil {
		w.fail(&Failure{Property: "dsim/timeline", Path: a.Path, File: a.File, Line: a.Line, Text: err.Error(), Time: now, Key: by})
		return
	}
	rose := holds && !x.held
	x.held = holds
	if !rose || now < t.From || now > t.Until || t.Times != 0 && x.fired >= t.Times {
		return
	}
	w.schedule(x.action, x.fired, now.Add(w.Scenario.Run.Reaction))
	x.fired++
}

// fail notes the first failure, and stops the run a reaction later unless it
// is to go on.
func (w *World) fail(f *Failure) {
	f.Who = w.who(f.Key)
	if w.failure == nil {
		w.failure = f
	}
	if w.Scenario.Run.NoStop || w.stopping {
		return
	}
	w.stopping = true
	at := max(f.Time.Add(w.Scenario.Run.Reaction), w.sched.Now())
	w.sched.Push(w.sched.Event(at, timeline, 0, stopAction<<(stepBits+firingBits), 0))
}

// values are the watched values of all conditions, read at the end of an
// instant.
type values struct {
	w    *World
	list []*watched
}

// watched is a condition with the values it last saw.
type watched struct {
	v     *values
	cond  *Condition
	last  []Value
	known bool
	truth bool
	err   error
}

func newValues(w *World) *values { return &values{w: w} }

func (v *values) condition(c *Condition) *watched {
	x := &watched{v: v, cond: c, last: make([]Value, len(c.Watch))}
	v.list = append(v.list, x)
	return x
}

// watch makes cells and links announce changes of what conditions read. Cells
// and links that come later are met when they are there.
func (v *values) watch() {
	for _, x := range v.list {
		for i := range x.cond.Watch {
			q := &x.cond.Watch[i]
			if q.Cell == "" {
				v.w.net.Watch(q.Link)
			} else if ref, ok := v.w.host.Find(q.Cell); ok {
				v.w.host.Watch(ref, q.Attr)
			}
			if v.w.side != nil {
				v.w.side.watch(q)
			}
		}
	}
}

// holds evaluates a condition if a value it reads has changed.
func (x *watched) holds() (bool, error) {
	changed := !x.known
	for i := range x.cond.Watch {
		if now := x.v.read(&x.cond.Watch[i], x.last[i]); now != x.last[i] {
			x.last[i] = now
			changed = true
		}
	}
	if changed {
		x.truth, x.err = x.cond.Eval(x.last)
		x.known = true
	}
	return x.truth, x.err
}

// read is a value now; what is gone keeps its last value.
func (v *values) read(q *Watch, last Value) Value {
	if v.w.side != nil {
		return v.w.side.read(q, last)
	}
	if q.Cell != "" {
		if ref, ok := v.w.host.Find(q.Cell); ok {
			if a, ok := v.w.host.Value(ref, q.Attr); ok {
				return AttrOf(a)
			}
		}
		return last
	}
	counts, ok := v.w.net.Link(q.Link)
	if !ok {
		return last
	}
	return q.count(counts)
}

// count is the counter that a watch is on.
func (w *Watch) count(counts [2]links.Counts) Value {
	c := counts[0]
	switch w.Side {
	case BothSides:
		c = counts[0].Add(counts[1])
	case SideBA:
		c = counts[1]
	}
	n, _ := c.Get(w.Counter)
	return CountOf(n)
}

// shown are the values a condition saw, for people: "bob.delivered = 3".
func (x *watched) shown() []string {
	var out []string
	for i, q := range x.cond.Watch {
		out = append(out, fmt.Sprintf("%s = %s", q, x.last[i]))
	}
	return slices.Compact(out)
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
