package scenarios

import (
	"errors"
	"fmt"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// Scene is a run as those see it who judge it: a virtual [World], or the sites
// of a live run, played in one order of time. What it shows does not change
// while a Court looks.
type Scene interface {
	// Subscribe calls f with every emission of the given kinds, in the order in
	// which they happened.
	Subscribe(kinds []cells.Kind, f func(des.Key, cells.Emission))
	// Watch asks for a call of [Court.Instant] at the end of each instant at which
	// the value may have changed. It is asked again when cells or links may be
	// new.
	Watch(q *Watch)
	// Read is a watched value now; what is gone keeps its last value.
	Read(q *Watch, last Value) Value
	// Snapshot is the topology with everybody's status.
	Snapshot() cells.Snapshot
	// Current is the event that happens now, or the last that did; Who is whose
	// it is, for people.
	Current() des.Key
	Who(k des.Key) string
	// Fire asks that an action of the timeline act for the k-th time, at an
	// instant that is yet to come.
	Fire(action int, k uint64, at clock.Time)
	// Survey asks for a call of [Court.Survey] first at an instant that is yet to
	// come.
	Survey(expectation int, at clock.Time)
	// Failed tells of a failure; it may not be the first.
	Failed(f *Failure)
}

// Court judges a run by what its scenario expects: it follows the run through
// its [Scene] and says at the end how it came out. Who runs it calls Instant,
// Acting and Survey as the run goes, and Close at its end.
type Court struct {
	sc        *Scenario
	reg       *Registry
	scene     Scene
	judges    []*judge
	whens     []*when
	watched   []*watched
	lastFault clock.Time
	stopFault clock.Time // when `stop: faults` acts or has acted; clock.Never if nothing does
	faultsEnd bool       // `stop: faults` has acted
	failure   *Failure
}

// NewCourt gives the court of a run at its time 0. The Registry knows the
// properties; nil is the Default.
func NewCourt(sc *Scenario, reg *Registry, scene Scene) (*Court, error) {
	if reg == nil {
		reg = Default
	}
	c := &Court{sc: sc, reg: reg, scene: scene, stopFault: sc.StopFault}
	for i := range sc.Timeline {
		if t := &sc.Timeline[i].Trigger; t.Kind == When {
			c.whens = append(c.whens, &when{action: i, cond: c.condition(t.Cond)})
		}
	}
	for i := range sc.Expect {
		j, err := newJudge(c, &sc.Expect[i])
		if err != nil {
			return nil, err
		}
		c.judges = append(c.judges, j)
		if j.spec.Mode == Settled {
			scene.Survey(i, clock.Time(0).Add(j.spec.Within))
		}
	}
	c.Watch()
	return c, nil
}

// Failure is the first failure so far; nil while all is well.
func (c *Court) Failure() *Failure { return c.failure }

// Acting takes notice of a step of the timeline that acts now.
func (c *Court) Acting(a *Action, now clock.Time) {
	if a.Stop || a.Fault && !c.faultsEnd { // what ends a fault after the stop moves no window
		c.Faulted(now)
	}
	if a.Stop {
		c.faultsEnd = true
		if a.Trigger.Kind == At && c.stopFault == a.Trigger.From {
			c.stopFault = max(c.stopFault, now) // a live run may be late
		}
	}
}

// Passes reports whether a step is not carried out any more: it is a fault, and
// faults have been stopped.
func (c *Court) Passes(a *Action, s *Step) bool { return a.Fault && c.faultsEnd && !s.Ends }

// Faulted remembers when the last fault acted: what must happen after faults
// has all its time before it again.
func (c *Court) Faulted(now clock.Time) {
	c.lastFault = now
	for _, j := range c.judges {
		if j.spec.Mode == Eventually && j.spec.AfterFaults {
			j.met = nil
		}
	}
}

// Refused fails the run for a step of the timeline that could not be carried
// out.
func (c *Court) Refused(a *Action, err error, now clock.Time, k des.Key) {
	c.Fail(&Failure{Property: PropertyTimeline, Path: a.Path, File: a.File, Line: a.Line, Text: err.Error(), Time: now, Key: k})
}

// Due reports whether a structural property is to be judged now, and not later:
// a fault may have given the run more time since that was asked for.
func (c *Court) Due(expectation int, now clock.Time) bool {
	j := c.judges[expectation]
	if due := j.from().Add(j.spec.Within); due > now {
		c.scene.Survey(expectation, due)
		return false
	}
	return true
}

// Survey judges a structural property that is due.
func (c *Court) Survey(expectation int, now clock.Time) { c.judges[expectation].survey(now) }

// Instant looks at all conditions at the end of an instant at which a value
// they read may have changed, last in an event.
func (c *Court) Instant(now clock.Time, by des.Key) {
	for _, j := range c.judges {
		j.look(now, by)
	}
	for _, x := range c.whens {
		c.lookWhen(x, now, by)
	}
}

// when is an action of the timeline that a condition sets off.
type when struct {
	action int
	cond   *watched
	held   bool // at the last instant it was looked at
	fired  uint64
}

// lookWhen sets an action off when its condition has come to hold: reaction
// later, first at its instant.
func (c *Court) lookWhen(x *when, now clock.Time, by des.Key) {
	a := &c.sc.Timeline[x.action]
	t := &a.Trigger
	holds, err := x.cond.holds()
	if err != nil {
		c.Refused(a, err, now, by)
		return
	}
	rose := holds && !x.held
	x.held = holds
	if !rose || now < t.From || now > t.Until || t.Times != 0 && x.fired >= t.Times {
		return
	}
	c.scene.Fire(x.action, x.fired, now.Add(c.sc.Run.Reaction))
	x.fired++
}

// Fail notes the first failure, and tells the scene of each.
func (c *Court) Fail(f *Failure) {
	f.Who = c.scene.Who(f.Key)
	if c.failure == nil {
		c.failure = f
	}
	c.scene.Failed(f)
}

// Close judges the run at its end, r.End. Stopped says that it was cut short,
// by a failure or a limit. Verdict, Expect and Failure of the result are filled
// in.
func (c *Court) Close(r *Result, stopped bool) {
	c.judgeError(r)
	r.Verdict = Pass
	for _, j := range c.judges {
		x := j.verdict(r.End, !stopped)
		if x.Verdict == Inconclusive {
			r.Verdict = Inconclusive
		}
		r.Expect = append(r.Expect, x)
	}
	if errors.Is(r.Err, des.ErrEvents) {
		r.Verdict = Inconclusive
	}
	if c.failure != nil {
		r.Verdict, r.Failure = Fail, c.failure
	}
}

// judgeError makes failures of what is wrong whatever is expected.
func (c *Court) judgeError(r *Result) {
	var panicked *cells.PanicError
	var zero *des.ZeroDelayError
	f := &Failure{Time: r.End, Key: c.scene.Current()}
	switch {
	case errors.As(r.Err, &panicked):
		f.Property, f.Cell = PropertyPanic, string(panicked.Cell)
	case errors.As(r.Err, &zero):
		f.Property = PropertyZeroDelay
	case r.Err != nil && !errors.Is(r.Err, des.ErrEvents):
		f.Property = PropertyTimeline
	default:
		return
	}
	f.Text, f.Who = r.Err.Error(), c.scene.Who(f.Key)
	if c.failure == nil {
		c.failure = f
	}
}

// condition is a condition with what it saw last.
func (c *Court) condition(cond *Condition) *watched {
	x := &watched{scene: c.scene, cond: cond, last: make([]Value, len(cond.Watch))}
	c.watched = append(c.watched, x)
	return x
}

// Watch asks the scene to announce changes of what conditions read. Cells and
// links that come later are met when they are there.
func (c *Court) Watch() {
	for _, x := range c.watched {
		for i := range x.cond.Watch {
			c.scene.Watch(&x.cond.Watch[i])
		}
	}
}

// property is a judge's oracle, made anew.
func (c *Court) property(e *Expectation) (cells.Oracle, error) {
	p, ok := c.reg.Property(e.Property)
	if !ok {
		return nil, fmt.Errorf("%s:%d: no property %q", e.File, e.Line, e.Property)
	}
	return p.New(), nil
}
