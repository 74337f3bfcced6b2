package scenarios

import (
	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/links"
)

// log is what one partition has observed in a window, in the order in which it
// happened there. It is written by the partition alone, and read between
// windows.
type log struct {
	s      *side
	sched  *des.Scheduler
	direct bool            // in an act of the timeline: nothing waits
	ports  []cells.PortRef // of watched links

	notes     []note
	instants  []instant
	records   []des.Record
	data      []byte // of records
	choices   []des.Choice
	emissions []cells.Emission
	changes   []change
	counts    []halves
	events    []des.Event
}

// note is one thing observed: its kind, and where it lies.
type note struct {
	key  des.Key
	kind noteKind
	i    int32
}

type noteKind uint8

const (
	noteRan noteKind = iota
	noteRecord
	noteChoice
	noteEmission
	noteChange
	noteCounts
)

// instant is the end of one at which something watched has changed.
type instant struct {
	at clock.Time
	by des.Key
}

// change is a watched attribute that has changed.
type change struct {
	cell cells.CellRef
	name string
	to   cells.Attr
}

// halves are what a port has counted, of the direction that leads away from it
// and of the one that leads to it.
type halves struct {
	port          cells.PortRef
	sent, arrived links.Counts
}

func (g *log) add(k des.Key, kind noteKind, i int) {
	g.notes = append(g.notes, note{k, kind, int32(i)})
}

// ran notes an event that is about to be handled.
func (g *log) ran(e des.Event) {
	g.add(e.Key(), noteRan, len(g.events))
	g.events = append(g.events, e)
}

// Record keeps a record, or passes it on.
func (g *log) Record(r *des.Record) {
	if g.direct {
		g.s.w.opt.Records.Record(r)
		return
	}
	g.add(r.Key, noteRecord, len(g.records))
	kept := *r
	if len(r.Data) > 0 {
		from := len(g.data)
		g.data = append(g.data, r.Data...)
		kept.Data = g.data[from:len(g.data):len(g.data)]
	}
	g.records = append(g.records, kept)
}

// Choose keeps a choice, or passes it on.
func (g *log) Choose(c *des.Choice) {
	if g.direct {
		g.s.w.opt.Choices.Choose(c)
		return
	}
	g.add(c.At, noteChoice, len(g.choices))
	g.choices = append(g.choices, *c)
}

func (g *log) emitted(k des.Key, e cells.Emission) {
	if g.direct {
		g.s.w.host.Publish(k, e)
		return
	}
	g.add(k, noteEmission, len(g.emissions))
	g.emissions = append(g.emissions, e)
}

func (g *log) changed(cell cells.CellRef, name string, to cells.Attr) {
	if g.direct {
		g.s.attrs[attrKey{g.s.w.host.Name(cell), name}] = to
		return
	}
	g.add(g.sched.Current(), noteChange, len(g.changes))
	g.changes = append(g.changes, change{cell, name, to})
}

// instant notes the end of an instant at which something watched may have
// changed, and the counts of links.
func (g *log) instant(now clock.Time) {
	for _, p := range g.ports {
		g.add(g.sched.Current(), noteCounts, len(g.counts))
		g.counts = append(g.counts, halves{p, g.s.w.net.SentHalf(p), g.s.w.net.ArrivedHalf(p)})
	}
	g.instants = append(g.instants, instant{now, g.sched.TouchedBy()})
}

// handOn does with a note what one scheduler would have done at once.
func (g *log) handOn(s *side, i int) {
	e := &g.notes[i]
	w := s.w
	switch e.kind {
	case noteRan:
		next := g.events[e.i]
		if des.Tied(s.last, next) {
			w.tie(s.last, next)
		}
		s.last = next
	case noteRecord:
		w.opt.Records.Record(&g.records[e.i])
	case noteChoice:
		w.opt.Choices.Choose(&g.choices[e.i])
	case noteEmission:
		w.host.Publish(e.key, g.emissions[e.i])
	case noteChange:
		c := &g.changes[e.i]
		s.attrs[attrKey{w.host.Name(c.cell), c.name}] = c.to
	case noteCounts:
		c := &g.counts[e.i]
		s.sent[c.port], s.arrived[c.port] = c.sent, c.arrived
	}
}

func (g *log) reset() {
	clear(g.records)
	clear(g.choices)
	clear(g.emissions)
	g.notes, g.instants = g.notes[:0], g.instants[:0]
	g.records, g.data, g.choices = g.records[:0], g.data[:0], g.choices[:0]
	g.emissions, g.changes, g.counts, g.events = g.emissions[:0], g.changes[:0], g.counts[:0], g.events[:0]
}
