package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay"
	"example.com/dsim/scenarios"
)

// Step is one event of the chain that led to the failure.
type Step struct {
	At   clock.Time `json:"at_ns"`
	Key  string     `json:"event"` // as dsim replay --until takes it
	Who  string     `json:"who"`
	What string     `json:"what"`
	// Notes are what was done in answer that goes on in the chain, or that
	// people look for: the frame sent, what the link did to it, emissions.
	Notes []string `json:"notes,omitempty"`
	// Lost are frames that were removed while the timer ran that fired here.
	Lost  []string `json:"lost,omitempty"`
	After int      `json:"after,omitempty"` // events left out before this one
}

// Removed is frames of one direction that the same thing removed.
type Removed struct {
	Link    string     `json:"link"`
	From    string     `json:"from"`
	To      string     `json:"to"`
	Verdict string     `json:"verdict"`      // "drop:cut"
	By      string     `json:"by,omitempty"` // the fault of the timeline that was in force
	Frames  int        `json:"frames"`
	First   int64      `json:"first"` // numbers of the first and the last of them
	Last    int64      `json:"last"`
	FirstAt clock.Time `json:"first_at_ns"`
	LastAt  clock.Time `json:"last_at_ns"`
}

// The bounds of what is shown.
const (
	causesMax = 1 << 20 // events that are followed back
	causesFew = 1000    // of those that are looked up one by one
	rootsMax  = 2       // shown at the beginning of the chain
	nearMax   = 16      // and at its end
	telling   = 12      // between, those at which something was removed or damaged
	lostMax   = 3       // frames told of a step
	watched   = 8       // cells whose last event is looked for
)

// lost is a frame that went no further.
type lost struct {
	at      clock.Time
	link    string
	n       int64
	verdict string
}

// picture is what one pass over the records gives.
type picture struct {
	in   map[des.Key]int // the events of the chain: their place
	recs []des.Record
	step []Step
	gone []lost
	hurt map[string]string // verdicts that let a frame arrive, by its name
	ends map[string][2]string
	// sent are the frames that have neither arrived nor been dropped so far.
	sent map[frame]clock.Time
}

// frame is a frame by its number on a direction.
type frame struct {
	link string
	n    int64
}

// chain tells what led to the failure.
func (x *explainer) chain(e *Explanation) error {
	f := x.fail.Failure
	key, cellsOf := f.Key, x.concerned()
	if x.late() {
		last, err := x.lastOf(cellsOf)
		if err != nil {
			return err
		}
		if !last.IsZero() {
			e.Missing = true
			key = last
		}
	}
	causes, err := x.causes(key)
	if err != nil {
		return err
	}
	p := &picture{
		in: make(map[des.Key]int, len(causes)), recs: causes, step: make([]Step, len(causes)),
		hurt: make(map[string]string), ends: endsOf(x.sc), sent: make(map[frame]clock.Time),
	}
	for i := range causes {
		p.in[causes[i].Key] = i
		if r := &causes[i]; r.Cell != "" && !slices.Contains(cellsOf, r.Cell) {
			cellsOf = append(cellsOf, r.Cell)
		}
	}
	if err := p.read(x.trace, f.Time); err != nil {
		return err
	}
	x.underway(p)
	for i := range p.step {
		p.tell(i)
	}
	e.Chain, e.Skipped = compressed(p.step)
	e.Removed = x.removed(p, cellsOf)
	return nil
}

// causes are the event with a key and those that led to it, the first first.
// Chains are long and the trace is read from its beginning anyway: two passes
// take less than to look each cause up.
func (x *explainer) causes(key des.Key) ([]des.Record, error) {
	index, err := replay.NewCausalIndex(x.trace, 0)
	if err != nil {
		return nil, err
	}
	if _, ok := index.Cause(key); !ok && index.Full() {
		list, err := replay.Causes(x.trace, key, causesFew) // it lies behind what the index holds
		slices.Reverse(list)
		return list, err
	}
	var keys []des.Key
	for !key.IsZero() && len(keys) < causesMax {
		keys = append(keys, key)
		next, ok := index.Cause(key)
		if !ok || next.Compare(key) >= 0 {
			break
		}
		key = next
	}
	slices.Reverse(keys)
	at := make(map[des.Key]int, len(keys))
	for i, k := range keys {
		at[k] = i
	}
	list := make([]des.Record, len(keys))
	for r, err := range x.trace.Records(0, x.fail.Failure.Time) {
		if err != nil {
			return nil, err
		}
		// What is no event has been recorded under the key of one that was not.
		if i, ok := at[r.Key]; ok && (list[i].Op == 0 || r.Op.Event() && !list[i].Op.Event()) {
			list[i] = replay.Clone(r)
			list[i].Data = nil
		}
	}
	return slices.DeleteFunc(list, func(r des.Record) bool { return r.Op == 0 }), nil
}

// late reports whether the failure is that something did not come: the event at
// which that was seen has nothing to do with it.
func (x *explainer) late() bool {
	switch x.fail.Mode {
	case scenarios.Eventually.String(), scenarios.Sometimes.String(), scenarios.Settled.String():
		return true
	}
	return false
}

// concerned are the cells that the failure tells of.
func (x *explainer) concerned() (list []string) {
	f := x.fail.Failure
	if f.Cell != "" {
		list = append(list, f.Cell)
	}
	for i := range x.sc.Expect {
		e := &x.sc.Expect[i]
		if e.Path != f.Path || e.Cond == nil {
			continue
		}
		for _, w := range e.Cond.Watch {
			if id := string(w.Cell); id != "" && !slices.Contains(list, id) {
				list = append(list, id)
			}
		}
	}
	return list
}

// lastOf is the last event before the failure that reached one of some cells.
func (x *explainer) lastOf(list []string) (key des.Key, err error) {
	list = list[:min(len(list), watched)]
	for r, err := range x.trace.Records(0, x.fail.Failure.Time) {
		if err != nil {
			return key, err
		}
		if r.Op.Event() && slices.Contains(list, r.Cell) {
			key = r.Key
		}
	}
	return key, nil
}

// endsOf are the cells at the ends of all links there ever are.
func endsOf(sc *scenarios.Scenario) map[string][2]string {
	ends := make(map[string][2]string)
	add := func(list []cells.Change) {
		for _, c := range list {
			if c.Op == cells.AddLink {
				ends[c.Link.Name] = [2]string{string(c.Link.A.Cell), string(c.Link.B.Cell)}
			}
		}
	}
	add(sc.Initial)
	for i := range sc.Timeline {
		for j := range sc.Timeline[i].Steps {
			add(sc.Timeline[i].Steps[j].Changes)
		}
	}
	return ends
}

// way is from whom to whom a direction leads.
func (p *picture) way(direction string) (from, to string) {
	e := p.ends[strings.TrimRight(direction, "<>")]
	if strings.HasSuffix(direction, "<") {
		return e[1], e[0]
	}
	return e[0], e[1]
}

// read gathers what the chain's events did, and which frames were removed.
func (p *picture) read(t *replay.Trace, to clock.Time) error {
	for r, err := range t.Records(0, to) {
		if err != nil {
			return err
		}
		p.follow(r)
		switch {
		case r.Op == des.OpVerdict && strings.Contains(r.Text, "drop:"):
			p.drop(lost{r.Key.Time, r.Link, r.A, r.Text})
		case r.Op == des.OpMiss && r.Link != "":
			p.gone = append(p.gone, lost{r.Key.Time, r.Link, r.A, "not taken: " + r.Text})
		case r.Op == des.OpVerdict: // one that is dropped for it has a second verdict
			p.hurt[frameName(r.Link, r.A)] = r.Text
		}
		i, ok := p.in[r.Key]
		if !ok {
			continue
		}
		s := &p.step[i]
		switch r.Op {
		case des.OpVerdict:
			name := frameName(r.Link, r.A) + ": "
			if n := len(s.Notes) - 1; n >= 0 && strings.HasPrefix(s.Notes[n], name) {
				s.Notes = s.Notes[:n] // the last verdict is what came of it
			}
			s.Notes = append(s.Notes, name+shortened(r.Text))
		case des.OpEmit, des.OpState, des.OpPanic:
			if text := transcribed(r); text != "" {
				s.Notes = append(s.Notes, text)
			}
		}
	}
	return nil
}

// drop notes a frame that went no further. One that chance has lost may have
// met a cut besides: what is told last is what came of it.
func (p *picture) drop(g lost) {
	if n := len(p.gone) - 1; n >= 0 && p.gone[n].link == g.link && p.gone[n].n == g.n {
		p.gone[n] = g
		return
	}
	p.gone = append(p.gone, g)
}

// follow keeps which frames are on the way.
func (p *picture) follow(r *des.Record) {
	if r.Link == "" {
		return
	}
	f := frame{r.Link, r.A}
	switch {
	case r.Op == des.OpSend:
		p.sent[f] = r.Key.Time
	case r.Op == des.OpRecv, r.Op == des.OpMiss, r.Op == des.OpVerdict && strings.Contains(r.Text, "drop:"):
		delete(p.sent, f)
	}
}

// underway finds the frames that were lost on the way, of which no record
// tells: they were sent, did not arrive, and their link was cut since.
func (x *explainer) underway(p *picture) {
	for i := range x.faults {
		f := &x.faults[i]
		if f.Kind != Timeline || !f.cuts || f.At > x.fail.Failure.Time {
			continue
		}
		for s, at := range p.sent {
			if at <= f.At && f.covers(s.link) {
				p.gone = append(p.gone, lost{f.At, s.link, s.n, onTheWay})
				delete(p.sent, s)
			}
		}
	}
	slices.SortFunc(p.gone, func(a, b lost) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.link, b.link), cmp.Compare(a.n, b.n))
	})
}

// onTheWay is the verdict on a frame that was lost in flight.
const onTheWay = "lost on the way"

// covers reports whether a fault cuts a direction.
func (f *Fault) covers(direction string) bool {
	link := strings.TrimRight(direction, "<>")
	return f.cuts && (f.links == nil || f.links[link] || f.links[direction])
}

// transcribed is a record as a transcript has it, without when and who.
func transcribed(r *des.Record) string {
	line := scenarios.TranscriptLine(r)
	text, _ := strings.CutPrefix(line, fmt.Sprintf("%12s  %-12s ", r.Key.Time, r.Cell))
	return text
}

// tell says what an event of the chain was.
func (p *picture) tell(i int) {
	r, s := &p.recs[i], &p.step[i]
	s.At, s.Key, s.Who = r.Key.Time, replay.FormatKey(r.Key), r.Cell
	if s.Who == "" {
		s.Who = r.Key.Entity.Class().String()
		if r.Link != "" {
			s.Who = r.Link
		}
	}
	switch r.Op {
	case des.OpRecv:
		from, _ := p.way(r.Link)
		s.What = fmt.Sprintf("receives %s from %s", frameName(r.Link, r.A), from)
		if how, ok := p.hurt[frameName(r.Link, r.A)]; ok {
			s.What += " (" + shortened(how) + ")"
		}
		if i > 0 {
			s.What += ", sent at " + p.recs[i-1].Key.Time.String()
		}
	case des.OpTimer:
		s.What = fmt.Sprintf("timer %d fires", r.A)
		if i > 0 {
			s.What += ", armed at " + p.recs[i-1].Key.Time.String()
			s.Lost = p.during(r.Cell, p.recs[i-1].Key.Time, r.Key.Time)
		}
	case des.OpStart:
		s.What = "starts"
	case des.OpTimeline, des.OpChange, des.OpTransit:
		s.What = shortened(r.Text)
	case des.OpCommand:
		s.What = "is told: " + shortened(r.Text)
	default:
		s.What = r.Op.String()
		if r.Text != "" {
			s.What += " " + shortened(r.Text)
		}
	}
}

// during names the frames from or to a cell that were removed while it waited.
func (p *picture) during(cell string, from, to clock.Time) (list []string) {
	more := 0
	for _, g := range p.gone {
		a, b := p.way(g.link)
		if g.at < from || g.at >= to || a != cell && b != cell {
			continue
		}
		if len(list) >= lostMax {
			more++
			continue
		}
		list = append(list, fmt.Sprintf("%s from %s to %s never arrived: %s at %s", frameName(g.link, g.n), a, b, g.verdict, g.at))
	}
	if more > 0 {
		list = append(list, fmt.Sprintf("and %d frames more", more))
	}
	return list
}

// compressed leaves the roots of a chain, its end, and what is telling between.
func compressed(all []Step) (list []Step, skipped int) {
	keep := make([]bool, len(all))
	left := telling
	for i := len(all) - 1; i >= 0; i-- {
		near := i < rootsMax || i >= len(all)-nearMax
		tells := len(all[i].Lost) > 0 || slices.ContainsFunc(all[i].Notes, func(n string) bool { return strings.Contains(n, "#") })
		if !near && tells && left > 0 {
			left--
			near = true
		}
		keep[i] = near
	}
	gap := 0
	for i := range all {
		if !keep[i] {
			gap++
			continue
		}
		all[i].After = gap
		skipped += gap
		gap = 0
		list = append(list, all[i])
	}
	return list, skipped
}

// removed are the frames from or to the cells concerned that were removed
// before the failure, those of one direction and cause together.
func (x *explainer) removed(p *picture, concerned []string) (list []Removed) {
	type group struct{ link, verdict, by string }
	at := make(map[group]int)
	for _, g := range p.gone {
		from, to := p.way(g.link)
		if !slices.Contains(concerned, from) && !slices.Contains(concerned, to) {
			continue
		}
		k := group{g.link, g.verdict, x.inForce(g)}
		i, ok := at[k]
		if !ok {
			if len(list) >= removedMax {
				continue
			}
			i = len(list)
			at[k] = i
			list = append(list, Removed{Link: g.link, From: from, To: to, Verdict: g.verdict, By: k.by, First: g.n, FirstAt: g.at})
		}
		r := &list[i]
		r.Frames++
		r.Last, r.LastAt = g.n, g.at
	}
	return list
}

// removedMax bounds the kinds of removed frames that are told.
const removedMax = 100

// inForce is the fault of the timeline that cut the link when a frame was
// removed.
func (x *explainer) inForce(g lost) string {
	if g.verdict != "drop:cut" && g.verdict != "drop:held" && g.verdict != onTheWay {
		return ""
	}
	by := ""
	for i := range x.faults {
		f := &x.faults[i]
		if f.Kind == Timeline && f.covers(g.link) && f.At <= g.at && (f.Until == 0 || g.at < f.Until || g.at == f.At) {
			by = f.What + " at " + f.At.String()
		}
	}
	return by
}
