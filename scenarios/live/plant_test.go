package live

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay/journal"
	"example.com/dsim/replay/site"
	"example.com/dsim/scenarios"
)

// plant is a Site whose processes are sites of this one, and a Clock: time goes
// on in Sleep only, so that a run on it is the same every time.
type plant struct {
	t    testing.TB
	dir  string
	sc   *scenarios.Scenario
	now  clock.Time
	make func(cells.CellSpec) (cells.Protocol, error)

	latency time.Duration                     // of a frame between processes
	late    func(n int) time.Duration         // of the n-th alarm
	seed    func(cells.ID, des.Seed) des.Seed // what a process draws with, whatever its journal says
	marks   uint64                            // inputs between two checkpoints

	procs  map[cells.ID]*proc
	order  []cells.ID
	lives  map[cells.ID]uint32
	links  map[string]cells.LinkSpec
	flying []flight
	n      uint64
	alarms int
	closed bool
	died   []cells.ID
	until  clock.Time // where the context is cancelled; 0 for nowhere
	cancel func()
}

// proc is one process with one cell.
type proc struct {
	p       *plant
	id      cells.ID
	spec    cells.CellSpec
	site    *site.Site
	journal *journal.Writer
	out     []flight
	alarm   clock.Time // when its alarm goes off
	dead    bool
	inputs  uint64
}

// flight is a frame on its way.
type flight struct {
	at   clock.Time
	n    uint64
	to   cells.ID
	link string
	data []byte
}

func newPlant(t testing.TB, sc *scenarios.Scenario) *plant {
	return &plant{
		t: t, dir: t.TempDir(), sc: sc, now: -clock.Time(100 * time.Millisecond), make: scenarios.Default.MakeProtocol,
		latency: 60 * time.Microsecond, marks: 64,
		procs: make(map[cells.ID]*proc), lives: make(map[cells.ID]uint32), links: make(map[string]cells.LinkSpec),
	}
}

func (p *plant) Now() clock.Time { return p.now }

// Sleep lets everything happen that is due.
func (p *plant) Sleep(_ context.Context, until clock.Time) {
	if p.until != 0 && until >= p.until {
		p.cancel()
	}
	for {
		at, who, flown := until+1, (*proc)(nil), -1
		for _, id := range p.order {
			if x := p.procs[id]; x != nil && !x.dead && x.alarm < at {
				at, who = x.alarm, x
			}
		}
		for i := range p.flying {
			if f := &p.flying[i]; f.at < at || f.at == at && flown >= 0 && f.n < p.flying[flown].n {
				at, flown = f.at, i
			}
		}
		if at > until {
			p.now = max(p.now, until)
			return
		}
		p.now = max(p.now, at)
		if flown < 0 {
			who.alarm = clock.Never
			_, _ = who.take(&site.Input{Kind: site.Mark})
			continue
		}
		f := p.flying[flown]
		p.flying = slices.Delete(p.flying, flown, flown+1)
		if x := p.procs[f.to]; x != nil && !x.dead {
			_, _ = x.take(&site.Input{Kind: site.Frame, Link: f.link, Data: f.data})
		}
	}
}

// Out takes what leaves a process.
func (x *proc) Out(link string, b []byte) {
	l := x.p.links[link]
	to := l.A.Cell
	if to == x.id {
		to = l.B.Cell
	}
	x.p.n++
	x.out = append(x.out, flight{x.p.now.Add(x.p.latency), x.p.n, to, link, slices.Clone(b)})
}

// take is a turn of the process's driver.
func (x *proc) take(in *site.Input) (string, error) {
	in.At = max(x.p.now, x.site.Now())
	x.journal.Input(in)
	answer, err := x.site.Do(in)
	if x.inputs++; x.inputs%x.p.marks == 0 {
		x.journal.Checkpoint(x.site.Checkpoint())
	}
	if e := x.journal.Flush(); e != nil {
		x.p.t.Fatal(e)
	}
	x.p.flying = append(x.p.flying, x.out...)
	x.out = x.out[:0]
	x.ring()
	return answer, err
}

// ring sets the alarm for what is due next.
func (x *proc) ring() {
	next := x.site.Next()
	if next == clock.Never || x.site.Err() != nil {
		x.alarm = clock.Never
		return
	}
	x.p.alarms++
	if x.p.late != nil {
		next = next.Add(x.p.late(x.p.alarms))
	}
	x.alarm = max(next, x.p.now)
}

// start begins a life of a cell's process.
func (p *plant) start(spec cells.CellSpec) error {
	id := spec.ID
	life := p.lives[id]
	p.lives[id] = life + 1
	ties := des.TiesFIFO
	if p.sc.Run.Shuffled {
		ties = des.TiesShuffled
	}
	h := journal.Header{Site: string(id), Seed: p.sc.Seed, Ties: ties, Life: life, Lives: map[cells.ID]uint32{id: life}}
	x := &proc{p: p, id: id, spec: spec, alarm: clock.Never}
	var err error
	if x.journal, err = journal.Create(filepath.Join(p.dir, journal.FileName(string(id), life)), h); err != nil {
		return err
	}
	seed := p.sc.Seed
	if p.seed != nil {
		seed = p.seed(id, seed)
	}
	x.site, err = site.New(site.Config{Name: string(id), Seed: seed, Ties: ties, Make: p.make, Lives: h.Lives, Out: x})
	if err != nil {
		return err
	}
	if p.procs[id] == nil {
		p.order = append(p.order, id)
		slices.Sort(p.order)
	}
	p.procs[id] = x
	return nil
}

// Apply splits a batch as a controller does.
func (p *plant) Apply(version uint64, batch []cells.Change) error {
	parts := make(map[cells.ID][]cells.Change)
	give := func(c cells.Change, ids ...cells.ID) {
		for i, id := range ids {
			if x := p.procs[id]; x != nil && !x.dead && slices.Index(ids, id) == i {
				parts[id] = append(parts[id], c)
			}
		}
	}
	sorted := slices.Clone(batch)
	slices.SortStableFunc(sorted, func(a, b cells.Change) int { return int(a.Op) - int(b.Op) })
	var gone []cells.ID
	for _, c := range sorted {
		switch c.Op {
		case cells.RemoveLink, cells.SetLink:
			l, ok := p.links[c.Link.Name]
			if !ok {
				return fmt.Errorf("batch %d: no link %q", version, c.Link.Name)
			}
			give(c, l.A.Cell, l.B.Cell)
			if c.Op == cells.RemoveLink {
				delete(p.links, c.Link.Name)
			}
		case cells.RemoveCell:
			for name, l := range p.links {
				if l.A.Cell == c.Cell.ID || l.B.Cell == c.Cell.ID {
					give(cells.Change{Op: cells.RemoveLink, Link: cells.LinkSpec{Name: name}}, l.A.Cell, l.B.Cell)
					delete(p.links, name)
				}
			}
			gone = append(gone, c.Cell.ID)
		case cells.AddCell:
			if err := p.start(c.Cell); err != nil {
				return err
			}
			give(c, c.Cell.ID)
		case cells.AddLink:
			p.links[c.Link.Name] = c.Link
			give(c, c.Link.A.Cell, c.Link.B.Cell)
		case cells.SetCell:
			x := p.procs[c.Cell.ID]
			if x == nil || !x.dead {
				give(c, c.Cell.ID)
				continue
			}
			if err := p.start(x.spec); err != nil {
				return err
			}
			give(cells.Change{Op: cells.AddCell, Cell: x.spec}, c.Cell.ID)
			for _, l := range p.links {
				if l.A.Cell == c.Cell.ID || l.B.Cell == c.Cell.ID {
					give(cells.Change{Op: cells.AddLink, Link: l}, c.Cell.ID)
				}
			}
		}
	}
	for _, id := range p.order {
		if len(parts[id]) > 0 {
			if err := p.procs[id].site.Check(version, parts[id]); err != nil {
				return err
			}
		}
	}
	for _, id := range p.order {
		if len(parts[id]) > 0 {
			if _, err := p.procs[id].take(&site.Input{Kind: site.Apply, Version: version, Batch: parts[id]}); err != nil {
				return err
			}
		}
	}
	for _, id := range gone {
		p.procs[id].end()
	}
	return nil
}

func (p *plant) Command(id cells.ID, args []string) (string, error) {
	x := p.procs[id]
	if x == nil || x.dead {
		return "", fmt.Errorf("no cell %q", id)
	}
	return x.take(&site.Input{Kind: site.Command, Cell: id, Args: args})
}

func (p *plant) Snapshot() cells.Snapshot { return cells.Snapshot{} }

func (p *plant) Kill(id cells.ID) error {
	if p.procs[id] == nil || p.procs[id].dead {
		return errors.New("no such process")
	}
	p.procs[id].dead = true // its journal has no end
	return nil
}

func (p *plant) Died() (cells.ID, string, bool) {
	if len(p.died) == 0 || p.now < clock.Time(50*time.Millisecond) {
		return "", "", false
	}
	id := p.died[0]
	p.died = p.died[1:]
	_ = p.Kill(id)
	return id, "signal: killed", true
}

func (x *proc) end() {
	if x.dead {
		return
	}
	x.dead = true
	if x.site.Err() == nil {
		in := site.Input{At: max(x.p.now, x.site.Now()), Kind: site.Mark}
		x.journal.Input(&in)
		_, _ = x.site.Do(&in)
		x.journal.Checkpoint(x.site.Checkpoint())
	}
	if err := x.journal.Close(journal.Summary{At: x.site.Now(), Reason: "shutdown"}); err != nil {
		x.p.t.Fatal(err)
	}
}

func (p *plant) Close() error {
	p.closed = true
	for _, id := range p.order {
		p.procs[id].end()
	}
	return nil
}
