package playback

import (
	"slices"
	"sort"
	"time"

	"example.com/dsim/clock"
)

// Direction is what one direction of a link between two sites was, as it was
// measured: from the instant at which the link let something through, which is
// behind all its impairments, to the instant at which the other site took it.
type Direction struct {
	Link    string `json:"link"`
	From    string `json:"from"` // sites
	To      string `json:"to"`
	Stream  bool   `json:"stream,omitempty"`
	Sent    uint64 `json:"sent"`    // frames, or segments
	Dropped uint64 `json:"dropped"` // of them, not taken by the socket, as noted
	Down    uint64 `json:"down"`    // of them, sent when nobody was there to take them, or taken by nobody at the end
	Lost    uint64 `json:"lost"`    // of them, gone without a word
	Arrived uint64 `json:"arrived"`
	Unsent  uint64 `json:"unsent"`    // of what arrived, that which nobody is known to have sent
	Late    uint64 `json:"overtaken"` // of what arrived, behind something that was sent later

	Delays []time.Duration `json:"-"` // of what is matched, least first
}

// Delay is the delay that a share of all frames do not exceed: 0 the least, 1
// the greatest, 0.5 the median. There must be some.
func (d *Direction) Delay(share float64) time.Duration {
	return d.Delays[min(int(share*float64(len(d.Delays))), len(d.Delays)-1)]
}

// match finds for each arrival what was sent: the same bytes, not later, in the
// order of sending. From the last arrival back, each takes the latest that is
// left: that way all find one if all can, and none is said to have taken longer
// than it must have.
func (w *wire) match() Direction {
	d := Direction{Link: w.link, From: w.from, To: w.to, Stream: w.stream, Sent: uint64(len(w.outs)), Arrived: uint64(len(w.arrived))}
	where := make(map[uint64][]int, len(w.outs)) // places in outs, by bytes
	for i, o := range w.outs {
		if o.drop {
			d.Dropped++
			continue
		}
		where[o.hash] = append(where[o.hash], i)
	}
	next := len(w.outs)
	var left []*crossing
	for _, a := range slices.Backward(w.arrived) {
		list := where[a.hash]
		k := sort.Search(len(list), func(k int) bool { return list[k] >= next || after(w.outs[list[k]], a) })
		if k == 0 {
			left = append(left, a)
			continue
		}
		next = list[k-1]
		where[a.hash] = list[:k-1]
		pair(w.outs[next], a)
	}
	d.Late, d.Unsent = w.overtaken(left)
	for _, o := range w.outs {
		switch {
		case o.mate != nil:
			d.Delays = append(d.Delays, o.mate.when().Sub(o.when()))
		case o.drop:
		case w.alone(o):
			d.Down++
		default:
			d.Lost++
		}
	}
	slices.Sort(d.Delays)
	return d
}

// alone reports whether no process was known to be there to take what was sent.
// Of one that was killed it is known that it was there as long as its journal
// goes; what it might have taken after that is not held against the wire.
func (w *wire) alone(o *crossing) bool {
	at := o.when()
	for _, t := range w.takers {
		if at >= t.from()+t.offset && at < t.report.End+t.offset {
			return false
		}
	}
	return true
}

// forget makes room for another match.
func (w *wire) forget() {
	for _, o := range w.outs {
		o.mate = nil
	}
	for _, a := range w.arrived {
		a.mate = nil
	}
}

// overtaken matches what came out of order with anything of the same bytes that
// is left. The earliest is taken for it.
func (w *wire) overtaken(left []*crossing) (late, unsent uint64) {
	if len(left) == 0 {
		return 0, 0
	}
	free := map[uint64][]*crossing{}
	for _, o := range w.outs {
		if o.mate == nil && !o.drop {
			free[o.hash] = append(free[o.hash], o)
		}
	}
	for _, a := range slices.Backward(left) {
		list := free[a.hash]
		if len(list) == 0 || after(list[0], a) {
			unsent++
			continue
		}
		pair(list[0], a)
		free[a.hash] = list[1:]
		late++
	}
	return late, unsent
}

func pair(sent, arrived *crossing) { sent.mate, arrived.mate = arrived, sent }

// when is the time of a crossing on the clock of the whole.
func (c *crossing) when() clock.Time { return c.at + c.trail.offset }

// slack is how much before it was sent something may seem to arrive: clocks of
// several machines are no better aligned than that.
const slack = clock.Time(time.Millisecond)

// after reports whether something was sent after it arrived: it was not that.
func after(sent, arrived *crossing) bool {
	if sent.trail.header.MonoOf == arrived.trail.header.MonoOf && sent.trail.header.MonoOf != "" {
		return sent.when() > arrived.when()
	}
	return sent.when() > arrived.when()+slack
}
