// Package staged makes recordings of live runs that never were: sites of one
// cell each, joined by wires that take a little time, on a wall clock that is
// drawn. What is made is what a live driver writes down, to the letter, and the
// same each time; tests of what reads journals need no sockets and no waiting.
package staged

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay/journal"
	"example.com/dsim/replay/site"
)

// Act is something that is done to the run from outside.
type Act struct {
	At     clock.Time
	Batch  []cells.Change // a change of the topology
	Cell   cells.ID       // of what follows
	Args   []string       // a command
	Kill   bool           // the process is gone, without a word
	Revive bool           // another process takes its place, with the cell and its links
}

// Play is a run to be staged.
type Play struct {
	Dir   string
	Seed  des.Seed
	Luck  uint64 // of the wall clock and the wires
	Make  func(cells.CellSpec) (cells.Protocol, error)
	Acts  []Act
	Until clock.Time
	Info  map[string]string // for the journals' headers

	Lag   time.Duration // the least time a wire takes; 20 µs if zero
	Loss  float64       // of frames that sockets do not take
	Skew  time.Duration // by how much each further site's clock is off, as its header tells
	Ended bool          // journals have an end
	// Out sees every frame that a site gives to a wire; may be nil.
	Out func(cell cells.ID, link string, b []byte)
}

const markEvery = 50 * time.Millisecond

// stage is a Play being played.
type stage struct {
	*Play
	luck    *rand.Rand
	sites   map[cells.ID]*actor
	order   []*actor // in the order of names
	specs   map[cells.ID]cells.CellSpec
	links   map[string]cells.LinkSpec
	version uint64
	news    []arrival // on its way
	count   uint64
}

type actor struct {
	st      *stage
	id      cells.ID
	life    uint32
	skew    time.Duration
	site    *site.Site
	journal *journal.Writer
	out     []arrival         // given to the outlet in this turn
	sent    map[string]uint64 // by link, in this life
	marked  clock.Time
	wake    clock.Time // when its alarm goes off
}

type arrival struct {
	at   clock.Time
	n    uint64
	to   cells.ID
	link string
	data []byte
}

// Run stages the run and leaves its journals in the directory.
func (p *Play) Run() error {
	st := &stage{
		Play: p, luck: rand.New(rand.NewPCG(p.Luck, 1)), sites: map[cells.ID]*actor{}, //nolint:gosec // the wall clock of a test, the same each time
		specs: map[cells.ID]cells.CellSpec{}, links: map[string]cells.LinkSpec{},
	}
	acts := slices.Clone(p.Acts)
	slices.SortStableFunc(acts, func(a, b Act) int { return int(a.At - b.At) })
	for {
		at, what, who := p.Until, -1, (*actor)(nil)
		if len(acts) > 0 && acts[0].At < at {
			at, what = acts[0].At, 0
		}
		if len(st.news) > 0 && st.news[0].at < at {
			at, what = st.news[0].at, 1
		}
		for _, a := range st.order {
			if a.site != nil && a.wake < at {
				at, what, who = a.wake, 2, a
			}
		}
		var err error
		switch what {
		case -1:
			return st.end()
		case 0:
			err = st.act(&acts[0])
			acts = acts[1:]
		case 1:
			n := st.news[0]
			st.news = st.news[1:]
			if a := st.sites[n.to]; a != nil && a.site != nil {
				err = a.take(n.at, &site.Input{Kind: site.Frame, Link: n.link, Data: n.data})
			}
		case 2:
			err = who.take(at, &site.Input{Kind: site.Mark})
		}
		if err != nil {
			return err
		}
	}
}

func (st *stage) end() error {
	for _, a := range st.order {
		if a.site == nil {
			continue
		}
		if err := a.take(st.Until, &site.Input{Kind: site.Mark}); err != nil {
			return err
		}
		if st.Ended {
			if err := a.journal.Close(journal.Summary{At: a.site.Now(), Reason: "shutdown"}); err != nil {
				return err
			}
		}
	}
	return nil
}

// late is how late this machine is, now.
func (st *stage) late() time.Duration {
	if st.luck.IntN(20) == 0 {
		return time.Duration(st.luck.IntN(400_000))
	}
	return time.Duration(st.luck.IntN(40_000))
}

func (st *stage) act(x *Act) error {
	a := st.sites[x.Cell]
	switch {
	case a != nil && a.site == nil && !x.Revive:
		return nil // nobody is there
	case x.Kill:
		a.site = nil
		return nil
	case x.Revive:
		a.life++
		if err := st.begin(a); err != nil {
			return err
		}
		batch := []cells.Change{{Op: cells.AddCell, Cell: st.specs[a.id]}}
		for _, name := range st.linkNames() {
			if l := st.links[name]; l.A.Cell == a.id || l.B.Cell == a.id {
				batch = append(batch, cells.Change{Op: cells.AddLink, Link: l})
			}
		}
		err := a.take(x.At, &site.Input{Kind: site.Apply, Version: st.version, Batch: batch})
		return err
	case x.Cell != "":
		// A command that is answered by an error is a part of the run too.
		_ = a.take(x.At, &site.Input{Kind: site.Command, Cell: x.Cell, Args: x.Args})
		return a.journal.Err()
	}
	return st.apply(x.At, x.Batch)
}

func (st *stage) linkNames() (names []string) {
	for name := range st.links {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// apply gives each site its part of a batch.
func (st *stage) apply(at clock.Time, batch []cells.Change) error {
	st.version++
	parts := map[cells.ID][]cells.Change{}
	for _, c := range batch {
		l := c.Link
		switch c.Op {
		case cells.AddCell:
			st.specs[c.Cell.ID] = c.Cell
			if st.sites[c.Cell.ID] == nil {
				if err := st.join(c.Cell.ID); err != nil {
					return err
				}
			}
			parts[c.Cell.ID] = append(parts[c.Cell.ID], c)
			continue
		case cells.SetCell, cells.RemoveCell:
			parts[c.Cell.ID] = append(parts[c.Cell.ID], c)
			continue
		case cells.AddLink:
			st.links[l.Name] = l
		default:
			l = st.links[l.Name]
		}
		if c.Op == cells.RemoveLink {
			delete(st.links, l.Name)
		}
		for _, id := range [...]cells.ID{l.A.Cell, l.B.Cell} {
			parts[id] = append(parts[id], c)
		}
	}
	for _, a := range st.order {
		if part := parts[a.id]; part != nil && a.site != nil {
			at = at.Add(time.Duration(st.luck.IntN(100_000)))
			// A batch that is refused is a part of the run.
			_ = a.take(at, &site.Input{Kind: site.Apply, Version: st.version, Batch: part})
			if err := a.journal.Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (st *stage) join(id cells.ID) error {
	a := &actor{st: st, id: id, skew: time.Duration(len(st.order)) * st.Skew}
	st.sites[id] = a
	st.order = append(st.order, a)
	slices.SortFunc(st.order, func(a, b *actor) int {
		if a.id < b.id {
			return -1
		}
		return 1
	})
	return st.begin(a)
}

// begin gives an actor a new life.
func (st *stage) begin(a *actor) error {
	const start = 1_700_000_000_000_000_000
	c := site.Config{Name: string(a.id), Seed: st.Seed, Make: st.Make, Out: a}
	if a.life > 0 {
		c.Lives = map[cells.ID]uint32{a.id: a.life}
	}
	var err error
	if a.site, err = site.New(c); err != nil {
		return err
	}
	a.sent = map[string]uint64{}
	a.marked, a.wake = 0, clock.Never
	a.journal, err = journal.Create(filepath.Join(st.Dir, journal.FileName(string(a.id), a.life)), journal.Header{
		Site: string(a.id), Seed: st.Seed, Build: "staged", Life: a.life, Lives: c.Lives, Info: st.Info,
		StartUnix: start + int64(a.skew), StartMono: 1_000_000_000, MonoOf: fmt.Sprintf("boot %s", a.skew),
	})
	return err
}

// Out takes what the site lets out.
func (a *actor) Out(link string, b []byte) {
	if a.st.Out != nil {
		a.st.Out(a.id, link, b)
	}
	a.out = append(a.out, arrival{at: a.site.Now(), link: link, data: slices.Clone(b)})
}

// take is a turn of the driver.
func (a *actor) take(wall clock.Time, in *site.Input) error {
	st := a.st
	in.At = max(wall, a.site.Now())
	a.journal.Input(in)
	_, err := a.site.Do(in)
	if err != nil && in.Kind == site.Frame {
		err = nil // what arrives for a link that is gone harms nobody
	}
	if now := a.site.Now(); now.Sub(a.marked) >= markEvery || in.Kind == site.Apply {
		a.marked = now
		a.journal.Checkpoint(a.site.Checkpoint())
	}
	if e := a.journal.Flush(); e != nil {
		return e
	}
	for _, o := range a.out {
		a.send(in.At, o)
	}
	a.out = a.out[:0]
	a.wake = clock.Never
	if next := a.site.Next(); next != clock.Never {
		a.wake = max(next, in.At).Add(st.late())
	}
	return err
}

// send gives a frame to the wire, unless the socket does not take it.
func (a *actor) send(wall clock.Time, o arrival) {
	st := a.st
	a.sent[o.link]++
	l, ok := st.links[o.link]
	if !ok {
		return
	}
	if !l.Stream && st.luck.Float64() < st.Loss {
		a.journal.Note(journal.Note{Kind: journal.NoteDrop, At: o.at, Link: o.link, N: a.sent[o.link], Text: "the socket's queue is full"})
		return
	}
	o.to = l.A.Cell
	if o.to == a.id {
		o.to = l.B.Cell
	}
	lag := st.Lag
	if lag == 0 {
		lag = 20 * time.Microsecond
	}
	o.at = wall.Add(lag + st.late())
	st.count++
	o.n = st.count
	for i := range st.news { // a wire is FIFO
		if n := &st.news[i]; n.link == o.link && n.to == o.to {
			o.at = max(o.at, n.at)
		}
	}
	i, _ := slices.BinarySearchFunc(st.news, o, func(x, y arrival) int {
		if x.at != y.at {
			return int(x.at - y.at)
		}
		return int(x.n) - int(y.n)
	})
	st.news = slices.Insert(st.news, i, o)
}
