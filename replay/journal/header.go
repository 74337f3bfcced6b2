package journal

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay/internal/wire"
)

// FormatVersion is the version of the file format that a Writer writes.
const FormatVersion = 1

const magic = "dsim journal\n"

// The entries of Header.Info and Summary.Info that this project writes itself.
const (
	InfoScenario = "scenario" // the text of the scenario file that was run
	InfoFile     = "file"     // its name
)

// Header says whose life this is. With the build it names it gives the site
// back as it was before its first input.
type Header struct {
	Version int // format version; set by the Writer
	Site    string
	Seed    des.Seed
	Ties    des.Ties
	Limits  des.Limits
	Build   string // what ran it: version, revision, Go, platform

	// Instant 0 of the site: by the wall, nanoseconds since 1970, and by the
	// machine's monotonic clock, whose boot MonoOf names. Sites of one boot are
	// aligned by the latter, which nobody sets.
	StartUnix int64
	StartMono int64
	MonoOf    string // empty if StartMono means nothing elsewhere

	Life  uint32              // of the process: 0 is the first of this name
	Lives map[cells.ID]uint32 // first incarnation of cells that lived before

	// Of a ring's file only: Segment counts the files of the ring from 0.
	// Diagnostic says why its inputs cannot be run again: what the site was
	// before them is not known.
	Ring       bool
	Segment    uint64
	Diagnostic string

	Info map[string]string // whatever else is worth knowing
}

// Summary says how a life ended that was not cut short.
type Summary struct {
	At     clock.Time        // the site's time
	Reason string            // in words: "shutdown", or what failed
	Info   map[string]string // whatever else is worth knowing
	Inputs uint64            // how many there were; counted by the Writer
}

// Bounds of what a journal holds.
const (
	RecordMax = 64 << 20    // bytes of one record
	mapMax    = wire.MapMax // entries of one map
	namesMax  = 1 << 16     // names a journal numbers; more are written out
	namesRoom = 4 << 20     // bytes of them together
	partsMax  = 1 << 20     // cells of a checkpoint, changes of a batch, words of a command
)

// The numbers of the header's fields. They are never reused.
const (
	tagSite = iota + 1
	tagSeed
	tagTies
	tagEvents
	tagGrain
	tagTime
	tagDelta
	tagBuild
	tagStartUnix
	tagStartMono
	tagMonoOf
	tagLife
	tagLives
	tagRing
	tagSegment
	tagDiagnostic
	tagInfo
)

// The numbers of the end's fields.
const (
	tagReason = iota + 1
	tagNote
)

func (h *Header) check() error {
	if h.Site == "" {
		return fmt.Errorf("journal header: the site has no name")
	}
	if len(h.Info) > mapMax || len(h.Lives) > partsMax {
		return fmt.Errorf("journal header: %d entries of info and %d lives: at most %d and %d are allowed", len(h.Info), len(h.Lives), mapMax, partsMax)
	}
	return nil
}

// appendHeader is the body of a header record, its kind excepted. Maps are
// written in the order of their keys.
func appendHeader(b []byte, h *Header) []byte {
	b = append(b, magic...)
	b = wire.AppendUvarint(b, FormatVersion)
	b = wire.AppendField(b, tagSite, h.Site)
	b = wire.AppendField(b, tagSeed, h.Seed.String())
	b = wire.AppendNumber(b, tagTies, uint64(h.Ties))
	b = wire.AppendNumber(b, tagEvents, h.Limits.Events)
	b = wire.AppendNumber(b, tagGrain, uint64(h.Limits.Grain))
	b = wire.AppendNumber(b, tagTime, uint64(h.Limits.Time))
	b = wire.AppendNumber(b, tagDelta, uint64(h.Limits.Delta))
	b = wire.AppendField(b, tagBuild, h.Build)
	b = wire.AppendNumber(b, tagStartUnix, uint64(h.StartUnix))
	b = wire.AppendNumber(b, tagStartMono, uint64(h.StartMono))
	b = wire.AppendField(b, tagMonoOf, h.MonoOf)
	b = wire.AppendNumber(b, tagLife, uint64(h.Life))
	for _, id := range slices.Sorted(maps.Keys(h.Lives)) {
		body := wire.AppendString(nil, string(id))
		b = wire.AppendField(b, tagLives, string(wire.AppendUvarint(body, uint64(h.Lives[id]))))
	}
	if h.Ring {
		b = wire.AppendNumber(b, tagRing, 1)
	}
	b = wire.AppendNumber(b, tagSegment, h.Segment)
	b = wire.AppendField(b, tagDiagnostic, h.Diagnostic)
	return wire.AppendMap(b, tagInfo, h.Info)
}

func parseHeader(b []byte) (Header, error) {
	var h Header
	if len(b) < len(magic) || string(b[:len(magic)]) != magic {
		return h, fmt.Errorf("not a dsim journal: the magic is missing")
	}
	d := wire.Reader{Rest: b[len(magic):]}
	version := d.Uvarint()
	if !d.Bad && version != FormatVersion {
		return h, fmt.Errorf("format version %d: this build reads version %d", version, FormatVersion)
	}
	h.Version = FormatVersion
	d.Fields(h.field)
	if d.Bad || h.Site == "" {
		return h, fmt.Errorf("the header's fields do not fit")
	}
	return h, nil
}

// field takes one field of a header; those of a later build are skipped.
func (h *Header) field(tag uint64, v *wire.Reader) {
	switch tag {
	case tagSite:
		h.Site = string(v.Rest)
	case tagSeed:
		if h.Seed.UnmarshalText(v.Rest) != nil {
			v.Bad = true
		}
	case tagTies:
		h.Ties = des.Ties(v.UvarintMax(uint64(des.TiesShuffled)))
	case tagEvents:
		h.Limits.Events = v.Uvarint()
	case tagGrain:
		h.Limits.Grain = time.Duration(v.Uvarint())
	case tagTime:
		h.Limits.Time = clock.Time(v.Uvarint())
	case tagDelta:
		h.Limits.Delta = uint16(v.UvarintMax(1<<16 - 1))
	case tagBuild:
		h.Build = string(v.Rest)
	case tagStartUnix:
		h.StartUnix = int64(v.Uvarint())
	case tagStartMono:
		h.StartMono = int64(v.Uvarint())
	case tagMonoOf:
		h.MonoOf = string(v.Rest)
	case tagLife:
		h.Life = uint32(v.UvarintMax(1<<32 - 1))
	case tagLives:
		h.life(v)
	case tagRing:
		h.Ring = v.Uvarint() != 0
	case tagSegment:
		h.Segment = v.Uvarint()
	case tagDiagnostic:
		h.Diagnostic = string(v.Rest)
	case tagInfo:
		v.Entry(&h.Info)
	}
}

func (h *Header) life(v *wire.Reader) {
	id := cells.ID(v.Text())
	n := uint32(v.UvarintMax(1<<32 - 1))
	if v.Bad || len(h.Lives) >= partsMax {
		v.Bad = true
		return
	}
	if h.Lives == nil {
		h.Lives = map[cells.ID]uint32{}
	}
	h.Lives[id] = n
}

func appendSummary(b []byte, s *Summary) []byte {
	return wire.AppendMap(wire.AppendField(b, tagReason, s.Reason), tagNote, s.Info)
}

func (s *Summary) field(tag uint64, v *wire.Reader) {
	switch tag {
	case tagReason:
		s.Reason = string(v.Rest)
	case tagNote:
		v.Entry(&s.Info)
	}
}
