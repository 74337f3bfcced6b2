package talk

import (
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// Faults say what happens to a frame, each as so many of 100. The zero Faults
// is a perfect link.
type Faults struct {
	Loss, Duplicate, Corrupt, Reorder int
}

// World is cells whose ports 0 are joined in pairs by links of frames, with
// 10 ms of delay each way, FIFO unless Reorder says otherwise.
type World struct {
	Draw   func(n int) int // below n
	Oracle cells.Oracle    // fed with every emission of its kinds
	Err    error           // the oracle's first error
	Faults Faults
	Steps  int // so far

	now   clock.Time
	seq   uint64
	cells []*Cell
	peers []int // of each cell, by index
	wire  []arrival
	last  []clock.Time // by cell: when its last frame arrives
}

type arrival struct {
	at   clock.Time
	seq  uint64
	to   int
	data []byte
}

const delay = 10 * time.Millisecond

// Join adds two cells and the link between them, starts them and brings their
// ports up.
func (w *World) Join(a, b *Cell) {
	i := len(w.cells)
	w.cells = append(w.cells, a, b)
	w.peers = append(w.peers, i+1, i)
	w.last = append(w.last, 0, 0)
	for j, c := range []*Cell{a, b} {
		c.Time = w.now
		c.sink = w.observe
		c.Start()
		w.after(i + j)
	}
	for j, c := range []*Cell{a, b} {
		c.Up(0)
		w.after(i + j)
	}
}

func (w *World) observe(m cells.Emission) {
	if w.Oracle == nil || w.Err != nil {
		return
	}
	for _, k := range w.Oracle.Kinds() {
		if k == m.Kind {
			w.Err = w.Oracle.Observe(des.Key{Time: w.now, Seq: w.seq}, m)
			return
		}
	}
}

// Step runs the next event and reports whether there was one.
func (w *World) Step() bool {
	const none = -1
	w.seq++
	w.Steps++
	at, frame, cell, timer := clock.Never, none, none, cells.TimerID(0)
	for i, a := range w.wire {
		if a.at < at || a.at == at && a.seq < w.wire[frame].seq {
			at, frame = a.at, i
		}
	}
	for i, c := range w.cells {
		for _, id := range c.armed() {
			if t := c.Timers[id]; t < at {
				at, cell, timer, frame = t, i, id, none
			}
		}
	}
	switch {
	case frame >= 0:
		a := w.wire[frame]
		w.wire = append(w.wire[:frame], w.wire[frame+1:]...)
		w.now = a.at
		c := w.cells[a.to]
		c.Time = w.now
		c.Recv(0, a.data)
		w.after(a.to)
	case cell >= 0:
		w.now = at
		w.cells[cell].Fire(timer)
		w.after(cell)
	default:
		return false
	}
	return true
}

// Run steps until nothing is left, the oracle objects or so many steps are done.
func (w *World) Run(steps int) {
	for range steps {
		if w.Err != nil || !w.Step() {
			return
		}
	}
}

// Restart begins another life of a cell with a fresh protocol; kept is its
// saved state, nil if it was lost.
func (w *World) Restart(c *Cell, p cells.Protocol, kept []byte) error {
	if kept != nil {
		if err := p.(cells.Durable).Restore(kept); err != nil {
			return err
		}
	}
	c.P = p
	c.Incarnation++
	clear(c.Timers)
	clear(c.rands)
	for i, d := range w.cells {
		if c == d {
			c.Time = w.now
			w.seq++
			c.Start()
			c.Up(0)
			w.after(i)
		}
	}
	return nil
}

// after puts what a cell has sent on its link.
func (w *World) after(i int) {
	c := w.cells[i]
	for _, s := range c.sends {
		copies := 1
		if w.hit(w.Faults.Loss) {
			copies = 0
		} else if w.hit(w.Faults.Duplicate) {
			copies = 2
		}
		for range copies {
			b := append([]byte(nil), s.b...)
			if len(b) > 0 && w.hit(w.Faults.Corrupt) {
				bit := w.Draw(8 * len(b))
				b[bit/8] ^= 1 << (bit % 8)
			}
			at := w.now.Add(delay)
			if w.hit(w.Faults.Reorder) {
				at = at.Add(time.Duration(w.Draw(200)) * time.Millisecond)
			} else if w.Faults.Reorder == 0 {
				at = max(at, w.last[i])
				w.last[i] = at
			}
			w.seq++
			w.wire = append(w.wire, arrival{at, w.seq, w.peers[i], b})
		}
	}
	c.sends = nil
	c.effects = nil
}

func (w *World) hit(percent int) bool { return percent > 0 && w.Draw(100) < percent }
