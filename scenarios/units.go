package scenarios

import (
	"fmt"
	"math/bits"
	"regexp"
	"strconv"
	"strings"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/des/suggest"
)

var (
	nameRule     = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}$`)
	propertyRule = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*$`)
)

const nameAllowed = "want letters, digits, _ and -, at most 63, not beginning with -"

// quantity is a class of values with a unit of its own: what draws are made
// in, and what the schema calls them.
type quantity uint8

const (
	anyText quantity = iota
	count            // 100
	span             // 10ms
	ratio            // 10%, 1e-5
	rate             // 100Mbit
	size             // 1500B
	drift            // 50ppm
	truth            // true
	spread           // 10ms, uniform(1ms, 5ms)
	amounts          // 64, uniform(64B, 1KiB)
)

var quantityNames = map[quantity]string{
	anyText: "text", count: "count", span: "span", ratio: "probability", rate: "rate", size: "size", drift: "drift",
	truth: "bool", spread: "distribution", amounts: "sizes",
}

// String is the quantity's name in schemas and lists.
func (q quantity) String() string { return quantityNames[q] }

// sizeUnit reads a size as a sampler wants it.
func sizeUnit(s string) (int64, error) { return unsigned(des.ParseSize(s)) }

// parseCount reads a whole number, in decimal digits only: what YAML would
// take for one in other forms, such as 0x10 or 1_000, is refused.
func parseCount(s string) (int64, error) {
	digits := strings.TrimPrefix(s, "-")
	plain := digits != "" && strings.Trim(digits, "0123456789") == ""
	if plain && len(digits) > 1 && digits[0] == '0' {
		return 0, fmt.Errorf("%s: leading zeros are not used", suggest.Quoted(s))
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if !plain || err != nil {
		return 0, fmt.Errorf("%s: want a whole number, in plain digits", suggest.Quoted(s))
	}
	return n, nil
}

// ratioUnit is the grain of drawn probabilities.
const ratioUnit = 1_000_000_000_000

// parse reads a quantity as an integer of its smallest unit.
func (q quantity) parse(s string) (int64, error) {
	switch q {
	case count:
		return parseCount(s)
	case span, spread:
		return des.ParseDuration(s)
	case ratio:
		r, err := des.ParseRatio(s)
		if err != nil || r.IsZero() {
			return 0, err
		}
		// Exact where the grain allows it: 1e12·Num/Den in two steps.
		whole := r.Num / r.Den
		if whole > 1_000_000 {
			return 0, fmt.Errorf("%s: out of range", suggest.Quoted(s))
		}
		hi, lo := bits.Mul64(r.Num%r.Den, ratioUnit)
		part, _ := bits.Div64(hi, lo, r.Den)
		return int64(whole*ratioUnit + part), nil
	case rate:
		return unsigned(des.ParseRate(s))
	case size, amounts:
		return sizeUnit(s)
	case drift:
		d, err := des.ParseDrift(s)
		return int64(d), err
	}
	return 0, fmt.Errorf("%s: has no size", suggest.Quoted(s))
}

func unsigned(n uint64, err error) (int64, error) {
	if err == nil && n > 1<<63-1 {
		return 0, fmt.Errorf("%d: out of range", n)
	}
	return int64(n), err
}

// format prints what parse reads.
func (q quantity) format(n int64) string {
	switch q {
	case span, spread:
		return des.FormatDuration(n)
	case ratio:
		return des.Ratio{Num: uint64(max(n, 0)), Den: ratioUnit}.String()
	case rate:
		return des.FormatRate(uint64(max(n, 0)))
	case size, amounts:
		return des.FormatSize(uint64(max(n, 0)))
	case drift:
		return des.FormatDrift(clock.Drift(n))
	}
	return strconv.FormatInt(n, 10)
}

// splitWords takes a command apart: words are separated by blanks; quotes of
// either kind keep blanks, and a backslash keeps the next character.
func splitWords(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	open, quote, escaped := false, rune(0), false
	for _, r := range s {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\':
			open, escaped = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			open, quote = true, r
		case r == ' ' || r == '\t' || r == '\n':
			if open {
				words = append(words, word.String())
				word.Reset()
			}
			open = false
		default:
			open = true
			word.WriteRune(r)
		}
	}
	if quote != 0 || escaped {
		return nil, fmt.Errorf("command %s: a quote is not closed", suggest.Quoted(s))
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}
