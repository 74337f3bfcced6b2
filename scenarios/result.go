package scenarios

import (
	"fmt"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/links"
)

// Verdict is how a run, or an expectation, came out.
type Verdict string

// The verdicts.
const (
	Pass         Verdict = "pass"
	Fail         Verdict = "fail"
	Inconclusive Verdict = "inconclusive" // a budget ran out first
)

// Failure is where and how a run went wrong.
type Failure struct {
	Property string     // "abp/exactly-once-in-order", an expectation's name, "dsim/panic"
	Path     string     // "expect[0]"
	File     string     // of the scenario
	Line     int        //
	Text     string     // what was seen
	Time     clock.Time //
	Key      des.Key    // of the event
	Event    uint64     // how many events had been executed
	Cell     string     // whose event it was; may be empty
	Who      string     // the event's entity as people know it: "alice", "ab>#10"
}

// String is the failure on one line.
func (f *Failure) String() string {
	return f.Property + " " + f.Place() + ": " + f.Text
}

// Place is where in the run it was: "at 43.3ms, event 43324936:0:0:dir:0:2560
// (ab>#10)". The event is named as `dsim replay --until` takes it.
func (f *Failure) Place() string {
	s := fmt.Sprintf("at %s, event %s", f.Time, f.Key.Name())
	if f.Who != "" {
		s += " (" + f.Who + ")"
	}
	return s
}

// ExpectResult is how one expectation came out.
type ExpectResult struct {
	Path    string
	Text    string // as it is written
	Mode    string
	Verdict Verdict
	Failure *Failure    // with Fail
	Met     *clock.Time // sometimes, eventually: when it was met
	Why     string      // with Inconclusive: why
	Looks   uint64      // how many instants or emissions it was judged on
}

// CellState is what a cell shows at the end.
type CellState struct {
	ID    cells.ID
	Run   cells.RunState
	Fold  des.Fold
	Attrs []cells.Attr
}

// Result is how a run came out.
type Result struct {
	Scenario *Scenario
	Verdict  Verdict
	Digest   des.Digest
	Events   uint64
	End      clock.Time
	Expect   []ExpectResult
	Failure  *Failure // the first; nil with Pass
	Err      error    // a limit, a panic or a zero-delay cycle
	Cells    []CellState
	Totals   links.Counts
}

// The properties that every run is judged by, expected or not.
const (
	PropertyPanic     = "dsim/panic"
	PropertyZeroDelay = "dsim/zero-delay"
	PropertyTimeline  = "dsim/timeline"
)

// builtins are these properties; a scenario may be meant to fail with one.
var builtins = []string{PropertyPanic, PropertyTimeline, PropertyZeroDelay}

// Result judges the run as far as it has gone. It is asked once, at the end.
func (w *World) Result() *Result {
	if w.opt.Marks != nil {
		w.mark()
	}
	state := w.attrsOf() // a cell that cannot say what it is fails the run
	err := w.sched.Err()
	r := &Result{
		Scenario: w.Scenario, Digest: w.host.Digest(), Events: w.sched.Executed(),
		End: w.sched.Now(), Err: err, Cells: state, Totals: w.net.Totals(),
	}
	w.court.Close(r, err != nil || w.sched.Stopped() || r.End < w.Scenario.Run.Until)
	return r
}

// AsMeant reports whether a run came out as its scenario says: all expectations
// held, or exactly the one failed that is meant to.
func (r *Result) AsMeant() bool {
	if r.Scenario.Fails == "" {
		return r.Verdict == Pass
	}
	if r.Failure == nil || r.Failure.Property != r.Scenario.Fails {
		return false
	}
	for _, x := range r.Expect {
		if x.Failure != nil && x.Failure.Property != r.Scenario.Fails {
			return false
		}
	}
	return true
}
