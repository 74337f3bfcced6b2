package explain

import (
	"slices"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/scenarios"
)

// movable is a fault of the timeline that may as well have come at another
// time.
type movable struct {
	at, until clock.Time // when it was; until is at if nothing of its own ends it
	latest    clock.Time // the last instant at which it may begin
	actions   []int      // entries that move with it
	down      []string   // cells that are down meanwhile
}

// movables are the faults that can be moved. One whose end it shares with
// others comes before that end; the rest are over when the last of them was.
func (x *explainer) movables() (list []movable) {
	end := x.sc.StopFault
	if end == clock.Never {
		end = 0
		for i := range x.faults {
			if f := &x.faults[i]; f.Kind == Timeline {
				end = max(end, f.At, f.Until)
			}
		}
	}
	for i := range x.faults {
		f := &x.faults[i]
		if f.Kind != Timeline {
			continue
		}
		a := &x.sc.Timeline[f.action]
		if a.Trigger.Kind != scenarios.At || slices.ContainsFunc(a.Steps, func(s scenarios.Step) bool { return s.Version != 0 }) {
			continue
		}
		m := movable{at: f.At, until: max(f.Until, f.At), latest: end, actions: []int{f.action}, down: downBy(a.Steps)}
		shared := false
		for p, own := range x.owners {
			if !slices.Contains(own, i) {
				continue
			}
			if x.onlyOf(p.action, i) {
				if !slices.Contains(m.actions, p.action) {
					m.actions = append(m.actions, p.action)
				}
			} else {
				shared = true
			}
		}
		if shared {
			m.latest, m.until = f.Until-1, f.At
		} else {
			m.latest = end.Add(-m.until.Sub(m.at))
		}
		slices.Sort(m.actions)
		list = append(list, m)
	}
	return list
}

// onlyOf reports whether all that an entry does is to end one fault.
func (x *explainer) onlyOf(action, fault int) bool {
	a := &x.sc.Timeline[action]
	if a.Trigger.Kind != scenarios.At {
		return false
	}
	for j := range a.Steps {
		if !slices.Equal(x.owners[place{action, j}], []int{fault}) {
			return false
		}
	}
	return true
}

// downBy are the cells that steps crash or pause.
func downBy(steps []scenarios.Step) (list []string) {
	for i := range steps {
		for _, c := range steps[i].Changes {
			if c.Op == cells.SetCell && slices.ContainsFunc(c.Cell.Params, func(p cells.Param) bool { return p.Name == cells.SetRun }) {
				list = append(list, string(c.Cell.ID))
			}
		}
	}
	return list
}

// tries bounds how often a time is drawn for a fault that meets another of its
// cell.
const tries = 16

// later is the world in which the faults that had not begun at an instant come
// at other times from there on. It says how many of them there are.
func (x *explainer) later(from clock.Time, seed des.Seed) (repro.World, int, error) {
	r := seed.Rand("explain", 0, "faults")
	list := slices.Clone(x.moves)
	moved := 0
	by := make(map[int]clock.Time) // of entries
	for i := range list {
		m := &list[i]
		if m.at < from || m.latest <= from {
			continue
		}
		was := *m
		for k := 0; ; k++ {
			at := clock.Time(r.Int64(int64(from), int64(m.latest)))
			m.at, m.until = at, at.Add(was.until.Sub(was.at))
			if !meets(list, i) {
				break
			}
			if k == tries {
				*m = was
				break
			}
		}
		moved++
		for _, a := range m.actions {
			by[a] = m.at - was.at
		}
	}
	if moved == 0 {
		return x.world, 0, nil
	}
	sc := *x.sc
	sc.Timeline = slices.Clone(sc.Timeline)
	for a, span := range by {
		sc.Timeline[a].Trigger.From += span
	}
	w, err := x.world.With(&sc)
	return w, moved, err
}

// meets reports whether a fault takes a cell down while another has it down.
func meets(list []movable, i int) bool {
	a := &list[i]
	for k := range list {
		b := &list[k]
		if k != i && a.at <= b.until && b.at <= a.until && slices.ContainsFunc(a.down, func(id string) bool { return slices.Contains(b.down, id) }) {
			return true
		}
	}
	return false
}
