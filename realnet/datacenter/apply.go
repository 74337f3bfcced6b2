package datacenter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/dsim/cells"
)

// Apply carries out a batch; see [cells.Datacenter] and [Controller.ApplyBatch].
func (c *Controller) Apply(version uint64, batch []cells.Change) error {
	return c.ApplyBatch(context.Background(), Batch{Version: version, Changes: batch})
}

// Next carries out a batch as the version after the last, whatever that is.
func (c *Controller) Next(ctx context.Context, b Batch) (uint64, error) {
	c.applying.Lock()
	defer c.applying.Unlock()
	b.Version = c.Version() + 1
	return b.Version, c.apply(ctx, &b)
}

// ApplyBatch carries out a batch. It is judged whole; then the processes of new
// cells are started and every site prepares its part; if all can, all commit.
// Otherwise nothing has happened, and the version is not used.
//
// When it returns without an error the batch is decided. A site that did not
// answer the commit is told again until it has it, or is dead; another batch that
// concerns it waits for that.
func (c *Controller) ApplyBatch(ctx context.Context, b Batch) error {
	c.applying.Lock()
	defer c.applying.Unlock()
	return c.apply(ctx, &b)
}

// apply is ApplyBatch. c.applying is held.
func (c *Controller) apply(ctx context.Context, b *Batch) error {
	sum := b.sum()
	p, done, err := c.plan(b, sum)
	switch {
	case done:
		return nil
	case err != nil:
		return c.refuse(b, err)
	}
	if err = p.prepare(ctx); err != nil {
		err = fmt.Errorf("batch %d: %w", b.Version, err)
	} else {
		err = c.decide(p, sum)
	}
	if c.prepared != nil {
		c.prepared()
	}
	if err != nil {
		p.abort()
		return c.refuse(b, err)
	}
	p.commit(ctx)
	p.settle(ctx)
	c.applied.Add(1)
	p.told()
	return nil
}

// refuse notes that a batch was not carried out, and why.
func (c *Controller) refuse(b *Batch, err error) error {
	c.refused.Add(1)
	c.note(Event{Kind: "batch-refused", Version: b.Version, Text: err.Error()})
	return err
}

// plan judges a batch and splits it. It is done if it was the last one.
func (c *Controller) plan(b *Batch, sum uint64) (p *plan, done bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, false, fmt.Errorf("batch %d: %w", b.Version, ErrClosed)
	}
	c.bury()
	if b.Version == c.model.version() && sum == c.last && b.Version > 0 {
		return nil, true, nil
	}
	if err := c.model.judge(b.Version, b.Changes); err != nil {
		return nil, false, err
	}
	if b.Version <= c.model.version() {
		return nil, false, fmt.Errorf("batch %d: %w: the last was %d, of other places or wires", b.Version, cells.ErrStale, c.model.version())
	}
	if err := b.check(); err != nil {
		return nil, false, fmt.Errorf("batch %d: %w", b.Version, err)
	}
	for i := range b.Changes {
		spec := b.Changes[i].Cell
		if b.Changes[i].Op == cells.AddCell && spec.Protocol == "" && b.Places[spec.ID] == (Place{}) {
			_, err := c.opt.Make(spec) // in its maker's own words
			if err == nil {
				err = errors.New("needs a protocol, or an address where it runs")
			}
			return nil, false, fmt.Errorf("batch %d: cell %q: %w", b.Version, spec.ID, err)
		}
	}
	if p, err = c.split(b); err != nil {
		return nil, false, fmt.Errorf("batch %d: %w", b.Version, err)
	}
	return p, false, nil
}

// bury tells the model who has died. c.mu and c.applying are held.
func (c *Controller) bury() {
	for _, id := range slices.Sorted(maps.Keys(c.sites)) {
		if _, dead := c.sites[id].isDead(); dead {
			c.model.crash(id)
		}
	}
}

// concerned are the sites that have a part, in the order of their cells' names.
func (p *plan) concerned() []*site {
	list := slices.Collect(maps.Keys(p.parts))
	slices.SortFunc(list, func(a, b *site) int { return strings.Compare(string(a.id), string(b.id)) })
	return list
}

// prepare opens new sites and has every site prepare its part.
func (p *plan) prepare(ctx context.Context) error {
	named := func(do func(*site) error) func(*site) error {
		return func(s *site) error {
			if err := do(s); err != nil {
				return fmt.Errorf("cell %q: %w", s.id, err)
			}
			return nil
		}
	}
	old := slices.DeleteFunc(p.concerned(), func(s *site) bool { return slices.Contains(p.fresh, s) })
	if err := first(each(old, callsMax, named(func(s *site) error { return s.catchUp(ctx) }))); err != nil {
		return err
	}
	if err := first(each(p.fresh, startsMax, named(func(s *site) error { return s.open(ctx) }))); err != nil {
		return err
	}
	if err := p.adapt(); err != nil {
		return err
	}
	full := slices.DeleteFunc(p.concerned(), func(s *site) bool { return s.plain })
	if err := first(each(full, callsMax, named(func(s *site) error { return p.prepareSite(ctx, s) }))); err != nil {
		return err
	}
	return p.bind(ctx)
}

// adapt takes from the parts of sites that were taken over what they have, or
// cannot do.
func (p *plan) adapt() error {
	for _, s := range p.fresh {
		q := p.parts[s]
		if q == nil || s.ours() {
			continue
		}
		for i := range q.Batch {
			q.Batch[i] = s.local(q.Batch[i]) // its name is known now
		}
		if s.has || s.plain {
			q.Batch = slices.DeleteFunc(q.Batch, func(c cells.Change) bool { return c.Op == cells.AddCell })
		}
		if len(q.Batch) == 0 {
			delete(p.parts, s)
		}
	}
	return nil
}

func (p *plan) prepareSite(ctx context.Context, s *site) error {
	q := p.parts[s]
	q.Version = s.next(q.batch)
	err := s.ask(func(r *remote) error { return r.prepare(ctx, q) })
	if refused := (*refusal)(nil); errors.As(err, &refused) && s.place.URL != "" && strings.Contains(err.Error(), cells.ErrStale.Error()) {
		// Somebody else has changed what we took over: ask how far it is.
		return s.ask(func(r *remote) error {
			now, err := r.snapshot(ctx)
			if err != nil {
				return err
			}
			s.tried = max(s.tried, now.Version)
			q.Version = s.next(q.batch)
			return r.prepare(ctx, q)
		})
	}
	return err
}

// abort leaves everything as it was. What does not answer forgets by itself: a
// version that was prepared is never committed by another.
func (p *plan) abort() {
	ctx := context.Background()
	p.unbind()
	old := slices.DeleteFunc(p.concerned(), func(s *site) bool { return s.plain || slices.Contains(p.fresh, s) })
	each(old, callsMax, func(s *site) error {
		if q := p.parts[s]; q.Version != 0 {
			_ = s.ask(func(r *remote) error { return r.abort(ctx, q.Version) })
		}
		return nil
	})
	for _, s := range p.fresh {
		p.c.leave(s, false)
	}
}

// decide is the moment from which the batch holds.
func (c *Controller) decide(p *plan, sum uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.model.apply(p.batch.Version, p.batch.Changes); err != nil {
		return err
	}
	if err := c.model.err(); err != nil {
		return err
	}
	c.last, c.sites, c.lines = sum, p.sites, p.lines
	for i := range p.batch.Changes {
		id := p.batch.Changes[i].Cell.ID
		if run, life := c.model.run(id); run != cells.Removed {
			c.lives[id] = life + 1
		}
	}
	for s, q := range p.parts {
		if !s.plain {
			s.mu.Lock()
			s.owed = q
			s.mu.Unlock()
		}
	}
	return nil
}

// commit lets all sites act, and ends those that are gone.
func (p *plan) commit(ctx context.Context) {
	ctx = context.WithoutCancel(ctx) // it is decided
	c := p.c
	list := slices.DeleteFunc(p.concerned(), func(s *site) bool { return s.plain })
	each(list, callsMax, func(s *site) error {
		if err := s.deliver(ctx, p.parts[s]); err != nil {
			c.log.Warn("a commit was missed", "cell", s.id, "error", err)
		}
		return nil
	})
	for _, s := range p.gone {
		_, dead := s.isDead()
		c.leave(s, !dead)
	}
	for _, w := range p.cut {
		c.forgetWire(w)
	}
}

// leave ends a site, beside whatever else goes on.
func (c *Controller) leave(s *site, shutdown bool) {
	c.work.Go(func() { s.close(shutdown) })
}
