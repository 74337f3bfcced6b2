package links

import (
	"fmt"
	"math"
	"slices"
)

// The checks hold samples of a fixed seed to a distribution. A bound of five
// standard deviations is never passed by chance, and seldom enough that any
// seed will do; samples are large enough for a bias of 5 % to pass it.
const statSigmas = 5

// hitRate checks that k of n trials hit, where each does with probability p.
func hitRate(what string, k, n int, p float64) error {
	want, dev := float64(n)*p, math.Sqrt(float64(n)*p*(1-p))
	if off := math.Abs(float64(k) - want); off > statSigmas*dev || n == 0 {
		return fmt.Errorf("%s: %d of %d, want %.0f ± %.0f", what, k, n, want, statSigmas*dev)
	}
	return nil
}

// chiSquare checks that counts are as the expected ones say. The bound is
// Wilson and Hilferty's.
func chiSquare(what string, counts []int, expected []float64) error {
	x := 0.0
	for i, n := range counts {
		if expected[i] < 5 {
			return fmt.Errorf("%s: bin %d expects only %.1f", what, i, expected[i])
		}
		d := float64(n) - expected[i]
		x += d * d / expected[i]
	}
	df := float64(len(counts) - 1)
	w := 2 / (9 * df)
	if bound := df * math.Pow(1-w+statSigmas*math.Sqrt(w), 3); !(x <= bound) {
		return fmt.Errorf("%s: chi-square %.1f of %d bins, want at most %.1f", what, x, len(counts), bound)
	}
	return nil
}

// weighted is chiSquare against probabilities.
func weighted(what string, counts []int, p []float64) error {
	total := 0
	for _, n := range counts {
		total += n
	}
	expected := make([]float64, len(p))
	for i := range p {
		expected[i] = float64(total) * p[i]
	}
	return chiSquare(what, counts, expected)
}

// uniformly checks that every value below n comes equally often.
func uniformly(what string, values []int, n, bins int) error {
	counts, p := make([]int, bins), make([]float64, bins)
	for _, v := range values {
		if v < 0 || v >= n {
			return fmt.Errorf("%s: %d, want at least 0 and less than %d", what, v, n)
		}
		counts[v*bins/n]++
	}
	for v := range n {
		p[v*bins/n] += 1 / float64(n)
	}
	return weighted(what, counts, p)
}

// geometrically checks that values are numbers of trials up to the first
// success, 1 at least, where each succeeds with probability p.
func geometrically(what string, values []int, p float64) error {
	bins := 1
	for bins < 40 && float64(len(values))*math.Pow(1-p, float64(bins)) >= 20 {
		bins++
	}
	counts, chances := make([]int, bins), make([]float64, bins)
	for _, v := range values {
		counts[min(v, bins)-1]++
	}
	left := 1.0
	for i := range bins - 1 {
		chances[i] = left * p
		left *= 1 - p
	}
	chances[bins-1] = left
	return weighted(what, counts, chances)
}

// follows checks values against a continuous distribution: the cdf of each
// must be uniform.
func followsCurve(what string, values []float64, cdf func(float64) float64) error {
	const bins = 32
	counts, p := make([]int, bins), make([]float64, bins)
	for _, v := range values {
		u := cdf(v)
		if !(u >= 0 && u <= 1) {
			return fmt.Errorf("%s: %g lies outside", what, v)
		}
		counts[min(int(u*bins), bins-1)]++
	}
	for i := range p {
		p[i] = 1.0 / bins
	}
	return weighted(what, counts, p)
}

// unrelated checks that two series of yes and no do not go together.
func unrelated(what string, a, b []bool) error {
	n := min(len(a), len(b))
	var both, as, bs float64
	for i := range n {
		if a[i] {
			as++
		}
		if b[i] {
			bs++
		}
		if a[i] && b[i] {
			both++
		}
	}
	pa, pb := as/float64(n), bs/float64(n)
	r := (both/float64(n) - pa*pb) / math.Sqrt(pa*(1-pa)*pb*(1-pb))
	if bound := statSigmas / math.Sqrt(float64(n)); !(math.Abs(r) <= bound) {
		return fmt.Errorf("%s: correlation %.4f, want at most %.4f", what, r, bound)
	}
	return nil
}

// memoryless checks that what happens to a frame says nothing of the next ones.
func memoryless(what string, hits []bool) error {
	for lag := 1; lag <= 8; lag++ {
		if err := unrelated(fmt.Sprintf("%s, %d apart", what, lag), hits, hits[lag:]); err != nil {
			return err
		}
	}
	return nil
}

// runs are the lengths of the runs of v in a series that are whole: the last,
// which may go on, is left out.
func runsOf(series []bool, v bool) (lengths []int) {
	n := 0
	for _, x := range series {
		switch {
		case x == v:
			n++
		case n > 0:
			lengths = append(lengths, n)
			n = 0
		}
	}
	return lengths
}

// firstError is the first that is not nil.
func firstError(list ...error) error {
	if i := slices.IndexFunc(list, func(err error) bool { return err != nil }); i >= 0 {
		return list[i]
	}
	return nil
}
