package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"testing"

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
	shared, repeated := 0, 0
	for _, c := range lawCases(t) {
		if c.seed > 1 && c.seed != 42 && !*long || slices.Contains(great, c.file) {
			continue // of great worlds the benchmark compares the digests
		}
		for _, ties := range []string{"fifo", "shuffled"} {
			if ties == "shuffled" && !*long && c.seed == 42 && len(c.file)%2 == 0 {
				continue
			}
			sc, err := lawSource(t, c.file).Build(BuildOptions{Seed: des.SeedOf(c.seed), Set: []string{"run.ties=" + ties}})
			if err != nil {
				t.Fatal(err)
			}
			want, wantR, _ := observe(t, sc, 1)
			for _, n := range []int{2, 3} {
				got, gotR, w := observe(t, sc, n)
				lanes, why := w.Parallel()
				if lanes > 1 {
					shared++
				} else if strings.HasPrefix(why, "repeated") {
					repeated++
				}
				name := fmt.Sprintf("%s, ties %s, %d lanes %s", c, ties, lanes, why)
				if d := firstDifference(want, got); d != "" {
					t.Errorf("%s: %s", name, d)
				}
				if d := cmp.Diff(told(wantR), told(gotR)); d != "" {
					t.Errorf("%s (-want +got):\n%s", name, d)
				}
			}
		}
	}
	t.Logf("%d runs were shared out, %d repeated", shared, repeated)
	if shared < 20 {
		t.Errorf("only %d runs were shared out", shared)
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
