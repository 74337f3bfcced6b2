package shrink

import (
	"cmp"
	"slices"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/scenarios"
)

// reduce goes through all passes again and again, until a round changes nothing.
// It reports whether it came to that.
func (s *shrinker) reduce() bool {
	passes := []func(){
		s.expectations, s.until, s.verdicts, s.timeline, s.pairs, s.cells, s.links, s.joins, s.targets, s.ports,
		s.settings, s.params, s.times, s.order, s.plainVerdicts, s.earlier, s.seed, s.until,
	}
	for range roundsMax {
		before := keyOf(&s.best, false)
		for _, pass := range passes {
			pass()
		}
		if s.over() {
			return false
		}
		if keyOf(&s.best, false) == before {
			return true
		}
	}
	return false
}

// chunks takes away parts of a list: all, halves, quarters, single ones. drop is
// to take those of [i, j) away from the best, and says whether it could.
func (s *shrinker) chunks(count func() int, drop func(i, j int) bool) {
	for size := count(); size >= 1; size /= 2 {
		for i := 0; i < count() && !s.over(); {
			if j := min(i+size, count()); !drop(i, j) {
				i = j
			}
		}
	}
}

// expectations drops all but the one that fails.
func (s *shrinker) expectations() {
	path := s.failed.Failure.Path
	keep := func(e *scenarios.Expectation) bool { return e.Path == path }
	ok := s.try(func(sc *scenarios.Scenario, _ *repro.World) bool {
		n := len(sc.Expect)
		sc.Expect = slices.DeleteFunc(sc.Expect, func(e scenarios.Expectation) bool { return !keep(&e) })
		s.unmeant(sc)
		return len(sc.Expect) < n
	})
	if ok {
		return
	}
	s.chunks(func() int { return len(s.out.Result.Scenario.Expect) }, func(i, j int) bool {
		return s.try(func(sc *scenarios.Scenario, _ *repro.World) bool {
			if slices.ContainsFunc(sc.Expect[i:j], func(e scenarios.Expectation) bool { return e.Path == s.failed.Failure.Path }) {
				return false
			}
			sc.Expect = slices.Delete(sc.Expect, i, j)
			s.unmeant(sc)
			return true
		})
	})
}

// unmeant takes out that the scenario is meant to fail in another way than it
// is wanted to.
func (s *shrinker) unmeant(sc *scenarios.Scenario) {
	if sc.Fails != s.want.Property {
		sc.Fails = ""
	}
}

// until ends the run just past the failure.
func (s *shrinker) until() {
	at := int64(s.failed.Failure.Time)
	if p := s.patient; p != nil && !p.within {
		// What had not come by the end is to have as much time as it had.
		at = int64(s.out.Result.Scenario.Run.Until) - int64(quietOf(s.out.Result.Scenario, &s.best)-p.quiet)
	}
	now := int64(s.out.Result.Scenario.Run.Until)
	if at <= 0 {
		at = int64(time.Millisecond) - 1 // it fails at once
	}
	if now <= roundUp(at, 2) && now%max(place(now)/100, 1) == 0 {
		return // it is short and plain
	}
	list := []int64{at, roundUp(at, 2), roundUp(at, 3), at + 1}
	if s.patient != nil { // what comes too late is another failure than what never comes
		list = append(list, roundUp(at*2, 1), roundUp(at*5, 1), roundUp(at*10, 1))
	}
	for _, t := range list {
		if t >= now || t == at && at%max(place(at)/10, 1) != 0 {
			continue // the very time of the failure only if it is a plain one
		}
		if s.try(func(sc *scenarios.Scenario, _ *repro.World) bool { sc.Run.Until = clock.Time(t); return true }) {
			return
		}
	}
}

// timeline drops entries, and then steps of those that have many.
func (s *shrinker) timeline() {
	list := func() []scenarios.Action { return s.out.Result.Scenario.Timeline }
	end := s.failed.Failure.Time
	s.try(func(sc *scenarios.Scenario, _ *repro.World) bool { // what was never due
		n := len(sc.Timeline)
		sc.Timeline = slices.DeleteFunc(sc.Timeline, func(a scenarios.Action) bool { return a.Trigger.From > end })
		return len(sc.Timeline) < n
	})
	s.chunks(func() int { return len(list()) }, func(i, j int) bool {
		return s.try(func(sc *scenarios.Scenario, _ *repro.World) bool {
			if s.strict() && slices.ContainsFunc(sc.Timeline[i:j], asked) {
				return false
			}
			sc.Timeline = slices.Delete(sc.Timeline, i, j)
			return true
		})
	})
	for a := range list() {
		if len(list()[a].Steps) < 3 {
			continue
		}
		s.chunks(func() int { return len(list()[a].Steps) }, func(i, j int) bool {
			return s.try(func(sc *scenarios.Scenario, _ *repro.World) bool {
				sc.Timeline[a].Steps = slices.Delete(slices.Clone(sc.Timeline[a].Steps), i, j)
				return len(sc.Timeline[a].Steps) > 0
			})
		})
	}
}

// order puts the entries in the order of their times.
func (s *shrinker) order() {
	s.try(func(sc *scenarios.Scenario, _ *repro.World) bool {
		by := func(a, b scenarios.Action) int { return cmp.Compare(a.Trigger.From, b.Trigger.From) }
		if slices.IsSortedFunc(sc.Timeline, by) {
			return false
		}
		slices.SortStableFunc(sc.Timeline, by)
		return true
	})
}

// pairsMax bounds the entries that are looked at in pairs.
const pairsMax = 24

// pairs takes away two entries that are about the same, such as a crash and the
// restart that cannot be without it; or makes one of them, which lasts.
func (s *shrinker) pairs() {
	for i := 0; i < len(s.out.Result.Scenario.Timeline); i++ {
		for j := i + 1; j < min(len(s.out.Result.Scenario.Timeline), pairsMax); j++ {
			list := s.out.Result.Scenario.Timeline
			if !alike(&list[i], &list[j]) {
				continue
			}
			if s.try(func(sc *scenarios.Scenario, _ *repro.World) bool {
				if s.strict() && (asked(sc.Timeline[i]) || asked(sc.Timeline[j])) {
					return false
				}
				sc.Timeline = slices.Delete(slices.Delete(sc.Timeline, j, j+1), i, i+1)
				return true
			}) {
				j = i
				continue
			}
			s.try(func(sc *scenarios.Scenario, _ *repro.World) bool {
				a, b := &sc.Timeline[i], sc.Timeline[j]
				if len(a.Steps) != 1 || len(b.Steps) != 1 || !b.Steps[0].Ends || b.Trigger.From <= a.Trigger.From || a.Fault != b.Fault {
					return false
				}
				end := b.Steps[0]
				end.After = b.Trigger.From.Sub(a.Trigger.From)
				a.Steps = append(slices.Clone(a.Steps), end)
				sc.Timeline = slices.Delete(sc.Timeline, j, j+1)
				return true
			})
		}
	}
}

// alike reports whether two entries happen once and change the same things.
func alike(a, b *scenarios.Action) bool {
	if a.Trigger.Kind != scenarios.At || b.Trigger.Kind != scenarios.At || a.Stop || b.Stop {
		return false
	}
	of := func(x *scenarios.Action) (names []string) {
		for i := range x.Steps {
			for j := range x.Steps[i].Changes {
				names = append(names, targetOf(&x.Steps[i].Changes[j]))
			}
		}
		slices.Sort(names)
		return slices.Compact(names)
	}
	names := of(a)
	return len(names) > 0 && slices.Equal(names, of(b))
}

// asked reports whether an entry is something that is asked of cells: neither a
// fault nor the end of one.
func asked(a scenarios.Action) bool {
	return !a.Fault && !a.Stop && slices.ContainsFunc(a.Steps, func(x scenarios.Step) bool {
		return x.Command != nil || slices.ContainsFunc(x.Changes, func(c cells.Change) bool { return c.Op != cells.SetLink })
	})
}

// targets takes away cells and links that an entry acts on, where it has
// several.
func (s *shrinker) targets() {
	for a := range s.out.Result.Scenario.Timeline {
		for _, name := range targetsOf(&s.out.Result.Scenario.Timeline[a]) {
			s.try(func(sc *scenarios.Scenario, _ *repro.World) bool {
				x := &sc.Timeline[a]
				x.Steps = slices.Clone(x.Steps)
				for i := range x.Steps {
					x.Steps[i].Changes = slices.DeleteFunc(slices.Clone(x.Steps[i].Changes), func(c cells.Change) bool { return targetOf(&c) == name })
					if len(x.Steps[i].Changes) == 0 {
						return false
					}
				}
				return true
			})
		}
	}
}

func targetOf(c *cells.Change) string {
	if c.Op == cells.AddCell || c.Op == cells.SetCell || c.Op == cells.RemoveCell {
		return "cell " + string(c.Cell.ID)
	}
	return "link " + c.Link.Name
}

// targetsOf are what an entry changes, if it is more than one.
func targetsOf(a *scenarios.Action) (names []string) {
	for i := range a.Steps {
		for j := range a.Steps[i].Changes {
			if name := targetOf(&a.Steps[i].Changes[j]); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if len(names) < 2 {
		return nil
	}
	return names
}

// verdicts drops what links do to frames.
func (s *shrinker) verdicts() {
	if !s.best.Served {
		return
	}
	end := s.failed.Failure.Time
	s.try(func(_ *scenarios.Scenario, w *repro.World) bool {
		n := len(w.Choices)
		w.Choices = slices.DeleteFunc(w.Choices, func(c repro.Choice) bool { return c.What == repro.Verdict && c.Anchor.At > end })
		return len(w.Choices) < n
	})
	s.chunks(func() int { return len(s.best.Verdicts()) }, func(i, j int) bool {
		return s.try(func(_ *scenarios.Scenario, w *repro.World) bool {
			w.Choices = slices.Delete(w.Verdicts(), i, j)
			return true
		})
	})
}

// settings puts what a run may be told to what holds without it.
func (s *shrinker) settings() {
	for _, e := range []func(*scenarios.Scenario){
		func(sc *scenarios.Scenario) { sc.Run.NoStop = false },
		func(sc *scenarios.Scenario) { sc.Run.Shuffled = false },
		func(sc *scenarios.Scenario) { sc.Run.Events = 0 },
		func(sc *scenarios.Scenario) { sc.Run.Delta = 0 },
		func(sc *scenarios.Scenario) { sc.Run.Reaction = reactionDefault },
	} {
		s.try(func(sc *scenarios.Scenario, _ *repro.World) bool { e(sc); return true })
	}
	for i := range s.out.Result.Scenario.Initial {
		s.try(func(sc *scenarios.Scenario, _ *repro.World) bool {
			c := &sc.Initial[i].Cell
			had := c.Clock != (cells.ClockSpec{})
			c.Clock = cells.ClockSpec{}
			return had
		})
	}
}

// seed tries the first of all.
func (s *shrinker) seed() {
	one := des.SeedOf(1)
	s.try(func(sc *scenarios.Scenario, w *repro.World) bool {
		sc.Seed, w.Seed = one, one
		return s.best.Seed != one
	})
}

// earlier puts verdicts on frames that are sent sooner, together and then each,
// so that what comes before them can go.
func (s *shrinker) earlier() {
	if !s.best.Served || len(s.best.Verdicts()) == 0 {
		return
	}
	first := slices.MinFunc(s.best.Verdicts(), func(a, b repro.Choice) int { return cmp.Compare(a.N, b.N) }).N
	for by := first; by > 0; by /= 2 {
		if s.try(func(_ *scenarios.Scenario, w *repro.World) bool {
			w.Choices = w.Verdicts()
			for i := range w.Choices {
				w.Choices[i].N -= by
			}
			return true
		}) {
			break
		}
	}
	for i, c := range s.best.Verdicts() {
		for _, n := range []uint64{0, c.N / 2, c.N - min(c.N, 2), c.N - min(c.N, 1)} {
			if s.try(func(_ *scenarios.Scenario, w *repro.World) bool {
				w.Choices = w.Verdicts()
				if i >= len(w.Choices) || n >= w.Choices[i].N || slices.ContainsFunc(w.Choices, func(o repro.Choice) bool { return o.Where == c.Where && o.N == n }) {
					return false
				}
				w.Choices[i].N = n
				return true
			}) {
				break
			}
		}
	}
}
