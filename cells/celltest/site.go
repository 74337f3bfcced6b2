package celltest

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/dsim/cells"
)

// Site is a datacenter under test, without cells. Cells of the protocol
// [ProbeName] must be made with [MakeProbe].
type Site struct {
	Datacenter cells.Datacenter
	// Step lets a little more happen, and reports whether anything has, or
	// still can. Of a virtual site, the next event; of a live one, what comes
	// in a few milliseconds.
	Step func() bool
}

// stepsMax bounds how long a suite waits for something.
const stepsMax = 200_000

// site is a Site and the test that uses it.
type site struct {
	Site
	t       testing.TB
	version uint64
}

// apply carries out changes as the next batch; they must be right.
func (s *site) apply(batch ...cells.Change) {
	s.t.Helper()
	s.version++
	if err := s.Datacenter.Apply(s.version, batch); err != nil {
		s.t.Fatal(err)
	}
}

// refuse applies changes that must be refused with an error that has all the
// words in it, and must leave everything as it was.
func (s *site) refuse(why string, batch []cells.Change, words ...string) {
	s.t.Helper()
	before := s.topology()
	err := s.Datacenter.Apply(s.version+1, batch)
	if err == nil {
		s.t.Errorf("%s: no error", why)
		s.version++
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			s.t.Errorf("%s: error %q has no %q in it", why, err, w)
		}
	}
	if after := s.topology(); !slices.Equal(before, after) {
		s.t.Errorf("%s: was refused, yet changed\n%s\nto\n%s", why, strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
}

// topology is a snapshot's cells and links, a line each.
func (s *site) topology() []string {
	snap := s.Datacenter.Snapshot()
	all := []string{"version " + strconv.FormatUint(snap.Version, 10)}
	for _, c := range snap.Cells {
		all = append(all, "cell "+string(c.ID)+" "+c.Run.String()+" #"+strconv.Itoa(int(c.Incarnation)))
	}
	for _, l := range snap.Links {
		line := "link " + l.Name + " " + l.Ends[0] + " " + l.Ends[1]
		for _, list := range [2][]cells.Param{l.AB, l.BA} {
			for _, q := range list {
				line += " " + q.String()
			}
		}
		all = append(all, line)
	}
	return all
}

// command gives a command that must succeed, and its answer.
func (s *site) command(id cells.ID, args ...string) string {
	s.t.Helper()
	answer, err := s.Datacenter.Command(id, args)
	if err != nil {
		s.t.Fatalf("%s: %s: %v", id, strings.Join(args, " "), err)
	}
	return answer
}

// log is what has happened to a probe.
func (s *site) log(id cells.ID) []string { return strings.Split(s.command(id, "log"), "\n") }

// saw reports whether a line stands in a probe's log.
func (s *site) saw(id cells.ID, line string) bool { return slices.Contains(s.log(id), line) }

// wantLog waits for the last line and then checks all of a probe's log.
func (s *site) wantLog(why string, id cells.ID, lines ...string) {
	s.t.Helper()
	s.until(why, func() bool { return s.saw(id, lines[len(lines)-1]) })
	s.rest()
	if got := s.log(id); !slices.Equal(got, lines) {
		s.t.Errorf("%s: %s saw\n\t%s\nwant\n\t%s", why, id, strings.Join(got, "\n\t"), strings.Join(lines, "\n\t"))
	}
}

// until lets the site go on until something is so.
func (s *site) until(why string, so func() bool) {
	s.t.Helper()
	more := true
	for steps := 0; more && steps < stepsMax && !so(); {
		for range min(steps+1, 200) { // asking costs too
			more = s.Step()
			steps++
		}
	}
	if !so() {
		s.t.Fatalf("%s: never came; the site is\n%s", why, strings.Join(s.topology(), "\n"))
	}
}

// rest lets the site go on until nothing more happens.
func (s *site) rest() {
	for range stepsMax {
		if !s.Step() {
			return
		}
	}
}

// cell, link and stream are changes that add a probe, a link between ports p0,
// or as named after a colon, and a stream link.
func cell(id cells.ID) cells.Change {
	return cells.Change{Op: cells.AddCell, Cell: cells.CellSpec{ID: id, Protocol: ProbeName, Ports: []string{"p0", "p1"}}}
}

func endpoint(text string) cells.Endpoint {
	id, port, ok := strings.Cut(text, ":")
	if !ok {
		port = "p0"
	}
	return cells.Endpoint{Cell: cells.ID(id), Port: port}
}

func link(name, a, b string, params ...cells.Param) cells.Change {
	return cells.Change{Op: cells.AddLink, Link: cells.LinkSpec{Name: name, A: endpoint(a), B: endpoint(b), Both: params}}
}

// stream is the stream link "ab" between alice and bob.
func stream(params ...cells.Param) cells.Change {
	return cells.Change{Op: cells.AddLink, Link: cells.LinkSpec{
		Name: "ab", A: cells.Endpoint{Cell: "alice"}, B: cells.Endpoint{Cell: "bob"}, Stream: true, Both: params,
	}}
}

func removeCell(id cells.ID) cells.Change {
	return cells.Change{Op: cells.RemoveCell, Cell: cells.CellSpec{ID: id}}
}

func removeLink(name string) cells.Change {
	return cells.Change{Op: cells.RemoveLink, Link: cells.LinkSpec{Name: name}}
}

func setLink(name string, params ...cells.Param) cells.Change {
	return cells.Change{Op: cells.SetLink, Link: cells.LinkSpec{Name: name, Both: params}}
}

func setCell(id cells.ID, name, value string) cells.Change {
	return cells.Change{Op: cells.SetCell, Cell: cells.CellSpec{ID: id, Params: []cells.Param{{Name: name, Value: value}}}}
}
