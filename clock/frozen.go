package clock

import "time"

// Frozen is everything a Clock is, for one that goes on in another process.
type Frozen struct {
	TrueBase, LocalBase Time
	Drift               Drift
	Offset              time.Duration
}

// Freeze gives everything the clock is.
func (c *Clock) Freeze() Frozen { return Frozen{c.trueBase, c.localBase, c.drift, c.offset} }

// Thaw is the clock that was frozen.
func (f Frozen) Thaw() Clock { return Clock{f.TrueBase, f.LocalBase, f.Drift, f.Offset} }
