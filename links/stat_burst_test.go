package links

import (
	"fmt"
	"testing"
)

// burstStates is in which state a Gilbert-Elliott channel judges each frame:
// what it loses if it loses all frames while bad and none while good. Steps and
// losses are drawn apart, so a channel of the same seed with other losses goes
// through the same states.
func burstStates(d *duo, params string) []bool {
	return newDuo(d.tb, d.seed, params+" burst.loss=1 burst.loss-good=0", d.ends[0].feed).run().missing()
}

var burstClaims = []claim{
	{
		name: "dwell times", feed: small(200_000), params: "burst.enter=20% burst.leave=30%",
		biased: []string{"burst.enter=21%", "burst.leave=31.5%"},
		check: func(d *duo) error {
			// A channel begins good, and steps before it judges: the first run of
			// good frames is one shorter than the others, and may be none.
			bad := d.missing()
			good := runsOf(bad, false)
			return firstError(
				geometrically("frames while bad", runsOf(bad, true), 0.3),
				geometrically("frames while good", good[1:], 0.2))
		},
	},
	{
		name: "losses of states", feed: small(80_000), params: "burst.enter=20% burst.leave=20% burst.loss=60% burst.loss-good=40%",
		biased: []string{"burst.loss=63%", "burst.loss-good=42%"},
		check: func(d *duo) error {
			bad := burstStates(d, "burst.enter=20% burst.leave=20%")
			var whenBad, whenGood []bool
			for i, lost := range d.missing() {
				if bad[i] {
					whenBad = append(whenBad, lost)
				} else {
					whenGood = append(whenGood, lost)
				}
			}
			return firstError(
				hitRate("lost while bad", tally(whenBad), len(whenBad), 0.6),
				hitRate("lost while good", tally(whenGood), len(whenGood), 0.4),
				memoryless("losses while bad", whenBad),
				memoryless("losses while good", whenGood))
		},
	},
}

func TestBurstsKeepToTheirDistributions(t *testing.T) {
	measures(t)
	for _, c := range burstClaims {
		t.Run(c.name, func(t *testing.T) { c.hold(t) })
	}
}

// A channel takes its step before it judges, beginning good: the first frame is
// lost with the probability of entering, over many seeds.
func TestBurstChannelStepsBeforeItJudges(t *testing.T) {
	measures(t)
	const seeds = 2000
	first, second := 0, 0
	for seed := range uint64(seeds) {
		lost := newDuo(t, seed, "burst.enter=40% burst.leave=1", feed{count: 2, burst: 2, size: 8}).run().missing()
		if lost[0] {
			first++
			if lost[1] {
				t.Fatalf("seed %d: bad for two frames, and leaves after each", seed)
			}
		} else if lost[1] {
			second++
		}
	}
	if err := firstError(
		hitRate("first frames lost", first, seeds, 0.4),
		hitRate("second frames lost", second, seeds-first, 0.4)); err != nil {
		t.Error(err)
	}
}

// A channel that is bad stays so when other parameters change.
func TestBurstStateSurvivesAChangeOfParameters(t *testing.T) {
	d := newDuo(t, 1, "burst.enter=1 burst.leave=1e-9", feed{})
	d.until(1)
	d.send("a", 8, 8)
	d.set("delay=1ms")
	d.send("a", 8, 8)
	d.run()
	if got := d.counts()[0]; got.Lost != 4 {
		t.Errorf("lost %d of 4 frames: %s", got.Lost, fmt.Sprint(d.ends[1].got))
	}
}
