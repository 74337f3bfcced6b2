package command

import (
	"encoding/json"
	"fmt"
	"time"

	"example.com/dsim/des"
	"example.com/dsim/links"
	"example.com/dsim/replay"
	"example.com/dsim/scenarios"
)

// resultLine is what is said of every run, virtual or live. Fields are only
// added.
type resultLine struct {
	Scenario     string            `json:"scenario"`
	File         string            `json:"file"`
	Seed         string            `json:"seed"`
	Verdict      scenarios.Verdict `json:"verdict"`
	AsMeant      bool              `json:"as_meant"`
	Digest       string            `json:"digest"`
	Events       uint64            `json:"events"`
	WallNS       int64             `json:"wall_ns"`
	Expectations []expectLine      `json:"expectations"`
	Failure      *failureLine      `json:"failure,omitempty"`
	Error        string            `json:"error,omitempty"`
	Drawn        []optionLine      `json:"drawn,omitempty"`
	Cells        []cellLine        `json:"cells"`
	Links        map[string]uint64 `json:"links"`
	Repeat       string            `json:"repeat"`
}

// runLine is one run as JSON.
type runLine struct {
	resultLine
	VirtualNS  int64              `json:"virtual_ns"`
	Partitions int                `json:"partitions,omitempty"`
	WhyNoMore  string             `json:"partitions_why,omitempty"`
	Trace      string             `json:"trace,omitempty"`
	Divergence *replay.Difference `json:"divergence,omitempty"`
}

type expectLine struct {
	Path    string            `json:"path"`
	Text    string            `json:"text"`
	Verdict scenarios.Verdict `json:"verdict"`
	MetNS   *int64            `json:"met_ns,omitempty"`
	Failure *failureLine      `json:"failure,omitempty"`
	Why     string            `json:"why,omitempty"`
}

type failureLine struct {
	Property string `json:"property"`
	TimeNS   int64  `json:"time_ns"`
	Event    string `json:"event"`
	Cell     string `json:"cell,omitempty"`
	Text     string `json:"text"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
}

type optionLine struct {
	Path  string `json:"path"`
	Value string `json:"value"`
	From  string `json:"from"`
}

type cellLine struct {
	Name  string         `json:"name"`
	Run   string         `json:"run"`
	Fold  string         `json:"fold"`
	State map[string]any `json:"state"`
}

func lineOf(f *scenarios.Failure) *failureLine {
	if f == nil {
		return nil
	}
	return &failureLine{f.Property, int64(f.Time), replay.FormatKey(f.Key), f.Cell, f.Text, f.File, f.Line}
}

// resultOf is the line of a run.
func resultOf(x *scenarios.Result, file string, wall time.Duration, repeat string) resultLine {
	l := resultLine{
		Scenario: x.Scenario.Name, File: file, Seed: x.Scenario.Seed.String(), Verdict: x.Verdict, AsMeant: x.AsMeant(),
		Digest: digestText(x.Digest), Events: x.Events, WallNS: int64(wall), Repeat: repeat,
		Expectations: []expectLine{}, Cells: []cellLine{}, Failure: lineOf(x.Failure), Links: make(map[string]uint64),
	}
	if x.Err != nil {
		l.Error = x.Err.Error()
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
	return l
}

// printJSON prints one run on one line.
func (a *app) printJSON(x *outcome) error {
	return json.NewEncoder(a.out).Encode(runLine{
		resultLine: resultOf(x.Result, x.File, x.Wall, x.Repeat), VirtualNS: int64(x.End),
		Partitions: x.Lanes, WhyNoMore: x.Alone, Trace: x.Trace, Divergence: x.Broken,
	})
}

func digestText(d des.Digest) string { return fmt.Sprintf("%016x", uint64(d)) }
