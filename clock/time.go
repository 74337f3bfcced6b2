// Package clock says what a time is.
//
// A [Time] is an instant of a run, in nanoseconds since the run began; a span
// is a [time.Duration]. A [Clock] is a cell's own view of time: it drifts
// against true time, and its wall time is set and stepped. [Wall] is the one
// reader of the machine's clock in the whole project; only the live driver and
// the command may call it.
//
// Waiting, and deciding which event is next, is left to package des.
//
//	c := clock.New(0)
//	_ = c.SetDrift(0, 100*clock.PPM)  // 100 µs fast each second
//	c.Now(clock.Time(time.Second))    // 1.0001s
package clock

import (
	"fmt"
	"math"
	"time"
)

// Time is an instant: nanoseconds since the run began. The zero Time is the
// beginning; negative instants exist only on the wall clocks of cells.
type Time int64

// Never is later than every instant that can be reached.
const Never Time = math.MaxInt64

// Add gives the instant d after t. It saturates: what would pass the ends of
// the range stays there.
func (t Time) Add(d time.Duration) Time {
	s := t + Time(d)
	switch {
	case d > 0 && s < t:
		return Never
	case d < 0 && s > t:
		return math.MinInt64
	}
	return s
}

// Sub gives the span from u to t, saturated to the range of a Duration.
func (t Time) Sub(u Time) time.Duration {
	d := t - u
	switch {
	case t >= u && d < 0:
		return math.MaxInt64
	case t < u && d > 0:
		return math.MinInt64
	}
	return time.Duration(d)
}

// String prints t as a span since the beginning, for example "1.5s", or
// "never".
func (t Time) String() string {
	if t == Never {
		return "never"
	}
	return time.Duration(t).String()
}

// Parse reads what String prints.
func Parse(s string) (Time, error) {
	if s == "never" {
		return Never, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("time %q: want a number with a unit, such as 250ms or 1.5s", s)
	}
	return Time(d), nil
}
