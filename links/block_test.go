package links_test

import (
	"fmt"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/links"

	"github.com/google/go-cmp/cmp"
)

// apart is the grid of addGrid, made of cells and links that stand for
// themselves.
func apart(t *testing.T, w, h int, delay string, options cells.Options) (*des.Scheduler, *links.Network) {
	t.Helper()
	_, model := grid(t, w, h, 2, delay, cells.Options{})
	s := des.NewScheduler(des.Config{})
	n := links.New(cells.NewHost(s, options), links.Options{Make: func(c cells.CellSpec) (cells.Protocol, error) {
		var i int
		_, err := fmt.Sscanf(string(c.ID), "c%d", &i)
		return &walker{tokens: 2, state: uint64(i)*0x9e3779b97f4a7c15 + 1}, err
	}})
	var batch []cells.Change
	for i := range w * h {
		batch = append(batch, cells.Change{Op: cells.AddCell, Cell: cells.CellSpec{
			ID: cells.ID(fmt.Sprintf("c%d", i)), Protocol: "walker", Ports: []string{"p0", "p1", "p2", "p3"},
		}})
	}
	made := make(map[string]cells.LinkStatus)
	for _, l := range model.Snapshot().Links {
		made[l.Name] = l
	}
	for i := range len(made) { // in the order of the block
		l := made[fmt.Sprintf("l%d", i)]
		batch = append(batch, addLink(l.Name, l.Ends[0], l.Ends[1], "delay="+delay))
	}
	if err := n.Apply(1, batch); err != nil {
		t.Fatal(err)
	}
	return s, n
}

// What is kept by its number does what it would do if each were kept by itself.
func TestBlocksAreCellsAndLinks(t *testing.T) {
	const end = clock.Time(50 * time.Millisecond)
	for _, o := range []cells.Options{{}, {Ties: des.TiesShuffled, Seed: des.SeedOf(3)}} {
		s, n := apart(t, 5, 4, "1ms", o)
		bs, bn := grid(t, 5, 4, 2, "1ms", o)
		for _, x := range []*des.Scheduler{s, bs} {
			if err := x.RunUntil(end); err != nil {
				t.Fatal(err)
			}
		}
		if n.Host().Digest() != bn.Host().Digest() || s.Executed() != bs.Executed() {
			t.Errorf("ties %v: digest %x after %d events, in a block %x after %d",
				o.Ties, n.Host().Digest(), s.Executed(), bn.Host().Digest(), bs.Executed())
		}
		want, got := n.Snapshot(), bn.Snapshot()
		want.Version = got.Version
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("ties %v: the block's snapshot is another (-want +got):\n%s", o.Ties, d)
		}
		if n.Totals() != bn.Totals() || n.Totals().Sent < 1000 {
			t.Errorf("ties %v: totals are %+v, in a block %+v", o.Ties, n.Totals(), bn.Totals())
		}
	}
}

// A link of a block may be changed and removed, and a cell crashed and removed,
// like any other.
func TestBlocksChange(t *testing.T) {
	s, n := apart(t, 4, 4, "1ms", cells.Options{})
	bs, bn := grid(t, 4, 4, 2, "1ms", cells.Options{})
	var fifth cells.LinkStatus
	for _, l := range n.Snapshot().Links {
		if l.Name == "l5" {
			fifth = l
		}
	}
	for _, x := range []struct {
		s *des.Scheduler
		n *links.Network
	}{{s, n}, {bs, bn}} {
		for i, batch := range [][]cells.Change{
			{setLink("l3", "delay=5ms loss=10%")},
			{removeLink("l5"), setCell("c9", cells.SetRun, "crash")},
			{setCell("c9", cells.SetRun, "restart"), removeCell("c15")},
			// The name again is another life, and draws anew.
			{addLink("l5", fifth.Ends[0], fifth.Ends[1], "delay=1ms loss=30%")},
		} {
			if err := x.s.RunUntil(clock.Time(i+1) * clock.Time(7*time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			if err := x.n.Apply(uint64(10+i), batch); err != nil {
				t.Fatalf("batch %d: %v", i, err)
			}
		}
		if err := x.s.RunUntil(clock.Time(60 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	if n.Host().Digest() != bn.Host().Digest() {
		t.Errorf("digest %x, in a block %x", n.Host().Digest(), bn.Host().Digest())
	}
	if d := cmp.Diff(n.Snapshot(), bn.Snapshot()); d != "" {
		t.Errorf("the block's snapshot is another (-want +got):\n%s", d)
	}
	for name, change := range map[string]cells.Change{
		"a link of the block's name": addLink("l7", "c0:p3", "c1:p3", ""),
		"a link that is not there":   setLink("l24", "delay=1ms"),
		"a port that has a link":     addLink("new", "c5:p0", "c0:p3", ""),
	} {
		if err := bn.Apply(99, []cells.Change{change}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if c, ok := bn.Link("l0"); !ok || c[0].Sent == 0 {
		t.Errorf("link l0 has sent %d frames, %v", c[0].Sent, ok)
	}
	if _, ok := bn.Link("l24"); ok {
		t.Error("there is a link beyond the last")
	}
}

func TestBlocksAreRefused(t *testing.T) {
	h := cells.NewHost(des.NewScheduler(des.Config{}), cells.Options{})
	n := links.New(h, links.Options{})
	named, find := cells.Numbered("c", 2)
	block := cells.Block{
		Cells: 2, Named: named, Find: find, Spec: cells.CellSpec{Ports: []string{"p0"}},
		Make: func(int) (cells.Protocol, error) { return &walker{}, nil },
	}
	if _, err := h.AddBlock(block); err != nil {
		t.Fatal(err)
	}
	if _, err := h.AddBlock(block); err == nil {
		t.Error("the same names again: no error")
	}
	if _, err := h.AddBlock(cells.Block{Named: named, Find: find}); err == nil {
		t.Error("no cells: no error")
	}
	join := func(bp cells.Port, params ...cells.Param) error {
		return n.AddBlock(links.Block{
			Links: 1, Named: func(int) string { return "l" }, Find: func(s string) (int, bool) { return 0, s == "l" }, Params: params,
			Ends: func(int) (cells.CellRef, cells.Port, cells.CellRef, cells.Port) { return 0, 0, 1, bp },
		})
	}
	if err := join(1); err == nil {
		t.Error("a port that is not there: no error")
	}
	if err := join(0, cells.Param{Name: "delay", Value: "soon"}); err == nil {
		t.Error("a delay that is none: no error")
	}
}
