package des

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// Law: Gap and Survive are exact inverses, and Survive never rises.
func TestGapAndSurviveAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.Custom(drawRatio).Draw(t, "p")
		g := NewGeometric(p)
		word := rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 1000), rapid.Uint64Min(math.MaxUint64-1000)).Draw(t, "word")
		n := rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(1, 100), rapid.Uint64Range(1, 1<<40)).Draw(t, "n")
		gap := g.Gap(word)
		agree := func(n uint64) {
			if clear := g.Clear(word, n); clear != (gap >= n) {
				t.Fatalf("p %s, word %d: gap %d, but Clear(%d) is %t", p, word, gap, n, clear)
			}
			if below := word < g.Survive(n); n > 0 && !p.IsZero() && below != (gap >= n) {
				t.Fatalf("p %s, word %d: gap %d, Survive(%d) is %d", p, word, gap, n, g.Survive(n))
			}
			if n < math.MaxUint64 && g.Survive(n+1) > g.Survive(n) {
				t.Fatalf("p %s: Survive rises from %d to %d at %d", p, g.Survive(n), g.Survive(n+1), n)
			}
		}
		agree(n)
		agree(0)
		agree(gap)
		if gap > 0 {
			agree(gap - 1)
		}
		if gap < math.MaxUint64 {
			agree(gap + 1)
		}
	})
}

// However the powers were rounded, S does not rise: here S(4) is more than S(2)
// and S(1) make.
func TestRoundingCannotPartGapAndSurvive(t *testing.T) {
	g := &Geometric{powers: []fraction{{1 << 63, 0}, {1 << 62, 0}, {1<<62 - 1<<60, 0}}}
	for n := range uint64(9) {
		for _, word := range []uint64{0, 1 << 59, 1 << 60, 1 << 61, 1<<62 - 1<<60 - 1, 1<<62 - 1<<60, 1<<62 - 1, 1 << 62, 1 << 63} {
			gap := g.Gap(word)
			if g.Clear(word, n) != (gap >= n) || n > 0 && (word < g.Survive(n)) != (gap >= n) {
				t.Errorf("word %#x: gap %d, but Survive(%d) is %#x", word, gap, n, g.Survive(n))
			}
		}
		if g.Survive(n+1) > g.Survive(n) {
			t.Errorf("Survive rises from %#x to %#x at %d", g.Survive(n), g.Survive(n+1), n)
		}
	}
}

// Law: products of fractions are exact, rounded down to 2^-128.
func TestFractionsMultiplyExactly(t *testing.T) {
	whole := func(f fraction) *big.Int {
		x := new(big.Int).SetUint64(f.hi)
		return x.Lsh(x, 64).Add(x, new(big.Int).SetUint64(f.lo))
	}
	words := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{0, 1, 1 << 63, math.MaxUint64}))
	rapid.Check(t, func(t *rapid.T) {
		a := fraction{words.Draw(t, "a.hi"), words.Draw(t, "a.lo")}
		b := fraction{words.Draw(t, "b.hi"), words.Draw(t, "b.lo")}
		want := whole(a)
		want.Mul(want, whole(b)).Rsh(want, 128)
		if got := whole(a.mul(b)); got.Cmp(want) != 0 {
			t.Fatalf("%x times %x is %x, want %x", a, b, got, want)
		}
	})
}

// Law: Survive(n) is (1-p)^n.
func TestSurviveIsThePower(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Ratio{1, rapid.Uint64Range(2, 1e15).Draw(t, "1/p")}
		n := rapid.Uint64Range(1, 40*p.Den).Draw(t, "n")
		want := math.Exp(float64(n) * math.Log1p(-float(p)))
		got := float64(NewGeometric(p).Survive(n)) / (1 << 64)
		if math.Abs(got-want) > want*1e-12+0x1p-63 {
			t.Fatalf("(1-%s)^%d is %g, want %g", p, n, got, want)
		}
	})
}

func TestGeometricAtItsEnds(t *testing.T) {
	never, always := NewGeometric(Ratio{}), NewGeometric(Ratio{1, 1})
	for _, word := range []uint64{0, 1 << 63, math.MaxUint64} {
		if never.Gap(word) != math.MaxUint64 || !never.Clear(word, math.MaxUint64) {
			t.Errorf("word %d: what never happens happened", word)
		}
		if always.Gap(word) != 0 || always.Clear(word, 1) || !always.Clear(word, 0) {
			t.Errorf("word %d: what always happens did not", word)
		}
	}
	rare := NewGeometric(Ratio{1, math.MaxUint64})
	if got := rare.Gap(0); got != math.MaxUint64 {
		t.Errorf("the greatest gap of p = 2^-64 is %d, want it saturated", got)
	}
	if got := NewGeometric(Ratio{1, 2}).Gap(0); got != 63 && got != 64 {
		t.Errorf("the greatest gap of p = 1/2 is %d", got)
	}
	if a, b := NewGeometric(Ratio{1, 2}).Survive(3), uint64(1)<<61; a != b {
		t.Errorf("three failures of p = 1/2 have chance %d, want %d", a, b)
	}
}

func TestGapsAreAsLongAsTheyShould(t *testing.T) {
	r := testRand(t)
	for _, text := range []string{"1e-9", "1e-6", "0.1%", "1%", "20%"} {
		p, err := ParseRatio(text)
		if err != nil {
			t.Fatal(err)
		}
		f := float(p)
		gap := func(g *Geometric) func() float64 { return func() float64 { return float64(g.Gap(r.Uint64())) } }
		good := NewGeometric(p)
		bad := NewGeometric(Ratio{p.Num * 105, p.Den * 100})
		mean, deviation := (1-f)/f, math.Sqrt(1-f)/f
		wantGreen(t, text, near(60_000, gap(good), mean, deviation))
		wantRed(t, text, near(60_000, gap(bad), mean, deviation))
		if f < 1e-4 { // fine enough to count as continuous
			cdf := func(x float64) float64 { return -math.Expm1((x + 0.5) * math.Log1p(-f)) }
			wantGreen(t, text, follows(60_000, gap(good), cdf))
			wantRed(t, text, follows(60_000, gap(bad), cdf))
		}
	}
}

// The damage that skips find is that of single bits, each judged for itself.
func TestSkippingIsJudgingEachBit(t *testing.T) {
	p := Ratio{1, 50}
	g, r := NewGeometric(p), testRand(t)
	const frames, frameBits = 4000, 100
	skipped, judged := make([]int, 8), make([]int, 8)
	for range frames {
		n := 0
		for at := g.Gap(r.Uint64()); at < frameBits; at += 1 + g.Gap(r.Uint64()) {
			n++
		}
		skipped[min(n, 7)]++
		n = 0
		for range frameBits {
			if r.Hit(p) {
				n++
			}
		}
		judged[min(n, 7)]++
	}
	expected := make([]float64, 8)
	rest := 1.0
	for k := range 7 {
		c := 1.0
		for i := range k {
			c *= float64(frameBits-i) / float64(i+1)
		}
		chance := c * math.Pow(0.02, float64(k)) * math.Pow(0.98, float64(frameBits-k))
		expected[k] = frames * chance
		rest -= chance
	}
	expected[7] = frames * rest
	wantGreen(t, fmt.Sprint("skipped ", skipped), evenly(skipped, expected))
	wantGreen(t, fmt.Sprint("judged ", judged), evenly(judged, expected))
}
