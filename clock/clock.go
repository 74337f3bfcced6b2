package clock

import (
	"fmt"
	"math"
	"math/bits"
	"time"
)

// Drift is how fast a clock runs against true time, in parts per billion:
// positive is fast.
type Drift int64

// PPM is one part per million, the usual unit of drift.
const PPM Drift = 1000

// DriftMax bounds the drift of a clock either way: a clock may run at half
// speed or at one and a half times the speed of true time.
const DriftMax Drift = 500_000_000

// Clock is a cell's own clock. Its monotonic reading, Now, drifts and never
// steps: timers live on it. Its wall reading is Now plus an offset that may be
// stepped either way. The zero Clock shows true time.
type Clock struct {
	trueBase  Time // the instant of the last change of drift
	localBase Time // Now at that instant
	drift     Drift
	offset    time.Duration
}

// New gives a clock that shows true time on Now and is off by offset on Wall.
func New(offset time.Duration) Clock { return Clock{offset: offset} }

// Now is the monotonic reading at the true instant t, which must not lie
// before the last change of drift.
func (c *Clock) Now(t Time) Time {
	if c.drift == 0 && c.trueBase == c.localBase {
		return t
	}
	d := t - c.trueBase
	// The span first: the reading may reach the end of the range only as a whole.
	span := d.Add(time.Duration(scale(int64(d), int64(c.drift))))
	return c.localBase.Add(time.Duration(span))
}

// Wall is the wall reading at the true instant t.
func (c *Clock) Wall(t Time) Time { return c.Now(t).Add(c.offset) }

// Due is the least true instant, not before from, at which Now has reached
// local; [Never] if none is in range.
func (c *Clock) Due(from, local Time) Time {
	if c.drift == 0 && c.trueBase == c.localBase {
		return max(from, local)
	}
	lo, hi := max(from, c.trueBase), Never-1
	if c.Now(lo) >= local {
		return lo
	}
	if c.Now(hi) < local {
		return Never
	}
	// Now never falls, so the least instant is found by halving. The first
	// guess is off by the drift only; the window around it is a few ns wide.
	if guess := c.guess(local); guess > lo && guess < hi {
		const slack = 4
		if g := guess.Add(-slack); g > lo && c.Now(g) < local {
			lo = g
		}
		if g := guess.Add(slack); g < hi && c.Now(g) >= local {
			hi = g
		}
	}
	for lo+1 < hi {
		mid := lo + (hi-lo)/2
		if c.Now(mid) >= local {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi
}

// guess inverts Now without care for rounding: d/(1+drift).
func (c *Clock) guess(local Time) Time {
	d := int64(local - c.localBase)
	if d < 0 {
		return c.trueBase
	}
	q, overflow := mulDiv(uint64(d), 1_000_000_000, uint64(1_000_000_000+int64(c.drift)))
	if overflow || q > math.MaxInt64 {
		return Never
	}
	return c.trueBase.Add(time.Duration(q))
}

// SetDrift changes the drift from the true instant t on; Now is continuous.
func (c *Clock) SetDrift(t Time, d Drift) error {
	if d > DriftMax || d < -DriftMax {
		return fmt.Errorf("drift %d ppb: at most %d ppb either way", int64(d), int64(DriftMax))
	}
	c.localBase = c.Now(t)
	c.trueBase = t
	c.drift = d
	return nil
}

// Drift is the drift in force.
func (c *Clock) Drift() Drift { return c.drift }

// Step moves the wall reading by d, back if d is negative. Now is untouched.
func (c *Clock) Step(d time.Duration) { c.offset = time.Duration(Time(c.offset).Add(d)) }

// SetOffset puts the wall reading at Now + d.
func (c *Clock) SetOffset(d time.Duration) { c.offset = d }

// Offset is the distance of the wall reading from Now.
func (c *Clock) Offset() time.Duration { return c.offset }

// scale is floor(d * ppb / 1e9), exact, for d >= 0.
func scale(d, ppb int64) int64 {
	if d < 0 {
		panic("clock: an instant before the last change of drift")
	}
	const billion = 1_000_000_000
	neg := ppb < 0
	m := uint64(ppb)
	if neg {
		m = uint64(-ppb)
	}
	hi, lo := bits.Mul64(uint64(d), m)
	q, r := bits.Div64(hi, lo, billion) // hi < billion: |ppb| <= 5e8
	if !neg {
		return int64(q)
	}
	if r != 0 {
		q++
	}
	return -int64(q)
}

func mulDiv(a, b, c uint64) (q uint64, overflow bool) {
	hi, lo := bits.Mul64(a, b)
	if hi >= c {
		return 0, true
	}
	q, _ = bits.Div64(hi, lo, c)
	return q, false
}
