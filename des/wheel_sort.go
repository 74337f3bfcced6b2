package des

import (
	"math/bits"
	"slices"
)

// sort moves a bucket into near, in order; base is the bucket's first time and
// level its level.
//
// What random times cost is branches guessed wrongly, about as long each as
// moving three events. So up to a chunk each event is put where the number of
// events before it says, which is counted without branches; more are dealt out
// by time to as many boxes as there are events. Either leaves little to do for
// the insertion sort that follows.
func (w *wheel) sort(b bucket) {
	w.sorted = slices.Grow(w.sorted[:0], int(b.n))[:b.n]
	w.near = w.sorted
	if b.n <= chunkLen {
		rankSort(w.near, w.chunks[b.first-1].e[:b.n])
		w.release(b.first)
	} else {
		w.deal(b)
		if first := w.near[0].Time; first == w.near[b.n-1].Time && together(w.near) {
			w.dealAtOnce()
		}
	}
	insertionSort(w.near)
}

// together reports whether all events are of one instant.
func together(p []Event) bool {
	for i := range p {
		if p[i].Time != p[0].Time {
			return false
		}
	}
	return true
}

// dealAtOnce deals near out once more, by what orders the events of one instant:
// where cells tick in step, by whose they are.
func (w *wheel) dealAtOnce() {
	lo, hi := w.near[0].Ord, w.near[0].Ord
	for i := range w.near {
		lo, hi = min(lo, w.near[i].Ord), max(hi, w.near[i].Ord)
	}
	if lo == hi {
		return
	}
	width := uint(bits.Len64(hi - lo))
	boxes := min(width, uint(bits.Len(uint(len(w.near)))))
	shift := width - boxes
	w.counts = slices.Grow(w.counts[:0], 1<<boxes)[:1<<boxes]
	counts := w.counts
	clear(counts)
	for i := range w.near {
		counts[(w.near[i].Ord-lo)>>(shift&63)]++
	}
	sum := uint32(0)
	for i, n := range counts {
		counts[i] = sum
		sum += n
	}
	w.dealt = slices.Grow(w.dealt[:0], len(w.near))[:len(w.near)]
	for i := range w.near {
		at := &counts[(w.near[i].Ord-lo)>>(shift&63)]
		w.dealt[*at] = w.near[i]
		*at++
	}
	w.sorted, w.dealt = w.dealt, w.sorted
	w.near = w.sorted
}

// rankSort puts the events of from into to, in the order of their times.
func rankSort(to, from []Event) {
	var rank [16]uint8
	for i := range from {
		t := uint64(from[i].Time)
		r := uint64(0)
		for j := range from[:i] {
			_, before := bits.Sub64(t, uint64(from[j].Time), 0)
			rank[j&15] += uint8(before)
			r += before
		}
		rank[i&15] = uint8(i) - uint8(r)
	}
	for i := range from {
		to[rank[i&15]] = from[i]
	}
}

// deal puts the events of a bucket into near, box after box.
func (w *wheel) deal(b bucket) {
	width := w.level * levelBits // bits by which times differ
	boxes := min(width, uint(bits.Len32(b.n)))
	shift := width - boxes
	w.counts = slices.Grow(w.counts[:0], 1<<boxes)[:1<<boxes]
	counts := w.counts
	clear(counts)
	mask := uint64(len(counts) - 1)
	c := b.first
	for left := b.n; left > 0; c = w.chunks[c-1].next {
		p := w.chunks[c-1].e[:min(left, chunkLen)]
		for i := range p {
			counts[uint64(p[i].Time)>>(shift&63)&mask]++
		}
		left -= uint32(len(p))
	}
	sum := uint32(0)
	for i, n := range counts {
		counts[i] = sum
		sum += n
	}
	c = b.first
	for left := b.n; left > 0; c = w.release(c) {
		p := w.chunks[c-1].e[:min(left, chunkLen)]
		for i := range p {
			at := &counts[uint64(p[i].Time)>>(shift&63)&mask]
			w.near[*at] = p[i]
			*at++
		}
		left -= uint32(len(p))
	}
}

// insertionSort sorts what is nearly sorted; what turns out not to be is left
// to a sort for that.
func insertionSort(p []Event) {
	moves := 16 * len(p)
	for i := 1; i < len(p); i++ {
		if !p[i].Before(p[i-1]) {
			continue
		}
		e := p[i]
		j := i
		for ; j > 0 && e.Before(p[j-1]); j-- {
			p[j] = p[j-1]
		}
		p[j] = e
		if moves -= i - j; moves < 0 {
			slices.SortFunc(p, compareEvents)
			return
		}
	}
}

func compareEvents(a, b Event) int {
	switch {
	case a.Before(b):
		return -1
	case b.Before(a):
		return 1
	}
	return 0
}
