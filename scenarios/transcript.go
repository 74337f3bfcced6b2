package scenarios

import (
	"fmt"
	"io"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// Transcript gives a sink that writes what happened for people, one line an
// event of interest: when, who, what. Faults and commands, what cells answered
// and emitted, what links did to frames, and changes of lives, ports and
// topology are of interest; frames and timers that went as they should are not.
//
//	 500ms  timeline     timeline[0]: cut ab
//	 501ms  ab>          frame 12: drop:cut
//	    2s  alice        > send hello
//	    2s  alice        < 1 message queued
//	2.013s  bob          deliver message=7 bytes=5
//
// Lines say nothing of how cells and links are numbered, so that a transcript
// changes only if what people see of a run changes. A write that fails ends the
// transcript and nothing else.
func Transcript(w io.Writer) des.Sink { return &transcript{to: w} }

type transcript struct {
	to  io.Writer
	err error
}

// Record writes the line of a record, if it has one.
func (t *transcript) Record(r *des.Record) {
	if t.err != nil {
		return
	}
	if line := TranscriptLine(r); line != "" {
		_, t.err = io.WriteString(t.to, line+"\n")
	}
}

// TranscriptLine is the line of a record in a transcript, without its end;
// empty for what is not of interest.
func TranscriptLine(r *des.Record) string {
	what := transcriptText(r)
	if what == "" {
		return ""
	}
	who := r.Cell
	switch {
	case r.Op == des.OpVerdict, r.Op == des.OpMiss && r.Link != "":
		who = r.Link
	case r.Op == des.OpTimeline, r.Op == des.OpChange:
		who = r.Op.String()
	}
	return fmt.Sprintf("%12s  %-12s %s", r.Key.Time, who, oneLine(what))
}

func transcriptText(r *des.Record) string {
	switch r.Op {
	case des.OpTimeline, des.OpChange, des.OpState:
		return r.Text
	case des.OpCommand:
		return "> " + r.Text
	case des.OpAnswer:
		if r.A != 0 {
			return "< error: " + r.Text
		}
		return "< " + r.Text
	case des.OpEmit:
		return emissionText(r)
	case des.OpVerdict:
		return fmt.Sprintf("frame %d: %s", r.A, r.Text)
	case des.OpMiss:
		return fmt.Sprintf("frame %d: not taken by %s: %s", r.A, r.Cell, r.Text)
	case des.OpListen:
		return "listens at " + r.Text
	case des.OpDial:
		return fmt.Sprintf("dials %s, port %d", r.Text, r.Port)
	case des.OpClose:
		return fmt.Sprintf("closes port %d", r.Port)
	case des.OpDown:
		return fmt.Sprintf("port %d is down: %s", r.Port, cells.DownOf(uint8(r.A)))
	case des.OpPanic:
		return "panics: " + r.Text
	}
	return ""
}

// hashFrom is where numbers begin that are hashes, for all that people can
// tell: no count, size or span of a run comes near.
const hashFrom = 1 << 56

// emissionText is an emission with the names of its values. One of nothing but
// hashes is for oracles and tells people nothing.
func emissionText(r *des.Record) string {
	if r.Text != "" {
		return r.Kind + " " + r.Text
	}
	a, b := cells.KindNamed(r.Kind).Values()
	if isHash(r.A) && isHash(r.B) {
		return ""
	}
	return r.Kind + valueText(a, r.A) + valueText(b, r.B)
}

func isHash(v int64) bool { return v >= hashFrom || v <= -hashFrom }

func valueText(name string, v int64) string {
	switch {
	case name == "":
		return ""
	case isHash(v):
		return fmt.Sprintf(" %s=#%08x", name, uint64(v)>>32)
	}
	return fmt.Sprintf(" %s=%d", name, v)
}

// oneLine keeps what a protocol says from breaking the lines of a transcript,
// and from filling it.
func oneLine(s string) string {
	const most = 160
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
