package study

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/dsim/scenarios"
)

const text = `version: 1
name: small
cells:
  alice: {protocol: abp, role: sender, messages: 100, rto: 30ms}
  bob: {protocol: abp, role: receiver, messages: 100}
links:
  ab: {between: [alice:p0, bob:p0], delay: 10ms, loss: 10%}
expect:
  - {always: abp/exactly-once-in-order}
  - {sometimes: bob.delivered == 20, name: twenty}
study:
  matrix:
    links.ab.loss: [0%, 10%, 30%]
    cells.alice.rto: 25ms..50ms/25ms
  repeat: 4
  measure: [bob.delivered, alice.retransmitted, 'met:twenty', 100 / links.ab.lost, end, pass]
run: {until: 1s}
`

func source(t *testing.T, text string) *scenarios.Source {
	t.Helper()
	src, err := scenarios.Parse("small.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func mustNew(t *testing.T, opt Options) *Study {
	t.Helper()
	if opt.Source == nil {
		opt.Source = source(t, text)
	}
	s, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func csvOf(t *testing.T, table *Table) string {
	t.Helper()
	var b bytes.Buffer
	if err := table.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func mustRun(t *testing.T, opt Options) string {
	t.Helper()
	table, err := mustNew(t, opt).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return csvOf(t, table)
}

func TestTableDoesNotDependOnJobs(t *testing.T) {
	one := mustRun(t, Options{})
	if again := mustRun(t, Options{Jobs: 7}); again != one {
		t.Errorf("with 7 jobs:\n%s\nwith one:\n%s", again, one)
	}
	lines := strings.Split(strings.TrimSpace(one), "\n")
	if len(lines) != 1+3*2*6 || lines[0] != "links.ab.loss,cells.alice.rto,measure,n,mean,ci95,sd,min,max,failed" {
		t.Errorf("%d lines:\n%s", len(lines), one)
	}
	// Without loss, timeouts above the round trip never end: a message takes 20 ms.
	for _, want := range []string{
		"0%,25ms,bob.delivered,4,50,0,0,50,50,0", "0%,50ms,alice.retransmitted,4,0,0,0,0,0,0", "0%,50ms,met:twenty,4,0.39,0,0,0.39,0.39,0",
		"0%,50ms,100 / links.ab.lost,0,,,,,,0", "30%,50ms,end,4,1,0,0,1,1,4",
	} {
		if !strings.Contains(one, "\n"+want+"\n") {
			t.Errorf("no row %s in\n%s", want, one)
		}
	}
}

// TestStudyAgreesWithSingleRuns: a row is what the runs of the point give one
// by one.
func TestStudyAgreesWithSingleRuns(t *testing.T) {
	table, err := mustNew(t, Options{First: 11}).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	row := table.Rows[3*6+1] // 10 %, 50 ms, retransmitted
	s := mustNew(t, Options{First: 11})
	var want []float64
	for seed := range uint64(4) {
		sc, err := s.build([]string{"links.ab.loss=10%", "cells.alice.rto=50ms"}, 11+seed)
		if err != nil {
			t.Fatal(err)
		}
		w, err := scenarios.NewWorld(sc, scenarios.WorldOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range w.Run().Cells {
			for _, a := range c.Attrs {
				if c.ID == "alice" && a.Name == "retransmitted" {
					want = append(want, float64(a.Int))
				}
			}
		}
	}
	if got := fmt.Sprint(row.Summary); got != fmt.Sprint(Summarise(want)) || row.Measure != "alice.retransmitted" || row.Max == 0 {
		t.Errorf("row %+v, runs gave %v", row, want)
	}
}

func TestInterruptedStudyGoesOnAndGivesTheSameTable(t *testing.T) {
	whole := mustRun(t, Options{})
	dir := filepath.Join(t.TempDir(), "state")
	for round, last := 0, 0; ; round++ {
		if round > 10 {
			t.Fatal("does not come to an end")
		}
		ctx, cancel := context.WithCancel(t.Context())
		began := -1
		s := mustNew(t, Options{State: dir, Build: "b", Progress: func(done, total int) {
			if began < 0 {
				began = done
			}
			if done-began >= 5 {
				cancel()
			}
		}})
		table, err := s.Run(ctx)
		cancel()
		if began < last || table.Done < began {
			t.Errorf("round %d began at %d, after %d", round, began, last)
		}
		last = table.Done
		if err == nil || table.Done == table.Runs {
			if got := csvOf(t, table); got != whole || round < 3 {
				t.Errorf("after %d rounds:\n%s\nin one:\n%s", round, got, whole)
			}
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		// A torn line, as after a power cut, costs its own run only.
		if f, err := os.OpenFile(filepath.Join(dir, resultsFile), os.O_APPEND|os.O_WRONLY, 0); err != nil {
			t.Fatal(err)
		} else if _, err := f.WriteString(`00000000 {"point":"links.ab.loss=0%`); err != nil || f.Close() != nil {
			t.Fatal(err)
		}
	}
	ran := 0
	mustRun(t, Options{State: dir, Build: "b", Progress: func(int, int) { ran++ }})
	if ran != 1 {
		t.Errorf("a finished study made %d runs", ran-1)
	}
	more := []scenarios.Axis{{Path: "links.ab.loss", Values: []string{"0%", "10%", "30%", "40%"}}}
	first := -1
	mustRun(t, Options{State: dir, Build: "b", Matrix: more, Progress: func(done, _ int) {
		if first < 0 {
			first = done
		}
	}})
	if first != 24 {
		t.Errorf("another value on an axis: %d runs were kept, want 24", first)
	}
}

func TestStateOfAnotherStudyIsRefused(t *testing.T) {
	dir := t.TempDir()
	mustRun(t, Options{State: dir, Build: "b", Repeat: 1})
	for want, opt := range map[string]Options{
		`results are of build "b", this is "c"`: {Build: "c"},
		"the file has changed":                  {Build: "b", Source: source(t, text+"# more\n")},
		"results are with --set []":             {Build: "b", Set: []string{"run.until=2s"}},
		`measured is ["bob.delivered"]`:         {Build: "b", Measure: []string{"bob.delivered"}},
	} {
		opt.State = dir
		if _, err := mustNew(t, opt).Run(t.Context()); !errors.Is(err, ErrState) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, headFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := mustNew(t, Options{State: dir}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), headFile) {
		t.Errorf("broken head: %v", err)
	}
}

func TestStudiesThatCannotBeAreRefusedBeforeTheyRun(t *testing.T) {
	ten := make([]string, 1000)
	for i := range ten {
		ten[i] = fmt.Sprint(i + 1)
	}
	for want, opt := range map[string]Options{
		`point links.ab.loss=0% cells.alice.rto=25ms links.xy.loss=1%`: {Matrix: []scenarios.Axis{{Path: "links.xy.loss", Values: []string{"1%"}}}},
		`a probability is at most 1`:                                   {Matrix: []scenarios.Axis{{Path: "links.ab.loss", Values: []string{"1%", "200%"}}}},
		`more than 100000 points`:                                      {Matrix: []scenarios.Axis{{Path: "cells.alice.messages", Values: ten}, {Path: "cells.bob.messages", Values: ten}}},
		`at most 10000000 runs`:                                        {Repeat: 1_000_000, Matrix: []scenarios.Axis{{Path: "cells.alice.messages", Values: ten}}},
		`repeat 2000000: must lie`:                                     {Repeat: 2_000_000},
		`does not show "nothing"`:                                      {Measure: []string{"bob.nothing"}},
		`nothing is measured`:                                          {Source: source(t, text[:strings.Index(text, "study:")]+"run: {until: 1s}\n")},
		`no expectation "thirty"`:                                      {Measure: []string{"met:thirty"}},
	} {
		if opt.Source == nil {
			opt.Source = source(t, text)
		}
		if _, err := New(opt); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestSummariesAgreeWithKnownFigures(t *testing.T) {
	s := Summarise([]float64{2, 4, 4, 4, 5, 5, 7, 9})
	// Sum of squares 32, 7 degrees of freedom: sd √(32/7), t 2.3646.
	if s.N != 8 || s.Mean != 5 || s.Min != 2 || s.Max != 9 || math.Abs(s.SD-2.1380899) > 1e-6 || math.Abs(s.CI95-2.3646*2.1380899/math.Sqrt(8)) > 1e-6 {
		t.Errorf("%+v", s)
	}
	if s := Summarise([]float64{3}); s.N != 1 || s.Mean != 3 || !math.IsNaN(s.SD) || !math.IsNaN(s.CI95) {
		t.Errorf("one sample: %+v", s)
	}
	if s := Summarise(nil); s.N != 0 || !math.IsNaN(s.Mean) {
		t.Errorf("no sample: %+v", s)
	}
	for freedom, want := range map[int]float64{1: 12.7062, 10: 2.2281, 30: 2.0423, 31: 2.0395, 60: 2.0003, 120: 1.9799, 100_000: 1.9600} {
		if got := student95(freedom); math.Abs(got-want) > 1e-4 {
			t.Errorf("t for %d degrees of freedom is %.5f, want %.4f", freedom, got, want)
		}
	}
}

func TestTableIsWrittenForPeopleAndPrograms(t *testing.T) {
	table, err := mustNew(t, Options{Repeat: 1, Measure: []string{"bob.delivered"}, Matrix: []scenarios.Axis{
		{Path: "links.ab.loss", Values: []string{`"0%"`}}, {Path: "cells.alice.rto", Values: []string{"50ms"}},
	}}).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var people, programs bytes.Buffer
	if err := errors.Join(table.WriteText(&people), table.WriteJSON(&programs)); err != nil {
		t.Fatal(err)
	}
	if want := `  links.ab.loss  cells.alice.rto        measure  n  mean  ±95%  sd  min  max  failed
             0%             50ms  bob.delivered  1    50     -   -   50   50       0
`; people.String() != want {
		t.Errorf("text:\n%s", people.String())
	}
	if want := `"mean": 50,
   "ci95": null,`; !strings.Contains(programs.String(), want) {
		t.Errorf("json:\n%s", programs.String())
	}
}
