package shrink

import (
	"fmt"
	"slices"
	"strings"

	"example.com/dsim/clock"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/scenarios"
)

// Neighbour is a world beside the smallest one that passes.
type Neighbour struct {
	What   string `json:"what"`             // "links.ab.loss", or what is left out
	Passes string `json:"passes,omitempty"` // the nearest value that passes; empty: without it
	Fails  string `json:"fails"`            // the value nearest to it that fails
}

// String is the neighbour in words: "links.ab.loss: 3% passes, 4% fails".
func (n Neighbour) String() string {
	if n.Passes == "" {
		return fmt.Sprintf("without %s it passes", n.What)
	}
	return fmt.Sprintf("%s: %s passes, %s fails", n.What, n.Passes, n.Fails)
}

// Bounds of the search for neighbours: runs for all of them, and how often a
// span may be doubled.
const (
	neighbourRuns = 600
	doublings     = 5
)

// neighbours looks for the nearest worlds that pass, the most telling first:
// faults by their number, then faults as such, then what cells are told.
func (s *shrinker) neighbours() []Neighbour {
	type ranked struct {
		rank int
		n    Neighbour
	}
	var list []ranked
	most := s.runs + neighbourRuns
	for _, k := range knobsOf(s.out.Result.Scenario) {
		if s.runs > most || s.ctx.Err() != nil {
			break
		}
		if n, ok := s.neighbour(&k); ok {
			list = append(list, ranked{rankOf(&k), n})
		}
	}
	for _, n := range s.leftOut(most) {
		list = append(list, ranked{1, n})
	}
	slices.SortStableFunc(list, func(a, b ranked) int { return a.rank - b.rank })
	var out []Neighbour
	for _, x := range list {
		out = append(out, x.n)
	}
	return out
}

func rankOf(k *knob) int {
	switch {
	case k.of == ofEntry || k.of == ofLink && slices.ContainsFunc(impairing, func(p string) bool { return strings.HasPrefix(k.param, p) }):
		return 0
	case k.of == ofCell:
		return 2
	}
	return 3
}

// leftOut leaves out each verdict and each entry of the timeline.
func (s *shrinker) leftOut(most int) (list []Neighbour) {
	for i, c := range s.best.Verdicts() {
		if s.runs <= most && s.passes(func(_ *scenarios.Scenario, w *repro.World) {
			w.Choices = slices.Delete(w.Verdicts(), i, i+1)
		}) {
			list = append(list, Neighbour{What: c.String()})
		}
	}
	for i := range s.out.Result.Scenario.Timeline {
		if s.runs <= most && s.passes(func(sc *scenarios.Scenario, _ *repro.World) {
			sc.Timeline = slices.Delete(slices.Clone(sc.Timeline), i, i+1)
		}) {
			list = append(list, Neighbour{What: entryText(&s.out.Result.Scenario.Timeline[i])})
		}
	}
	return list
}

// longer is how many times as long a neighbour runs at least, and it runs to the
// end of the first world: that a failure comes a little later is no pass.
const longer = 10

// passes reports whether the best with an edit passes.
func (s *shrinker) passes(e func(*scenarios.Scenario, *repro.World)) bool {
	sc := s.model()
	w := s.best.Clone()
	e(sc, &w)
	sc.Fails = ""
	if s.patient == nil && sc.Run.Until < clock.Never/longer {
		sc.Run.Until = max(sc.Run.Until*longer, s.long)
	}
	next, err := w.With(sc)
	if err != nil {
		return false
	}
	o := s.within(next, s.events+s.out.Result.Events*longer+eventsMore)
	return o != nil && len(o.Failures) == 0 && o.Result.Verdict == scenarios.Pass
}

// neighbour looks for the nearest value of a knob that passes.
func (s *shrinker) neighbour(k *knob) (Neighbour, bool) {
	n, ok := parseNumber(s.valueOf(k))
	if !ok || n.v <= 0 {
		return Neighbour{}, false
	}
	do := func(v int64) bool {
		return s.passes(func(sc *scenarios.Scenario, _ *repro.World) { k.set(sc, n.with(v).String()) })
	}
	var best Neighbour
	far := int64(-1)
	for _, goal := range goals(k, n) {
		if !do(goal) {
			continue
		}
		pass, fail := closest(n, goal, do)
		if d := abs(pass - n.v); far < 0 || d < far {
			far = d
			best = Neighbour{What: k.name, Passes: n.with(pass).String(), Fails: n.with(fail).String()}
		}
		if goal > n.v {
			break // doubled further, it passes all the more
		}
	}
	return best, far >= 0
}

// goals are values that may pass: none of it, and, of times, more.
func goals(k *knob, n number) (list []int64) {
	list = append(list, 0)
	if !n.span && k.of != ofCell || k.param == "loss" {
		return list
	}
	v := n.v
	for range doublings {
		v *= 2
		list = append(list, v)
	}
	return list
}

// closest bisects between a value that fails and one that passes, down to what
// people would call neighbours.
func closest(n number, goal int64, passes func(int64) bool) (pass, fail int64) {
	pass, fail = goal, n.v
	one := max(n.one(), n.with(max(pass, 1)).one())
	if n.span || !n.whole() {
		one = max(min(n.one(), place(max(pass, fail))/100), 1)
	}
	if n.unit == "%" && n.v >= 10*billion {
		one = billion
	}
	for {
		d := abs(pass - fail)
		if d <= one {
			return pass, fail
		}
		mid := min(pass, fail) + d/2
		mid -= mid % one
		if mid <= min(pass, fail) {
			mid = min(pass, fail) + one - min(pass, fail)%one
		}
		if mid >= max(pass, fail) {
			return pass, fail
		}
		if passes(mid) {
			pass = mid
		} else {
			fail = mid
		}
	}
}
