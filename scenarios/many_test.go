package scenarios

import (
	"context"
	"sync/atomic"
	"testing"
)

func TestManyTakesResultsInOrderHoweverManyJobs(t *testing.T) {
	for _, jobs := range []int{1, 2, 7} {
		var running, most atomic.Int64
		next := uint64(0)
		Many(t.Context(), jobs, 500, func(i uint64) uint64 {
			n := running.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			defer running.Add(-1)
			return i * i
		}, func(i, r uint64) bool {
			if i != next || r != i*i {
				t.Errorf("%d jobs: took %d of %d, want %d of %d", jobs, r, i, next*next, next)
			}
			next++
			return true
		})
		if next != 500 || most.Load() > int64(jobs) {
			t.Errorf("%d jobs: %d taken, %d at once", jobs, next, most.Load())
		}
	}
}

func TestManyStopsWhenToldOrWhenItsContextEnds(t *testing.T) {
	taken := 0
	Many(t.Context(), 2, 1<<40, func(i uint64) uint64 { return i }, func(i, _ uint64) bool {
		taken++
		return i < 10
	})
	if taken != 11 {
		t.Errorf("%d taken, want 11: the one that said stop is the last", taken)
	}
	ctx, cancel := context.WithCancel(t.Context())
	Many(ctx, 2, 1<<40, func(i uint64) uint64 { return i }, func(i, _ uint64) bool {
		if i == 10 {
			cancel()
		}
		return true
	})
	if ctx.Err() == nil {
		t.Error("it came back before its context ended")
	}
}
