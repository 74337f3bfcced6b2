package cells

import (
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// Lane is what one scheduler needs to run its share of a host's cells: their
// frames, the effects of the handler that runs, the rare parts of their ports.
// A site has one lane, or several that run side by side; each cell belongs to
// one, which alone writes what is the cell's.
type Lane struct {
	h       *Host
	index   uint8
	sched   *des.Scheduler
	carrier Carrier
	sink    des.Sink
	publish func(des.Key, Emission)     // instead of the host's, while lanes run side by side
	changed func(CellRef, string, Attr) // told of watched attributes; may be nil

	Frames  Frames       // of everything on the way
	exts    []*portExt   // 0 is nobody's, and all zero
	dynamic []PortRecord // ports that came while the site ran

	// The event being handled.
	env      env
	cur      *cell
	self     CellRef
	op       des.Op // of it, while a handler runs; else 0
	taking   Frame  // the frame it brought, 0 if none
	received Frame  // what Recv was given, 0 outside Recv
	building Frame  // what Buf gave, 0 if nothing
	effects  []effect
	texts    []string // of effects, by index
	kinds    []kindInfo

	rec   des.Record // reused
	names []string   // of cells of blocks, while records are kept
	attrs []Attr     // reused
}

func newLane(h *Host, index uint8, s *des.Scheduler) *Lane {
	l := &Lane{h: h, index: index, sched: s, exts: []*portExt{{}}, publish: h.Publish}
	l.env.l = l
	s.Handle(des.Cell, l)
	s.OnPanic(l.recovered)
	return l
}

// lane is the lane of a cell.
func (h *Host) lane(ref CellRef) *Lane { return h.lanes[h.cells[ref].lane] }

// Of is the lane of a cell.
func (h *Host) Of(ref CellRef) *Lane { return h.lane(ref) }

// FramesInUse is the number of the lane's frames that somebody holds; the one to
// build in is nobody's yet.
func (l *Lane) FramesInUse() int {
	n := l.Frames.InUse()
	if l.building != 0 {
		n--
	}
	return n
}

// Host is whose cells the lane runs.
func (l *Lane) Host() *Host { return l.h }

// Scheduler is what drives the lane.
func (l *Lane) Scheduler() *des.Scheduler { return l.sched }

// Carrier is what carries the lane's frames.
func (l *Lane) Carrier() Carrier { return l.carrier }

// OnChange sets what is called when a watched attribute of a cell has changed.
func (l *Lane) OnChange(f func(CellRef, string, Attr)) { l.changed = f }

// Tracing reports whether records are kept.
func (l *Lane) Tracing() bool { return l.sink != nil }

// timer is one of a cell's timers: a slot that stays with its id.
type timer struct {
	id       TimerID
	ref      des.TimerRef
	armed    bool       // in the queue
	parked   bool       // fired while its cell was paused, and waits
	seq      uint64     // of the last Arm: what tells a parked firing that it is stale
	deadline clock.Time // by the cell's own clock
	cause    *des.Key   // who armed it, while records are kept
}

// mapAbove is how many timers a cell has before they are found by map.
const mapAbove = 16

// slot finds the slot of a timer, making one on first use.
func (l *Lane) slot(x *cellExt, id TimerID) int {
	if x.slots != nil {
		if i, ok := x.slots[id]; ok {
			return i
		}
	} else {
		for i := range x.timers {
			if x.timers[i].id == id {
				return i
			}
		}
	}
	x.timers = append(x.timers, timer{id: id, ref: l.sched.NewTimer()})
	i := len(x.timers) - 1
	switch {
	case x.slots != nil:
		x.slots[id] = i
	case len(x.timers) > mapAbove:
		x.slots = make(map[TimerID]int, 2*mapAbove)
		for j := range x.timers {
			x.slots[x.timers[j].id] = j
		}
	}
	return i
}

// arm schedules a timer for the least true time at which the cell's own clock
// has reached the deadline. Arming takes a new sequence each time.
func (l *Lane) arm(ref CellRef, id TimerID, deadline clock.Time) {
	c := &l.h.cells[ref]
	x := c.extension()
	i := l.slot(x, id)
	t := &x.timers[i]
	due := max(l.sched.Now(), deadline)
	if c.flags&cellClock != 0 {
		if due = x.clock.Due(l.sched.Now(), deadline); due == clock.Never {
			l.disarm(c, id)
			return
		}
	}
	seq := c.seq
	c.seq++
	t.armed, t.parked, t.seq, t.deadline = true, false, seq, deadline
	if l.sched.Tracing() {
		if t.cause == nil {
			t.cause = new(des.Key)
		}
		*t.cause = l.sched.Current()
	}
	rank := uint16(0)
	if l.h.opt.Ties == des.TiesShuffled {
		rank = TieRank(l.tieKey(ref, x), seq)
	}
	l.sched.Arm(t.ref, due, des.MakeEntity(des.Cell, uint32(ref)), rank, seq,
		ownArg(des.OpTimer, 0, x.incarnation, uint32(i)))
}

func (l *Lane) tieKey(ref CellRef, x *cellExt) uint64 {
	if !x.tied {
		x.tieKey, x.tied = l.h.opt.Seed.Hash("tie", "cell", string(l.h.Name(ref))), true
	}
	return x.tieKey
}

func (l *Lane) disarm(c *cell, id TimerID) {
	x := c.extension()
	i := l.slot(x, id)
	t := &x.timers[i]
	t.parked = false
	if t.armed {
		t.armed = false
		l.sched.Disarm(t.ref)
	}
}

// clearTimers disarms all timers of a cell and gives them back.
func (l *Lane) clearTimers(x *cellExt) {
	for i := range x.timers {
		l.sched.FreeTimer(x.timers[i].ref)
	}
	x.timers, x.slots = nil, nil
}

// rearm moves all armed timers to where a changed clock puts them.
func (l *Lane) rearm(ref CellRef, x *cellExt) {
	for i := range x.timers {
		if t := x.timers[i]; t.armed {
			l.arm(ref, t.id, t.deadline)
		}
	}
}

// TieRank is the rank of an occurrence where ties are shuffled: 16 bits of a
// hash under a key that follows from seed and name.
func TieRank(key, n uint64) uint16 {
	h := (key ^ n) * 0x9e3779b97f4a7c15
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return uint16(h >> 48)
}
