package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/protocols/abp"
	"example.com/dsim/replay"
)

// picture is what is drawn: the frames between two cells in a span of time.
type picture struct {
	title    string
	from, to clock.Time
	cells    [2]string
	frames   []*frame
	waits    []wait
	notes    []note
}

// frame is one frame of a link direction.
type frame struct {
	address
	side    int // of its sender
	sent    clock.Time
	arrived clock.Time // zero if it did not
	label   string
	again   bool // a timer sent it
	verdict string
}

// address names a frame: a link direction, and the number on it.
type address struct {
	link string
	n    int64
}

// wait is a timer that fired: since when it was armed, and when it was due.
type wait struct {
	side       int
	armed, due clock.Time
}

// note is what a cell said at an instant.
type note struct {
	side int
	at   clock.Time
	text string
}

// said is how emissions of abp read in a picture; others are left out.
var said = map[string]string{
	"accept":     "accepts %d",
	"deliver":    "delivers %d",
	"retransmit": "no answer: sends %d again",
	"corrupt":    "checksum wrong: drops it",
}

// read takes a picture out of a trace. What is on the way at either end of the
// span is left out.
func read(t *replay.Trace, from, to clock.Time, left, right string) (*picture, error) {
	h := t.Header()
	if h.Level != replay.Events {
		return nil, fmt.Errorf("%s: a trace of level %s: want events", t.Name(), h.Level)
	}
	p := &picture{title: fmt.Sprintf("%s, seed %s", h.Scenario, h.Seed), from: from, to: to, cells: [2]string{left, right}}
	sent := make(map[address]*frame)
	var event des.Op
	for r, err := range t.Records(from, to) {
		if err != nil {
			return nil, err
		}
		if r.Op.Event() {
			event = r.Op
		}
		side := slices.Index(p.cells[:], r.Cell)
		if side < 0 {
			continue
		}
		at := address{r.Link, r.A}
		switch r.Op {
		case des.OpSend:
			if r.Link != "" {
				sent[at] = &frame{address: at, side: side, sent: r.Key.Time, label: label(r), again: event == des.OpTimer}
			}
		case des.OpVerdict:
			if f := sent[at]; f != nil {
				f.verdict = strings.TrimSpace(f.verdict + " " + r.Text)
			}
		case des.OpRecv:
			if f := sent[at]; f != nil && f.side != side {
				f.arrived = r.Key.Time
			}
		case des.OpTimer:
			if armed := r.Cause.Time; armed >= from && armed < r.Key.Time {
				p.waits = append(p.waits, wait{side, armed, r.Key.Time})
			}
		case des.OpEmit:
			if text, ok := said[r.Kind]; ok {
				if strings.Contains(text, "%d") {
					text = fmt.Sprintf(text, r.A)
				}
				p.notes = append(p.notes, note{side, r.Key.Time, text})
			}
		}
	}
	for _, f := range sent {
		if f.arrived != 0 || f.lost() {
			p.frames = append(p.frames, f)
		}
	}
	slices.SortFunc(p.frames, func(a, b *frame) int {
		return cmp.Or(cmp.Compare(a.sent, b.sent), strings.Compare(a.link, b.link), cmp.Compare(a.n, b.n))
	})
	return p, nil
}

// label says what a frame is: by abp if it is one of its datagrams, else by its
// address.
func label(r *des.Record) string {
	words := make(map[string]string)
	for _, w := range strings.Fields(abp.Print(r.Data)) {
		name, value, _ := strings.Cut(w, "=")
		words[name] = value
	}
	switch words["kind"] {
	case "data":
		return fmt.Sprintf("data %s, bit %s", words["number"], words["bit"])
	case "ack":
		return "ack, bit " + words["bit"]
	}
	return fmt.Sprintf("%s#%d, %d bytes", r.Link, r.A, len(r.Data))
}

func (f *frame) lost() bool { return strings.Contains(f.verdict, "drop:") }

// flight is how long frames take: the time of those that could not arrive is
// as long as the longest that did.
func (p *picture) flight() clock.Time {
	longest := clock.Time(1)
	for _, f := range p.frames {
		longest = max(longest, f.arrived-f.sent)
	}
	return longest
}
