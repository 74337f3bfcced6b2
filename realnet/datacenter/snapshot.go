package datacenter

import (
	"context"
	"slices"
	"strings"
	"time"

	"example.com/dsim/cells"
)

// awayMax bounds a question to a site that did not answer the last one.
const awayMax = 250 * time.Millisecond

// Snapshot is the topology with everybody's status; see [cells.Datacenter]. All
// sites are asked, side by side. Of one that does not answer it is what it said
// last; of a dead one, too, and its cell is crashed.
func (c *Controller) Snapshot() cells.Snapshot {
	return c.snapshot(c.ask(func(s *site) { s.refresh(c.ctx) }))
}

// ask does something with all sites that can be asked, side by side, and gives
// all that there are, in the order of their cells' names.
func (c *Controller) ask(do func(*site)) []*site {
	sites := c.all()
	there := slices.DeleteFunc(slices.Clone(sites), func(s *site) bool { return s.plain || s.why() != nil })
	each(there, callsMax, func(s *site) error {
		do(s)
		return nil // one that does not answer keeps nobody from being asked
	})
	return sites
}

// patience is a context for a question that nothing depends on: one that did not
// answer the last is not given long.
func (s *site) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away != "" {
		return context.WithTimeout(ctx, awayMax)
	}
	return context.WithCancel(ctx)
}

// refresh asks a site for its part of a snapshot.
func (s *site) refresh(ctx context.Context) {
	ctx, cancel := s.patience(ctx)
	defer cancel()
	_ = s.ask(func(r *remote) error {
		snap, err := r.snapshot(ctx)
		if err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.snap = snap
		return nil
	})
}

// snapshot is the model with what the sites have said last.
func (c *Controller) snapshot(sites []*site) cells.Snapshot {
	c.mu.Lock()
	snap := c.model.snapshot()
	c.mu.Unlock()
	snap.Time = c.now()
	for _, s := range sites {
		i, ok := slices.BinarySearchFunc(snap.Cells, s.id, func(x cells.CellStatus, id cells.ID) int {
			return strings.Compare(string(x.ID), string(id))
		})
		if ok {
			snap.Cells[i] = s.status(snap.Cells[i])
		}
	}
	return snap
}

// status is a cell's status as its site told it last, or else as it is meant to
// be.
func (s *site) status(meant cells.CellStatus) cells.CellStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	meant.State = nil
	status := meant
	for _, x := range s.snap.Cells {
		if x.ID == s.alias {
			status = x
			status.ID = s.id
		}
	}
	if s.dead != "" {
		status.Run = cells.Crashed
	}
	return status
}
