package shrink

import (
	"reflect"
	"regexp"
	"slices"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/links"
	"example.com/dsim/scenarios"
)

// tryKnob turns a knob. Where the failure is that something has not come to
// hold, most may only be turned if that makes no difference.
func (s *shrinker) tryKnob(k *knob, e func(sc *scenarios.Scenario)) bool {
	change := func(sc *scenarios.Scenario, _ *repro.World) bool { e(sc); return true }
	if s.mayTurn(k) {
		return s.try(change)
	}
	return s.tryNeutral(change)
}

func (s *shrinker) mayTurn(k *knob) bool {
	switch p := s.patient; {
	case p == nil:
		return true
	case k.of == ofEntry: // what is asked of cells stays where it is
		return !p.strict || !asked(s.out.Result.Scenario.Timeline[k.entry])
	case k.of == ofLink:
		return impairs(cells.Param{Name: k.param})
	default:
		return !p.strict && counts(s.valueOf(k))
	}
}

func (s *shrinker) valueOf(k *knob) string { return k.get(s.out.Result.Scenario) }

// counts reports whether a value is a number of something.
func counts(text string) bool {
	n, ok := parseNumber(text)
	return ok && n.whole()
}

// params drops parameters, and makes numbers few and plain.
func (s *shrinker) params() {
	s.together()
	// From the last on: to drop one moves only those behind it.
	list := knobsOf(s.out.Result.Scenario)
	for i := len(list) - 1; i >= 0; i-- {
		k := &list[i]
		if k.of == ofEntry && k.drop == nil || s.dropped(k) {
			continue
		}
		s.plainer(k)
	}
}

// dropped takes a parameter away.
func (s *shrinker) dropped(k *knob) bool {
	if k.of == ofCell && k.param == "role" {
		return false // it tells a reader who is who
	}
	change := func(sc *scenarios.Scenario, _ *repro.World) bool { k.drop(sc); return true }
	_, number := parseNumber(s.valueOf(k))
	switch {
	case !s.mayTurn(k):
		// What makes no difference now may be what the fix needs.
		return s.isDefault(k) && s.tryNeutral(change)
	case k.of == ofCell && !number || k.of == ofLink && k.param == "delay":
		// A word says what a cell is, and in a world without delay time stands still.
		return s.tryNeutral(change)
	}
	return s.try(change)
}

// isDefault reports whether a parameter of a cell is what it would be if it was
// not given, or a link's does nothing.
func (s *shrinker) isDefault(k *knob) bool {
	value := s.valueOf(k)
	if k.of == ofLink {
		return isZero(value)
	}
	reg := s.opt.Registry
	if reg == nil {
		reg = scenarios.Default
	}
	for _, p := range reg.Protocols() {
		if p.Name != k.protocol || p.Config == nil {
			continue
		}
		t := reflect.TypeOf(p.Config()).Elem()
		for i := range t.NumField() {
			if tag := t.Field(i).Tag; tag.Get("dsim") == k.param {
				return same(tag.Get("default"), value)
			}
		}
	}
	return false
}

// same reports whether two texts say the same.
func same(a, b string) bool {
	m, ok := parseNumber(a)
	n, also := parseNumber(b)
	return a == b || ok && also && (m == n || m.v == 0 && n.v == 0)
}

// plainer makes a value less and rounder.
func (s *shrinker) plainer(k *knob) {
	n, ok := parseNumber(s.valueOf(k))
	if !ok {
		s.constant(k)
		return
	}
	if n.whole() && !s.mayTurn(k) {
		return // what is never reached now may be what the fix comes to
	}
	if n.whole() && k.of == ofCell {
		s.fewest(n, func(m number) bool {
			return s.tryKnob(k, func(sc *scenarios.Scenario) { k.set(sc, m.String()) })
		})
		n, _ = parseNumber(s.valueOf(k))
	}
	if n.whole() && n.v < 100*billion {
		return
	}
	for _, m := range n.roundings() {
		if s.tryKnob(k, func(sc *scenarios.Scenario) { k.set(sc, m.String()) }) {
			return
		}
	}
}

// quantity is a number within a distribution.
var quantity = regexp.MustCompile(`[0-9][0-9.]*[A-Za-zµ%]*`)

// constant puts a number of a distribution in its place: "uniform(50B, 500B)"
// becomes 50B.
func (s *shrinker) constant(k *knob) {
	for _, m := range quantity.FindAllString(s.valueOf(k), -1) {
		if s.tryKnob(k, func(sc *scenarios.Scenario) { k.set(sc, m) }) {
			return
		}
	}
}

// fewest bisects a whole number down to the least that does.
func (s *shrinker) fewest(n number, do func(number) bool) {
	low, high := int64(0), n.v/billion
	if high <= 0 || do(n.with(0)) {
		return
	}
	for high-low > 1 && !s.over() {
		if mid := low + (high-low)/2; do(n.with(mid * billion)) {
			high = mid
		} else {
			low = mid
		}
	}
}

// together lowers what several cells are told alike, in all of them at once: a
// sender and its receiver may both have to know how many messages there are.
func (s *shrinker) together() {
	type alike struct{ param, value string }
	groups := make(map[alike][]knob)
	var order []alike
	for _, k := range knobsOf(s.out.Result.Scenario) {
		a := alike{k.param, s.valueOf(&k)}
		if k.of == ofCell && counts(a.value) {
			if len(groups[a]) == 0 {
				order = append(order, a)
			}
			groups[a] = append(groups[a], k)
		}
	}
	for _, a := range order {
		list := groups[a]
		n, _ := parseNumber(a.value)
		if len(list) < 2 || !s.mayTurn(&list[0]) {
			continue
		}
		s.fewest(n, func(m number) bool {
			return s.tryKnob(&list[0], func(sc *scenarios.Scenario) {
				for i := range list {
					list[i].set(sc, m.String())
				}
			})
		})
	}
}

// halvings bounds how often a time is halved in one pass.
const halvings = 6

// times makes what happens happen earlier and at plain times, and last less.
func (s *shrinker) times() {
	s.sooner()
	for _, k := range knobsOf(s.out.Result.Scenario) {
		if k.of != ofEntry {
			continue
		}
		set := func(n number) bool {
			return s.tryKnob(&k, func(sc *scenarios.Scenario) { k.set(sc, n.String()) })
		}
		n, ok := parseNumber(s.valueOf(&k))
		if !ok || !n.span {
			continue
		}
		for range halvings {
			half := plainest(n.v / 2)
			if !s.mayTurn(&k) || k.param == "every" || half < int64(time.Millisecond) || !set(n.with(half)) {
				break
			}
			n = n.with(half)
		}
		for _, m := range n.roundings() {
			if (!s.strict() || m.v < n.v && s.mayTurn(&k)) && set(m) {
				break // a fault that comes late may leave nothing to be done after it
			}
		}
	}
}

// plainest is v with one digit.
func plainest(v int64) int64 {
	p := place(v)
	return max(v/p*p, 1)
}

// sooner takes waiting out: everything that happens at a time happens earlier by
// as much as the first of it, or by half of that.
func (s *shrinker) sooner() {
	const step = clock.Time(time.Millisecond) // finer ones say nothing to people
	for moved := !s.strict(); moved && !s.over(); {
		first := clock.Never
		for i := range s.out.Result.Scenario.Timeline {
			first = min(first, s.out.Result.Scenario.Timeline[i].Trigger.From)
		}
		moved = first != clock.Never && slices.ContainsFunc([]clock.Time{first, first - first/8, first / 2, first / 4}, func(by clock.Time) bool {
			by -= by % step
			return by > 0 && s.try(func(sc *scenarios.Scenario, _ *repro.World) bool {
				for i := range sc.Timeline {
					sc.Timeline[i].Trigger.From -= by
					if u := &sc.Timeline[i].Trigger.Until; *u != clock.Never {
						*u -= by
					}
				}
				return true
			})
		})
	}
}

// plainVerdicts makes what happens to a frame one thing, and the least of it.
func (s *shrinker) plainVerdicts() {
	if !s.best.Served {
		return
	}
	for i := range s.best.Verdicts() {
		for changed := true; changed && !s.over(); {
			list := s.best.Verdicts()
			if i >= len(list) {
				return
			}
			changed = slices.ContainsFunc(plainerVerdicts(list[i].Value), func(text string) bool {
				return s.try(func(_ *scenarios.Scenario, w *repro.World) bool {
					w.Choices = w.Verdicts()
					w.Choices[i].Value = text
					return true
				})
			})
		}
	}
}

// plainerVerdicts are verdicts that do less than one.
func plainerVerdicts(text string) (list []string) {
	v, err := links.ParseVerdict(text)
	if err != nil {
		return nil
	}
	add := func(x links.Verdict) {
		if t := x.String(); t != text && !x.Plain() && !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	add(links.Verdict{Drop: v.Drop, Reason: v.Reason})
	add(links.Verdict{Copies: v.Copies})
	add(links.Verdict{Late: v.Late})
	add(links.Verdict{Refuse: v.Refuse})
	add(links.Verdict{Reset: v.Reset})
	add(links.Verdict{Flips: v.Flips})
	if v.Copies > 1 {
		w := v
		w.Copies = 1
		add(w)
	}
	for size := len(v.Flips) / 2; size >= 1; size /= 2 {
		for i := 0; i+size <= len(v.Flips); i += size {
			w := v
			w.Flips = slices.Delete(slices.Clone(v.Flips), i, i+size)
			add(w)
		}
	}
	for _, n := range (number{v: int64(v.Late), span: true}).roundings() {
		w := v
		w.Late = clock.Time(n.v).Sub(0)
		add(w)
	}
	return list
}
