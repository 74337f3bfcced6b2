package links

import (
	"fmt"
	"math"
	"testing"
)

// A frame of n bits survives independent bit errors of probability p with
// chance (1-p)^n; of N frames, k survive with standard error sqrt(N s (1-s)).
func TestFramesSurviveBitErrorsByTheirLength(t *testing.T) {
	measures(t)
	for _, c := range []struct {
		ber, off string
		p        float64
		size, n  int
	}{
		{"1e-3", "1.05e-3", 1e-3, 125, 40_000},
		{"1e-4", "1.05e-4", 1e-4, 1500, 24_000},
		{"1e-5", "1.05e-5", 1e-5, 9000, 24_000},
	} {
		survive := math.Pow(1-c.p, float64(8*c.size))
		check := func(ber string) error {
			f := blank(c.n, c.size)
			d := newDuo(t, 3, "fcs=true ber="+ber, f).run()
			if got, counts := len(d.ends[1].got), d.counts()[0]; counts.Corrupted != uint64(c.n-got) || counts.Dropped != counts.Corrupted {
				return fmt.Errorf("%d arrived, counted %+v", got, counts)
			}
			n := float64(c.n)
			return agree("surviving", float64(len(d.ends[1].got))/n, survive, math.Sqrt(survive*(1-survive)/n))
		}
		if err := check(c.ber); err != nil {
			t.Errorf("ber %s of %d bytes: %v", c.ber, c.size, err)
		}
		if check(c.off) == nil {
			t.Errorf("ber %s of %d bytes passes for %s", c.off, c.size, c.ber)
		}
	}
}

// A Gilbert-Elliott channel is bad for 1/leave frames at a time, good for
// 1/enter, and in the long run bad for enter/(enter+leave) of all frames.
//
// A time of geometric length with parameter q has mean 1/q and deviation
// sqrt(1-q)/q. The states of frames k apart go together as r^k, with
// r = 1-enter-leave, so that the variance of the share of bad frames b is
// b(1-b)/N times (1+r)/(1-r).
func TestGilbertElliottMeansAreThoseOfItsChain(t *testing.T) {
	measures(t)
	const n = 160_000
	const enter, leave = 0.2, 0.4
	check := func(params string) error {
		d := newDuo(t, 1, params, small(n)).run()
		bad := d.missing()
		mean := func(what string, lengths []int, q float64) error {
			sum := 0.0
			for _, l := range lengths {
				sum += float64(l)
			}
			k := float64(len(lengths))
			return agree(what, sum/k, 1/q, math.Sqrt((1-q)/k)/q)
		}
		const b, r = enter / (enter + leave), 1 - enter - leave
		return firstError(
			mean("burst", runsOf(bad, true), leave),
			mean("time between bursts", runsOf(bad, false)[1:], enter),
			agree("loss", float64(tally(bad))/n, b, math.Sqrt(b*(1-b)/n*(1+r)/(1-r))))
	}
	if err := check("burst.enter=20% burst.leave=40%"); err != nil {
		t.Error(err)
	}
	for _, off := range []string{"burst.enter=21% burst.leave=40%", "burst.enter=20% burst.leave=42%"} {
		if check(off) == nil {
			t.Errorf("%s passes", off)
		}
	}
}

// With losses h while bad and g while good, loss is b h + (1-b) g, and two
// frames in a row are lost with the sum over states i, j of
// b_i e_i P_ij e_j: what bursts are for.
func TestGilbertElliottLossesComeInPairs(t *testing.T) {
	measures(t)
	const n = 300_000
	const enter, leave, h, g = 0.1, 0.3, 0.7, 0.2
	const b = enter / (enter + leave)
	check := func(params string) error {
		d := newDuo(t, 2, params, small(n)).run()
		lost := d.missing()
		one, two := make([]float64, n-1), make([]float64, n-1)
		for i := range n - 1 {
			if lost[i] {
				one[i] = 1
				if lost[i+1] {
					two[i] = 1
				}
			}
		}
		m1, se1 := batchMeans(one)
		m2, se2 := batchMeans(two)
		return firstError(
			agree("lost", m1, b*h+(1-b)*g, se1),
			agree("pairs lost", m2, b*h*((1-leave)*h+leave*g)+(1-b)*g*((1-enter)*g+enter*h), se2))
	}
	const right = "burst.enter=10% burst.leave=30% burst.loss=70% burst.loss-good=20%"
	if err := check(right); err != nil {
		t.Error(err)
	}
	for _, off := range []string{" burst.loss=73.5%", " burst.loss-good=21%", " burst.leave=31.5% burst.loss-good=19%"} {
		if check(right+off) == nil {
			t.Errorf("%s passes", off)
		}
	}
}
