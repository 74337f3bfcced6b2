package datacenter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// Options are what a Controller is made of.
type Options struct {
	// Run is the controller's run directory. The controller closes it.
	Run *Run
	// Program and its first arguments start a cell's process; this program with
	// "cell" if empty. What a cell has to know is appended as flags: see argv.
	Program []string
	// Env is added to the environment of cells' processes: "NAME=value".
	Env []string
	// Make makes a cell's protocol from its specification. Here it only says what
	// is wrong with one.
	Make func(cells.CellSpec) (cells.Protocol, error)
	// Seed is the root of all chance of the cells that are started.
	Seed des.Seed
	// Start is instant 0 of all sites; now if zero.
	Start time.Time
	// Record is where cells write down what they did; empty for nowhere.
	Record string
	// Lease is how long a started cell runs on when the controller is silent;
	// LeaseDefault if zero, at least a second.
	Lease time.Duration
	// CallMax bounds a call of a cell, StartMax how long its process takes to
	// answer for the first time, StopMax how long it takes to end before it is
	// ended. Zero is the default of that name.
	CallMax, StartMax, StopMax time.Duration
	// Events is how many events are kept; EventsDefault if zero.
	Events int
	// Lines takes what the document's controller prints; nil for nobody.
	Lines io.Writer
	// Log takes what goes wrong; nil for nobody.
	Log *slog.Logger
}

// What options are where nothing is said.
const (
	LeaseDefault    = 10 * time.Second
	CallMaxDefault  = 5 * time.Second
	StartMaxDefault = 60 * time.Second
	StopMaxDefault  = 3 * time.Second
	EventsDefault   = 4096
)

// Controller is a datacenter of processes. It is a [cells.Datacenter]; all its
// methods may be called from any goroutine.
type Controller struct {
	opt     Options
	run     *Run
	log     *slog.Logger
	starter *starter
	events  *ring
	stop    context.CancelFunc
	ctx     context.Context // of all that goes on by itself
	work    sync.WaitGroup  // likewise

	applying sync.Mutex // one batch at a time; held long
	last     uint64     // the sum of the last batch

	mu      sync.Mutex // what follows; held briefly
	model   *model
	sites   map[cells.ID]*site
	lines   map[string]*line
	lives   map[cells.ID]uint32 // of every cell there ever was: its next life
	numbers int                 // of processes started
	paths   int                 // of sockets for links
	addings uint64              // of cells
	closed  bool

	printing sync.Mutex
	prepared func() // for tests: all have prepared, nobody has committed

	looking sync.Mutex // one status at a time
	seen    Status     // the last one

	applied, refused atomic.Uint64 // batches
}

// ErrClosed says that a datacenter is at its end.
var ErrClosed = errors.New("the datacenter is closed")

// New gives a datacenter without cells.
func New(o Options) (*Controller, error) {
	if o.Run == nil || o.Make == nil {
		return nil, errors.New("datacenter: needs a run directory and what makes protocols")
	}
	if len(o.Program) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("datacenter: %w", err)
		}
		o.Program = []string{self, "cell"}
	}
	for _, d := range []struct {
		at *time.Duration
		or time.Duration
	}{{&o.Lease, LeaseDefault}, {&o.CallMax, CallMaxDefault}, {&o.StartMax, StartMaxDefault}, {&o.StopMax, StopMaxDefault}} {
		if *d.at <= 0 {
			*d.at = d.or
		}
	}
	o.Lease = max(o.Lease, time.Second)
	if o.Events <= 0 {
		o.Events = EventsDefault
	}
	if o.Start.IsZero() {
		o.Start = clock.Wall()
	}
	c := &Controller{
		opt: o, run: o.Run, log: o.Log, starter: newStarter(), events: newRing(o.Events),
		sites: make(map[cells.ID]*site), lines: make(map[string]*line), lives: make(map[cells.ID]uint32),
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.model = newModel(c.make, nil)
	return c, nil
}

// make says what is wrong with a cell. One of no protocol is a cell that is not
// started here: what it is made of is known elsewhere.
func (c *Controller) make(spec cells.CellSpec) (cells.Protocol, error) {
	if spec.Protocol == "" {
		return inert{}, nil
	}
	return c.opt.Make(spec)
}

// Run is the controller's run directory.
func (c *Controller) Run() *Run { return c.run }

// Start is instant 0 of all sites.
func (c *Controller) Start() time.Time { return c.opt.Start }

// now is the time since instant 0.
func (c *Controller) now() clock.Time { return clock.Time(clock.Wall().Sub(c.opt.Start)) }

// line prints what the document's controller prints.
func (c *Controller) line(format string, args ...any) string {
	text := "[DC] " + fmt.Sprintf(format, args...)
	if c.opt.Lines != nil {
		c.printing.Lock()
		defer c.printing.Unlock()
		_, _ = fmt.Fprintln(c.opt.Lines, text)
	}
	return text
}

// Version is that of the last batch.
func (c *Controller) Version() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.model.version()
}

// site is a cell's site.
func (c *Controller) site(id cells.ID) (*site, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.sites[id]
	if !ok {
		return nil, fmt.Errorf("no cell %q", id)
	}
	return s, nil
}

// all are the sites, in the order of their cells' names.
func (c *Controller) all() []*site {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*site, 0, len(c.sites))
	for _, id := range slices.Sorted(maps.Keys(c.sites)) {
		list = append(list, c.sites[id])
	}
	return list
}

// Command gives a cell a command; see [cells.Datacenter].
func (c *Controller) Command(id cells.ID, args []string) (answer string, err error) {
	s, err := c.site(id)
	if err != nil {
		return "", err
	}
	if s.plain {
		return "", fmt.Errorf("cell %q: knows only the document's methods: it takes no commands", id)
	}
	err = s.ask(func(r *remote) error {
		answer, err = r.command(context.Background(), s.alias, args)
		return err
	})
	if refused := (*refusal)(nil); err != nil && !errors.As(err, &refused) {
		err = fmt.Errorf("cell %q: %w", id, err)
	}
	return answer, err
}

// Kill ends a cell's process at once, as kill -9 does. The cell is crashed then;
// a restart starts another process for it.
func (c *Controller) Kill(id cells.ID) error {
	s, err := c.site(id)
	switch {
	case err != nil:
		return err
	case s.proc == nil:
		return fmt.Errorf("cell %q: its process is not ours to kill", id)
	}
	if why, dead := s.isDead(); dead {
		return fmt.Errorf("cell %q: %w: %s", id, errGone, why)
	}
	s.proc.signal(true)
	select {
	case <-s.proc.done:
	case <-time.After(c.opt.StopMax):
		return fmt.Errorf("cell %q: its process %d does not end", id, s.proc.PID)
	}
	s.died(s.proc.why())
	return nil
}

// Process is the PID of a cell's process; 0 if it is not one of ours, or gone.
func (c *Controller) Process(id cells.ID) int {
	s, err := c.site(id)
	if err != nil || s.proc == nil || s.proc.ended() {
		return 0
	}
	return s.proc.PID
}

// Logs are the last n lines that a cell's process has written to standard error.
func (c *Controller) Logs(id cells.ID, n int) ([]string, error) {
	s, err := c.site(id)
	switch {
	case err != nil:
		return nil, err
	case s.log == nil:
		return nil, fmt.Errorf("cell %q: its process is not ours: it writes elsewhere", id)
	}
	return s.log.tail(n), nil
}

// Close ends all processes that the controller started, removes the run directory
// and lets go of the others. It may be called again.
func (c *Controller) Close() error {
	c.applying.Lock()
	defer c.applying.Unlock()
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.mu.Unlock()
	c.stop()
	sites := c.all()
	each(sites, len(sites), func(s *site) error { // all at once: a process takes long only to wait for
		s.close(false)
		return nil
	})
	c.work.Wait()
	c.starter.stop()
	c.events.close()
	return c.run.Close()
}
