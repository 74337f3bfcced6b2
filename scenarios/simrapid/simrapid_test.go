package simrapid_test

import (
	"fmt"
	"testing"
	"time"

	"example.com/dsim/scenarios"
	"example.com/dsim/scenarios/simrapid"
	"pgregory.net/rapid"
)

// pair is a world of one abp pair over one bad link.
var pair = simrapid.Plan{
	Cells: [2]int{2, 2},
	Cell: func(rt *rapid.T, i int) (string, []string) {
		if i == 0 {
			return "abp", []string{"role=sender", fmt.Sprintf("messages=%d", rapid.IntRange(1, 50).Draw(rt, "messages"))}
		}
		return "abp", []string{"role=receiver"}
	},
	Link:   simrapid.Loss(0, 40),
	Faults: []simrapid.Fault{simrapid.Cut, simrapid.OneWay, simrapid.Noise},
	Stop:   5 * time.Second, Until: 2 * time.Minute,
	Expect: []string{
		"always: abp/exactly-once-in-order",
		"eventually: c0.acked == c0.accepted and c0.done, within: 60s, after: faults",
	},
}

func TestAnyPairGetsItsMessages(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) { simrapid.Run(rt, simrapid.Draw(rt, pair)) })
}

func FuzzPair(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(rt *rapid.T) { simrapid.Run(rt, simrapid.Draw(rt, pair)) }))
}

func TestAMistakeIsFoundAndShrunk(t *testing.T) {
	plan := pair
	plan.Cell = func(rt *rapid.T, i int) (string, []string) {
		if i == 0 {
			return "abp", []string{"role=sender", "messages=20"}
		}
		return "abp", []string{"role=receiver", "bug=ignore-bit"}
	}
	found := 0
	rapid.Check(t, func(rt *rapid.T) {
		w := simrapid.Draw(rt, plan)
		if r := w.Build(rt, scenarios.WorldOptions{}).Run(); r.Failure != nil && r.Failure.Property == "abp/exactly-once-in-order" {
			found++
		}
	})
	if found == 0 {
		t.Error("no drawn world shows a receiver that ignores the bit")
	}
}

func TestTopologiesChangeUnderARunningWorld(t *testing.T) {
	plan := simrapid.Plan{
		Cells: [2]int{1, 5}, Extra: 3,
		Cell:  func(*rapid.T, int) (string, []string) { return "abp", []string{"messages=30", "interval=10ms"} },
		Link:  simrapid.Loss(0, 20),
		Until: time.Hour, Expect: []string{`never: "all(cells, .stray > 1000000)"`},
	}
	rapid.Check(t, func(rt *rapid.T) {
		m := simrapid.NewMachine(rt, simrapid.Draw(rt, plan), plan, scenarios.WorldOptions{})
		rt.Repeat(m.Actions())
	})
}

func TestTheSameDrawsAreTheSameWorld(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := simrapid.Draw(rt, pair)
		a, b := w.Build(rt, scenarios.WorldOptions{}).Run(), w.Build(rt, scenarios.WorldOptions{}).Run()
		if a.Digest != b.Digest {
			rt.Fatalf("digests %x and %x\n%s", a.Digest, b.Digest, w.Text())
		}
	})
}
