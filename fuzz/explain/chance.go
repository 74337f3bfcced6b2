package explain

import (
	"math/bits"
	"slices"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/links"
	"example.com/dsim/replay"
	"example.com/dsim/scenarios"
)

// fresh serves a run's verdicts up to an instant, and from there on draws them
// from another seed, as links would: the same streams, by the parameters that
// the link has at the time. That the two draw alike is held by a test.
type fresh struct {
	kept  *replay.Served
	until clock.Time // frames sent before have the verdicts of the run
	seed  des.Seed
	world *scenarios.World

	size    int // of the frame that was sent last
	known   bool
	version uint64
	params  map[string]*links.Params // by direction
	stream  map[string]bool
	dirs    map[string]*direction
	flips   []uint32
	drew    bool // a verdict that is not plain delivery
}

// freshFrom serves choices before an instant and draws under a seed from then
// on. It is for one run.
func freshFrom(choices []repro.Choice, until clock.Time, seed des.Seed) *fresh {
	list := make([]des.Choice, 0, len(choices))
	for _, c := range choices {
		if c.What == repro.Verdict {
			list = append(list, des.Choice{What: c.What, Where: c.Where, N: c.N, Value: c.Value})
		}
	}
	return &fresh{kept: replay.Serve(list), until: until, seed: seed, dirs: make(map[string]*direction)}
}

// watch learns which world asks.
func (f *fresh) watch(w *scenarios.World) { f.world = w }

// Record learns how long the frame is that is to be judged next.
func (f *fresh) Record(r *des.Record) {
	if r.Op == des.OpSend {
		f.size = len(r.Data)
	}
}

// Lookup gives the verdict on a frame.
func (f *fresh) Lookup(what, where string, n uint64) (string, bool) {
	if what != repro.Verdict {
		return "", false
	}
	if f.world.Now() < f.until {
		return f.kept.Lookup(what, where, n)
	}
	f.learn()
	p := f.params[where]
	if p == nil {
		return "", false // the link is about to go, and carries nothing more
	}
	d := f.dirs[where]
	if d == nil || n < d.next { // a link of that name was removed, and this is another
		life := uint32(0)
		if d != nil {
			life = d.life + 1
		}
		d = newDirection(f.seed, where, life)
		f.dirs[where] = d
	}
	d.next = n + 1
	var v links.Verdict
	if f.stream[where] {
		v = d.segment(p, n)
	} else {
		v = d.frame(p, n, f.size, f.flips[:0])
		f.flips = v.Flips[:0]
	}
	f.drew = f.drew || !v.Plain()
	return v.String(), !v.Plain()
}

// learn takes the parameters of all links, if something has changed.
func (f *fresh) learn() {
	net := f.world.Network()
	if f.known && f.version == net.Version() {
		return
	}
	f.known, f.version = true, net.Version()
	f.params, f.stream = make(map[string]*links.Params), make(map[string]bool)
	for _, l := range net.Snapshot().Links {
		for side, list := range [2][]cells.Param{l.AB, l.BA} {
			p := links.Defaults()
			for _, q := range list {
				if err := p.Set(q); err != nil {
					panic("explain: " + l.Name + ": " + err.Error()) // it is the link's own text
				}
			}
			name := l.Name + [2]string{">", "<"}[side]
			f.params[name], f.stream[name] = &p, l.Stream
		}
	}
}

// direction is the chance of one direction of a link.
type direction struct {
	life                                            uint32
	next                                            uint64
	loss, burst, dup, reorder, ber, corrupt, stream des.Rand
	bad                                             bool
	rate                                            des.Ratio // of gaps
	gaps                                            *des.Geometric
}

func newDirection(seed des.Seed, name string, life uint32) *direction {
	r := func(purpose string) des.Rand { return seed.Rand("link "+name, life, purpose) }
	return &direction{
		life: life, loss: r("loss"), burst: r("burst"), dup: r("dup"), reorder: r("reorder"), ber: r("ber"),
		corrupt: r("corrupt"), stream: r("stream"),
	}
}

// frame draws the verdict on a frame of size bytes.
func (d *direction) frame(p *links.Params, n uint64, size int, flips []uint32) links.Verdict {
	v := links.Verdict{Flips: flips}
	if !p.Loss.IsZero() && p.Loss.Hit(d.loss.At(n, 0)) {
		v.Drop, v.Reason = true, cells.ReasonLoss
	}
	if !p.Burst.Enter.IsZero() && d.inBurst(&p.Burst, n) && !v.Drop {
		v.Drop, v.Reason = true, cells.ReasonBurst
	}
	if v.Drop {
		return v
	}
	if !p.BER.IsZero() {
		v.Flips = d.bitErrors(p.BER, n, size, v.Flips)
	}
	if !p.Corrupt.IsZero() && size > 0 && p.Corrupt.Hit(d.corrupt.At(n, 0)) {
		v.Flips = d.scrambled(p, n, size, v.Flips)
	}
	if !p.Dup.IsZero() && p.Dup.Hit(d.dup.At(n, 0)) {
		v.Copies = p.DupCopies
	}
	if !p.Reorder.IsZero() && p.Reorder.Hit(d.reorder.At(n, 0)) {
		v.Late = max(time.Duration(p.ReorderDelay.Sample(d.reorder.At(n, 1))), 1)
	}
	return v
}

// segment draws the verdict on a segment of a stream; the link takes of it what
// fits the segment.
func (d *direction) segment(p *links.Params, n uint64) links.Verdict {
	return links.Verdict{
		Refuse: !p.Refuse.IsZero() && p.Refuse.Hit(d.stream.At(n, 3)),
		Reset:  !p.Reset.IsZero() && p.Reset.Hit(d.stream.At(n, 4)),
	}
}

// inBurst makes the channel's step and says whether the frame is lost. A
// channel that is drawn anew begins in the good state.
func (d *direction) inBurst(b *links.Burst, n uint64) bool {
	step := b.Enter
	if d.bad {
		step = b.Leave
	}
	if step.Hit(d.burst.At(n, 0)) {
		d.bad = !d.bad
	}
	loss := b.LossGood
	if d.bad {
		loss = b.Loss
	}
	return !loss.IsZero() && loss.Hit(d.burst.At(n, 1))
}

func (d *direction) bitErrors(rate des.Ratio, n uint64, size int, flips []uint32) []uint32 {
	if d.gaps == nil || d.rate != rate {
		d.rate, d.gaps = rate, des.NewGeometric(rate)
	}
	end, at := uint64(size)*8, uint64(0)
	for slot := uint32(0); ; slot++ {
		at += d.gaps.Gap(d.ber.At(n, slot))
		if at >= end {
			return flips
		}
		flips = append(flips, uint32(at))
		at++
	}
}

// scrambled flips a run of bits: its first, and each further one with an even
// chance.
func (d *direction) scrambled(p *links.Params, n uint64, size int, flips []uint32) []uint32 {
	length := uint64(size) * 8
	run := min(uint64(p.CorruptBits), length)
	first, _ := bits.Mul64(d.corrupt.At(n, 1), length-run+1)
	flips = append(flips, uint32(first))
	for i := uint64(1); i < run; i++ {
		if d.corrupt.At(n, uint32(2+i/64))>>(i%64)&1 != 0 {
			flips = append(flips, uint32(first+i))
		}
	}
	slices.Sort(flips)
	return flips
}
