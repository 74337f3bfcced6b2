package conform

import (
	"bytes"
	"slices"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/links"
)

// direction is one direction of a link that carries frames.
type direction struct {
	name     string
	from, to cells.Endpoint
	params   links.Params
	stream   bool
	left     bool // the link is no more, for the sender
	gone     bool // nor for the other end
	removed  bool // what was on the way is lost
	absent   bool // nobody is there at the other end
	cut      clock.Time
	cutLost  bool       // since cut
	before   *direction // of an earlier link of the same name

	frames []*sent // in the order of sending, from the first that may still come
	next   int64   // the number of the next frame
	newest int64   // the greatest that has arrived, plus 1
}

// sent is a frame on its way.
type sent struct {
	n       int64
	key     des.Key
	at      clock.Time
	least   clock.Time // it cannot arrive before
	data    []byte
	drop    string // why it does not arrive; empty if it may
	wire    uint64 // how many copies real sockets did not take
	judged  bool   // a verdict has been seen
	copies  uint64
	late    bool
	fifo    bool
	seen    []int64 // the copies that have arrived
	excused bool
	dir     *direction
}

// send takes a frame that a cell has sent.
func (w *world) send(r *des.Record, p *puppet) *Violation {
	if r.Link == "" || !w.carries(r.Link) {
		return nil
	}
	d := w.dirs[r.Link]
	switch {
	case d == nil:
		return violation(r, "there is no link %s", r.Link)
	case d.from.Cell != p.id || d.from.Port != p.ports[r.Port].info.Name:
		return violation(r, "link %s leads away from %s", r.Link, d.from)
	case r.A != d.next:
		return violation(r, "it is frame %d of %s, and %d have been sent", r.A, r.Link, d.next)
	}
	d.next++
	d.sweep()
	s := &sent{n: r.A, key: r.Key, at: r.Key.Time, data: bytes.Clone(r.Data), dir: d, fifo: d.params.FIFO, excused: d.absent, least: d.earliest(r.Key.Time, len(r.Data))}
	d.frames = append(d.frames, s)
	w.open = append(w.open, s)
	return nil
}

// earliest is the least time at which a frame can arrive: when its last bit has
// left, and the delay has gone by; what jitter takes off that is not known.
func (d *direction) earliest(at clock.Time, size int) clock.Time {
	p := &d.params
	for _, rate := range []uint64{p.Speed, p.Rate} {
		if rate > 0 {
			at = at.Add(time.Duration(uint64(size) * 8 * uint64(time.Second) / rate))
		}
	}
	if p.Jitter == nil {
		at = at.Add(p.Delay)
	}
	return at
}

// verdict takes what a link did to a frame, which must be what it may do.
func (w *world) verdict(r *des.Record) *Violation {
	d := w.dirs[r.Link]
	if d == nil || d.stream {
		return nil
	}
	i := slices.IndexFunc(d.frames, func(s *sent) bool { return s.n == r.A })
	if i < 0 {
		return violation(r, "the link judges frame %d, which was not sent", r.A)
	}
	s, p := d.frames[i], &d.params
	if why, ok := wireDrop(r.Text); ok {
		if s.wire++; s.wire > s.copies {
			s.drop = why
		}
		return nil
	}
	if why, ok := plainDrop(r.Text); ok && why != "loss" && why != "burst" {
		s.drop = why
		return nil
	}
	v, err := links.ParseVerdict(r.Text)
	switch {
	case err != nil:
		return violation(r, "%v", err)
	case s.judged:
		return violation(r, "the link judges frame %d twice", r.A)
	case v.Drop && p.Loss.IsZero() && p.Burst.Enter.IsZero(),
		len(v.Flips) > 0 && p.BER.IsZero() && p.Corrupt.IsZero(),
		v.Copies > 0 && p.Dup.IsZero(), v.Late > 0 && p.Reorder.IsZero():
		return violation(r, "the link judges %q, and is not set to", r.Text)
	}
	s.judged, s.copies, s.late = true, uint64(v.Copies), v.Late > 0
	if v.Drop {
		s.drop = v.Reason.String()
	}
	s.least = s.least.Add(v.Late)
	for _, bit := range v.Flips {
		if int64(bit) >= 8*int64(len(s.data)) {
			return violation(r, "bit %d of a frame of %d bytes is flipped", bit, len(s.data))
		}
		s.data[bit/8] ^= 0x80 >> (bit % 8)
	}
	if len(v.Flips) > 0 && p.FCS && s.drop == "" {
		s.drop = cells.ReasonFCS.String()
	}
	return nil
}

// settle judges what was sent in an event when all of it is known: what may not
// go out was dropped.
func (w *world) settle(r *des.Record) *Violation {
	defer func() { w.open = w.open[:0] }()
	for _, s := range w.open {
		p := &s.dir.params
		why := ""
		switch {
		case s.drop != "":
		case p.MTU > 0 && len(s.data) > p.MTU:
			why = "a frame longer than the link's maximum is not dropped"
		case s.dir.cutLost:
			why = "a frame is sent while the link is cut, and is not dropped"
		}
		if why != "" {
			v := violation(r, "%s: frame %d of %s", why, s.n, s.dir.name)
			v.Link = s.dir.name
			return v
		}
	}
	return nil
}

// changed takes a change of the direction's parameters.
func (d *direction) changed(was links.Cut, at clock.Time) {
	cut := d.params.Cut
	d.cutLost = cut == links.CutLost || cut == links.CutDrain
	if cut != was {
		d.cut = at
		for _, s := range d.frames {
			s.excused = s.excused || cut == links.CutLost || cut == links.CutHold || was == links.CutHold
		}
	}
}

// flying is how many frames are on their way.
func (d *direction) flying() (n int) {
	for _, s := range d.frames {
		if s.drop == "" && uint64(len(s.seen)) <= s.copies && !s.excused {
			n++
		}
	}
	return n
}

// excuse says that what was sent until now may not arrive.
func (d *direction) excuse() {
	for _, s := range d.frames {
		s.excused = true
	}
}

// again begins anew: the sender is another process, which counts from 0.
func (d *direction) again() {
	old := *d
	old.excuse()
	d.before = &old
	d.frames, d.next, d.newest = nil, 0, 0
}

// sweep forgets frames that cannot come any more, now and then.
func (d *direction) sweep() {
	if len(d.frames) < 4096 {
		return
	}
	d.frames = slices.DeleteFunc(d.frames, func(s *sent) bool { return s.drop != "" || uint64(len(s.seen))+s.wire > s.copies })
	if n := len(d.frames) - framesMost; n > 0 {
		d.frames = slices.Delete(d.frames, 0, n)
	}
}

// framesMost bounds the frames of a direction that are waited for: a link that
// keeps no order may lose any without its being seen.
const framesMost = 1 << 16

// arrival takes a frame that has come to the end of a direction: it must have
// been sent, and be whole.
func (w *world) arrival(r *des.Record, live bool) *Violation {
	d := w.dirs[r.Link]
	if d == nil {
		return violation(r, "there is no link %s", r.Link)
	}
	if d.stream {
		return nil
	}
	s := d.find(r)
	switch {
	case s == nil:
		return violation(r, "frame %d of %s arrives and nobody has sent it", r.A, r.Link)
	case string(d.to.Cell) != r.Cell:
		return violation(r, "%s leads to %s", r.Link, d.to)
	case s.drop != "":
		return violation(r, "frame %d of %s arrives, and the link has dropped it: %s", r.A, r.Link, s.drop)
	case !bytes.Equal(s.data, r.Data):
		return violation(r, "frame %d of %s arrives with other bytes than were sent: %s, and it was %s", r.A, r.Link, edges(r.Data), edges(s.data))
	case r.Key.Time < s.least:
		return violation(r, "frame %d of %s arrives %s after it was sent: the link takes %s at the least", r.A, r.Link, r.Key.Time.Sub(s.at), s.least.Sub(s.at))
	case r.B < 0 || uint64(r.B) > s.copies || slices.Contains(s.seen, r.B):
		return violation(r, "frame %d of %s arrives once more than it was sent: copy %d of %d", r.A, r.Link, r.B, s.copies)
	case d.removed && !live:
		return violation(r, "frame %d of %s arrives, and the link is gone", r.A, r.Link)
	}
	if v := d.uncut(r, s, live); v != nil {
		return v
	}
	s.seen = append(s.seen, r.B)
	return s.dir.following(r, s, w.lossy)
}

// find is what was sent as what has arrived: on this link, or on one that had its
// name and drains.
func (d *direction) find(r *des.Record) (found *sent) {
	for x := d; x != nil; x = x.before {
		i := slices.IndexFunc(x.frames, func(s *sent) bool { return s.n == r.A })
		switch {
		case i < 0:
		case bytes.Equal(x.frames[i].data, r.Data) && r.Cause == x.frames[i].key:
			return x.frames[i]
		case found == nil:
			found = x.frames[i]
		}
	}
	return found
}

// uncut wants a direction to let arrivals through. What a real wire was given
// before it was cut arrives all the same.
func (d *direction) uncut(r *des.Record, s *sent, live bool) *Violation {
	if cut := d.params.Cut; cut != links.CutLost && cut != links.CutHold {
		return nil
	}
	if live && s.least <= d.cut {
		return nil
	}
	return violation(r, "frame %d of %s arrives while the link is cut (%s)", r.A, r.Link, d.params.Cut)
}

// following wants frames in the order they were sent in, and none left out
// without a reason.
func (d *direction) following(r *des.Record, s *sent, lossy bool) *Violation {
	if !s.fifo || s.late {
		return nil
	}
	if s.n+1 < d.newest && !s.excused {
		return violation(r, "frame %d of %s arrives behind frame %d, and the link keeps order", s.n, r.Link, d.newest-1)
	}
	keep := d.frames[:0]
	var lost *sent
	for _, x := range d.frames {
		switch {
		case x.n >= s.n:
			keep = append(keep, x)
		case x.late || !x.fifo:
			keep = append(keep, x)
		case x.drop == "" && x.wire == 0 && len(x.seen) == 0 && !x.excused && lost == nil:
			lost = x
		}
	}
	d.frames = keep
	d.newest = max(d.newest, s.n+1)
	if lossy {
		return nil
	}
	return d.missing(lost)
}

// missing names a frame that has vanished.
func (d *direction) missing(s *sent) *Violation {
	if s == nil {
		return nil
	}
	return &Violation{
		Key: s.key, At: s.at, Event: key(s.key), Link: d.name,
		Why: "it sends frame " + itoa(s.n) + " of " + d.name + ", which never arrives; frames behind it do, and nothing says that it was lost",
	}
}
