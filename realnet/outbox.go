package realnet

import (
	"example.com/dsim/clock"
	"example.com/dsim/replay/journal"
)

// outbox keeps what the site has let out until the journal is in the kernel.
type outbox struct {
	d     *Driver
	list  []outgoing
	bytes []byte
}

// outgoing is one frame on its way to a socket.
type outgoing struct {
	w    *wire
	due  clock.Time
	from int // in bytes
	size int
}

// Out takes what a link has let through; see [site.Outlet].
func (o *outbox) Out(link string, b []byte) {
	w := o.d.wires[link]
	if w == nil {
		return // a link that leads nowhere
	}
	o.list = append(o.list, outgoing{w, o.d.site.Now(), len(o.bytes), len(b)})
	o.bytes = append(o.bytes, b...)
}

// send gives everything to its socket.
func (o *outbox) send() {
	if len(o.list) == 0 {
		return
	}
	d := o.d
	for i := range o.list {
		x := &o.list[i]
		x.w.sent++
		err := x.w.real.Send(o.bytes[x.from : x.from+x.size])
		if err == nil {
			x.w.trips.Sent(x.due.Sub(0))
			continue
		}
		x.w.lose()
		if d.journal != nil {
			d.journal.Note(journal.Note{Kind: journal.NoteDrop, At: x.due, Link: x.w.link, N: x.w.sent, Text: err.Error()})
		}
	}
	if late := d.now().Sub(o.list[0].due); d.late.observe(&d.late.sends, late) && d.journal != nil {
		d.journal.Note(journal.Note{Kind: journal.NoteLate, At: o.list[0].due, Link: o.list[0].w.link, Value: int64(late)})
	}
	o.forget()
}

// forget gives up what was not sent.
func (o *outbox) forget() {
	clear(o.list)
	o.list, o.bytes = o.list[:0], o.bytes[:0]
	if cap(o.bytes) > outKept {
		o.bytes = nil
	}
}

// outKept bounds the room that is kept for the next turn.
const outKept = 1 << 20
