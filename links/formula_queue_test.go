package links

import (
	"fmt"
	"math"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// Frames that come at random (gaps exponential, mean 1/λ) with sizes that are
// exponential (mean transmission 1/μ) at a transmitter that holds K frames, the
// one in transmission included, are an M/M/1/K queue. With the load ρ = λ/μ, a
// frame finds it full with probability
//
//	P = (1-ρ) ρ^K / (1-ρ^(K+1)), and 1/(K+1) where ρ = 1.
//
// Sizes are whole bytes: of exponential sizes of mean m, rounded, the mean is
// off by the part 1/(24 m²), here a millionth.
func TestDropTailQueueDropsAsMM1K(t *testing.T) {
	measures(t)
	n := 150_000
	if *long {
		n *= 10
	}
	for _, c := range []struct {
		what   string
		params string // at 1.6 Mbit/s, 200 bytes take 1 ms
		reason cells.Reason
		gap    int64 // mean, in µs
		k      int
	}{
		{"interface at load 0.8", "speed=1.6Mbit", cells.ReasonQueue, 1250, 3},
		{"channel alone at load 1", "rate=1.6Mbit", cells.ReasonQueue, 1000, 4},
		{"interface at load 2", "speed=1.6Mbit", cells.ReasonQueue, 500, 5},
	} {
		rho := 1000 / float64(c.gap)
		want := 1 / float64(c.k+1)
		if rho != 1 {
			want = (1 - rho) * math.Pow(rho, float64(c.k)) / (1 - math.Pow(rho, float64(c.k+1)))
		}
		check := func(gap int64) error {
			d := newDuo(t, 1, fmt.Sprintf("%s queue.frames=%d", c.params, c.k),
				feed{count: n, gaps: des.Exponential(gap * 1000), sizes: des.Exponential(200)}).run()
			blocked := make([]float64, n)
			drops := uint64(0)
			for i, lost := range d.missingLate() {
				if lost {
					blocked[i] = 1
					drops++
				}
			}
			if got := d.drops(c.reason); got != drops || d.counts()[0].Queue != drops {
				return fmt.Errorf("%d frames are missing, %d counted", drops, got)
			}
			mean, stderr := batchMeans(blocked)
			return agree("blocked", mean, want, stderr)
		}
		if err := check(c.gap); err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		if check(c.gap*20/21) == nil {
			t.Errorf("%s: 5 %% more frames pass", c.what)
		}
	}
}

// A transmitter that is offered ρ > 1 times what it carries, at even gaps and
// sizes, drops 1 - 1/ρ of the frames. Here every frame takes 7 ms and one comes
// every 3 ms: of n frames, those that got through left one every 7 ms.
func TestDropTailQueueUnderEvenOverloadDropsTheExcess(t *testing.T) {
	const n, size, k = 10_000, 875, 6
	for _, params := range []string{"rate=1Mbit queue.frames=6", "speed=1Mbit queue.frames=6", "speed=1Mbit queue.bytes=5250B queue.frames=0"} {
		d := newDuo(t, 1, params, feed{count: n, gap: 3 * time.Millisecond, size: size}).run()
		got := d.ends[1].got
		// The last frame came 3n ms after the run began; what was in the queue then
		// leaves later.
		carried := float64(n*3)/7 + k
		if off := math.Abs(float64(len(got)) - carried); off > 1 {
			t.Errorf("%s: %d of %d frames got through, want %.1f", params, len(got), n, carried)
		}
		for i := 1; i < len(got); i++ {
			if gap := got[i].at.Sub(got[i-1].at); gap != 7*time.Millisecond {
				t.Fatalf("%s: %s between frames %d and %d", params, gap, got[i-1].num, got[i].num)
			}
		}
		if wait := got[len(got)-1].at.Sub(d.ends[0].sent[got[len(got)-1].num]); wait > k*7*time.Millisecond || wait <= (k-1)*7*time.Millisecond {
			t.Errorf("%s: the last frame waited %s behind a full queue of %d", params, wait, k)
		}
	}
}

// An M/D/1 queue without a bound makes a frame wait ρ/(2μ(1-ρ)) on average for
// those before it (Pollaczek and Khinchine).
func TestChannelDelaysAsMD1(t *testing.T) {
	measures(t)
	const n = 240_000
	check := func(gap int64) error {
		d := newDuo(t, 1, "rate=1.6Mbit queue.frames=0", feed{count: n, gaps: des.Exponential(gap), size: 200}).run()
		waits := make([]float64, n)
		for i, a := range d.ends[1].got {
			waits[i] = a.at.Sub(d.ends[0].sent[i]).Seconds()*1000 - 1
		}
		mean, stderr := batchMeans(waits)
		return agree("wait in ms", mean, 0.5/(2*(1-0.5)), stderr)
	}
	if err := check(2_000_000); err != nil {
		t.Error(err)
	}
	if check(1_900_000) == nil {
		t.Error("5 % more frames pass")
	}
}

// missingLate is missing for frames that may be too small to carry a number:
// sizes tell who is who, since order is kept.
func (d *duo) missingLate() []bool {
	lost := make([]bool, len(d.ends[0].sent))
	for i := range lost {
		lost[i] = true
	}
	next := 0
	for _, a := range d.ends[1].got {
		if a.size >= 4 {
			next = a.num
		}
		lost[next] = false
		next++
	}
	return lost
}
