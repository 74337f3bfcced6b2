package study

import "math"

// Summary is how a number varied. What there are too few samples for is NaN:
// all of it without one, deviation and confidence without two.
type Summary struct {
	N        int
	Mean     float64
	SD       float64 // the standard deviation of samples, with N-1
	Min, Max float64
	// CI95 is half of the width of the interval around the mean that holds the
	// true one with 95 % confidence, by Student's distribution. It takes the
	// mean of N samples for normal, which for a few samples of something rare it
	// is not.
	CI95 float64
}

// Summarise sums up samples, in their order.
func Summarise(samples []float64) Summary {
	n := len(samples)
	s := Summary{N: n, Mean: math.NaN(), SD: math.NaN(), Min: math.NaN(), Max: math.NaN(), CI95: math.NaN()}
	if n == 0 {
		return s
	}
	s.Min, s.Max = samples[0], samples[0]
	sum := 0.0
	for _, v := range samples {
		sum += v
		s.Min, s.Max = min(s.Min, v), max(s.Max, v)
	}
	s.Mean = sum / float64(n)
	if n == 1 {
		return s
	}
	squares := 0.0
	for _, v := range samples {
		d := v - s.Mean
		squares += float64(d * d) // rounded before it is added, on every machine
	}
	s.SD = math.Sqrt(squares / float64(n-1))
	s.CI95 = student95(n-1) * s.SD / math.Sqrt(float64(n))
	return s
}

// students are the 97.5 % quantiles of Student's distribution for 1 to 30
// degrees of freedom.
var students = [...]float64{
	12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
	2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860,
	2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
}

// student95 is the quantile for any number of degrees of freedom: above 30 by
// its expansion around the normal one (Abramowitz, Stegun 1964, 26.7.5), which
// is right to four places there.
func student95(freedom int) float64 {
	if freedom <= len(students) {
		return students[freedom-1]
	}
	const z = 1.959963984540054
	const z3, z5 = z * z * z, z * z * z * z * z
	f := float64(freedom)
	return z + (z3+z)/(4*f) + (5*z5+16*z3+3*z)/(96*f*f)
}
