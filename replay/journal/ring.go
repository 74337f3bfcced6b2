package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
)

// Ring is a journal of bounded size, for a site that is always written down: the
// last Segments files, each of which ends some bytes behind SegmentBytes, or as
// soon after that as the site is at rest, up to a few times as much. It is used
// as any other journal.
//
// A file begins with the state of the site at that moment, so that what is left
// can be run again. Where the state cannot be had, the file's header says that
// it is diagnostic: it can be read, not run.
type Ring struct {
	Dir          string
	Segments     int   // files kept, at least 2
	SegmentBytes int64 // at least 4 KiB

	// Snapshot gives the state of the site after all inputs taken so far, and
	// the time; or why there is none. It is called within Flush.
	Snapshot func() ([]byte, clock.Time, error)
}

// segmentLeast keeps a ring from being all headers.
const segmentLeast = 4 << 10

// patience is how many times as long as it should be a file may become while the
// site is not at rest.
const patience = 4

// ring is a Ring in use.
type ring struct {
	Ring
	first  Header
	number uint64 // of the file that is written
	oldest uint64
	size   int64 // written to it
}

// Create begins the ring of one life. Files of an older ring of the same life
// are refused as those of a plain journal are.
func (o Ring) Create(h Header) (*Writer, error) {
	if o.Segments < 2 || o.SegmentBytes < segmentLeast {
		return nil, fmt.Errorf("journal ring: %d files of %d bytes: at least 2 of %d are needed", o.Segments, o.SegmentBytes, segmentLeast)
	}
	list, err := List(o.Dir)
	if err != nil {
		return nil, err
	}
	name := RingName(h.Site, h.Life, 0)
	own, _ := ParsePath(name)
	for _, p := range list {
		if p.Ring && p.Site == own.Site && p.Life == own.Life {
			return nil, fmt.Errorf("journal %s: exists: a life is written down once, so record into another directory or remove it", p.Path)
		}
	}
	h.Ring, h.Segment = true, 0
	w, err := Create(filepath.Join(o.Dir, name), h)
	if err != nil {
		return nil, err
	}
	w.ring = &ring{Ring: o, first: h}
	return w, nil
}

// maybeTurn begins a new file if the one that is written is long enough. Its
// name appears when its header and its snapshot are in it; then the oldest goes.
func (r *ring) maybeTurn(w *Writer) {
	if w.err != nil || r.size < r.SegmentBytes {
		return
	}
	h := r.first
	h.Segment = r.number + 1
	var snap []byte
	at, err := w.at, fmt.Errorf("the site gives no snapshots")
	if r.Snapshot != nil {
		snap, at, err = r.Snapshot()
	}
	if errors.Is(err, cells.ErrNotAtRest) && r.size < patience*r.SegmentBytes {
		return // it may be in a moment
	}
	if err != nil {
		h.Diagnostic = err.Error()
	}
	path := filepath.Join(r.Dir, RingName(h.Site, h.Life, h.Segment))
	f, err := os.OpenFile(path+partSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o644)
	if err != nil {
		w.refuse(fmt.Errorf("journal: %w", err))
		return
	}
	old := w.file
	w.file, w.names, w.at = f, references{}, 0
	r.size = 0
	w.header(&h)
	w.snapshot(&Snapshot{At: at, Inputs: w.inputs, Data: snap})
	w.at = at
	w.write()
	if err := old.Close(); err != nil {
		w.refuse(fmt.Errorf("journal: %w", err))
	}
	if err := os.Rename(path+partSuffix, path); err != nil {
		w.refuse(fmt.Errorf("journal: %w", err))
	}
	r.number = h.Segment
	for r.number-r.oldest >= uint64(r.Segments) && w.err == nil {
		if err := os.Remove(filepath.Join(r.Dir, RingName(h.Site, h.Life, r.oldest))); err != nil && !os.IsNotExist(err) {
			w.refuse(fmt.Errorf("journal: %w", err))
		}
		r.oldest++
	}
}
