package live

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/scenarios"
)

// tracks are what the timeline has done so far: the topology it led to, and
// which version was whose. It is ahead of what the mirrors have seen.
type tracks struct {
	version   uint64
	links     []cells.LinkStatus // names and ends of those there are, in the order in which they came
	faults    map[uint64]bool    // versions of batches that count as faults
	dead      map[cells.ID]bool  // cells whose process is gone
	faultsEnd bool               // `stop: faults` has acted
}

func (t *tracks) begin(sc *scenarios.Scenario) {
	t.faults, t.dead = make(map[uint64]bool), make(map[cells.ID]bool)
	t.version = 1
	t.follow(sc.Initial)
}

// follow takes notice of a batch that was applied, in the order in which it
// acts: what is removed goes first.
func (t *tracks) follow(batch []cells.Change) {
	for i := range batch {
		c := &batch[i]
		t.links = slices.DeleteFunc(t.links, func(l cells.LinkStatus) bool {
			switch c.Op {
			case cells.RemoveLink:
				return l.Name == c.Link.Name
			case cells.RemoveCell:
				return cellOf(l.Ends[0]) == c.Cell.ID || cellOf(l.Ends[1]) == c.Cell.ID
			}
			return false
		})
		if c.Op == cells.SetCell && runOf(c) != "" {
			delete(t.dead, c.Cell.ID) // it is back, or was not dead
		}
	}
	for i := range batch {
		if l := &batch[i].Link; batch[i].Op == cells.AddLink {
			t.links = append(t.links, cells.LinkStatus{Name: l.Name, Ends: [2]string{l.A.String(), l.B.String()}, Stream: l.Stream})
		}
	}
}

// snapshot is what steps that choose their links choose from.
func (t *tracks) snapshot() cells.Snapshot {
	s := cells.Snapshot{Version: t.version, Links: slices.Clone(t.links)}
	slices.SortFunc(s.Links, func(a, b cells.LinkStatus) int { return cmp.Compare(a.Name, b.Name) })
	return s
}

// cellOf is the cell of "cell:port", or of "cell".
func cellOf(end string) cells.ID {
	cell, _, _ := strings.Cut(end, ":")
	return cells.ID(cell)
}

// runOf is what a change makes of what a cell is doing; empty if nothing.
func runOf(c *cells.Change) string {
	for _, q := range c.Cell.Params {
		if q.Name == cells.SetRun {
			return q.Value
		}
	}
	return ""
}

// happening is something that was done to the site from outside its journals, as
// the mirrors are to see it.
type happening struct {
	at      clock.Time
	action  *scenarios.Action // of the timeline; nil for the death of a process
	refused error             // it could not be carried out
	killed  []cells.ID        // their processes are gone
	died    string            // why, if nobody has asked for it
	removed []cells.ID        // cells that are no more
	anew    []string          // links that begin to count anew
}

// act carries out what is due.
func (r *run) act() error {
	for {
		now := r.clock.Now()
		e, due := r.agenda.take(now)
		if !due {
			return nil
		}
		a := &r.sc.Timeline[e.action]
		s := &a.Steps[e.step]
		if a.Fault && r.tracks.faultsEnd && !s.Ends {
			continue
		}
		h := &happening{at: now, action: a}
		fault := a.Stop || a.Fault && !r.tracks.faultsEnd
		if a.Stop {
			r.tracks.faultsEnd = true
		}
		added, err := r.carryOut(s, h, fault)
		h.refused = err
		r.res.Late.act(r.clock.Now(), e.at) // it is late until it is done
		r.merge.note(h)
		if added {
			if err := r.merge.open(); err != nil {
				return err
			}
		}
	}
}

// carryOut does one step to the site, and says whether there may be new
// processes.
func (r *run) carryOut(s *scenarios.Step, h *happening, fault bool) (added bool, err error) {
	if s.Command != nil {
		_, err := r.site.Command(s.Command.Cell, s.Command.Args)
		return false, err
	}
	changes := s.Resolve(r.tracks.snapshot())
	if r.opt.Kill {
		if changes, err = r.kill(changes, h); err != nil {
			return false, err
		}
	}
	if len(changes) == 0 {
		return false, nil
	}
	version := s.Version
	if version == 0 {
		version = r.tracks.version + 1
	}
	revived := slices.ContainsFunc(changes, func(c cells.Change) bool {
		return c.Op == cells.AddCell || c.Op == cells.SetCell && r.tracks.dead[c.Cell.ID]
	})
	if err := r.site.Apply(version, changes); err != nil {
		return revived, err
	}
	r.tracks.version = version
	r.tracks.faults[version] = fault
	r.tracks.follow(changes)
	for i := range changes {
		switch c := &changes[i]; c.Op {
		case cells.RemoveCell:
			h.removed = append(h.removed, c.Cell.ID)
		case cells.AddLink:
			h.anew = append(h.anew, c.Link.Name)
		}
	}
	return revived, nil
}

// kill ends the processes of cells that a batch crashes, and gives the rest of
// the batch.
func (r *run) kill(changes []cells.Change, h *happening) ([]cells.Change, error) {
	var rest []cells.Change
	for _, c := range changes {
		if c.Op != cells.SetCell || runOf(&c) != "crash" || len(c.Cell.Params) > 1 {
			rest = append(rest, c)
			continue
		}
		id := c.Cell.ID
		if r.tracks.dead[id] {
			return nil, fmt.Errorf("cell %q: cannot crash, it is crashed", id)
		}
		if err := r.site.Kill(id); err != nil {
			return nil, fmt.Errorf("cell %q: %w", id, err)
		}
		r.tracks.dead[id] = true
		h.killed = append(h.killed, id)
		h.at = r.clock.Now()
	}
	return rest, nil
}
