package site_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/cells/celltest"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay/site"
	"example.com/dsim/scenarios"
)

// outs keeps what a site has let out.
type outs struct{ list []string }

func (o *outs) Out(link string, b []byte) { o.list = append(o.list, fmt.Sprintf("%s %x", link, b)) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestAFrozenSiteGoesTheSameWay freezes a site in the middle of a run and lets
// another go on from there.
func TestAFrozenSiteGoesTheSameWay(t *testing.T) {
	config := func(o *outs) site.Config {
		return site.Config{Name: "alice", Seed: des.SeedOf(7), Ties: des.TiesShuffled, Make: scenarios.MakeProtocol, Out: o, Lives: map[cells.ID]uint32{"alice": 3}}
	}
	param := func(name, value string) cells.Param { return cells.Param{Name: name, Value: value} }
	one := &outs{}
	s, err := site.New(config(one))
	must(t, err)
	do := func(s *site.Site, in site.Input) {
		t.Helper()
		_, err := s.Do(&in)
		must(t, err)
	}
	link := cells.LinkSpec{
		Name: "ab", A: cells.Endpoint{Cell: "alice", Port: "p0"}, B: cells.Endpoint{Cell: "bob", Port: "p0"},
		Both: []cells.Param{param("loss", "20%"), param("burst.enter", "10%"), param("burst.leave", "30%"), param("ber", "1e-4"), param("rate", "1Mbit")},
	}
	do(s, site.Input{Kind: site.Apply, Version: 1, Batch: []cells.Change{
		{Op: cells.AddCell, Cell: cells.CellSpec{ID: "alice", Protocol: "abp", Clock: cells.ClockSpec{Drift: 100_000}, Params: []cells.Param{param("role", "sender"), param("size", "uniform(16B, 200B)"), param("rto", "3ms")}}},
		{Op: cells.AddLink, Link: link},
	}})
	do(s, site.Input{At: 500_000, Kind: site.Apply, Version: 2, Batch: []cells.Change{{Op: cells.RemoveLink, Link: cells.LinkSpec{Name: "ab"}}}})
	do(s, site.Input{At: 900_000, Kind: site.Apply, Version: 3, Batch: []cells.Change{{Op: cells.AddLink, Link: link}}})
	do(s, site.Input{At: 1_000_000, Kind: site.Command, Cell: "alice", Args: []string{"send", "1000"}})
	var state []byte
	for at := clock.Time(40_000_000); ; at += 100_000 {
		do(s, site.Input{At: at, Kind: site.Mark})
		state, err = s.Freeze()
		if err == nil {
			break
		}
		if !errors.Is(err, cells.ErrNotAtRest) || at > 1_000_000_000 {
			t.Fatal(err)
		}
	}
	two := &outs{}
	again, err := site.Thaw(config(two), state)
	must(t, err)
	a, b := s.Checkpoint(), again.Checkpoint()
	if diff := b.Diff(&a); diff != "" {
		t.Fatalf("thawed: %s", diff)
	}
	// An acknowledgement for each of alice's next frames: bob's bits, both.
	sent := len(one.list)
	at := s.Now()
	for i := range 200 {
		at = at.Add(700 * time.Microsecond)
		ack := []byte{1, byte(i & 1), 0, 0}
		for _, x := range []*site.Site{s, again} {
			do(x, site.Input{At: at, Kind: site.Frame, Link: "ab", Data: ack})
		}
		a, b := s.Checkpoint(), again.Checkpoint()
		if diff := b.Diff(&a); diff != "" {
			t.Fatalf("input %d after the thaw: %s", i, diff)
		}
	}
	if got, want := strings.Join(two.list, "\n"), strings.Join(one.list[sent:], "\n"); got != want || len(two.list) == 0 {
		t.Errorf("the thawed site let out\n%s\nwant\n%s", got, want)
	}
	if _, err := site.Thaw(config(two), state[:len(state)/2]); err == nil {
		t.Error("half a state is taken")
	}
}

func TestWhatCannotBeFrozenSaysSo(t *testing.T) {
	stream := cells.Change{Op: cells.AddLink, Link: cells.LinkSpec{Name: "s", A: cells.Endpoint{Cell: "alice"}, B: cells.Endpoint{Cell: "bob"}, Stream: true}}
	for _, c := range []struct {
		words string
		make  func(cells.CellSpec) (cells.Protocol, error)
		batch []cells.Change
	}{
		{"in the middle of a life", celltest.MakeProbe, []cells.Change{{Op: cells.AddCell, Cell: cells.CellSpec{ID: "alice", Protocol: celltest.ProbeName}}}},
		{"carries streams", scenarios.MakeProtocol, []cells.Change{{Op: cells.AddCell, Cell: cells.CellSpec{ID: "alice", Protocol: "abp"}}, stream}},
	} {
		s, err := site.New(site.Config{Name: "x", Make: c.make})
		must(t, err)
		_, err = s.Do(&site.Input{Kind: site.Apply, Version: 1, Batch: c.batch})
		must(t, err)
		if _, err := s.Freeze(); err == nil || errors.Is(err, cells.ErrNotAtRest) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%v, want something with %q", err, c.words)
		}
	}
}
