package links

import (
	"math"
	"math/bits"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// plan is the parameters of directions in the form in which frames meet them.
// Directions with the same parameters share one.
type plan struct {
	params    Params
	what      whatFor
	fifo      bool
	delay     time.Duration
	rate      pace
	speed     pace
	geometric *des.Geometric // of BER; nil without
}

// whatFor says what a plan does beside delaying: nothing, if it is zero.
type whatFor uint8

const (
	forLimits whatFor = 1 << iota // a maximum, a cut
	forPace                       // a rate, a speed
	forChance                     // what judge decides
	forJitter
)

// planOwn is the number of a plan that has none, because too many have.
const planOwn = math.MaxUint16

func newPlan(p Params) *plan {
	q := &plan{params: p, fifo: p.FIFO, delay: p.Delay, rate: paceOf(p.Rate), speed: paceOf(p.Speed)}
	if !p.BER.IsZero() {
		q.geometric = des.NewGeometric(p.BER)
	}
	if p.MTU > 0 || p.Cut != CutNo {
		q.what |= forLimits
	}
	if p.Rate != 0 || p.Speed != 0 {
		q.what |= forPace
	}
	if p.Loss.Num|p.Burst.Enter.Num|p.Dup.Num|p.Reorder.Num|p.Corrupt.Num != 0 || q.geometric != nil {
		q.what |= forChance
	}
	if p.Jitter != nil {
		q.what |= forJitter
	}
	return q
}

// intern gives the number of the plan with some parameters, or planOwn.
func (n *Network) intern(p Params) (uint16, *plan) { return n.internAs(planText(&p), p) }

// planText is what tells plans apart.
func planText(p *Params) string {
	var text strings.Builder
	for _, q := range p.Changed() {
		text.WriteString(q.Name)
		text.WriteByte('=')
		text.WriteString(q.Value)
		text.WriteByte('\n')
	}
	return text.String()
}

// unlinked is the text of the plan of ports without a link.
var unlinked = planText(&Params{})

func (n *Network) internAs(text string, p Params) (uint16, *plan) {
	if k, ok := n.byText[text]; ok {
		return k, n.plans[k]
	}
	made := newPlan(p)
	if len(n.plans) >= planOwn {
		return planOwn, made
	}
	k := uint16(len(n.plans))
	n.plans = append(n.plans, made)
	n.byText[text] = k
	return k, made
}

// setPlan gives a direction its parameters.
func (n *Network) setPlan(p cells.PortRef, params Params) {
	k, made := n.intern(params)
	n.host.Port(p).Params = k
	delete(n.own, p)
	if k == planOwn {
		n.own[p] = made
	}
	if made.what != 0 {
		n.ext(p) // now, and not when the first frame comes
	}
	n.alert(p)
}

// pace is how long bytes take at a rate, without a division.
type pace struct {
	bps     uint64 // bits per second; 0 is at once
	perByte uint64 // nanoseconds, where they are whole; else 0
	inverse uint64 // 2^64/bps
}

const nsPerByteAt1 = 8 * uint64(time.Second)

func paceOf(bps uint64) pace {
	p := pace{bps: bps}
	if bps == 0 {
		return p
	}
	p.inverse = math.MaxUint64 / bps
	if nsPerByteAt1%bps == 0 {
		p.perByte = nsPerByteAt1 / bps
	}
	return p
}

// of is how long size bytes take: from the exact product, rounded up to the
// nanosecond.
func (p *pace) of(size int) time.Duration {
	if p.perByte != 0 {
		hi, lo := bits.Mul64(uint64(size), p.perByte)
		if hi != 0 || lo > math.MaxInt64 {
			return math.MaxInt64
		}
		return time.Duration(lo)
	}
	hi, lo := bits.Mul64(uint64(size), nsPerByteAt1)
	if hi != 0 {
		return transmission(size, p.bps)
	}
	// The product with the inverse is at most two short of the quotient.
	q, _ := bits.Mul64(lo, p.inverse)
	for rest := lo - q*p.bps; rest > 0; {
		q++
		if rest <= p.bps {
			break
		}
		rest -= p.bps
	}
	return time.Duration(min(q, math.MaxInt64))
}
