package datacenter

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
)

// churn changes a topology at random and knows what it is to be.
type churn struct {
	t     *testing.T
	c     *Controller
	rand  *rand.Rand
	cells map[string]cells.RunState
	links map[string]churnLink
	n     int
	did   map[string]int
}

type churnLink struct {
	ends  [2]string
	delay string
}

func newChurn(t *testing.T, c *Controller) *churn {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return &churn{
		t: t, c: c, rand: rand.New(rand.NewPCG(seed, 0)),
		cells: make(map[string]cells.RunState), links: make(map[string]churnLink), did: make(map[string]int),
	}
}

const churnCells = 12

// change makes one change that is possible now.
func (w *churn) change() {
	w.t.Helper()
	for {
		what := []string{"add-cell", "add-cell", "add-link", "add-link", "add-link", "remove-link", "set-link", "remove-cell", "crash", "restart", "kill", "replace"}[w.rand.IntN(12)]
		batch, ok := w.draw(what)
		if !ok {
			continue
		}
		w.did[what]++
		if len(batch) > 0 {
			next(w.t, w.c, batch...)
		}
		return
	}
}

func (w *churn) pick(list []string) string {
	slices.Sort(list)
	return list[w.rand.IntN(len(list))]
}

// those are the cells in some state.
func (w *churn) those(run ...cells.RunState) (list []string) {
	for name, r := range w.cells {
		if slices.Contains(run, r) {
			list = append(list, name)
		}
	}
	return list
}

func (w *churn) draw(what string) (batch []cells.Change, ok bool) {
	w.n++
	all := w.those(cells.Running, cells.Crashed)
	switch what {
	case "add-cell":
		if len(all) >= churnCells {
			return nil, false
		}
		return []cells.Change{w.addCell(fmt.Sprintf("c%d", w.rand.IntN(2*churnCells)))}, true
	case "add-link":
		return w.addLink(all)
	case "remove-link", "set-link":
		if len(w.links) == 0 {
			return nil, false
		}
		name := w.pick(slices.Collect(maps.Keys(w.links)))
		if what == "remove-link" {
			delete(w.links, name)
			return []cells.Change{{Op: cells.RemoveLink, Link: cells.LinkSpec{Name: name}}}, true
		}
		l := w.links[name]
		l.delay = fmt.Sprintf("%dms", 1+w.rand.IntN(9))
		w.links[name] = l
		return []cells.Change{{Op: cells.SetLink, Link: cells.LinkSpec{Name: name, Both: []cells.Param{{Name: "delay", Value: l.delay}}}}}, true
	case "remove-cell", "replace":
		if len(all) < 3 {
			return nil, false
		}
		return w.removeCell(w.pick(all), what == "replace"), true
	}
	return w.run(what)
}

func (w *churn) addCell(name string) cells.Change {
	for w.cells[name] != 0 {
		name += "x"
	}
	w.cells[name] = cells.Running
	return probeCell(cells.ID(name))
}

// addLink joins two free ports; every cell has two.
func (w *churn) addLink(all []string) ([]cells.Change, bool) {
	var free []string
	for _, name := range all {
		for _, port := range []string{":p0", ":p1"} {
			if !slices.ContainsFunc(slices.Collect(maps.Values(w.links)), func(l churnLink) bool { return slices.Contains(l.ends[:], name+port) }) {
				free = append(free, name+port)
			}
		}
	}
	if len(free) < 2 {
		return nil, false
	}
	a := w.pick(free)
	b := w.pick(slices.DeleteFunc(free, func(s string) bool { return s == a }))
	name := fmt.Sprintf("l%d", w.n%50)
	if _, taken := w.links[name]; taken {
		return nil, false
	}
	w.links[name] = churnLink{[2]string{a, b}, "1ms"}
	return []cells.Change{joinChange(name, a, b, cells.Param{Name: "delay", Value: "1ms"})}, true
}

func (w *churn) removeCell(name string, replace bool) []cells.Change {
	maps.DeleteFunc(w.links, func(_ string, l churnLink) bool {
		return strings.HasPrefix(l.ends[0], name+":") || strings.HasPrefix(l.ends[1], name+":")
	})
	delete(w.cells, name)
	batch := []cells.Change{removeCellChange(cells.ID(name))}
	if replace {
		batch = append(batch, w.addCell(name))
	}
	return batch
}

// run crashes, restarts or kills a cell.
func (w *churn) run(what string) ([]cells.Change, bool) {
	from, to := cells.Running, cells.Crashed
	if what == "restart" {
		from, to = to, from
	}
	list := w.those(from)
	if len(list) == 0 {
		return nil, false
	}
	name := w.pick(list)
	w.cells[name] = to
	if what != "kill" {
		return []cells.Change{runChange(cells.ID(name), what)}, true
	}
	if w.c.Process(cells.ID(name)) == 0 {
		w.t.Fatalf("%s has no process", name)
	}
	if err := w.c.Kill(cells.ID(name)); err != nil {
		w.t.Fatal(err)
	}
	return nil, true
}

// agree holds that the controller says what the churn knows, and every site what
// the controller says.
func (w *churn) agree() {
	w.t.Helper()
	var want, got []string
	for name, run := range w.cells {
		want = append(want, name+" "+run.String())
	}
	for name, l := range w.links {
		want = append(want, fmt.Sprintf("%s %v %s", name, l.ends, l.delay))
	}
	snap := w.c.Snapshot()
	for _, x := range snap.Cells {
		got = append(got, string(x.ID)+" "+x.Run.String())
	}
	for _, l := range snap.Links {
		got = append(got, linkLine(l))
	}
	w.same("the controller", got, want)
	for _, s := range w.c.all() {
		if _, dead := s.isDead(); dead {
			continue
		}
		own, err := s.rpc.snapshot(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		var want, got []string
		for _, l := range snap.Links {
			a, _, _ := cutEnd(l.Ends[0])
			b, _, _ := cutEnd(l.Ends[1])
			if a == string(s.id) || b == string(s.id) {
				want = append(want, linkLine(l))
			}
		}
		for _, l := range own.Links {
			got = append(got, linkLine(l))
		}
		w.same("cell "+string(s.id), got, want)
	}
	until(w.t, "all wires are joined", w.c.joined)
}

func linkLine(l cells.LinkStatus) string {
	delay := ""
	for _, q := range l.AB {
		delay += q.Value
	}
	return fmt.Sprintf("%s %v %s", l.Name, l.Ends, delay)
}

func (w *churn) same(who string, got, want []string) {
	w.t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.t.Errorf("%s says\n\t%s\nwant\n\t%s", who, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}
