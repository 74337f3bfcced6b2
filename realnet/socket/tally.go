package socket

import (
	"sync/atomic"
	"time"

	"example.com/dsim/clock"
)

// tally counts what a wire does, while others read it.
type tally struct {
	txFrames, txBytes, rxFrames, rxBytes atomic.Uint64
	full, refused, tooLong, errors, bad  atomic.Uint64
	queued                               atomic.Uint64
	lastRx, lastTx                       atomic.Int64 // nanoseconds since 1970, 0 for never
}

func (t *tally) received(n int) {
	t.rxFrames.Add(1)
	t.rxBytes.Add(uint64(n))
	t.lastRx.Store(clock.Wall().UnixNano())
}

func (t *tally) sent(n int) {
	t.txFrames.Add(1)
	t.txBytes.Add(uint64(n))
	t.lastTx.Store(clock.Wall().UnixNano())
}

// counters are all but what the wire itself knows.
func (t *tally) counters() Counters {
	return Counters{
		TxFrames: t.txFrames.Load(), TxBytes: t.txBytes.Load(),
		RxFrames: t.rxFrames.Load(), RxBytes: t.rxBytes.Load(),
		Full: t.full.Load(), Refused: t.refused.Load(), TooLong: t.tooLong.Load(),
		Errors: t.errors.Load(), BadFrames: t.bad.Load(),
		Queued: t.queued.Load(),
		LastRx: instant(t.lastRx.Load()), LastTx: instant(t.lastTx.Load()),
	}
}

func instant(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
