package journal

import (
	"fmt"
	"maps"
	"slices"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
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
	RecordMax = 64 << 20 // bytes of one record
	mapMax    = 4096     // entries of one map
	namesMax  = 1 << 16  // names a journal numbers; more are written out
	namesRoom = 4 << 20  // bytes of them together
	partsMax  = 1 << 20  // cells of a checkpoint, changes of a batch, words of a command
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
	b = appendUvarint(b, FormatVersion)
	b = appendField(b, tagSite, h.Site)
	b = appendField(b, tagSeed, h.Seed.String())
	b = appendNumber(b, tagTies, uint64(h.Ties))
	b = appendNumber(b, tagEvents, h.Limits.Events)
	b = appendNumber(b, tagGrain, uint64(h.Limits.Grain))
	b = appendNumber(b, tagTime, uint64(h.Limits.Time))
	b = appendNumber(b, tagDelta, uint64(h.Limits.Delta))
	b = appendField(b, tagBuild, h.Build)
	b = appendNumber(b, tagStartUnix, uint64(h.StartUnix))
	b = appendNumber(b, tagStartMono, uint64(h.StartMono))
	b = appendField(b, tagMonoOf, h.MonoOf)
	b = appendNumber(b, tagLife, uint64(h.Life))
	for _, id := range slices.Sorted(maps.Keys(h.Lives)) {
		body := appendString(nil, string(id))
		b = appendField(b, tagLives, string(appendUvarint(body, uint64(h.Lives[id]))))
	}
	if h.Ring {
		b = appendNumber(b, tagRing, 1)
	}
	b = appendNumber(b, tagSegment, h.Segment)
	b = appendField(b, tagDiagnostic, h.Diagnostic)
	return appendMap(b, tagInfo, h.Info)
}

func parseHeader(b []byte) (Header, error) {
	var h Header
	if len(b) < len(magic) || string(b[:len(magic)]) != magic {
		return h, fmt.Errorf("not a dsim journal: the magic is missing")
	}
	d := decoder{b: b[len(magic):]}
	version := d.uvarint()
	if !d.bad && version != FormatVersion {
		return h, fmt.Errorf("format version %d: this build reads version %d", version, FormatVersion)
	}
	h.Version = FormatVersion
	d.fields(h.field)
	if d.bad || h.Site == "" {
		return h, fmt.Errorf("the header's fields do not fit")
	}
	return h, nil
}

// field takes one field of a header; those of a later build are skipped.
func (h *Header) field(tag uint64, v *decoder) {
	switch tag {
	case tagSite:
		h.Site = string(v.b)
	case tagSeed:
		if h.Seed.UnmarshalText(v.b) != nil {
			v.bad = true
		}
	case tagTies:
		h.Ties = des.Ties(v.uvarintMax(uint64(des.TiesShuffled)))
	case tagEvents:
		h.Limits.Events = v.uvarint()
	case tagGrain:
		v.int64To((*int64)(&h.Limits.Grain))
	case tagTime:
		v.int64To((*int64)(&h.Limits.Time))
	case tagDelta:
		h.Limits.Delta = uint16(v.uvarintMax(1<<16 - 1))
	case tagBuild:
		h.Build = string(v.b)
	case tagStartUnix:
		v.int64To(&h.StartUnix)
	case tagStartMono:
		v.int64To(&h.StartMono)
	case tagMonoOf:
		h.MonoOf = string(v.b)
	case tagLife:
		h.Life = uint32(v.uvarintMax(1<<32 - 1))
	case tagLives:
		h.life(v)
	case tagRing:
		h.Ring = v.uvarint() != 0
	case tagSegment:
		h.Segment = v.uvarint()
	case tagDiagnostic:
		h.Diagnostic = string(v.b)
	case tagInfo:
		v.info(&h.Info)
	}
}

func (h *Header) life(v *decoder) {
	id := cells.ID(v.string())
	n := uint32(v.uvarintMax(1<<32 - 1))
	if v.bad || len(h.Lives) >= partsMax {
		v.bad = true
		return
	}
	if h.Lives == nil {
		h.Lives = map[cells.ID]uint32{}
	}
	h.Lives[id] = n
}

func appendSummary(b []byte, s *Summary) []byte {
	return appendMap(appendField(b, tagReason, s.Reason), tagNote, s.Info)
}

func (s *Summary) field(tag uint64, v *decoder) {
	switch tag {
	case tagReason:
		s.Reason = string(v.b)
	case tagNote:
		v.info(&s.Info)
	}
}
