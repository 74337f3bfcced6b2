package explain

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/scenarios"
)

// Effect says what leaving a fault out changes.
type Effect string

// The effects, what matters most first.
const (
	Decisive Effect = "decisive" // nothing fails
	Other    Effect = "other"    // it fails otherwise
	Unclear  Effect = "unclear"  // a budget runs out first
	Together Effect = "together" // the same fails, but not if one more is left out
	Harmless Effect = "harmless" // the same fails, if perhaps at another time
)

var effects = []Effect{Decisive, Other, Unclear, Together, Harmless}

// Twin is how a world comes out that differs in one thing.
type Twin struct {
	Verdict   scenarios.Verdict `json:"verdict"`
	Same      bool              `json:"same"`                // it fails as the world does
	Signature string            `json:"signature,omitempty"` // of its first failure
	At        clock.Time        `json:"at_ns,omitempty"`     // when it failed
	Equal     bool              `json:"equal,omitempty"`     // event by event, it is the same run
}

// Pair is two faults, by their place in Faults, neither of which is decisive,
// and which are so together.
type Pair struct {
	A       int   `json:"a"`
	B       int   `json:"b"`
	Without *Twin `json:"without"`
}

// twin runs a world and says how it comes out.
func (x *explainer) twin(ctx context.Context, w repro.World) (*Twin, error) {
	out, err := x.run(ctx, w, repro.Options{Registry: x.opt.Registry})
	if err != nil {
		return nil, err
	}
	t := &Twin{Verdict: out.Result.Verdict, Equal: out.Digest == x.out.Digest}
	if errors.Is(out.Result.Err, des.ErrEvents) {
		t.Verdict = scenarios.Inconclusive
	}
	f := out.Find(x.sig)
	if t.Same = f != nil; !t.Same && len(out.Failures) > 0 {
		f = &out.Failures[0]
	}
	if f != nil {
		t.Signature, t.At = f.Signature.String(), f.Failure.Time
	}
	return t, nil
}

// effect is what a twin says of what it was left.
func (x *explainer) effect(t *Twin) Effect {
	switch {
	case t.Same:
		return Harmless
	case t.Signature != "":
		return Other
	case t.Verdict == scenarios.Inconclusive:
		return Unclear
	}
	return Decisive
}

// twins leaves out each fault, and says what it changes.
func (x *explainer) twins(ctx context.Context, e *Explanation) error {
	x.faults, x.owners = timelineFaults(x.sc)
	x.faults = append(x.faults, parameterFaults(x.sc, x.world.Served)...)
	var singles []Fault
	first := len(x.faults)
	if x.world.Served {
		var groups []Fault
		groups, singles = verdictFaults(x.world)
		for i := range singles {
			singles[i].part += first
		}
		x.faults = append(x.faults, groups...)
	}
	all := x.indices(func(*Fault) bool { return true })
	if len(all) == 0 {
		return nil
	}
	if err := x.leaveOut(ctx, all); err != nil {
		return err
	}
	bare, err := x.without(all...)
	if err != nil {
		return err
	}
	if e.Bare, err = x.twin(ctx, bare); err != nil {
		return err
	}
	if e.Untried, err = x.singly(ctx, singles); err != nil {
		return err
	}
	if err := x.alone(ctx); err != nil {
		return err
	}
	if !e.Bare.Same && len(x.indices(matters)) == 0 {
		if e.Pairs, err = x.pairs(ctx); err != nil {
			return err
		}
	}
	e.Faults = x.faults
	if e.Bare.Same {
		return nil
	}
	e.Sealed, err = x.sealed(ctx)
	return err
}

func matters(f *Fault) bool { return f.Effect == Decisive || f.Effect == Other }

func (x *explainer) indices(is func(*Fault) bool) (list []int) {
	for i := range x.faults {
		if is(&x.faults[i]) {
			list = append(list, i)
		}
	}
	return list
}

// leaveOut runs the twins of some faults.
func (x *explainer) leaveOut(ctx context.Context, list []int) error {
	return x.side(ctx, len(list), func(k int) error {
		f := &x.faults[list[k]]
		w, err := x.without(list[k])
		if err != nil {
			return err
		}
		if f.Without, err = x.twin(ctx, w); err == nil {
			f.Effect = x.effect(f.Without)
		}
		return err
	})
}

// singly leaves out single verdicts: all, if they are few; else those of kinds
// that matter, the last before the failure. It gives how many were not tried.
func (x *explainer) singly(ctx context.Context, singles []Fault) (untried int, err error) {
	list := singles
	if len(list) > x.opt.Verdicts {
		list = slices.DeleteFunc(slices.Clone(list), func(f Fault) bool { return !matters(&x.faults[f.part-1]) })
		slices.SortStableFunc(list, func(a, b Fault) int { return cmp.Compare(b.At, a.At) })
		list = list[:min(len(list), x.opt.Verdicts)]
	}
	first := len(x.faults)
	x.faults = append(x.faults, list...)
	which := make([]int, len(list))
	for i := range which {
		which[i] = first + i
	}
	return len(singles) - len(list), x.leaveOut(ctx, which)
}

// alone runs what is decisive with no other fault, and so finds what is enough.
func (x *explainer) alone(ctx context.Context) error {
	list := x.indices(matters)
	return x.side(ctx, len(list), func(k int) error {
		f := &x.faults[list[k]]
		others := x.indices(func(g *Fault) bool { return g != f && !sharing(f, g) })
		w, err := x.without(others...)
		if err != nil {
			return err
		}
		if f.Kind == Verdict {
			w.Choices = slices.Clone(f.choices)
		}
		f.Alone, err = x.twin(ctx, w)
		return err
	})
}

// sharing reports whether two faults have a verdict in common.
func sharing(f, g *Fault) bool {
	return slices.ContainsFunc(f.choices, func(c repro.Choice) bool { return slices.Contains(g.choices, c) })
}

// pairs leaves out two faults at a time, where none matters by itself.
func (x *explainer) pairs(ctx context.Context) (found []Pair, err error) {
	var list []Pair
	for a := range x.faults {
		for b := a + 1; b < len(x.faults) && len(list) < PairsMax; b++ {
			f, g := &x.faults[a], &x.faults[b]
			if !sharing(f, g) && !(f.Without.Equal && g.Without.Equal) { // two that did nothing do nothing together
				list = append(list, Pair{A: a, B: b})
			}
		}
	}
	err = x.side(ctx, len(list), func(k int) error {
		w, err := x.without(list[k].A, list[k].B)
		if err != nil {
			return err
		}
		list[k].Without, err = x.twin(ctx, w)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		if e := x.effect(p.Without); e == Decisive || e == Other {
			found = append(found, p)
			x.faults[p.A].Effect, x.faults[p.B].Effect = Together, Together
		}
	}
	return found, nil
}

// rank puts what mattered most first: by its effect, then what is enough by
// itself, then in the order of time.
func rank(e *Explanation) {
	order := make([]int, len(e.Faults))
	for i := range order {
		order[i] = i
	}
	enough := func(f *Fault) int {
		if f.Alone != nil && f.Alone.Same {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := &e.Faults[i], &e.Faults[j]
		return cmp.Or(
			cmp.Compare(slices.Index(effects, a.Effect), slices.Index(effects, b.Effect)),
			cmp.Compare(enough(a), enough(b)), cmp.Compare(a.At, b.At),
		)
	})
	faults := make([]Fault, len(order))
	to := make([]int, len(order))
	for k, i := range order {
		faults[k], to[i] = e.Faults[i], k
	}
	e.Faults = faults
	for i := range e.Pairs {
		p := &e.Pairs[i]
		p.A, p.B = min(to[p.A], to[p.B]), max(to[p.A], to[p.B])
	}
}

// Sealed is the first instant from which on the failure needs no further fault:
// with those that began until then and none after, the same fails.
type Sealed struct {
	At   clock.Time `json:"at_ns"`
	What []string   `json:"what"` // the faults that began at that instant
	Left int        `json:"left"` // that began later, and are not needed
}

// sealed looks for the instant, by halves: what fails without later faults is
// taken to fail with some of them too.
func (x *explainer) sealed(ctx context.Context) (*Sealed, error) {
	base := x.indices(func(f *Fault) bool { return f.Kind != Verdict || f.part == 0 }) // each verdict once, in its group
	var times []clock.Time
	for _, i := range base {
		f := &x.faults[i]
		times = append(times, f.At)
		for _, c := range f.choices {
			times = append(times, c.Anchor.At)
		}
	}
	slices.Sort(times)
	times = slices.Compact(times)
	upTo := func(t clock.Time) (*Twin, int, error) {
		out := x.indices(func(f *Fault) bool { return len(f.choices) == 0 && f.At > t })
		w, err := x.without(out...)
		if err != nil {
			return nil, 0, err
		}
		n := len(w.Choices)
		w.Choices = slices.DeleteFunc(w.Choices, func(c repro.Choice) bool { return c.Anchor.At > t })
		twin, err := x.twin(ctx, w)
		return twin, len(out) + n - len(w.Choices), err
	}
	lo, hi := 0, len(times)-1
	for lo < hi {
		mid := (lo + hi) / 2
		twin, _, err := upTo(times[mid])
		if err != nil {
			return nil, err
		}
		if twin.Same {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	s := &Sealed{At: times[hi]}
	twin, left, err := upTo(s.At)
	if err != nil || !twin.Same {
		return nil, err
	}
	s.Left = left
	for _, i := range base {
		f := &x.faults[i]
		switch {
		case f.Kind == Verdicts:
			for _, c := range f.choices {
				if c.Anchor.At == s.At {
					s.What = append(s.What, verdictText(c))
				}
			}
		case f.At == s.At:
			s.What = append(s.What, f.What)
		}
	}
	return s, nil
}
