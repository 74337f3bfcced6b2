package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"github.com/google/go-cmp/cmp"
)

// TestTopologyIsWhatWouldBeWrittenByHand: cells and links of a topology differ
// in nothing from those that a file names.
func TestTopologyIsWhatWouldBeWrittenByHand(t *testing.T) {
	byRule := build(t, `version: 1
name: x
topology:
  ring: 3
  cells: {protocol: talk, role: sender, messages: {uniform: [1, 100]}}
  links: {delay: {uniform: [1ms, 9ms]}, a->b: {loss: 1%}}
run: {until: 10s}
`, BuildOptions{Seed: des.SeedOf(5)})
	cell := "{protocol: talk, role: sender, messages: {uniform: [1, 100]}}"
	params := `delay: {uniform: [1ms, 9ms]}, a->b: {loss: 1%}`
	byHand := build(t, `version: 1
name: x
cells:
  n0: `+cell+`
  n1: `+cell+`
  n2: `+cell+`
links:
  n0-n1: {between: [n0:p0, n1:p0], `+params+`}
  n0-n2: {between: [n0:p1, n2:p0], `+params+`}
  n1-n2: {between: [n1:p1, n2:p1], `+params+`}
run: {until: 10s}
`, BuildOptions{Seed: des.SeedOf(5)})
	if diff := cmp.Diff(byHand.Initial, byRule.Initial); diff != "" {
		t.Errorf("-by hand +by rule:\n%s", diff)
	}
	if diff := cmp.Diff(byHand.Options, byRule.Options); diff != "" {
		t.Errorf("-by hand +by rule:\n%s", diff)
	}
}

func TestSizesOfTopologiesAreDrawnAndSet(t *testing.T) {
	const text = `version: 1
name: x
topology: {grid: {rows: {uniform: [2, 9]}, cols: 4}, cells: {protocol: mute}}
run: {until: 10s}
`
	sizes := make(map[int]bool)
	for seed := range uint64(30) {
		sc := build(t, text, BuildOptions{Seed: des.SeedOf(seed)})
		if len(sc.Layout)%4 != 0 || fmt.Sprint(len(sc.Layout)/4) != options(sc)["topology.grid.rows"] {
			t.Errorf("seed %d: %d cells, rows %s", seed, len(sc.Layout), options(sc)["topology.grid.rows"])
		}
		sizes[len(sc.Layout)] = true
	}
	if len(sizes) < 5 {
		t.Errorf("sizes %v in 30 seeds", sizes)
	}
	if sc := build(t, text, BuildOptions{Set: []string{"topology.grid.rows=25", "topology.links={delay: 3ms}"}}); len(sc.Layout) != 100 {
		t.Errorf("%d cells, set to 100", len(sc.Layout))
	}
}

// rootsOf are the cells that root something.
func rootsOf(sc *Scenario) (roots []string) {
	for _, c := range sc.Initial {
		if c.Op == cells.AddCell && slices.Contains(c.Cell.Params, cells.Param{Name: "root", Value: "true"}) {
			roots = append(roots, string(c.Cell.ID))
		}
	}
	return roots
}

func TestRootsAreListedSpreadOrDrawn(t *testing.T) {
	const text = `version: 1
name: x
topology: {line: 12, cells: {protocol: grow}, kinds: {end: {protocol: mute}}}
cells: {other: {protocol: mute}}
roots: 3
expect: [{always: 'n1.root == true'}]
timeline: [{at: 1s, add-cell: {name: late, protocol: grow}}]
run: {until: 10s}
`
	with := func(roots string, seed uint64) *Scenario {
		return build(t, strings.Replace(text, "roots: 3", "roots: "+roots, 1), BuildOptions{Seed: des.SeedOf(seed)})
	}
	for roots, want := range map[string][]string{
		"3": {"n1", "n4", "n7"}, "0": nil, "1": {"n1"}, "[n10, n2]": {"n10", "n2"}, "[]": nil, "[late]": nil,
		"10": {"n1", "n10", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9"},
	} {
		if diff := cmp.Diff(want, rootsOf(with(roots, 1))); diff != "" {
			t.Errorf("roots: %s (-want +got):\n%s", roots, diff)
		}
	}
	late := func(sc *Scenario) []cells.Param { return sc.Timeline[0].Steps[0].Changes[0].Cell.Params }
	if got := late(with("3", 1)); !slices.Equal(got, []cells.Param{{Name: "root", Value: "false"}}) {
		t.Errorf("a late cell has %v", got)
	}
	if got := late(with("[late]", 1)); !slices.Equal(got, []cells.Param{{Name: "root", Value: "true"}}) {
		t.Errorf("a late cell that is listed has %v", got)
	}
	seen := make(map[string]bool)
	for seed := range uint64(20) {
		roots := rootsOf(with("{drawn: 2}", seed))
		if len(roots) != 2 || !slices.Equal(roots, rootsOf(with("{drawn: 2}", seed))) {
			t.Errorf("drew %v", roots)
		}
		seen[fmt.Sprint(roots)] = true
	}
	if len(seen) < 10 {
		t.Errorf("20 seeds drew only %v", seen)
	}
}

// TestThousandCellsRun: a star of streams, conditions over all of its cells,
// and a link of it held.
func TestThousandCellsRun(t *testing.T) {
	src, err := Parse("star.yaml", []byte(`version: 1
name: a thousand cells
topology:
  star: 1000
  kinds:
    hub: {protocol: echo, role: server}
    leaf: {protocol: echo, role: client, dial: "n0:echo", bytes: 500B}
  links: {stream: true, delay: 1ms}
timeline:
  - {at: 1ms, hold: n0-n500}
  - {at: 3s, release: n0-n500}
expect:
  - {always: echo/prefix}
  - {eventually: n0.ended == 999, within: 20s, after: faults}
  - {always: 'all(cells, .open <= 999)'}
run: {until: 30s}
`))
	if err != nil {
		t.Fatal(err)
	}
	sc, err := src.Build(BuildOptions{Seed: des.SeedOf(1)})
	if err != nil {
		t.Fatal(err)
	}
	var digests []des.Digest
	for range 2 {
		w, err := NewWorld(sc, WorldOptions{})
		if err != nil {
			t.Fatal(err)
		}
		r := w.Run()
		if r.Verdict != Pass || len(r.Cells) != 1000 {
			t.Fatalf("%s, %d cells: %v", r.Verdict, len(r.Cells), r.Failure)
		}
		digests = append(digests, r.Digest)
	}
	if digests[0] != digests[1] {
		t.Errorf("digests %v", digests)
	}
}
