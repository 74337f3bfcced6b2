package links

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
)

const ms = time.Millisecond

// wantGot checks what a cell got: "number@milliseconds", in order.
func wantGot(t *testing.T, what string, d *duo, k int, want string) {
	t.Helper()
	var words []string
	for _, a := range d.ends[k].got {
		words = append(words, fmt.Sprintf("%d@%v", a.num, float64(a.at)/1e6))
	}
	if got := strings.Join(words, " "); got != want {
		t.Errorf("%s: arrived %s, want %s", what, got, want)
	}
}

// atMS runs to a time and then does what is given.
func (d *duo) atMS(t float64, do func()) {
	d.tb.Helper()
	d.until(time.Duration(t * 1e6))
	do()
}

func (d *duo) sendOne() { d.tb.Helper(); d.send("a", 8) }

func TestFrameLongerThanTheMTUIsDropped(t *testing.T) {
	d := newDuo(t, 1, "mtu=100B", feed{})
	d.until(1)
	d.send("a", 100, 101, 100)
	d.set("mtu=101B")
	d.send("a", 101)
	d.set("mtu=0B")
	d.send("a", 5000)
	d.run()
	if got := d.drops(cells.ReasonMTU); got != 1 || len(d.ends[1].got) != 4 {
		t.Errorf("%d dropped, %d arrived; want 1, 4", got, len(d.ends[1].got))
	}
}

// A corrupted frame arrives corrupted, unless the link has a frame check
// sequence, which drops the very same frames.
func TestFrameCheckSequenceDropsWhatIsCorrupted(t *testing.T) {
	plain := newDuo(t, 1, "corrupt=30% dup=20%", blank(1000, 20)).run()
	checked := newDuo(t, 1, "corrupt=30% dup=20% fcs=true", blank(1000, 20)).run()
	bad := make(map[int]bool)
	for _, f := range plain.ends[1].flips {
		bad[f.frame] = true
	}
	if len(bad) == 0 || len(checked.ends[1].flips) != 0 {
		t.Fatalf("%d corrupted without a check, %d bits with it", len(bad), len(checked.ends[1].flips))
	}
	a, b := plain.counts()[0], checked.counts()[0]
	if b.Corrupted != a.Corrupted || checked.drops(cells.ReasonFCS) != a.Corrupted || b.Flips != a.Flips || b.Delivered != a.Delivered-uint64(len(bad)) {
		t.Errorf("without %+v, with %+v, %d copies bad", a, b, len(bad))
	}
}

// The frame that is corrupted is the link's own: what the sender keeps, and the
// copies that are not, see nothing of it.
func TestCopiesOfACorruptedFrameAreCorruptedAlike(t *testing.T) {
	d := newDuo(t, 1, "corrupt=1 dup=1 dup.copies=2", blank(1, 20)).run()
	per := make([][]int, 3)
	for _, f := range d.ends[1].flips {
		per[f.frame] = append(per[f.frame], f.bit)
	}
	if len(d.ends[1].got) != 3 || len(per[0]) == 0 || !slices.Equal(per[0], per[1]) || !slices.Equal(per[0], per[2]) {
		t.Errorf("flipped %v", per)
	}
}

// On a link that keeps order, jitter makes followers wait; on one that does
// not, they overtake; the jitter itself is the same.
func TestJitterDelaysFollowersUnlessTheyMayOvertake(t *testing.T) {
	const params = "delay=1ms jitter=exponential(5ms)"
	f := feed{count: 2000, gap: ms, size: 8}
	ordered, free := newDuo(t, 1, params, f).run(), newDuo(t, 1, params+" fifo=false", f).run()
	due := make([]clock.Time, f.count)
	overtook := 0
	for i, a := range free.ends[1].got {
		due[a.num] = a.at
		if i > 0 && a.num < free.ends[1].got[i-1].num {
			overtook++
		}
	}
	if overtook == 0 {
		t.Error("nobody overtook without order")
	}
	latest, waited := clock.Time(0), 0
	for i, a := range ordered.ends[1].got {
		if due[i] < latest {
			waited++
		}
		latest = max(latest, due[i])
		if a.num != i || a.at != latest {
			t.Fatalf("arrival %d is frame %d at %s, want frame %d at %s", i, a.num, a.at, i, latest)
		}
	}
	if waited == 0 {
		t.Error("nobody waited in order")
	}
}

// A frame that is reordered is overtaken, and holds nobody back.
func TestReorderedFrameIsOvertaken(t *testing.T) {
	d := newDuo(t, 1, "delay=1ms reorder=1 reorder.delay=10ms", feed{})
	d.atMS(0, d.sendOne)
	d.set("reorder=0")
	d.atMS(2, d.sendOne)
	d.atMS(9.5, d.sendOne)
	d.atMS(15, d.sendOne)
	d.run()
	wantGot(t, "reordered", d, 1, "1@3 2@10.5 0@11 3@16")
}

func TestCutLosesWhatItsWordSays(t *testing.T) {
	for _, c := range []struct {
		cut, want   string
		cuts, holds uint64
	}{
		// Frames are sent at 0, 5, 10, 15, 20 and 25 ms; cut from 6 to 17 ms.
		{"lost", "4@30 5@35", 4, 0},
		{"drain", "0@10 1@15 4@30 5@35", 2, 0},
		// What was on the way arrives at the release if it is due by then; what was
		// sent during the cut sets out at the release.
		{"hold", "0@17 1@17 2@27 3@27 4@30 5@35", 0, 0},
	} {
		d := newDuo(t, 1, "delay=10ms", feed{})
		for i := range 6 {
			switch i {
			case 2:
				d.atMS(6, func() { d.set("cut=" + c.cut) })
			case 4:
				d.atMS(17, func() { d.set("cut=no") })
			}
			d.atMS(float64(5*i), d.sendOne)
		}
		d.run()
		wantGot(t, c.cut, d, 1, c.want)
		if got := d.drops(cells.ReasonCut); got != c.cuts {
			t.Errorf("%s: %d frames counted as cut, want %d", c.cut, got, c.cuts)
		}
	}
}

// Held frames keep their numbers, and so their verdicts: the same frames are
// lost as without a cut, and the others come out in the order of numbers, all
// at the release.
func TestHeldFramesAreReleasedInOrderWithTheirOwnNumbers(t *testing.T) {
	const params = "loss=30% dup=20% delay=10ms jitter=uniform(0ms,20ms) fifo=false"
	f := feed{count: 500, gap: 10 * time.Microsecond, size: 8}
	numbers := func(d *duo) (list []int) {
		for _, a := range d.ends[1].got {
			list = append(list, a.num)
		}
		return list
	}
	want := numbers(newDuo(t, 1, params, f).run())
	if slices.IsSorted(want) {
		t.Fatal("nobody overtakes without a cut")
	}
	slices.Sort(want)
	for _, sending := range []bool{false, true} {
		d := newDuo(t, 1, params, f)
		if !sending { // all are on the way, and come to the end of the link out of order
			d.until(8 * ms)
		}
		d.set("cut=hold")
		d.until(time.Second)
		if len(d.ends[1].got) != 0 {
			t.Fatalf("%d frames arrived over a held link", len(d.ends[1].got))
		}
		if sending { // what has not set out may still overtake
			d.set("fifo=true")
		}
		d.set("cut=no")
		d.run()
		if got := numbers(d); !slices.Equal(got, want) {
			t.Errorf("held while sending %v: released %v, want %v", sending, got, want)
		}
		for _, a := range d.ends[1].got {
			if !sending && a.at != clock.Time(time.Second) {
				t.Fatalf("frame %d was released at %s", a.num, a.at)
			}
		}
	}
}

func TestCutOfOneDirectionLeavesTheOther(t *testing.T) {
	d := newDuo(t, 1, "delay=1ms", feed{})
	d.apply(cells.Change{Op: cells.SetLink, Link: cells.LinkSpec{Name: "ab", AB: paramList("cut=lost"), BA: paramList("delay=2ms")}})
	d.atMS(1, func() { d.send("a", 8); d.send("b", 8) })
	d.atMS(10, func() {
		d.apply(cells.Change{Op: cells.SetLink, Link: cells.LinkSpec{Name: "ab", AB: paramList("cut=no"), BA: paramList("cut=drain")}})
	})
	d.send("a", 8)
	d.send("b", 8)
	d.run()
	wantGot(t, "a to b", d, 1, "1@11")
	wantGot(t, "b to a", d, 0, "0@3")
}

// Frames on the way keep their due times when parameters change; those after
// them keep order.
func TestChangeLeavesFramesInFlightTheirDueTimes(t *testing.T) {
	d := newDuo(t, 1, "delay=20ms", feed{})
	d.atMS(0, d.sendOne)
	d.atMS(5, d.sendOne)
	d.set("delay=1ms")
	d.atMS(6, d.sendOne) // due at 7 ms, waits for 25
	d.atMS(7, func() { d.set("fifo=false") })
	d.sendOne() // may overtake
	d.atMS(10, func() { d.set("loss=1 mtu=1B rate=1bit") })
	d.run()
	wantGot(t, "changed", d, 1, "3@8 0@20 1@25 2@25")
}

// A link that flaps forgets nothing: each frame fares as the cut that holds
// when it is sent and while it is on the way says, by the same verdicts.
func TestFlappingLinkLosesExactlyWhatTheCutsSay(t *testing.T) {
	const n, delay = 400, 7
	d := newDuo(t, 1, "delay=7ms", feed{count: n, gap: ms, size: 8}) // frame i is sent at i+1 ms
	cuts := func(at int) bool { return at/13%2 == 1 }
	for at := 13; at < n+100; at += 13 {
		d.atMS(float64(at)+0.5, func() { d.set(map[bool]string{true: "cut=lost", false: "cut=no"}[cuts(at)]) })
	}
	d.run()
	var want []int
	for i := range n {
		whole := true
		for at := i + 1; at <= i+1+delay; at++ {
			// The cut of millisecond x holds from x+0.5 on.
			whole = whole && !cuts(at-1)
		}
		if whole {
			want = append(want, i)
		}
	}
	var got []int
	for _, a := range d.ends[1].got {
		got = append(got, a.num)
		if late := a.at.Sub(d.ends[0].sent[a.num]); late != delay*ms {
			t.Fatalf("frame %d took %s", a.num, late)
		}
	}
	if !slices.Equal(got, want) || len(want) == 0 {
		t.Errorf("arrived %v, want %v", got, want)
	}
	if dropped := d.drops(cells.ReasonCut); dropped != uint64(n-len(want)) {
		t.Errorf("%d counted as cut, want %d", dropped, n-len(want))
	}
}

// A flap between holding and losing: what is held when the direction is cut
// with loss is lost, what is held after is not.
func TestHeldFramesAreLostByACutThatLoses(t *testing.T) {
	d := newDuo(t, 1, "delay=1ms cut=hold", feed{})
	d.atMS(1, d.sendOne)
	d.atMS(5, func() { d.set("cut=lost") })
	d.sendOne()
	d.atMS(6, func() { d.set("cut=hold") })
	d.sendOne()
	d.atMS(9, func() { d.set("cut=no") })
	d.run()
	wantGot(t, "held", d, 1, "2@10")
	if got := d.drops(cells.ReasonCut); got != 2 {
		t.Errorf("%d counted as cut, want 2", got)
	}
}

func TestHoldKeepsNoMoreThanItsBound(t *testing.T) {
	d := newDuo(t, 1, "delay=1ms cut=hold hold=3", feed{})
	d.until(1)
	d.send("a", 8, 8, 8, 8, 8)
	d.atMS(9, func() { d.set("cut=no") })
	d.send("a", 8)
	d.run()
	wantGot(t, "held", d, 1, "0@10 1@10 2@10 5@10")
	if got := d.drops(cells.ReasonHeld); got != 2 {
		t.Errorf("%d counted as held, want 2", got)
	}
}

// A held direction goes on judging: interface and channel take their time from
// the release on, as they would have from the sending on.
func TestHeldFramesTakeTheirTimeFromTheRelease(t *testing.T) {
	d := newDuo(t, 1, "delay=1ms rate=8Mbit cut=hold", feed{})
	d.until(0)
	d.send("a", 1000, 1000, 1000) // a millisecond each
	d.atMS(10, func() { d.set("cut=no") })
	d.run()
	wantGot(t, "held", d, 1, "0@12 1@13 2@14")
}
