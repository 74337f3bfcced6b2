package shrink

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"example.com/dsim/des"
)

// number is a number in the text form in which a scenario has it.
type number struct {
	v    int64  // nanoseconds of a span; else billionths
	unit string // "%", "B", "Mbit"; "" of a plain number
	span bool
}

// billion is what a number that is no span is held in parts of.
const billion = 1_000_000_000

var plainNumber = regexp.MustCompile(`^(-?[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?)([A-Za-z%/]*)$`)

// parseNumber reads "500", "12.5%", "1e-3", "10ms", "1500B". Distributions and
// words are none.
func parseNumber(text string) (number, bool) {
	if ns, err := des.ParseDuration(text); err == nil && text != "0" {
		return number{ns, "", true}, true
	}
	m := plainNumber.FindStringSubmatch(text)
	if m == nil {
		return number{}, false
	}
	x, err := strconv.ParseFloat(m[1], 64)
	if err != nil || math.Abs(x) > 9e9 {
		return number{}, false
	}
	n := number{v: int64(math.Round(x * billion)), unit: m[2]}
	back, ok := n, n.v != 0 || x == 0
	return back, ok
}

// String is the number as parseNumber reads it.
func (n number) String() string {
	if n.span {
		return des.FormatDuration(n.v)
	}
	text := strconv.FormatInt(n.v/billion, 10)
	if rest := n.v % billion; rest != 0 {
		if rest < 0 {
			rest = -rest
			if n.v > -billion {
				text = "-0"
			}
		}
		digits := strconv.FormatInt(rest+billion, 10)[1:]
		text += "." + strings.TrimRight(digits, "0")
	}
	return text + n.unit
}

// whole reports whether the number counts something, so that there is nothing
// between 1 and 2.
func (n number) whole() bool {
	return !n.span && n.unit != "%" && n.v%billion == 0 && !(n.unit == "" && n.v > 0 && n.v < billion)
}

// one is the least step from the number that people would take: 1 of what is
// counted, else one of its third digit.
func (n number) one() int64 {
	if n.whole() {
		return billion
	}
	return max(place(n.v)/100, 1)
}

// place is the power of ten of the first digit of v.
func place(v int64) int64 {
	p := int64(1)
	for v = abs(v) / 10; v > 0; v /= 10 {
		p *= 10
	}
	return p
}

func abs(v int64) int64 {
	if v < 0 {
		return -v
	}
	return v
}

// roundings are the numbers that stand for n with fewer digits, the plainest
// first; nothing if n has one digit already.
func (n number) roundings() (list []number) {
	top := place(n.v)
	for _, p := range []int64{top, top / 10, top / 100} {
		if p == 0 || n.v%p == 0 {
			break
		}
		for _, v := range []int64{(n.v + p/2) / p * p, n.v / p * p, (n.v/p + 1) * p} {
			if v != 0 {
				list = append(list, number{v, n.unit, n.span})
			}
		}
	}
	return list
}

// roundUp is the least number above v with so many digits.
func roundUp(v int64, digits int) int64 {
	p := place(v)
	for range digits - 1 {
		p = max(p/10, 1)
	}
	return (v/p + 1) * p
}

// with is n with another value.
func (n number) with(v int64) number {
	n.v = v
	return n
}
