package datacenter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/realnet/metrics"
)

// site is a cell's process. A cell that dies and is restarted gets another site.
type site struct {
	c     *Controller
	id    cells.ID
	spec  cells.CellSpec
	place Place
	life  uint32 // the incarnation that its first life has
	added uint64 // which one it was

	file  int // the number of its files, of those we started
	proc  *process
	log   *logFile
	rpc   *remote  // nil: elsewhere, or not yet there
	alias cells.ID // the name that an adopted process itself has
	plain bool     // it knows only the document's methods
	has   bool     // an adopted process brought its cell with it
	tried uint64   // the last version that the process was asked to prepare

	mu       sync.Mutex
	owed     *part // decided, and not known to be done
	dead     string
	since    time.Time // when it died, or else was added
	away     string    // why it did not answer last time; empty if it did
	snap     cells.Snapshot
	numbers  metrics.CellMetrics
	stopping bool

	kick chan struct{} // something is owed
	quit chan struct{} // closed when it is to be left alone
}

func (c *Controller) newSite(spec cells.CellSpec, place Place, life uint32) *site {
	return &site{
		c: c, id: spec.ID, spec: spec, place: place, life: life, alias: spec.ID, since: clock.Wall(),
		kick: make(chan struct{}, 1), quit: make(chan struct{}),
	}
}

// ours reports whether we have started its process.
func (s *site) ours() bool { return s.place == Place{} }

// url is where it is called.
func (s *site) url() string {
	if s.ours() {
		return "unix:" + s.c.run.path(fmt.Sprintf("c%d.rpc", s.file))
	}
	return s.place.URL
}

// open makes the site's process be there and answer, and begins to look after it.
func (s *site) open(ctx context.Context) (err error) {
	switch {
	case s.place.Elsewhere:
		return nil
	case s.ours():
		err = s.spawn(ctx)
	default:
		err = s.adopt(ctx)
	}
	if err == nil {
		s.c.work.Go(s.keep)
	}
	return err
}

// errGone says that a process is not there.
var errGone = errors.New("its process is gone")

// why says that and why nothing can be asked of the site, nil if something can.
func (s *site) why() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.dead != "":
		return fmt.Errorf("%w: %s", errGone, s.dead)
	case s.rpc == nil:
		return errors.New("is elsewhere")
	}
	return nil
}

// isDead reports whether the process has ended, as far as is known.
func (s *site) isDead() (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead, s.dead != ""
}

// died notes that the process has ended.
func (s *site) died(why string) {
	s.mu.Lock()
	first := s.dead == ""
	expected := s.stopping
	if first {
		s.dead, s.since, s.owed = why, clock.Wall(), nil
		if s.dead == "" {
			s.dead = "ended"
		}
	}
	s.mu.Unlock()
	if first && !expected {
		s.c.events.end(why)
		s.c.note(Event{Kind: "cell-died", Cell: s.id, Text: why})
	}
}

// seen notes that the site answered, or why it did not.
func (s *site) seen(err error) {
	text := ""
	refused := (*refusal)(nil)
	if err != nil && !errors.As(err, &refused) {
		text = err.Error()
	}
	s.mu.Lock()
	before := s.away
	s.away = text
	silent := s.dead != "" || s.stopping
	s.mu.Unlock()
	switch {
	case silent:
	case text != "" && before == "":
		s.c.note(Event{Kind: "cell-unreachable", Cell: s.id, Text: text})
	case text == "" && before != "":
		s.c.note(Event{Kind: "cell-reachable", Cell: s.id})
	}
}

// ask calls the site and notes whether it answered.
func (s *site) ask(call func(*remote) error) error {
	if err := s.why(); err != nil {
		return err
	}
	err := call(s.rpc)
	s.seen(err)
	return err
}

// deliver commits what was prepared. What fails is owed.
func (s *site) deliver(ctx context.Context, p *part) error {
	err := s.ask(func(r *remote) error { return r.commit(ctx, p.Version) })
	if err == nil {
		s.settled(p)
		return nil
	}
	s.mu.Lock()
	if s.dead == "" {
		s.owed = p
	}
	s.mu.Unlock()
	select {
	case s.kick <- struct{}{}:
	default:
	}
	return err
}

func (s *site) settled(p *part) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owed == p {
		s.owed = nil
	}
}

// catchUp gives the site what it has missed: it may have it, without our having
// heard of it; have it prepared; or know nothing of it.
func (s *site) catchUp(ctx context.Context) error {
	s.mu.Lock()
	p := s.owed
	s.mu.Unlock()
	if p == nil {
		return nil
	}
	err := s.ask(func(r *remote) error {
		now, err := r.snapshot(ctx)
		if err != nil || now.Version >= p.Version {
			return err
		}
		if r.commit(ctx, p.Version) == nil {
			return nil
		}
		if err := r.prepare(ctx, p); err != nil {
			return err
		}
		return r.commit(ctx, p.Version)
	})
	if err != nil {
		return fmt.Errorf("has not yet made batch %d its own: %w", p.batch, err)
	}
	s.settled(p)
	s.c.note(Event{Kind: "cell-caught-up", Cell: s.id, Text: fmt.Sprintf("batch %d", p.batch)})
	return nil
}

// next gives a batch the version under which the process is to know it: the
// batch's own, unless the process has had a greater one, by us or by others. A
// version is used once, so that a prepare that was given up and comes late is
// never taken for another.
func (s *site) next(batch uint64) uint64 {
	s.tried = max(batch, s.tried+1)
	return s.tried
}

// local is a change as the site's own process names its cell.
func (s *site) local(c cells.Change) cells.Change {
	if s.alias == s.id {
		return c
	}
	for _, id := range []*cells.ID{&c.Cell.ID, &c.Link.A.Cell, &c.Link.B.Cell} {
		if *id == s.id {
			*id = s.alias
		}
	}
	c.Cell.Ports = slices.Clone(c.Cell.Ports)
	return c
}
