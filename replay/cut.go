package replay

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// Cut writes the part of the trace at in that lies from..to, both included, to
// a trace at out. With cells it keeps their events, the events of the links
// they were seen to use, and all that concerns no cell. Choices made before the
// run stay, so that the cut still says which world it was. Its header says of
// what it was cut; the summary is that of the whole run.
func Cut(in, out string, from, to clock.Time, cells ...string) error {
	t, err := Open(in)
	if err != nil {
		return err
	}
	defer t.Close()
	if err := notItself("cut", in, out); err != nil {
		return err
	}
	if from > to {
		return fmt.Errorf("cut: from %s to %s: the end is before the beginning", from, to)
	}
	if err := t.hasCells(cells); err != nil {
		return err
	}
	what := from.String() + ".." + to.String()
	if len(cells) > 0 {
		what += " of " + strings.Join(cells, ", ")
	}
	h := t.header.with(infoCut, what)
	if t.Hash() != "" {
		h = h.with(infoCutOf, t.Hash())
	}
	w, err := Create(out, h)
	if err != nil {
		return err
	}
	if err := copyCut(w, t, from, to, cells); err != nil {
		_ = w.Abort()
		return err
	}
	return w.finish(t.summary)
}

// hasCells says which of the cells no record speaks of.
func (t *Trace) hasCells(cells []string) error {
	if len(cells) == 0 {
		return nil
	}
	known := map[string]string{}
	for r, err := range t.Records(allFrom, allTo) {
		if err != nil {
			return err
		}
		if r.Cell != "" {
			known[r.Cell] = ""
		}
	}
	for _, c := range cells {
		if _, ok := known[c]; !ok {
			return &UnknownCellError{Cell: c, Known: sortedKeys(known)}
		}
	}
	return nil
}

// UnknownCellError says that a trace has nothing of a cell.
type UnknownCellError struct {
	Cell  string
	Known []string // the cells it has, sorted
}

// Error names the cell.
func (e *UnknownCellError) Error() string { return fmt.Sprintf("no cell %q in the trace", e.Cell) }

// with is the header with one more entry of info.
func (h Header) with(k, v string) Header {
	h.Info = maps.Clone(h.Info)
	if h.Info == nil {
		h.Info = map[string]string{}
	}
	h.Info[k] = v
	return h
}

func copyCut(w *Writer, t *Trace, from, to clock.Time, cells []string) error {
	for c, err := range t.Choices() {
		if err != nil {
			return err
		}
		if !c.At.IsZero() || from <= 0 {
			break // those before the run come first
		}
		w.Choose(c)
	}
	keep := keeper{cells: cells, links: map[string]bool{}}
	for e, err := range t.Entries(from, to) {
		switch {
		case err != nil:
			return err
		case e.Choice != nil:
			w.Choose(e.Choice)
		case keep.record(e.Record):
			w.Record(e.Record)
		}
		if w.err != nil {
			return w.err
		}
	}
	return nil
}

// keeper decides which records belong to a cut. The event decides for its
// effects, which follow it.
type keeper struct {
	cells []string
	links map[string]bool
	key   des.Key
	keep  bool
}

func (k *keeper) record(r *des.Record) bool {
	if len(k.cells) == 0 {
		return true
	}
	mine := slices.Contains(k.cells, r.Cell)
	if r.Op == des.OpMark {
		return mine || r.Cell == ""
	}
	if r.Op.Event() || r.Key != k.key {
		k.key = r.Key
		k.keep = mine || r.Cell == "" && (r.Link == "" || k.links[r.Link])
	}
	if mine && r.Link != "" {
		k.links[r.Link] = true
	}
	return k.keep || mine
}
