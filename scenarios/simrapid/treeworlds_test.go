package simrapid_test

import (
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/protocols/tree"
	"example.com/dsim/scenarios"
	"example.com/dsim/scenarios/simrapid"
	"pgregory.net/rapid"
)

var long = flag.Bool("long", false, "run the long forms of tests")

// The times of worlds of trees. Faults stop at calm, whatever lasts has begun
// within a little of it, and the trees have then the time that package tree's
// documentation gives them.
const (
	treeStop  = 5 * time.Second
	treeCalm  = treeStop + 5*time.Millisecond
	treeDelay = 20 * time.Millisecond // the greatest of a link
	treeWait  = 3 * time.Second       // a last transaction of each root
	treeMost  = 12                    // cells
)

// stabilise is the time to stabilise in package tree's documentation, for a
// component of n cells and links that lose nothing any more: what was lost
// before costs one repetition.
func stabilise(n int) time.Duration {
	c := tree.Defaults()
	beat := c.Heartbeat*time.Duration(c.Tolerance) + c.Heartbeat/2
	ways, told := 6*n+3, 2*n
	return 2*beat + c.Retry + c.Ask + time.Duration(ways)*treeDelay + time.Duration(told)*c.Gather + c.RTO
}

// treeWorld is a drawn world of tree cells in our reading, with faults, and
// what of it outlives them.
type treeWorld struct {
	*simrapid.World
	roots   []bool // by number of cell
	crashed []bool // for good
	cut     []bool // for good, by number of link
	drew    map[string]bool
}

// once says that a kind of thing was drawn, each time it is.
func (w *treeWorld) once(what string, f simrapid.Fault) simrapid.Fault {
	return simrapid.Fault{Name: f.Name, Draw: func(rt *rapid.T, d *simrapid.World, at time.Duration) {
		before := string(d.Text())
		f.Draw(rt, d, at)
		if string(d.Text()) != before {
			for word := range strings.FieldsSeq(what) {
				w.drew[word] = true
			}
		}
	}}
}

// drawTreeWorld draws a world so that it shrinks well: how many cells there are
// is drawn first, and moves no other draw; small ones are more. What is drawn of cells and links stands in lists that are
// longer than needed, or shorter: then they are in a line, with the least delay.
func drawTreeWorld(rt *rapid.T) *treeWorld {
	w := &treeWorld{drew: make(map[string]bool)}
	n := rapid.SampledFrom([]int{2, 3, 3, 4, 4, 5, 5, 6, 7, 8, 9, 10, 11, treeMost}).Draw(rt, "cells")
	few := rapid.Bool().Draw(rt, "few roots")
	own := rapid.IntRange(0, 12).Draw(rt, "transactions")
	loss := rapid.SampledFrom([]int{0, 0, 1, 5, 20}).Draw(rt, "loss %")
	doubled := rapid.Bool().Draw(rt, "doubled")
	cell := rapid.IntRange(0, treeMost-1)
	backs := rapid.SliceOfN(cell, 0, treeMost).Draw(rt, "backs")
	extra := rapid.SliceOfN(rapid.SliceOfN(cell, 2, 2), 0, treeMost).Draw(rt, "extra links")
	delays := rapid.SliceOfN(rapid.IntRange(1, int(treeDelay.Milliseconds())), 0, 2*treeMost).Draw(rt, "delays")
	w.drew["transactions"] = own > 0
	w.drew["losses"] = loss > 0
	links := 0
	w.World = simrapid.Draw(rt, simrapid.Plan{
		Name: "trees", Cells: [2]int{n, n},
		Shape: func(_ *rapid.T, n int) (pairs [][2]int) {
			for i := 1; i < n; i++ {
				back := 0
				if i <= len(backs) {
					back = backs[i-1] % i
				}
				pairs = append(pairs, [2]int{i - 1 - back, i})
			}
			for _, e := range extra {
				if a, b := min(e[0], e[1]), max(e[0], e[1]); a < b && b < n {
					pairs = append(pairs, [2]int{a, b})
				}
			}
			return pairs
		},
		Cell: func(_ *rapid.T, i int) (string, []string) {
			w.roots = append(w.roots, !few || i == 0 || i == 2)
			params := []string{"timeout=2s"}
			if !w.roots[i] {
				return "tree", append(params, "root=false")
			}
			return "tree", append(params, fmt.Sprintf("transactions=%d", own), "delay=500ms", "interval=uniform(50ms, 300ms)")
		},
		Link: func(*rapid.T) []string {
			delay := 1
			if links < len(delays) {
				delay = delays[links]
			}
			links++
			params := []string{fmt.Sprintf("delay=%dms", delay), fmt.Sprintf("loss=%d%%", loss)}
			if doubled {
				params = append(params, "dup=10%")
			}
			return params
		},
		Faults: []simrapid.Fault{
			w.once("cuts heals", simrapid.Cut), w.once("cuts heals", simrapid.OneWay), w.once("losses", simrapid.Noise),
			w.once("crashes invalidations", simrapid.Crash), w.once("crashes invalidations", simrapid.Kept), w.once("", simrapid.Pause),
		},
		Times: 8, Stop: treeStop,
		Expect: []string{"always: tree/at-most-once"},
	})
	w.calm(rt)
	return w
}

// calm ends what loses frames, leaves some cuts and crashes for good, and has
// each root that is left begin a last transaction when the trees are settled.
func (w *treeWorld) calm(rt *rapid.T) {
	w.cut, w.crashed = make([]bool, len(w.Links)), make([]bool, len(w.Cells))
	for _, l := range w.Links {
		w.Do(treeStop+time.Millisecond, fmt.Sprintf("set: {link: %s, loss: 0%%}", l.Name))
	}
	for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, 2*treeMost), 0, 3, rapid.ID).Draw(rt, "cut for good") {
		if i < len(w.Links) {
			w.cut[i] = true
			w.Do(treeStop+2*time.Millisecond, "cut: "+w.Links[i].Name)
			w.drew["cuts"], w.drew["invalidations"] = true, true
		}
	}
	for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, 2*treeMost), 0, 2, rapid.ID).Draw(rt, "crash for good") {
		if i < len(w.Cells) {
			w.crashed[i] = true
			w.Do(treeStop+2*time.Millisecond, "crash: "+w.Cells[i])
			w.drew["crashes"], w.drew["invalidations"] = true, true
		}
	}
	w.Do(treeCalm, "stop: faults")
	settled := stabilise(len(w.Cells))
	for _, property := range []string{"spanning", "depth", "paths"} {
		w.Expect(fmt.Sprintf("settled: tree/%s, within: %s, after: faults", property, settled))
	}
	for i, c := range w.Cells {
		if w.roots[i] && !w.crashed[i] {
			w.Do(treeCalm+settled+time.Millisecond, fmt.Sprintf("cell: %s, command: transact", c))
			w.drew["transactions"] = true
		}
	}
	w.Until(treeCalm + settled + treeWait)
}

// component is how many cells a cell can reach in the end, with itself.
func (w *treeWorld) component(from int) int64 {
	reached := []int{from}
	for at := 0; at < len(reached); at++ {
		for i, l := range w.Links {
			for _, ends := range [][2]int{{l.A, l.B}, {l.B, l.A}} {
				if ends[0] == reached[at] && !w.cut[i] && !w.crashed[ends[1]] && !slices.Contains(reached, ends[1]) {
					reached = append(reached, ends[1])
				}
			}
		}
	}
	return int64(len(reached))
}

// run runs the world, and wants the oracles to hold and the last transactions
// to be complete.
func (w *treeWorld) run(rt *rapid.T) map[string]uint64 {
	world := w.Build(rt, scenarios.WorldOptions{})
	count := func(cell, name string) int64 {
		a, _ := world.Attr(cells.ID(cell), name)
		return a.Int
	}
	failed := func(cell string) int64 {
		return count(cell, "transactions_partial") + count(cell, "transactions_timed_out")
	}
	world.Advance(clock.Time(0).Add(treeCalm+stabilise(len(w.Cells))), 0)
	before := make([]int64, len(w.Cells))
	for i, c := range w.Cells {
		before[i] = failed(c)
	}
	r := world.Run()
	simrapid.Judge(rt, w.World, r)
	done := make(map[string]uint64)
	for i, c := range w.Cells {
		if !w.crashed[i] {
			done["transactions"] += uint64(count(c, "transactions_completed"))
			done["invalidations"] += uint64(count(c, "invalidations"))
			done["heals"] += uint64(count(c, "links_lost") + count(c, "links_anew"))
		}
		if !w.roots[i] || w.crashed[i] {
			continue
		}
		if got, want := count(c, "last_cells"), w.component(i); got != want || failed(c) != before[i] {
			rt.Fatalf("%s: its last transaction was executed in %d cells, it can reach %d; %d failed after the faults\n%s",
				c, got, want, failed(c)-before[i], w.Text())
		}
	}
	done["cuts"] = r.Totals.Reasons[cells.ReasonCut]
	done["crashes"] = r.Totals.Reasons[cells.ReasonDown]
	done["losses"] = r.Totals.Lost
	return done
}

// checks says how many values rapid draws, normally and with -long, where the
// command line does not.
func checks(t *testing.T, normally, inLong int) {
	t.Helper()
	n := normally
	if *long {
		n = inLong
	}
	was := flag.Lookup("rapid.checks")
	if was.Value.String() != was.DefValue {
		return
	}
	if err := flag.Set(was.Name, strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set(was.Name, was.DefValue) })
}

// kinds are what is counted of worlds of trees.
var kinds = []string{"cuts", "heals", "crashes", "losses", "invalidations", "transactions"}

// TestTreesSurviveAnyWorld: in small worlds that are cut, healed, crashed,
// paused, noisy and lossy, no transaction is executed twice in a cell; and in
// the time that package tree's documentation gives, trees are right and
// transactions complete. What is drawn also has to have an effect. -long runs
// 10,000 worlds.
func TestTreesSurviveAnyWorld(t *testing.T) {
	checks(t, 150, 10_000)
	worlds, drew, bit, sum := 0, make(map[string]int), make(map[string]int), make(map[string]uint64)
	rapid.Check(t, func(rt *rapid.T) {
		w := drawTreeWorld(rt)
		done := w.run(rt)
		worlds++
		for _, k := range kinds {
			sum[k] += done[k]
			if w.drew[k] {
				drew[k]++
				if done[k] > 0 {
					bit[k]++
				}
			}
		}
	})
	if t.Failed() {
		return
	}
	for _, k := range kinds {
		t.Logf("%s: %d, in %d of the %d worlds that drew them", k, sum[k], bit[k], drew[k])
		if worlds >= 100 && (drew[k] == 0 || 2*bit[k] < drew[k]) {
			t.Errorf("%s: in %d of the %d worlds that drew them, of %d", k, bit[k], drew[k], worlds)
		}
	}
}

// TestTreesFollowATopologyThatChanges: cells and links come and go in versioned
// batches, with frames in flight and in the midst of instants; when no more
// do, the trees are right in time.
func TestTreesFollowATopologyThatChanges(t *testing.T) {
	checks(t, 60, 1000)
	plan := simrapid.Plan{
		Cells: [2]int{1, 5}, Extra: 2,
		Cell: func(rt *rapid.T, _ int) (string, []string) {
			return "tree", []string{fmt.Sprintf("root=%t", rapid.Bool().Draw(rt, "root")), "transactions=0", "ttl=200"}
		},
		Link:  simrapid.Loss(0, 0),
		Until: time.Hour, Expect: []string{"always: tree/at-most-once"},
	}
	rapid.Check(t, func(rt *rapid.T) {
		m := simrapid.NewMachine(rt, simrapid.Draw(rt, plan), plan, scenarios.WorldOptions{})
		rt.Repeat(m.Actions())
		s := m.World.Network().Snapshot()
		m.World.Advance(m.World.Now().Add(stabilise(len(s.Cells))), 0)
		if f := m.World.Failure(); f != nil {
			rt.Fatal(f)
		}
		s = m.World.Network().Snapshot()
		for _, check := range []func(cells.Snapshot) error{tree.CheckSpanning, tree.CheckDepth, tree.CheckPaths} {
			if err := check(s); err != nil {
				rt.Fatal(err)
			}
		}
	})
}
