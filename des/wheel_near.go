package des

import (
	"sort"

	"example.com/dsim/clock"
)

// insert puts e, which is not after last, into late, or where it belongs once
// late has become too long for it.
func (w *wheel) insert(e Event) {
	if w.taken == len(w.late) {
		w.late, w.taken = append(w.late[:0], e), 0
		w.bound()
		return
	}
	if len(w.late) == cap(w.late) && w.taken > len(w.late)/2 {
		w.late, w.taken = w.late[:copy(w.late, w.late[w.taken:])], 0
	}
	p := w.late
	if len(p)-w.taken >= wideMax && w.level > 0 {
		w.insertFar(e)
		return
	}
	i, stop := len(p), max(w.taken, len(p)-shiftMax)
	for i > stop && e.Before(p[i-1]) {
		i--
	}
	if i > w.taken && i == stop && e.Before(p[i-1]) {
		w.insertFar(e)
		return
	}
	p = append(p, e)
	if i < len(p)-1 {
		copy(p[i+1:], p[i:])
		p[i] = e
	}
	w.late = p
	if i == w.taken {
		w.bound()
	}
}

// insertFar makes room for an event that belongs far from late's end.
func (w *wheel) insertFar(e Event) {
	if w.level == 0 {
		w.crowd.push(e)
		w.bound()
		return
	}
	w.spill()
	w.add(e)
}

// keepMax is how many events stay when the rest is spilled.
const keepMax = 24

// spill gives the later part of late and near back to the spots below their
// level. What stays fills whole spots, as what was drained did.
func (w *wheel) spill() {
	if w.head > 0 { // what was taken last is a better base
		w.rebase(w.near[w.head-1].Time)
	}
	if w.taken > 0 {
		w.rebase(w.late[w.taken-1].Time)
	}
	near, late := w.near[w.head:], w.late[w.taken:]
	keep, keepLate, more := len(near), len(late), w.left > 0
	for w.level > 0 && (more || keep+keepLate > keepMax) {
		w.level--
		w.last = clock.Time(w.base | (1<<(w.level*levelBits) - 1))
		keep, keepLate = until(near[:keep], w.last), until(late[:keepLate], w.last)
		more = w.left > 0 && w.chunks[w.chunks[w.in-1].next-1].e[0].Time <= w.last
	}
	w.near, w.late = w.near[:w.head+keep], w.late[:w.taken+keepLate]
	w.bound()
	for _, e := range near[keep:] {
		w.place(e)
	}
	for _, e := range late[keepLate:] {
		w.place(e)
	}
	w.spillRun()
}

// spillRun gives what is later than last of the run after near back to spots.
func (w *wheel) spillRun() {
	left := w.left
	if left == 0 {
		return
	}
	w.left = 0
	for c := w.chunks[w.in-1].next; left > 0; {
		p := w.chunks[c-1].e[:min(left, chunkLen)]
		next := w.chunks[c-1].next
		keep := until(p, w.last)
		for _, e := range p[keep:] {
			w.place(e)
		}
		if keep == 0 {
			w.release(c)
		}
		w.left += uint32(keep)
		left -= uint32(len(p))
		c = next
	}
}

// rebase moves base up to t, which is the time of an event that was taken.
func (w *wheel) rebase(t clock.Time) {
	w.base = max(w.base, uint64(max(0, min(t, w.last))))
}

// until is how many of the events, which are sorted, are not after t.
func until(p []Event, t clock.Time) int {
	return sort.Search(len(p), func(i int) bool { return p[i].Time > t })
}

// crowd is a binary heap of events at one instant.
type crowd []Event

func (c *crowd) push(e Event) {
	h := append(*c, e)
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !e.Before(h[up]) {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = e
	*c = h
}

// pop takes the least event out; there must be one.
func (c *crowd) pop() Event {
	h := *c
	least := h[0]
	n := len(h) - 1
	e := h[n]
	h = h[:n]
	*c = h
	i := 0
	for {
		k := 2*i + 1
		if k >= n {
			break
		}
		if k+1 < n && h[k+1].Before(h[k]) {
			k++
		}
		if !h[k].Before(e) {
			break
		}
		h[i] = h[k]
		i = k
	}
	if n > 0 {
		h[i] = e
	}
	return least
}
