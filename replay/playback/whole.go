package playback

import (
	"strings"

	"example.com/dsim/des"
)

// What one site records is told as part of a whole: times are those of the one
// clock, entities have numbers of the whole, and what arrived is tied to what was
// sent.

// key1 is a key of the site as one of the whole.
func (v *voice) key1(k des.Key) des.Key {
	if k.IsZero() {
		return k
	}
	k.Time += v.trail.offset
	k.Entity = v.entity(k.Entity)
	return k
}

// entity is the number that the whole has for an entity of the site. Cells and
// directions are those of their names, inputs those of a life.
func (v *voice) entity(e des.Entity) des.Entity {
	if n, ok := v.numbers[e]; ok {
		return n
	}
	name := v.site.Network().EntityName(e)
	switch e.Class() {
	case des.Timeline, des.Input:
		name = e.Class().String() + " of " + v.trail.path
	}
	n, ok := v.c.names[name]
	if !ok {
		class := e.Class()
		n = des.MakeEntity(class, v.c.counts[class])
		v.c.counts[class]++
		v.c.names[name] = n
	}
	v.numbers[e] = n
	return n
}

// Record takes a record of the site.
func (v *voice) Record(r *des.Record) {
	v.rec = *r
	w := &v.rec
	w.Key, w.Cause = v.key1(r.Key), v.key1(r.Cause)
	switch r.Op {
	case des.OpArm, des.OpTimer:
		w.B += int64(v.trail.offset)
	case des.OpRecv, des.OpMiss:
		v.arrived(w)
	case des.OpPark:
		if v.input != nil {
			v.parked[v.link] = append(v.parked[v.link], v.input)
			v.heard = true
		}
	case des.OpState:
		if r.Text == "crash" {
			clear(v.parked)
		}
	}
	if w.Op.Event() && w.Cause.IsZero() && v.input != nil {
		w.Cause = v.input.cause
	}
	if v.records != nil {
		v.records.Record(w)
	}
}

// arrived gives what reached a cell, or missed it, the number and the cause that
// it has where it was sent.
func (v *voice) arrived(w *des.Record) {
	link := w.Link[:max(len(w.Link)-1, 0)] // of a direction's name, "ab>"
	o := v.input
	switch {
	case o != nil && !v.heard:
		v.heard = true
	case o == nil && len(v.parked[link]) > 0:
		o = v.parked[link][0]
		v.parked[link] = v.parked[link][1:]
	default:
		return
	}
	if b := v.trail.links[link]; b != nil && b.stream {
		return // a chunk is no segment
	}
	w.A, w.B, w.Cause = int64(o.n), int64(o.copy), o.cause
}

// dropped tells that a socket did not take a frame that the link let through: as
// a verdict, for it is the wire's.
func (v *voice) dropped(n uint64) {
	s := v.site.Scheduler()
	name := strings.TrimPrefix(v.site.Network().EntityName(s.Current().Entity), "link ")
	v.Record(&des.Record{Key: s.Current(), Cause: s.Cause(), Op: des.OpVerdict, Link: name, A: int64(n), Text: "wire:the socket did not take it"})
}

// Choose takes a choice of the site.
func (v *voice) Choose(c *des.Choice) {
	told := *c
	told.At = v.key1(c.At)
	v.choices.Choose(&told)
}
