package replay

import (
	"errors"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// Comparer compares a run with a trace while it goes: it is the run's
// [des.Sink] and [des.ChoiceSink]. What the run does is compared record by
// record with a trace of level events, and mark by mark with one of level
// choices; choices always.
//
//	c := replay.NewComparer(t)
//	… run, with c as its sinks …
//	if err := c.Finish(); errors.Is(err, replay.ErrDiverged) { fmt.Print(c.Divergence()) }
type Comparer struct {
	t     *Trace
	opt   DiffOptions
	marks bool
	m     matcher
	c     choiceMatcher
	run   *Header
	err   error
	diff  *Difference
	done  bool
}

var (
	_ des.Sink       = (*Comparer)(nil)
	_ des.ChoiceSink = (*Comparer)(nil)
)

// ErrDiverged says that a run did not do what the trace says.
var ErrDiverged = errors.New("the run and the trace go apart")

// NewComparer compares with t, which must stay open until Finish.
func NewComparer(t *Trace) *Comparer {
	c := &Comparer{t: t, opt: DiffOptions{}.withDefaults(), marks: t.header.Level == Choices}
	c.m = matcher{next: nextRecord(t, c.marks), before: c.opt.Before, window: c.opt.Window}
	c.c = choiceMatcher{next: nextChoice(t)}
	return c
}

// Against says what the run would write as its header, so that a difference of
// builds or overrides can be named as the cause. Without it both are taken for
// runs of one process.
func (c *Comparer) Against(h Header) {
	h.TextHash = hashText(h.Text)
	c.run = &h
}

// Record takes the run's next record.
func (c *Comparer) Record(r *des.Record) {
	if c.err != nil || c.done || c.marks && r.Op != des.OpMark {
		return
	}
	c.err = c.m.feed(r)
}

// Choose takes the run's next choice.
func (c *Comparer) Choose(x *des.Choice) {
	if c.err != nil || c.done {
		return
	}
	c.err = c.c.feed(x)
}

// Diverged reports whether a difference was seen. A run may end there; what it
// still does helps to say why.
func (c *Comparer) Diverged() bool { return c.m.apart || c.c.apart }

// Full reports whether more of the run would tell nothing.
func (c *Comparer) Full() bool { return c.err != nil || c.m.done() }

// Reached is the time of the last record or choice that was the same.
func (c *Comparer) Reached() clock.Time { return max(c.m.reached, c.c.reached) }

// Finish says that the run has ended. It gives an error that wraps ErrDiverged
// and names the first difference, nil if there was none, or what went wrong
// with reading the trace. A trace without a summary was cut short: a run that
// goes on where it ends has not diverged.
func (c *Comparer) Finish() error {
	if c.done {
		return c.err
	}
	c.done = true
	stopped := c.Diverged() // the run may have been ended early
	if c.err == nil {
		c.err = c.m.finish()
	}
	if c.err == nil && !stopped {
		c.err = c.c.finish()
	}
	if c.err != nil {
		return c.err
	}
	k := comparison{m: &c.m, c: &c.c, marks: c.marks, openA: c.t.open(), together: c.run == nil}
	if stopped && len(c.m.b) == 0 {
		k.openB = true // a choice differed, and the run was not asked for more
	}
	if c.run != nil {
		k.header = DiffHeaders(c.t.header, *c.run)
	}
	if c.diff = k.explain(); c.diff == nil {
		return nil
	}
	c.err = c.causes()
	if c.err == nil {
		c.err = divergedError{c.diff}
	}
	return c.err
}

// causes finds the ancestors on both sides. Up to the difference the run did
// what the trace says, so its past is in the trace as well.
func (c *Comparer) causes() (err error) {
	d := c.diff
	d.A.Name = c.t.name
	if c.marks {
		return nil
	}
	if d.A.Causes, err = sideCauses(c.t, d.A.Here, c.opt.Causes); err != nil || len(d.B.Here) == 0 {
		return err
	}
	r := d.B.Here[0].Record
	past, err := Causes(c.t, r.Cause, c.opt.Causes-1)
	d.B.Causes = append([]des.Record{r}, past...)
	return err
}

// Divergence is the first difference, nil if there is none or Finish was not
// called.
func (c *Comparer) Divergence() *Difference { return c.diff }

type divergedError struct{ d *Difference }

func (e divergedError) Error() string { return ErrDiverged.Error() + ": " + e.d.Headline() }
func (e divergedError) Unwrap() error { return ErrDiverged }
