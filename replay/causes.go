package replay

import (
	"fmt"
	"slices"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// Causes gives the event with a key and what led to it: the event that
// scheduled it, the one that scheduled that, and so on, the latest first, at
// most max of them. It reads only the blocks that may hold them. The key of no
// event in the trace gives none.
func Causes(t *Trace, key des.Key, max int) ([]des.Record, error) {
	var chain []des.Record
	for len(chain) < max && !key.IsZero() {
		r, ok, err := t.event(key)
		if err != nil {
			return chain, err
		}
		if !ok {
			break
		}
		chain = append(chain, r)
		if r.Cause.Compare(key) >= 0 && !r.Cause.IsZero() {
			break // not a trace of ours: a cause is before what it caused
		}
		key = r.Cause
	}
	return chain, nil
}

// event finds the record of an event; what was recorded first under the key if
// the event's own record is not in the trace.
func (t *Trace) event(key des.Key) (des.Record, bool, error) {
	c := t.cursor(key.Time, key.Time, 0)
	var found des.Record
	ok := false
	for {
		e, err := c.next()
		if err != nil {
			return found, ok, err
		}
		if e.Record == nil && e.Choice == nil {
			return found, ok, nil
		}
		if e.Record == nil || e.Record.Key != key || e.Record.Op == des.OpMark {
			continue
		}
		if e.Record.Op.Event() {
			return Clone(e.Record), true, nil
		}
		if !ok {
			found, ok = Clone(e.Record), true
		}
	}
}

// Consequences gives the event with a key and all events it led to, in order,
// at most max of them.
func Consequences(t *Trace, key des.Key, max int) ([]des.Record, error) {
	var out []des.Record
	in := map[des.Key]bool{key: true}
	c := t.cursor(key.Time, clock.Never, 0)
	for len(out) < max {
		e, err := c.next()
		if err != nil {
			return out, err
		}
		if e.Record == nil && e.Choice == nil {
			break
		}
		r := e.Record
		if r == nil || !r.Op.Event() {
			continue
		}
		if r.Key == key || !r.Cause.IsZero() && in[r.Cause] {
			in[r.Key] = true
			out = append(out, Clone(r))
		}
	}
	return out, nil
}

// CausesMax is how many events a [CausalIndex] holds if not told otherwise.
const CausesMax = 1 << 20

// CausalIndex holds who caused whom, for many questions about one trace. It
// keeps keys, not records: [Trace.Records] gives those.
type CausalIndex struct {
	cause map[des.Key]des.Key
	next  map[des.Key][]des.Key
	full  bool
}

// NewCausalIndex reads the trace once. It holds at most max events, CausesMax
// if max is 0, and says by Full if there were more.
func NewCausalIndex(t *Trace, max int) (*CausalIndex, error) {
	if max <= 0 {
		max = CausesMax
	}
	x := &CausalIndex{cause: map[des.Key]des.Key{}, next: map[des.Key][]des.Key{}}
	for r, err := range t.Records(allFrom, allTo) {
		if err != nil {
			return nil, err
		}
		if !r.Op.Event() {
			continue
		}
		if len(x.cause) >= max {
			x.full = true
			break
		}
		if _, ok := x.cause[r.Key]; ok {
			continue // such as one that was parked and came again
		}
		x.cause[r.Key] = r.Cause
		if !r.Cause.IsZero() {
			x.next[r.Cause] = append(x.next[r.Cause], r.Key)
		}
	}
	return x, nil
}

// Full reports whether the trace had more events than the index may hold.
func (x *CausalIndex) Full() bool { return x.full }

// Cause is the key of the event that scheduled the one with a key.
func (x *CausalIndex) Cause(key des.Key) (des.Key, bool) {
	k, ok := x.cause[key]
	return k, ok && !k.IsZero()
}

// Next are the keys of the events that one scheduled, in order.
func (x *CausalIndex) Next(key des.Key) []des.Key { return slices.Clone(x.next[key]) }

// Step is one record of a frame's way.
type Step struct {
	Hop    int // 0 on the link asked for, 1 on those it was sent on by, and so on
	Record des.Record
}

// PathMax bounds the steps of a path.
const PathMax = 10_000

// Path follows one frame: the n-th on a link direction. It gives the record of
// its sending, what the link did to it, its arrivals, and then the same for
// each frame that the receiver sent while it handled it, up to hops links on.
// What a receiver sent later, such as from a timer, is not part of the way.
func Path(t *Trace, link string, n int64, hops int) ([]Step, error) {
	type frame struct {
		link string
		n    int64
	}
	follow := map[frame]int{{link, n}: 0} // frames on the way, with their hop
	var steps []Step
	var arrival des.Key // the event in which one arrived, whose sends go on
	hop := 0
	for r, err := range t.Records(allFrom, allTo) {
		if err != nil {
			return steps, err
		}
		f := frame{r.Link, r.A}
		switch r.Op {
		case des.OpSend, des.OpVerdict, des.OpRecv, des.OpMiss:
		default:
			continue
		}
		if r.Op == des.OpSend && r.Link != "" && !arrival.IsZero() && r.Key == arrival && hop < hops {
			if _, ok := follow[f]; !ok && len(follow) < PathMax {
				follow[f] = hop + 1
			}
		}
		h, ok := follow[f]
		if !ok || r.Link == "" {
			continue
		}
		if len(steps) >= PathMax {
			return steps, fmt.Errorf("path of %s #%d: more than %d steps", link, n, PathMax)
		}
		steps = append(steps, Step{h, Clone(r)})
		if r.Op == des.OpRecv {
			arrival, hop = r.Key, h
		}
	}
	return steps, nil
}
