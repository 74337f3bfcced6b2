package explore

import (
	"slices"
	"strconv"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/scenarios"
)

// Chance is what plans are drawn from: the stream of a seed, or the draws of
// somebody who wants them smaller afterwards. Of both, the least number is the
// simplest thing that can be drawn.
type Chance interface {
	// N is one of 0 … n-1.
	N(n uint64) uint64
	// Int64 is one of least … most.
	Int64(least, most int64) int64
}

var _ Chance = (*des.Rand)(nil)

// Family is a family of faults that worlds of a scenario may have.
type Family struct {
	Name string
	// Least and Most are how many faults of it a plan has, if it has any: one of
	// a family that makes links bad, and of one that acts as many as declared.
	Least, Most int
}

// Families are the families that the scenario allows, and that can harm
// something in it.
func (x *Explorer) Families() (out []Family) {
	for i := range x.target.families {
		f := &x.target.families[i]
		one := Family{f.Name, 1, 1}
		if f.Param == "" {
			r := x.target.ranges[f.Name]
			least, err := strconv.Atoi(r.Least)
			most, err2 := strconv.Atoi(r.Most)
			if err != nil || err2 != nil {
				panic("explore: " + f.Name + ": " + r.Least + " to " + r.Most) // the loader has checked it
			}
			one.Least, one.Most = least, max(least, most)
		}
		if one.Most > 0 {
			out = append(out, one)
		}
	}
	return out
}

// Drawing is a plan that is drawn fault by fault, for those who decide by
// themselves which there are.
type Drawing struct {
	d    *drawer
	plan *Plan
}

// Drawing begins a plan. Some of what would end its faults is left out if open
// says so.
func (x *Explorer) Drawing(c Chance, open bool) *Drawing {
	d := &drawer{t: x.target, r: c, busy: make(map[cells.ID][][2]clock.Time), left: open}
	return &Drawing{d: d, plan: &Plan{}}
}

// Fault draws one fault of a family, from the ranges of the scenario. It says
// false, and adds none, if the family is none of Families, makes links bad and
// is there already, or would harm a cell that is down then.
func (d *Drawing) Fault(family string) (Fault, bool) {
	i := d.d.t.rank(family)
	if i < 0 || len(d.plan.Faults) >= faultsMax {
		return Fault{}, false
	}
	there := func(f Fault) bool { return f.Family == family }
	if d.d.t.families[i].Param != "" && slices.ContainsFunc(d.plan.Faults, there) {
		return Fault{}, false
	}
	list := d.d.again(family)
	if len(list) == 0 {
		return Fault{}, false
	}
	d.plan.Faults = append(d.plan.Faults, list...)
	return list[0], true
}

// Plan draws how the faults end, and ties, and gives the plan.
func (d *Drawing) Plan() *Plan {
	slices.SortStableFunc(d.plan.Faults, func(a, b Fault) int { return d.d.t.rank(a.Family) - d.d.t.rank(b.Family) })
	d.d.end(d.plan)
	return d.plan
}

// Judge says what an outcome of a world counts for: the failures that count by
// themselves, and those that a budget has left open. That something did not
// happen sometimes is no failure of one world, and what comes after the
// scenario's own timeline could not be carried out counts for nothing.
func (x *Explorer) Judge(o *repro.Outcome) (failed []repro.Failed, open []scenarios.ExpectResult) {
	failed = failures(o)
	if i := slices.IndexFunc(failed, x.unfit); i >= 0 {
		return failed[:i], nil
	}
	for _, e := range o.Result.Expect {
		if e.Verdict == scenarios.Inconclusive && e.Mode != scenarios.Sometimes.String() {
			open = append(open, e)
		}
	}
	return failed, open
}
