package simtest_test

import (
	"testing"
	"time"

	"example.com/dsim/scenarios"
	"example.com/dsim/scenarios/simtest"
)

func two() *scenarios.Builder {
	return scenarios.New("two").
		Cell("alice", "abp", "role=sender").
		Cell("bob", "abp", "role=receiver", "clock.drift=20ppm").
		Link("ab", "alice:p0", "bob:p0", "delay=10ms", "a->b.loss=20%").
		Expect("always: abp/exactly-once-in-order")
}

func TestAFileRunsToItsEnd(t *testing.T) {
	simtest.File(t, "../abp/lossy.yaml", simtest.Options{Parallel: true})
}

func TestAFileMeantToFailIsAsMeant(t *testing.T) {
	simtest.File(t, "../abp/reordering.yaml")
}

func TestAWorldIsDrivenByHand(t *testing.T) {
	simtest.Run(t, two(), func(w *simtest.World) {
		w.Command("alice", "send hello")
		w.Until("bob.delivered == 1", time.Second)
		w.SetLink("ab", "cut=lost")
		w.Command("alice", "send 10")
		w.For(time.Second)
		w.Want("bob.delivered == 1 and alice.retransmitted > 0")
		w.SetLink("ab", "cut=no")
		w.Until("bob.delivered == 11", 10*time.Second)
		if c := w.Counts("ab"); c.Dropped == 0 {
			t.Errorf("the cut dropped nothing: %+v", c)
		}
		w.AddCell("carol", "abp", "role=receiver")
		w.AddCell("dave", "abp", "role=sender", "messages=5")
		w.AddLink("cd", "dave:p0", "carol:p0", "delay=1ms")
		w.For(time.Second)
		if n := w.Int("carol.delivered"); n != 5 {
			t.Errorf("carol has %d messages, want 5", n)
		}
	})
}
