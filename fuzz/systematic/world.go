package systematic

import (
	"context"
	"fmt"
	"slices"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/links"
	"example.com/dsim/scenarios"
)

// CellsMax is how many cells a world may have.
const CellsMax = 3

// small is a world that can be gone through.
type small struct {
	sc    *scenarios.Scenario
	reg   *scenarios.Registry
	names []cells.ID
	cell  map[string]int           // by name
	to    map[string]int           // by direction: the receiver
	delay map[string]time.Duration // by direction
}

// newSmall takes a scenario, and says what keeps it from being gone through.
func newSmall(sc *scenarios.Scenario, reg *scenarios.Registry) (*small, error) {
	edited := *sc
	edited.Run.NoStop = true // what one cell does must not end what another may do
	s := &small{sc: &edited, reg: reg, cell: map[string]int{}, to: map[string]int{}, delay: map[string]time.Duration{}}
	for _, c := range sc.Initial {
		if c.Op == cells.AddCell {
			s.cell[string(c.Cell.ID)] = len(s.names)
			s.names = append(s.names, c.Cell.ID)
		}
	}
	if len(s.names) > CellsMax {
		return nil, fmt.Errorf("%s: %d cells: at most %d can be gone through", sc.File, len(s.names), CellsMax)
	}
	for _, c := range sc.Initial {
		if c.Op != cells.AddLink {
			continue
		}
		if err := s.addLink(&c.Link); err != nil {
			return nil, fmt.Errorf("%s: link %s: %w", sc.File, c.Link.Name, err)
		}
	}
	for i := range sc.Timeline {
		if err := fits(&sc.Timeline[i]); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", sc.File, sc.Timeline[i].Path, err)
		}
	}
	return s, nil
}

func (s *small) addLink(l *cells.LinkSpec) error {
	if l.Stream {
		return fmt.Errorf("a stream: only links that carry frames can be gone through")
	}
	for k, own := range [2][]cells.Param{l.AB, l.BA} {
		p := links.Defaults()
		for _, q := range slices.Concat(l.Both, own) {
			if err := p.Set(q); err != nil {
				return err
			}
		}
		if p.Jitter != nil && (p.Jitter.Min() != 0 || p.Jitter.Max() != 0) || p.Rate != 0 || p.Speed != 0 || p.Cut != links.CutNo {
			return fmt.Errorf("jitter, rate, speed or cut: the time of arrival must be the delay")
		}
		name, to := l.Name+[2]string{">", "<"}[k], [2]cells.ID{l.B.Cell, l.A.Cell}[k]
		s.to[name], s.delay[name] = s.cell[string(to)], p.Delay
	}
	return nil
}

// fits reports what in the timeline would make cells depend on each other
// otherwise than by frames.
func fits(a *scenarios.Action) error {
	if a.Trigger.Kind == scenarios.When {
		return fmt.Errorf("when: what happens must not depend on two cells at once")
	}
	for _, st := range a.Steps {
		if st.Select != nil {
			return fmt.Errorf("changes of links cannot be gone through: faults are chosen")
		}
		for _, c := range st.Changes {
			if c.Op != cells.SetCell || slices.ContainsFunc(c.Cell.Params, func(p cells.Param) bool { return p.Name == cells.SetRun && p.Value == "pause" }) {
				return fmt.Errorf("changes of links and pauses cannot be gone through: commands, clocks, crashes and restarts can")
			}
		}
	}
	return nil
}

// flying is a frame that has been sent.
type flying struct {
	frame
	cell     int        // the receiver
	earliest clock.Time // of its arrival
	bits     uint32
}

// seen is what a run has shown.
type seen struct {
	sent []flying
	next [CellsMax]clock.Time // of each cell's own next event after its last step
}

// run is one run under chosen steps. It serves the verdicts, and watches.
type run struct {
	s     *small
	world *scenarios.World
	plan  map[frame]step
	last  [CellsMax]clock.Time // of each cell: its last chosen event
	// hold keeps all other frames from arriving; else they arrive when they can.
	hold  bool
	extra [CellsMax]int         // frames that had to wait for the last chosen event
	floor map[string]clock.Time // by direction: what such a frame must not be overtaken by
	given []repro.Choice
	seen  seen
}

// late is how late a frame is that must not arrive.
const late = links.DelayMax / 2

func (s *small) start(steps []step, hold bool) (*run, error) {
	r := &run{s: s, plan: make(map[frame]step, len(steps)), hold: hold, floor: make(map[string]clock.Time)}
	for _, st := range steps {
		if st.act != own {
			r.plan[st.frame] = st
		}
		if st.act != drop {
			r.last[st.cell] = st.at
		}
	}
	for i := range r.seen.next {
		r.seen.next[i] = clock.Never
	}
	var err error
	opt := scenarios.WorldOptions{Registry: s.reg, Serve: r}
	if hold {
		opt.Records = r
	}
	r.world, err = scenarios.NewWorld(s.sc, opt)
	return r, err
}

// advance is how many events are run between two looks at the context.
const advance = 1 << 14

func (r *run) finish(ctx context.Context) error {
	for !r.world.Done() && ctx.Err() == nil {
		r.world.Advance(r.s.sc.Run.Until, advance)
	}
	return ctx.Err()
}

// Lookup gives the verdict on a frame that is being sent.
func (r *run) Lookup(_, where string, n uint64) (string, bool) {
	f := frame{where, n}
	earliest := r.world.Now().Add(r.s.delay[where])
	var text string
	if st, ok := r.plan[f]; ok {
		text = st.verdict(earliest)
	} else if r.hold {
		text = withLate("", late)
	} else {
		text = withLate("", r.rest(where, earliest).Sub(earliest))
	}
	if text != "" && !r.hold {
		r.given = append(r.given, repro.Choice{What: repro.Verdict, Where: where, N: n, Value: text})
	}
	return text, text != ""
}

// rest is when a frame arrives that was not chosen: after all chosen events of
// its cell, and after those of its direction that were not chosen either.
func (r *run) rest(where string, earliest clock.Time) clock.Time {
	to, at := r.s.to[where], earliest
	if at <= r.last[to] {
		r.extra[to]++
		at = r.last[to].Add(time.Duration(r.extra[to]))
	}
	at = max(at, r.floor[where])
	r.floor[where] = at
	return at
}

// behind reports whether a frame has others of its direction before it.
func (r *run) behind(f flying) bool {
	return slices.ContainsFunc(r.seen.sent, func(o flying) bool { return o.link == f.link && o.n < f.n })
}

// Record watches for frames and for cells' own events.
func (r *run) Record(rec *des.Record) {
	switch {
	case rec.Op == des.OpSend && rec.Link != "":
		f := frame{rec.Link, uint64(rec.A)}
		// What a cell sends after its last step is not sent yet: that event has
		// not been chosen.
		if _, chosen := r.plan[f]; !chosen && rec.Key.Time <= r.last[r.s.cell[rec.Cell]] {
			r.seen.sent = append(r.seen.sent, flying{f, r.s.to[rec.Link], rec.Key.Time.Add(r.s.delay[rec.Link]), uint32(len(rec.Data)) * 8})
		}
	case rec.Op == des.OpRecv || rec.Op == des.OpMiss || rec.Cell == "" || !rec.Op.Event() && rec.Op != des.OpState:
	default:
		if i, ok := r.s.cell[rec.Cell]; ok && rec.Key.Time > r.last[i] {
			r.seen.next[i] = min(r.seen.next[i], rec.Key.Time)
		}
	}
}
