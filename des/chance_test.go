package des

import (
	"fmt"
	"math"
	"testing"
)

// The checks below hold samples to a distribution with fixed seeds. Bounds are
// five standard deviations of what is checked: a check that holds today holds
// forever, and one bias of 5 % must turn it red, which each test shows.

// sigmas is how far a check may be off.
const sigmas = 5

// evenly checks that counts are as the expected ones say, by their chi-square.
func evenly(counts []int, expected []float64) error {
	x := 0.0
	for i, n := range counts {
		d := float64(n) - expected[i]
		x += d * d / expected[i]
	}
	df := float64(len(counts) - 1)
	if bound := df + sigmas*math.Sqrt(2*df); x > bound {
		return fmt.Errorf("chi-square %.1f of %d bins, want at most %.1f", x, len(counts), bound)
	}
	return nil
}

// even is evenly for equal chances.
func even(counts []int) error {
	total := 0
	for _, n := range counts {
		total += n
	}
	expected := make([]float64, len(counts))
	for i := range expected {
		expected[i] = float64(total) / float64(len(counts))
	}
	return evenly(counts, expected)
}

// follows checks n samples against a continuous distribution: cdf of each must
// be uniform, in bins and in the greatest distance from the straight line.
func follows(n int, sample func() float64, cdf func(float64) float64) error {
	const fine = 1024
	counts := make([]int, fine)
	for range n {
		u := cdf(sample())
		if u < 0 || u > 1 || math.IsNaN(u) {
			return fmt.Errorf("a sample lies outside: %v", u)
		}
		counts[min(int(u*fine), fine-1)]++
	}
	coarse := make([]int, 32)
	below, far := 0, 0.0
	for i, c := range counts {
		coarse[i*len(coarse)/fine] += c
		below += c
		far = max(far, math.Abs(float64(below)/float64(n)-float64(i+1)/fine))
	}
	if err := even(coarse); err != nil {
		return err
	}
	if bound := 2.7 / math.Sqrt(float64(n)); far > bound { // Kolmogorov: 1e-6
		return fmt.Errorf("distribution off by %.4f, want at most %.4f", far, bound)
	}
	return nil
}

// near checks the mean of n samples against mean and deviation.
func near(n int, sample func() float64, mean, deviation float64) error {
	sum := 0.0
	for range n {
		sum += sample()
	}
	got := sum / float64(n)
	if off := deviation / math.Sqrt(float64(n)) * sigmas; math.Abs(got-mean) > off {
		return fmt.Errorf("mean %g, want %g ± %g", got, mean, off)
	}
	return nil
}

// unrelated checks that two streams do not go together.
func unrelated(n int, a, b func() uint64) error {
	var ab, aa, bb float64
	for range n {
		x, y := float64(a())/(1<<64)-0.5, float64(b())/(1<<64)-0.5
		ab += x * y
		aa += x * x
		bb += y * y
	}
	if r, bound := ab/math.Sqrt(aa*bb), sigmas/math.Sqrt(float64(n)); math.Abs(r) > bound {
		return fmt.Errorf("correlation %.4f, want at most %.4f", r, bound)
	}
	return nil
}

// wantRed says that a check did not see a planted bias.
func wantRed(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: a bias of 5 %% was not seen", what)
	}
}

func wantGreen(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// testRand is a stream of its own for a test.
func testRand(t testing.TB) *Rand {
	r := SeedOf(1).Rand(t.Name(), 0, "test")
	return &r
}
