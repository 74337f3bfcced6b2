// Package meter has the instruments of a live run: histograms of spans, and the
// round trips of a port. They watch and are watched, and nothing that decides an
// event reads them.
//
// Whoever owns a site writes to them while others read, so that a scrape never
// waits for a site, nor a site for a scrape. Nothing is allocated after New.
// Serving what was read is left to package metrics.
package meter

import (
	"sync/atomic"
	"time"
)

// bounds are the upper bounds of all histograms: three a decade, from what a
// loopback needs to what a person calls broken. All histograms share them, so
// that those of many ports can be added up.
var bounds = [...]time.Duration{
	10 * time.Microsecond, 25 * time.Microsecond, 50 * time.Microsecond,
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// Bounds are the upper bounds of the buckets of every histogram; what is over
// the last is counted, and lies in none of them.
func Bounds() []time.Duration { return append([]time.Duration(nil), bounds[:]...) }

// Histogram counts spans by their length. The zero Histogram is ready.
type Histogram struct {
	counts [len(bounds) + 1]atomic.Uint64
	sum    atomic.Int64
	max    atomic.Int64
}

// Observe counts one span; a negative one counts as zero.
func (h *Histogram) Observe(d time.Duration) {
	d = max(d, 0)
	i := 0
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	h.sum.Add(int64(d))
	for {
		m := h.max.Load()
		if int64(d) <= m || h.max.CompareAndSwap(m, int64(d)) {
			break
		}
	}
	h.counts[i].Add(1)
}

// Read takes what was counted so far. The count is the sum of the buckets even
// while others observe; the sum of the spans may be ahead of it by those.
func (h *Histogram) Read() Reading {
	r := Reading{Buckets: make([]Bucket, len(bounds))}
	for i := range bounds {
		r.Count += h.counts[i].Load()
		r.Buckets[i] = Bucket{AtMost: bounds[i], Count: r.Count}
	}
	r.Count += h.counts[len(bounds)].Load()
	r.Sum = time.Duration(h.sum.Load())
	r.Max = time.Duration(h.max.Load())
	return r
}

// Reading is a histogram at one moment.
type Reading struct {
	Count   uint64        `json:"count"`
	Sum     time.Duration `json:"sum_ns"`
	Max     time.Duration `json:"max_ns"`
	Buckets []Bucket      `json:"buckets"` // cumulative, by growing bounds
}

// Bucket says how many spans were at most so long.
type Bucket struct {
	AtMost time.Duration `json:"at_most_ns"`
	Count  uint64        `json:"count"`
}

// RoundTrips are the round trips of one port, measured where its frames leave
// and enter the site: from the first frame sent after one was received to the
// next that is received. What is sent meanwhile, a retransmission or the rest of
// a window, does not start anew, so that a round trip holds the whole wait of the
// one who asked, losses included. A port that only sends has no round trips.
//
// Sent and Received are called by the owner of the site, one at a time, with any
// clock that does not step back; Read by anyone. The zero RoundTrips is ready.
type RoundTrips struct {
	trips  Histogram
	asked  time.Duration
	asking bool
}

// Sent says that a frame left at now.
func (r *RoundTrips) Sent(now time.Duration) {
	if !r.asking {
		r.asked, r.asking = now, true
	}
}

// Received says that a frame came at now.
func (r *RoundTrips) Received(now time.Duration) {
	if r.asking {
		r.asking = false
		r.trips.Observe(now - r.asked)
	}
}

// Reset forgets a question that waits for its answer, as when the connection is
// lost; what was measured stays.
func (r *RoundTrips) Reset() { r.asking = false }

// Read takes the round trips so far.
func (r *RoundTrips) Read() Reading { return r.trips.Read() }
