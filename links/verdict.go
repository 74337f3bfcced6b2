package links

import (
	"fmt"
	mathbits "math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// Verdict is what chance does to one frame, or to one segment of a stream. The
// zero Verdict is plain delivery.
type Verdict struct {
	Drop   bool         // with Reason ReasonLoss or ReasonBurst
	Reason cells.Reason //
	Flips  []uint32     // bits to flip, counted from the first byte's most significant
	Copies uint8        // how many copies more arrive
	Late   time.Duration
	Refuse bool // of a connect
	Reset  bool // of a segment: its connection breaks
}

// Plain reports whether v is plain delivery.
func (v *Verdict) Plain() bool {
	return !v.Drop && len(v.Flips) == 0 && v.Copies == 0 && v.Late == 0 && !v.Refuse && !v.Reset
}

// fold gives everything that v says as words.
func (v *Verdict) fold(add func(uint64)) {
	word := uint64(len(v.Flips))<<32 | uint64(v.Copies)<<24 | uint64(v.Reason)<<16
	for i, b := range [...]bool{v.Drop, v.Refuse, v.Reset} {
		if b {
			word |= 1 << i
		}
	}
	add(word)
	add(uint64(v.Late))
	for _, f := range v.Flips {
		add(uint64(f))
	}
}

// String is the canonical text of v: words apart by blanks, such as
// "drop:loss" or "flip:3,77 dup:1 late:5ms".
func (v *Verdict) String() string {
	if v.Drop && len(v.Flips) == 0 && v.Copies == 0 && v.Late == 0 && !v.Refuse && !v.Reset && int(v.Reason) < len(dropTexts) {
		return dropTexts[v.Reason] // nearly always
	}
	var w []string
	if v.Drop {
		w = append(w, "drop:"+v.Reason.String())
	}
	if len(v.Flips) > 0 {
		var b strings.Builder
		b.WriteString("flip:")
		for i, f := range v.Flips {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strconv.FormatUint(uint64(f), 10))
		}
		w = append(w, b.String())
	}
	if v.Copies > 0 {
		w = append(w, "dup:"+strconv.Itoa(int(v.Copies)))
	}
	if v.Late > 0 {
		w = append(w, "late:"+v.Late.String())
	}
	if v.Refuse {
		w = append(w, "refuse")
	}
	if v.Reset {
		w = append(w, "reset")
	}
	if len(w) == 0 {
		return "plain"
	}
	return strings.Join(w, " ")
}

// dropTexts are the texts of verdicts that only drop, by reason.
var dropTexts = func() (texts [cells.ReasonsMax]string) {
	for r := range texts {
		texts[r] = "drop:" + cells.Reason(r).String()
	}
	return texts
}()

// ParseVerdict reads what String writes.
func ParseVerdict(s string) (Verdict, error) {
	var v Verdict
	if s == "plain" {
		return v, nil
	}
	for _, w := range strings.Fields(s) {
		name, value, _ := strings.Cut(w, ":")
		if err := v.take(name, value); err != nil {
			return Verdict{}, fmt.Errorf("verdict %q: %w", s, err)
		}
	}
	if v.Plain() {
		return v, fmt.Errorf("verdict %q: says nothing", s)
	}
	return v, nil
}

func (v *Verdict) take(name, value string) error {
	switch name {
	case "drop":
		r, ok := cells.ReasonNamed(value)
		if !ok || r != cells.ReasonLoss && r != cells.ReasonBurst {
			return fmt.Errorf("drop:%s: must be drop:loss or drop:burst", value)
		}
		v.Drop, v.Reason = true, r
	case "flip":
		for f := range strings.SplitSeq(value, ",") {
			n, err := strconv.ParseUint(f, 10, 32)
			if err != nil || len(v.Flips) >= 8*MTUMax {
				return fmt.Errorf("flip:%s: must be bit numbers with commas between", f)
			}
			v.Flips = append(v.Flips, uint32(n))
		}
	case "dup":
		n, err := strconv.ParseUint(value, 10, 8)
		if err != nil || n < 1 || n > CopiesMax {
			return fmt.Errorf("dup:%s: must be 1 to %d copies", value, CopiesMax)
		}
		v.Copies = uint8(n)
	case "late":
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 || d > DelayMax {
			return fmt.Errorf("late:%s: must be a positive duration", value)
		}
		v.Late = d
	case "refuse":
		v.Refuse = true
	case "reset":
		v.Reset = true
	default:
		return fmt.Errorf("%q: must be drop, flip, dup, late, refuse or reset", name)
	}
	return nil
}

// flip applies flips to a frame.
func flip(p []byte, bits []uint32) {
	for _, b := range bits {
		p[b/8] ^= 0x80 >> (b % 8)
	}
}

// chance is the streams of one direction, each under a purpose of its own, so
// that no impairment moves another's draws. Draws are addressed by frame
// number.
type chance struct {
	loss, burst, dup, reorder, ber, corrupt, jitter, stream des.Rand
	bad                                                     bool // Gilbert-Elliott: the channel's state
}

func newChance(seed des.Seed, name string, incarnation uint32) *chance {
	r := func(purpose string) des.Rand { return seed.Rand("link "+name, incarnation, purpose) }
	return &chance{
		loss: r("loss"), burst: r("burst"), dup: r("dup"), reorder: r("reorder"), ber: r("ber"),
		corrupt: r("corrupt"), jitter: r("jitter"), stream: r("stream"),
	}
}

// judge draws what becomes of the n-th frame of a direction, of size bytes.
// The verdict's Flips are valid until the next call.
func (l *lane) judge(c *chance, plan *plan, n uint64, size int) Verdict {
	p := &plan.params
	v := Verdict{Flips: l.flips[:0]}
	if p.Loss.Num != 0 && p.Loss.Hit(c.loss.At(n, 0)) {
		v.Drop, v.Reason = true, cells.ReasonLoss
	}
	if p.Burst.Enter.Num != 0 && c.step(&p.Burst, n) && !v.Drop {
		v.Drop, v.Reason = true, cells.ReasonBurst
	}
	if v.Drop {
		return v
	}
	if plan.geometric != nil {
		v.Flips = c.bitErrors(plan.geometric, n, size, v.Flips)
	}
	if p.Corrupt.Num != 0 && size > 0 && p.Corrupt.Hit(c.corrupt.At(n, 0)) {
		v.Flips = c.scramble(p.CorruptBits, n, size, v.Flips)
	}
	if p.Dup.Num != 0 && p.Dup.Hit(c.dup.At(n, 0)) {
		v.Copies = p.DupCopies
	}
	if p.Reorder.Num != 0 && p.Reorder.Hit(c.reorder.At(n, 0)) {
		v.Late = max(time.Duration(p.ReorderDelay.Sample(c.reorder.At(n, 1))), 1)
	}
	return v
}

// step makes a bursty channel's step for frame n and says whether it is lost.
func (c *chance) step(b *Burst, n uint64) bool {
	step, loss := b.Enter, b.LossGood
	if c.bad {
		step = b.Leave
	}
	if step.Hit(c.burst.At(n, 0)) {
		c.bad = !c.bad
	}
	if c.bad {
		loss = b.Loss
	}
	return loss.Num != 0 && loss.Hit(c.burst.At(n, 1))
}

// bitErrors draws the distance to each next flipped bit, so that its cost is
// per error, not per bit.
func (c *chance) bitErrors(g *des.Geometric, n uint64, size int, flips []uint32) []uint32 {
	bits := uint64(size) * 8
	for slot := uint32(0); ; slot++ {
		word := c.ber.At(n, slot)
		if len(flips) == 0 && g.Clear(word, bits) {
			return flips // nearly always
		}
		at := g.Gap(word)
		if len(flips) > 0 {
			at += uint64(flips[len(flips)-1]) + 1
		}
		if at >= bits {
			return flips
		}
		flips = append(flips, uint32(at))
	}
}

// scramble flips a run of bits: its first, and each further one with an even
// chance.
func (c *chance) scramble(most uint32, n uint64, size int, flips []uint32) []uint32 {
	bits := uint64(size) * 8
	run := min(uint64(most), bits)
	first, _ := mathbits.Mul64(c.corrupt.At(n, 1), bits-run+1)
	flips = append(flips, uint32(first))
	for i := uint64(1); i < run; i++ {
		if c.corrupt.At(n, uint32(2+i/64))>>(i%64)&1 != 0 {
			flips = append(flips, uint32(first+i))
		}
	}
	slices.Sort(flips)
	return flips
}
