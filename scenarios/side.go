package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/des/parallel"
	"example.com/dsim/links"
)

// side is what a world has beside itself while its partitions run side by side:
// the engine that drives them, and what they have observed since it last looked.
// At the end of each window that is handed on in the total order, and conditions
// are judged on the values as they were.
type side struct {
	w      *World
	engine *parallel.Engine
	on     []*des.Scheduler
	logs   []*log
	of     []uint8 // by cell
	window time.Duration

	attrs   map[attrKey]cells.Attr // watched, as of the last event that was merged
	sent    map[cells.PortRef]links.Counts
	arrived map[cells.PortRef]links.Counts

	version uint64    // of the topology
	last    des.Event // that was merged, where ties matter
	order   []at      // reused
}

type attrKey struct {
	cell cells.ID
	attr string
}

// at is the place of an entry: its key, and where it lies.
type at struct {
	key        des.Key
	lane, note int
}

// ParallelMax is how many partitions a world can have.
const ParallelMax = 64

// Parallel says how many partitions of the world run side by side, and why no
// more do: empty where nothing stands in the way.
func (w *World) Parallel() (lanes int, why string) {
	if w.side == nil {
		return 1, w.alone
	}
	if w.side.engine.Stats().Alone {
		return len(w.side.on), "too little happens at a time: the partitions take turns"
	}
	return len(w.side.on), ""
}

// divide shares the world out among partitions, if it can be.
func (w *World) divide() {
	most := w.Scenario.Run.Reaction
	switch {
	case w.opt.Serve != nil:
		w.alone = "choices of an earlier run are served in order"
		return
	case w.opt.Parallel > ParallelMax:
		w.opt.Parallel = ParallelMax
	}
	of, lanes, window := w.net.Partition(w.opt.Parallel, most)
	if lanes < 2 || window <= 0 {
		w.alone = "no part of the topology is apart from the rest by a link with a delay"
		return
	}
	s := &side{
		w: w, of: of, window: window, version: w.net.Version(),
		attrs: make(map[attrKey]cells.Attr), sent: make(map[cells.PortRef]links.Counts),
		arrived: make(map[cells.PortRef]links.Counts),
	}
	for range lanes {
		on := des.NewScheduler(des.Config{
			Limits: des.Limits{Events: w.Scenario.Run.Events, Delta: w.Scenario.Run.Delta, Grain: most},
			Causes: w.opt.Records != nil, Name: w.net.EntityName,
		})
		g := &log{s: s, sched: on}
		on.OnInstant(g.instant)
		if w.opt.Choices != nil && w.Scenario.Run.Shuffled {
			on.OnRun(g.ran)
		}
		s.on, s.logs = append(s.on, on), append(s.logs, g)
	}
	w.net.Divide(of, s.on,
		func(i int) des.Sink {
			if w.opt.Records == nil {
				return nil
			}
			return s.logs[i]
		},
		func(i int, k des.Key, e cells.Emission) { s.logs[i].emitted(k, e) },
		func(i int) des.ChoiceSink {
			if w.opt.Choices == nil {
				return nil
			}
			return s.logs[i]
		})
	for i, g := range s.logs {
		w.host.Lane(i).OnChange(g.changed)
	}
	w.sched.OnTie(nil)
	s.engine = parallel.New(parallel.Site{
		Main: w.sched, Lanes: s.on, Window: window,
		Turn: w.net.Turn, Receive: w.net.Receive, Sent: w.net.Sent, Merge: s.merge,
	})
	w.side = s
	w.court.Watch()
}

// begin puts all partitions into the act of the timeline that begins: what is
// observed is handed on at once.
func (s *side) begin() {
	for i, on := range s.on {
		on.Adopt(s.w.sched)
		s.logs[i].direct = true
	}
}

// end ends the act. What it has changed may leave less time between partitions
// than there was.
func (s *side) end() {
	for i, on := range s.on {
		on.Part()
		s.logs[i].direct = false
		if _, ok := on.Untouch(); ok {
			s.w.sched.Touch()
		}
	}
	if v := s.w.net.Version(); v != s.version {
		s.version = v
		for len(s.of) < s.w.host.Len() {
			s.of = append(s.of, uint8(s.w.host.LaneOf(cells.CellRef(len(s.of)))))
		}
		s.window = s.w.net.Window(s.of, s.w.Scenario.Run.Reaction)
		if s.window <= 0 {
			s.engine.Fail(fmt.Errorf("a link without delay joins partitions"))
			return
		}
		s.engine.Window(s.window)
	}
}

// read is a watched value as of the last event that was merged.
func (s *side) read(q *Watch, last Value) Value {
	if q.Cell != "" {
		if a, ok := s.attrs[attrKey{q.Cell, q.Attr}]; ok {
			return AttrOf(a)
		}
		return last
	}
	ports, ok := s.w.net.PortsOf(q.Link)
	if !ok {
		return last
	}
	one, two := s.sent[ports[0]], s.sent[ports[1]]
	return q.Of([2]links.Counts{one.Add(s.arrived[ports[1]]), two.Add(s.arrived[ports[0]])})
}

// watch makes sure that a value is followed, and known as it is now: between
// windows.
func (s *side) watch(q *Watch) {
	if q.Cell != "" {
		if ref, ok := s.w.host.Find(q.Cell); ok {
			if a, ok := s.w.host.Value(ref, q.Attr); ok {
				s.attrs[attrKey{q.Cell, q.Attr}] = a
			}
		}
		return
	}
	ports, ok := s.w.net.PortsOf(q.Link)
	if !ok {
		return
	}
	for _, p := range ports {
		s.sent[p], s.arrived[p] = s.w.net.SentHalf(p), s.w.net.ArrivedHalf(p)
		g := s.logs[s.w.host.LaneOf(s.w.host.Cell(p))]
		if !slices.Contains(g.ports, p) {
			g.ports = append(g.ports, p)
		}
	}
}

// merge hands on what the partitions have observed, in the total order, and
// judges conditions at the ends of instants.
func (s *side) merge(touched bool, when clock.Time, by des.Key) {
	var instants []instant
	if touched {
		instants = append(instants, instant{when, by})
	}
	s.order = s.order[:0]
	for i, g := range s.logs {
		instants = append(instants, g.instants...)
		for k := range g.notes {
			s.order = append(s.order, at{g.notes[k].key, i, k})
		}
	}
	slices.SortFunc(s.order, func(a, b at) int {
		return cmp.Or(a.key.Compare(b.key), cmp.Compare(a.lane, b.lane), cmp.Compare(a.note, b.note))
	})
	slices.SortFunc(instants, func(a, b instant) int { return cmp.Or(cmp.Compare(a.at, b.at), a.by.Compare(b.by)) })
	next := 0
	judge := func(before clock.Time) {
		for ; next < len(instants) && instants[next].at < before; next++ {
			if next+1 < len(instants) && instants[next+1].at == instants[next].at {
				continue // of those at one instant the last event is named
			}
			s.w.court.Instant(instants[next].at, instants[next].by)
		}
	}
	for i := range s.order {
		o := &s.order[i]
		judge(o.key.Time)
		s.logs[o.lane].handOn(s, o.note)
	}
	judge(clock.Never)
	for _, g := range s.logs {
		g.reset()
	}
}

// repeat builds the world anew for one scheduler: something has stopped one of
// the partitions in the middle of a window, and others ran past it. What was
// handed on is not handed on again.
func (w *World) repeat() {
	why, opt := w.side.engine.Err(), w.opt
	if c, ok := opt.Records.(*counted); ok {
		opt.Records = c.rest()
	}
	if c, ok := opt.Marks.(*counted); ok {
		opt.Marks = c.rest()
	}
	if c, ok := opt.Choices.(*countedChoices); ok {
		opt.Choices = c.rest()
	}
	if err := w.build(w.Scenario, opt); err != nil {
		panic("scenarios: a world cannot be built again: " + err.Error())
	}
	w.alone = fmt.Sprintf("repeated by one scheduler: %v", why)
}

// counted counts the records that it passes on, or leaves so many out.
type counted struct {
	to   des.Sink
	n    uint64
	skip uint64
}

// Record passes a record on.
func (c *counted) Record(r *des.Record) {
	if c.n++; c.n > c.skip {
		c.to.Record(r)
	}
}

func (c *counted) rest() des.Sink { return &counted{to: c.to, skip: c.n} }

// countedChoices does the same with choices.
type countedChoices struct {
	to   des.ChoiceSink
	n    uint64
	skip uint64
}

// Choose passes a choice on.
func (c *countedChoices) Choose(x *des.Choice) {
	if c.n++; c.n > c.skip {
		c.to.Choose(x)
	}
}

func (c *countedChoices) rest() des.ChoiceSink { return &countedChoices{to: c.to, skip: c.n} }

// counting makes the options count what they are told.
func (o WorldOptions) counting() WorldOptions {
	if o.Records != nil {
		o.Records = &counted{to: o.Records}
	}
	if o.Marks != nil {
		o.Marks = &counted{to: o.Marks}
	}
	if o.Choices != nil {
		o.Choices = &countedChoices{to: o.Choices}
	}
	return o
}
