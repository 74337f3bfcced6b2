package cells

import (
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// cell is what the host keeps of every cell: 56 bytes. What few cells have, or
// no cell has at first, is in its cellExt.
type cell struct {
	protocol Protocol
	fold     des.Fold
	seq      uint64   // own events scheduled so far
	ext      *cellExt // nil until something rare is needed
	first    PortRef  // its static ports lie together from here
	ports    uint32   // how many of them; all its ports are in ext.refs if that is set
	block    uint32   // 0 for a cell that was added by itself
	lane     uint8
	run      RunState
	flags    cellFlags
}

type cellFlags uint8

const (
	cellBegan   cellFlags = 1 << iota // Start has run in this life
	cellWaiting                       // events wait for it: it is paused, or works them off
	cellWatched                       // conditions read its attributes
	cellClock                         // its clock is not true time
)

// cellExt is the rest of a cell.
type cellExt struct {
	id          ID // empty for a cell of a block
	spec        CellSpec
	renew       func() (Protocol, error) // a fresh protocol, for a restart
	kept        []byte                   // the state of a crashed Durable
	refs        []PortRef                // by the cell's own numbers, where they do not lie together
	tieKey      uint64
	clock       clock.Clock
	incarnation uint32
	tied        bool // tieKey is made
	timers      []timer
	slots       map[TimerID]int // of timers, once there are many
	parked      []parked
	next        int // of parked: the next to run
	rands       []purposeRand
	watched     []watch
}

type purposeRand struct {
	purpose string
	rand    *Rand
}

// extension is the cell's ext, made on first use.
func (c *cell) extension() *cellExt {
	if c.ext == nil {
		c.ext = new(cellExt)
	}
	return c.ext
}

// incarnation is how many lives the name had before this one.
func (c *cell) incarnation() uint32 {
	if c.ext == nil {
		return 0
	}
	return c.ext.incarnation
}

// calm reports whether an event may run now: the cell runs, and nothing waits
// that came before.
func (c *cell) calm() bool { return c.run == Running && c.flags&cellWaiting == 0 }

// now is the cell's own monotonic clock at a true instant.
func (c *cell) now(t clock.Time) clock.Time {
	if c.flags&cellClock == 0 {
		return t
	}
	return c.ext.clock.Now(t)
}

// has reports whether p is one of the cell's ports.
func (c *cell) has(p Port) bool {
	if c.ext != nil && c.ext.refs != nil {
		return int64(p) < int64(len(c.ext.refs))
	}
	return uint32(p) < c.ports
}

// ref is the host's number for one of the cell's ports.
func (c *cell) ref(p Port) PortRef {
	if c.ext != nil && c.ext.refs != nil {
		return c.ext.refs[p]
	}
	return c.first + PortRef(p)
}

// len is how many ports the cell has had.
func (c *cell) len() int {
	if c.ext != nil && c.ext.refs != nil {
		return len(c.ext.refs)
	}
	return int(c.ports)
}

// apart writes down all the cell's ports one by one, since they no longer lie
// together.
func (c *cell) apart() *cellExt {
	x := c.extension()
	if x.refs == nil {
		x.refs = make([]PortRef, 0, c.ports+1)
		for i := range c.ports {
			x.refs = append(x.refs, c.first+PortRef(i))
		}
	}
	return x
}
