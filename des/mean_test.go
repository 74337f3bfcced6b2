package des

import (
	"fmt"
	"math"
)

// The means of the distributions, from their formulas: what samples are held
// to. No float is in the package itself.

// float is a ratio rounded.
func float(p Ratio) float64 {
	if p.IsZero() {
		return 0
	}
	return float64(p.Num) / float64(p.Den)
}

func meanOf(s Sampler) float64 {
	switch s := s.(type) {
	case constant:
		return float64(s.v)
	case uniform:
		return float64(s.lo)/2 + float64(s.hi)/2
	case exponential:
		return float64(s.mean)
	case normal:
		return float64(s.mean)
	case pareto:
		return paretoMean(s)
	case bimodal:
		if !s.both() {
			return meanOf(s.only())
		}
		p := float(s.p)
		return p*meanOf(s.a) + (1-p)*meanOf(s.b)
	case *empirical:
		// Steps are thresholds of 2^64; the last stands for the rest.
		mean, before := 0.0, 0.0
		for i, x := range s.steps {
			below := float64(x.below) / (1 << 64)
			if i == len(s.steps)-1 {
				below = 1
			}
			mean += (below - before) * float64(x.value)
			before = below
		}
		return mean
	}
	panic(fmt.Sprintf("no mean of a %T", s))
}

// paretoMean is that of the curve cut at the maximum, infinite where there is
// none and the shape is at most 1.
func paretoMean(s pareto) float64 {
	a, m := float(s.shape), float64(s.scale)
	cut := s.most < math.MaxInt64
	switch r := m / float64(s.most); {
	case m == 0:
		return 0
	case !cut && a <= 1:
		return math.Inf(1)
	case !cut:
		return m * a / (a - 1)
	case a == 1:
		return m * (1 - math.Log(r))
	default:
		return m * (a - math.Pow(r, a-1)) / (a - 1)
	}
}
