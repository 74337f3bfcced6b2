package replay

import (
	"strings"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// DiffOptions say how much of the two sides a Difference shows. Zeros mean the
// defaults.
type DiffOptions struct {
	Before int // equal records before the first difference; default 10
	Causes int // causal ancestors; default 10
	Window int // records looked at from the first difference on, to guess why; default 2048
}

func (o DiffOptions) withDefaults() DiffOptions {
	if o.Before <= 0 {
		o.Before = 10
	}
	if o.Causes <= 0 {
		o.Causes = 10
	}
	if o.Window <= 0 {
		o.Window = 2048
	}
	return o
}

// Difference is where and how two runs first went apart.
type Difference struct {
	// What differs first: "record", "choice", "mark" (a cell's fold or the
	// world's digest, where a trace holds no more), "end" or "summary".
	What string
	// Cell is the first cell that differs, empty if it is none; Cells are all
	// whose marks differ at that checkpoint, sorted.
	Cell  string
	Cells []string
	// At is the time of the first difference. Between marks all that is known
	// is that it lies after Since.
	At, Since clock.Time
	Number    uint64 // of the first differing record: how many are equal
	A, B      Side
	Choice    *ChoiceDifference // the first choice that differs, if one does
	names     names             // of the entities near it
	Header    []HeaderDifference
	Suspect   Suspicion   // the likeliest cause
	Also      []Suspicion // others that would explain it, likelier first
}

// Side is what one of two runs did.
type Side struct {
	Name   string // of the trace; empty for a run that is compared as it goes
	Before []Numbered
	Here   []Numbered   // the first that differ; none: the run had ended
	Causes []des.Record // of the first that differs, the latest first
	Ended  bool         // the run has no such record
}

// ChoiceDifference is one choice that two runs made otherwise.
type ChoiceDifference struct {
	What, Where string // the random stream, as the choice names it
	N           uint64 // the occurrence
	At          des.Key
	A, B        *string // the values; nil: the plain outcome, which makes no choice
}

// HeaderDifference is a field in which two headers differ.
type HeaderDifference struct {
	Field string `json:"field"`
	A     string `json:"a"`
	B     string `json:"b"`
}

// hereMax is how many records from the first difference on a Side shows.
const hereMax = 5

// DiffHeaders gives the fields in which two headers differ, in a fixed order.
func DiffHeaders(a, b Header) []HeaderDifference {
	var out []HeaderDifference
	add := func(field, x, y string) {
		if x != y {
			out = append(out, HeaderDifference{field, x, y})
		}
	}
	add("seed", a.Seed, b.Seed)
	add("scenario", a.Scenario, b.Scenario)
	add("text", a.TextHash, b.TextHash)
	add("set", strings.Join(a.Set, " "), strings.Join(b.Set, " "))
	add("build", a.Build, b.Build)
	add("rng", utoa(uint64(a.Rng)), utoa(uint64(b.Rng)))
	add("limits", limitsText(a.Limits), limitsText(b.Limits))
	keys := map[string]string{}
	for k := range a.Info {
		keys[k] = ""
	}
	for k := range b.Info {
		keys[k] = ""
	}
	for _, k := range sortedKeys(keys) {
		add("info "+k, a.Info[k], b.Info[k])
	}
	return out
}

func limitsText(l des.Limits) string {
	return utoa(l.Events) + " events, " + l.Time.String() + ", delta " + utoa(uint64(l.Delta))
}

// Diff compares two traces and gives the first difference, nil if there is
// none. Where both hold events every record is compared, else marks; choices
// always. Headers alone make no difference: two builds may do the same. A trace
// that was cut short is compared as far as it goes.
func Diff(a, b *Trace, opt DiffOptions) (*Difference, error) {
	opt = opt.withDefaults()
	marks := a.header.Level == Choices || b.header.Level == Choices
	m := matcher{next: nextRecord(a, marks), before: opt.Before, window: opt.Window}
	right := nextRecord(b, marks)
	for !m.done() {
		r, err := right()
		if err != nil {
			return nil, err
		}
		if r == nil {
			break
		}
		if err := m.feed(r); err != nil {
			return nil, err
		}
	}
	if err := m.finish(); err != nil {
		return nil, err
	}
	c := choiceMatcher{next: nextChoice(a)}
	rightChoice := nextChoice(b)
	for !c.apart {
		x, err := rightChoice()
		if err != nil {
			return nil, err
		}
		if x == nil {
			break
		}
		if err := c.feed(x); err != nil {
			return nil, err
		}
	}
	if err := c.finish(); err != nil {
		return nil, err
	}
	d := &comparison{
		m: &m, c: &c, marks: marks, openA: a.open(), openB: b.open(),
		header: DiffHeaders(a.header, b.header),
	}
	diff := d.explain()
	if diff == nil {
		if diff = diffSummaries(a, b, d); diff == nil {
			return nil, nil
		}
	}
	diff.A.Name, diff.B.Name = a.name, b.name
	var err error
	if diff.A.Causes, err = sideCauses(a, diff.A.Here, opt.Causes); err != nil {
		return nil, err
	}
	diff.B.Causes, err = sideCauses(b, diff.B.Here, opt.Causes)
	return diff, err
}

func sideCauses(t *Trace, here []Numbered, max int) ([]des.Record, error) {
	if len(here) == 0 || t.header.Level == Choices {
		return nil, nil
	}
	return Causes(t, here[0].Record.Key, max)
}

func diffSummaries(a, b *Trace, c *comparison) *Difference {
	x, okA := a.Summary()
	y, okB := b.Summary()
	if !okA || !okB || x.Digest == y.Digest && x.Verdict == y.Verdict && x.End == y.End && x.Events == y.Events {
		return nil
	}
	d := &Difference{What: "summary", At: min(x.End, y.End), Header: c.header, Number: c.m.n}
	d.A.Before, d.B.Before = c.m.ring, c.m.ring
	d.suspect(&scene{headers: c.header})
	return d
}

// comparison is what two matchers found.
type comparison struct {
	m            *matcher
	c            *choiceMatcher
	marks        bool
	openA, openB bool // the side may have been cut short
	together     bool // one process has run both
	header       []HeaderDifference
}

// explain makes a Difference of it, nil if there is none.
func (k *comparison) explain() *Difference {
	m, c := k.m, k.c
	// A side that was cut short has no end that could differ.
	if m.apart && (m.endA && k.openA || m.endB && k.openB) {
		m.apart = false
	}
	if c.apart && (c.a == nil && k.openA || c.b == nil && k.openB) {
		c.apart = false
	}
	if !m.apart && !c.apart {
		return nil
	}
	d := &Difference{Header: k.header, Number: m.n}
	d.A.Before, d.B.Before = m.ring, m.ring
	if c.apart {
		d.Choice = c.difference()
	}
	d.names = names{}.noteAll(bare(m.ring), m.event, bare(m.a), bare(m.b))
	s := &scene{headers: k.header, choice: d.Choice, names: d.names, together: k.together}
	if m.apart {
		d.A.Here, d.B.Here = m.a[:min(len(m.a), hereMax)], m.b[:min(len(m.b), hereMax)]
		d.A.Ended, d.B.Ended = len(m.a) == 0, len(m.b) == 0
		if !k.marks { // marks have no shape: they say which cell, not why
			s.event, s.a, s.b = m.event, bare(m.a), bare(m.b)
		}
	}
	first, ok := m.first()
	switch {
	case d.Choice != nil && (!ok || d.Choice.At.Compare(first.Key) <= 0):
		s.choiceFirst = true
		d.What, d.At = "choice", d.Choice.At.Time
		if ok && d.Choice.At == first.Key {
			d.Cell = first.Cell
		}
	case k.marks:
		d.What, d.At = "mark", first.Key.Time
		d.Cells = m.cells()
		d.Since = m.since()
	case len(m.a) == 0 || len(m.b) == 0:
		d.What, d.At, d.Cell = "end", first.Key.Time, first.Cell
	default:
		d.What, d.At, d.Cell = "record", first.Key.Time, first.Cell
	}
	if d.Cell == "" && len(d.Cells) > 0 {
		d.Cell = d.Cells[0]
	}
	if d.Cell == "" {
		d.Cell = firstCell(s.a, s.b)
	}
	d.suspect(s)
	return d
}

// firstCell is the cell that is the first to go another way, where what differs
// first is no cell's: a change of the topology, for one.
func firstCell(a, b []des.Record) string {
	ways := func(list []des.Record) map[string][]int {
		m := map[string][]int{}
		for i := range list {
			if c := list[i].Cell; c != "" {
				m[c] = append(m[c], i)
			}
		}
		return m
	}
	wa, wb := ways(a), ways(b)
	first, at := "", len(a)
	for cell, mine := range wa { // the least index: the order does not matter
		for k, i := range mine {
			if i >= at || k >= len(wb[cell]) {
				break // later than another, or beyond the window
			}
			if x, y := &a[i], &b[wb[cell][k]]; x.Key != y.Key || sigKey(x) != sigKey(y) {
				first, at = cell, i
				break
			}
		}
	}
	return first
}

func bare(n []Numbered) []des.Record {
	out := make([]des.Record, len(n))
	for i := range n {
		out[i] = n[i].Record
	}
	return out
}

// first is the earlier of the two records that differ first.
func (m *matcher) first() (*des.Record, bool) {
	switch {
	case !m.apart:
		return nil, false
	case len(m.a) == 0:
		return &m.b[0].Record, true
	case len(m.b) == 0:
		return &m.a[0].Record, true
	}
	a, b := &m.a[0].Record, &m.b[0].Record
	if b.Key.Compare(a.Key) < 0 || a.Cell == "" && b.Key == a.Key {
		return b, true
	}
	return a, true
}

// cells are those whose marks differ at the first checkpoint that differs.
func (m *matcher) cells() []string {
	first, _ := m.first()
	folds := map[string]string{}
	note := func(list []Numbered) {
		for i := range list {
			r := &list[i].Record
			if r.Key.Time == first.Key.Time && r.Cell != "" {
				folds[r.Cell] += utoa(uint64(r.A)) + " "
			}
		}
	}
	note(m.a)
	note(m.b)
	for _, k := range sortedKeys(folds) {
		if f := strings.Fields(folds[k]); len(f) == 2 && f[0] == f[1] {
			delete(folds, k)
		}
	}
	return sortedKeys(folds)
}

// since is the time of the last checkpoint that was equal as a whole.
func (m *matcher) since() clock.Time {
	first, _ := m.first()
	for i := len(m.ring) - 1; i >= 0; i-- {
		if t := m.ring[i].Record.Key.Time; t < first.Key.Time {
			return t
		}
	}
	return 0
}

// difference says which choice differs: of two that are not at one address the
// earlier is the one that the other side did not make.
func (m *choiceMatcher) difference() *ChoiceDifference {
	a, b := m.a, m.b
	if a != nil && b != nil && (a.What != b.What || a.Where != b.Where || a.N != b.N) {
		if a.At.Compare(b.At) <= 0 {
			b = nil
		} else {
			a = nil
		}
	}
	c := a
	if c == nil {
		c = b
	}
	d := &ChoiceDifference{What: c.What, Where: c.Where, N: c.N, At: c.At}
	if a != nil {
		d.A = &a.Value
	}
	if b != nil {
		d.B = &b.Value
	}
	return d
}
