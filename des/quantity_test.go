package des

import (
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"example.com/dsim/clock"
)

func TestParseDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"0":                     0,
		"-0":                    0,
		"0s":                    0,
		"10ms":                  10 * time.Millisecond,
		"1.5s":                  1500 * time.Millisecond,
		".5s":                   500 * time.Millisecond,
		"2h":                    2 * time.Hour,
		"1d":                    24 * time.Hour,
		"0.1d":                  144 * time.Minute,
		"1m30s":                 90 * time.Second,
		"1h0m0.5s":              time.Hour + 500*time.Millisecond,
		"-2h":                   -2 * time.Hour,
		"-1m30s":                -90 * time.Second,
		"250us":                 250 * time.Microsecond,
		"250µs":                 250 * time.Microsecond,
		"250μs":                 250 * time.Microsecond,
		"1.000000000s":          time.Second,
		"0.000000001s":          1,
		"9223372036854775807ns": math.MaxInt64,
		"9223372036.854775807s": math.MaxInt64,
		"106751d":               106751 * 24 * time.Hour,
	} {
		if got, err := ParseDuration(in); err != nil || got != int64(want) {
			t.Errorf("ParseDuration(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"":                      `"": want a span such as 250ms, 1.5s or 1m30s, in ns, us, ms, s, m, h or d`,
		"5":                     `"5": want a span such as`,
		"5 ms":                  `"5 ms": want a span such as`,
		"ms":                    `"ms": want a span such as`,
		"1.s":                   `"1.s": want a span such as`,
		"1e3s":                  `"1e3s": want a span such as`,
		"--1s":                  `"--1s": want a span such as`,
		"1s-1ms":                `"1s-1ms": want a span such as`,
		"1ms1s":                 `"1ms1s": want a span such as`,
		"1s1s":                  `"1s1s": want a span such as`,
		"1us1µs":                `"1us1µs": want a span such as`,
		"1sec":                  `"1sec": want a span such as`,
		"+1s":                   `"+1s": want a span such as`,
		"inf":                   `"inf": want a span such as`,
		"1.5ns":                 `"1.5ns": a span is a whole number of nanoseconds`,
		"0.0000000001s":         `"0.0000000001s": a span is a whole number of nanoseconds`,
		"9223372036854775808ns": `"9223372036854775808ns": a span is at most 2562047h47m16.854775807s`,
		"106752d":               `"106752d": a span is at most`,
		"106751d1000h":          `"106751d1000h": a span is at most`,
		"106751d2562100h":       `"106751d2562100h": a span is at most`, // the sum passes 2^64
		"18446744073709551615d": `"18446744073709551615d": a span is at most`,
	} {
		if got, err := ParseDuration(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseDuration(%q) = %d, %v; want %s", in, got, err, want)
		}
	}
}

func TestFormatDuration(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": 0, "1h": time.Hour, "10m": 10 * time.Minute, "1h10m": 70 * time.Minute, "10h": 10 * time.Hour,
		"1h0m5s": time.Hour + 5*time.Second, "1m30s": 90 * time.Second, "1.5ms": 1500 * time.Microsecond,
		"-2h": -2 * time.Hour, "1m40s": 100 * time.Second, "20s": 20 * time.Second,
	} {
		if got := FormatDuration(int64(d)); got != want {
			t.Errorf("FormatDuration(%d) = %s, want %s", d, got, want)
		}
	}
}

// A quantity is one of the kinds of numbers with units, as rapid tests see it.
type quantity struct {
	name   string
	units  map[string]int64
	draw   *rapid.Generator[int64] // a value, as an int64 of the same bits
	parse  func(string) (int64, error)
	format func(int64) string
	most   *big.Int
	signed bool
}

var quantities = []quantity{
	{
		"duration",
		map[string]int64{"d": 24 * 3600e9, "h": 3600e9, "m": 60e9, "s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1},
		rapid.Int64Min(-math.MaxInt64), ParseDuration, FormatDuration, big.NewInt(math.MaxInt64), true,
	}, {
		"rate",
		map[string]int64{"Gbit": 1e9, "Mbit/s": 1e6, "kbit": 1e3, "bit/s": 1, "MB/s": 8e6, "kB/s": 8e3},
		unsigned, func(s string) (int64, error) { x, err := ParseRate(s); return int64(x), err },
		func(x int64) string { return FormatRate(uint64(x)) }, new(big.Int).SetUint64(math.MaxUint64), false,
	}, {
		"size",
		map[string]int64{"GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10, "GB": 1e9, "MB": 1e6, "kB": 1e3, "B": 1, "": 1},
		unsigned, func(s string) (int64, error) { x, err := ParseSize(s); return int64(x), err },
		func(x int64) string { return FormatSize(uint64(x)) }, new(big.Int).SetUint64(math.MaxUint64), false,
	}, {
		"drift",
		map[string]int64{"ppm": 1000, "ppb": 1},
		rapid.Int64Range(-int64(clock.DriftMax), int64(clock.DriftMax)),
		func(s string) (int64, error) { x, err := ParseDrift(s); return int64(x), err },
		func(x int64) string { return FormatDrift(clock.Drift(x)) }, big.NewInt(int64(clock.DriftMax)), true,
	},
}

var unsigned = rapid.Custom(func(t *rapid.T) int64 {
	base := rapid.SampledFrom([]uint64{1, 1000, 1024, 8000, 1 << 20, 1e9}).Draw(t, "unit")
	return int64(rapid.Uint64Range(0, math.MaxUint64/base).Draw(t, "n") * base)
})

// Law: what is printed is read back as the same.
func TestQuantitiesRoundTrip(t *testing.T) {
	for _, q := range quantities {
		t.Run(q.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				x := q.draw.Draw(t, "x")
				text := q.format(x)
				if back, err := q.parse(text); err != nil || back != x {
					t.Fatalf("%d printed as %s came back as %d, %v", x, text, back, err)
				}
			})
		})
	}
}

// Law: a quantity is read exactly or not at all.
func TestQuantitiesAreExact(t *testing.T) {
	for _, q := range quantities {
		names := slices.Sorted(maps.Keys(q.units))
		t.Run(q.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				number := rapid.StringMatching(`[0-9]{1,18}(\.[0-9]{0,3}[1-9]0{0,3})?`).Draw(t, "number")
				unit := rapid.SampledFrom(names).Draw(t, "unit")
				text := number + unit
				want, _ := new(big.Rat).SetString(number)
				want.Mul(want, new(big.Rat).SetInt64(q.units[unit]))
				negative := rapid.Bool().Draw(t, "negative")
				if negative {
					text = "-" + text
				}
				possible := want.IsInt() && want.Num().Cmp(q.most) <= 0 && (q.signed || !negative)
				got, err := q.parse(text)
				if digits := strings.Replace(number, ".", "", 1); err != nil && len(digits) > 19 {
					return // more digits than are held on the way
				}
				if possible != (err == nil) {
					t.Fatalf("%q is %d, %v; want %s", text, got, err, want.RatString())
				}
				if !possible {
					return
				}
				if negative {
					got = -got
				}
				if uint64(got) != want.Num().Uint64() {
					t.Fatalf("%q is %d, want %s", text, got, want.RatString())
				}
			})
		})
	}
}

func TestQuantitiesAreWrittenAsPeopleDo(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{FormatRate(0), "0bit"},
		{FormatRate(9600), "9600bit"},
		{FormatRate(100_000_000), "100Mbit"},
		{FormatRate(1_500_000), "1500kbit"},
		{FormatRate(1_000_000_000), "1Gbit"},
		{FormatSize(0), "0B"},
		{FormatSize(1500), "1500B"},
		{FormatSize(65536), "64KiB"},
		{FormatSize(10_000), "10kB"},
		{FormatSize(1 << 20), "1MiB"},
		{FormatSize(1_000_000), "1MB"},
		{FormatDrift(0), "0ppb"},
		{FormatDrift(50_000), "50ppm"},
		{FormatDrift(-200), "-200ppb"},
		{FormatDrift(-50_000), "-50ppm"},
		{FormatDrift(clock.DriftMax), "500000ppm"},
	} {
		if c.got != c.want {
			t.Errorf("printed %s, want %s", c.got, c.want)
		}
	}
}

func TestQuantitiesSayWhatIsAllowed(t *testing.T) {
	rate := func(s string) error { _, err := ParseRate(s); return err }
	size := func(s string) error { _, err := ParseSize(s); return err }
	drift := func(s string) error { _, err := ParseDrift(s); return err }
	for _, c := range []struct {
		parse    func(string) error
		in, want string
	}{
		{rate, "100", `"100": want a rate such as 100Mbit or 10MB/s, in bit, kbit, Mbit, Gbit or Tbit, or in B/s, kB/s, MB/s or GB/s`},
		{rate, "100mbit", `"100mbit": want a rate such as`},
		{rate, "10MB", `"10MB": want a rate such as`},
		{rate, "-1bit", `"-1bit": want a rate such as`},
		{rate, "", `"": want a rate such as`},
		{rate, "0.5bit", `"0.5bit": a rate is a whole number of bits a second`},
		{rate, "18446745Tbit", `"18446745Tbit": a rate is below 2^64 bits a second`},
		{size, "10kb", `"10kb": want a size such as 1500B or 64KiB, in B, kB, MB, GB or TB, or in KiB, MiB, GiB or TiB`},
		{size, "-1", `"-1": want a size such as`},
		{size, "1.5", `"1.5": a size is a whole number of bytes`},
		{size, "0.1KiB", `"0.1KiB": a size is a whole number of bytes`},
		{size, "16777216TiB", `"16777216TiB": a size is below 2^64 bytes`},
		{drift, "50", `"50": want a drift such as 50ppm or -200ppb`},
		{drift, "--5ppm", `"--5ppm": want a drift such as`},
		{drift, "0.5ppb", `"0.5ppb": a drift is a whole number of ppb`},
		{drift, "500001ppm", `"500001ppm": a drift is at most 500000ppm either way`},
		{drift, "-500000001ppb", `"-500000001ppb": a drift is at most 500000ppm either way`},
		{drift, strings.Repeat("9", 15) + "000000ppm", `want a drift such as`},
		{drift, "99999999999999999ppm", `a drift is at most 500000ppm either way`},
	} {
		if err := c.parse(c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v; want %s", c.in, err, c.want)
		}
	}
}

func TestQuoteCutsWhatIsLong(t *testing.T) {
	if got := quote(strings.Repeat("x", 100)); len(got) > 80 || !strings.HasSuffix(got, "…") {
		t.Errorf("got %s", got)
	}
}

func FuzzParseQuantity(f *testing.F) {
	for _, s := range []string{"0", "10ms", "1m30s", "-1.5h", "9223372036854775808ns", "100Mbit", "1.5MB/s", "64KiB", "1500", "-200ppb", "1..5s", "µs"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		for _, q := range quantities {
			x, err := q.parse(in)
			if err != nil {
				continue
			}
			if back, err := q.parse(q.format(x)); err != nil || back != x {
				t.Fatalf("%s %q: %d printed as %s came back as %d, %v", q.name, in, x, q.format(x), back, err)
			}
		}
	})
}
