package des

import (
	"cmp"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Ratio is an exact fraction, mostly a probability: Num of Den. The zero Ratio
// is 0. Ratios that ParseRatio gives are in lowest terms, with 0 as the zero
// Ratio, so that they compare with ==; others compare with Compare.
//
// Where a probability is wanted, what is above 1 counts as 1.
type Ratio struct{ Num, Den uint64 }

// ParseRatio reads a probability, exactly: "10%", "0.1", "1e-5", "2.5e-3%" or
// "1/3".
func ParseRatio(s string) (Ratio, error) {
	p, err := parseFraction(s)
	switch {
	case err != nil:
		return Ratio{}, fmt.Errorf("%s: %w", quote(s), err)
	case p.Num > p.Den:
		return Ratio{}, fmt.Errorf("%s: a probability is at most 1", quote(s))
	}
	return p, nil
}

// parseFraction reads a number from 0 up as a ratio in lowest terms.
func parseFraction(s string) (Ratio, error) {
	if a, b, ok := strings.Cut(s, "/"); ok {
		num, err := strconv.ParseUint(a, 10, 64)
		den, err2 := strconv.ParseUint(b, 10, 64)
		if err != nil || err2 != nil {
			return Ratio{}, fmt.Errorf("want two whole numbers below 2^64, such as 1/3")
		}
		if den == 0 {
			return Ratio{}, fmt.Errorf("a fraction of 0 parts is no number")
		}
		return Ratio{num, den}.lowest(), nil
	}
	text, percent := strings.CutSuffix(s, "%")
	d, rest, ok := parseDecimal(text)
	if !ok {
		return Ratio{}, fmt.Errorf("want a number such as 10%%, 0.1, 1e-5 or 1/3")
	}
	if d.neg {
		return Ratio{}, fmt.Errorf("a probability is at least 0")
	}
	exponent := int64(-d.places)
	if rest != "" {
		e, err := strconv.ParseInt(rest[1:], 10, 16)
		if rest[0] != 'e' && rest[0] != 'E' || err != nil {
			return Ratio{}, fmt.Errorf("want a number such as 10%%, 0.1, 1e-5 or 1/3")
		}
		exponent += e
	}
	if percent {
		exponent -= 2
	}
	return decimalRatio(d.digits, exponent)
}

// decimalRatio is m * 10^e in lowest terms.
func decimalRatio(m uint64, e int64) (Ratio, error) {
	if m == 0 {
		return Ratio{}, nil
	}
	for ; e > 0; e-- {
		hi, lo := bits.Mul64(m, 10)
		if hi != 0 {
			return Ratio{^uint64(0), 1}, nil // far above anything that is allowed
		}
		m = lo
	}
	den := uint64(1)
	for _, factor := range [...]uint64{2, 5} {
		for i := e; i < 0; i++ {
			if m%factor == 0 {
				m /= factor
				continue
			}
			hi, lo := bits.Mul64(den, factor)
			if hi != 0 {
				return Ratio{}, fmt.Errorf("has more decimals than can be held exactly (19)")
			}
			den = lo
		}
	}
	return Ratio{m, den}, nil
}

// lowest is p in lowest terms, 0 as the zero Ratio.
func (p Ratio) lowest() Ratio {
	if p.Num == 0 || p.Den == 0 {
		return Ratio{}
	}
	d := divisor(p.Num, p.Den)
	return Ratio{p.Num / d, p.Den / d}
}

// divisor is the greatest that a and b have in common.
func divisor(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// String prints p exactly and in one way, as ParseRatio reads it: in percent
// from 0.01% up, with an exponent below, and as a fraction in lowest terms
// where no twelve decimal digits hold it.
func (p Ratio) String() string {
	p = p.lowest()
	switch {
	case p.Num == 0:
		return "0"
	case p.Den == 1:
		return strconv.FormatUint(p.Num, 10)
	}
	digits, exponent, ok := p.decimal()
	if !ok {
		return strconv.FormatUint(p.Num, 10) + "/" + strconv.FormatUint(p.Den, 10)
	}
	text := strconv.FormatUint(digits, 10)
	if lead := len(text) + exponent; lead > -4 { // p >= 1e-4
		return placed(text, exponent+2) + "%"
	}
	return placed(text, 1-len(text)) + "e" + strconv.Itoa(exponent+len(text)-1)
}

// decimal gives p as digits * 10^exponent if twelve digits hold it.
func (p Ratio) decimal() (digits uint64, exponent int, ok bool) {
	digits, den := p.Num, p.Den
	for den != 1 {
		var f uint64
		switch {
		case den%10 == 0:
			den, f = den/10, 1
		case den%2 == 0:
			den, f = den/2, 5
		case den%5 == 0:
			den, f = den/5, 2
		default:
			return 0, 0, false
		}
		digits *= f
		exponent--
		if digits >= 1e12 {
			return 0, 0, false
		}
	}
	return digits, exponent, true
}

// placed writes digits * 10^exponent without an exponent.
func placed(digits string, exponent int) string {
	switch {
	case exponent >= 0:
		return digits + strings.Repeat("0", exponent)
	case -exponent < len(digits):
		i := len(digits) + exponent
		return digits[:i] + "." + digits[i:]
	}
	return "0." + strings.Repeat("0", -exponent-len(digits)) + digits
}

// MarshalText is String.
func (p Ratio) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is ParseRatio.
func (p *Ratio) UnmarshalText(text []byte) error {
	q, err := ParseRatio(string(text))
	if err == nil {
		*p = q
	}
	return err
}

// Threshold is how many of the 2⁶⁴ words are hits, rounded down; always is set
// if all are, which t cannot say. No p above 0 has threshold 0.
func (p Ratio) Threshold() (t uint64, always bool) {
	if p.Num == 0 || p.Den == 0 {
		return 0, false
	}
	if p.Num >= p.Den {
		return ^uint64(0), true
	}
	t, _ = bits.Div64(p.Num, 0, p.Den)
	return t, false
}

// Hit reports whether a word drawn at random is a hit of probability p: whether
// it is below p·2⁶⁴, rounded down.
func (p Ratio) Hit(word uint64) bool {
	t, always := p.Threshold()
	return always || word < t
}

// IsZero reports whether p is 0.
func (p Ratio) IsZero() bool { return p.Num == 0 || p.Den == 0 }

// Compare orders ratios by value: negative if p is below q.
func (p Ratio) Compare(q Ratio) int {
	p, q = p.lowest(), q.lowest()
	ahi, alo := bits.Mul64(p.Num, max(q.Den, 1))
	bhi, blo := bits.Mul64(q.Num, max(p.Den, 1))
	if c := cmp.Compare(ahi, bhi); c != 0 {
		return c
	}
	return cmp.Compare(alo, blo)
}

// Complement is 1 - p.
func (p Ratio) Complement() Ratio {
	p = p.lowest()
	switch {
	case p.Num == 0:
		return Ratio{1, 1}
	case p.Num >= p.Den:
		return Ratio{}
	}
	return Ratio{p.Den - p.Num, p.Den}
}
