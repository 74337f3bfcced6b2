package scenarios

import (
	"fmt"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/links"
)

// Served gives the choices of an earlier run back by address; package replay
// has one.
type Served interface {
	Lookup(what, where string, n uint64) (value string, ok bool)
}

// WorldOptions say how a world is watched. None of it changes the run, but for
// Serve.
type WorldOptions struct {
	// Records takes every record; nil for none. Choices takes every choice.
	Records des.Sink
	Choices des.ChoiceSink
	// Marks takes checkpoints: a record OpMark for each cell whose fold has
	// changed, at the first multiple of the reaction after each MarkEvery events,
	// or 64 for each cell if that is more,
	// and at the end.
	Marks     des.Sink
	MarkEvery uint64 // default 4,096
	// Full folds whole payloads into the digest.
	Full bool
	// Serve gives verdicts of an earlier run; nil to draw them.
	Serve Served
	// Parallel is how many partitions may run side by side; 0 or 1 is one. Where
	// the scenario allows no more, or what is observed does not, there is one:
	// see [World.Parallel].
	Parallel int
	// Registry knows the protocols and properties; nil for the Default.
	Registry *Registry
}

// World is one run of a scenario: a site with its network, the timeline that
// acts on it, and the expectations that judge it. Nothing is shared between
// worlds, so any number may run side by side.
type World struct {
	Scenario *Scenario

	sched *des.Scheduler
	host  *cells.Host
	net   *links.Network
	opt   WorldOptions

	court    *Court
	side     *side  // of a world that runs in parallel
	alone    string // why it does not
	stopping bool
	marked   []des.Fold
}

// The sequences of timeline events: action:24 step:12 firing:28.
const (
	stepBits   = 12
	firingBits = 28
	stopAction = 1<<24 - 1
	surveyOf   = 1<<24 - 2 // with the number of the expectation as its firing
)

// NewWorld builds the world of a scenario at time 0: the initial topology is
// in place and the timeline scheduled, but nothing has happened.
func NewWorld(sc *Scenario, opt WorldOptions) (*World, error) {
	w := new(World)
	if opt.Parallel > 1 {
		opt = opt.counting()
	}
	if err := w.build(sc, opt); err != nil {
		return nil, err
	}
	if opt.Parallel > 1 {
		w.divide()
	}
	return w, nil
}

// build makes the world that one scheduler runs.
func (w *World) build(sc *Scenario, opt WorldOptions) error {
	if opt.Registry == nil {
		opt.Registry = Default
	}
	if opt.MarkEvery == 0 {
		opt.MarkEvery = 4096
	}
	*w = World{Scenario: sc, opt: opt}
	ties := des.TiesFIFO
	if sc.Run.Shuffled {
		ties = des.TiesShuffled
	}
	w.sched = des.NewScheduler(des.Config{
		Limits: des.Limits{Events: sc.Run.Events, Delta: sc.Run.Delta, Grain: sc.Run.Reaction},
		Causes: opt.Records != nil,
		Name:   func(e des.Entity) string { return w.net.EntityName(e) },
	})
	w.host = cells.NewHost(w.sched, cells.Options{Seed: sc.Seed, Ties: ties, Full: opt.Full, Sink: opt.Records})
	lo := links.Options{Make: opt.Registry.MakeProtocol, Choices: opt.Choices}
	if opt.Serve != nil {
		lo.Serve = w.serve
	}
	w.net = links.New(w.host, lo)
	w.sched.Handle(des.Timeline, w)
	w.sched.OnInstant(func(t clock.Time) { w.court.Instant(t, w.sched.TouchedBy()) })
	if opt.Choices != nil {
		for _, o := range sc.Options {
			c := o.Choice()
			opt.Choices.Choose(&c)
		}
		if ties == des.TiesShuffled {
			w.sched.OnTie(w.tie)
		}
	}
	if err := w.net.Apply(1, sc.Initial); err != nil {
		return fmt.Errorf("%s: %w", sc.File, err)
	}
	if err := w.prepare(); err != nil {
		return err
	}
	if opt.Marks != nil {
		w.sched.OnCount(opt.MarkEvery, w.mark)
	}
	return nil
}

// prepare puts the timeline into the queue and the expectations into their
// places.
func (w *World) prepare() error {
	if len(w.Scenario.Timeline) >= surveyOf {
		return fmt.Errorf("%s: timeline: at most %d entries", w.Scenario.File, surveyOf)
	}
	for i := range w.Scenario.Timeline {
		if a := &w.Scenario.Timeline[i]; a.Trigger.Kind != When {
			w.schedule(i, 0, a.Trigger.From)
		}
	}
	var err error
	if w.court, err = NewCourt(w.Scenario, w.opt.Registry, stage{w}); err != nil {
		return err
	}
	w.sched.Touch()
	return nil
}

// serve gives the verdict that an earlier run had on a frame.
func (w *World) serve(link string, n uint64) (links.Verdict, bool) {
	text, ok := w.opt.Serve.Lookup("verdict", link, n)
	if !ok {
		return links.Verdict{}, false
	}
	v, err := links.ParseVerdict(text)
	if err != nil {
		w.sched.Fail(fmt.Errorf("choice verdict/%s/%d: %w", link, n, err))
		return links.Verdict{}, false
	}
	return v, true
}

// who is whose event it is, for people: "alice", "ab>#10", "timeline".
func (w *World) who(k des.Key) string {
	if k.IsZero() {
		return "" // before all events
	}
	name := w.net.EntityName(k.Entity)
	switch k.Entity.Class() {
	case des.Cell:
		return strings.TrimPrefix(name, "cell ")
	case des.Direction:
		return fmt.Sprintf("%s#%d", strings.TrimPrefix(name, "link "), links.FrameNumber(k))
	}
	return k.Entity.Class().String()
}

// tie tells of a tie whose order a rank decided.
func (w *World) tie(first, second des.Event) {
	w.opt.Choices.Choose(&des.Choice{
		At: first.Key(), What: "tie", Where: w.net.EntityName(first.Entity()), N: first.Seq,
		Value: fmt.Sprintf("rank %d before %d of %s #%d", first.Key().Rank, second.Key().Rank,
			w.net.EntityName(second.Entity()), second.Seq),
	})
}

// Scheduler is the engine of the world; Host its cells; Network its links.
func (w *World) Scheduler() *des.Scheduler { return w.sched }

// Host is what runs the world's cells.
func (w *World) Host() *cells.Host { return w.host }

// Network is the world's virtual network, and its datacenter.
func (w *World) Network() *links.Network { return w.net }

// Now is the instant the world has reached.
func (w *World) Now() clock.Time { return w.sched.Now() }

// Done reports whether the run is over: its end is reached, or something
// stopped it.
func (w *World) Done() bool {
	return w.sched.Err() != nil || w.sched.Stopped() || w.sched.Now() >= w.Scenario.Run.Until
}

// Advance runs the world up to an instant, or to its end if that is earlier,
// but at most about so many events; 0 is no bound. It reports whether the
// instant was reached.
func (w *World) Advance(to clock.Time, events uint64) bool {
	to = min(to, w.Scenario.Run.Until)
	if w.side != nil {
		whole := w.side.engine.Run(to, events)
		if err := w.side.engine.Err(); err == nil {
			if whole && !w.Done() {
				_ = w.sched.RunUntil(to)
			}
			return whole
		}
		w.repeat()
	}
	if !w.sched.Run(to, events) && !w.Done() {
		return false
	}
	if !w.Done() {
		_ = w.sched.RunUntil(to) // the error stays with the scheduler
	}
	return true
}

// Run runs the world to its end.
func (w *World) Run() *Result {
	w.Advance(w.Scenario.Run.Until, 0)
	return w.Result()
}

// mark writes a checkpoint: the folds that have changed since the last.
func (w *World) mark() {
	n := w.host.Len()
	w.sched.OnCount(w.sched.Executed()+max(w.opt.MarkEvery, 64*uint64(n)), w.mark)
	for len(w.marked) < n {
		w.marked = append(w.marked, 0)
	}
	r := des.Record{Key: w.sched.Current(), Op: des.OpMark}
	for i := range n {
		ref := cells.CellRef(i)
		if f := w.host.Fold(ref); f != w.marked[i] {
			w.marked[i] = f
			r.Cell, r.A = string(w.host.Name(ref)), int64(f)
			w.opt.Marks.Record(&r)
		}
	}
	r.Cell, r.A, r.B = "", int64(w.host.Digest()), int64(w.sched.Executed())
	w.opt.Marks.Record(&r)
}
