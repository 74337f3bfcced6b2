package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/scenarios"
)

// Site is where the cells of a live run are. Each of its processes writes a
// journal into the directory that Options names.
type Site interface {
	cells.Datacenter
	// Kill ends the process of a cell as kill -9 does, and returns when it is
	// gone. The cell is crashed then, and a restart begins in a new process.
	Kill(id cells.ID) error
	// Died names a cell whose process has ended without having been asked to, and
	// says why: each such end once.
	Died() (id cells.ID, why string, died bool)
	// Close ends all processes. Their journals are whole then.
	Close() error
}

// Clock is the wall as a run sees it: instant 0 is when the scenario begins.
type Clock interface {
	Now() clock.Time
	// Sleep waits until an instant, or until the context is done.
	Sleep(ctx context.Context, until clock.Time)
}

// Options say how a scenario is run live.
type Options struct {
	// Journals is the directory that the sites' journals are in.
	Journals string
	Clock    Clock
	// Bound is how late a timer, a send or an entry of the timeline may be in a
	// run that fails; BoundDefault if zero.
	Bound time.Duration
	// HoldBack is how far behind the wall the mirrors are played, so that what
	// was written at one time by several processes is there; HoldBackDefault if
	// zero.
	HoldBack time.Duration
	// Punctual refuses to go on where the cells are not all there at instant 0:
	// the error is ErrLate, and whoever wants to can begin again, earlier.
	Punctual bool
	// Kill makes a crash the end of a process.
	Kill bool
	// Registry knows the protocols and properties; nil for the Default.
	Registry *scenarios.Registry
	// Progress is told where the run is; nil for nobody.
	Progress func(clock.Time)
}

// The defaults of Options.
const (
	BoundDefault    = 100 * time.Millisecond
	HoldBackDefault = 25 * time.Millisecond
)

// Killable says why a scenario cannot be run with Options.Kill, nil if it can: a
// cell is restarted with its state kept.
func Killable(sc *scenarios.Scenario) error {
	for i := range sc.Timeline {
		a := &sc.Timeline[i]
		for k := range a.Steps {
			for _, c := range a.Steps[k].Changes {
				if c.Op == cells.SetCell && runOf(&c) == "restart-kept" {
					return fmt.Errorf("%s:%d: cell %s is restarted with its state kept: %w", a.File, a.Line, c.Cell.ID, ErrKept)
				}
			}
		}
	}
	return nil
}

// run is a live run under way.
type run struct {
	sc    *scenarios.Scenario
	opt   Options
	site  Site
	clock Clock

	court  *scenarios.Court
	scene  *scene
	merge  *merge
	agenda agenda
	tracks tracks
	res    *Result
}

// Errors of Run that are not about the scenario.
var (
	// ErrInterrupted says that the context was done before the run was over.
	ErrInterrupted = errors.New("interrupted")
	// ErrLate says that the cells were not all there when the scenario was to
	// begin.
	ErrLate = errors.New("the cells came up after the scenario was to begin")
	// ErrKept says that a process that was killed is to come back with what it
	// had kept, which is gone.
	ErrKept = errors.New("what a killed process had kept is gone with it")
)

// Run runs a scenario on a site that has no cells yet, and closes the site. The
// error is of the environment: cells that do not come up, a journal that cannot
// be read, ErrInterrupted. Whatever the scenario is about is in the Result.
func Run(ctx context.Context, sc *scenarios.Scenario, site Site, opt Options) (*Result, error) {
	r, err := newRun(sc, site, opt)
	if err == nil {
		err = r.begin()
	}
	if err == nil {
		err = r.drive(ctx)
	}
	if e := site.Close(); err == nil && e != nil {
		err = fmt.Errorf("the end of the cells: %w", e)
	}
	if r == nil {
		return nil, err
	}
	defer r.merge.close()
	if err == nil {
		err = r.finish()
	}
	if err != nil {
		return nil, err
	}
	return r.res, nil
}

func newRun(sc *scenarios.Scenario, site Site, opt Options) (*run, error) {
	if opt.Bound == 0 {
		opt.Bound = BoundDefault
	}
	if opt.HoldBack == 0 {
		opt.HoldBack = HoldBackDefault
	}
	if opt.Registry == nil {
		opt.Registry = scenarios.Default
	}
	r := &run{sc: sc, opt: opt, site: site, clock: opt.Clock, res: newResult(sc, opt.Bound)}
	if opt.Kill {
		if err := Killable(sc); err != nil {
			return nil, err
		}
	}
	r.tracks.begin(sc)
	r.merge = newMerge(r)
	r.scene = &scene{r: r}
	r.agenda.begin(sc)
	var err error
	if r.court, err = scenarios.NewCourt(sc, opt.Registry, r.scene); err != nil {
		return nil, err
	}
	return r, nil
}

// begin sets the initial topology up, before instant 0 if it can be.
func (r *run) begin() error {
	if err := r.site.Apply(1, r.sc.Initial); err != nil {
		return fmt.Errorf("%s: %w", r.sc.File, err)
	}
	now := r.clock.Now()
	if r.opt.Punctual && now > 0 {
		return fmt.Errorf("%w, by %s", ErrLate, now)
	}
	r.res.Late.act(now, 0)
	return r.merge.open()
}

// The rhythm of a run: how often journals are looked at, and more rarely the
// more of them there are; how many instants are played before the timeline gets
// its turn.
const (
	lookEvery     = 5 * time.Millisecond
	lookEach      = 50 * time.Microsecond
	playedAtATime = 4096
)

// drive runs the timeline and plays the journals, until the end of the run or
// until something ends it earlier.
func (r *run) drive(ctx context.Context) error {
	for {
		now := r.clock.Now()
		more, err := r.merge.play(now.Add(-r.opt.HoldBack), playedAtATime)
		if err != nil {
			return err
		}
		if r.opt.Progress != nil {
			r.opt.Progress(now)
		}
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("%w at %s", ErrInterrupted, max(now, 0))
		case r.merge.over() || now >= r.sc.Run.Until:
			return nil
		}
		if err := r.act(); err != nil {
			return err
		}
		r.mourn()
		if !more {
			pause := lookEvery + time.Duration(len(r.merge.heap))*lookEach
			next := r.clock.Now().Add(pause)
			r.clock.Sleep(ctx, min(next, r.agenda.next(), r.sc.Run.Until))
		}
	}
}

// mourn takes notice of a process that has ended by itself.
func (r *run) mourn() {
	id, why, died := r.site.Died()
	if !died {
		return
	}
	r.tracks.dead[id] = true
	r.merge.note(&happening{at: r.clock.Now(), killed: []cells.ID{id}, died: why})
}

// finish plays what is left of the journals up to the end, judges, and compares
// the rest of the checkpoints.
func (r *run) finish() error {
	end := r.merge.end()
	r.merge.closing = true
	if err := r.merge.open(); err != nil {
		return err
	}
	for more := true; more && !r.merge.over(); {
		var err error
		if more, err = r.merge.play(end, playedAtATime); err != nil {
			return err
		}
		end = r.merge.end()
	}
	r.judge(end)
	return r.merge.rest()
}
