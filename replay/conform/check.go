package conform

import (
	"fmt"
	"slices"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay"
)

// checker goes through a trace once.
type checker struct {
	opt     Options
	res     Result
	changes []Change
	world   world
	cells   map[cells.ID]*puppet
	order   []*puppet
	alarms  alarms
	dials   map[des.Key][]dial // that nobody has accepted yet

	last   des.Key // the event that is being gone through
	began  bool
	latest map[des.Entity]des.Key
	first  uint64       // number of the event's first record
	group  []des.Record // its records
}

// dial is one Dial of a cell.
type dial struct {
	from cells.ID
	addr string
}

// Check goes through a trace of level events. The error is of the trace, or of
// what it is judged by, not of what is in it.
func Check(t *replay.Trace, opt Options) (Result, error) {
	if t.Header().Level != replay.Events {
		return Result{}, fmt.Errorf("trace %s: holds choices only: a trace of level events is needed", t.Name())
	}
	c := &checker{
		opt: opt, changes: slices.Clone(opt.Changes), cells: map[cells.ID]*puppet{}, latest: map[des.Entity]des.Key{},
		dials: map[des.Key][]dial{}, world: newWorld(),
	}
	c.world.lossy = opt.WireLoss
	slices.SortStableFunc(c.changes, func(a, b Change) int {
		switch {
		case a.At < b.At:
			return -1
		case a.At > b.At:
			return 1
		}
		return 0
	})
	for e, err := range t.Entries(0, clock.Never) {
		if err != nil {
			return c.res, err
		}
		if e.Record == nil || e.Record.Op == des.OpMark {
			continue
		}
		if v := c.take(e.Number, e.Record); v != nil {
			return c.found(v), nil
		}
	}
	if v := c.close(t); v != nil {
		return c.found(v), nil
	}
	return c.found(nil), nil
}

func (c *checker) found(v *Violation) Result {
	c.res.Violation = v
	c.res.Cells = len(c.cells)
	return c.res
}

// close judges the last event, and what should have happened before the end.
func (c *checker) close(t *replay.Trace) *Violation {
	if v := c.event(); v != nil {
		return v
	}
	c.res.End = c.last.Time
	if s, ok := t.Summary(); ok && s.End > c.res.End {
		c.res.End = s.End
	}
	if v := c.apply(c.res.End, true); v != nil {
		return v
	}
	return c.overdue(c.res.End)
}

// take gathers the records of an event, and judges it when it is whole.
func (c *checker) take(number uint64, r *des.Record) *Violation {
	c.res.Records++
	if r.Key == c.last && c.began {
		c.group = append(c.group, replay.Clone(r))
		return nil
	}
	if v := c.event(); v != nil {
		return v
	}
	c.first = number
	c.group = append(c.group[:0], replay.Clone(r))
	if v := c.inOrder(r); v != nil {
		v.Record = number
		return v
	}
	c.last, c.began = r.Key, true
	c.latest[r.Key.Entity] = r.Key
	c.res.Events++
	return nil
}

// inOrder wants an event behind those before it.
func (c *checker) inOrder(r *des.Record) *Violation {
	if !c.began {
		return nil
	}
	if k := r.Key; k.Time < c.last.Time || !c.opt.Live && k.Compare(c.last) <= 0 {
		return violation(r, "it stands behind event %s, which comes after it", replay.FormatKey(c.last))
	}
	if k, ok := c.latest[r.Key.Entity]; ok && r.Key.Compare(k) <= 0 {
		return violation(r, "it stands behind event %s of the same entity, which comes after it", replay.FormatKey(k))
	}
	return nil
}

// event judges the event whose records were gathered.
func (c *checker) event() *Violation {
	if !c.began {
		return nil
	}
	v := c.judge()
	if v != nil && v.Record == 0 {
		v.Record = c.first
	}
	return v
}

func (c *checker) judge() *Violation {
	at := c.group[0].Key.Time
	if v := c.apply(at, slices.ContainsFunc(c.group, func(r des.Record) bool { return r.Op == des.OpChange })); v != nil {
		return v
	}
	if v := c.overdue(at); v != nil {
		return v
	}
	for i := 0; i < len(c.group); {
		n, v := c.record(i)
		if v != nil {
			return v
		}
		i += n
	}
	return c.world.settle(&c.group[0])
}

// record judges the record at a place in the event, with the effects that follow
// from it, and says how many that are.
func (c *checker) record(i int) (int, *Violation) {
	r := &c.group[i]
	if !r.Cause.IsZero() && r.Cause.Time > r.Key.Time || r.Cause == r.Key {
		return 0, violation(r, "what is said to have caused it, event %s, is not before it", replay.FormatKey(r.Cause))
	}
	switch r.Op {
	case des.OpTimeline:
		if c.opt.Resolve != nil {
			if batch, ok := c.opt.Resolve(r.Text, c.world.snapshot()); ok {
				c.batch(&Change{At: r.Key.Time, Batch: batch})
			}
		}
		return 1, nil
	case des.OpChange, des.OpTransit:
		return 1, nil
	case des.OpVerdict:
		return 1, c.world.verdict(r)
	case des.OpMiss:
		return 1, c.world.arrival(r, c.opt.Live)
	}
	p := c.cells[cells.ID(r.Cell)]
	if p == nil {
		return 0, violation(r, "no cell of that name is there")
	}
	if r.Op == des.OpState && r.Text == "removed" {
		p.end()
		return 1, nil
	}
	if p.ended {
		return 0, violation(r, "the cell's process had ended")
	}
	switch r.Op {
	case des.OpPark:
		return 1, p.park(r)
	case des.OpState:
		return 1, p.state(r)
	}
	if !r.Op.Event() {
		return 0, violation(r, "the effect %s belongs to nothing that reached the cell", describe(r))
	}
	if r.Op == des.OpRecv && c.world.carries(r.Link) {
		if v := c.world.arrival(r, c.opt.Live); v != nil {
			return 0, v
		}
		c.res.Frames++
	}
	return p.event(c.group[i:])
}

// apply does to the world what was done to it before an instant; at it too, if
// the event that is judged is such a change. What was due before must have
// happened.
func (c *checker) apply(at clock.Time, with bool) *Violation {
	for len(c.changes) > 0 && (c.changes[0].At < at || with && c.changes[0].At == at || !c.opt.Live && c.changes[0].At <= at) {
		x := c.changes[0]
		c.changes = c.changes[1:]
		if v := c.overdue(x.At); v != nil {
			return v
		}
		c.batch(&x)
	}
	return nil
}

// batch applies a batch, in the order in which batches act.
func (c *checker) batch(x *Change) {
	for _, p := range c.order {
		if x.Cells[p.id] && x.Ends {
			p.end()
			c.world.leave(p.id)
		}
	}
	ops := []cells.ChangeOp{cells.RemoveLink, cells.RemoveCell, cells.SetLink, cells.AddCell, cells.AddLink}
	for _, op := range ops {
		for i := range x.Batch {
			if ch := &x.Batch[i]; ch.Op == op {
				c.change(x, ch)
			}
		}
	}
}

func (c *checker) change(x *Change, ch *cells.Change) {
	switch ch.Op {
	case cells.AddCell:
		p := c.cells[ch.Cell.ID]
		if p == nil {
			p = &puppet{id: ch.Cell.ID, c: c}
			c.cells[p.id] = p
			c.order = append(c.order, p)
		}
		p.begin(ch.Cell, x.At, x.Offset)
		c.world.rejoin(p)
	case cells.RemoveCell:
		if p := c.cells[ch.Cell.ID]; p != nil {
			p.end()
		}
		c.world.removeCell(ch.Cell.ID, c.cells)
	case cells.RemoveLink:
		c.world.removeLink(ch, x, c.cells, c.opt.Live)
	case cells.SetLink:
		c.world.setLink(ch, x)
	case cells.AddLink:
		c.world.addLink(ch, x, c.cells)
	}
}

// overdue wants every timer that was due before an instant to have fired.
func (c *checker) overdue(at clock.Time) *Violation {
	for {
		a, ok := c.alarms.first()
		if !ok || a.due >= at {
			return nil
		}
		c.alarms.pop()
		if p := a.p; p.live(a) && !p.paused {
			t := p.timers[a.id]
			return &Violation{
				Key: des.Key{Time: a.due, Entity: p.entity}, At: a.due, Event: replay.FormatKey(des.Key{Time: a.due, Entity: p.entity}),
				Cell: string(p.id), Why: fmt.Sprintf("timer %d, armed by event %s, is due and does not fire", a.id, replay.FormatKey(t.by)),
			}
		}
	}
}
