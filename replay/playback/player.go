package playback

import (
	"errors"
	"fmt"
	"io"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay/journal"
	"example.com/dsim/replay/site"
)

// Options say how journals are played.
type Options struct {
	// Make makes the protocol of a cell, as it did live.
	Make func(cells.CellSpec) (cells.Protocol, error)
	// Build is what plays; that it is another than what ran is a note.
	Build string
	// Restore makes the site that a ring's file begins with; nil for site.Thaw.
	Restore func(site.Config, *journal.Snapshot) (*site.Site, error)

	// Observers of [Play]; each may be nil.
	Records des.Sink
	Choices des.ChoiceSink
	Out     site.Outlet
}

// Play runs a journal from its start to where it ends, and says whether the site
// was reproduced. The error is of the journal, or of what it needs, not of what
// differs: that is in the report.
func Play(r *journal.Reader, opt Options) (Report, error) {
	p, err := newPlayer(r, opt)
	if err != nil {
		return newReport(r), err
	}
	for p.step(clock.Never) {
	}
	return p.finish(), p.err
}

// player is one journal being played.
type player struct {
	site   *site.Site
	report Report
	err    error

	reader *journal.Reader
	entry  journal.Entry // the next, unless over
	over   bool          // nothing more can be read
	last   clock.Time    // as far as the journal has gone
	agreed clock.Time    // of the last checkpoint that was reproduced

	note  func(*journal.Note) // takes notes; may be nil
	taken func(*site.Input)   // takes inputs, before the site does; may be nil
	given func(refused bool)  // is called when the site has had the input; may be nil
}

func newPlayer(r *journal.Reader, opt Options) (*player, error) {
	p := &player{reader: r, report: newReport(r)}
	h := r.Header()
	if opt.Build != "" && h.Build != opt.Build {
		p.report.Notes = append(p.report.Notes, fmt.Sprintf("recorded by another build: %s; this is %s", h.Build, opt.Build))
	}
	c := site.Config{
		Name: h.Site, Seed: h.Seed, Ties: h.Ties, Limits: h.Limits, Make: opt.Make, Lives: h.Lives,
		Records: &count{&p.report, opt.Records}, Choices: opt.Choices, Out: &outs{&p.report, opt.Out},
	}
	p.read()
	if p.err != nil {
		return nil, p.err
	}
	var err error
	if snap := p.snapshot(); snap == nil {
		p.site, err = site.New(c)
	} else {
		p.site, err = restore(h, c, snap, opt)
		p.last = snap.At
		p.read()
	}
	if err != nil {
		return nil, fmt.Errorf("journal %s: %w", r.Name(), err)
	}
	return p, nil
}

// snapshot is what a ring's file begins with; nil where the journal begins with
// the site.
func (p *player) snapshot() *journal.Snapshot {
	if p.over {
		return nil
	}
	return p.entry.Snapshot
}

// ErrDiagnostic says that a ring's inputs cannot be played, for it is not known
// what the site was before them.
var ErrDiagnostic = errors.New("diagnostic: the state before its inputs is not known, so they cannot be played")

func restore(h *journal.Header, c site.Config, s *journal.Snapshot, opt Options) (*site.Site, error) {
	if h.Diagnostic != "" {
		return nil, fmt.Errorf("%w: %s", ErrDiagnostic, h.Diagnostic)
	}
	if opt.Restore == nil {
		return site.Thaw(c, s.Data)
	}
	return opt.Restore(c, s)
}

// read takes the next entry of the journal that is of interest.
func (p *player) read() {
	for {
		e, err := p.reader.Next()
		switch {
		case errors.Is(err, io.EOF):
			p.over = true
			return
		case errors.Is(err, journal.ErrMore):
			p.over = true
			p.report.Stop = "it has no end: the process was killed, or still writes"
			if p.reader.Torn() {
				p.report.Stop += "; its last record is not whole"
			}
			return
		case errors.Is(err, journal.ErrDamaged):
			p.over = true
			p.report.Stop = err.Error()
			return
		case err != nil:
			p.over, p.err = true, err
			return
		}
		if e.Note == nil {
			p.entry = e
			return
		}
		if p.note != nil {
			p.note(e.Note)
		}
	}
}

// at is the time of the next entry.
func (p *player) at() clock.Time {
	switch e := &p.entry; {
	case p.over:
		return clock.Never
	case e.Input != nil:
		return e.Input.At
	case e.Checkpoint != nil:
		return e.Checkpoint.At
	case e.Summary != nil:
		return max(e.Summary.At, p.last)
	}
	return p.last
}

// next is when the player has something to do. After the end of the journal it
// has nothing.
func (p *player) next() clock.Time {
	at := p.at()
	if p.over || p.site.Err() != nil {
		return at
	}
	return min(at, max(p.site.Next(), p.last))
}

// step does the next thing, if there is one at or before a time: all that is due
// at one instant, or an entry.
func (p *player) step(until clock.Time) bool {
	at := p.at()
	if p.over || p.err != nil {
		return false
	}
	if due := p.site.Next(); due <= at && due <= until && p.site.Err() == nil {
		_ = p.site.RunUntil(due) // what stops a site is in its Err
		p.last = max(p.last, due)
		return true
	}
	if at > until {
		return false
	}
	p.last = max(p.last, at)
	switch e := &p.entry; {
	case e.Input != nil:
		p.give(e.Input)
	case e.Checkpoint != nil:
		p.check(e.Checkpoint)
	case e.Summary != nil:
		p.report.Ended, p.report.Reason = true, e.Summary.Reason
		_ = p.site.RunUntil(p.last)
	}
	p.read()
	return true
}

func (p *player) give(in *site.Input) {
	if p.taken != nil {
		p.taken(in)
	}
	_, err := p.site.Do(in)
	if err != nil {
		p.report.Refused++
	}
	if p.given != nil {
		p.given(err != nil)
	}
	p.report.Inputs++
}

// check compares a checkpoint with the site. The first difference is kept.
func (p *player) check(live *site.Checkpoint) {
	_ = p.site.RunUntil(live.At)
	played := p.site.Checkpoint()
	p.report.Marks++
	d := compare(live, &played)
	switch {
	case d == nil:
		p.report.Reproduced++
		if p.report.Difference == nil {
			p.agreed = live.At
		}
	case p.report.Difference == nil:
		d.After = p.agreed
		p.report.Difference = d
	}
}

func (p *player) finish() Report {
	p.report.End = p.last
	p.report.Events = p.site.Scheduler().Executed()
	if err := p.site.Err(); err != nil {
		p.report.Failed = err.Error()
	}
	return p.report
}
