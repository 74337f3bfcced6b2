package des

import "math/bits"

// Geometric says how many trials pass before the first success, where each
// succeeds with the same probability: how many bits arrive before the first
// that is damaged. One draw skips to it, so that the cost is per error, not
// per bit.
//
// It holds S(2^i), the chance that 2^i trials all fail, for every i, in
// integers of 128 bits. S of any other number lies between two of them and is
// found by halving; each halving is kept within the bounds of the one above,
// so that S never rises, whatever was rounded, and Gap and Survive are exact
// inverses.
type Geometric struct {
	powers []fraction // S(2^i) for i = 0, 1, …, while at least 2^-64
	never  bool       // the probability is 0
}

// fraction is a number in [0, 1): hi:lo / 2^128.
type fraction struct{ hi, lo uint64 }

// NewGeometric gives the distribution for success with probability p.
func NewGeometric(p Ratio) *Geometric {
	q := p.Complement()
	g := &Geometric{never: p.IsZero()}
	if g.never || q.IsZero() {
		return g
	}
	var s fraction
	var r uint64
	s.hi, r = bits.Div64(q.Num, 0, q.Den)
	s.lo, _ = bits.Div64(r, 0, q.Den)
	for s.hi != 0 && len(g.powers) < 64 {
		g.powers = append(g.powers, s)
		s = s.mul(s)
	}
	return g
}

// Gap is the number of failures before the first success, for a word drawn at
// random. It is at most 2⁶⁴ - 1, which stands for all that is more, and for
// "never" if the probability is 0.
func (g *Geometric) Gap(word uint64) uint64 {
	if g.never {
		return ^uint64(0)
	}
	n := 0
	for n < len(g.powers) && word < g.powers[n].hi {
		n++
	}
	if n == 0 {
		return 0
	}
	// At least 2^(n-1) trials fail, and fewer than 2^n.
	at, low := g.powers[n-1], g.power(n)
	k := uint64(1) << (n - 1)
	for i := n - 2; i >= 0; i-- {
		mid := at.mul(g.powers[i]).atLeast(low)
		if word < mid.hi {
			at = mid
			k |= 1 << i
		} else {
			low = mid
		}
	}
	return k
}

// Survive is the chance that n trials all fail, in units of 2⁻⁶⁴: for n > 0
// and a probability above 0, word < Survive(n) exactly if Gap(word) >= n. A
// chance of 1 has no such number and is given as 2⁶⁴ - 1; Clear has no such
// exception.
func (g *Geometric) Survive(n uint64) uint64 {
	if n == 0 || g.never {
		return ^uint64(0)
	}
	top := bits.Len64(n) - 1
	if top >= len(g.powers) {
		return 0
	}
	at, low := g.powers[top], g.power(top+1)
	for i := top - 1; i >= 0; i-- {
		mid := at.mul(g.powers[i]).atLeast(low)
		if n>>i&1 != 0 {
			at = mid
		} else {
			low = mid
		}
	}
	return at.hi
}

// Clear reports whether n trials all fail, for a word drawn at random: whether
// Gap(word) >= n. For a frame that is unlikely to be damaged it takes one
// comparison.
func (g *Geometric) Clear(word, n uint64) bool {
	if n == 0 || g.never {
		return true
	}
	if word < g.power(bits.Len64(n)).hi { // more than n trials fail
		return true
	}
	return word < g.Survive(n)
}

// power is S(2^i), 0 where it is below what a word can tell.
func (g *Geometric) power(i int) fraction {
	if i < len(g.powers) {
		return g.powers[i]
	}
	return fraction{}
}

// mul is the product, rounded down.
func (a fraction) mul(b fraction) fraction {
	hh, hl := bits.Mul64(a.hi, b.hi)
	xh, xl := bits.Mul64(a.hi, b.lo)
	yh, yl := bits.Mul64(a.lo, b.hi)
	zh, _ := bits.Mul64(a.lo, b.lo)
	sum, c1 := bits.Add64(xl, yl, 0)
	_, c2 := bits.Add64(sum, zh, 0)
	lo, c3 := bits.Add64(hl, xh, c1)
	hi := hh + c3
	lo, c4 := bits.Add64(lo, yh, c2)
	return fraction{hi + c4, lo}
}

// atLeast is the greater of a and b.
func (a fraction) atLeast(b fraction) fraction {
	if a.hi < b.hi || a.hi == b.hi && a.lo < b.lo {
		return b
	}
	return a
}
