package journal

import (
	"example.com/dsim/clock"
	"example.com/dsim/replay/site"
)

// The kinds of records: the first byte of a body.
const (
	recHeader = iota + 1
	recInput
	recCheckpoint
	recNote
	recSnapshot
	recEnd
)

// Entry is one thing in a journal after its header: the field that is not nil.
// What it points to is valid until the next is taken.
type Entry struct {
	Input      *site.Input
	Checkpoint *site.Checkpoint
	Note       *Note
	Snapshot   *Snapshot
	Summary    *Summary // the last
	Number     uint64   // of an input among inputs, from 1; else of the last input before it
}

// NoteKind says what was observed.
type NoteKind uint8

// The kinds of notes.
const (
	// NoteDrop says that the socket did not take the N-th frame that the site
	// gave to Link: Text is the error.
	NoteDrop NoteKind = iota + 1
	// NoteWire says what became of the wire behind Link: Text is "up", "down" or
	// "role server", with what is known behind it.
	NoteWire
	// NoteLate says that what was due at At was done Value nanoseconds later, by
	// the wall; Link is empty for timers.
	NoteLate
	// NoteText is for people.
	NoteText
)

var noteKinds = [...]string{"note?", "drop", "wire", "late", "text"}

// String is the kind's word.
func (k NoteKind) String() string {
	if int(k) < len(noteKinds) {
		return noteKinds[k]
	}
	return noteKinds[0]
}

// Note is an observation: nothing that happens in a site depends on it.
type Note struct {
	Kind  NoteKind
	At    clock.Time // the site's time
	Link  string     // the link's name
	N     uint64     // of frames given to the link in this life, from 1
	Value int64
	Text  string
}

// Snapshot is the state of a site, after its first Inputs inputs. What the bytes
// mean is the site's own business.
type Snapshot struct {
	At     clock.Time
	Inputs uint64
	Data   []byte
}
