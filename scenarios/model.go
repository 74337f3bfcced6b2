package scenarios

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/scenarios/internal/expr"
)

// Scenario is a scenario for one seed: everything is decided that is decided
// before the run. It is not changed after Build.
type Scenario struct {
	Name      string
	File      string
	Text      []byte   // of the file; with Set and Seed it gives this Scenario back
	Set       []string // the overrides, as given
	Seed      des.Seed
	Options   []Option       // what was drawn, in the order of paths
	Initial   []cells.Change // the first batch: all cells, then all links, in the order of names
	Layout    []Place        // of the cells that topologies made
	Timeline  []Action       // in the order of the file
	Expect    []Expectation  // in the order of the file
	Fails     string         // the property, or the name of the expectation, that is meant to fail
	Run       RunSpec
	Short     bool       // an override ends the run before the file's own end
	Study     *Study     // what it is tried with; nil if the file does not say
	Explore   *Explore   // what worlds may be drawn from it; nil if the file does not say
	StopFault clock.Time // of the first `stop: faults`; clock.Never if there is none

	scope *expr.Scope // what conditions can speak of
}

// Option is a value that was drawn for this seed.
type Option struct {
	Path  string // "links.ab.loss"
	Value string // "3.2%"
	From  string // "uniform 0%..5%"
}

// Choice is the option as a choice of the run.
func (o Option) Choice() des.Choice {
	return des.Choice{What: "option", Where: o.Path, Value: o.Value}
}

// RunSpec says how the run goes.
type RunSpec struct {
	Until    clock.Time    // when it ends
	Reaction time.Duration // from a condition to its effects
	Shuffled bool          // ties are ranked by chance
	Events   uint64        // limit; 0 for the default
	Delta    uint16        // limit; 0 for the default
	NoStop   bool          // go on after a failure
}

// Action is an entry of the timeline: a trigger, and what to do then.
type Action struct {
	Path    string // "timeline[3]", or "timeline.NAME"
	Name    string
	File    string
	Line    int
	Trigger Trigger
	Steps   []Step // in the order of After, then of the file
	Fault   bool   // it counts for `after: faults`, and `stop: faults` ends it
	Stop    bool   // it is `stop: faults`
}

// TriggerKind says when an action is due.
type TriggerKind uint8

const (
	At    TriggerKind = iota + 1 // once, at From
	Every                        // at From, and each Every after it
	When                         // Reaction after the end of an instant at which Cond came to hold
)

// Trigger says when an action is due.
type Trigger struct {
	Kind  TriggerKind
	From  clock.Time    // the first instant
	Every time.Duration // Every: the distance
	Until clock.Time    // Every, When: the last instant; clock.Never if it is open
	Times uint64        // Every, When: how often at most; 0 is without limit
	Cond  *Condition    // When: it must have been false before, or not yet looked at
}

// Step is a batch of changes or a command.
type Step struct {
	After   time.Duration // of the instant of the action
	Version uint64        // of the batch; 0 for the next
	Changes []cells.Change
	Select  *Select  // changes of links that are chosen when the step is due
	Command *Command // instead of changes
	Ends    bool     // it ends a fault: it is carried out after `stop: faults` too
}

// StepsMax bounds the steps of an action: of a flap, and of all under do.
const StepsMax = 1 << 12

// Command is a command for a cell.
type Command struct {
	Cell cells.ID
	Args []string
}

// Select chooses links, to set parameters of both their directions: all links,
// or those between different groups of cells. Links of cells in no group are
// left alone.
type Select struct {
	Groups [][]cells.ID // nil for all links
	Set    []cells.Param
}

// Resolve gives the changes of the step for the links there are.
func (s *Step) Resolve(now cells.Snapshot) []cells.Change {
	if s.Select == nil {
		return s.Changes
	}
	group := make(map[cells.ID]int)
	for i, g := range s.Select.Groups {
		for _, id := range g {
			group[id] = i + 1
		}
	}
	out := slices.Clone(s.Changes)
	for _, l := range now.Links {
		a, b := group[endCell(l.Ends[0])], group[endCell(l.Ends[1])]
		if s.Select.Groups == nil || a != 0 && b != 0 && a != b {
			out = append(out, cells.Change{Op: cells.SetLink, Link: cells.LinkSpec{Name: l.Name, Both: s.Select.Set}})
		}
	}
	return out
}

// endCell is the cell of "cell:port", or of "cell".
func endCell(end string) cells.ID {
	cell, _, _ := strings.Cut(end, ":")
	return cells.ID(cell)
}

// String is the step on one line, for records and people.
func (s *Step) String() string {
	var parts []string
	if s.Command != nil {
		parts = append(parts, fmt.Sprintf("command %s %s", s.Command.Cell, joinWords(s.Command.Args)))
	}
	for _, c := range s.Changes {
		parts = append(parts, changeText(c))
	}
	if s.Select != nil {
		what := "all links"
		if s.Select.Groups != nil {
			what = fmt.Sprintf("links between %v", s.Select.Groups)
		}
		parts = append(parts, "set "+what+paramText("", s.Select.Set))
	}
	if len(parts) == 0 {
		return "stop faults"
	}
	return strings.Join(parts, "; ")
}

func changeText(c cells.Change) string {
	switch c.Op {
	case cells.AddCell:
		return fmt.Sprintf("%s %s protocol=%s%s", c.Op, c.Cell.ID, c.Cell.Protocol, paramText("", c.Cell.Params))
	case cells.RemoveCell, cells.SetCell:
		return fmt.Sprintf("%s %s%s", c.Op, c.Cell.ID, paramText("", c.Cell.Params))
	}
	l := c.Link
	text := fmt.Sprintf("%s %s%s%s%s", c.Op, l.Name, paramText("", l.Both), paramText("a->b.", l.AB), paramText("b->a.", l.BA))
	if l.Drain {
		text += " drain"
	}
	return text
}

func paramText(prefix string, list []cells.Param) string {
	var b strings.Builder
	for _, p := range list {
		fmt.Fprintf(&b, " %s%s", prefix, p)
	}
	return b.String()
}

// joinWords is the reverse of splitWords.
func joinWords(words []string) string {
	out := slices.Clone(words)
	for i, w := range out {
		if w == "" || strings.ContainsAny(w, " \t\n'\"\\") {
			out[i] = strconv.Quote(w)
		}
	}
	return strings.Join(out, " ")
}

// Mode says when an expectation must hold.
type Mode uint8

const (
	Always     Mode = iota + 1 // at time 0, and at the end of each instant at which a value it reads changed
	Never                      // at none of these
	Sometimes                  // at one of these
	Eventually                 // at one of these in [F, F+Within]
	Settled                    // a structural property: at F+Within, and at the end
)

var modes = []string{"", "always", "never", "sometimes", "eventually", "settled"}

// String is the mode's word.
func (m Mode) String() string { return modes[m] }

// Expectation is something that must hold: a property, judged by an oracle, or
// a condition.
type Expectation struct {
	Path        string // "expect[0]", or "expect.NAME"
	Name        string // as given; else the property, or the condition's text
	File        string
	Line        int
	Mode        Mode
	Property    string        // "abp/exactly-once-in-order", Always or Settled; or
	Cond        *Condition    // a condition
	Within      time.Duration // Eventually: 0 means until the end of the run; Settled
	AfterFaults bool          // Eventually, Settled: F is the last fault; else the start
}

// String is the expectation as it is written.
func (e *Expectation) String() string {
	s := e.Mode.String() + " "
	if e.Cond == nil {
		s += e.Property
	} else {
		s += e.Cond.Text
	}
	if e.Within > 0 {
		s += " within " + des.FormatDuration(int64(e.Within))
	}
	if e.AfterFaults {
		s += " after faults"
	}
	return s
}
