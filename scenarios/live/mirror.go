package live

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

// mirror is one life of a site: its journal, and a site that is given the same
// inputs. It runs no further than its journal goes: what is due behind the last
// input waits for the next, which may come before it.
type mirror struct {
	name string
	life uint32
	path string
	from *journal.Reader
	site *site.Site

	input  *site.Input // the next, valid until it was done; nil if none is known
	dry    bool        // the journal was read to its end in this look
	ended  bool        // nothing more comes
	last   clock.Time  // of the last input
	number uint64      // of it
	first  string      // how a checkpoint differed for the first time

	touched bool // something watched may have changed in this instant
	place   int  // among those that are played; -1 if it is not
}

// openMirror reads the head of a journal.
func openMirror(path string, make func(cells.CellSpec) (cells.Protocol, error)) (*mirror, error) {
	from, err := journal.Open(path)
	if err != nil {
		return nil, err
	}
	h := from.Header()
	s, err := site.New(site.Config{Name: h.Site, Seed: h.Seed, Ties: h.Ties, Limits: h.Limits, Make: make, Lives: h.Lives})
	if err != nil {
		_ = from.Close()
		return nil, err
	}
	m := &mirror{name: h.Site, life: h.Life, path: path, from: from, site: s, place: -1}
	s.Scheduler().OnInstant(func(clock.Time) { m.touched = true })
	return m, nil
}

// fetch makes the next input known, if it has been written. What stands before
// it is about the input before, and is dealt with at once.
func (m *mirror) fetch(r *Result) error {
	for m.input == nil && !m.dry && !m.ended {
		e, err := m.from.Next()
		switch {
		case errors.Is(err, journal.ErrMore):
			m.dry = true
		case errors.Is(err, io.EOF):
			m.ended = true
		case err != nil:
			return err
		case e.Input != nil:
			m.input, m.number = e.Input, e.Number
		case e.Checkpoint != nil:
			m.compare(e.Checkpoint, r)
		case e.Note != nil:
			if e.Note.Kind == journal.NoteLate && e.Note.Link != "" {
				r.Late.send(e.Note.Value)
			}
		case e.Summary != nil:
			m.ended = true
		}
	}
	return nil
}

// compare holds a checkpoint of the live site against the mirror's.
func (m *mirror) compare(live *site.Checkpoint, r *Result) {
	r.Marks++
	if m.first != "" {
		return // one difference leads to all others
	}
	mine := m.site.Checkpoint()
	if m.first = live.Diff(&mine); m.first != "" {
		r.Broken = append(r.Broken, Broken{Site: m.name, Life: m.life, Journal: m.path, At: live.At, Inputs: live.Inputs, What: m.first})
	}
}

// at is the instant at which the mirror goes on: that of its next input, or of
// what its site does before. It can go on then if the input is known.
func (m *mirror) at() clock.Time {
	next := m.site.Next()
	if m.input != nil {
		return min(next, m.input.At)
	}
	if m.ended {
		return clock.Never
	}
	return next
}

// play lets happen what is due at an instant, and gives the input that acted
// last in it, if one did.
func (m *mirror) play(t clock.Time, r *Result) *site.Input {
	in := m.input
	if next := m.site.Next(); next <= t && in != nil && next < in.At {
		r.Late.timer(in.At.Sub(next))
	}
	if in == nil || in.At > t {
		_ = m.site.RunUntil(t) // the error stays with the site
		return nil
	}
	m.input = nil
	m.last = in.At
	_, _ = m.site.Do(in) // an error of a command or a batch is part of what happened
	if _, touched := m.site.Scheduler().Untouch(); touched {
		m.touched = true
	}
	r.Inputs++
	return in
}

// by is the event at which something watched changed last.
func (m *mirror) by() des.Key { return m.site.Scheduler().TouchedBy() }

// executed is how many events the mirror has had.
func (m *mirror) executed() uint64 { return m.site.Scheduler().Executed() }

// String names the life: "alice", or "alice, life 2".
func (m *mirror) String() string {
	if m.life == 0 {
		return m.name
	}
	return fmt.Sprintf("%s, life %d", m.name, m.life)
}
