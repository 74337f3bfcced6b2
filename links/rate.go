package links

import (
	"math"
	"math/bits"
	"slices"
	"time"
)

// transmission is how long size bytes take at a rate in bits per second,
// rounded up to the nanosecond from the exact product.
func transmission(size int, rate uint64) time.Duration {
	hi, lo := bits.Mul64(uint64(size)*8, uint64(time.Second))
	if hi >= rate {
		return math.MaxInt64
	}
	q, r := bits.Div64(hi, lo, rate)
	if r != 0 {
		q++
	}
	return time.Duration(min(q, math.MaxInt64))
}

// sortHeld puts held frames into the order of their numbers; copies come after
// the frame itself.
func sortHeld(held []heldFrame) {
	slices.SortFunc(held, func(a, b heldFrame) int {
		switch {
		case a.n < b.n:
			return -1
		case a.n > b.n:
			return 1
		}
		return int(a.copy) - int(b.copy)
	})
}

func duration(ns int64) time.Duration { return time.Duration(ns) }
