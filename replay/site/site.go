package site

import (
	"fmt"
	"slices"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/links"
)

// Outlet takes what leaves the site.
type Outlet interface {
	// Out takes what a link to outside has let through, when it is due: a frame
	// or, on a stream link, a segment. b is valid during the call.
	Out(link string, b []byte)
}

// Config is what a site is made of: its specification. Two sites with equal
// ones, but for the observers, that are given the same inputs are the same.
type Config struct {
	Name   string
	Seed   des.Seed
	Ties   des.Ties
	Limits des.Limits
	// Make makes the protocol of a cell.
	Make func(cells.CellSpec) (cells.Protocol, error)
	// Lives are the first incarnations of cells that have lived before, in
	// another process.
	Lives map[cells.ID]uint32

	// Alone refuses links with an end at a cell that is not here, instead of
	// letting them lead outside.
	Alone bool

	// Observers; each may be nil.
	Out     Outlet
	Records des.Sink
	Choices des.ChoiceSink
}

// Site is one scheduler and all cells on it. It is not for use by several
// goroutines at once.
type Site struct {
	name   string
	sched  *des.Scheduler
	host   *cells.Host
	net    *links.Network
	inputs uint64

	eventsBefore uint64 // of a site that was thawed

	in  *Input // being handled
	ans string
	err error
	act func() // calls handle, made once
}

// New gives a site without cells at instant 0.
func New(c Config) (*Site, error) {
	if c.Make == nil {
		return nil, fmt.Errorf("site %s: makes no protocols", c.Name)
	}
	s := &Site{name: c.Name}
	s.sched = des.NewScheduler(des.Config{
		Limits: c.Limits, Causes: c.Records != nil,
		Name: func(e des.Entity) string { return s.net.EntityName(e) },
	})
	s.host = cells.NewHost(s.sched, cells.Options{Seed: c.Seed, Ties: c.Ties, Full: true, Sink: c.Records, Lives: c.Lives})
	out := func(string, []byte) {}
	switch {
	case c.Alone:
		out = nil
	case c.Out != nil:
		out = c.Out.Out
	}
	s.net = links.New(s.host, links.Options{Make: c.Make, Choices: c.Choices, Out: out})
	s.act = s.handle
	return s, nil
}

// Name is the site's name.
func (s *Site) Name() string { return s.name }

// Host is what runs the site's cells.
func (s *Site) Host() *cells.Host { return s.host }

// Network is their links.
func (s *Site) Network() *links.Network { return s.net }

// Scheduler is the engine.
func (s *Site) Scheduler() *des.Scheduler { return s.sched }

// Now is the instant the site has reached.
func (s *Site) Now() clock.Time { return s.sched.Now() }

// Next is the instant of its next event, [clock.Never] if there is none.
func (s *Site) Next() clock.Time { return s.sched.Next() }

// Err is what has stopped the site for good: a handler that panicked, a limit.
func (s *Site) Err() error { return s.sched.Err() }

// Inputs is how many inputs the site has had.
func (s *Site) Inputs() uint64 { return s.inputs }

// events is how many the site has had, in an earlier process too.
func (s *Site) events() uint64 { return s.eventsBefore + s.sched.Executed() }

// RunUntil runs everything due at or before t.
func (s *Site) RunUntil(t clock.Time) error { return s.sched.RunUntil(t) }

// Check says why a batch would be refused, nil if it would not. Nothing is
// changed, and what is due is left undone.
func (s *Site) Check(version uint64, batch []cells.Change) error { return s.net.Check(version, batch) }

// Do lets everything due at or before the input's time happen, and then the
// input. The answer is that of a command. An error of a command or a batch is
// part of what happened: the same input gives the same error again, and the site
// goes on. What stops the site for good is Err.
func (s *Site) Do(in *Input) (string, error) {
	if err := s.sched.RunUntil(in.At); err != nil {
		return "", err
	}
	s.inputs++
	s.ans, s.err = "", nil
	if in.Kind != Mark {
		s.in = in
		s.sched.Act(des.MakeEntity(des.Input, 0), s.inputs, s.act)
		s.in = nil
		// What the input causes at once happens before the next, at any time.
		if err := s.sched.RunUntil(in.At); err != nil && s.err == nil {
			s.err = err
		}
	}
	return s.ans, s.err
}

// handle carries out the input that Do was given, inside its event.
func (s *Site) handle() {
	switch in := s.in; in.Kind {
	case Frame:
		s.err = s.net.Arrive(in.Link, in.Data)
	case Broken:
		s.err = s.net.Break(in.Link)
	case Command:
		ref, ok := s.host.Find(in.Cell)
		if !ok {
			s.err = fmt.Errorf("no cell %q", in.Cell)
			return
		}
		s.ans, s.err = s.host.Command(ref, in.Args)
	case Apply:
		s.err = s.net.Apply(in.Version, in.Batch)
	default:
		s.err = fmt.Errorf("input %d of site %s is of no kind: %d", s.inputs, s.name, in.Kind)
	}
}

// Checkpoint is the complete state of the site as hashes.
func (s *Site) Checkpoint() Checkpoint {
	c := Checkpoint{At: s.sched.Now(), Inputs: s.inputs, Events: s.events(), Version: s.net.Version()}
	for i := range s.host.Len() {
		ref := cells.CellRef(i)
		if s.host.IsFar(ref) {
			continue
		}
		var f des.Fold
		s.host.FoldState(ref, &f)
		c.Cells = append(c.Cells, CellMark{Cell: s.host.Name(ref), Fold: uint64(s.host.Fold(ref)), State: uint64(f)})
	}
	slices.SortStableFunc(c.Cells, func(a, b CellMark) int { return strings.Compare(string(a.Cell), string(b.Cell)) })
	return c
}

// Diff says how a checkpoint differs from what another run of the same inputs
// had there: empty if it does not.
func (c *Checkpoint) Diff(other *Checkpoint) string {
	switch {
	case c.At != other.At || c.Inputs != other.Inputs:
		return fmt.Sprintf("it is of %s after %d inputs, the other of %s after %d", c.At, c.Inputs, other.At, other.Inputs)
	case c.Version != other.Version:
		return fmt.Sprintf("the topology has version %d, the other %d", c.Version, other.Version)
	case len(c.Cells) != len(other.Cells):
		return fmt.Sprintf("%d cells, the other has %d", len(c.Cells), len(other.Cells))
	}
	for i := range c.Cells {
		switch a, b := &c.Cells[i], &other.Cells[i]; {
		case a.Cell != b.Cell:
			return fmt.Sprintf("cell %q, the other has %q", a.Cell, b.Cell)
		case a.Fold != b.Fold:
			return fmt.Sprintf("cell %q: what it did so far folds to %016x, in the other run to %016x", a.Cell, a.Fold, b.Fold)
		case a.State != b.State:
			return fmt.Sprintf("cell %q: did the same so far, yet is in another state", a.Cell)
		}
	}
	if c.Events != other.Events {
		return fmt.Sprintf("%d events, the other had %d", c.Events, other.Events)
	}
	return ""
}
