package datacenter

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"example.com/dsim/cells"
)

// Fault is something that is done to a link while it runs.
type Fault struct {
	// Op is cut, heal, inject or clear. Cut makes the link carry nothing; heal
	// ends that; inject sets parameters, such as loss; clear makes the link what
	// it was when it was added.
	Op string `json:"op" enum:"cut,heal,inject,clear"`
	// How says what a cut does to what is on the way: lost, drain or hold.
	How string `json:"how,omitempty" enum:"lost,drain,hold" doc:"with cut: what becomes of what is on the way; lost if empty"`
	// Direction is ab or ba; empty is both.
	Direction string `json:"direction,omitempty" enum:"ab,ba" doc:"from the first end, or from the second; both if empty"`
	// Params are what inject sets.
	Params map[string]string `json:"params,omitempty" doc:"with inject" example:"{\"loss\":\"10%\"}"`
}

// Inject does a fault to a link, as a batch of its own; it gives that batch's
// version.
func (c *Controller) Inject(ctx context.Context, link string, f Fault) (uint64, error) {
	c.mu.Lock()
	kept, ok := c.lines[link]
	var now cells.LinkStatus
	if ok {
		for _, l := range c.model.snapshot().Links {
			if l.Name == link {
				now = l
			}
		}
	}
	c.mu.Unlock()
	if !ok {
		return 0, fmt.Errorf("no link %q", link)
	}
	ab, ba, err := f.params(kept.spec, now)
	if err != nil {
		return 0, fmt.Errorf("link %q: %w", link, err)
	}
	spec := cells.LinkSpec{Name: link, AB: ab, BA: ba}
	switch {
	case f.Direction == "ab":
		spec.BA = nil
	case f.Direction == "ba":
		spec.AB = nil
	case f.Direction != "":
		return 0, fmt.Errorf("link %q: direction %q: must be ab, ba, or empty for both", link, f.Direction)
	case slices.Equal(ab, ba):
		spec.Both, spec.AB, spec.BA = ab, nil, nil
	}
	version, err := c.Next(ctx, Batch{Changes: []cells.Change{{Op: cells.SetLink, Link: spec}}})
	if err == nil {
		c.note(Event{Kind: "link-" + f.Op, Link: link, Version: version, Text: linkText(spec)})
	}
	return version, err
}

// params are what a fault sets in each direction.
func (f *Fault) params(added cells.LinkSpec, now cells.LinkStatus) (ab, ba []cells.Param, err error) {
	same := func(list ...cells.Param) ([]cells.Param, []cells.Param, error) { return list, list, nil }
	switch f.Op {
	case "cut":
		how := f.How
		if how == "" {
			how = "lost"
		}
		if !slices.Contains([]string{"lost", "drain", "hold"}, how) {
			return nil, nil, fmt.Errorf("cut %q: must be lost, drain or hold", how)
		}
		return same(cells.Param{Name: "cut", Value: how})
	case "heal":
		return same(cells.Param{Name: "cut", Value: "no"})
	case "inject":
		if len(f.Params) == 0 {
			return nil, nil, errors.New("inject: needs parameters, such as loss")
		}
		return same(paramList(f.Params)...)
	case "clear":
		ab, ba, err := effective(added)
		if err != nil {
			return nil, nil, err
		}
		return turn(now.AB, ab), turn(now.BA, ba), nil
	}
	return nil, nil, fmt.Errorf("fault %q: must be cut, heal, inject or clear", f.Op)
}
