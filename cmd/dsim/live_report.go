package main

import (
	"encoding/json"
	"fmt"
	"time"

	"example.com/dsim/des"
	"example.com/dsim/links"
	"example.com/dsim/scenarios"
	"example.com/dsim/scenarios/live"
)

// reportLive prints how a live run came out; on failure, last, how to replay it.
func (a *app) reportLive(x *liveRun) {
	a.expectations(x.Expect)
	a.cells(x.Cells)
	a.totals(x.Totals)
	if x.Err != nil {
		a.out.printf("  %s %s\n", a.out.bad("error"), x.Err)
	}
	a.out.printf("\n%s  live  %s events of %s in %s  %s\n", a.verdict(x.Verdict), group(x.Events), processCount(x.Lives), x.End,
		a.out.faint(fmt.Sprintf("(%s inputs, %s marks reproduced)", group(x.Inputs), group(uint64(x.Marks-len(x.Broken))))))
	a.out.printf("%s\n", a.out.faint(lateText(&x.Late)))
	for i := range x.Broken {
		a.out.printf("%s %s\n", a.out.bad("non-determinism"), &x.Broken[i])
	}
	if x.Why != "" {
		a.out.printf("%s %s\n", a.out.warn("too late to tell:"), x.Why)
	}
	if x.exit() == nil {
		if x.record != "" {
			a.out.printf("recording %s\n", x.record)
		}
		return
	}
	if f := x.Failure; f != nil {
		where := ""
		if f.File != "" {
			where = fmt.Sprintf("  (%s:%d)", f.File, f.Line)
		}
		a.out.printf("%s%s\n", f, a.out.faint(where))
	}
	if x.Scenario.Fails != "" && x.AsMeant() {
		a.out.printf("%s\n", a.out.faint("this scenario is meant to fail: "+x.Scenario.Fails))
	}
	a.out.printf("to run it live again, which may come out otherwise:\n%s\nto replay what was recorded:\n%s\n", x.repeat, x.replay())
}

// replay is the command that gives all sites of the run back.
func (x *liveRun) replay() string { return self() + " replay " + quote(x.record) }

func processCount(n int) string {
	if n == 1 {
		return "1 process"
	}
	return fmt.Sprintf("%d processes", n)
}

// lateText says how late the run was.
func lateText(l *live.Lateness) string {
	round := func(d time.Duration) string { return d.Round(10 * time.Microsecond).String() }
	span := func(d *live.Delays) string {
		if d.Count == 0 {
			return "none"
		}
		return fmt.Sprintf("99 %% within %s, all within %s", round(d.Most(990)), round(d.Max))
	}
	return fmt.Sprintf("late: timers and frames %s; the timeline %s; the bound is %s", span(&l.Timers), span(&l.Acts), des.FormatDuration(int64(l.Bound)))
}

// liveLine is one live run as JSON. Fields are only added.
type liveLine struct {
	Scenario     string            `json:"scenario"`
	File         string            `json:"file"`
	Seed         string            `json:"seed"`
	Verdict      scenarios.Verdict `json:"verdict"`
	AsMeant      bool              `json:"as_meant"`
	Why          string            `json:"why,omitempty"`
	Digest       string            `json:"digest"`
	Events       uint64            `json:"events"`
	Inputs       uint64            `json:"inputs"`
	Processes    int               `json:"processes"`
	Marks        int               `json:"marks"`
	Broken       []live.Broken     `json:"broken"`
	EndNS        int64             `json:"end_ns"`
	WallNS       int64             `json:"wall_ns"`
	Late         live.Lateness     `json:"late"`
	Expectations []expectLine      `json:"expectations"`
	Failure      *failureLine      `json:"failure,omitempty"`
	Error        string            `json:"error,omitempty"`
	Drawn        []optionLine      `json:"drawn,omitempty"`
	Cells        []cellLine        `json:"cells"`
	Links        map[string]uint64 `json:"links"`
	Record       string            `json:"record,omitempty"`
	Repeat       string            `json:"repeat"`
	Replay       string            `json:"replay,omitempty"`
}

// printLive prints a live run on one line.
func (a *app) printLive(x *liveRun) error {
	l := liveLine{
		Scenario: x.Scenario.Name, File: x.file, Seed: x.Scenario.Seed.String(), Verdict: x.Verdict, AsMeant: x.AsMeant(), Why: x.Why,
		Digest: digestText(x.Digest), Events: x.Events, Inputs: x.Inputs, Processes: x.Lives, Marks: x.Marks, Broken: x.Broken,
		EndNS: int64(x.End), WallNS: int64(x.wall), Late: x.Late,
		Expectations: []expectLine{}, Cells: []cellLine{}, Failure: lineOf(x.Failure), Links: make(map[string]uint64),
		Record: x.record, Repeat: x.repeat,
	}
	if x.Broken == nil {
		l.Broken = []live.Broken{}
	}
	if x.Err != nil {
		l.Error = x.Err.Error()
	}
	if x.record != "" {
		l.Replay = x.replay()
	}
	for _, o := range x.Scenario.Options {
		l.Drawn = append(l.Drawn, optionLine{o.Path, o.Value, o.From})
	}
	for _, e := range x.Expect {
		l.Expectations = append(l.Expectations, expectLine{e.Path, e.Text, e.Verdict, (*int64)(e.Met), lineOf(e.Failure), e.Why})
	}
	for _, c := range x.Cells {
		line := cellLine{string(c.ID), c.Run.String(), fmt.Sprintf("%016x", uint64(c.Fold)), make(map[string]any)}
		for _, at := range c.Attrs {
			line.State[at.Name] = attrValue(at)
		}
		l.Cells = append(l.Cells, line)
	}
	for _, n := range links.CountNames {
		l.Links[n], _ = x.Totals.Get(n)
	}
	return json.NewEncoder(a.out).Encode(l)
}
