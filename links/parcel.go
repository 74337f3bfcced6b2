package links

import (
	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// Parcel is what leaves one lane for another: an arrival, and what arrives.
type Parcel struct {
	Event  des.Event
	Cause  des.Key
	Data   []byte // of a frame; the sender gives its reference back when the receiver has it
	frame  cells.Frame
	stream bool
	seg    segment
}

// ship hands what leaves to whoever carries it to the lane of the other end.
func (l *lane) ship(q *cells.PortRecord, e des.Event, item uint32) {
	p := Parcel{Event: e}
	if l.trace {
		p.Cause = l.sched.Current()
	}
	if link := l.rare(q).link; link != 0 && l.n.links[link-1].spec.Stream {
		p.stream, p.seg = true, l.segments[item]
		l.segments[item].frame = 0
		l.freeSegment(item)
		p.frame = p.seg.frame
	} else {
		p.frame = cells.Frame(item)
	}
	if p.frame != 0 {
		p.Data = l.on.Frames.Bytes(p.frame)
	}
	l.out(l.host.Cell(q.Peer), &p)
}
