package des

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseRatio(t *testing.T) {
	for _, c := range []struct {
		in       string
		num, den uint64
		text     string
	}{
		{"0", 0, 0, "0"},
		{"0.000", 0, 0, "0"},
		{"0%", 0, 0, "0"},
		{"0/7", 0, 0, "0"},
		{"0e9", 0, 0, "0"},
		{"1", 1, 1, "1"},
		{"1.000", 1, 1, "1"},
		{"100%", 1, 1, "1"},
		{"7/7", 1, 1, "1"},
		{"10%", 1, 10, "10%"},
		{"0.1", 1, 10, "10%"},
		{".1", 1, 10, "10%"},
		{"10e-2", 1, 10, "10%"},
		{"1/10", 1, 10, "10%"},
		{"0.01%", 1, 10_000, "0.01%"},
		{"99.99%", 9999, 10_000, "99.99%"},
		{"12.5%", 1, 8, "12.5%"},
		{"1e-5", 1, 100_000, "1e-5"},
		{"0.00001234", 617, 50_000_000, "1.234e-5"},
		{"2.5e-3%", 1, 40_000, "2.5e-5"},
		{"2.5E-3%", 1, 40_000, "2.5e-5"},
		{"1/3", 1, 3, "1/3"},
		{"2/6", 1, 3, "1/3"},
		{"1e-19", 1, 10_000_000_000_000_000_000, "1e-19"},
		{"0.5e-19", 1, 0, ""},
		{"1/18446744073709551615", 1, math.MaxUint64, "1/18446744073709551615"},
		{"18446744073709551615/18446744073709551615", 1, 1, "1"},
	} {
		p, err := ParseRatio(c.in)
		if c.text == "" {
			if err == nil {
				t.Errorf("ParseRatio(%q) = %v, want an error", c.in, p)
			}
			continue
		}
		if err != nil || p != (Ratio{c.num, c.den}) || p.String() != c.text {
			t.Errorf("ParseRatio(%q) = %d/%d %q, %v; want %d/%d %q", c.in, p.Num, p.Den, p, err, c.num, c.den, c.text)
		}
	}
	for in, want := range map[string]string{
		"2":       `"2": a probability is at most 1`,
		"101%":    `"101%": a probability is at most 1`,
		"4/3":     `"4/3": a probability is at most 1`,
		"1e400":   `"1e400": a probability is at most 1`,
		"-0.1":    `"-0.1": a probability is at least 0`,
		"1/0":     `"1/0": a fraction of 0 parts is no number`,
		"1e-20":   `"1e-20": has more decimals than can be held exactly (19)`,
		"":        `"": want a number such as 10%, 0.1, 1e-5 or 1/3`,
		"ten":     `"ten": want a number such as 10%, 0.1, 1e-5 or 1/3`,
		"1 %":     `"1 %": want a number such as 10%, 0.1, 1e-5 or 1/3`,
		"1e":      `"1e": want a number such as 10%, 0.1, 1e-5 or 1/3`,
		"0.1.2":   `"0.1.2": want a number such as 10%, 0.1, 1e-5 or 1/3`,
		"NaN":     `"NaN": want a number such as 10%, 0.1, 1e-5 or 1/3`,
		"0x1p-2":  `"0x1p-2": want a number such as 10%, 0.1, 1e-5 or 1/3`,
		"1/3%":    `"1/3%": want two whole numbers below 2^64, such as 1/3`,
		"0.1/0.2": `"0.1/0.2": want two whole numbers below 2^64, such as 1/3`,
	} {
		if p, err := ParseRatio(in); err == nil || err.Error() != want {
			t.Errorf("ParseRatio(%q) = %v, %v; want %s", in, p, err, want)
		}
	}
}

func drawRatio(t *rapid.T) Ratio {
	den := rapid.OneOf(rapid.Uint64Range(1, 20), rapid.Uint64Min(1),
		rapid.SampledFrom([]uint64{10, 100, 1000, 1e6, 1e9, 1e12, 1e19, 1 << 20, 1 << 63, math.MaxUint64})).Draw(t, "den")
	return Ratio{rapid.Uint64Range(0, den).Draw(t, "num"), den}
}

func TestRatioRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawRatio(t)
		back, err := ParseRatio(p.String())
		if err != nil || back != p.lowest() || back.Compare(p) != 0 || back.String() != p.String() {
			t.Fatalf("%d/%d printed as %s came back as %d/%d, %v", p.Num, p.Den, p, back.Num, back.Den, err)
		}
		var q Ratio
		text, _ := p.MarshalText()
		if err := q.UnmarshalText(text); err != nil || q != back {
			t.Fatalf("%s came back as %v, %v", text, q, err)
		}
	})
}

// Law: a decimal is read exactly or not at all.
func TestRatioIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.StringMatching(`[0-9]{0,4}(\.[0-9]{1,12})?(e-?[0-9]{1,2})?`).Draw(t, "number")
		percent := rapid.Bool().Draw(t, "percent")
		want, ok := new(big.Rat).SetString(in)
		text := in
		if percent {
			text += "%"
			if ok {
				want.Quo(want, big.NewRat(100, 1))
			}
		}
		p, err := ParseRatio(text)
		if !ok {
			if err == nil {
				t.Fatalf("%q is %v, want an error", text, p)
			}
			return
		}
		if err != nil {
			if want.Cmp(big.NewRat(1, 1)) <= 0 && want.Denom().IsUint64() {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if got := exactly(p); got.Cmp(want) != 0 {
			t.Fatalf("%q is %s, want %s", text, got, want)
		}
	})
}

func exactly(p Ratio) *big.Rat {
	if p.Den == 0 {
		return new(big.Rat)
	}
	return new(big.Rat).SetFrac(new(big.Int).SetUint64(p.Num), new(big.Int).SetUint64(p.Den))
}

// Law: the threshold is p * 2^64, rounded down; words below it are hits.
func TestThresholdIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawRatio(t)
		word := rapid.Uint64().Draw(t, "word")
		want := new(big.Int).SetUint64(p.Num)
		want.Lsh(want, 64).Quo(want, new(big.Int).SetUint64(p.Den))
		got, always := p.Threshold()
		if always != !want.IsUint64() || !always && got != want.Uint64() {
			t.Fatalf("threshold of %s is %d %t, want %s", p, got, always, want)
		}
		for _, w := range []uint64{word, got, got - 1, 0, math.MaxUint64} {
			if hit := new(big.Int).SetUint64(w).Cmp(want) < 0; p.Hit(w) != hit {
				t.Fatalf("%s hits %d: %t, want %t", p, w, p.Hit(w), hit)
			}
		}
		if !p.IsZero() && got == 0 {
			t.Fatalf("%s never hits", p)
		}
	})
	if (Ratio{5, 3}).Hit(math.MaxUint64) != true || (Ratio{}).Hit(0) {
		t.Error("above 1 must always hit, the zero Ratio never")
	}
}

func TestRatioArithmeticIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q := drawRatio(t), drawRatio(t)
		if got, want := p.Compare(q), exactly(p).Cmp(exactly(q)); got != want {
			t.Fatalf("%s against %s: %d, want %d", p, q, got, want)
		}
		c := exactly(p.Complement())
		if c.Add(c, exactly(p)).Cmp(big.NewRat(1, 1)) != 0 {
			t.Fatalf("%s and its complement %s make %s", p, p.Complement(), c)
		}
		if f, _ := exactly(p).Float64(); math.Abs(float(p)-f) > f*1e-15 {
			t.Fatalf("%s as a float is %g, want %g", p, float(p), f)
		}
	})
	if (Ratio{}).Compare(Ratio{0, 5}) != 0 || (Ratio{}).Compare(Ratio{1, 2}) >= 0 || (Ratio{}).Complement() != (Ratio{1, 1}) {
		t.Error("the zero Ratio is not 0")
	}
}

func TestHitsComeAsOftenAsTheyShould(t *testing.T) {
	r := testRand(t)
	hits := func(p Ratio) func() float64 {
		return func() float64 {
			if r.Hit(p) {
				return 1
			}
			return 0
		}
	}
	for _, text := range []string{"0.1%", "1%", "10%", "1/3", "50%", "90%", "99.9%"} {
		p, err := ParseRatio(text)
		if err != nil {
			t.Fatal(err)
		}
		f := float(p)
		deviation := math.Sqrt(f * (1 - f))
		wantGreen(t, text, near(200_000, hits(p), f, deviation))
		if f > 0.05 && f < 0.95 {
			biased, err := ParseRatio(Ratio{p.Num * 105, p.Den * 100}.String())
			if err != nil {
				t.Fatal(err)
			}
			wantRed(t, text, near(200_000, hits(biased), f, deviation))
		}
	}
}

func FuzzParseRatio(f *testing.F) {
	for _, s := range []string{"10%", "0.1", "1e-5", "2.5e-3%", "1/3", "0", "1", "2", "-1", "1e99999", strings.Repeat("0", 99) + ".1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		p, err := ParseRatio(in)
		if err != nil {
			return
		}
		if p.Num > p.Den {
			t.Fatalf("%q is above 1: %d/%d", in, p.Num, p.Den)
		}
		if back, err := ParseRatio(p.String()); err != nil || back != p {
			t.Fatalf("%q printed as %s came back as %d/%d, %v", in, p, back.Num, back.Den, err)
		}
		if want, ok := new(big.Rat).SetString(in); ok && len(in) < 40 && !strings.Contains(in, "/") && exactly(p).Cmp(want) != 0 {
			t.Fatalf("%q is %s, want %s", in, exactly(p), want)
		}
	})
}
