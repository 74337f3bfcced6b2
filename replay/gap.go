package replay

import "fmt"

// gap is a place in a mended trace where a block is missing: before the record
// and the choice of these numbers. What follows it cannot be compared with a
// run, record by record.
type gap struct{ record, choice uint64 }

func (g gap) String() string { return fmt.Sprintf("record %d, choice %d", g.record, g.choice) }

func parseGap(s string) (g gap, ok bool) {
	n, err := fmt.Sscanf(s, "record %d, choice %d", &g.record, &g.choice)
	return g, n == 2 && err == nil
}

// findGap is the first place where a block cannot be read and others follow.
func (t *Trace) findGap() (g gap, ok bool) {
	if t.gap != nil {
		return *t.gap, true
	}
	lost := false
	for e, err := range t.Entries(allFrom, allTo) {
		switch {
		case err != nil:
			lost = true
		case lost:
			return g, true
		case e.Record != nil:
			g.record++
		default:
			g.choice++
		}
	}
	return gap{}, false
}

// open reports whether the run may have gone on where the trace ends, or what
// can be compared of it.
func (t *Trace) open() bool { return t.summary == nil || t.gap != nil }
