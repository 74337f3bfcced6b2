package command

import (
	"encoding/json"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/replay"
	"example.com/dsim/scenarios"
)

// replayedJSON prints the comparison of a run with its trace.
func (a *app) replayedJSON(t *replay.Trace, r *scenarios.Result, d *replay.Difference, unused []des.Choice, same bool) error {
	s, whole := t.Summary()
	out := struct {
		Trace      string             `json:"trace"`
		Scenario   string             `json:"scenario"`
		Seed       string             `json:"seed"`
		Agrees     bool               `json:"agrees"`
		Whole      bool               `json:"whole"`
		Digest     string             `json:"digest"`
		Recorded   string             `json:"recorded_digest"`
		Verdict    string             `json:"verdict"`
		Events     uint64             `json:"events"`
		VirtualNS  int64              `json:"virtual_ns"`
		Divergence *replay.Difference `json:"divergence,omitempty"`
		Unused     []des.Choice       `json:"unused_choices,omitempty"`
	}{
		t.Name(), r.Scenario.Name, r.Scenario.Seed.String(), same, whole, digestText(r.Digest), digestText(s.Digest),
		verdictText(r), r.Events, int64(r.End), d, unused,
	}
	if err := json.NewEncoder(a.out).Encode(out); err != nil {
		return err
	}
	if !same {
		return exit(exitNondeterminism, nil)
	}
	return nil
}

// placeJSON prints how things stand at a place of a run.
func (a *app) placeJSON(s cells.Snapshot, chain []des.Record) error {
	out := struct {
		Snapshot cells.Snapshot      `json:"snapshot"`
		Causes   []replay.RecordLine `json:"causes"`
	}{Snapshot: s, Causes: []replay.RecordLine{}}
	for i := range chain {
		out.Causes = append(out.Causes, replay.Line(uint64(i), &chain[i]))
	}
	return json.NewEncoder(a.out).Encode(out)
}
