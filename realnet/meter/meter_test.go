package meter_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"example.com/dsim/realnet/meter"
)

// TestHistogramCountsBySpan holds the buckets to "at most": a span on a bound
// lies below it, one over all bounds is counted and in no bucket.
func TestHistogramCountsBySpan(t *testing.T) {
	var h meter.Histogram
	for _, d := range []time.Duration{-time.Second, 0, 10 * time.Microsecond, 10*time.Microsecond + 1, time.Millisecond, 10 * time.Second, time.Minute} {
		h.Observe(d)
	}
	r := h.Read()
	want := map[time.Duration]uint64{10 * time.Microsecond: 3, 25 * time.Microsecond: 4, 500 * time.Microsecond: 4, time.Millisecond: 5, 5 * time.Second: 5, 10 * time.Second: 6}
	for _, b := range r.Buckets {
		if n, ok := want[b.AtMost]; ok && n != b.Count {
			t.Errorf("at most %s: %d spans, want %d", b.AtMost, b.Count, n)
		}
	}
	if sum := time.Minute + 10*time.Second + time.Millisecond + 20*time.Microsecond + 1; r.Count != 7 || r.Sum != sum || r.Max != time.Minute {
		t.Errorf("%d spans, sum %s, max %s; want 7, %s, 1m0s", r.Count, r.Sum, r.Max, sum)
	}
	if !slices.IsSorted(meter.Bounds()) || len(meter.Bounds()) != len(r.Buckets) {
		t.Errorf("bounds %v for %d buckets", meter.Bounds(), len(r.Buckets))
	}
}

// TestRoundTripIsFromTheFirstQuestion: a retransmission does not make a round
// trip shorter, and an answer nobody waits for makes none.
func TestRoundTripIsFromTheFirstQuestion(t *testing.T) {
	var r meter.RoundTrips
	r.Received(1 * time.Millisecond)
	r.Sent(2 * time.Millisecond)
	r.Sent(12 * time.Millisecond)
	r.Received(15 * time.Millisecond)
	r.Received(16 * time.Millisecond)
	r.Sent(20 * time.Millisecond)
	r.Reset()
	r.Received(time.Hour)
	if got := r.Read(); got.Count != 1 || got.Sum != 13*time.Millisecond {
		t.Errorf("%d round trips, %s together; want 1, 13ms", got.Count, got.Sum)
	}
}

// TestReadWhileObserving: what is read is whole at any time.
func TestReadWhileObserving(t *testing.T) {
	var h meter.Histogram
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 10_000 {
			h.Observe(time.Millisecond)
		}
	})
	for last := uint64(0); last < 10_000; {
		r := h.Read()
		if n := r.Buckets[len(r.Buckets)-1].Count; r.Count < last || n != r.Count {
			t.Fatalf("%d spans after %d, %d in buckets", r.Count, last, n)
		}
		last = r.Count
	}
	wg.Wait()
}

// TestMeasuringAllocatesNothing: an instrument stands in the way of every frame.
func TestMeasuringAllocatesNothing(t *testing.T) {
	var r meter.RoundTrips
	now := time.Duration(0)
	if n := testing.AllocsPerRun(100, func() { now++; r.Sent(now); r.Received(now + 1000) }); n != 0 {
		t.Errorf("%v allocations a round trip", n)
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	var r meter.RoundTrips
	b.ReportAllocs()
	now := time.Duration(0)
	for b.Loop() {
		now += 1000
		r.Sent(now)
		r.Received(now + 35_000)
	}
}
