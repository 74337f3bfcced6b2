package scenarios

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"example.com/dsim/scenarios/internal/yamlx"
)

// ErrorsMax is how many errors of a file are listed.
const ErrorsMax = 20

// ErrServed says that a value was served for a drawn option that the scenario
// does not have, or that is no value for it any more: the choices belong to
// another scenario.
var ErrServed = errors.New("a served option does not apply")

// Error is one thing wrong with a scenario file.
type Error struct {
	File         string
	Line, Column int // from 1; 0 if File is not a file, but says where the text is from
	Msg          string
}

// Error is "file:line:column: what is wrong, what is allowed".
func (e Error) Error() string {
	return yamlx.Pos{File: e.File, Line: e.Line, Column: e.Column}.String() + ": " + e.Msg
}

// Errors are the things wrong with a scenario file, in the order of the file.
type Errors struct {
	List []Error // at most ErrorsMax
	More int     // how many there were beyond
}

// Error is one line an error.
func (e *Errors) Error() string {
	lines := make([]string, 0, len(e.List)+1)
	for _, x := range e.List {
		lines = append(lines, x.Error())
	}
	if e.More > 0 {
		lines = append(lines, fmt.Sprintf("… and %d more", e.More))
	}
	return strings.Join(lines, "\n")
}

// errorList collects errors. The same text at the same place counts once: a
// kind is read again for each of its users.
type errorList struct {
	list []yamlx.Error
	told int // calls of add, what was said already included
}

// collectMax is where the search for errors ends: a file that is wrong
// throughout is not worth the hints.
const collectMax = 1000

// tooMany ends the search; Build recovers it.
type tooMany struct{}

func (l *errorList) add(p yamlx.Pos, format string, args ...any) {
	l.told++
	e := yamlx.Error{Pos: p, Msg: fmt.Sprintf(format, args...)}
	if !slices.Contains(l.list, e) {
		l.list = append(l.list, e)
	}
	if len(l.list) >= collectMax {
		panic(tooMany{})
	}
}

// err is nil if nothing was added.
func (l *errorList) err() error {
	if len(l.list) == 0 {
		return nil
	}
	slices.SortStableFunc(l.list, func(a, b yamlx.Error) int {
		return cmp.Or(a.Pos.Compare(b.Pos), strings.Compare(a.Pos.File, b.Pos.File), strings.Compare(a.Msg, b.Msg))
	})
	out := &Errors{More: max(0, len(l.list)-ErrorsMax)}
	for _, e := range l.list[:min(len(l.list), ErrorsMax)] {
		out.List = append(out.List, Error{e.Pos.File, e.Pos.Line, e.Pos.Column, e.Msg})
	}
	return out
}
