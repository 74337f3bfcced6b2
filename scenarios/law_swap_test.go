package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// A star of trees: all that is between a leaf and the hub has the leaf's name.
// A leaf is a client of the hub by its name, whichever leaf it is, and each cell
// has one way to each root, so that nothing is chosen by the number of a port.
const starOfTrees = `version: 1
name: a star
cells:
  ann: {protocol: tree, transactions: 20, delay: 300ms, interval: "uniform(10ms, 90ms)"}
  bob: {protocol: tree, transactions: 20, delay: 300ms, interval: "uniform(10ms, 90ms)"}
  cid: {protocol: tree, transactions: 20, delay: 300ms, interval: "uniform(10ms, 90ms)"}
  dot: {protocol: tree, transactions: 20, delay: 300ms, interval: "uniform(10ms, 90ms)"}
  hub: {protocol: tree}
links:
  ann-hub: {between: [ann:out, hub:to-ann], delay: 5ms, loss: 10%, dup: 5%}
  bob-hub: {between: [bob:out, hub:to-bob], delay: 5ms, loss: 10%, dup: 5%}
  cid-hub: {between: [cid:out, hub:to-cid], delay: 5ms, loss: 10%, dup: 5%}
  dot-hub: {between: [dot:out, hub:to-dot], delay: 5ms, loss: 10%, dup: 5%}
timeline:
  - {at: 2s, cut: [ann-hub, bob-hub, cid-hub], for: 1500ms}
  - {at: 5s, crash: [ann, bob], for: 700ms}
expect:
  - {always: tree/at-most-once}
run: {until: 9s}
`

// A pair whose link loses and delays by the link's name and its ends' places,
// and whose cells draw nothing; and a pair aside.
const pairOfTwins = `version: 1
name: twins
cells:
  ann: {protocol: abp, role: both, messages: 60, interval: 20ms, rto: 70ms}
  bob: {protocol: abp, role: both, messages: 60, interval: 20ms, rto: 70ms}
  cid: {protocol: abp, role: both, messages: 60, interval: 20ms, rto: 70ms}
  dot: {protocol: abp, role: both, messages: 60, interval: 20ms, rto: 70ms}
links:
  one: {between: [ann:p0, bob:p0], delay: 5ms, jitter: "uniform(0ms, 9ms)", loss: 20%, dup: 5%, ber: 1e-5}
  two: {between: [cid:p0, dot:p0], delay: 5ms, jitter: "uniform(0ms, 9ms)", loss: 20%, dup: 5%, ber: 1e-5}
timeline:
  - {at: 400ms, cut: one, for: 150ms}
run: {until: 9s}
`

// swapped is a text with two words in each other's place.
func swapped(text, a, b string) string {
	return strings.NewReplacer(a, b, b, a).Replace(text)
}

// stateOf is what each cell of a world shows at its end. A list of ports is in
// the order of their numbers, which is that of the file: it is sorted here.
func stateOf(t *testing.T, text string, seed uint64) map[string]string {
	t.Helper()
	src, err := Parse("swap.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	sc, err := src.Build(BuildOptions{Seed: des.SeedOf(seed)})
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWorld(sc, WorldOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r := w.Run()
	if r.Err != nil || r.Failure != nil {
		t.Fatal(r.Err, r.Failure)
	}
	out := make(map[string]string)
	for _, c := range r.Cells {
		var lines []string
		for _, a := range c.Attrs {
			words := strings.Split(a.Text, " ")
			for i, word := range words {
				name, list, ok := strings.Cut(word, "=")
				if !ok {
					name, list = "", word
				}
				ports := strings.Split(list, ",")
				slices.Sort(ports)
				words[i] = name + "=" + strings.Join(ports, ",")
			}
			value := strings.Join(words, " ")
			if a.Is != cells.IsText {
				value = fmt.Sprint(a.Int)
			}
			lines = append(lines, a.Name+": "+value)
		}
		slices.Sort(lines)
		out[string(c.ID)] = strings.Join(lines, "\n")
	}
	return out
}

// wantState compares states of a cell.
func wantState(t *testing.T, what, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("%s: shows %q, want %q", what, g[i], w[i])
		}
	}
	t.Fatalf("%s: shows %d attributes, want %d", what, len(g), len(w))
}

// Cells are indistinguishable but for their id. Two that stand in the same way
// to the rest of a world swap their ids, and with them their results; nothing
// else changes.
//
// What chance has for a cell, or for a link, it has for its name. In the star
// the names of links are swapped with those of cells. So it is the name that
// has the results, wherever in the file it stands, whichever number its port
// at the hub has: the cell that was the first of the file ends as the second
// did, and by name nobody differs in anything.
//
// In the pair of twins the link keeps its name, and the luck of each direction
// with it, and the cells draw nothing: so whoever stands in a place has its
// results, and by name they are swapped, to the last counter. This could not be
// said of cells that draw, nor of trees, where the lower name of two neighbours
// is the client.
func TestSwappedIdsSwapResults(t *testing.T) {
	differ := 0
	for seed := range uint64(20) {
		was := stateOf(t, starOfTrees, seed)
		if was["ann"] != was["bob"] {
			differ++
		}
		for _, pair := range [][2]string{{"ann", "bob"}, {"cid", "dot"}} {
			// ann and bob crash; cid is cut and dot is not, so their cuts swap too.
			text := swapped(starOfTrees, pair[0], pair[1])
			if pair[0] == "cid" {
				text = strings.Replace(text, "cut: [ann-hub, bob-hub, dot-hub]", "cut: [ann-hub, bob-hub, cid-hub]", 1)
			}
			now := stateOf(t, text, seed)
			for name, want := range was {
				wantState(t, fmt.Sprintf("star, %s swapped, seed %d: %s", pair, seed, name), now[name], want)
			}
		}
		was = stateOf(t, pairOfTwins, seed)
		if was["ann"] == was["bob"] {
			t.Errorf("seed %d: the twins have the same results: the test shows nothing", seed)
		}
		now := stateOf(t, swapped(pairOfTwins, "ann", "bob"), seed)
		for name, want := range was {
			wantState(t, fmt.Sprintf("twins, seed %d: %s", seed, name), now[swapped(name, "ann", "bob")], want)
		}
	}
	if differ == 0 {
		t.Error("no seed tells ann from bob: the test shows nothing")
	}
}
