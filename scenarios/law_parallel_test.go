package scenarios

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/dsim/des"

	"github.com/google/go-cmp/cmp"
)

// observed is everything that a run tells.
type observed struct {
	records []des.Record
	choices []des.Choice
}

func (o *observed) Record(r *des.Record) {
	k := *r
	k.Data = append([]byte(nil), r.Data...)
	o.records = append(o.records, k)
}

func (o *observed) Choose(c *des.Choice) { o.choices = append(o.choices, *c) }

// The parallel engine has the digest, verdicts, records, choices and marks of
// the sequential one, for every shipped scenario and any number of partitions.
func TestLawParallelIsSequential(t *testing.T) {
	shared := 0
	for i, c := range lawCases(t) {
		made := strings.HasPrefix(c.file, "testdata")
		switch {
		case slices.Contains(great, c.file):
			continue // the benchmark compares its digests
		case *long:
		case made && c.seed > 1, !made && (raced || i%4 != 0):
			continue
		}
		for _, ties := range []string{"fifo", "shuffled"} {
			if ties == "fifo" && !*long && !made {
				continue
			}
			sc, err := lawSource(t, c.file).Build(BuildOptions{Seed: des.SeedOf(c.seed), Set: []string{"run.ties=" + ties}})
			if err != nil {
				t.Fatal(err)
			}
			for _, lanes := range wantParallel(t, fmt.Sprintf("%s, ties %s", c, ties), sc, 2, 3) {
				if lanes > 1 {
					shared++
				}
			}
		}
	}
	if shared < 20 {
		t.Errorf("only %d runs were shared out", shared)
	}
}

// wantParallel compares runs of a scenario by several partitions with the run
// by one, and gives how many partitions there really were.
func wantParallel(t *testing.T, name string, sc *Scenario, lanes ...int) (used []int) {
	t.Helper()
	want, wantR, _ := observe(t, sc, 1)
	for _, n := range lanes {
		got, gotR, w := observe(t, sc, n)
		k, why := w.Parallel()
		used = append(used, k)
		if d := firstDifference(want, got); d != "" {
			t.Errorf("%s, %d partitions %s: %s", name, k, why, d)
		}
		if d := cmp.Diff(told(wantR), told(gotR)); d != "" {
			t.Errorf("%s, %d partitions %s (-want +got):\n%s", name, k, why, d)
		}
	}
	return used
}

const fourInARow = `
version: 1
name: four in a row
cells:
  alice: {protocol: abp, role: sender, messages: 50, rto: 30ms}
  bob: {protocol: abp, role: receiver}
  carol: {protocol: abp, role: sender, messages: 50, rto: 30ms}
  dave: {protocol: abp, role: receiver}
links:
  ab: {between: [alice:p0, bob:p0], delay: 2ms, loss: 10%}
  cd: {between: [carol:p0, dave:p0], delay: 2ms, loss: 10%}
timeline:
  - {at: 100ms, TIMELINE}
expect: [{always: abp/exactly-once-in-order}, {eventually: bob.delivered == 50 && dave.delivered == 50, within: 60s}]
run: {until: 5s, RUN}
`

// Where partitions cannot go on, the run is repeated by one scheduler, and what
// was told is not told again.
func TestLawParallelRunsAreRepeatedWhereTheyMustBe(t *testing.T) {
	for name, c := range map[string]struct{ timeline, run, why string }{
		"no delay":     {"set: {link: ab, delay: 0ms}", "reaction: 1ms", "joins partitions"},
		"event limit":  {"set: {link: ab, delay: 1ms}", "events: 150", ""},
		"a late start": {"set: {link: cd, delay: 7ms}", "reaction: 3ms", ""},
	} {
		text := strings.NewReplacer("TIMELINE", c.timeline, "RUN", c.run).Replace(fourInARow)
		source, err := Parse("four.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		sc, err := source.Build(BuildOptions{Seed: des.SeedOf(3)})
		if err != nil {
			t.Fatal(err)
		}
		// All four apart, so that both links lie between partitions.
		wantParallel(t, name, sc, 2, 4)
		w, err := NewWorld(sc, WorldOptions{Parallel: 4})
		if err != nil {
			t.Fatal(err)
		}
		w.Run()
		if _, why := w.Parallel(); !strings.Contains(why, c.why) {
			t.Errorf("%s: %q, want %q", name, why, c.why)
		}
	}
}

// What cannot be done to partitions that run side by side is refused by name,
// and what can be asked of them between windows is answered.
func TestParallelWorldsRefuseActsFromOutside(t *testing.T) {
	source, err := Parse("four.yaml", []byte(strings.NewReplacer("TIMELINE", "cut: ab, for: 10ms", "RUN", "reaction: 1ms").Replace(fourInARow)))
	if err != nil {
		t.Fatal(err)
	}
	sc, err := source.Build(BuildOptions{Seed: des.SeedOf(3)})
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWorld(sc, WorldOptions{Parallel: 2})
	if err != nil {
		t.Fatal(err)
	}
	if n := w.AdvanceEvents(20); n < 20 {
		t.Errorf("%d events were run, want 20", n)
	}
	c, err := sc.Compile("alice.sent >= 1") // which no expectation reads
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := w.Holds(c); err != nil || !ok {
		t.Errorf("alice has sent nothing after 20 events: %v, %v", ok, err)
	}
	if _, err := w.AdvanceUntil(c, time.Second); !errors.Is(err, ErrParallel) {
		t.Errorf("AdvanceUntil: %v", err)
	}
	if err := w.Apply(); !errors.Is(err, ErrParallel) {
		t.Errorf("Apply: %v", err)
	}
	if _, err := w.Command("alice", "send", "x"); !errors.Is(err, ErrParallel) {
		t.Errorf("Command: %v", err)
	}
}

func observe(t *testing.T, sc *Scenario, lanes int) (*observed, *Result, *World) {
	t.Helper()
	o := &observed{}
	w, err := NewWorld(sc, WorldOptions{Records: o, Choices: o, Marks: o, MarkEvery: 100, Parallel: lanes})
	if err != nil {
		t.Fatal(err)
	}
	return o, w.Run(), w
}

// told is what a result says, line by line.
func told(r *Result) []string {
	list := []string{fmt.Sprintf("%s %v, %d events to %s, %v", r.Verdict, r.Digest, r.Events, r.End, r.Failure), fmt.Sprint(r.Totals)}
	for _, e := range r.Expect {
		s := fmt.Sprintf("%s %s %s", e.Path, e.Verdict, e.Why)
		if e.Met != nil {
			s += " " + e.Met.String()
		}
		if e.Failure != nil {
			s += " " + e.Failure.String()
		}
		list = append(list, s)
	}
	return list
}

func firstDifference(want, got *observed) string {
	for i := range min(len(want.records), len(got.records)) {
		if d := cmp.Diff(want.records[i], got.records[i]); d != "" {
			return "record " + want.records[i].Key.String() + " (-want +got):\n" + d
		}
	}
	for i := range min(len(want.choices), len(got.choices)) {
		if d := cmp.Diff(want.choices[i], got.choices[i]); d != "" {
			return "choice " + want.choices[i].At.String() + " (-want +got):\n" + d
		}
	}
	if len(want.records) != len(got.records) || len(want.choices) != len(got.choices) {
		return fmt.Sprintf("%d records and %d choices, want %d and %d", len(got.records), len(got.choices), len(want.records), len(want.choices))
	}
	return ""
}
