package scenarios

import (
	"fmt"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// judge follows one expectation through a run.
type judge struct {
	c      *Court
	spec   *Expectation
	cond   *watched     // of conditions
	oracle cells.Oracle // of properties
	failed *Failure
	met    *moment // sometimes: first; eventually: first since the last fault
	looks  uint64  // instants looked at
}

// moment is where in a run something was.
type moment struct {
	time clock.Time
	key  des.Key
}

func newJudge(c *Court, e *Expectation) (*judge, error) {
	j := &judge{c: c, spec: e}
	if e.Cond != nil {
		j.cond = c.condition(e.Cond)
		return j, nil
	}
	var err error
	if j.oracle, err = c.property(e); err != nil {
		return nil, err
	}
	c.scene.Subscribe(j.oracle.Kinds(), j.observe)
	return j, nil
}

// observe feeds an oracle. After its first error it is asked no more.
func (j *judge) observe(k des.Key, e cells.Emission) {
	if j.failed != nil {
		return
	}
	j.looks++
	if err := j.oracle.Observe(k, e); err != nil {
		j.fail(err.Error(), k.Time, k, string(e.Cell))
	}
}

func (j *judge) fail(text string, t clock.Time, k des.Key, cell string) {
	name := j.spec.Property
	if name == "" {
		name = j.spec.Name
	}
	j.failed = &Failure{Property: name, Path: j.spec.Path, File: j.spec.File, Line: j.spec.Line, Text: text, Time: t, Key: k, Cell: cell}
	j.c.Fail(j.failed)
}

// look judges a condition at the end of an instant.
func (j *judge) look(now clock.Time, key des.Key) {
	if j.cond == nil || j.failed != nil || j.met != nil && j.spec.Mode != Always && j.spec.Mode != Never {
		return
	}
	holds, err := j.cond.holds()
	if err != nil {
		j.fail(err.Error(), now, key, "")
		return
	}
	j.looks++
	switch j.spec.Mode {
	case Always:
		if !holds {
			j.fail("does not hold: "+strings.Join(j.cond.shown(), ", "), now, key, "")
		}
	case Never:
		if holds {
			j.fail("holds: "+strings.Join(j.cond.shown(), ", "), now, key, "")
		}
	case Sometimes, Eventually:
		if holds {
			j.met = &moment{now, key}
		}
	}
}

// from is where the window of an expectation begins.
func (j *judge) from() clock.Time {
	if !j.spec.AfterFaults {
		return 0
	}
	if s := j.c.stopFault; s != clock.Never {
		return s
	}
	return j.c.lastFault
}

// survey judges a structural property.
func (j *judge) survey(now clock.Time) {
	if j.failed != nil {
		return
	}
	j.looks++
	if err := j.oracle.(cells.Surveyor).Survey(j.c.scene.Snapshot()); err != nil {
		j.fail(err.Error(), now, j.c.scene.Current(), "")
		return
	}
	j.met = &moment{now, j.c.scene.Current()}
}

// settled looks once more at the end of a run that had its time.
func (j *judge) settled(r *ExpectResult, end clock.Time) {
	if to := j.from().Add(j.spec.Within); end < to {
		r.Verdict, r.Why = Inconclusive, fmt.Sprintf("the run ended at %s, it had to settle until %s", end, to)
		return
	}
	j.survey(end)
}

// verdict judges at the end of the run. Whole says that the run reached its
// end, and was not cut short by a failure or a limit.
func (j *judge) verdict(end clock.Time, whole bool) ExpectResult {
	r := ExpectResult{Path: j.spec.Path, Text: j.spec.String(), Mode: j.spec.Mode.String(), Verdict: Pass, Looks: j.looks}
	if j.oracle != nil && j.failed == nil && whole {
		if err := j.oracle.Finish(); err != nil {
			j.fail(err.Error(), end, j.c.scene.Current(), "")
		}
	}
	// What had not happened yet may have been to come after an earlier end than
	// the scenario was written for.
	had := whole && !j.c.sc.Short
	switch {
	case j.failed != nil:
	case j.spec.Mode == Sometimes:
		j.sometimes(&r, end, had)
	case j.spec.Mode == Eventually:
		j.eventually(&r, end, had)
	case j.spec.Mode == Settled:
		j.settled(&r, end)
	case !whole && j.c.failure == nil:
		r.Verdict, r.Why = Inconclusive, "held until the run was cut short"
	}
	if u, ok := j.oracle.(cells.Undecider); ok && r.Verdict == Pass {
		if why := u.Undecided(); why != "" {
			r.Verdict, r.Why = Inconclusive, why
		}
	}
	if j.failed != nil {
		r.Verdict, r.Failure = Fail, j.failed
	}
	if j.met != nil {
		r.Met = &j.met.time
	}
	return r
}

func (j *judge) sometimes(r *ExpectResult, end clock.Time, whole bool) {
	switch {
	case j.met != nil:
	case !whole:
		r.Verdict, r.Why = Inconclusive, "had not happened when the run was cut short"
	default:
		j.fail("never happened: "+strings.Join(j.cond.shown(), ", ")+" at the end", end, j.c.scene.Current(), "")
	}
}

// eventually holds if the condition was met within its window. A run that
// ended inside the window has not shown anything.
func (j *judge) eventually(r *ExpectResult, end clock.Time, whole bool) {
	from := j.from()
	to := end
	if j.spec.Within > 0 {
		to = from.Add(j.spec.Within)
	}
	switch {
	case j.met != nil && j.met.time <= to:
	case !whole && end < to || end < to:
		r.Verdict, r.Why = Inconclusive, fmt.Sprintf("the run ended at %s, its time was until %s", end, to)
	case j.spec.Within == 0 && !whole:
		r.Verdict, r.Why = Inconclusive, "had not happened when the run was cut short"
	default:
		text := fmt.Sprintf("not within %s after %s", to.Sub(from), from)
		if j.met != nil {
			text += fmt.Sprintf(": only at %s", j.met.time)
		} else {
			text += ": " + strings.Join(j.cond.shown(), ", ") + " at the end"
		}
		j.fail(text, to, j.c.scene.Current(), "")
	}
}
