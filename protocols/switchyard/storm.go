package switchyard

import (
	"fmt"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// StormName is what scenarios call the storm detector.
const StormName = "switchyard/storm"

// storm holds that no frame goes round for ever. A bridge takes what comes once
// across once in each direction; one that takes the same bytes across many times
// as often as somebody sent them is part of a loop, which is then looked for and
// named.
type storm struct {
	bridges map[cells.ID][2]string // the cells of its fabrics
	frames  map[int64]*stormFrame  // by sum
	before  map[int64]*stormFrame  // those that had no more room in frames, until it is full again
	coming  map[cells.ID]int64     // the frame a fabric is at work on
}

// stormFrames is how many frames the detector knows; twice as many at most. What
// goes round is met again and again, and not forgotten.
const stormFrames = 1 << 16

// stormFrame is one frame's way through the bridges.
type stormFrame struct {
	size    int64
	origins int64 // how often it was sent by others than bridges, replayed, or doubled
	hops    []hop // in the order of the first time
}

// hop is a bridge in one direction.
type hop struct {
	bridge   cells.ID
	from, to string
	n        int64
}

// stormFactor is how many times as often as it was sent a frame goes one way
// over one bridge before that is a storm. Fabrics that double frames need some.
const stormFactor = 8

// NewStorm gives the oracle "switchyard/storm".
func NewStorm() cells.Oracle {
	return &storm{
		bridges: make(map[cells.ID][2]string), frames: make(map[int64]*stormFrame), coming: make(map[cells.ID]int64),
	}
}

// Kinds are the emissions the oracle reads.
func (o *storm) Kinds() []cells.Kind {
	return []cells.Kind{KindBridge, KindCarried, KindSent, KindReplayed, KindFrame, KindImpaired}
}

// Observe takes one emission.
func (o *storm) Observe(_ des.Key, m cells.Emission) error {
	switch m.Kind {
	case KindBridge:
		left, right, _ := strings.Cut(m.Text, " ")
		o.bridges[m.Cell] = [2]string{left, right}
	case KindSent:
		if _, bridge := o.bridges[m.Cell]; !bridge {
			o.frame(m.B).origins++
		}
	case KindFrame:
		o.coming[m.Cell] = m.A
		o.frame(m.A).size = m.B
	case KindReplayed, KindImpaired:
		// Of a replayed frame the sum comes next; the one before is as good a
		// guess, and only lets more pass.
		if copies := m.B&0xff + m.B>>8; m.Kind == KindReplayed || copies > 1 {
			o.frame(o.coming[m.Cell]).origins++
		}
	case KindCarried:
		return o.carried(m)
	}
	return nil
}

func (o *storm) frame(sum int64) *stormFrame {
	f := o.frames[sum]
	if f != nil {
		return f
	}
	if f = o.before[sum]; f == nil {
		f = &stormFrame{}
	}
	if len(o.frames) >= stormFrames {
		o.before, o.frames = o.frames, make(map[int64]*stormFrame)
	}
	o.frames[sum] = f
	return f
}

func (o *storm) carried(m cells.Emission) error {
	ends := o.bridges[m.Cell]
	side := int(m.B & 1)
	f := o.frame(m.A)
	h := f.hop(m.Cell, ends[side], ends[1-side])
	h.n++
	if h.n <= stormFactor*max(f.origins, 1) {
		return nil
	}
	way := f.back(h.to, h.from, map[cells.ID]bool{h.bridge: true})
	if way == nil {
		return nil
	}
	return fmt.Errorf("a frame of %d bytes goes round, and %s takes it across for the %d. time: %s > %s > %s%s",
		f.size, m.Cell, h.n, h.from, h.bridge, h.to, strings.Join(way, ""))
}

func (f *stormFrame) hop(bridge cells.ID, from, to string) *hop {
	for i := range f.hops {
		if h := &f.hops[i]; h.bridge == bridge && h.from == from {
			return h
		}
	}
	f.hops = append(f.hops, hop{bridge: bridge, from: from, to: to})
	return &f.hops[len(f.hops)-1]
}

// back finds a way of the frame from one fabric to another, over each bridge
// once, as " > bridge > fabric" each.
func (f *stormFrame) back(at, home string, used map[cells.ID]bool) []string {
	if at == home {
		return []string{}
	}
	for i := range f.hops {
		h := &f.hops[i]
		if h.from != at || used[h.bridge] {
			continue
		}
		used[h.bridge] = true
		if way := f.back(h.to, home, used); way != nil {
			return append([]string{fmt.Sprintf(" > %s > %s", h.bridge, h.to)}, way...)
		}
	}
	return nil
}

// Finish finds nothing more.
func (o *storm) Finish() error { return nil }
