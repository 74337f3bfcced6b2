package replay

import "fmt"

// Repaired says what [Repair] could save.
type Repaired struct {
	Records, Choices uint64 // in the mended trace
	Lost             []error
	Summary          bool // the trace still says how the run ended
}

// String is Repaired in words.
func (r Repaired) String() string {
	s := fmt.Sprintf("%d records and %d choices", r.Records, r.Choices)
	if n := len(r.Lost); n > 0 {
		s += fmt.Sprintf(", %d blocks lost", n)
	}
	if !r.Summary {
		s += ", no summary"
	}
	return s
}

// Repair writes all that can be read of the trace at in to a whole trace at
// out, with a new index and seek table. If the end is lost, the new trace says
// that it has no summary. Its header notes the repair, and where a block within
// is missing.
func Repair(in, out string) (Repaired, error) {
	t, err := Open(in)
	if err != nil {
		return Repaired{}, err
	}
	defer t.Close()
	if err := notItself("repair", in, out); err != nil {
		return Repaired{}, err
	}
	h := t.header.with(infoRepaired, "the index was written anew; what a damaged block held is missing")
	if g, ok := t.findGap(); ok {
		h = h.with(infoGap, g.String())
	}
	w, err := Create(out, h)
	if err != nil {
		return Repaired{}, err
	}
	var done Repaired
	for e, err := range t.Entries(allFrom, allTo) {
		switch {
		case err != nil:
			done.Lost = append(done.Lost, err)
		case e.Record != nil:
			w.Record(e.Record)
			done.Records++
		case e.Choice != nil:
			w.Choose(e.Choice)
			done.Choices++
		}
		if w.err != nil {
			break
		}
	}
	done.Summary = t.summary != nil
	return done, w.finish(t.summary)
}
