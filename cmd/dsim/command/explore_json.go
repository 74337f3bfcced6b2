package command

import (
	"encoding/json"

	"example.com/dsim/fuzz/explore"
	"example.com/dsim/replay"
)

// soughtLine is what a search through one scenario came to, as JSON. Fields are
// only added.
type soughtLine struct {
	File         string          `json:"file"`
	Scenario     string          `json:"scenario"`
	Worlds       uint64          `json:"worlds"`
	Asked        uint64          `json:"asked"`
	Passed       uint64          `json:"passed"`
	Failed       uint64          `json:"failed"`
	Inconclusive uint64          `json:"inconclusive"`
	Unfit        uint64          `json:"unfit,omitempty"`
	Why          string          `json:"unfit_why,omitempty"`
	Events       uint64          `json:"events"`
	Rechecked    uint64          `json:"rechecked"`
	UntilNS      int64           `json:"faults_until_ns"`
	Declared     bool            `json:"declared"` // the scenario says which faults it bears, or that it fails
	Faults       []biteLine      `json:"faults"`
	Never        []string        `json:"never_happened,omitempty"`
	Found        []foundLine     `json:"found"`
	Divergence   *divergenceLine `json:"divergence,omitempty"`
}

// biteLine is what became of a family of faults.
type biteLine struct {
	Family string `json:"family"`
	On     uint64 `json:"on"`
	Bit    uint64 `json:"bit"`
	Times  uint64 `json:"times"`
}

// foundLine is one kind of failure.
type foundLine struct {
	Signature string       `json:"signature"`
	Worlds    uint64       `json:"worlds"`
	World     uint64       `json:"world"` // the first
	Failure   *failureLine `json:"failure"`
	Repro     string       `json:"repro"`
	Repeat    string       `json:"repeat"`
}

type divergenceLine struct {
	World      uint64             `json:"world"`
	Difference *replay.Difference `json:"difference,omitempty"`
}

// showSought prints what was found in a file, for people or programs.
func (a *app) showSought(o *exploreFlags, s *sought) error {
	if !o.json {
		a.sought(s)
		return nil
	}
	r := s.report
	l := soughtLine{
		File: s.file, Scenario: r.Name, Worlds: r.Worlds, Asked: r.Total, Passed: r.Passed, Failed: r.Failed, Inconclusive: r.Inconclusive,
		Unfit: r.Unfit, Why: r.Why, Events: r.Events, Rechecked: r.Rechecked, UntilNS: int64(r.Until), Declared: !s.unsaid,
		Faults: []biteLine{}, Found: []foundLine{},
	}
	for _, b := range r.Bites {
		l.Faults = append(l.Faults, biteLine{b.Family, b.On, b.Bit, b.Times})
	}
	for _, e := range r.Sometimes {
		if e.Worlds == 0 {
			l.Never = append(l.Never, e.Text)
		}
	}
	for i, f := range r.Found {
		l.Found = append(l.Found, s.found(i, f))
	}
	if b := r.Broken; b != nil {
		l.Divergence = &divergenceLine{b.World, b.Difference}
	}
	return json.NewEncoder(a.out).Encode(l)
}

func (s *sought) found(i int, f *explore.Found) foundLine {
	return foundLine{f.Signature.String(), f.Count, f.World, lineOf(f.Failure), s.kept[i], self() + " repro " + quote(s.kept[i])}
}
