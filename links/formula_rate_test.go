package links

import (
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// bitTime is how long size bytes take at a rate, rounded up to the nanosecond,
// by arithmetic of any size.
func bitTime(size int, rate int64) time.Duration {
	ns := new(big.Int).Mul(big.NewInt(int64(size)*8), big.NewInt(1e9))
	q, r := ns.QuoRem(ns, big.NewInt(rate), new(big.Int))
	if r.Sign() != 0 {
		q.Add(q, big.NewInt(1))
	}
	return time.Duration(q.Int64())
}

// tandem is when frames have left an interface and then a channel, that take
// them one after the other; a rate of 0 takes no time.
func tandem(sent []clock.Time, sizes []int, speed, rate int64) []clock.Time {
	var left [2]clock.Time
	out := make([]clock.Time, len(sent))
	for i, at := range sent {
		for k, r := range [2]int64{speed, rate} {
			if r != 0 {
				left[k] = max(left[k], at).Add(bitTime(sizes[i], r))
				at = left[k]
			}
		}
		out[i] = at
	}
	return out
}

// Frames leave a transmitter one after the other, each taking exactly its bits
// at the rate, rounded up to the nanosecond; interface and channel are two, so
// that the slower one spaces what is delivered, and a frame passes both.
func TestRatesSpaceFramesExactly(t *testing.T) {
	for _, c := range []struct{ speed, rate int64 }{
		{0, 1_000_000_000},
		{1_000_000_000, 0},
		{0, 1},
		{0, 1_000_003},
		{999_999_937, 0},
		{10_000_000, 100_000_000},
		{100_000_000, 10_000_000},
		{1_544_000, 1_543_999},
		{3_000_000_019, 7_000_000_001},
		{400_000_000_000, 1_000_000_000_000},
	} {
		params := "delay=5ms queue.frames=0"
		if c.speed != 0 {
			params += fmt.Sprintf(" speed=%dbit", c.speed)
		}
		if c.rate != 0 {
			params += fmt.Sprintf(" rate=%dbit", c.rate)
		}
		if c.speed != 0 && c.rate != 0 {
			params += " buffer.frames=0"
		}
		for what, f := range map[string]feed{
			"at once":      {count: 200, burst: 200, sizes: des.Uniform(0, 1500)},
			"now and then": {count: 2000, gaps: des.Exponential(100_000), sizes: des.Uniform(0, 200)},
		} {
			d := newDuo(t, 1, params, f).run()
			if len(d.ends[1].got) != f.count {
				t.Fatalf("%s, %s: %d of %d frames arrived", params, what, len(d.ends[1].got), f.count)
			}
			var sizes []int
			for _, a := range d.ends[1].got {
				sizes = append(sizes, a.size)
			}
			for i, left := range tandem(d.ends[0].sent, sizes, c.speed, c.rate) {
				if got, want := d.ends[1].got[i].at, left.Add(5*time.Millisecond); got != want {
					t.Fatalf("%s, %s: frame %d arrives at %s, want %s", params, what, i, got, want)
				}
			}
		}
	}
}

// A run of n equal frames at a rate takes n times the time of one: nothing is
// gained or lost by the rounding of many.
func TestManyFramesTakeTheSumOfTheirTimes(t *testing.T) {
	const n = 5000
	d := newDuo(t, 1, "rate=7Mbit queue.frames=0", feed{count: n, burst: n, size: 1}).run()
	// 8 bits at 7 Mbit/s are 1142.857… ns.
	if got := d.ends[1].got[n-1].at; got != n*1143 {
		t.Errorf("%d frames took %s, want %s", n, got, clock.Time(n*1143))
	}
}

// The interface holds back what is sent next, and its queue fills; the channel
// delays delivery, and its buffer fills. Without an interface, the queue is the
// channel's.
func TestInterfaceAndChannelHaveQueuesOfTheirOwn(t *testing.T) {
	sizes := slices.Repeat([]int{1000}, 10)
	for _, c := range []struct {
		params        string
		queue, buffer uint64
		got           int
	}{
		{"speed=8Mbit queue.frames=4", 6, 0, 4},
		{"rate=8Mbit queue.frames=4", 6, 0, 4},
		{"speed=8Mbit queue.bytes=3999B", 7, 0, 3},
		{"speed=8Mbit rate=8Mbit queue.frames=4 buffer.frames=1", 6, 0, 4},
		{"speed=80Mbit rate=8Mbit queue.frames=4 buffer.frames=2", 6, 2, 2},
		{"speed=80Mbit rate=8Mbit buffer.frames=3", 0, 7, 3},
		{"speed=80Mbit rate=8Mbit buffer.bytes=5000B", 0, 5, 5},
		{"speed=80Mbit rate=8Mbit queue.frames=9", 1, 0, 9},
		{"speed=80Mbit rate=8Mbit queue.frames=0 buffer.frames=0", 0, 0, 10},
	} {
		d := newDuo(t, 1, c.params, feed{})
		d.until(1)
		d.send("a", sizes...)
		d.run()
		if q, b, got := d.drops(cells.ReasonQueue), d.drops(cells.ReasonBuffer), len(d.ends[1].got); q != c.queue || b != c.buffer || got != c.got {
			t.Errorf("%s: %d dropped at the queue, %d at the buffer, %d arrived; want %d, %d, %d", c.params, q, b, got, c.queue, c.buffer, c.got)
		}
	}
}

// Room comes free the instant the last bit of a frame has left.
func TestQueueHasRoomOnceAFrameHasLeft(t *testing.T) {
	d := newDuo(t, 1, "rate=8Mbit queue.frames=1", feed{})
	d.until(0)
	d.send("a", 1000)
	d.until(time.Millisecond - 1)
	d.send("a", 1000) // a nanosecond early
	d.until(time.Millisecond)
	d.send("a", 1000)
	d.run()
	if got := d.ends[1].got; len(got) != 2 || got[1].at != clock.Time(2*time.Millisecond) || d.drops(cells.ReasonQueue) != 1 {
		t.Errorf("arrived %v, %d dropped", got, d.drops(cells.ReasonQueue))
	}
}
