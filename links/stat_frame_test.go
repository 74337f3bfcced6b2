package links

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

// claim is that what arrives over a link with some parameters is distributed
// as they say. The same check must turn red where a parameter is off by 5 %.
type claim struct {
	name   string
	feed   feed
	params string
	biased []string   // each set over params
	spoil  func(*duo) // plants the bias in what arrived, where no parameter has it
	check  func(*duo) error
}

const (
	frameDelay = 20 * time.Millisecond
	frameMany  = 64_000
)

// small is a feed of many small frames, few enough at a time.
func small(count int) feed { return feed{count: count, burst: 4, gap: 20 * time.Microsecond, size: 8} }

// blank is a feed of frames of zeros.
func blank(count, size int) feed {
	return feed{count: count, burst: 4, gap: 20 * time.Microsecond, size: size, blank: true}
}

// arrivals is how often each frame that a sent has arrived at b.
func (d *duo) arrivals() []int {
	times := make([]int, len(d.ends[0].sent))
	for _, a := range d.ends[1].got {
		times[a.num]++
	}
	return times
}

// missing says of each frame that a sent whether it was lost.
func (d *duo) missing() []bool {
	lost := make([]bool, len(d.ends[0].sent))
	for i, n := range d.arrivals() {
		lost[i] = n == 0
	}
	return lost
}

// extra is by how much each arrival was later than the delay, in ms.
func (d *duo) extra() []float64 {
	list := make([]float64, len(d.ends[1].got))
	for i, a := range d.ends[1].got {
		list[i] = float64(a.at.Sub(d.ends[0].sent[a.num])-frameDelay) / 1e6
	}
	return list
}

func tally(hits []bool) (n int) {
	for _, h := range hits {
		if h {
			n++
		}
	}
	return n
}

var frameClaims = []claim{
	{
		name: "loss", feed: small(frameMany), params: "loss=50%", biased: []string{"loss=52.5%"},
		check: func(d *duo) error {
			lost := d.missing()
			return firstError(hitRate("lost", tally(lost), len(lost), 0.5), memoryless("loss", lost))
		},
	},
	{
		name: "loss is independent", feed: small(frameMany), params: "loss=1/3",
		spoil: func(d *duo) { // one frame in twenty fares as the one before
			had := d.arrivals()
			var got []arrival
			for _, a := range d.ends[1].got {
				if a.num%20 != 1 {
					got = append(got, a)
				}
			}
			for i := 1; i < len(had); i += 20 {
				if had[i-1] != 0 {
					got = append(got, arrival{num: i})
				}
			}
			d.ends[1].got = got
		},
		check: func(d *duo) error {
			lost := d.missing()
			return firstError(
				memoryless("loss", lost),
				geometrically("runs of losses", runsOf(lost, true), 2.0/3),
				geometrically("runs without", runsOf(lost, false), 1.0/3))
		},
	},
	{
		name: "duplication", feed: small(frameMany), params: "dup=50% dup.copies=2", biased: []string{"dup=52.5%"},
		check: func(d *duo) error {
			doubled := make([]bool, len(d.ends[0].sent))
			for i, n := range d.arrivals() {
				if n != 1 && n != 3 {
					return fmt.Errorf("frame %d arrived %d times, want 1 or 3", i, n)
				}
				doubled[i] = n == 3
			}
			return firstError(hitRate("doubled", tally(doubled), len(doubled), 0.5), memoryless("doubled", doubled))
		},
	},
	{
		name: "copies", feed: small(2000), params: "dup=1 dup.copies=20", biased: []string{"dup.copies=21", "dup.copies=19"},
		check: func(d *duo) error {
			for i, n := range d.arrivals() {
				if n != 21 {
					return fmt.Errorf("frame %d arrived %d times, want 21", i, n)
				}
			}
			return nil
		},
	},
	{
		name: "reordering", feed: small(frameMany), params: "delay=20ms reorder=50% reorder.delay=uniform(1ms,5ms)",
		biased: []string{"reorder=52.5%", "reorder.delay=uniform(1.05ms,5.25ms)", "reorder.delay=uniform(1ms,5.2ms)"},
		check: func(d *duo) error {
			var late []bool
			var by []float64
			for _, x := range d.extra() {
				late = append(late, x != 0)
				if x != 0 {
					by = append(by, x)
				}
			}
			return firstError(
				hitRate("late", len(by), len(late), 0.5),
				followsCurve("late by", by, func(x float64) float64 { return (x - 1) / 4 }))
		},
	},
	{
		name: "bit errors", feed: blank(40_000, 125), params: "ber=1e-3", biased: []string{"ber=1.05e-3"},
		check: func(d *duo) error { return bitErrors(d, 1e-3) },
	},
	{
		name: "dense bit errors", feed: blank(1000, 125), params: "ber=25%", biased: []string{"ber=26.25%"},
		check: func(d *duo) error {
			var gaps []int
			last := -1
			for _, f := range d.ends[1].flips {
				at := 1000*f.frame + f.bit
				gaps = append(gaps, at-last)
				last = at
			}
			return firstError(hitRate("flips", len(gaps), 1000*len(d.ends[1].got), 0.25), geometrically("gaps", gaps, 0.25))
		},
	},
	{
		name: "bits per mib", feed: blank(40_000, 125), params: "bits-per-mib=8389", biased: []string{"bits-per-mib=8808"},
		check: func(d *duo) error { return bitErrors(d, 8389.0/(8<<20)) },
	},
	{
		name: "positions of bit errors", feed: blank(40_000, 125), params: "ber=4e-3", spoil: spoilFlips,
		check: func(d *duo) error {
			flips := d.ends[1].flips
			all, in8 := make([]int, len(flips)), make([]int, len(flips))
			for i, f := range flips {
				all[i], in8[i] = f.bit, f.bit%8
			}
			return firstError(uniformly("bit", all, 1000, 8), uniformly("bit of its byte", in8, 8, 8))
		},
	},
	{
		name: "corrupt", feed: blank(frameMany, 32), params: "corrupt=50% corrupt.bits=20",
		biased: []string{"corrupt=52.5%", "corrupt.bits=21", "corrupt.bits=19"},
		check:  func(d *duo) error { return scrambled(d, 0.5) },
	},
	{
		name: "position of the run", feed: blank(120_000, 32), params: "corrupt=1 corrupt.bits=20",
		spoil: spoilRuns, check: func(d *duo) error { return scrambled(d, 1) },
	},
	{
		name: "bits and position of the run", feed: blank(20_000, 32), params: "corrupt=1 corrupt.bits=64",
		spoil: func(d *duo) { // one in ten of the eleventh bits of runs in second halves stays
			n, first := 0, bitAt{frame: -1}
			d.ends[1].flips = slices.DeleteFunc(d.ends[1].flips, func(f bitAt) bool {
				if f.frame != first.frame {
					first = f
				}
				if f.bit-first.bit != 10 || first.bit < 4*d.ends[0].size-32 {
					return false
				}
				n++
				return n%10 == 0
			})
		},
		check: placeless,
	},
	{
		name: "bits of the run", feed: blank(40_000, 32), params: "corrupt=1 corrupt.bits=4",
		spoil: func(d *duo) { // one flip in twenty is taken away, unless it is the first of its frame
			var flips []bitAt
			for i, f := range d.ends[1].flips {
				if i == 0 || d.ends[1].flips[i-1].frame != f.frame || i%20 != 0 {
					flips = append(flips, f)
				}
			}
			d.ends[1].flips = flips
		},
		check: func(d *duo) error {
			var offsets [4]int
			first := bitAt{frame: -1}
			for _, f := range d.ends[1].flips {
				if f.frame != first.frame {
					first = f
				}
				offsets[f.bit-first.bit]++
			}
			n := len(d.ends[1].got)
			return firstError(hitRate("second bit", offsets[1], n, 0.5),
				hitRate("third bit", offsets[2], n, 0.5), hitRate("fourth bit", offsets[3], n, 0.5))
		},
	},
}

// placeless checks that the bits of runs of 64 say nothing of where the run is.
func placeless(d *duo) error {
	n := len(d.ends[1].got)
	var bits [64][]bool
	for k := range bits {
		bits[k] = make([]bool, n)
	}
	far, first := make([]bool, n), bitAt{frame: -1}
	for _, f := range d.ends[1].flips {
		if f.frame != first.frame {
			first = f
			far[f.frame] = f.bit >= (8*d.ends[0].size-63)/2
		}
		bits[f.bit-first.bit][f.frame] = true
	}
	for k := 1; k < 64; k++ {
		if err := unrelated(fmt.Sprintf("bit %d and place", k), bits[k], far); err != nil {
			return err
		}
	}
	return nil
}

// spoilFlips takes one flip in twenty of the first halves of frames away.
func spoilFlips(d *duo) {
	n := 0
	d.ends[1].flips = slices.DeleteFunc(d.ends[1].flips, func(f bitAt) bool {
		if f.bit >= 4*d.ends[0].size {
			return false
		}
		n++
		return n%20 == 0
	})
}

// spoilRuns does so with whole runs.
func spoilRuns(d *duo) {
	n, frame, gone := 0, -1, false
	d.ends[1].flips = slices.DeleteFunc(d.ends[1].flips, func(f bitAt) bool {
		if f.frame != frame {
			frame, gone = f.frame, false
			if f.bit < 4*d.ends[0].size {
				n++
				gone = n%20 == 0
			}
		}
		return gone
	})
}

// bitErrors checks that every bit is flipped with chance p on its own: by how
// many are, how many frames are clean, and the distances between flips, where
// the frames follow each other as one stream of bits.
func bitErrors(d *duo, p float64) error {
	bits, flips := 8*d.ends[0].size, d.ends[1].flips
	dirty := make([]bool, len(d.ends[1].got))
	gaps := make([]int, 0, len(flips))
	last := -1
	for _, f := range flips {
		dirty[f.frame] = true
		at := f.frame*bits + f.bit
		gaps = append(gaps, (at-last+99)/100)
		last = at
	}
	return firstError(
		hitRate("flips", len(flips), len(dirty)*bits, p),
		hitRate("clean frames", len(dirty)-tally(dirty), len(dirty), math.Pow(1-p, float64(bits))),
		// Of a geometric distribution, hundreds are geometric too.
		geometrically("gaps in hundreds", gaps, 1-math.Pow(1-p, 100)),
		memoryless("dirty frames", dirty))
}

// scrambled checks the runs of 20 bits of corrupt: how often, where they begin,
// how long they are.
func scrambled(d *duo, p float64) error {
	const run = 20
	var firsts []int
	offsets := make([]int, run)
	at := bitAt{frame: -1}
	for _, f := range d.ends[1].flips {
		if f.frame != at.frame {
			at = f
			firsts = append(firsts, f.bit)
		}
		k := f.bit - at.bit
		if k >= run {
			return fmt.Errorf("frame %d: a run of at least %d bits, want at most %d", f.frame, k+1, run)
		}
		offsets[k]++
	}
	if p < 1 {
		if err := hitRate("scrambled", len(firsts), len(d.ends[1].got), p); err != nil {
			return err
		}
	}
	for k := 1; k < run; k++ {
		if err := hitRate(fmt.Sprintf("bit %d of the run", k), offsets[k], len(firsts), 0.5); err != nil {
			return err
		}
	}
	n := 8*d.ends[0].size - run + 1
	return firstError(uniformly("first bit", firsts, n, 2), uniformly("first bit", firsts, n, 24))
}

// jitterClaims hold every sampler to its curve, as the lateness of frames over
// a link that lets them overtake.
var jitterClaims = []claim{
	{
		params: "jitter=uniform(0ms,4ms)", biased: []string{"jitter=uniform(0ms,4.2ms)"},
		check: lateAs(func(x float64) float64 { return x / 4 }),
	},
	{
		params: "jitter=exponential(2ms)", biased: []string{"jitter=exponential(2.1ms)"},
		check: lateAs(func(x float64) float64 { return -math.Expm1(-x / 2) }),
	},
	{
		params: "jitter=normal(0ms,2ms)", biased: []string{"jitter=normal(0ms,2.1ms)", "jitter=normal(0.1ms,2ms)"},
		check: lateAs(func(x float64) float64 { return math.Erfc(-x/2/math.Sqrt2) / 2 }),
	},
	{
		params: "jitter=pareto(1ms,2)", biased: []string{"jitter=pareto(1.05ms,2)", "jitter=pareto(1ms,2.1)"},
		check: lateAs(func(x float64) float64 { return 1 - math.Pow(x, -2) }),
	},
	{
		params: "jitter=bimodal(40%:uniform(2ms,3ms),uniform(0ms,1ms))",
		biased: []string{"jitter=bimodal(42%:uniform(2ms,3ms),uniform(0ms,1ms))", "jitter=bimodal(40%:uniform(2ms,3.05ms),uniform(0ms,1ms))"},
		check: lateAs(func(x float64) float64 {
			switch {
			case x <= 1:
				return 0.6 * x
			case x < 2:
				return math.NaN()
			}
			return 0.6 + 0.4*(x-2)
		}),
	},
	{
		params: "jitter=empirical(1ms:50%,3ms:30%,9ms:20%)", biased: []string{"jitter=empirical(1ms:52.5%,3ms:28.5%,9ms:19%)"},
		check: func(d *duo) error {
			counts := make([]int, 3)
			for _, x := range d.extra() {
				switch x {
				case 1:
					counts[0]++
				case 3:
					counts[1]++
				case 9:
					counts[2]++
				default:
					return fmt.Errorf("late by %g ms", x)
				}
			}
			return weighted("late", counts, []float64{0.5, 0.3, 0.2})
		},
	},
}

func lateAs(cdf func(float64) float64) func(*duo) error {
	return func(d *duo) error { return followsCurve("late", d.extra(), cdf) }
}

// hold runs a claim with fixed seeds, and with its biases.
func (c claim) hold(t *testing.T) {
	seeds := uint64(1)
	if *long {
		seeds = 10
		c.feed.count *= 2
	}
	for seed := uint64(1); seed <= seeds; seed++ {
		if err := c.check(newDuo(t, seed, c.params, c.feed).run()); err != nil {
			t.Errorf("seed %d: %s: %v", seed, c.params, err)
		}
		for _, b := range c.biased {
			if c.check(newDuo(t, seed, c.params+" "+b, c.feed).run()) == nil {
				t.Errorf("seed %d: %s passes for %s", seed, b, c.params)
			}
		}
		if c.spoil != nil {
			d := newDuo(t, seed, c.params, c.feed).run()
			c.spoil(d)
			if c.check(d) == nil {
				t.Errorf("seed %d: %s: spoilt samples pass", seed, c.params)
			}
		}
	}
}

func TestImpairmentsKeepToTheirDistributions(t *testing.T) {
	measures(t)
	for _, c := range frameClaims {
		t.Run(c.name, func(t *testing.T) { c.hold(t) })
	}
}

func TestJitterKeepsToItsCurve(t *testing.T) {
	measures(t)
	for _, c := range jitterClaims {
		c.feed = small(frameMany)
		name := c.params
		c.params += " delay=20ms fifo=false"
		t.Run(name, func(t *testing.T) { c.hold(t) })
	}
}

// What a sampler gives below zero, delay included, counts as no delay.
func TestJitterNeverArrivesBeforeTheFrameIsSent(t *testing.T) {
	measures(t)
	d := newDuo(t, 1, "delay=1ms jitter=normal(0ms,1ms) fifo=false", small(frameMany)).run()
	at0 := 0
	for _, a := range d.ends[1].got {
		switch late := a.at.Sub(d.ends[0].sent[a.num]); {
		case late < 0:
			t.Fatalf("frame %d arrives %s before it is sent", a.num, -late)
		case late == 0:
			at0++
		}
	}
	if err := hitRate("without delay", at0, frameMany, math.Erfc(1/math.Sqrt2)/2); err != nil {
		t.Error(err)
	}
}
