package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		of   []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 100}, 3.5}} {
		if got := median(c.of); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.of, got, c.want)
		}
	}
	if !math.IsNaN(median(nil)) {
		t.Error("nothing has a median")
	}
}

func timed(name string, ns float64) sample { return sample{name: name, ns: ns} }

// ran gives a row after rounds of pairs.
func ran(g goal, pairs ...[2]float64) *row {
	if g.peer == (source{}) {
		g.peer = source{pkg: "./p", names: "BenchmarkPeer"}
	}
	r := &row{goal: g, what: g.what}
	for _, p := range pairs {
		r.add(timed("a", p[0]), timed("b", p[1]), nil)
	}
	return r
}

// The median is over ratios of pairs, not a ratio of medians: here a machine
// that became twice as slow in the middle.
func TestRatiosArePaired(t *testing.T) {
	r := ran(goal{limit: 3}, [2]float64{10, 30}, [2]float64{20, 60}, [2]float64{20, 58})
	if got := r.median(); got != 3 {
		t.Errorf("median %v, want 3", got)
	}
	if got := r.best(); got != 3 {
		t.Errorf("best %v, want 30/10", got)
	}
	if r.state() != "yes" {
		t.Errorf("3x where 3x is asked is %s", r.state())
	}
}

func TestState(t *testing.T) {
	for _, c := range []struct {
		name string
		row  *row
		want string
	}{
		{"reached", ran(goal{limit: 2}, [2]float64{1, 2}), "yes"},
		{"missed", ran(goal{limit: 2}, [2]float64{1, 1.9}), "no"},
		{"below the most", ran(goal{most: true, limit: 1.05}, [2]float64{105, 100}), "yes"},
		{"above the most", ran(goal{most: true, limit: 1.05}, [2]float64{106, 100}), "no"},
		{"told", ran(goal{told: true}, [2]float64{1, 2}), "-"},
		{"nothing ran", ran(goal{limit: 2}), "not measured"},
	} {
		if got := c.row.state(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestMissingSide(t *testing.T) {
	r := &row{goal: goal{peer: source{load: "udp", sched: best}, limit: 1}}
	r.add(sample{}, timed("pq", 100), errors.New("there is no benchmark X"))
	if r.state() != "not measured" || !strings.Contains(r.missing, "no benchmark X") || len(r.peer) != 1 {
		t.Errorf("%s, %q, peer %v: want the peer's figure kept", r.state(), r.missing, r.peer)
	}
}

func TestFigureWithoutPeer(t *testing.T) {
	r := &row{goal: goal{unit: "allocs/op", most: true, limit: 0}}
	r.add(sample{name: "a", ns: 5, metrics: map[string]float64{"allocs/op": 0}}, sample{}, nil)
	if r.state() != "yes" || r.cells()[1] != "0" {
		t.Errorf("no allocations: %s, %v", r.state(), r.cells())
	}
	r = &row{goal: r.goal}
	r.add(sample{name: "a", ns: 5, metrics: map[string]float64{"allocs/op": 1}}, sample{}, nil)
	if r.state() != "no" {
		t.Errorf("an allocation an event: %s", r.state())
	}
	r = &row{goal: r.goal}
	r.add(timed("a", 5), sample{}, nil)
	if r.state() != "not measured" || r.missing != "a does not report allocs/op" {
		t.Errorf("no figure: %s, %q", r.state(), r.missing)
	}
}

func TestDigests(t *testing.T) {
	g := goal{peer: source{pkg: "./p", names: "BenchmarkP"}, limit: 1.8, digest: true}
	with := func(ns, digest float64) sample {
		return sample{ns: ns, metrics: map[string]float64{"digest": digest}}
	}
	r := &row{goal: g}
	r.add(with(50, 7), with(100, 7), nil)
	if r.state() != "yes" || r.note != "equal digests" {
		t.Errorf("%s, %q", r.state(), r.note)
	}
	r.add(with(50, 7), with(100, 8), nil)
	r.add(with(50, 7), with(100, 7), nil)
	if r.state() != "no" || r.note != differ {
		t.Errorf("a digest that differed once: %s, %q", r.state(), r.note)
	}
}

func TestFoldWorst(t *testing.T) {
	g := func(what string) goal { return goal{what: what, limit: 1, worst: "all"} }
	lost := ran(g("c"))
	lost.missing = "gone"
	rows := foldWorst([]*row{
		lost,
		ran(g("a"), [2]float64{1, 3}),
		ran(goal{what: "alone", limit: 1}, [2]float64{1, 1}),
		ran(g("b"), [2]float64{1, 0.5}),
	})
	if len(rows) != 2 || rows[0].what != "all" || rows[0].median() != 0.5 || rows[1].what != "alone" {
		t.Fatalf("%+v", rows)
	}
	if want := "the worst of 2: b (1 not measured)"; rows[0].note != want || rows[0].state() != "no" {
		t.Errorf("%q, %s, want %q", rows[0].note, rows[0].state(), want)
	}
	rows = foldWorst([]*row{lost, ran(g("a"), [2]float64{1, 3})})
	if rows[0].state() != "in part" {
		t.Errorf("met by those that ran: %s", rows[0].state())
	}
}

func TestTables(t *testing.T) {
	rep := &report{machine: "a machine", rounds: 2, calibration: []float64{100, 130}, busy: []string{"round 1: much"}, rows: []*row{
		ran(goal{what: "hold", limit: 2}, [2]float64{40, 100}, [2]float64{40, 120}),
		{goal: goal{limit: 2}, what: "gone", missing: "there is no benchmark G"},
	}}
	want := "| hold | 40 ns | 110 ns | 2.75x | 2.50x | 2.50x to 3x | at least 2x | yes |"
	var md, text, js bytes.Buffer
	if err := errors.Join(writeMarkdown(&md, rep), writeText(&text, rep), writeJSON(&js, rep)); err != nil {
		t.Fatal(err)
	}
	for _, w := range []string{want, "the machine's speed moved", "NOT idle: round 1", "- gone: there is no benchmark G", "1 met, 0 not met, 0 measured in part, 1 not measured"} {
		if !strings.Contains(md.String(), w) {
			t.Errorf("no %q in\n%s", w, md.String())
		}
	}
	if !strings.Contains(text.String(), "not measured\n") || strings.Contains(md.String(), "| gone") {
		t.Errorf("text\n%s\nmarkdown\n%s", text.String(), md.String())
	}
	var doc struct{ Rows []struct{ Median *float64 } }
	if err := json.Unmarshal(js.Bytes(), &doc); err != nil || len(doc.Rows) != 2 || *doc.Rows[0].Median != 2.75 || doc.Rows[1].Median != nil {
		t.Errorf("%v\n%s", err, js.String())
	}
}

func TestShort(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 3: "3", 1.05: "1.05", 41.55: "41.5", 5.994: "5.99", 2506.3: "2506"} {
		if got := short(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
}

// The table of goals must be whole: each row is told apart by its words, each
// has a limit it can be judged by, or none and says so.
func TestGoals(t *testing.T) {
	var seen []string
	for _, g := range goals() {
		if g.what == "" || slices.Contains(seen, g.what) {
			t.Errorf("a row is called %q, and another too", g.what)
		}
		seen = append(seen, g.what)
		if g.told == (g.limit > 0) && g.unit != "allocs/op" {
			t.Errorf("%s: told %t with the limit %v", g.what, g.told, g.limit)
		}
		if g.ours.pkg == "" || g.ours.names == "" {
			t.Errorf("%s: has no benchmark of ours", g.what)
		}
	}
	for _, c := range []struct {
		args []string
		want int
	}{{nil, len(seen)}, {[]string{"timers"}, 2}, {[]string{"const n=10000"}, 2}, {[]string{"hold const n=10000", "parallel"}, 4}, {[]string{"no such row"}, 0}} {
		if got := pick(goals(), c.args); len(got) != c.want {
			t.Errorf("%q picks %d rows, want %d", c.args, len(got), c.want)
		}
	}
}
