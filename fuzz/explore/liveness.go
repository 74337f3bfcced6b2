package explore

import (
	"errors"
	"fmt"
	"slices"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/scenarios"
)

// Liveness says how all worlds of a search end their faults, whatever the
// scenario says under heal.
type Liveness string

// The modes of liveness.
const (
	AsDeclared Liveness = ""          // as the scenario says: all is healed without it
	HealAll    Liveness = "heal-all"  // links are healed, cells restart
	HealCore   Liveness = "heal-core" // those of the core, and the rest may be lost for good
	Freeze     Liveness = "freeze"    // nothing is healed, only no more faults come
	Drawn      Liveness = "drawn"     // one of these in each world
)

// LivenessModes are the modes that can be asked for.
func LivenessModes() []string {
	return []string{string(HealAll), string(HealCore), string(Freeze), string(Drawn)}
}

// live sets how faults end. A search for lost progress wants something that
// must come, and to heal a core wants to know which cells are enough.
func (t *target) live(mode Liveness) error {
	core := t.sc.Explore != nil && len(t.sc.Explore.Core) > 0
	switch mode {
	case AsDeclared:
		return nil
	case HealAll:
		t.heal = []string{"all"}
	case HealCore:
		if !core {
			return fmt.Errorf("%s: liveness heal-core: which cells are enough? explore: {core: [NAMES]} in the scenario says so", t.sc.File)
		}
		t.heal = []string{"core"}
	case Freeze:
		t.heal = []string{"freeze"}
	case Drawn:
		t.heal = []string{"all", "freeze"}
		if core {
			t.heal = append(t.heal, "core")
		}
	default:
		return fmt.Errorf("liveness %q: must be heal-all, heal-core, freeze or drawn", string(mode))
	}
	if !asksProgress(t.sc) {
		return fmt.Errorf("%s: liveness %s: nothing must come: there is no eventually and no settled", t.sc.File, mode)
	}
	return nil
}

// asksProgress reports whether a scenario expects that something comes to hold.
func asksProgress(sc *scenarios.Scenario) bool {
	return slices.ContainsFunc(sc.Expect, func(e scenarios.Expectation) bool {
		return e.Mode == scenarios.Eventually || e.Mode == scenarios.Settled
	})
}

// lose draws which cells outside of the core are lost for good when the faults
// end: they go silent, since their links are cut. All of them in a third of the
// worlds, none in a third.
func (d *drawer) lose(core []cells.ID) (lost []cells.ID) {
	if d.t.sc.Explore == nil || len(d.t.sc.Explore.Core) == 0 {
		return nil // a half that was drawn need not be enough
	}
	k := d.r.N(3)
	for _, id := range d.t.all {
		if slices.Contains(core, id) || k == 0 {
			continue
		}
		if k == 1 || d.one(2) {
			lost = append(lost, id)
		}
	}
	return lost
}

// forsake cuts the links of the cells that are lost when the faults end.
func (f *folder) forsake() {
	s := scenarios.Step{}
	for i := range f.out.Initial {
		l := &f.out.Initial[i].Link
		e := ends(l)
		if f.out.Initial[i].Op == cells.AddLink && !f.gone[l.Name] &&
			(slices.Contains(f.plan.Lost, e[0]) || slices.Contains(f.plan.Lost, e[1])) {
			s.Changes = append(s.Changes, linkChange(l.Name, scenarios.BothSides, cutParams("lost")))
		}
	}
	if len(s.Changes) > 0 {
		f.out.Timeline = append(f.out.Timeline, scenarios.Action{
			Path: "drawn loss", Fault: true, Steps: []scenarios.Step{s},
			Trigger: scenarios.Trigger{Kind: scenarios.At, From: f.until, Until: clock.Never},
		})
	}
}

// Progress says how much of a search was about progress.
type Progress struct {
	Asked uint64 // worlds in which something had to come after the faults
	Idle  uint64 // of these: all of it was there already when the faults ended
	Early uint64 // inconclusive worlds whose budget of events ran out before that
}

// note takes in how a world fared.
func (p *Progress) note(o *repro.Outcome, until clock.Time) {
	asked, idle := false, true
	for i := range o.Result.Expect {
		e := &o.Result.Expect[i]
		if e.Mode != scenarios.Eventually.String() && e.Mode != scenarios.Settled.String() {
			continue
		}
		asked = true
		idle = idle && e.Mode == scenarios.Eventually.String() && e.Met != nil && *e.Met <= until
	}
	if errors.Is(o.Result.Err, des.ErrEvents) && o.Result.End < until {
		p.Early++
	}
	if asked {
		p.Asked++
		if idle {
			p.Idle++
		}
	}
}
