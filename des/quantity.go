package des

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"example.com/dsim/clock"
)

// A unit is the name of a unit and how many of the smallest one it is.
type unit struct {
	name string
	size uint64
}

// The units that people may write, the greatest first: that is the order in
// which they are tried for printing.
var (
	durationUnits = []unit{
		{"d", 24 * 3600e9}, {"h", 3600e9}, {"m", 60e9}, {"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"µs", 1e3}, {"μs", 1e3}, {"ns", 1},
	}
	rateUnits = []unit{
		{"Tbit", 1e12},
		{"Gbit", 1e9},
		{"Mbit", 1e6},
		{"kbit", 1e3},
		{"bit", 1},
		{"Tbit/s", 1e12},
		{"Gbit/s", 1e9},
		{"Mbit/s", 1e6},
		{"kbit/s", 1e3},
		{"bit/s", 1},
		{"GB/s", 8e9},
		{"MB/s", 8e6},
		{"kB/s", 8e3},
		{"B/s", 8},
	}
	sizeUnits = []unit{
		{"TiB", 1 << 40},
		{"GiB", 1 << 30},
		{"MiB", 1 << 20},
		{"KiB", 1 << 10},
		{"TB", 1e12},
		{"GB", 1e9},
		{"MB", 1e6},
		{"kB", 1e3},
		{"B", 1},
		{"", 1},
	}
	driftUnits = []unit{{"ppm", 1000}, {"ppb", 1}}
)

var (
	errNotNumber = errors.New("not a number")
	errRange     = errors.New("out of range")
	errFine      = errors.New("too fine")
)

// ParseDuration reads a span, exactly: "10ms", "1.5s", "1m30s", "-2h", "1d" or
// "0". Parts of a span of several units get smaller from left to right.
func ParseDuration(s string) (int64, error) {
	bad := func() error {
		return fmt.Errorf("%s: want a span such as 250ms, 1.5s or 1m30s, in ns, us, ms, s, m, h or d", quote(s))
	}
	text, neg := strings.CutPrefix(s, "-")
	if text == "0" {
		return 0, nil
	}
	var total uint64
	last := uint64(math.MaxUint64)
	for more := true; more; more = text != "" {
		d, rest, ok := parseDecimal(text)
		if !ok || d.neg {
			return 0, bad()
		}
		end := strings.IndexFunc(rest, func(r rune) bool { return '0' <= r && r <= '9' || r == '.' })
		if end < 0 {
			end = len(rest)
		}
		u, ok := findUnit(durationUnits, rest[:end])
		if !ok || u.size >= last {
			return 0, bad()
		}
		last, text = u.size, rest[end:]
		x, err := d.times(u.size)
		total += x // both are below 2^63
		switch {
		case errors.Is(err, errFine):
			return 0, fmt.Errorf("%s: a span is a whole number of nanoseconds", quote(s))
		case err != nil || x > math.MaxInt64 || total > math.MaxInt64:
			return 0, fmt.Errorf("%s: a span is at most %s", quote(s), FormatDuration(math.MaxInt64))
		}
	}
	if neg {
		return -int64(total), nil
	}
	return int64(total), nil
}

// FormatDuration prints a span of ns nanoseconds as ParseDuration reads it:
// "1m30s", "1.5ms", "0s".
func FormatDuration(ns int64) string {
	if ns == math.MinInt64 {
		ns++ // no span is that long, not by a nanosecond
	}
	s := time.Duration(ns).String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// ParseRate reads a rate, exactly, in bits a second: "100Mbit", "9600bit/s",
// "10MB/s". The prefixes are powers of 1000.
func ParseRate(s string) (bitsPerSecond uint64, err error) {
	x, err := parseAmount(s, rateUnits)
	switch {
	case err == nil:
		return x, nil
	case errors.Is(err, errRange):
		return 0, fmt.Errorf("%s: a rate is below 2^64 bits a second", quote(s))
	case errors.Is(err, errFine):
		return 0, fmt.Errorf("%s: a rate is a whole number of bits a second", quote(s))
	}
	return 0, fmt.Errorf("%s: want a rate such as 100Mbit or 10MB/s, in bit, kbit, Mbit, Gbit or Tbit, or in B/s, kB/s, MB/s or GB/s", quote(s))
}

// FormatRate prints a rate as ParseRate reads it, in the greatest unit of bits
// of which it is a whole number.
func FormatRate(bitsPerSecond uint64) string {
	return formatAmount(bitsPerSecond, rateUnits[:5])
}

// ParseSize reads a size, exactly, in bytes: "1500B", "64KiB", "10kB" or
// "1500". KiB, MiB and so on are powers of 1024, kB, MB and so on of 1000.
func ParseSize(s string) (bytes uint64, err error) {
	x, err := parseAmount(s, sizeUnits)
	switch {
	case err == nil:
		return x, nil
	case errors.Is(err, errRange):
		return 0, fmt.Errorf("%s: a size is below 2^64 bytes", quote(s))
	case errors.Is(err, errFine):
		return 0, fmt.Errorf("%s: a size is a whole number of bytes", quote(s))
	}
	return 0, fmt.Errorf("%s: want a size such as 1500B or 64KiB, in B, kB, MB, GB or TB, or in KiB, MiB, GiB or TiB", quote(s))
}

// FormatSize prints a size as ParseSize reads it, in the greatest unit of which
// it is a whole number.
func FormatSize(bytes uint64) string {
	return formatAmount(bytes, sizeUnits)
}

// ParseDrift reads a drift, exactly: "50ppm", "-200ppb" or "0".
func ParseDrift(s string) (clock.Drift, error) {
	text, neg := strings.CutPrefix(s, "-")
	x, err := parseAmount(text, driftUnits)
	switch {
	case errors.Is(err, errNotNumber):
		return 0, fmt.Errorf("%s: want a drift such as 50ppm or -200ppb", quote(s))
	case errors.Is(err, errFine):
		return 0, fmt.Errorf("%s: a drift is a whole number of ppb", quote(s))
	case err != nil || x > uint64(clock.DriftMax):
		return 0, fmt.Errorf("%s: a drift is at most %s either way", quote(s), FormatDrift(clock.DriftMax))
	case neg:
		return -clock.Drift(x), nil
	}
	return clock.Drift(x), nil
}

// FormatDrift prints a drift as ParseDrift reads it, in ppm where that is
// whole.
func FormatDrift(d clock.Drift) string {
	if d < 0 {
		return "-" + formatAmount(-uint64(d), driftUnits)
	}
	return formatAmount(uint64(d), driftUnits)
}

// parseAmount reads a number and a unit; 0 needs no unit.
func parseAmount(s string, units []unit) (uint64, error) {
	d, rest, ok := parseDecimal(s)
	if !ok || d.neg {
		return 0, errNotNumber
	}
	u, ok := findUnit(units, rest)
	if !ok {
		if s == "0" {
			return 0, nil
		}
		return 0, errNotNumber
	}
	return d.times(u.size)
}

func findUnit(units []unit, name string) (unit, bool) {
	for _, u := range units {
		if u.name == name {
			return u, true
		}
	}
	return unit{}, false
}

// formatAmount prints x in the first unit, with the greatest first, of which it
// is a whole number; 0 is in the smallest.
func formatAmount(x uint64, units []unit) string {
	best := unit{size: 0}
	for _, u := range units {
		if u.name == "" || x%u.size != 0 || u.size <= best.size || x == 0 && u.size != 1 {
			continue
		}
		best = u
	}
	return strconv.FormatUint(x/best.size, 10) + best.name
}

// decimal is an exact decimal number: digits / 10^places.
type decimal struct {
	neg    bool
	digits uint64
	places int // no trailing zeros: as few as there can be
}

// parseDecimal reads a number such as "12" or "-0.5" and gives what follows it.
// There is none if ok is false, or one of more digits than a uint64 holds.
func parseDecimal(s string) (d decimal, rest string, ok bool) {
	s, d.neg = strings.CutPrefix(s, "-")
	i, seen, point, zeros := 0, 0, false, 0
	for ; i < len(s); i++ {
		c := s[i]
		if c == '.' && !point {
			point = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		seen++
		if point && c == '0' { // perhaps a trailing one
			zeros++
			continue
		}
		for ; zeros >= 0; zeros-- {
			hi, lo := bits.Mul64(d.digits, 10)
			if hi != 0 {
				return decimal{}, "", false
			}
			d.digits = lo
			if point {
				d.places++
			}
		}
		zeros = 0
		var carry uint64
		if d.digits, carry = bits.Add64(d.digits, uint64(c-'0'), 0); carry != 0 {
			return decimal{}, "", false
		}
	}
	if seen == 0 || s[i-1] == '.' {
		return decimal{}, "", false
	}
	return d, s[i:], true
}

// times is the number, taken without its sign, times a unit.
func (d decimal) times(size uint64) (uint64, error) {
	hi, lo := bits.Mul64(d.digits, size)
	for range d.places {
		var r uint64
		hi, r = hi/10, hi%10
		lo, r = bits.Div64(r, lo, 10)
		if r != 0 {
			return 0, errFine
		}
	}
	if hi != 0 {
		return 0, errRange
	}
	return lo, nil
}
