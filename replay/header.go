package replay

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay/internal/wire"
)

// FormatVersion is the version of the file format that a Writer writes.
const FormatVersion = 1

const magic = "dsim trace\n"

// featuresKnown are the feature flags this reader understands. A trace with
// any other is refused: its blocks could not be read rightly.
const featuresKnown = 0

// Header says what was run. With the build it names it gives the run back.
type Header struct {
	Version  int               // format version; set by the Writer
	Features uint64            // feature flags; none are defined yet
	Level    Level             // how much the trace holds
	Rng      uint32            // version of the random streams
	Scenario string            // the scenario's name
	Text     string            // its full text, at most StringMax bytes
	TextHash string            // SHA-256 of Text in hex; set by the Writer
	Seed     string            // as the user gave it
	Set      []string          // overrides, "links.ab.loss=5%", in the order given
	Build    string            // what ran it: version, revision, Go, platform
	Limits   des.Limits        // the bounds of the run
	Info     map[string]string // whatever else is worth knowing; at most 4,096 entries
}

// Interrupted is the verdict of a run that somebody stopped. Its trace ends
// after Summary.Events events, which may be anywhere, and is whole up to there.
const Interrupted = "interrupted"

// The entries of Header.Info that say what became of a trace.
const (
	infoCut      = "cut"      // of which range and cells it is a part
	infoCutOf    = "cut-of"   // the hash of the whole
	infoRepaired = "repaired" // that it was mended
	infoGap      = "gap"      // before which record and choice a damaged block is missing
)

// Part says of which range, and of which cells, the trace is a part; false if
// it was not cut out of another. A part does not have all choices, so it cannot
// be run again.
func (h *Header) Part() (string, bool) {
	what, ok := h.Info[infoCut]
	return what, ok
}

// Summary says how a run ended. Records, Choices and Hash are counted by the
// Writer.
type Summary struct {
	Verdict string            // in words, such as "ok" or what failed; or Interrupted
	Digest  des.Digest        // of the world
	End     clock.Time        // virtual time at the end
	Events  uint64            // events executed
	Info    map[string]string // whatever else is worth knowing

	Records uint64 // records in the trace
	Choices uint64 // choices in the trace
	Hash    string // SHA-256 of the records and choices in hex
}

// The numbers of the header's fields. They are never reused.
const (
	tagScenario = iota + 1
	tagText
	tagTextHash
	tagSeed
	tagSet
	tagBuild
	tagRng
	tagEvents
	tagTime
	tagDelta
	tagInfo
)

// The numbers of the summary's fields.
const (
	tagVerdict = iota + 1
	tagDigest
	tagEnd
	tagExecuted
	tagNote
)

func hashText(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// check says why h cannot be written.
func (h *Header) check() error {
	long := func(what, s string) error {
		if len(s) > StringMax/2 && what != "scenario text" || len(s) > StringMax {
			return fmt.Errorf("trace header: %s has %d bytes: at most %d are allowed", what, len(s), StringMax/2)
		}
		return nil
	}
	for _, f := range []struct{ what, s string }{
		{"scenario name", h.Scenario}, {"scenario text", h.Text}, {"seed", h.Seed}, {"build", h.Build},
	} {
		if err := long(f.what, f.s); err != nil {
			return err
		}
	}
	if len(h.Set) > mapMax {
		return fmt.Errorf("trace header: %d overrides: at most %d are allowed", len(h.Set), mapMax)
	}
	for _, s := range h.Set {
		if err := long("override", s); err != nil {
			return err
		}
	}
	if h.Level > Events {
		return fmt.Errorf("trace header: %s: want choices or events", h.Level)
	}
	if h.Features&^featuresKnown != 0 {
		return fmt.Errorf("trace header: features %#x: none are defined", h.Features)
	}
	return checkInfo("trace header", h.Info)
}

func checkInfo(what string, m map[string]string) error {
	if len(m) > mapMax {
		return fmt.Errorf("%s: info has %d entries: at most %d are allowed", what, len(m), mapMax)
	}
	for _, k := range sortedKeys(m) {
		if len(k)+len(m[k]) > StringMax/2 {
			return fmt.Errorf("%s: info %.40q has %d bytes: at most %d are allowed", what, k, len(k)+len(m[k]), StringMax/2)
		}
	}
	return nil
}

// appendHeader is the body of a header block, its kind excepted.
func appendHeader(b []byte, h *Header) []byte {
	b = append(b, magic...)
	b = wire.AppendUvarint(b, FormatVersion)
	b = wire.AppendUvarint(b, h.Features)
	b = append(b, byte(h.Level))
	b = wire.AppendField(b, tagScenario, h.Scenario)
	b = wire.AppendField(b, tagText, h.Text)
	b = wire.AppendField(b, tagTextHash, h.TextHash)
	b = wire.AppendField(b, tagSeed, h.Seed)
	for _, s := range h.Set {
		b = wire.AppendString(wire.AppendUvarint(b, tagSet), s)
	}
	b = wire.AppendField(b, tagBuild, h.Build)
	b = wire.AppendNumber(b, tagRng, uint64(h.Rng))
	b = wire.AppendNumber(b, tagEvents, h.Limits.Events)
	b = wire.AppendNumber(b, tagTime, uint64(h.Limits.Time))
	b = wire.AppendNumber(b, tagDelta, uint64(h.Limits.Delta))
	return wire.AppendMap(b, tagInfo, h.Info)
}

func parseHeader(b []byte) (Header, error) {
	var h Header
	if len(b) < len(magic) || string(b[:len(magic)]) != magic {
		return h, fmt.Errorf("not a dsim trace: the magic is missing")
	}
	r := wire.Reader{Most: StringMax, Rest: b[len(magic):]}
	version := r.Uvarint()
	if !r.Bad && version != FormatVersion {
		return h, fmt.Errorf("format version %d: this build reads version %d", version, FormatVersion)
	}
	h.Version = FormatVersion
	h.Features = r.Uvarint()
	if h.Features&^featuresKnown != 0 {
		return h, fmt.Errorf("features %#x: this build knows none of them", h.Features&^featuresKnown)
	}
	h.Level = Level(r.Byte())
	if h.Level > Events {
		return h, fmt.Errorf("%s: want choices or events", h.Level)
	}
	r.Fields(func(tag uint64, v *wire.Reader) {
		switch tag {
		case tagScenario:
			h.Scenario = string(v.Rest)
		case tagText:
			h.Text = string(v.Rest)
		case tagTextHash:
			h.TextHash = string(v.Rest)
		case tagSeed:
			h.Seed = string(v.Rest)
		case tagSet:
			if len(h.Set) >= mapMax {
				v.Bad = true
				return
			}
			h.Set = append(h.Set, string(v.Rest))
		case tagBuild:
			h.Build = string(v.Rest)
		case tagRng:
			h.Rng = uint32(v.UvarintMax(1<<32 - 1))
		case tagEvents:
			h.Limits.Events = v.Uvarint()
		case tagTime:
			h.Limits.Time = clock.Time(v.Uvarint())
		case tagDelta:
			h.Limits.Delta = uint16(v.UvarintMax(1<<16 - 1))
		case tagInfo:
			v.Entry(&h.Info)
		}
	})
	if r.Bad {
		return h, fmt.Errorf("the fields do not fit")
	}
	if h.TextHash != hashText(h.Text) {
		return h, fmt.Errorf("the scenario's text does not have the hash the header says")
	}
	return h, nil
}

func appendSummary(b []byte, s *Summary) []byte {
	b = wire.AppendField(b, tagVerdict, s.Verdict)
	b = wire.AppendNumber(b, tagDigest, uint64(s.Digest))
	b = wire.AppendNumber(b, tagEnd, uint64(s.End))
	b = wire.AppendNumber(b, tagExecuted, s.Events)
	return wire.AppendMap(b, tagNote, s.Info)
}

func parseSummary(r *wire.Reader, s *Summary) {
	r.Fields(func(tag uint64, v *wire.Reader) {
		switch tag {
		case tagVerdict:
			s.Verdict = string(v.Rest)
		case tagDigest:
			s.Digest = des.Digest(v.Uvarint())
		case tagEnd:
			s.End = clock.Time(v.Uvarint())
		case tagExecuted:
			s.Events = v.Uvarint()
		case tagNote:
			v.Entry(&s.Info)
		}
	})
}
