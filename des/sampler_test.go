package des

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var someSamplers = []Sampler{
	Constant(-7),
	Uniform(1_000_000, 5_000_000),
	Exponential(10_000_000),
	Normal(10_000_000, 2_000_000),
	Pareto(1_000_000, Ratio{3, 2}, 0),
	Pareto(1_000_000, Ratio{3, 2}, 1_000_000_000),
	Bimodal(Ratio{1, 10}, Constant(100_000_000), Normal(1_000_000, 100_000)),
	Empirical(Weighted{5, 1_000_000}, Weighted{3, 5_000_000}, Weighted{2, 20_000_000}),
}

// scaledBy is the planted bias: samples that are too great.
type scaledBy struct {
	Sampler
	by float64
}

func (s scaledBy) Sample(word uint64) int64 { return int64(float64(s.Sampler.Sample(word)) * s.by) }

func TestSamplersFollowTheirCurves(t *testing.T) {
	const n = 100_000
	r := testRand(t)
	for _, c := range []struct {
		s         Sampler
		cdf       func(x float64) float64
		deviation float64
	}{
		{Uniform(0, 1_000_000_000), func(x float64) float64 { return x / 1e9 }, 1e9 / math.Sqrt(12)},
		{Exponential(1_000_000_000), func(x float64) float64 { return -math.Expm1(-x / 1e9) }, 1e9},
		{Normal(1_000_000_000, 200_000_000), func(x float64) float64 { return math.Erfc((1e9-x)/2e8/math.Sqrt2) / 2 }, 2e8},
		{Pareto(1_000_000_000, Ratio{4, 1}, 0), func(x float64) float64 { return 1 - math.Pow(1e9/x, 4) }, 1e9 * math.Sqrt(4.0/(9*2))},
		{Pareto(1_000_000_000, Ratio{3, 2}, 0), func(x float64) float64 { return 1 - math.Pow(1e9/x, 1.5) }, 0},
	} {
		draw := func(s Sampler) func() float64 { return func() float64 { return float64(r.Sample(s)) } }
		biased := scaledBy{c.s, 1.05}
		wantGreen(t, c.s.String(), follows(n, draw(c.s), c.cdf))
		wantRed(t, c.s.String(), follows(n, draw(biased), c.cdf))
		if c.deviation != 0 {
			wantGreen(t, c.s.String(), near(n, draw(c.s), meanOf(c.s), c.deviation))
			wantRed(t, c.s.String(), near(n, draw(biased), meanOf(c.s), c.deviation))
		}
	}
}

func TestDiscreteSamplersKeepTheirWeights(t *testing.T) {
	r := testRand(t)
	const n = 100_000
	count := func(s Sampler, values ...int64) (counts []int) {
		counts = make([]int, len(values))
		for range n {
			x, found := r.Sample(s), false
			for i, v := range values {
				if x == v {
					counts[i]++
					found = true
				}
			}
			if !found {
				t.Fatalf("%s gives %d", s, x)
			}
		}
		return counts
	}
	wantGreen(t, "empirical", evenly(count(Empirical(Weighted{5, 1}, Weighted{3, 2}, Weighted{2, 3}), 1, 2, 3), []float64{n * .5, n * .3, n * .2}))
	wantRed(t, "empirical", evenly(count(Empirical(Weighted{475, 1}, Weighted{315, 2}, Weighted{210, 3}), 1, 2, 3), []float64{n * .5, n * .3, n * .2}))

	two := Bimodal(Ratio{1, 10}, Constant(1), Bimodal(Ratio{1, 3}, Constant(2), Constant(3)))
	wantGreen(t, "bimodal", evenly(count(two, 1, 2, 3), []float64{n * .1, n * .3, n * .6}))
	biased := Bimodal(Ratio{105, 1000}, Constant(1), Bimodal(Ratio{35, 100}, Constant(2), Constant(3)))
	wantRed(t, "bimodal", evenly(count(biased, 1, 2, 3), []float64{n * .1, n * .3, n * .6}))

	// The word that chose the curve is spread anew for the curve itself.
	for _, curve := range []Sampler{
		Bimodal(Ratio{1, 10}, Constant(-1), Exponential(1_000_000_000)),
		Bimodal(Ratio{1, 10}, Exponential(1_000_000_000), Constant(-1)),
	} {
		drawn := func() float64 {
			for {
				if x := r.Sample(curve); x >= 0 {
					return float64(x)
				}
			}
		}
		wantGreen(t, curve.String(), follows(n/10, drawn, func(x float64) float64 { return -math.Expm1(-x / 1e9) }))
	}
}

// wordAt is the word whose chance of being exceeded is tail, for tails that are
// a multiple of 2^-64.
func wordAt(tail float64) uint64 { return ^uint64(tail * (1 << 64)) }

// eachTail calls f with words that stand for all of them, and with the part of
// all that each stands for: 512 pieces of each octave of either tail.
func eachTail(f func(word uint64, part float64)) {
	const pieces = 512
	for k := 2; k < 52; k++ {
		low := math.Ldexp(1, -k)
		for i := range pieces {
			word := wordAt(low * (1 + (float64(i)+0.5)/pieces))
			f(word, low/pieces)
			f(^word, low/pieces)
		}
	}
}

func TestSamplersAreExactEverywhere(t *testing.T) {
	exp, par, nor := Exponential(1e15), Pareto(1e6, Ratio{5, 2}, 0), Normal(0, 1e15)
	check := func(what string, word uint64, got int64, want, tolerance float64) {
		if math.Abs(float64(got)-want) > tolerance+1 {
			t.Errorf("%s of word %#x is %d, want %.0f ± %.0f", what, word, got, want, tolerance)
		}
	}
	one := func(word uint64) {
		tail := (float64(^word) + 0.5) / (1 << 64)
		e := -math.Log(tail)
		check("exponential", word, exp.Sample(word), 1e15*e, 1e15*2e-7)
		p := 1e6 * math.Exp(e/2.5)
		check("pareto", word, par.Sample(word), p, p*3e-7)
		if word>>63 == 0 {
			return
		}
		z := deviations(tail)
		check("normal", word, nor.Sample(word), 1e15*z, 1e15*6e-5)
		if above, below := nor.Sample(word), nor.Sample(^word); above != -below {
			t.Errorf("normal of word %#x is %d, of its mirror %d", word, above, below)
		}
	}
	n := 0
	eachTail(func(word uint64, _ float64) {
		if n++; n%7 == 0 {
			one(word)
		}
	})
	for k := range 64 {
		one(math.MaxUint64 - 1<<k + 1)
		one(math.MaxUint64 - 1<<k)
	}
	one(math.MaxUint64)
}

// deviations is how many standard deviations are exceeded with chance tail, by
// halving.
func deviations(tail float64) float64 {
	lo, hi := 0.0, 10.0
	for range 60 {
		if mid := (lo + hi) / 2; math.Erfc(mid/math.Sqrt2)/2 > tail {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// Law: means and variances are within 0.1 %, integrated over all words.
func TestMomentsAreWithinAThousandth(t *testing.T) {
	for _, c := range []struct {
		s              Sampler
		mean, variance float64
	}{
		{Uniform(0, 1e12), 5e11, 1e24 / 12},
		{Exponential(1e12), 1e12, 1e24},
		{Normal(1e12, 1e11), 1e12, 1e22},
		{Pareto(1e12, Ratio{4, 1}, 0), 4e12 / 3, 1e24 * 4 / (9 * 2)},
		{Pareto(1e12, Ratio{4, 1}, 2e12), 1e12 * (4 - .125) / 3, 0},
		{Pareto(1e12, Ratio{1, 1}, 2e12), 1e12 * (1 + math.Ln2), 0},
	} {
		var mean, square, all float64
		eachTail(func(word uint64, part float64) {
			x := float64(c.s.Sample(word))
			mean += part * x
			square += part * x * x
			all += part
		})
		if math.Abs(all-1) > 1e-12 {
			t.Fatalf("the parts sum to %g", all)
		}
		variance := square - mean*mean
		if math.Abs(mean-c.mean) > c.mean*1e-3 {
			t.Errorf("%s: mean %g, want %g", c.s, mean, c.mean)
		}
		if got := meanOf(c.s); math.Abs(got-c.mean) > c.mean*1e-9 {
			t.Errorf("%s: said mean %g, want %g", c.s, got, c.mean)
		}
		if c.variance != 0 && math.Abs(variance-c.variance) > c.variance*1e-3 {
			t.Errorf("%s: variance %g, want %g", c.s, variance, c.variance)
		}
	}
}

func drawSampler(t *rapid.T, depth int) Sampler {
	v := func(name string) int64 {
		return rapid.OneOf(rapid.Int64(), rapid.Int64Range(-10, 10), rapid.Int64Range(0, 1e12)).Draw(t, name)
	}
	size := func(name string) int64 { return max(v(name), -math.MaxInt64) & math.MaxInt64 }
	kinds := 7
	if depth == 0 {
		kinds = 6
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return Constant(v("v"))
	case 1:
		a, b := v("a"), v("b")
		return Uniform(min(a, b), max(a, b))
	case 2:
		return Exponential(size("mean"))
	case 3:
		return Normal(v("mean"), size("dev"))
	case 4:
		shape := Ratio{rapid.Uint64Min(1).Draw(t, "num"), rapid.Uint64Min(1).Draw(t, "den")}
		a, b := size("scale"), size("most")
		return Pareto(min(a, b), shape, max(a, b))
	case 5:
		table := make([]Weighted, rapid.IntRange(1, 9).Draw(t, "values"))
		for i := range table {
			table[i] = Weighted{rapid.Uint64Range(1, math.MaxUint64/16).Draw(t, "weight"), v("value")}
		}
		return Empirical(table...)
	}
	return Bimodal(drawRatio(t), drawSampler(t, depth-1), drawSampler(t, depth-1))
}

// Law: no sample lies outside the bounds, whatever the parameters, and greater
// words give greater samples on every single curve.
func TestSamplesStayWithinBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSampler(t, 2)
		words := rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 9), rapid.Uint64Min(math.MaxUint64-9))
		a, b := words.Draw(t, "a"), words.Draw(t, "b")
		a, b = min(a, b), max(a, b)
		x, y := s.Sample(a), s.Sample(b)
		if min(x, y) < s.Min() || max(x, y) > s.Max() {
			t.Fatalf("%s gives %d and %d, outside [%d, %d]", s, x, y, s.Min(), s.Max())
		}
		switch s.(type) {
		case bimodal, *empirical: // in the order of their table
			return
		}
		if x > y {
			t.Fatalf("%s falls from %d at word %#x to %d at %#x", s, x, a, y, b)
		}
		if m := meanOf(s); !math.IsInf(m, 1) && (m < float64(s.Min())*(1-1e-9)-1 && s.Min() > 0) {
			t.Fatalf("%s: mean %g below the least, %d", s, m, s.Min())
		}
	})
}

// Law: what is printed is read back as the same distribution.
func TestSamplerRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSampler(t, 3)
		wantSame(t, s, nil)
	})
}

type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

func wantSame(t fataler, s Sampler, unit func(string) (int64, error)) {
	t.Helper()
	back, err := ParseSampler(s.String(), unit)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	if back.String() != s.String() || back.Min() != s.Min() || back.Max() != s.Max() {
		t.Fatalf("%s came back as %s", s, back)
	}
	for k := range 64 {
		for _, w := range []uint64{1 << k, ^uint64(1 << k), uint64(k) * 0x9e3779b97f4a7c15} {
			if a, b := s.Sample(w), back.Sample(w); a != b {
				t.Fatalf("%s: word %#x gave %d, then %d", s, w, a, b)
			}
		}
	}
}

func TestParseSampler(t *testing.T) {
	for in, want := range map[string]struct {
		text string
		same Sampler
	}{
		"10ms":                                  {"10ms", Constant(1e7)},
		" 0 ":                                   {"0", Constant(0)},
		"-5ms":                                  {"-5ms", Constant(-5e6)},
		"uniform(1ms, 5ms)":                     {"uniform(1ms, 5ms)", Uniform(1e6, 5e6)},
		"uniform(1ms..5ms)":                     {"uniform(1ms, 5ms)", Uniform(1e6, 5e6)},
		"uniform( 1.5ms .. 2.5ms )":             {"uniform(1.5ms, 2.5ms)", Uniform(1.5e6, 2.5e6)},
		"exponential(10ms)":                     {"exponential(10ms)", Exponential(1e7)},
		"normal(10ms,2ms)":                      {"normal(10ms, 2ms)", Normal(1e7, 2e6)},
		"pareto(1ms, 1.5)":                      {"pareto(1ms, 1.5)", Pareto(1e6, Ratio{3, 2}, 0)},
		"pareto(1ms, 3/2, 10s)":                 {"pareto(1ms, 1.5, 10s)", Pareto(1e6, Ratio{3, 2}, 1e10)},
		"pareto(1ms, 4/3)":                      {"pareto(1ms, 4/3)", Pareto(1e6, Ratio{4, 3}, 0)},
		"pareto(1ms, 10)":                       {"pareto(1ms, 10)", Pareto(1e6, Ratio{10, 1}, 0)},
		"bimodal(10%: 100ms, 1ms)":              {"bimodal(10%: 100ms, 1ms)", Bimodal(Ratio{1, 10}, Constant(1e8), Constant(1e6))},
		"bimodal(0.1:uniform(1s,2s), 1ms)":      {"bimodal(10%: uniform(1s, 2s), 1ms)", Bimodal(Ratio{1, 10}, Uniform(1e9, 2e9), Constant(1e6))},
		"empirical(1ms: 50%, 5ms: 0.3,20ms:.2)": {"empirical(1ms: 50%, 5ms: 30%, 20ms: 20%)", Empirical(Weighted{5, 1e6}, Weighted{3, 5e6}, Weighted{2, 2e7})},
		"empirical(1ms: 1/3, 2ms: 2/3)":         {"empirical(1ms: 1/3, 2ms: 2/3)", Empirical(Weighted{1, 1e6}, Weighted{2, 2e6})},
		"empirical(1ms: 3, 5ms: 1)":             {"empirical(1ms: 75%, 5ms: 25%)", Empirical(Weighted{3, 1e6}, Weighted{1, 5e6})},
		"empirical(1ms: 1)":                     {"empirical(1ms: 1)", Constant(1e6)},
	} {
		s, err := ParseSampler(in, ParseDuration)
		if err != nil {
			t.Errorf("ParseSampler(%q): %v", in, err)
			continue
		}
		if s.String() != want.text {
			t.Errorf("ParseSampler(%q) prints %q, want %q", in, s, want.text)
		}
		for k := range 64 {
			if w := uint64(k+1) * 0x9e3779b97f4a7c15; s.Sample(w) != want.same.Sample(w) {
				t.Errorf("ParseSampler(%q): word %#x gives %d, want %d", in, w, s.Sample(w), want.same.Sample(w))
				break
			}
		}
		wantSame(t, s, ParseDuration)
	}
}

func TestParseSamplerSaysWhatIsAllowed(t *testing.T) {
	deep := strings.Repeat("bimodal(1%: ", 9) + "1ms" + strings.Repeat(", 1ms)", 9)
	for in, want := range map[string]string{
		"":                              `"": want a span such as 250ms, 1.5s or 1m30s, in ns, us, ms, s, m, h or d, or a distribution such as uniform(1ms, 5ms)`,
		"10":                            `"10": want a span such as`,
		"uniform":                       `"uniform": uniform is written uniform(1ms, 5ms)`,
		"unifrom(1ms, 5ms)":             `no distribution "unifrom", did you mean "uniform"?`,
		"Normal(1ms, 5ms)":              `no distribution "Normal", did you mean "normal"?`,
		"exp(1ms)":                      `no distribution "exp", did you mean "exponential"?`,
		"poisson(3)":                    `no distribution "poisson"; there are uniform, exponential, normal, pareto, bimodal, empirical`,
		"uniform(1ms)":                  `uniform is written uniform(1ms, 5ms)`,
		"uniform(1ms, 2ms, 3ms)":        `uniform is written uniform(1ms, 5ms)`,
		"uniform(1ms, )":                `uniform is written uniform(1ms, 5ms)`,
		"uniform(5ms, 1ms)":             `the upper bound 1ms is below the lower, 5ms`,
		"uniform(1ms, 5q)":              `"uniform(1ms, 5q)": "5q": want a span such as`,
		"uniform(1ms, 5ms":              `uniform( is not closed`,
		"uniform(1ms, 5ms))":            `the parentheses of uniform do not match`,
		"uniform(1ms, 5ms)x":            `uniform( is not closed`,
		"exponential(-1ms)":             `exponential: the mean -1ms is below 0`,
		"normal(1ms, -1ms)":             `normal: the deviation -1ms is below 0`,
		"pareto(1ms)":                   `pareto is written pareto(1ms, 1.5)`,
		"pareto(1ms, 0)":                `pareto: shape "0": want a number above 0`,
		"pareto(1ms, -1)":               `pareto: shape "-1": want a number above 0`,
		"pareto(-1ms, 1)":               `pareto: the scale -1ms is below 0`,
		"pareto(1s, 1, 1ms)":            `pareto: the maximum 1ms is below the scale, 1s`,
		"bimodal(2: 1ms, 2ms)":          `bimodal: "2": a probability is at most 1`,
		"bimodal(1ms, 2ms)":             `bimodal is written bimodal(10%: 100ms, 1ms)`,
		"empirical(1ms: 50%, 2ms: 20%)": `empirical: the weights sum to 70%, want 100%`,
		"empirical(1ms: 50%, 2ms: 60%)": `empirical: the weights sum to more than 100%`,
		"empirical(1ms: 0)":             `empirical: the weights sum to 0`,
		"empirical(1ms: 150%, 2ms: 1%)": `empirical: "150%": a probability is at most 1`,
		"empirical(1ms)":                `empirical is written empirical(1ms: 50%, 5ms: 30%, 20ms: 20%)`,
		deep:                            `at most 8 deep`,
		strings.Repeat("x", 1+1<<16):    `at most 65536 bytes long`,
		"empirical(1ms: 18446744073709551615, 2ms: 1)": `the weights sum to 2^64 or more`,
	} {
		if s, err := ParseSampler(in, ParseDuration); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseSampler(%.40q) = %v, %v; want %s", in, s, err, want)
		} else if len(err.Error()) > 300 {
			t.Errorf("ParseSampler(%.40q): an error of %d bytes", in, len(err.Error()))
		}
	}
}

func TestBimodalTakesOneSideAtItsEnds(t *testing.T) {
	for p, want := range map[Ratio]int64{{}: 2, {0, 5}: 2, {1, 1}: 1, {3, 3}: 1} {
		s := Bimodal(p, Constant(1), Constant(2))
		for _, w := range []uint64{0, 1 << 63, math.MaxUint64} {
			if got := s.Sample(w); got != want || s.Min() != want || s.Max() != want || meanOf(s) != float64(want) {
				t.Errorf("%s gives %d in [%d, %d], want %d", s, got, s.Min(), s.Max(), want)
			}
		}
	}
}

func FuzzParseSampler(f *testing.F) {
	for _, s := range someSamplers {
		f.Add(s.String())
	}
	for _, s := range []string{
		"10ms", "uniform(1ms..5ms)", "bimodal(10%: 100ms, bimodal(1/3: 1ms, 0))", "pareto(1ms, 4/3, 10s)",
		"empirical(1ms: 1/3, 2ms: 2/3)", "normal(0, 0)", "exponential(106751d)", "uniform(((", "empirical(:,:)",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		for _, unit := range []func(string) (int64, error){nil, ParseDuration} {
			s, err := ParseSampler(in, unit)
			if err != nil {
				continue
			}
			wantSame(t, s, unit)
			for _, w := range []uint64{0, 1, 1 << 63, math.MaxUint64} {
				if x := s.Sample(w); x < s.Min() || x > s.Max() {
					t.Fatalf("%q gives %d, outside [%d, %d]", in, x, s.Min(), s.Max())
				}
			}
		}
	})
}

func ExampleParseSampler() {
	s, err := ParseSampler("bimodal(10%: 100ms, uniform(1ms..2ms))", ParseDuration)
	if err != nil {
		fmt.Println(err)
		return
	}
	r := SeedOf(1).Rand("alice", 0, "backoff")
	fmt.Println(s, s.Sample(r.At(0, 0)) <= s.Max())
	// Output: bimodal(10%: 100ms, uniform(1ms, 2ms)) true
}
