package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// A row is what came of a goal.
type row struct {
	goal    goal
	what    string
	ours    []float64 // of each round: a time, or the metric
	peer    []float64
	against string // what the peer's figure is of, when it was chosen
	missing string // why it could not be measured
	lost    int    // of the rows it is the worst of, those that could not be
	note    string
}

// add takes one round's pair, or why there is none. A side that has a figure
// keeps it, so that a peer is told even where we are not there to compare.
func (r *row) add(ours, peer sample, err error) {
	a, errA := r.pick(ours)
	b, errB := r.pick(peer)
	if err == nil {
		err = errA
		if r.goal.peer != (source{}) {
			err = errors.Join(errA, errB)
		}
	}
	if err != nil {
		r.missing = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	if errA == nil {
		r.ours = append(r.ours, a)
	}
	if errB == nil {
		r.peer = append(r.peer, b)
		r.against = peer.name
	}
	if r.goal.digest && err == nil {
		r.compareDigests(ours, peer)
	}
}

// pick gives the figure of a sample that the row compares.
func (r *row) pick(s sample) (float64, error) {
	if r.goal.unit == "" {
		if s.ns <= 0 {
			return 0, fmt.Errorf("%s has no time", s.name)
		}
		return s.ns, nil
	}
	v, ok := s.metrics[r.goal.unit]
	if !ok {
		return 0, fmt.Errorf("%s does not report %s", s.name, r.goal.unit)
	}
	return v, nil
}

// differ is the note of a row whose sources did not do the same work, in any
// of the rounds: such a row is no faster than anything.
const differ = "the digests differ"

func (r *row) compareDigests(ours, peer sample) {
	a, okA := ours.metrics["digest"]
	b, okB := peer.metrics["digest"]
	switch {
	case r.note == differ:
	case !okA || !okB:
		r.note = "digests not reported"
	case a != b:
		r.note = differ
	case r.note == "":
		r.note = "equal digests"
	}
}

// ratios are those of the pairs, or the figures of a row without a peer.
func (r *row) ratios() []float64 {
	if r.goal.peer == (source{}) {
		return r.ours
	}
	var rs []float64
	for i := range min(len(r.ours), len(r.peer)) {
		rs = append(rs, r.ratio(r.ours[i], r.peer[i]))
	}
	return rs
}

// ratio puts a pair so that it can be held against the goal: how many times
// the peer takes as long, or, of a row with an upper limit, how many times we do.
func (r *row) ratio(ours, peer float64) float64 {
	if r.goal.most {
		return over(ours, peer)
	}
	return over(peer, ours)
}

func over(a, b float64) float64 {
	if b == 0 {
		return math.NaN()
	}
	return a / b
}

// median is the figure of a row: one round more or less hardly moves it.
func (r *row) median() float64 { return median(r.ratios()) }

// best is the ratio of the least times of either side: what is left of the
// figure when everything that disturbed the machine is taken away.
func (r *row) best() float64 {
	switch {
	case len(r.ours) == 0:
		return math.NaN()
	case r.goal.peer == (source{}):
		return slices.Min(r.ours)
	case len(r.peer) == 0:
		return math.NaN()
	}
	return r.ratio(slices.Min(r.ours), slices.Min(r.peer))
}

// state says whether the goal is met: yes, no, in part if some of what it is
// the worst of is not known, - if there is no goal, or not measured.
func (r *row) state() string {
	switch m := r.median(); {
	case r.missing != "" || len(r.ratios()) == 0:
		return "not measured"
	case r.note == differ:
		return "no"
	case r.goal.told:
		return "-"
	case math.IsNaN(m):
		return "no"
	case r.goal.most && m > r.goal.limit, !r.goal.most && m < r.goal.limit:
		return "no"
	case r.lost > 0:
		return "in part"
	}
	return "yes"
}

// median of an even number of figures is the mean of the two in the middle.
func median(vs []float64) float64 {
	if len(vs) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(vs))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// foldWorst leaves of rows that share a worst only the one whose median is
// worst, under the common name, which says of how many. Rows that could not be
// measured do not count, unless none could.
func foldWorst(rows []*row) []*row {
	var folded []*row
	at := map[string]int{} // in folded
	count, lost := map[string]int{}, map[string]int{}
	for _, r := range rows {
		name := r.goal.worst
		if name == "" {
			folded = append(folded, r)
			continue
		}
		i, ok := at[name]
		if !ok {
			i = len(folded)
			at[name] = i
			folded = append(folded, r)
		} else if worse(r, folded[i]) {
			folded[i] = r
		}
		if r.missing == "" {
			count[name]++
		} else {
			lost[name]++
		}
	}
	for name, i := range at {
		f := *folded[i]
		f.what, f.lost = name, lost[name]
		if count[name] > 0 {
			f.note = joinNotes(f.note, worstOf(folded[i].what, count[name], lost[name]))
		}
		folded[i] = &f
	}
	return folded
}

func worse(a, b *row) bool {
	switch {
	case a.missing != "" || b.missing != "":
		return a.missing == "" && b.missing != ""
	case a.goal.most:
		return a.median() > b.median()
	}
	return a.median() < b.median()
}
