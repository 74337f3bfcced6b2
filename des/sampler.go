package des

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

//go:generate go run sampler_gen.go

// Sampler is a distribution of whole numbers: of spans in nanoseconds, of
// sizes in bytes. A sample is a function of one word drawn at random, in
// integers only, so that every machine gives the same: the functions that
// other simulators take from a mathematics library, whose last bit differs
// between processors, are tables here, of more resolution than a run can tell.
//
// Results that do not fit an int64 are the nearest that does. A sampler of
// spans may give negative ones (Normal does): Min says so, and what becomes of
// them is the caller's business.
type Sampler interface {
	Sample(word uint64) int64
	String() string // as ParseSampler reads it
	Min() int64     // the least there can be
	Max() int64     // the greatest there can be
}

// fixedPoint is how many bits of the tables are behind the point.
const fixedPoint = 56

// Constant gives v, always.
func Constant(v int64) Sampler { return constant{v, integer(v)} }

type constant struct {
	v    int64
	text string
}

func (s constant) Sample(uint64) int64 { return s.v }
func (s constant) String() string      { return s.text }
func (s constant) Min() int64          { return s.v }
func (s constant) Max() int64          { return s.v }

// Uniform gives every number from lo to hi, both included, equally often. It
// panics if hi is below lo.
func Uniform(lo, hi int64) Sampler {
	if hi < lo {
		panic("des: Uniform: hi is below lo")
	}
	return uniform{lo, hi, call("uniform", integer(lo), integer(hi))}
}

type uniform struct {
	lo, hi int64
	text   string
}

func (s uniform) Sample(word uint64) int64 { return between(word, s.lo, s.hi) }
func (s uniform) String() string           { return s.text }
func (s uniform) Min() int64               { return s.lo }
func (s uniform) Max() int64               { return s.hi }

// Exponential gives the gaps of events that happen at random, one each mean.
// The greatest sample is some 45 times the mean. It panics if mean is negative.
func Exponential(mean int64) Sampler {
	if mean < 0 {
		panic("des: Exponential: the mean is negative")
	}
	return exponential{mean, call("exponential", integer(mean))}
}

type exponential struct {
	mean int64
	text string
}

func (s exponential) Sample(word uint64) int64 {
	e, _ := bits.Mul64(minusLog2(word), ln2)
	return scaled(s.mean, e)
}
func (s exponential) String() string { return s.text }
func (s exponential) Min() int64     { return s.Sample(0) }
func (s exponential) Max() int64     { return s.Sample(math.MaxUint64) }

// Normal gives the bell curve about mean with standard deviation dev. Samples
// lie within 9.3 deviations either way, those below the mean negative where the
// deviation is great enough. It panics if dev is negative.
func Normal(mean, dev int64) Sampler {
	if dev < 0 {
		panic("des: Normal: the deviation is negative")
	}
	return normal{mean, dev, call("normal", integer(mean), integer(dev))}
}

type normal struct {
	mean, dev int64
	text      string
}

func (s normal) Sample(word uint64) int64 {
	above := word>>63 != 0
	if above {
		word = ^word
	}
	d := scaled(s.dev, quantile(word))
	if !above {
		d = -d
	}
	return sum(s.mean, d)
}
func (s normal) String() string { return s.text }
func (s normal) Min() int64     { return s.Sample(0) }
func (s normal) Max() int64     { return s.Sample(math.MaxUint64) }

// Pareto gives the long tail of file sizes and of congested paths: a sample is
// above x, for x from scale up, with the chance (scale/x)^shape. The shape may
// be above 1, and should be: at 1 and below there is no mean, at 2 and below no
// variance. What is above most is most; 0 is no such bound. It panics if scale
// is negative, shape is 0 or most is below scale.
func Pareto(scale int64, shape Ratio, most int64) Sampler {
	switch {
	case scale < 0:
		panic("des: Pareto: the scale is negative")
	case shape.IsZero():
		panic("des: Pareto: the shape is 0")
	case most != 0 && most < scale:
		panic("des: Pareto: the maximum is below the scale")
	}
	args := []string{integer(scale), shapeText(shape)}
	if most != 0 {
		args = append(args, integer(most))
	}
	return newPareto(scale, shape, most, call("pareto", args...))
}

func newPareto(scale int64, shape Ratio, most int64, text string) Sampler {
	if most == 0 {
		most = math.MaxInt64
	}
	return pareto{scale, most, shape.lowest(), text}
}

type pareto struct {
	scale, most int64
	shape       Ratio
	text        string
}

func (s pareto) Sample(word uint64) int64 {
	// scale * 2^x, where x is the binary logarithm of the tail over the shape.
	hi, lo := bits.Mul64(minusLog2(word), s.shape.Den)
	if hi >= s.shape.Num {
		return s.bound(math.MaxInt64)
	}
	x, _ := bits.Div64(hi, lo, s.shape.Num)
	return s.bound(shifted(s.scale, x))
}

func (s pareto) bound(x int64) int64 {
	if s.scale == 0 {
		return 0
	}
	return min(x, s.most)
}
func (s pareto) String() string { return s.text }
func (s pareto) Min() int64     { return s.Sample(0) }
func (s pareto) Max() int64     { return s.Sample(math.MaxUint64) }

// Bimodal gives a sample of a with probability p, else one of b: a path that is
// mostly fast.
func Bimodal(p Ratio, a, b Sampler) Sampler {
	return newBimodal(p, a, b)
}

func newBimodal(p Ratio, a, b Sampler) Sampler {
	p = p.lowest()
	t, always := p.Threshold()
	return bimodal{p, t, always, a, b}
}

type bimodal struct {
	p      Ratio
	t      uint64
	always bool
	a, b   Sampler
}

// Sample divides the words below and above the threshold up anew, so that one
// word makes both decisions.
func (s bimodal) Sample(word uint64) int64 {
	switch {
	case s.always || s.t == 0:
		return s.only().Sample(word)
	case word < s.t:
		w, _ := bits.Div64(word, 0, s.t)
		return s.a.Sample(w)
	}
	w, _ := bits.Div64(word-s.t, 0, -s.t) // 2^64 - t words are left
	return s.b.Sample(w)
}

// only is the one of the two that is ever taken.
func (s bimodal) only() Sampler {
	if s.always {
		return s.a
	}
	return s.b
}

func (s bimodal) both() bool { return !s.always && s.t != 0 }

func (s bimodal) String() string {
	return call("bimodal", s.p.String()+": "+s.a.String(), s.b.String())
}

func (s bimodal) Min() int64 {
	if !s.both() {
		return s.only().Min()
	}
	return min(s.a.Min(), s.b.Min())
}

func (s bimodal) Max() int64 {
	if !s.both() {
		return s.only().Max()
	}
	return max(s.a.Max(), s.b.Max())
}

// Weighted is a value of an empirical distribution and how often it comes, as
// its part of the sum of all weights.
type Weighted struct {
	Weight uint64
	Value  int64
}

// Empirical gives the values of a table, each as often as its weight says. It
// panics if the weights sum to 0 or to 2⁶⁴ and more.
func Empirical(table ...Weighted) Sampler {
	s, err := newEmpirical(table, nil)
	if err != nil {
		panic("des: Empirical: " + err.Error())
	}
	return s
}

// newEmpirical takes the texts of the values, if they are not to be printed as
// plain numbers.
func newEmpirical(table []Weighted, texts []string) (Sampler, error) {
	var total, carry uint64
	for _, w := range table {
		if total, carry = bits.Add64(total, w.Weight, 0); carry != 0 {
			return nil, fmt.Errorf("the weights sum to 2^64 or more")
		}
	}
	if total == 0 {
		return nil, fmt.Errorf("the weights sum to 0")
	}
	s := &empirical{lo: math.MaxInt64, hi: math.MinInt64}
	var args []string
	var below uint64
	for i, w := range table {
		text := integer(w.Value)
		if texts != nil {
			text = texts[i]
		}
		p := Ratio{w.Weight, total}
		args = append(args, text+": "+p.String())
		if w.Weight == 0 {
			continue
		}
		below += w.Weight
		t, _ := Ratio{below, total}.Threshold() // of the last: all words
		s.steps = append(s.steps, step{t, w.Value})
		s.lo, s.hi = min(s.lo, w.Value), max(s.hi, w.Value)
	}
	s.text = call("empirical", args...)
	return s, nil
}

type empirical struct {
	steps  []step
	lo, hi int64
	text   string
}

// step is a value and the threshold below which words stand for it, or for the
// values before it.
type step struct {
	below uint64
	value int64
}

func (s *empirical) Sample(word uint64) int64 {
	lo, hi := 0, len(s.steps)-1
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if word < s.steps[mid].below {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return s.steps[lo].value
}
func (s *empirical) String() string { return s.text }
func (s *empirical) Min() int64     { return s.lo }
func (s *empirical) Max() int64     { return s.hi }

// minusLog2 is -log2 of (^word + 1/2) / 2^64, the chance that another word is
// above this one: from 0 for the least word to 65 for the greatest, in units of
// 2^-56. The zeros before the chance's first one bit are counted, what follows
// it is looked up.
func minusLog2(word uint64) uint64 {
	v := ^word
	n := bits.LeadingZeros64(v)
	f := (v<<1 | 1) << n // the chance is (1 + f/2^64) / 2^(n+1)
	i := f >> 54
	d, _ := bits.Mul64(log2Table[i+1]-log2Table[i], f<<10)
	return uint64(n+1)<<fixedPoint - log2Table[i] - d
}

// shifted is v * 2^x for x in units of 2^-56.
func shifted(v int64, x uint64) int64 {
	n, f := x>>fixedPoint, x<<(64-fixedPoint)
	if n > 62 {
		return math.MaxInt64
	}
	i := f >> 54
	d, _ := bits.Mul64(exp2Table[i+1]-exp2Table[i], f<<10)
	hi, lo := bits.Mul64(uint64(v), exp2Table[i]+d) // in units of 2^-62
	return descaled(hi, lo, uint(62-n))
}

// quantile is how many deviations a normal variable exceeds with the chance
// (word + 1/2) / 2^64, for words below 2^63, in units of 2^-56.
func quantile(word uint64) uint64 {
	v := word<<1 | 1
	n := bits.LeadingZeros64(v)
	f := v << n << 1
	i := f >> 59
	octave := &normalTable[n]
	d, _ := bits.Mul64(octave[i]-octave[i+1], f<<5)
	return octave[i] - d
}

// scaled is v * x for x in units of 2^-56, to the nearest.
func scaled(v int64, x uint64) int64 {
	hi, lo := bits.Mul64(uint64(v), x)
	return descaled(hi, lo, fixedPoint)
}

// descaled is hi:lo / 2^n to the nearest, n at most 62, or the greatest there
// is.
func descaled(hi, lo uint64, n uint) int64 {
	if n > 0 {
		var carry uint64
		lo, carry = bits.Add64(lo, 1<<(n-1), 0)
		hi += carry
	}
	if hi>>n != 0 {
		return math.MaxInt64
	}
	return int64(min(hi<<(64-n)|lo>>n, math.MaxInt64))
}

// sum is a + b, kept within bounds.
func sum(a, b int64) int64 {
	s := a + b
	switch {
	case b > 0 && s < a:
		return math.MaxInt64
	case b < 0 && s > a:
		return math.MinInt64
	}
	return s
}

func integer(v int64) string { return strconv.FormatInt(v, 10) }

// call writes name(a, b).
func call(name string, args ...string) string {
	return name + "(" + strings.Join(args, ", ") + ")"
}
