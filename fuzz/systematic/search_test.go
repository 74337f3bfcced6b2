package systematic_test

import (
	"bytes"
	"context"
	"flag"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/dsim/des"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/fuzz/systematic"
	"example.com/dsim/scenarios"
)

var long = flag.Bool("long", false, "run the long forms of tests")

// pair is a small world: one cell sends two messages to another.
func pair(bug string) *scenarios.Builder {
	return scenarios.New("a pair").
		Cell("alice", "abp", "role=sender", "messages=2", "rto=5ms", "bug="+bug).
		Cell("bob", "abp", "role=receiver", "messages=2", "bug="+bug).
		Link("ab", "alice:p0", "bob:p0", "delay=1ms").
		Expect("always: abp/exactly-once-in-order").
		Expect("sometimes: bob.delivered == 2").
		Until(40 * time.Millisecond)
}

func search(t *testing.T, b *scenarios.Builder, opt systematic.Options) *systematic.Certificate {
	t.Helper()
	src, err := b.Source()
	if err != nil {
		t.Fatal(err)
	}
	opt.Source, opt.Seed = src, des.SeedOf(1)
	c, err := systematic.Search(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", c)
	return c
}

// Sleep sets leave out orders, but no run: the classes and the verdicts are
// those of brute force.
func TestReducedAgreesWithBruteForce(t *testing.T) {
	for _, c := range []struct {
		bug           string
		faults, depth int
	}{
		{"", 0, 6}, {"", 1, 4}, {"", 2, 5}, {"ignore-bit", 0, 6}, {"ignore-bit", 1, 4}, {"no-checksum", 1, 4},
	} {
		depth := c.depth
		if *long {
			depth += 2
		}
		opt := systematic.Options{Faults: c.faults, Depth: depth, FIFO: c.faults == 2}
		reduced := search(t, pair(c.bug), opt)
		opt.Brute = true
		brute := search(t, pair(c.bug), opt)
		if !reduced.Exhausted || !brute.Exhausted {
			t.Errorf("%+v: not exhausted", c)
		}
		if !slices.Equal(reduced.Names(), brute.Names()) || reduced.Classes != brute.Classes || reduced.Placements != brute.Placements {
			t.Errorf("%+v: reduced:\n%s\nbrute force:\n%s", c, reduced, brute)
		}
		if reduced.Executions >= brute.Executions {
			t.Errorf("%+v: %d executions, brute force has %d", c, reduced.Executions, brute.Executions)
		}
	}
}

// Three cells, whose steps commute more often.
func TestThreeCells(t *testing.T) {
	three := scenarios.New("three").
		Cell("ann", "register", "role=client", "replicas=2", "operations=2", "rto=5ms").
		Cell("x", "register").Cell("y", "register").
		Link("ax", "ann:x", "x:ann", "delay=1ms").Link("ay", "ann:y", "y:ann", "delay=1ms").
		Expect("always: register/linearizable").Until(40 * time.Millisecond)
	opt := systematic.Options{Faults: 1, Depth: 4}
	reduced := search(t, three, opt)
	opt.Brute = true
	brute := search(t, three, opt)
	if !slices.Equal(reduced.Names(), brute.Names()) || reduced.Classes != brute.Classes || reduced.Placements != brute.Placements {
		t.Errorf("reduced:\n%s\nbrute force:\n%s", reduced, brute)
	}
	if reduced.Executions*2 > brute.Executions {
		t.Errorf("%d executions, brute force has %d", reduced.Executions, brute.Executions)
	}
}

// The alternating bit survives every run in which frames keep their order, and
// not those in which they do not.
func TestAlternatingBitNeedsOrder(t *testing.T) {
	c := search(t, pair(""), systematic.Options{Faults: 1, Depth: 6, FIFO: true})
	if !c.Exhausted || !slices.Equal(c.Names(), []string{"pass"}) {
		t.Errorf("in order:\n%s", c)
	}
	if c = search(t, pair(""), systematic.Options{Depth: 6}); len(c.Verdicts) != 2 {
		t.Errorf("in any order:\n%s", c)
	}
}

// What a search reaches can be run by anybody: a failure is kept in a file, and
// reproduced.
func TestVerdictsAreRepros(t *testing.T) {
	c := search(t, pair("ignore-bit"), systematic.Options{Faults: 1, Depth: 4})
	failed := 0
	for _, v := range c.Verdicts {
		f := v.Keep("test")
		if (f != nil) != v.Failed() {
			t.Errorf("%s: failed %v, but its file is %v", v.Verdict, v.Failed(), f)
		}
		if f == nil {
			continue
		}
		failed++
		again, err := repro.Parse("kept.repro", f.Encode())
		if err != nil {
			t.Fatal(err)
		}
		r, err := again.Check(t.Context(), repro.Options{})
		if err != nil || r.Status != repro.Reproduced {
			t.Errorf("%s: %v, %v", v.Verdict, r.Status, err)
		}
	}
	if failed == 0 || len(c.Names()) == failed {
		t.Errorf("a receiver that takes any bit fails in some runs and not in others: %v", c.Names())
	}
}

// A search that was ended says so.
func TestBudgets(t *testing.T) {
	c := search(t, pair(""), systematic.Options{Faults: 1, Depth: 6, Most: 10})
	if c.Exhausted || c.Executions != 10 || !strings.Contains(c.Why, "10 executions") {
		t.Errorf("%s", c)
	}
	n := 0
	c = search(t, pair(""), systematic.Options{Faults: 1, Depth: 6, Over: func() bool { n++; return n > 20 }})
	if c.Exhausted || c.Why != "its time was over" {
		t.Errorf("%s", c)
	}
	src, err := pair("").Source()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c, err = systematic.Search(ctx, systematic.Options{Source: src, Depth: 4})
	if err != nil || c.Exhausted || c.Why != "interrupted" {
		t.Errorf("%v, %v", c, err)
	}
	if !bytes.Contains(c.JSON(), []byte(`"exhausted": false`)) || !bytes.Contains(c.JSON(), []byte(`"not_covered"`)) {
		t.Errorf("%s", c.JSON())
	}
}

// With nothing to choose from but one order, there is one run.
func TestOneOrder(t *testing.T) {
	quiet := scenarios.New("quiet").
		Cell("alice", "abp", "role=sender", "messages=1", "rto=5s").
		Cell("bob", "abp", "role=receiver", "messages=1").
		Link("ab", "alice:p0", "bob:p0", "delay=1ms").
		Expect("sometimes: bob.delivered == 1").Until(time.Second)
	c := search(t, quiet, systematic.Options{Depth: 10})
	if !c.Exhausted || c.Executions != 1 || c.Ended != 1 || !slices.Equal(c.Names(), []string{"pass"}) {
		t.Errorf("%s", c)
	}
	c = search(t, quiet, systematic.Options{Depth: 10, Faults: 1, Acts: []string{"drop"}})
	if c.Executions != 3 || c.Placements != 3 { // nothing is lost, the message, the answer
		t.Errorf("%s", c)
	}
}

func TestWhatCannotBeGoneThrough(t *testing.T) {
	for _, c := range []struct {
		build func(*scenarios.Builder)
		opt   systematic.Options
		want  string
	}{
		{func(*scenarios.Builder) {}, systematic.Options{Depth: 0}, "depth 0: from 1 to 64"},
		{func(*scenarios.Builder) {}, systematic.Options{Depth: 1, Faults: 9}, "faults 9: from 0 to 8"},
		{func(*scenarios.Builder) {}, systematic.Options{Depth: 1, Acts: []string{"own event"}}, "want one of drop, dup, flip"},
		{func(b *scenarios.Builder) { b.Cell("c", "abp").Cell("d", "abp") }, systematic.Options{Depth: 1}, "4 cells: at most 3"},
		{func(b *scenarios.Builder) { b.Cell("c", "abp").Link("bc", "bob:p1", "c:p0", "rate=1Mbit") }, systematic.Options{Depth: 1}, "link bc: jitter, rate, speed or cut"},
		{func(b *scenarios.Builder) { b.Do(time.Millisecond, "cut: ab") }, systematic.Options{Depth: 1}, "changes of links"},
		{func(b *scenarios.Builder) { b.Do(time.Millisecond, "pause: bob") }, systematic.Options{Depth: 1}, "pauses cannot"},
	} {
		b := pair("")
		c.build(b)
		src, err := b.Source()
		if err != nil {
			t.Fatal(err)
		}
		c.opt.Source = src
		if _, err := systematic.Search(t.Context(), c.opt); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}
