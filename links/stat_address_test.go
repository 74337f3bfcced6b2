package links

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// impairments are parameters that each turn one impairment on, and what of a
// verdict is its own.
var impairments = []struct {
	name, params string
	part         func(Verdict) string
}{
	{"loss", "loss=20%", func(v Verdict) string { return dropPart(v, cells.ReasonLoss) }},
	{"burst", "burst.enter=10% burst.leave=40% burst.loss=70% burst.loss-good=5%", func(v Verdict) string { return dropPart(v, cells.ReasonBurst) }},
	{"dup", "dup=20% dup.copies=2", func(v Verdict) string { return fmt.Sprint(v.Copies) }},
	{"reorder", "reorder=20% reorder.delay=uniform(1ms,9ms)", func(v Verdict) string { return fmt.Sprint(v.Late) }},
	{"ber", "ber=2e-3", func(v Verdict) string { return fmt.Sprint(v.Flips) }},
	{"corrupt", "corrupt=20% corrupt.bits=30", func(v Verdict) string { return fmt.Sprint(v.Flips) }},
}

func dropPart(v Verdict, r cells.Reason) string { return fmt.Sprint(v.Drop && v.Reason == r) }

// Turning another impairment on, whatever it is, leaves what one does to every
// frame as it was, as far as the frame still gets to it: a frame that is lost
// is not judged further, and what flips a frame's bits adds up.
func TestImpairmentsDoNotMoveEachOther(t *testing.T) {
	const n = 2000
	run := func(params string) map[uint64]Verdict {
		return newDuo(t, 5, params, feed{count: n, gap: time.Microsecond, size: 50}).judged().run().verdicts[0]
	}
	for _, one := range impairments {
		alone := run(one.params)
		if len(alone) < n/10 {
			t.Errorf("%s: only %d of %d verdicts", one.name, len(alone), n)
		}
		for _, other := range impairments {
			if one.name == other.name {
				continue
			}
			// Whatever does not judge moves nothing either.
			with, second := run(one.params+" "+other.params+" delay=3ms jitter=exponential(2ms) rate=1Gbit mtu=1500B"), run(other.params)
			for i := range uint64(n) {
				v, want := with[i], alone[i]
				if v.Drop && one.part(v) != "true" && !want.Drop {
					continue // the other took it
				}
				if v.Drop && second[i].Drop && want.Drop {
					continue // whichever comes first
				}
				if len(second[i].Flips) > 0 && len(want.Flips)+len(v.Flips) > 0 && !v.Drop {
					want.Flips = slices.Sorted(slices.Values(slices.Concat(want.Flips, second[i].Flips)))
				}
				if one.part(v) != one.part(want) {
					t.Fatalf("%s with %s: frame %d: %s, alone %s", one.name, other.name, i, &v, &want)
				}
			}
		}
	}
}

// The verdict on a frame follows from its number: not from its size, nor from
// when it is sent. Bit errors of a shorter frame are those of a longer one, as
// far as it goes.
func TestVerdictsDoNotDependOnSizesAndTimes(t *testing.T) {
	const n, short, longer = 4000, 20, 90
	for _, one := range impairments {
		run := func(f feed) map[uint64]Verdict {
			f.count = n
			return newDuo(t, 7, one.params, f).judged().run().verdicts[0]
		}
		want := run(feed{burst: n, size: longer})
		for what, f := range map[string]feed{
			"at other times":    {gaps: des.Exponential(1e6), size: longer},
			"with other sizes":  {gap: time.Millisecond, sizes: des.Uniform(short, longer)},
			"with shorter ones": {gap: time.Second, size: short},
		} {
			if one.name == "corrupt" && f.size != longer {
				continue // where a run begins depends on how long the frame is
			}
			got := run(f)
			for i := range uint64(n) {
				v, w := got[i], want[i]
				if one.name == "ber" {
					cut := func(flips []uint32) []uint32 {
						return slices.DeleteFunc(slices.Clone(flips), func(b uint32) bool { return b >= 8*short })
					}
					v.Flips, w.Flips = cut(v.Flips), cut(w.Flips)
				}
				if v.String() != w.String() {
					t.Fatalf("%s, %s: frame %d: %s, want %s", one.name, what, i, &v, &w)
				}
			}
		}
	}
}

// A frame that a cut, the MTU or a full queue stops has taken its number all
// the same: the frames after it fare as they would have.
func TestStoppedFramesKeepTheirVerdictsPlace(t *testing.T) {
	const n = 400
	run := func(change func(d *duo, i int)) []bool {
		d := newDuo(t, 3, "loss=40%", feed{}).judged()
		for i := range n {
			d.until(time.Duration(i+1) * time.Millisecond)
			change(d, i)
			d.send("a", 100)
		}
		d.run()
		lost := make([]bool, n)
		for i, v := range d.verdicts[0] {
			lost[i] = v.Drop
		}
		return lost
	}
	want := run(func(*duo, int) {})
	for what, params := range map[string]string{"cut": "cut=lost", "mtu": "mtu=99B", "queue": "rate=1Mbit queue.bytes=10B"} {
		back := map[string]string{"cut": "cut=no", "mtu": "mtu=0B", "queue": "queue.bytes=0B rate=none queue.frames=1000"}[what]
		got := run(func(d *duo, i int) {
			if i%20 == 7 {
				d.set(params)
			}
			if i%20 == 16 {
				d.set(back)
			}
		})
		if !slices.Equal(got, want) {
			t.Errorf("%s: other frames are lost", what)
		}
	}
}

// An impairment that is turned on late does to the frames from then on what it
// would have done had it been on before; but for bursts, which have a state.
func TestImpairmentTurnedOnLateJudgesAsIfAlwaysOn(t *testing.T) {
	const n, late = 600, 250
	off := strings.NewReplacer("20%", "0", "2e-3", "0")
	for _, one := range impairments {
		if one.name == "burst" {
			continue
		}
		run := func(from int) map[uint64]Verdict {
			params := one.params
			if from > 0 {
				params = off.Replace(params)
			}
			d := newDuo(t, 9, params, feed{}).judged()
			d.until(1)
			for i := range n {
				if i == from && i > 0 {
					d.set(one.params)
				}
				d.send("a", 40)
			}
			return d.run().verdicts[0]
		}
		always, then := run(0), run(late)
		if len(then) == 0 {
			t.Errorf("%s: no verdicts", one.name)
		}
		for i := range uint64(n) {
			v, want := then[i], always[i]
			if i < late {
				want = Verdict{}
			}
			if v.String() != want.String() {
				t.Fatalf("%s: frame %d: %s, want %s", one.name, i, &v, &want)
			}
		}
	}
}

// series is which frames a link loses in one direction, with a seed.
func series(t *testing.T, seed uint64, params string, k int, n int) []bool {
	f := feed{count: n, burst: 4, gap: time.Microsecond, size: 8}
	d := newDuo(t, seed, params, f, f).run()
	lost := make([]bool, n)
	for i := range lost {
		lost[i] = true
	}
	for _, a := range d.ends[1-k].got {
		lost[a.num] = false
	}
	return lost
}

func TestDirectionsSeedsAndImpairmentsAreUnrelated(t *testing.T) {
	measures(t)
	const n = 20_000
	var list [][]bool
	var names []string
	add := func(name string, s []bool) { names, list = append(names, name), append(list, s) }
	seeds := uint64(4)
	if *long {
		seeds = 40
	}
	for seed := range seeds {
		add(fmt.Sprintf("seed %d >", seed), series(t, seed, "loss=30%", 0, n))
		add(fmt.Sprintf("seed %d <", seed), series(t, seed, "loss=30%", 1, n))
	}
	add("burst", series(t, 0, "burst.enter=50% burst.leave=50%", 0, n))
	for what, params := range map[string]string{"dup": "dup=30%", "reorder": "reorder=30%", "ber": "ber=4e-3", "corrupt": "corrupt=30%"} {
		hits := make([]bool, n)
		for i := range newDuo(t, 0, params, feed{count: n, burst: 4, size: 10, gap: 1}).judged().run().verdicts[0] {
			hits[i] = true
		}
		add(what, hits)
	}
	for i := range list {
		for j := range i {
			what := names[i] + " and " + names[j]
			if err := firstError(
				unrelated(what, list[i], list[j]),
				unrelated(what+", one later", list[i][1:], list[j]),
				unrelated(what+", one earlier", list[i], list[j][1:])); err != nil {
				t.Error(err)
			}
		}
	}
	// Series of which one frame in twenty fares alike do go together.
	spoilt := slices.Clone(list[0])
	for i := 0; i < n; i += 20 {
		spoilt[i] = list[1][i]
	}
	if unrelated("spoilt", spoilt, list[1]) == nil {
		t.Error("related series pass")
	}
}

// A link that comes back under its old name draws anew.
func TestAnotherLifeOfALinkDrawsAnew(t *testing.T) {
	const n = 2000
	sizes := slices.Repeat([]int{8}, n)
	d := newDuo(t, 1, "loss=50%", feed{}).judged()
	lives := make([][]bool, 3)
	for life := range lives {
		d.until(time.Duration(life+1) * time.Second)
		clear(d.verdicts[0])
		d.send("a", sizes...)
		lives[life] = make([]bool, n)
		for i := range d.verdicts[0] {
			lives[life][i] = true
		}
		d.until(time.Duration(life+1)*time.Second + time.Millisecond)
		d.apply(cells.Change{Op: cells.RemoveLink, Link: cells.LinkSpec{Name: "ab"}}, linkAB("loss=50%"))
	}
	for i, j := range []int{1, 2, 0} {
		if err := unrelated(fmt.Sprintf("lives %d and %d", i, j), lives[i], lives[j]); err != nil {
			t.Error(err)
		}
	}
	if again := newDuo(t, 1, "loss=50%", feed{count: n, burst: n, size: 8}).run().missing(); !slices.Equal(again, lives[0]) {
		t.Error("the first life of the link differs from that of another run")
	}
}
