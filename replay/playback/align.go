package playback

import (
	"cmp"
	"slices"

	"example.com/dsim/clock"
)

// align puts the sites' instants on one clock: by the machine's monotonic clock
// if they share one, else by the wall. The earliest instant 0 is that of all.
func align(trails []*trail) {
	mono := trails[0].header.MonoOf != ""
	for _, t := range trails {
		mono = mono && t.header.MonoOf == trails[0].header.MonoOf
	}
	start := func(t *trail) int64 {
		if mono {
			return t.header.StartMono
		}
		return t.header.StartUnix
	}
	first := start(trails[0])
	for _, t := range trails {
		first = min(first, start(t))
	}
	for _, t := range trails {
		t.offset = clock.Time(start(t) - first)
	}
}

// way is from one life of a site to one of another.
type way struct{ from, to *trail }

// needs say how much later than the one trail the other's instant 0 must be, at
// the least, if nothing is to arrive before it was sent.
type needs map[way]clock.Time

func (n needs) note(sent, arrived *crossing) {
	k := way{sent.trail, arrived.trail}
	if old, ok := n[k]; !ok || sent.at-arrived.at > old {
		n[k] = sent.at - arrived.at
	}
}

// matched aligns the sites and finds what was sent for all that arrived. Clocks
// of several machines differ; what each says of its own frames is right. So sites
// are moved later until nothing arrives before it was sent: first by what was
// sent once and came once, then by all that is matched.
func matched(trails []*trail) (list []Direction) {
	align(trails)
	first := needs{}
	for _, w := range wires(trails) {
		sent, came := w.once()
		for hash, o := range sent {
			if a := came[hash]; a != nil {
				first.note(o, a)
			}
		}
	}
	first.amend(trails)
	for range amendMost {
		list = list[:0]
		all := needs{}
		for _, w := range wires(trails) {
			w.forget()
			if d := w.match(); d.Sent+d.Arrived > 0 {
				list = append(list, d)
			}
			for _, o := range w.outs {
				if o.mate != nil {
					all.note(o, o.mate)
				}
			}
		}
		if !all.amend(trails) {
			break
		}
	}
	return list
}

// amendMost bounds how often sites are moved.
const amendMost = 5

// amend moves sites and reports whether it did. It gives up where the clocks run
// at different rates.
func (n needs) amend(trails []*trail) bool {
	ways := make([]way, 0, len(n))
	for k := range n {
		ways = append(ways, k)
	}
	slices.SortFunc(ways, func(a, b way) int {
		return cmp.Or(cmp.Compare(a.from.path, b.from.path), cmp.Compare(a.to.path, b.to.path))
	})
	before := make([]clock.Time, len(trails))
	for i, t := range trails {
		before[i] = t.offset
	}
	some := false
	for range len(trails) + 1 {
		moved := false
		for _, w := range ways {
			if at := w.from.offset + n[w]; w.to.offset < at {
				w.to.offset, moved, some = at, true, true
			}
		}
		if !moved {
			return some
		}
	}
	for i, t := range trails {
		t.offset = before[i]
	}
	return false
}

// wire is one direction between two sites: all that was given to a link by all
// lives of the one, and all that arrived on it at all lives of the other.
type wire struct {
	link     string
	from, to string // sites
	stream   bool
	outs     []*crossing
	arrived  []*crossing
	takers   []*trail // the lives it arrives at
}

// wires are the directions there are, in the order of links and sites. What is
// in them is in the order of its time.
func wires(trails []*trail) []*wire {
	type end struct{ link, site string }
	at := map[end]*wire{} // by receiver
	var list []*wire
	for _, t := range trails {
		for _, b := range t.order {
			k := end{b.link, t.header.Site}
			w := at[k]
			if w == nil {
				w = &wire{link: b.link, to: t.header.Site}
				at[k] = w
				list = append(list, w)
			}
			w.stream = w.stream || b.stream
			w.takers = append(w.takers, t)
			for i := range b.arrived {
				w.arrived = append(w.arrived, &b.arrived[i])
			}
		}
	}
	slices.SortFunc(list, func(a, b *wire) int { return cmp.Or(cmp.Compare(a.link, b.link), cmp.Compare(a.to, b.to)) })
	for _, t := range trails {
		for _, b := range t.order {
			if len(b.outs) == 0 {
				continue
			}
			for _, w := range between(list, b.link) {
				if w.to == t.header.Site {
					continue
				}
				w.from = t.header.Site
				for i := range b.outs {
					w.outs = append(w.outs, &b.outs[i])
				}
			}
		}
	}
	for _, w := range list {
		byTime := func(a, b *crossing) int { return cmp.Compare(a.at+a.trail.offset, b.at+b.trail.offset) }
		slices.SortStableFunc(w.outs, byTime)
		slices.SortStableFunc(w.arrived, byTime)
	}
	return list
}

// between are the directions of one link.
func between(list []*wire, link string) []*wire {
	i, _ := slices.BinarySearchFunc(list, link, func(w *wire, name string) int { return cmp.Compare(w.link, name) })
	j := i
	for j < len(list) && list[j].link == link {
		j++
	}
	return list[i:j]
}

// once are the frames whose bytes were sent once, and those that came once.
func (w *wire) once() (sent, came map[uint64]*crossing) {
	pick := func(list []*crossing) map[uint64]*crossing {
		out := make(map[uint64]*crossing, len(list))
		for _, c := range list {
			if _, twice := out[c.hash]; twice {
				out[c.hash] = nil
			} else {
				out[c.hash] = c
			}
		}
		for _, c := range list {
			if out[c.hash] == nil {
				delete(out, c.hash)
			}
		}
		return out
	}
	return pick(w.outs), pick(w.arrived)
}
