package celltest

import (
	"bytes"
	"fmt"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// wire is the network and the trace of a conversation: whatever is sent is
// taken, and nothing ever answers.
type wire struct {
	c      *Conversation
	lane   *cells.Lane
	peers  map[cells.PortRef]Port   // what static ports were joined to
	number map[cells.PortRef]uint64 // frames sent so far; looked up, never ranged over
}

// Join makes the wire the carrier of the conversation's one lane.
func (w *wire) Join(l *cells.Lane) cells.Carrier {
	w.lane = l
	return w
}

// PeerName and MTU are as the conversation's options say.
func (w *wire) PeerName(p cells.PortRef) string { return w.peers[p].Peer }
func (w *wire) MTU(p cells.PortRef) int         { return w.peers[p].MTU }

// Send and Write take what was sent; the record of it is what is kept.
func (w *wire) Send(p cells.PortRef, q *cells.PortRecord, f cells.Frame, size int) {
	q.TxFrames++
	q.TxBytes += uint64(size)
	w.Write(p, f)
}

func (w *wire) Write(p cells.PortRef, f cells.Frame) {
	w.lane.Sent(p, "", w.number[p], w.lane.Frames.Bytes(f))
	w.number[p]++
	w.lane.Frames.Release(f)
}

func (w *wire) Dial(p cells.PortRef, addr string) {
	w.lane.SetBound(p, w.c.opt.Bound)
	w.lane.SetPeer(p, addr)
}

func (w *wire) Listen(cells.PortRef, string) {}
func (w *wire) CloseWrite(cells.PortRef)     {}
func (w *wire) Close(cells.PortRef)          {}
func (w *wire) Overflow(cells.PortRef)       {}
func (w *wire) Consumed(cells.PortRef, int)  {}
func (w *wire) Wake(cells.PortRef, uint8)    {}

// record keeps effects for Want, and a line of everything for messages.
func (w *wire) record(r *des.Record) {
	c := w.c
	// A Down under the key of the event before it is no event: the protocol
	// has just sent more than a stream holds.
	if r.Op.Event() && (r.Op != des.OpDown || r.Key != c.event) {
		c.event = r.Key
		c.say("> " + heard(r))
		if r.Op == des.OpTimer {
			delete(c.armed, cells.TimerID(r.A))
		}
		return
	}
	e := Effect{
		op: r.Op, port: cells.Port(r.Port), kind: r.Kind, text: r.Text, data: bytes.Clone(r.Data),
	}
	switch r.Op {
	case des.OpArm:
		e.timer = cells.TimerID(r.A)
		e.after = time.Duration(r.B - int64(c.sched.Now()))
		c.armed[e.timer] = true
	case des.OpDisarm:
		e.timer = cells.TimerID(r.A)
		delete(c.armed, e.timer)
	case des.OpEmit:
		e.a, e.b = r.A, r.B
		e.words = r.Text != ""
	case des.OpAnswer, des.OpPanic, des.OpState:
		c.say("= " + r.Op.String() + " " + r.Text)
		return
	}
	c.say("<   " + e.String())
	c.asked = append(c.asked, e)
}

// heard is the line of an event.
func heard(r *des.Record) string {
	switch r.Op {
	case des.OpStart, des.OpCommand:
		return r.Op.String() + " " + r.Text
	case des.OpTimer:
		return fmt.Sprintf("timer %d", r.A)
	case des.OpRecv:
		return fmt.Sprintf("recv %d %s", r.Port, dump(r.Data))
	case des.OpDown:
		return fmt.Sprintf("down %d %s", r.Port, cells.DownOf(uint8(r.A)))
	case des.OpCredit:
		return fmt.Sprintf("credit %d %d", r.Port, r.A)
	case des.OpMiss:
		return fmt.Sprintf("miss %d %s: %s", r.Port, dump(r.Data), r.Text)
	}
	return fmt.Sprintf("%s %d", r.Op, r.Port)
}
