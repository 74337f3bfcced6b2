package command

import (
	"encoding/json"
	"fmt"
	"time"

	"example.com/dsim/des"
	"example.com/dsim/scenarios/live"
)

// reportLive prints how a live run came out; on failure, last, how to replay it.
func (a *app) reportLive(x *liveRun) {
	a.expectations(x.Expect)
	a.cells(x.Cells)
	a.totals(x.Totals)
	if x.Err != nil {
		a.out.printf("  %s %s\n", a.out.bad("error"), x.Err)
	}
	a.out.printf("\n%s  live  %s events of %s in %s  %s\n", a.verdict(x.Verdict), group(x.Events), processCount(x.Lives), x.End,
		a.out.faint(fmt.Sprintf("(%s inputs, %s marks reproduced)", group(x.Inputs), group(uint64(x.Marks-len(x.Broken))))))
	a.out.printf("%s\n", a.out.faint(lateText(&x.Late)))
	for i := range x.Broken {
		a.out.printf("%s %s\n", a.out.bad("non-determinism"), &x.Broken[i])
	}
	if x.Why != "" {
		a.out.printf("%s %s\n", a.out.warn("too late to tell:"), x.Why)
	}
	if x.exit() == nil {
		if x.record != "" {
			a.out.printf("recording %s\n", x.record)
		}
		return
	}
	a.why(x.Result.Result)
	a.out.printf("to run it live again, which may come out otherwise:\n%s\nto replay what was recorded:\n%s\n", x.repeat, x.replay())
}

// replay is the command that gives all sites of the run back.
func (x *liveRun) replay() string { return self() + " replay " + quote(x.record) }

func processCount(n int) string {
	if n == 1 {
		return "1 process"
	}
	return fmt.Sprintf("%d processes", n)
}

// lateText says how late the run was.
func lateText(l *live.Lateness) string {
	round := func(d time.Duration) string { return d.Round(10 * time.Microsecond).String() }
	span := func(d *live.Delays) string {
		if d.Count == 0 {
			return "none"
		}
		return fmt.Sprintf("99 %% within %s, all within %s", round(d.Most(990)), round(d.Max))
	}
	return fmt.Sprintf("late: timers and frames %s; the timeline %s; the bound is %s", span(&l.Timers), span(&l.Acts), des.FormatDuration(int64(l.Bound)))
}

// liveLine is one live run as JSON.
type liveLine struct {
	resultLine
	Why       string        `json:"why,omitempty"`
	Inputs    uint64        `json:"inputs"`
	Processes int           `json:"processes"`
	Marks     int           `json:"marks"`
	Broken    []live.Broken `json:"broken"`
	EndNS     int64         `json:"end_ns"`
	Late      live.Lateness `json:"late"`
	Record    string        `json:"record,omitempty"`
	Replay    string        `json:"replay,omitempty"`
}

// printLive prints a live run on one line.
func (a *app) printLive(x *liveRun) error {
	l := liveLine{
		resultLine: resultOf(x.Result.Result, x.file, x.wall, x.repeat), Why: x.Why, Inputs: x.Inputs, Processes: x.Lives,
		Marks: x.Marks, Broken: x.Broken, EndNS: int64(x.End), Late: x.Late, Record: x.record,
	}
	if x.Broken == nil {
		l.Broken = []live.Broken{}
	}
	if x.record != "" {
		l.Replay = x.replay()
	}
	return json.NewEncoder(a.out).Encode(l)
}
