package links

import (
	"math"
	"math/bits"
	"slices"
	"time"

	"example.com/dsim/clock"
)

// stage is a transmitter with a queue: an interface, or a channel. As long as
// one frame has left before the next comes, nothing is kept of it but its end.
type stage struct {
	busy  clock.Time // until when it transmits
	last  uint64     // the bytes whose transmission ends then
	queue []waiting  // in the order of finish, from head; empty if there is but the last
	head  int
	bytes uint64 // in queue
}

type waiting struct {
	finish clock.Time
	bytes  uint64
}

// take puts a frame behind those that wait, if there is room, and gives the
// time at which its last bit has left.
func (s *stage) take(at clock.Time, size int, b *Bound, p *pace) (clock.Time, bool) {
	if s.busy <= at {
		if b.Bytes != 0 && uint64(size) > b.Bytes {
			return 0, false
		}
		if len(s.queue) > 0 {
			s.queue, s.head, s.bytes = s.queue[:0], 0, 0
		}
		s.busy, s.last = at.Add(p.of(size)), uint64(size)
		return s.busy, true
	}
	if len(s.queue) == 0 {
		s.queue = append(s.queue, waiting{s.busy, s.last})
		s.bytes = s.last
	}
	for s.head < len(s.queue) && s.queue[s.head].finish <= at {
		s.bytes -= s.queue[s.head].bytes
		s.head++
	}
	if s.head > 64 && s.head*2 > len(s.queue) {
		s.queue = append(s.queue[:0], s.queue[s.head:]...)
		s.head = 0
	}
	if b.Frames != 0 && uint64(len(s.queue)-s.head) >= b.Frames || b.Bytes != 0 && s.bytes+uint64(size) > b.Bytes {
		return 0, false
	}
	s.busy, s.last = s.busy.Add(p.of(size)), uint64(size)
	s.queue = append(s.queue, waiting{s.busy, s.last})
	s.bytes += s.last
	return s.busy, true
}

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
