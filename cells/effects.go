package cells

import (
	"slices"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// drain carries out the effects of the handler that has returned, in the order
// of its calls.
func (l *Lane) drain() {
	for i := 0; i < len(l.effects); i++ {
		if f := &l.effects[i]; f.op == des.OpSend {
			l.send(f)
		} else {
			l.carryOut(f)
		}
	}
	l.forget()
}

// forget makes room for the effects of the next handler. The frame to build in
// stays with the lane.
func (l *Lane) forget() {
	l.effects = l.effects[:0]
	if len(l.texts) > 0 {
		clear(l.texts)
		l.texts = l.texts[:0]
	}
}

// discard forgets the effects of a handler that panicked.
func (l *Lane) discard() {
	for _, f := range l.effects {
		if f.op == des.OpSend {
			l.Frames.Release(Frame(f.a))
		}
	}
	l.forget()
}

func (l *Lane) carryOut(f *effect) {
	c := l.cur
	head := uint64(f.op)<<56 | uint64(f.port)
	switch f.op {
	case des.OpArm:
		c.fold.Add2(head|uint64(f.a), uint64(f.b))
		if l.sink != nil {
			r := l.begin(f.op)
			r.A, r.B = f.a, f.b
			l.hand()
		}
		l.arm(l.self, TimerID(f.a), clock.Time(f.b))
	case des.OpDisarm:
		c.fold.Add(head | uint64(f.a))
		if l.sink != nil {
			l.begin(f.op).A = f.a
			l.hand()
		}
		l.disarm(c, TimerID(f.a))
	case des.OpEmit:
		l.emit(f)
	default:
		c.fold.Add(head)
		l.stream(f)
	}
}

func (l *Lane) send(f *effect) {
	frame := Frame(f.a)
	data := l.Frames.Bytes(frame)
	c := l.cur
	c.fold.Frame(uint64(des.OpSend)<<56|uint64(f.port), 0, data, l.h.opt.Full)
	if f.b == sendNoPort {
		l.effect(des.Record{Op: f.op, Port: uint32(f.port), Data: data, Text: ReasonNoPort.String()})
		l.Frames.Release(frame)
		return
	}
	ref := c.ref(f.port)
	q := l.Port(ref)
	if q.State == PortUp && q.flags&(portStream|portLogged) == 0 {
		l.carrier.Send(ref, q, frame, len(data))
		return
	}
	l.sendSlow(f, ref, q, frame, data)
}

func (l *Lane) sendSlow(f *effect, ref PortRef, q *PortRecord, frame Frame, data []byte) {
	now := l.sched.Now()
	if q.flags&portLogged != 0 {
		l.log(q, des.OpSend, len(data), "")
	}
	var r Reason
	switch {
	case q.State == PortUp && !q.stream():
		l.carrier.Send(ref, q, frame, len(data))
		return
	case f.b == sendClosed:
		r = ReasonClosed
	case q.stream():
		q.TxFrames++
		q.TxBytes += uint64(len(data))
		q.LastTx = now
		l.carrier.Write(ref, frame)
		return
	default:
		r = ReasonNoLink
	}
	x := l.ext(q)
	x.unsent++
	x.unsentB += uint64(len(data))
	l.effect(des.Record{Op: f.op, Port: uint32(f.port), Data: data, Text: r.String()})
	l.Drop(q, r)
	l.Frames.Release(frame)
}

// Sent records that a frame went out on a link direction as its n-th. The
// network calls it first of all when it is given a frame, if records are kept.
func (l *Lane) Sent(p PortRef, link string, n uint64, data []byte) {
	if l.sink != nil {
		num := l.number(&l.h.cells[l.self], p, l.Port(p))
		r := l.begin(des.OpSend)
		r.Port, r.Link, r.A, r.Data = uint32(num), link, int64(n), data
		l.hand()
	}
}

func (l *Lane) emit(f *effect) {
	c := l.cur
	k := l.kind(f.kind)
	e := Emission{Kind: f.kind}
	if f.port == 1 {
		e.Text = l.texts[f.a]
		c.fold.Add2(k.hash, uint64(des.OpEmit)<<56|1)
		c.fold.Text(e.Text)
	} else {
		e.A, e.B = f.a, f.b
		c.fold.Add2(k.hash, uint64(f.a))
		c.fold.Add(uint64(f.b))
	}
	if l.sink != nil {
		r := l.begin(f.op)
		r.Kind, r.A, r.B, r.Text = k.name, e.A, e.B, e.Text
		l.hand()
	}
	if l.h.wanted(f.kind) {
		e.Cell = l.h.Name(l.self)
		l.publish(l.sched.Current(), e)
	}
}

// kind is what a kind's name and values are. The lane keeps a copy of the list
// of kinds, which every process shares.
func (l *Lane) kind(k Kind) *kindInfo {
	if int(k) >= len(l.kinds) {
		l.kinds = allKinds()
	}
	if int(k) >= len(l.kinds) {
		return &unknownKind
	}
	return &l.kinds[k]
}

// stream carries out the verbs of streams.
func (l *Lane) stream(f *effect) {
	text := ""
	if f.op == des.OpListen || f.op == des.OpDial {
		text = l.texts[f.a]
		l.cur.fold.Text(text)
	}
	l.effect(des.Record{Op: f.op, Port: uint32(f.port), Text: text})
	ref, q, ok := l.lookup(l.cur, f.port)
	if !ok || !q.stream() || q.static() {
		return
	}
	switch f.op {
	case des.OpListen:
		l.carrier.Listen(ref, text)
	case des.OpDial:
		l.carrier.Dial(ref, text)
	case des.OpCloseWrite:
		if l.rare(q).shut {
			l.carrier.CloseWrite(ref)
		}
	case des.OpClose:
		l.carrier.Close(ref)
		l.Port(ref).State = PortDown
	case des.OpDown:
		q.State = PortDown
		l.carrier.Overflow(ref)
		l.postDown(ref, ErrOverflow)
	}
}

// SetBound sets how many bytes a stream port may have queued, and SetPeer names
// its other end.
func (l *Lane) SetBound(p PortRef, bound int64) { l.ext(l.Port(p)).bound = bound }

// SetPeer names the other end of a stream port.
func (l *Lane) SetPeer(p PortRef, peer string) { l.ext(l.Port(p)).peer = peer }

// Over reports whether the cell has closed a stream port.
func (l *Lane) Over(p PortRef) bool { return l.rare(l.Port(p)).over }

// Addr is the address a listener or a dial was given.
func (l *Lane) Addr(p PortRef) string { return l.rare(l.Port(p)).addr }

// Uncount takes n bytes off what a stream port has queued: they went nowhere.
func (l *Lane) Uncount(p PortRef, n int) { l.ext(l.Port(p)).queued -= int64(n) }

// watch is one attribute whose changes matter to a condition.
type watch struct {
	name string
	last Attr
	ok   bool
}

// Watch asks that the end of an instant be announced (des.Scheduler.Touch)
// whenever an attribute of a cell has changed. It reports whether the cell
// shows such an attribute now.
func (h *Host) Watch(ref CellRef, name string) bool {
	x := h.cells[ref].extension()
	i := slices.IndexFunc(x.watched, func(w watch) bool { return w.name == name })
	if i < 0 {
		x.watched = append(x.watched, watch{name: name})
		i = len(x.watched) - 1
	}
	h.cells[ref].flags |= cellWatched
	h.lane(ref).look(ref)
	return x.watched[i].ok
}

// Value is an attribute of a cell as of its last event.
func (h *Host) Value(ref CellRef, name string) (Attr, bool) {
	if x := h.cells[ref].ext; x != nil {
		for i := range x.watched {
			if w := &x.watched[i]; w.name == name {
				return w.last, w.ok
			}
		}
	}
	return Attr{}, false
}

// look reads the watched attributes of a cell after one of its events.
func (l *Lane) look(ref CellRef) {
	c := &l.h.cells[ref]
	if c.protocol == nil {
		return
	}
	l.attrs = l.appendState(ref, l.attrs[:0])
	for i := range c.ext.watched {
		w := &c.ext.watched[i]
		for j := range l.attrs {
			if a := &l.attrs[j]; a.Name == w.name {
				if !w.ok || *a != w.last {
					w.last, w.ok = *a, true
					l.sched.Touch()
					if l.changed != nil {
						l.changed(ref, w.name, *a)
					}
				}
				break
			}
		}
	}
}

// attrsUsual is room for what most protocols show.
const attrsUsual = 12

func (l *Lane) appendState(ref CellRef, to []Attr) []Attr {
	if i, ok := l.h.cells[ref].protocol.(Inspector); ok {
		l.guard(ref, des.OpState, func() { to = i.AppendState(slices.Grow(to, attrsUsual)) })
	}
	return to
}
