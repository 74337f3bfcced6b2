package des

import (
	"sort"

	"example.com/dsim/clock"
)

// insert puts e, which is not after last, into near, or where it belongs once
// near has become too long for it.
func (w *wheel) insert(e Event) {
	if w.head == len(w.near) {
		w.near, w.head = append(w.near[:0], e), 0
		return
	}
	if len(w.near) == cap(w.near) && w.head > len(w.near)/2 {
		w.near, w.head = w.near[:copy(w.near, w.near[w.head:])], 0
	}
	p := w.near
	i, stop := len(p), max(w.head, len(p)-shiftMax)
	for i > stop && e.Before(p[i-1]) {
		i--
	}
	if i > w.head && i == stop && e.Before(p[i-1]) {
		w.insertFar(e)
		return
	}
	p = append(p, e)
	if i < len(p)-1 {
		copy(p[i+1:], p[i:])
		p[i] = e
	}
	w.near = p
}

// insertFar makes room for an event that belongs far from near's end.
func (w *wheel) insertFar(e Event) {
	if w.level == 0 {
		w.crowd.push(e)
		return
	}
	w.spill()
	w.add(e)
}

// spill gives the later part of near back to the spots below near's level.
// What stays fills whole spots, as what was drained did.
func (w *wheel) spill() {
	if w.head > 0 { // what was taken last is a better base
		w.base = max(w.base, uint64(max(0, min(w.near[w.head-1].Time, w.last))))
	}
	p := w.near[w.head:]
	keep := len(p)
	for w.level > 0 && keep > takeMax {
		w.level--
		w.last = clock.Time(w.base | (1<<(w.level*levelBits) - 1))
		keep = sort.Search(keep, func(i int) bool { return p[i].Time > w.last })
	}
	for _, e := range p[keep:] {
		w.place(e)
	}
	w.near = w.near[:w.head+keep]
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
