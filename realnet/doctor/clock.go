package doctor

import (
	"fmt"
	"slices"
	"time"

	"example.com/dsim/clock"
)

// How timers are tried.
const (
	timerTries = 200
	timerSpan  = time.Millisecond
	lateFine   = 2 * time.Millisecond // of the worst of a hundred
)

// clocks measures how fine the clock is, and how late timers ring.
func clocks() []Finding {
	step := finest()
	late := make([]time.Duration, timerTries)
	for i := range late {
		due := clock.Wall().Add(timerSpan)
		time.Sleep(timerSpan)
		late[i] = clock.Wall().Sub(due)
	}
	slices.Sort(late)
	middle, worst := late[len(late)/2], late[len(late)*99/100]
	timers := Finding{
		Topic: "timers", Level: OK,
		Found: fmt.Sprintf("%d timers of %v rang late by %v in the middle, %v at the 99th percentile, %v at most", timerTries, timerSpan, round(middle), round(worst), round(late[len(late)-1])),
		For:   "time-outs of protocols: a live run later than its bound is inconclusive",
	}
	if worst > lateFine {
		timers.Level = Limited
		timers.Do = []string{
			"run less beside it, or start it with a higher priority: nice -n -10 dsim live … (as root)",
			"give the scenario longer time-outs, or a wider bound of lateness",
		}
	}
	steps := Finding{
		Topic: "clock", Level: OK,
		Found: fmt.Sprintf("steps of %v", step),
		For:   "instants of inputs and of metrics",
	}
	if step > time.Microsecond {
		steps.Level = Limited
		steps.Do = []string{"choose a finer clock source, such as tsc: /sys/devices/system/clocksource/clocksource0"}
	}
	return []Finding{steps, timers}
}

// finest is the smallest step that the clock was seen to make.
func finest() time.Duration {
	best := time.Hour
	for range 1000 {
		began := clock.Wall()
		d := time.Duration(0)
		for d == 0 {
			d = clock.Wall().Sub(began)
		}
		best = min(best, d)
	}
	return best
}

// round keeps what a person reads.
func round(d time.Duration) time.Duration {
	if d > 10*time.Millisecond {
		return d.Round(100 * time.Microsecond)
	}
	return d.Round(time.Microsecond)
}
