package shrink

import (
	"slices"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/links"
	"example.com/dsim/scenarios"
)

// chance looks for another form of what chance does in the best, which is
// smaller for a person, or can be said by a scenario alone.
func (s *shrinker) chance() {
	if !s.best.Served {
		s.served()
		return
	}
	s.unharmed()
	if len(s.best.Verdicts()) == 0 {
		s.try(func(_ *scenarios.Scenario, w *repro.World) bool { w.Served = false; return true })
		return
	}
	switch { // more harm than there was, for as long as the run goes, may leave no time for progress
	case s.patient == nil:
		_ = s.drawn() || s.cut()
	case s.patient.within:
		s.cut()
	}
}

// served tries again to name the verdicts, now that the world is small. They
// stay named only if they are no more than one for each probability.
func (s *shrinker) served() {
	o, err := s.best.Run(s.ctx, repro.Options{Registry: s.opt.Registry, Choices: true})
	if err != nil {
		return
	}
	s.runs++
	f := o.Find(s.want)
	if f == nil {
		return
	}
	before, out, failed := s.best, s.out, s.failed
	z, err := s.measure(before, out, failed)
	if err != nil {
		return
	}
	w, _, err := repro.Serve(s.ctx, o, *f, repro.Options{Registry: s.opt.Registry})
	if err != nil || !w.Served || !s.accept(w) {
		return
	}
	s.verdicts()
	if now, err := s.measure(s.best, s.out, s.failed); err != nil || now.Faults > z.Faults {
		s.best, s.out, s.failed = before, out, failed
	}
}

// unharmed takes out of a world whose verdicts are served the parameters by
// which they were drawn.
func (s *shrinker) unharmed() {
	s.try(func(sc *scenarios.Scenario, _ *repro.World) bool {
		found := false
		for i := range sc.Initial {
			l := &sc.Initial[i].Link
			for _, list := range []*[]cells.Param{&l.Both, &l.AB, &l.BA} {
				had := len(*list)
				*list = slices.DeleteFunc(slices.Clone(*list), impairs)
				found = found || len(*list) < had
			}
		}
		return found
	})
}

// Seeds and probabilities that are tried in place of verdicts by name.
const seedsTried = 24

var (
	ofFrames = []string{"50%", "20%"}
	ofBits   = []string{"1e-3", "1e-2"}
)

// drawn puts probabilities and a seed in the place of verdicts.
func (s *shrinker) drawn() bool {
	byLink := make(map[string][]string) // what links do, by direction
	var order []string
	for _, c := range s.best.Verdicts() {
		v, err := links.ParseVerdict(c.Value)
		if err != nil {
			return false
		}
		for _, name := range harms(&v) {
			if byLink[c.Where] == nil {
				order = append(order, c.Where)
			}
			if !slices.Contains(byLink[c.Where], name) {
				byLink[c.Where] = append(byLink[c.Where], name)
			}
		}
	}
	kinds := 0
	for _, list := range byLink {
		kinds += len(list)
	}
	if kinds > len(s.best.Verdicts()) {
		return false // more would have to be said than now
	}
	for _, both := range []bool{true, false} {
		for level := range ofFrames {
			for seed := uint64(1); seed <= seedsTried && !s.over(); seed++ {
				if s.try(func(sc *scenarios.Scenario, w *repro.World) bool {
					w.Served, w.Choices = false, nil
					w.Seed, sc.Seed = des.SeedOf(seed), des.SeedOf(seed)
					for _, where := range order {
						for _, name := range byLink[where] {
							impair(sc, where, name, level, both)
						}
					}
					return true
				}) {
					return true
				}
			}
		}
	}
	return false
}

// harms are the parameters that a verdict may come from.
func harms(v *links.Verdict) (names []string) {
	for _, x := range []struct {
		is   bool
		name string
	}{{v.Drop, "loss"}, {len(v.Flips) > 0, "ber"}, {v.Copies > 0, "dup"}, {v.Late > 0, "reorder"}, {v.Refuse, "refuse"}, {v.Reset, "reset"}} {
		if x.is {
			names = append(names, x.name)
		}
	}
	return names
}

// impair gives the link of a direction a probability, in that direction or both.
func impair(sc *scenarios.Scenario, where, name string, level int, both bool) {
	value := ofFrames[level]
	if name == "ber" {
		value = ofBits[level]
	}
	link, ab := strings.TrimRight(where, "<>"), strings.HasSuffix(where, ">")
	for i := range sc.Initial {
		l := &sc.Initial[i].Link
		if sc.Initial[i].Op != cells.AddLink || l.Name != link {
			continue
		}
		list := &l.Both
		switch {
		case both:
		case ab:
			list = &l.AB
		default:
			list = &l.BA
		}
		*list = slices.DeleteFunc(slices.Clone(*list), func(p cells.Param) bool { return p.Name == name })
		*list = append(*list, cells.Param{Name: name, Value: value})
		if name == "reorder" {
			*list = append(*list, cells.Param{Name: "reorder.delay", Value: "5ms"})
		}
	}
}

// A cut in the place of lost frames begins a moment before the first is sent and
// ends a moment after the last.
var cutMoments = []time.Duration{time.Millisecond, 100 * time.Microsecond, 10 * time.Microsecond}

// cutsMost is how many cuts a person would write.
const cutsMost = 3

// cut puts cuts for a moment in the place of lost frames.
func (s *shrinker) cut() bool {
	o, err := s.best.Run(s.ctx, repro.Options{Registry: s.opt.Registry, Choices: true})
	if err != nil {
		return false
	}
	s.runs++
	list := anchoredAnew(s.best.Verdicts(), o.Choices)
	for _, c := range list {
		if !strings.HasPrefix(c.Value, "drop:") || strings.Contains(c.Value, " ") {
			return false
		}
	}
	spans := rowsOf(list)
	if len(spans) > cutsMost {
		return false
	}
	for i := range 2 * len(cutMoments) {
		moment, how := cutMoments[i/2], []string{"lost", "drain"}[i%2]
		if s.try(func(sc *scenarios.Scenario, w *repro.World) bool {
			w.Served, w.Choices = false, nil
			for _, x := range spans {
				sc.Timeline = append(sc.Timeline, cutAt(x, moment, how))
			}
			return true
		}) {
			return true
		}
	}
	return false
}

// row is frames of a direction that were lost one after the other.
type row struct {
	where    string
	next     uint64
	from, to clock.Time
}

// rowsOf puts lost frames into rows.
func rowsOf(list []repro.Choice) (rows []row) {
	for _, c := range list {
		i := slices.IndexFunc(rows, func(x row) bool { return x.where == c.Where && x.next == c.N })
		if i < 0 {
			rows = append(rows, row{c.Where, c.N, c.Anchor.At, c.Anchor.At})
			i = len(rows) - 1
		}
		rows[i].next, rows[i].to = c.N+1, max(rows[i].to, c.Anchor.At)
	}
	return rows
}

// cutAt cuts a direction around the instants of a row.
func cutAt(x row, moment time.Duration, how string) scenarios.Action {
	where, from := x.where, max(x.from.Add(-moment/2), 0)
	moment += x.to.Sub(x.from)
	link := strings.TrimRight(where, "<>")
	set := func(how string) []cells.Change {
		l := cells.LinkSpec{Name: link}
		list := &l.AB
		if strings.HasSuffix(where, "<") {
			list = &l.BA
		}
		*list = []cells.Param{{Name: "cut", Value: how}}
		return []cells.Change{{Op: cells.SetLink, Link: l}}
	}
	return scenarios.Action{
		Trigger: scenarios.Trigger{Kind: scenarios.At, From: from, Until: clock.Never}, Fault: true,
		Steps: []scenarios.Step{{Changes: set(how)}, {After: moment, Changes: set("no"), Ends: true}},
	}
}
