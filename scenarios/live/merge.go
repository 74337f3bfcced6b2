package live

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"slices"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay/journal"
	"example.com/dsim/replay/site"
	"example.com/dsim/scenarios"
)

// merge plays the mirrors in one order of time: at each instant those that have
// something at it, in the order of their names, and then the court looks.
type merge struct {
	r       *run
	known   map[string]bool // paths of journals that are open
	all     []*mirror       // in the order in which they came
	heap    mirrors         // those that are played
	cells   map[cells.ID]*mirror
	links   map[string][]*mirror // that have, or had, an end of a link
	crashed map[cells.ID]bool    // their process is gone
	removed map[*mirror]bool     // their cell is no more

	notes    []*happening // to be seen, in the order of time
	surveys  []survey     // likewise
	now      clock.Time   // how far the run is judged
	current  *mirror      // whose event it is
	awaited  int          // cells of the initial topology that have not come up yet
	topology bool         // cells or links may be new
	touched  bool         // conditions are to be looked at

	stopAt  clock.Time // where a failure ends the run; Never if none does
	err     error      // what has ended it before
	closing bool       // no journal is written any more
}

// survey is a look at a structural property.
type survey struct {
	at          clock.Time
	expectation int
}

func newMerge(r *run) *merge {
	g := &merge{
		r: r, known: make(map[string]bool), cells: make(map[cells.ID]*mirror), links: make(map[string][]*mirror),
		crashed: make(map[cells.ID]bool), removed: make(map[*mirror]bool), stopAt: clock.Never,
	}
	for _, c := range r.sc.Initial {
		if c.Op == cells.AddCell {
			g.awaited++
		}
	}
	return g
}

// mirrors are a heap by instant; of one instant those come first whose journal
// does not reach it, then it goes by name and life.
type mirrors []*mirror

func (l mirrors) Len() int { return len(l) }

func (l mirrors) Less(i, k int) bool {
	a, b := l[i], l[k]
	if x, y := a.at(), b.at(); x != y {
		return x < y
	}
	if (a.input == nil) != (b.input == nil) {
		return a.input == nil
	}
	return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.life, b.life)) < 0
}

func (l mirrors) Swap(i, k int) {
	l[i], l[k] = l[k], l[i]
	l[i].place, l[k].place = i, k
}

// Push and Pop are for package heap.
func (l *mirrors) Push(x any) {
	m := x.(*mirror)
	m.place = len(*l)
	*l = append(*l, m)
}

func (l *mirrors) Pop() any {
	last := len(*l) - 1
	m := (*l)[last]
	*l = (*l)[:last]
	m.place = -1
	return m
}

// open finds the journals of processes that are new.
func (g *merge) open() error {
	list, err := journal.List(g.r.opt.Journals)
	if err != nil {
		return err
	}
	for _, p := range list {
		if g.known[p.Path] {
			continue
		}
		m, err := openMirror(p.Path, g.r.opt.Registry.MakeProtocol)
		if errors.Is(err, journal.ErrMore) {
			continue // its process has come as far as the name
		}
		if err != nil {
			return err
		}
		g.known[p.Path] = true
		g.all = append(g.all, m)
		g.r.scene.follow(m)
		heap.Push(&g.heap, m)
	}
	return nil
}

func (g *merge) close() {
	for _, m := range g.all {
		_ = m.from.Close() // it was only read
	}
}

// note puts a happening in its place.
func (g *merge) note(h *happening) {
	i, _ := slices.BinarySearchFunc(g.notes, h.at, func(x *happening, at clock.Time) int {
		if x.at <= at {
			return -1
		}
		return 1
	})
	g.notes = slices.Insert(g.notes, i, h)
}

// look asks for a look at a structural property.
func (g *merge) look(expectation int, at clock.Time) {
	g.surveys = append(g.surveys, survey{at, expectation})
	slices.SortStableFunc(g.surveys, func(a, b survey) int { return cmp.Compare(a.at, b.at) })
}

// over reports whether the run has come to an end before its time.
func (g *merge) over() bool { return g.err != nil || g.now >= g.stopAt }

// end is where the run ends.
func (g *merge) end() clock.Time { return min(g.r.sc.Run.Until, g.stopAt) }

// play plays what has been written down so far and lies at or before a limit, at
// most so many instants of it. More says that it has not come to the end of
// that.
func (g *merge) play(limit clock.Time, most int) (more bool, err error) {
	limit = min(limit, g.end())
	for _, m := range g.all {
		m.dry = false
		if err := m.fetch(g.r.res); err != nil {
			return false, err
		}
		m.ended = m.ended || m.dry && g.closing
	}
	heap.Init(&g.heap)
	for range most {
		t := clock.Never
		if len(g.heap) > 0 {
			m := g.heap[0]
			if t = m.at(); m.input == nil && t <= limit {
				limit = t - 1 // it has written less than has happened
			}
		}
		if t > limit {
			g.until(limit)
			return false, nil
		}
		g.until(t - 1)
		g.atOnce(t)
		if err := g.instant(t); err != nil || g.over() {
			return false, err
		}
		limit = min(limit, g.end())
	}
	return true, nil
}

// until lets everything happen at or before an instant that no mirror knows of.
func (g *merge) until(t clock.Time) {
	for !g.over() {
		next := clock.Never
		if len(g.notes) > 0 {
			next = g.notes[0].at
		}
		if len(g.surveys) > 0 {
			next = min(next, g.surveys[0].at)
		}
		if next > t {
			break
		}
		g.atOnce(next)
		g.judge()
	}
	g.now = max(g.now, t)
}

// atOnce lets that happen, of one instant.
func (g *merge) atOnce(t clock.Time) {
	g.now = max(g.now, t)
	for len(g.notes) > 0 && g.notes[0].at <= t {
		h := g.notes[0]
		g.notes = g.notes[1:]
		g.happen(h)
	}
	for len(g.surveys) > 0 && g.surveys[0].at <= t {
		s := g.surveys[0]
		g.surveys = g.surveys[1:]
		if g.r.court.Due(s.expectation, t) {
			g.r.court.Survey(s.expectation, t)
		}
	}
}

// happen shows the court what was done to the site.
func (g *merge) happen(h *happening) {
	court := g.r.court
	if h.action != nil {
		court.Acting(h.action, g.now)
	}
	for _, id := range h.killed {
		g.crashed[id] = true
		if m := g.cells[id]; m != nil {
			m.ended = true
		}
	}
	for _, id := range h.removed {
		if m := g.cells[id]; m != nil {
			g.removed[m] = true
			delete(g.cells, id)
		}
		delete(g.crashed, id)
	}
	for _, name := range h.anew {
		g.links[name] = slices.DeleteFunc(g.links[name], func(m *mirror) bool { return m.ended })
	}
	if h.refused != nil {
		court.Refused(h.action, h.refused, g.now, des.Key{})
	}
	if h.died != "" {
		court.Fail(&scenarios.Failure{Property: PropertyProcess, Text: fmt.Sprintf("the process of cell %s has ended: %s", h.killed[0], h.died), Time: g.now, Cell: string(h.killed[0])})
	}
	g.touched = true
}

// instant lets all mirrors play what they have at an instant, and then the court
// looks. An input that was written down too late to be played in its turn is
// played now, at its own time.
func (g *merge) instant(t clock.Time) error {
	g.r.res.Late.journal(g.now, t)
	g.now = max(g.now, t)
	for len(g.heap) > 0 && g.heap[0].at() <= t {
		m := g.heap[0]
		g.current = m
		before := m.executed()
		if in := m.play(t, g.r.res); in != nil && in.Kind == site.Apply {
			g.applied(m, in)
		}
		g.r.res.Events += m.executed() - before
		if m.touched {
			m.touched, g.touched = false, true
			g.r.scene.by = m
		}
		if g.err = m.site.Err(); g.err != nil {
			return nil //nolint:nilerr // the run ends by it, and it is kept
		}
		if err := m.fetch(g.r.res); err != nil {
			return err
		}
		m.ended = m.ended || m.dry && g.closing
		heap.Fix(&g.heap, 0)
	}
	if most := g.r.sc.Run.Events; most > 0 && g.r.res.Events >= most {
		g.err = fmt.Errorf("%w: %d events by %s", des.ErrEvents, g.r.res.Events, g.now)
	}
	g.judge()
	return nil
}

// applied follows a change of the topology at one site.
func (g *merge) applied(m *mirror, in *site.Input) {
	for i := range in.Batch {
		switch c := &in.Batch[i]; c.Op {
		case cells.AddCell:
			if g.cells[c.Cell.ID] == nil {
				g.awaited--
			}
			g.cells[c.Cell.ID] = m
			delete(g.crashed, c.Cell.ID)
		case cells.AddLink:
			if !slices.Contains(g.links[c.Link.Name], m) {
				g.links[c.Link.Name] = append(g.links[c.Link.Name], m)
			}
		}
	}
	if g.r.tracks.faults[in.Version] {
		g.r.court.Faulted(g.now)
	}
	g.topology, g.touched = true, true
}

// judge lets the court look at conditions, at the end of an instant.
func (g *merge) judge() {
	if !g.touched || g.awaited > 0 {
		return
	}
	g.touched = false
	if g.topology {
		g.topology = false
		g.r.court.Watch()
	}
	g.r.court.Instant(g.now, g.r.scene.Current())
}

// rest plays what lies behind the end of the run, for the sake of checkpoints.
func (g *merge) rest() error {
	g.r.scene.deaf = true
	for _, m := range g.all {
		for m.dry = false; m.site.Err() == nil; {
			if err := m.fetch(g.r.res); err != nil {
				return err
			}
			if m.input == nil {
				break
			}
			_, _ = m.site.Do(m.input)
			m.input = nil
		}
	}
	return nil
}
