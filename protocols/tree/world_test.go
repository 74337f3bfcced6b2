package tree

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/links"
)

// world is cells with links between them, judged by all oracles.
type world struct {
	config  func(cells.ID) Config
	sched   *des.Scheduler
	host    *cells.Host
	net     *links.Network
	version uint64
	oracle  cells.Oracle
	broken  error // the oracle's first
	counts  map[string]int
	log     []string
}

// Times of the links of worlds.
const delayMax = 20 * time.Millisecond

func newWorldOf(seed uint64, config func(cells.ID) Config) *world {
	w := &world{config: config, oracle: NewOracle(), counts: map[string]int{}}
	w.sched = des.NewScheduler(des.Config{})
	w.host = cells.NewHost(w.sched, cells.Options{Seed: des.SeedOf(seed)})
	w.net = links.New(w.host, links.Options{Make: func(s cells.CellSpec) (cells.Protocol, error) { return New(w.config(s.ID)) }})
	w.host.Subscribe(w.oracle.Kinds(), func(k des.Key, m cells.Emission) {
		w.counts[m.Kind.String()]++
		if err := w.oracle.Observe(k, m); err != nil && w.broken == nil {
			w.broken = err
		}
	})
	return w
}

// apply makes changes now.
func (w *world) apply(batch ...cells.Change) error {
	w.version++
	for _, c := range batch {
		w.log = append(w.log, fmt.Sprintf("%s %s %s %s %v %v", w.sched.Now(), c.Op, c.Cell.ID, c.Link.Name, c.Cell.Params, append(c.Link.Both, c.Link.AB...)))
	}
	return w.net.Apply(w.version, batch)
}

func (w *world) until(t clock.Time) error {
	if err := w.sched.RunUntil(t); err != nil {
		return err
	}
	return w.broken
}

// stabilise is the time of the package's documentation.
func stabilise(c Config, hops int) time.Duration {
	beat := c.Heartbeat*time.Duration(c.Tolerance) + c.Heartbeat/2
	ways, told := 6*hops+3, 2*hops
	return 2*beat + c.Retry + c.Ask + time.Duration(ways)*delayMax + time.Duration(told)*c.Gather + c.RTO
}

func (w *world) structure() error {
	s := w.net.Snapshot()
	for _, check := range []func(cells.Snapshot) error{CheckSpanning, CheckDepth, CheckPaths} {
		if err := check(s); err != nil {
			return err
		}
	}
	return nil
}

// attr is a number that a cell shows.
func (w *world) attr(id cells.ID, name string) int64 {
	ref, ok := w.host.Find(id)
	if !ok {
		return -1
	}
	for _, a := range w.host.AppendState(ref, nil) {
		if a.Name == name {
			return a.Int
		}
	}
	return -1
}

func cellName(i int) cells.ID { return cells.ID('a' + rune(i)) }

func linkName(e [2]int) string { return string(cellName(e[0]) + cellName(e[1])) }

func addCell(id cells.ID) cells.Change {
	return cells.Change{Op: cells.AddCell, Cell: cells.CellSpec{ID: id, Protocol: "tree"}}
}

func addLink(i, j int, params string) cells.Change {
	a, b := cellName(i), cellName(j)
	return cells.Change{Op: cells.AddLink, Link: cells.LinkSpec{
		Name: string(a + b), A: cells.Endpoint{Cell: a, Port: "to-" + string(b)}, B: cells.Endpoint{Cell: b, Port: "to-" + string(a)},
		Both: paramsOf(params),
	}}
}

func paramsOf(text string) (list []cells.Param) {
	for _, f := range strings.Fields(text) {
		name, value, _ := strings.Cut(f, "=")
		list = append(list, cells.Param{Name: name, Value: value})
	}
	return list
}

func setRun(id cells.ID, what string) cells.Change {
	return cells.Change{Op: cells.SetCell, Cell: cells.CellSpec{ID: id, Params: []cells.Param{{Name: cells.SetRun, Value: what}}}}
}

func setLink(name, params string) cells.Change {
	return cells.Change{Op: cells.SetLink, Link: cells.LinkSpec{Name: name, Both: paramsOf(params)}}
}

// drawn is a random small world: what was drawn of it.
type drawn struct {
	*world
	n     int
	edges [][2]int
	run   []string // of cells: "", crash or pause
	gone  []bool   // of edges
	drew  map[string]bool
	held  bool // some cut held frames
}

func drawWorld(t *rapid.T) *drawn {
	n := rapid.IntRange(2, 12).Draw(t, "cells")
	few := rapid.Bool().Draw(t, "few roots")
	config := Defaults()
	config.Delay, config.Timeout = 500*time.Millisecond, 2*time.Second
	config.Interval = des.Uniform(int64(50*time.Millisecond), int64(500*time.Millisecond))
	config.Transactions = uint64(rapid.IntRange(0, 20).Draw(t, "transactions"))
	d := &drawn{n: n, run: make([]string, n), drew: map[string]bool{}}
	d.world = newWorldOf(rapid.Uint64().Draw(t, "seed"), func(id cells.ID) Config {
		c := config
		c.Root = !few || id == "a" || id == "c"
		return c
	})
	var batch []cells.Change
	for i := range n {
		batch = append(batch, addCell(cellName(i)))
	}
	loss := rapid.SampledFrom([]string{"0", "0", "1%", "5%", "20%"}).Draw(t, "loss")
	d.drew["loss"] = loss != "0"
	d.drew["transactions"] = config.Transactions > 0
	for i := 1; i < n; i++ {
		d.edges = append(d.edges, [2]int{rapid.IntRange(0, i-1).Draw(t, "neighbour"), i})
	}
	for range rapid.IntRange(0, n).Draw(t, "more links") {
		e := [2]int{rapid.IntRange(0, n-1).Draw(t, "from"), rapid.IntRange(0, n-1).Draw(t, "to")}
		if e[0] < e[1] && !slices.Contains(d.edges, e) {
			d.edges = append(d.edges, e)
		}
	}
	d.gone = make([]bool, len(d.edges))
	for _, e := range d.edges {
		batch = append(batch, addLink(e[0], e[1], d.link(t, loss)))
	}
	if err := d.apply(batch...); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *drawn) link(t *rapid.T, loss string) string {
	return fmt.Sprintf("delay=%dms loss=%s dup=%s", rapid.IntRange(0, 19).Draw(t, "delay"), loss,
		rapid.SampledFrom([]string{"0", "0", "10%"}).Draw(t, "dup"))
}

func (d *drawn) edge(t *rapid.T) (int, string) {
	i := rapid.IntRange(0, len(d.edges)-1).Draw(t, "link")
	return i, linkName(d.edges[i])
}

// fault draws one, and gives the change that it is; none if it makes no sense.
func (d *drawn) fault(t *rapid.T) (c cells.Change, ok bool) {
	i, name := d.edge(t)
	cell := rapid.IntRange(0, d.n-1).Draw(t, "cell")
	id := cellName(cell)
	switch what := rapid.SampledFrom([]string{"cut", "heal", "one way", "crash", "restart", "pause", "remove"}).Draw(t, "fault"); what {
	case "cut", "heal", "one way":
		if d.gone[i] {
			return c, false
		}
		kind := "no"
		if what != "heal" {
			kind = rapid.SampledFrom([]string{"lost", "drain", "hold"}).Draw(t, "kind")
			d.drew["cuts"] = true
			d.held = d.held || kind == "hold"
		} else {
			d.drew["heals"] = true
		}
		c = setLink(name, "cut="+kind)
		if what == "one way" {
			c.Link.AB, c.Link.Both = c.Link.Both, nil
		}
		return c, true
	case "crash":
		ok = d.run[cell] != "crash"
		d.drew["crashes"] = d.drew["crashes"] || ok
		d.run[cell] = "crash"
		return setRun(id, "crash"), ok
	case "restart":
		switch d.run[cell] {
		case "crash":
			d.run[cell] = ""
			return setRun(id, rapid.SampledFrom([]string{"restart", "restart-kept"}).Draw(t, "state")), true
		case "pause":
			d.run[cell] = ""
			return setRun(id, "resume"), true
		}
	case "pause":
		ok = d.run[cell] == ""
		if ok {
			d.run[cell] = "pause"
		}
		return setRun(id, "pause"), ok
	case "remove":
		d.gone[i] = !d.gone[i]
		if !d.gone[i] {
			return addLink(d.edges[i][0], d.edges[i][1], d.link(t, "0")), true
		}
		c = cells.Change{Op: cells.RemoveLink, Link: cells.LinkSpec{Name: name, Drain: rapid.Bool().Draw(t, "drain")}}
		return c, true
	}
	return c, false
}

// faults lets faults happen, and ends the losses.
func (d *drawn) faults(t *rapid.T) {
	at := clock.Time(0)
	for range rapid.IntRange(0, 10).Draw(t, "faults") {
		at = at.Add(time.Duration(rapid.IntRange(0, 2500).Draw(t, "ms")) * time.Millisecond)
		if rapid.IntRange(0, 9).Draw(t, "long") == 9 {
			at = at.Add(12 * time.Second) // until a neighbour is given up
		}
		if err := d.until(at); err != nil {
			d.fail(t, err)
		}
		if c, ok := d.fault(t); ok {
			if err := d.apply(c); err != nil {
				if c.Op != cells.AddLink { // whose ports another, which drains, may still have
					t.Fatal(err)
				}
				d.gone[slices.IndexFunc(d.edges, func(e [2]int) bool { return linkName(e) == c.Link.Name })] = true
			}
		}
	}
	var batch []cells.Change
	for i, e := range d.edges {
		if !d.gone[i] {
			batch = append(batch, setLink(linkName(e), "loss=0"))
		}
	}
	for i, run := range d.run {
		if run != "" && rapid.Bool().Draw(t, "revive") {
			c := setRun(cellName(i), map[string]string{"crash": "restart", "pause": "resume"}[run])
			d.run[i] = ""
			batch = append(batch, c)
		}
	}
	if rapid.Bool().Draw(t, "heal all") {
		for i := range batch {
			if batch[i].Op == cells.SetLink {
				batch[i].Link.Both = paramsOf("loss=0 cut=no")
			}
		}
	}
	if err := d.apply(batch...); err != nil {
		t.Fatal(err)
	}
}

func (d *drawn) fail(t *rapid.T, err error) {
	t.Helper()
	t.Fatalf("%s: %v\n%s\n%s", d.sched.Now(), err, strings.Join(d.log, "\n"), d.show())
}

func (w *world) show() string {
	var b strings.Builder
	for _, c := range w.net.Snapshot().Cells {
		fmt.Fprintf(&b, "%s %s\n", c.ID, c.Run)
		for _, a := range c.State {
			if a.Is == cells.IsText {
				fmt.Fprintf(&b, "\t%s: %s\n", a.Name, a.Text)
			}
		}
	}
	for _, l := range w.net.Snapshot().Links {
		fmt.Fprintf(&b, "%s %v %v %v\n", l.Name, l.Ends, l.AB, l.BA)
	}
	return b.String()
}

// component is how many running cells a cell can reach, itself included.
func (d *drawn) component(id cells.ID) (n int64) {
	w := newSite(d.net.Snapshot())
	t := w.rooted(root{tree: string(id), at: w.index[string(id)]})
	for _, dist := range t.reached {
		if dist >= 0 {
			n++
		}
	}
	return n
}

// settle waits, and wants the structure to be right and transactions to be
// complete.
func (d *drawn) settle(t *rapid.T) {
	if err := d.until(d.sched.Now().Add(stabilise(Defaults(), d.n))); err != nil {
		d.fail(t, err)
	}
	if err := d.structure(); err != nil {
		d.fail(t, err)
	}
	before := map[cells.ID]int64{}
	for i := range d.n {
		id := cellName(i)
		if d.config(id).Root && d.run[i] == "" {
			before[id] = d.attr(id, "transactions_partial") + d.attr(id, "transactions_timed_out")
			if _, err := d.net.Command(id, []string{"transact"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := d.until(d.sched.Now().Add(4 * time.Second)); err != nil {
		d.fail(t, err)
	}
	for i := range d.n {
		id := cellName(i)
		was, ok := before[id]
		if !ok {
			continue
		}
		failed := d.attr(id, "transactions_partial") + d.attr(id, "transactions_timed_out") - was
		if got, want := d.attr(id, "last_cells"), d.component(id); failed != 0 || got != want {
			d.fail(t, fmt.Errorf("%s: the last of its transactions was executed in %d cells, it can reach %d; %d failed", id, got, want, failed))
		}
	}
	if err := d.structure(); err != nil {
		d.fail(t, err)
	}
}

// happened is what of all that a world drew has had an effect in it.
func (d *drawn) happened() map[string]bool {
	drops := d.net.Totals()
	count := func(name string) (n int64) {
		for i := range d.n {
			n += max(d.attr(cellName(i), name), 0)
		}
		return n
	}
	return map[string]bool{
		"cuts":         drops.Reasons[cells.ReasonCut]+drops.Reasons[cells.ReasonHeld] > 0 || d.held,
		"heals":        count("links_lost") > 0 || count("links_anew") > 0,
		"crashes":      drops.Reasons[cells.ReasonDown] > 0,
		"loss":         drops.Lost > 0,
		"invalidation": count("invalidations") > 0,
		"transactions": d.counts[KindComplete.String()] > 0,
	}
}

// A cell that has executed a transaction crashes, and comes back with nothing
// into the tree by another way, on which the request is still coming: it must
// not execute it again.
//
//	r ---- 1 ms ---- y ---- 1 ms ---- a
//	 \---- 300 ms -- z ---- 1 ms ----/
func TestARequestOnASlowWayFindsANewLife(t *testing.T) {
	w := newWorldOf(1, func(id cells.ID) Config {
		c := Defaults()
		c.Root = id == "r"
		c.RTO = time.Second
		return c
	})
	link := func(a, b cells.ID, params string) cells.Change {
		return cells.Change{Op: cells.AddLink, Link: cells.LinkSpec{
			Name: string(a + b), A: cells.Endpoint{Cell: a, Port: string(b)},
			B: cells.Endpoint{Cell: b, Port: string(a)}, Both: paramsOf(params),
		}}
	}
	batch := []cells.Change{
		addCell("r"), addCell("y"), addCell("z"), addCell("a"),
		link("r", "y", "delay=1ms"), link("r", "z", "delay=300ms"), link("a", "y", "delay=1ms"), link("a", "z", "delay=1ms"),
	}
	step := func(ms int64, changes ...cells.Change) {
		t.Helper()
		if len(changes) > 0 {
			if err := w.apply(changes...); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.until(clock.Time(ms * 1e6)); err != nil {
			t.Fatal(err)
		}
	}
	step(5000, batch...)
	if _, err := w.net.Command("r", []string{"transact"}); err != nil {
		t.Fatal(err)
	}
	step(5005)
	if w.attr("a", "executed") != 1 {
		t.Fatal("a has not executed the transaction")
	}
	step(5006, setRun("a", "crash"), setLink("ay", "cut=lost"))
	step(5700, setRun("a", "restart"))
	if w.attr("a", "requests_seen") != 1 || w.attr("a", "executed") != 0 || w.attr("r", "transactions_partial") != 1 {
		t.Errorf("in its new life a has seen %d requests and executed %d; %d are partial\n%s", w.attr("a", "requests_seen"), w.attr("a", "executed"), w.attr("r", "transactions_partial"), w.show())
	}
	step(10000)
	if _, err := w.net.Command("r", []string{"transact"}); err != nil {
		t.Fatal(err)
	}
	step(12000)
	if w.attr("r", "transactions_completed") != 1 || w.attr("r", "last_cells") != 4 {
		t.Error("the next is not complete")
	}
}

// Whatever happens, no transaction is executed twice in a cell; and when it is
// over, the trees are right in time, and transactions complete. What is drawn
// has its effect in at least half of the worlds that drew it.
func TestRandomWorldsConverge(t *testing.T) {
	drew, happened, worlds := map[string]int{}, map[string]int{}, 0
	rapid.Check(t, func(t *rapid.T) {
		d := drawWorld(t)
		d.faults(t)
		d.settle(t)
		worlds++
		d.drew["invalidation"] = d.drew["cuts"] || d.drew["crashes"]
		was := d.happened()
		for _, name := range []string{"cuts", "heals", "crashes", "loss", "invalidation", "transactions"} {
			if d.drew[name] {
				drew[name]++
				if was[name] {
					happened[name]++
				}
			}
		}
	})
	if t.Failed() {
		return
	}
	for _, name := range []string{"cuts", "heals", "crashes", "loss", "invalidation", "transactions"} {
		if 2*happened[name] < drew[name] || drew[name] == 0 && worlds > 50 {
			t.Errorf("%s: had an effect in %d of the %d worlds that drew it, of %d", name, happened[name], drew[name], worlds)
		}
		t.Logf("%s: %d of %d", name, happened[name], drew[name])
	}
}
