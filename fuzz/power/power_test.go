package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/dsim/fuzz/explore"
	"example.com/dsim/fuzz/power/internal/corpus"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/scenarios"
)

func TestProcessorTimeIsReadFromStat(t *testing.T) {
	for _, c := range []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"42 (a ) b) R 1 42 42 0 -1 4194304 100 0 0 0 150 25 0 0 20 0 1 0", 1750 * time.Millisecond, true},
		{"42 (x) R 1 42 42 0 -1 4194304 100 0 0 0 150", 0, false},
		{"42 (x) R 1 42 42 0 -1 4194304 100 0 0 0 many 25 0", 0, false},
		{"", 0, false},
	} {
		if d, ok := usedIn([]byte(c.text)); d != c.want || ok != c.ok {
			t.Errorf("%q: %s %v, want %s %v", c.text, d, ok, c.want, c.ok)
		}
	}
	if used() < 0 {
		t.Error("time runs backwards")
	}
}

func sample() []*row {
	small := &shrunk{Neighbours: []string{"links.ab.loss: 3% passes, 4% fails"}}
	small.After.Cells, small.After.Links, small.After.Faults, small.After.Causes = 2, 1, 4, 9
	return []*row{
		{Bug: "a", Key: "1", Search: &searched{Found: true, Worlds: 10, Seconds: 0.5}, Healthy: string(repro.Fixed), Shrink: small, Test: &tested{3, 3, 3}, Plain: &searched{Worlds: 7}},
		{Bug: "b", Key: "2", Search: &searched{Found: true, Worlds: 20, Seconds: 1}, Healthy: string(repro.Reproduced), Test: &tested{3, 3, 0}},
		{Bug: "c", Key: "3", Search: &searched{Worlds: 900, Seconds: 60}, Plain: &searched{Found: true, Worlds: 4}},
		{Bug: "d", Key: "4", Error: "does not build"},
	}
}

// A failure that is there without the bug is none of the bug's, a test that
// fails without it does not count, and a goal that is missed is told.
func TestSummaryCountsWhatIsTheBugs(t *testing.T) {
	text := summary(&bench{search: time.Minute, plain: time.Second, times: 3}, sample())
	for _, want := range []string{
		"Found: 1 of 4,", "(goal: 95 %, not met); in the median 10 worlds, 0.5 s",
		"medians 2 cells, 1 links, 4 faults, 9 causal events (goal: 3, 2, 3, 15, not met)",
		"Go tests: 1 of 2 ", "(goal: all, not met)", "Baseline: 1 of 2 ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	if m := median([]float64{4, 1, 3, 2}); m != 2.5 {
		t.Errorf("median %g, want 2.5", m)
	}
}

func TestRowsAreKeptAndTakenUpAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kept.jsonl")
	for round := range 2 {
		k, err := openKept(path)
		if err != nil {
			t.Fatal(err)
		}
		if want := round * (len(sample()) - 1); len(k.rows) != want {
			t.Errorf("round %d: %d rows, want %d", round, len(k.rows), want)
		}
		if round == 0 {
			for _, r := range sample() {
				if err := k.add(r); err != nil {
					t.Fatal(err)
				}
			}
		} else if got := k.rows["1"]; got == nil || got.line() != sample()[0].line() {
			t.Errorf("%+v, want the row that was kept", got)
		}
		k.close()
	}
	if err := os.WriteFile(path, []byte("no json\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openKept(path); err == nil || !strings.Contains(err.Error(), "kept.jsonl:1:") {
		t.Errorf("%v, want the line", err)
	}
}

func TestCommandSaysWhatItWants(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--bugs no-such-bug", "no bug of fuzz/power/corpus is called so"},
		{"--bugs [", "syntax error in pattern"},
		{"--bugs abp-* --update", "the results are those of all bugs"},
		{"abp", "no arguments are taken"},
	} {
		var out, told bytes.Buffer
		if code := run(t.Context(), strings.Fields(c.args), nil, &out, &told); code != exitUsage || !strings.Contains(told.String(), c.want) {
			t.Errorf("power %s: exit %d, %s; want %s", c.args, code, &told, c.want)
		}
	}
}

func TestInterruptIsTold(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var out, told bytes.Buffer
	if code := run(ctx, []string{"--bugs", "abp-bit-not-kept"}, nil, &out, &told); code != exitInterrupted {
		t.Errorf("exit %d, want %d: %s", code, exitInterrupted, &told)
	}
	if !strings.Contains(out.String(), "Found: 0 of 0") {
		t.Errorf("no table of what was there until then:\n%s", &out)
	}
}

// A worker whose scenario is not there says so in its answer.
func TestWorkerTellsErrors(t *testing.T) {
	var out bytes.Buffer
	in := strings.NewReader(`{"Scenario": "no.yaml", "Search": 1000}`)
	if err := work(t.Context(), in, &out); err == nil {
		t.Error("no error")
	}
	var a answer
	if err := json.Unmarshal(out.Bytes(), &a); err != nil || !strings.Contains(a.Error, "no.yaml") {
		t.Errorf("%v: answer %q, want an error about no.yaml", err, out.String())
	}
}

// seldom are the tenth of the bugs that every run of the tests looks for: of
// each family one, with few seconds each.
var seldom = []string{
	"abp-bit-not-kept", "abp5-client-begins-anew", "abp64-seven-tries",
	"echo-pause-kept", "neighbour-silent-server", "tree-kept-without-a-name",
}

// TestBugsAreFound looks for a tenth of the bugs, for all with -long. Each must
// be found, be gone without the bug, become small, and give a Go test that tells
// one from the other.
func TestBugsAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs with bugs in them")
	}
	b := &bench{search: 20 * time.Second, shrink: 10 * time.Second, times: 3}
	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	b.root = abs
	var bugs []*corpus.Bug
	if *long {
		b.search, b.shrink, b.plain, b.times = time.Minute, time.Minute, 10*time.Second, 100
		bugs, err = chosen(abs, "*")
	} else {
		for _, name := range seldom {
			one, err := chosen(abs, name)
			if err != nil {
				t.Fatal(err)
			}
			bugs = append(bugs, one...)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	var rows []*row
	for _, bug := range bugs {
		r, err := b.measure(t.Context(), bug)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(r.line())
		if !*long && !r.found() {
			t.Errorf("%s: is not found", bug.Name)
		}
		if r.Error != "" {
			t.Errorf("%s", r.line())
		}
		if r.Test != nil && (r.Test.Failed != b.times || r.Test.Passed != b.times) {
			t.Errorf("%s: its Go test failed %d times with it and passed %d without, want %d", bug.Name, r.Test.Failed, r.Test.Passed, b.times)
		}
		rows = append(rows, r)
	}
	text := summary(b, rows)
	t.Log("\n" + text)
	if strings.Contains(text, "not met") {
		t.Error("a goal is not met")
	}
}

// TestCalmWorldsHoldWithoutBugs wants no failure in what is explored when there
// is no bug: else what is found would be nothing to boast of.
func TestCalmWorldsHoldWithoutBugs(t *testing.T) {
	last := uint64(32)
	if *long {
		last = 2000
	}
	seen := make(map[string]bool)
	for _, bug := range bugs(t) {
		if seen[bug.Scenario] {
			continue
		}
		seen[bug.Scenario] = true
		t.Run(strings.TrimSuffix(bug.Scenario, ".yaml"), func(t *testing.T) {
			t.Parallel()
			src, err := scenarios.Load(filepath.Join(root, filepath.FromSlash(bug.Scenario)))
			if err != nil {
				t.Fatal(err)
			}
			x, err := explore.New(t.Context(), explore.Options{Source: src, First: 1, Last: last})
			if err != nil {
				t.Fatal(err)
			}
			r, err := x.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range r.Found {
				t.Errorf("%d of %d: %s\nworld %d: %s\n%s", f.Count, r.Worlds, f.Signature, f.World, f.Failure, f.Plan)
			}
			if r.Unfit > 0 || r.Inconclusive > 0 {
				t.Errorf("%d unfit, %d inconclusive: %s", r.Unfit, r.Inconclusive, r.Why)
			}
		})
	}
}
