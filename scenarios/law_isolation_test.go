package scenarios

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// two pairs of cells, and room for more.
const isolated = `version: 1
name: two pairs
cells:
  alice: {protocol: abp, role: sender, messages: {uniform: [50, 90]}, rto: 20ms}
  bob: {protocol: abp, role: receiver}
  mary: {protocol: probe, plan: [%s]}
  nora: {protocol: probe}
%slinks:
  ab: {between: [alice:p0, bob:p0], delay: {uniform: [1ms, 9ms]}, jitter: "exponential(2ms)", loss: 7%%, ber: 1e-5, dup: 4%%}
  mn: {between: [mary:p0, nora:p0], delay: 2ms, loss: 50%%}
%stimeline:
  - {at: 100ms, cut: ab, for: 20ms}
  - {name: late, at: {uniform: [200ms, 300ms]}, crash: bob, for: 25ms}
%srun: {until: 2s, ties: %s}
`

const marysPlan = `"1ms send=20", "2ms send=30", "3ms emit=1", "3ms send=9"`

// folds are the folds of all cells of a world that has run, by name, and the
// options that were drawn for it.
func foldsOf(t *testing.T, text string, seed uint64) (folds, options map[string]string) {
	t.Helper()
	registry := probeRegistry(&growing{})
	src, err := Parse("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	sc, err := src.Build(BuildOptions{Seed: des.SeedOf(seed), Registry: registry})
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWorld(sc, WorldOptions{Registry: registry, Full: true})
	if err != nil {
		t.Fatal(err)
	}
	if r := w.Run(); r.Err != nil {
		t.Fatal(r.Err)
	}
	folds, options = make(map[string]string), make(map[string]string)
	for i := range w.Host().Len() {
		ref := cells.CellRef(i)
		folds[string(w.Host().Name(ref))] += fmt.Sprintf("%016x", uint64(w.Host().Fold(ref)))
	}
	for _, o := range sc.Options {
		options[o.Path] = o.Value
	}
	return folds, options
}

// Law 4: what is added elsewhere moves nobody's draws and nobody's fold: a line
// of log, idle cells, a busy second pair between all names, faults of another
// link, drawn options.
func TestDigestsOfCellsDoNotKnowWhatIsElsewhere(t *testing.T) {
	for _, ties := range []string{"fifo", "shuffled"} {
		plain := fmt.Sprintf(isolated, marysPlan, "", "", "", ties)
		for _, c := range []struct {
			what, text string
			moved      string // cells that may change
		}{
			{"a line of log", fmt.Sprintf(isolated, marysPlan+`, "1ms log=hello", "3ms log=again"`, "", "", "", ties), "mary"},
			{"an idle cell", fmt.Sprintf(isolated, marysPlan, "  aaron: {protocol: probe}\n  mike: {protocol: probe}\n  zoe: {protocol: abp, role: receiver}\n", "", "", ties), ""},
			{"a busy pair", fmt.Sprintf(isolated, marysPlan,
				"  aaron: {protocol: abp, role: both, messages: 900, rto: 3ms, size: \"uniform(16B, 90B)\"}\n  bertha: {protocol: abp, role: both, messages: 900, rto: 4ms}\n",
				"  aa: {between: [aaron:p0, bertha:p0], delay: 1ms, jitter: \"normal(1ms, 1ms)\", loss: 10%, dup: 10%, ber: 1e-4, burst: {enter: 1%, leave: 9%}}\n", "", ties), ""},
			{"streams", fmt.Sprintf(isolated, marysPlan,
				"  aaron: {protocol: echo, role: client, dial: \"carl:echo\", connections: 3, ports: []}\n  carl: {protocol: echo, role: server, ports: []}\n",
				"  ac: {stream: true, between: [aaron, carl], delay: 1ms, recut: full, reset: 1%}\n", "", ties), ""},
			{"faults of another link", strings.Replace(fmt.Sprintf(isolated, marysPlan, "", "", "", ties), "delay: 2ms, loss: 50%", "delay: 2ms, loss: 3%, dup: 9%, jitter: \"uniform(0ms, 1ms)\", reorder: 5%, ber: 1e-3", 1), "mary nora"},
			{"faults of another link, later", fmt.Sprintf(isolated, marysPlan, "", "", "  - {at: 1ms, cut: mn, for: 1s}\n  - {every: 10ms, set: {link: mn, loss: 9%}}\n  - {at: 150ms, crash: nora}\n", ties), "mary nora"},
			{"drawn options", strings.Replace(fmt.Sprintf(isolated, marysPlan, "", "", "  - {at: {uniform: [1s, 2s]}, set: {link: mn, delay: {exponential: 3ms}}}\n", ties), "delay: 2ms, loss: 50%", "delay: {exponential: 2ms}, loss: {uniform: [1%, 99%]}", 1), "mary nora"},
			{"a cell at run time", fmt.Sprintf(isolated, marysPlan, "", "", "  - {at: 150ms, add-cell: {name: aaron, protocol: probe, ports: [p0]}}\n  - {at: 900ms, remove-cell: aaron}\n", ties), ""},
		} {
			moved := 0
			for seed := range uint64(5) {
				want, options := foldsOf(t, plain, seed)
				got, more := foldsOf(t, c.text, seed)
				for _, name := range slices.Sorted(maps.Keys(want)) {
					switch {
					case want[name] == got[name]:
					case slices.Contains(strings.Fields(c.moved), name):
						moved++
					default:
						t.Errorf("%s, %s, seed %d: the fold of %s was %s, is %s", c.what, ties, seed, name, want[name], got[name])
					}
				}
				for path, v := range options {
					if more[path] != v {
						t.Errorf("%s, seed %d: option %s was %s, is %s", c.what, seed, path, v, more[path])
					}
				}
			}
			if c.moved != "" && moved == 0 && c.what != "drawn options" {
				t.Errorf("%s, %s: nothing changed at all: the test shows nothing", c.what, ties)
			}
		}
	}
}

// Law 3: shuffled ties follow from the seed, differ from the order of names,
// and keep each direction of a link first in, first out.
func TestDigestWithShuffledTies(t *testing.T) {
	var list strings.Builder
	var wires strings.Builder
	for i := range 8 {
		// Everybody sends twice at one instant, of sizes that tell which came first.
		fmt.Fprintf(&list, "  s%d: {protocol: probe, plan: [\"5ms send=%d\", \"5ms send=%d\", \"5ms send=%d\"]}\n  r%d: {protocol: probe}\n", i, 10, 20, 30, i)
		fmt.Fprintf(&wires, "  l%d: {between: [s%d:p0, r%d:p0], delay: 2ms}\n", i, i, i)
	}
	run := func(ties string, seed uint64) (order []string) {
		src, err := Parse("x.yaml", []byte("version: 1\nname: ties\ncells:\n"+list.String()+"links:\n"+wires.String()+"run: {until: 20ms, ties: "+ties+"}\n"))
		if err != nil {
			t.Fatal(err)
		}
		registry := probeRegistry(&growing{})
		sc, err := src.Build(BuildOptions{Seed: des.SeedOf(seed), Registry: registry})
		if err != nil {
			t.Fatal(err)
		}
		rec := &recorder{}
		w, err := NewWorld(sc, WorldOptions{Registry: registry, Records: rec})
		if err != nil {
			t.Fatal(err)
		}
		w.Run()
		var last des.Key
		frames := map[string]int64{}
		for i := range rec.list {
			r := &rec.list[i]
			if r.Op.Event() {
				if r.Key.Compare(last) < 0 {
					t.Fatalf("%s: %s after %s", ties, r.Key, last)
				}
				last = r.Key
			}
			if r.Op == des.OpRecv {
				order = append(order, r.Cell)
				if n, ok := frames[r.Link]; ok && r.A != n+1 {
					t.Errorf("%s, seed %d: frame %d of %s after frame %d", ties, seed, r.A, r.Link, n)
				}
				frames[r.Link] = r.A
			}
		}
		return order
	}
	fifo := run("fifo", 1)
	if !slices.IsSorted(fifo) || len(fifo) != 24 {
		t.Errorf("fifo: frames arrive at %v", fifo)
	}
	orders := map[string]bool{}
	for seed := range uint64(20) {
		a, b := run("shuffled", seed), run("shuffled", seed)
		if !slices.Equal(a, b) {
			t.Fatalf("seed %d: %v, then %v", seed, a, b)
		}
		orders[strings.Join(a, " ")] = true
	}
	if len(orders) < 19 {
		t.Errorf("20 seeds gave %d orders", len(orders))
	}
}
