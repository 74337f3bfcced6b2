package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// judged runs a scenario of probes: cells, links, timeline, expectations and
// what the run section has, as YAML.
func judged(t *testing.T, body string, opt WorldOptions) *Result {
	t.Helper()
	return probeWorld(t, "version: 1\nname: conditions\n"+body, opt).Run()
}

// one is a world of one probe with one expectation.
func onePlan(plan, expect, run string) string {
	return fmt.Sprintf("cells:\n  a: {protocol: probe, plan: [%s]}\nexpect:\n  - {%s}\nrun: {%s}\n", plan, expect, run)
}

// wantVerdict looks at the first expectation: its verdict and, with a failure,
// its time.
func wantVerdict(t *testing.T, what string, r *Result, want Verdict, at clock.Time) {
	t.Helper()
	x := r.Expect[0]
	switch {
	case x.Verdict != want:
		t.Errorf("%s: %s is %s, want %s: %v%s", what, x.Text, x.Verdict, want, x.Failure, x.Why)
	case want == Fail && x.Failure.Time != at:
		t.Errorf("%s: %s failed at %s, want %s: %s", what, x.Text, x.Failure.Time, at, x.Failure.Text)
	case want == Pass && x.Met != nil && *x.Met != at:
		t.Errorf("%s: %s was met at %s, want %s", what, x.Text, *x.Met, at)
	}
}

// Between two events of one instant nothing is looked at: what is false there
// and true at the end is true.
func TestA6_AnInstantIsLookedAtWhenItIsComplete(t *testing.T) {
	for _, ties := range []string{"fifo", "shuffled"} {
		r := judged(t, onePlan(`"10ms v=1", "10ms v=0"`, "never: a.v == 1", "until: 20ms, ties: "+ties), WorldOptions{})
		if ties == "fifo" {
			wantVerdict(t, "1 and 0 at one instant", r, Pass, 0)
		}
		two := judged(t, "cells:\n  a: {protocol: probe, plan: [\"10ms v=1\"]}\n  b: {protocol: probe, plan: [\"10ms v=1\"]}\n"+
			"expect:\n  - {always: a.v == b.v}\nrun: {until: 20ms, ties: "+ties+"}\n", WorldOptions{})
		wantVerdict(t, "two cells change at one instant", two, Pass, 0)
	}
	r := judged(t, onePlan(`"10ms v=1", "11ms v=0"`, "never: a.v == 1", "until: 20ms"), WorldOptions{})
	wantVerdict(t, "1 and 0 at two instants", r, Fail, ms(10))
	// A zero-delay consequence belongs to its instant.
	text := `cells: {a: {protocol: probe, plan: ["10ms send=5"]}, b: {protocol: probe, ports: [p0]}}
links: {ab: {between: [a:p0, b:p0]}}
expect: [{always: links.ab.sent == b.got}]
run: {until: 20ms}
`
	wantVerdict(t, "sent and received at one instant", judged(t, text, WorldOptions{}), Pass, 0)
}

func TestA6_AlwaysIsJudgedAtTimeZeroAndAtEachChange(t *testing.T) {
	wantVerdict(t, "false from the start", judged(t, onePlan(`"5ms v=1"`, "always: a.v == 1", "until: 20ms"), WorldOptions{}), Fail, 0)
	wantVerdict(t, "false later", judged(t, onePlan(`"5ms v=1", "7ms v=2", "9ms v=1"`, "always: a.v < 2", "until: 20ms"), WorldOptions{}), Fail, ms(7))
	wantVerdict(t, "never false", judged(t, onePlan(`"5ms v=1"`, "always: a.v < 2", "until: 20ms"), WorldOptions{}), Pass, 0)
	// A condition is looked at when a value it reads has changed, and then only.
	r := judged(t, onePlan(`"1ms v=1", "2ms w=1", "3ms w=2", "4ms v=2", "5ms v=2", "6ms emit=1"`, "always: a.v < 9", "until: 20ms"), WorldOptions{})
	if got := r.Expect[0].Looks; got < 3 || got > 4 {
		t.Errorf("looked at %d times, want at 0, 1 and 4 ms", got)
	}
}

func TestA6_NeverIsAlwaysNot(t *testing.T) {
	wantVerdict(t, "true from the start", judged(t, onePlan(`"5ms v=1"`, "never: a.v == 0", "until: 20ms"), WorldOptions{}), Fail, 0)
	wantVerdict(t, "true later", judged(t, onePlan(`"5ms v=1"`, "never: a.v == 1", "until: 20ms"), WorldOptions{}), Fail, ms(5))
	wantVerdict(t, "never true", judged(t, onePlan(`"5ms v=1"`, "never: a.v == 2", "until: 20ms"), WorldOptions{}), Pass, 0)
}

func TestA6_SometimesIsMetByOneInstant(t *testing.T) {
	wantVerdict(t, "for an instant", judged(t, onePlan(`"5ms v=1", "6ms v=0"`, "sometimes: a.v == 1", "until: 20ms"), WorldOptions{}), Pass, ms(5))
	wantVerdict(t, "from the start", judged(t, onePlan(`"5ms v=1"`, "sometimes: a.v == 0", "until: 20ms"), WorldOptions{}), Pass, 0)
	wantVerdict(t, "at no end of an instant", judged(t, onePlan(`"5ms v=1", "5ms v=0"`, "sometimes: a.v == 1", "until: 20ms"), WorldOptions{}), Fail, ms(20))
}

// faulty is a world with one fault at 10 ms, and others as told.
func faulty(plan, timeline, within, run string) string {
	return fmt.Sprintf(`cells: {a: {protocol: probe, plan: [%s]}, b: {protocol: probe, ports: [p0]}}
links: {ab: {between: [a:p0, b:p0], delay: 1ms}}
timeline: [{at: 10ms, cut: ab}%s]
expect: [{eventually: a.v == 1, within: %s, after: faults}]
run: {%s}
`, plan, timeline, within, run)
}

// The window [F, F+W] is closed on both sides.
func TestA6_EventuallyHoldsInItsWindow(t *testing.T) {
	for _, c := range []struct {
		plan string
		want Verdict
		at   clock.Time
	}{
		{`"5ms v=1"`, Pass, ms(10)},              // holds at F already
		{`"5ms v=1", "9ms v=0"`, Fail, ms(15)},   // was over before F
		{`"10ms v=1"`, Pass, ms(10)},             // F itself
		{`"15ms v=1"`, Pass, ms(15)},             // F+W
		{`"15001us v=1"`, Fail, ms(15)},          // after it
		{`"12ms v=1", "13ms v=0"`, Pass, ms(12)}, // for a while in it
	} {
		wantVerdict(t, c.plan, judged(t, faulty(c.plan, "", "5ms", "until: 100ms"), WorldOptions{}), c.want, c.at)
	}
}

// Each fault moves the window: what was met before the last counts no more.
func TestA6_AfterFaultsCountsFromTheLastThatActed(t *testing.T) {
	wantVerdict(t, "met between two faults only", judged(t, faulty(`"12ms v=1", "13ms v=0"`, `, {at: 20ms, heal: ab}`, "5ms", "until: 100ms"), WorldOptions{}), Fail, ms(25))
	wantVerdict(t, "met after the last", judged(t, faulty(`"12ms v=1", "13ms v=0", "24ms v=1"`, `, {at: 20ms, heal: ab}`, "5ms", "until: 100ms"), WorldOptions{}), Pass, ms(24))
	wantVerdict(t, "a fault that is declared none", judged(t, faulty(`"12ms v=1", "13ms v=0"`, `, {at: 20ms, heal: ab, fault: false}`, "5ms", "until: 100ms"), WorldOptions{}), Pass, ms(12))
}

// With every and when, the window begins where the faults are said to stop,
// whenever the last of them acted; and none acts later.
func TestA6_AfterFaultsCountsFromStopFaults(t *testing.T) {
	for what, fault := range map[string]string{
		"every": `, {every: 7ms, from: 14ms, cut: ab}, {at: 40ms, stop: faults}`,
		"when":  `, {when: a.w > 0, times: 9, cut: ab}, {at: 40ms, stop: faults}`,
		"heal":  `, {when: a.w > 0, times: 9, heal: ab}, {at: 40ms, stop: faults}`, // ends a fault: may act, moves nothing
	} {
		plan := `"12ms w=1", "13ms w=0", "60ms w=1", `
		for _, c := range []struct {
			plan string
			want Verdict
			at   clock.Time
		}{
			{`"39ms v=1", "39500us v=0"`, Fail, ms(45)}, // before it
			{`"41ms v=1", "42ms v=0"`, Pass, ms(41)},
			{`"45ms v=1"`, Pass, ms(45)},
			{`"46ms v=1"`, Fail, ms(45)},
		} {
			rec := &recorder{}
			r := judged(t, faulty(plan+c.plan, fault, "5ms", "until: 100ms, stop: never"), WorldOptions{Records: rec})
			wantVerdict(t, what+" "+c.plan, r, c.want, c.at)
			for i := range rec.list {
				if x := &rec.list[i]; x.Op == des.OpTimeline && x.Key.Time > ms(40) && what != "heal" {
					t.Errorf("%s: a fault after the end of faults: %s at %s", what, x.Text, x.Key.Time)
				}
			}
		}
	}
}

func TestA6_EventuallyIsInconclusiveIfTheRunEndsBefore(t *testing.T) {
	wantVerdict(t, "ends inside the window", judged(t, faulty(`"50ms v=1"`, "", "20ms", "until: 25ms"), WorldOptions{}), Inconclusive, 0)
	wantVerdict(t, "met before that", judged(t, faulty(`"20ms v=1"`, "", "20ms", "until: 25ms"), WorldOptions{}), Pass, ms(20))
	wantVerdict(t, "ends with the window", judged(t, faulty(`"50ms v=1"`, "", "20ms", "until: 30ms"), WorldOptions{}), Fail, ms(30))
	r := judged(t, faulty(`"50ms v=1"`, "", "20ms", "until: 25ms"), WorldOptions{})
	if r.Verdict != Inconclusive || r.Failure != nil {
		t.Errorf("the run is %s, %v", r.Verdict, r.Failure)
	}
}

// What a condition causes happens a reaction after its instant, before all
// else at that time, whatever the ties are.
func TestA6_EffectsComeAReactionLaterAndFirst(t *testing.T) {
	for _, reaction := range []struct {
		text string
		at   clock.Time
	}{{"1ms", ms(11)}, {"3ms", ms(13)}, {"1ns", ms(10) + 1}} {
		rec := &recorder{}
		judged(t, `cells: {a: {protocol: probe, plan: ["10ms v=1", "11ms w=1", "13ms w=2"]}, b: {protocol: probe}}
timeline: [{when: a.v == 1, crash: b}]
run: {until: 30ms, reaction: `+reaction.text+`}
`, WorldOptions{Records: rec})
		i := slices.IndexFunc(rec.list, func(r des.Record) bool { return r.Op == des.OpTimeline })
		if i < 0 || rec.list[i].Key.Time != reaction.at {
			t.Fatalf("reaction %s: acted at %v", reaction.text, rec.ops(des.OpTimeline))
		}
		if i > 0 && rec.list[i-1].Key.Time >= reaction.at {
			t.Errorf("reaction %s: %s of %s came before it at its instant", reaction.text, rec.list[i-1].Op, rec.list[i-1].Cell)
		}
		if k := rec.list[i].Key; k.Delta != 0 || k.Rank != 0 || k.Entity.Class() != des.Timeline {
			t.Errorf("reaction %s: its key is %s", reaction.text, k)
		}
	}
	// Without `reaction` it is a millisecond; and the condition must have become true.
	rec := &recorder{}
	judged(t, `cells: {a: {protocol: probe, plan: ["10ms v=1", "12ms v=2", "20ms v=0", "25ms v=1"]}, b: {protocol: probe}}
timeline: [{when: a.v > 0, times: 9, do: [{set: {link: ab, delay: 1ms}}]}]
links: {ab: {between: [a:p0, b:p0]}}
run: {until: 40ms}
`, WorldOptions{Records: rec})
	var at []string
	for _, line := range rec.ops(des.OpTimeline) {
		at = append(at, strings.Fields(line)[0])
	}
	if !slices.Equal(at, []string{"11ms", "26ms"}) {
		t.Errorf("acted at %v, want at 11ms and 26ms", at)
	}
}

// A stop on failure is such an effect: the digest covers what happened before
// T + reaction, and nothing from there on.
func TestA6_AStopCoversWhatHappensBeforeTheReaction(t *testing.T) {
	text := func(until, plan string) string {
		return onePlan(`"10ms v=1", "10999us emit=1"`+plan, "never: a.v == 1", "until: "+until+", stop: on-failure")
	}
	last := func(body string) (clock.Time, des.Digest, uint64) {
		rec := &recorder{}
		r := judged(t, body, WorldOptions{Records: rec})
		at := clock.Time(0)
		for i := range rec.list {
			if rec.list[i].Cell != "" {
				at = rec.list[i].Key.Time
			}
		}
		return at, r.Digest, r.Events
	}
	at, digest, _ := last(text("50ms", ""))
	if at != 10_999_000 {
		t.Errorf("the last record is of %s, want of 10.999ms", at)
	}
	for _, more := range []string{`, "11ms emit=2"`, `, "11ms v=2", "12ms emit=3"`} {
		// The timer is armed at the start, which the fold knows: compare with
		// one that is armed and far away.
		armed, _, _ := last(text("50ms", more))
		if armed != 10_999_000 {
			t.Errorf("with%s: the last record is of %s", more, armed)
		}
	}
	// What lies behind the stop cannot be told apart by the digest.
	if _, other, _ := last(text("900ms", "")); other != digest {
		t.Error("the digest knows until when the run would have gone")
	}
	// With stop: never the run goes on.
	r := judged(t, onePlan(`"10ms v=1", "30ms emit=1"`, "never: a.v == 1", "until: 50ms, stop: never"), WorldOptions{})
	if r.End != ms(50) || r.Verdict != Fail {
		t.Errorf("stop: never ended at %s, %s", r.End, r.Verdict)
	}
}

// The event budget is tested at multiples of the reaction, so that it stops a
// run at an instant that does not depend on how events are shared out.
func TestA6_TheEventBudgetActsAtMultiplesOfReaction(t *testing.T) {
	plan := func(n int) string {
		var steps []string
		for i := range n {
			steps = append(steps, fmt.Sprintf(`"%dus emit=%d"`, 100+i*100, i+1))
		}
		return strings.Join(steps, ", ")
	}
	for _, c := range []struct {
		events, reaction string
		before           clock.Time // the stop: at the first multiple after the limit is reached
	}{{"5", "1ms", ms(1)}, {"15", "1ms", ms(2)}, {"5", "3ms", ms(3)}, {"15", "300us", 1_500_000}} {
		rec := &recorder{}
		r := judged(t, onePlan(plan(60), "never: a.v == 1", "until: 50ms, events: "+c.events+", reaction: "+c.reaction), WorldOptions{Records: rec})
		if r.Verdict != Inconclusive || r.Failure != nil {
			t.Errorf("events %s: %s, %v", c.events, r.Verdict, r.Failure)
		}
		at := rec.list[len(rec.list)-1].Key.Time
		if at >= c.before || at < c.before-100_000 {
			t.Errorf("events %s, reaction %s: the last event is at %s, want the last before %s", c.events, c.reaction, at, c.before)
		}
	}
}

// Oracles see emissions in the order of keys, which is the order of records.
func TestA6_OraclesReadEmissionsInTheTotalOrder(t *testing.T) {
	for _, ties := range []string{"fifo", "shuffled"} {
		var cellsOf, linksOf strings.Builder
		for i := range 12 {
			fmt.Fprintf(&cellsOf, "  c%d: {protocol: probe, plan: [\"5ms emit=%d\", \"5ms log=x\", \"7ms emit=%d\"]}\n", i, i+1, 100+i)
		}
		o, rec := &growing{}, &recorder{}
		w := probeWorld(t, "version: 1\nname: order\ncells:\n"+cellsOf.String()+linksOf.String()+
			"expect:\n  - {always: probe/growing}\nrun: {until: 9ms, stop: never, ties: "+ties+"}\n",
			WorldOptions{Registry: probeRegistry(o), Records: rec})
		w.Run()
		var want []des.Key
		for i := range rec.list {
			if rec.list[i].Op == des.OpEmit {
				want = append(want, rec.list[i].Key)
			}
		}
		if len(want) != 36 || len(o.seen) == 0 || !slices.Equal(o.seen, want[:len(o.seen)]) {
			t.Errorf("%s: the oracle saw %v, the records have %v", ties, o.seen, want)
		}
		if !slices.IsSortedFunc(o.seen, des.Key.Compare) {
			t.Errorf("%s: out of order: %v", ties, o.seen)
		}
	}
}

// An oracle that finds fault names the emission; one that is content is asked
// again at the end.
func TestA6_OraclesAreAskedAtTheEndOfAWholeRun(t *testing.T) {
	text := func(plan, run string) string { return onePlan(plan, "always: probe/growing", run) }
	run := func(o *growing, body string) *Result {
		return judged(t, body, WorldOptions{Registry: probeRegistry(o)})
	}
	wantVerdict(t, "content", run(&growing{}, text(`"1ms emit=1", "2ms emit=2"`, "until: 9ms")), Pass, 0)
	wantVerdict(t, "an emission", run(&growing{}, text(`"1ms emit=2", "2ms emit=2"`, "until: 9ms")), Fail, ms(2))
	wantVerdict(t, "the end", run(&growing{end: true}, text(`"1ms emit=2"`, "until: 9ms")), Fail, ms(9))
	wantVerdict(t, "cut short", run(&growing{end: true}, text(`"1ms emit=2", "2ms v=1"`, "until: 9ms, events: 2")), Inconclusive, 0)
}
