package datacenter

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"

	"example.com/dsim/cells"
	"example.com/dsim/realnet/socket"
)

// line is a link as the controller keeps it.
type line struct {
	spec  cells.LinkSpec // as it was added
	wires [2]socket.Config
	named bool // its wires were named, and are not the usual
}

// ends are the cells at a link's two ends.
func (l *line) ends() [2]cells.ID { return [2]cells.ID{l.spec.A.Cell, l.spec.B.Cell} }

// plan is a batch split by sites. It is made before anything happens, and is all
// that has to be known to carry the batch out or to leave it.
type plan struct {
	c     *Controller
	batch *Batch
	sites map[cells.ID]*site // as they are to be
	lines map[string]*line   // likewise
	parts map[*site]*part    //
	fresh []*site            // to be opened
	gone  []*site            // to be closed
	again []*site            // of fresh ones: those that take the place of a dead one
	cut   []socket.Config    // of links that are removed
	now   map[string]cells.LinkStatus
	with  map[cells.ID][]string // links that go with removed cells
	undo  []func() error        // takes back what plain sites have done
}

// split splits a batch that the model has passed. c.mu is held.
func (c *Controller) split(b *Batch) (*plan, error) {
	p := &plan{
		c: c, batch: b, sites: maps.Clone(c.sites), lines: maps.Clone(c.lines), parts: make(map[*site]*part),
		with: make(map[cells.ID][]string),
	}
	for _, change := range ordered(b.Changes) {
		var err error
		switch change.Op {
		case cells.RemoveLink:
			err = p.removeLink(change)
		case cells.RemoveCell:
			err = p.removeCell(change)
		case cells.SetLink:
			err = p.setLink(change)
		case cells.AddCell:
			p.addCell(change)
		case cells.AddLink:
			err = p.addLink(change)
		case cells.SetCell:
			err = p.setCell(change)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, s := range p.again {
		p.revive(s)
	}
	for s, q := range p.parts {
		if slices.Contains(p.gone, s) || s.place.Elsewhere {
			delete(p.parts, s)
			continue
		}
		for i := range q.Batch {
			q.Batch[i] = s.local(q.Batch[i])
		}
	}
	return p, nil
}

// give makes a change part of what a site has to do. Who is dead, or elsewhere,
// has nothing to do.
func (p *plan) give(s *site, change cells.Change) *part {
	q := p.parts[s]
	if q == nil {
		q = &part{batch: p.batch.Version, Wires: make(map[string]socket.Config)}
		if _, dead := s.isDead(); dead || s.place.Elsewhere {
			return q
		}
		p.parts[s] = q
	}
	q.Batch = append(q.Batch, change)
	return q
}

// give2 gives a change of a link to the sites of its ends.
func (p *plan) give2(l *line, change cells.Change) {
	ends := l.ends()
	p.give(p.sites[ends[0]], change)
	if ends[1] != ends[0] {
		p.give(p.sites[ends[1]], change)
	}
}

func (p *plan) removeLink(change cells.Change) error {
	l := p.lines[change.Link.Name]
	p.give2(l, change)
	delete(p.lines, change.Link.Name)
	p.cut = append(p.cut, l.wires[:]...)
	return nil
}

func (p *plan) removeCell(change cells.Change) error {
	s := p.sites[change.Cell.ID]
	for _, name := range slices.Sorted(maps.Keys(p.lines)) {
		if ends := p.lines[name].ends(); ends[0] == s.id || ends[1] == s.id {
			remove := cells.Change{Op: cells.RemoveLink, Link: cells.LinkSpec{Name: name}}
			if err := p.removeLink(remove); err != nil {
				return err
			}
			p.with[s.id] = append(p.with[s.id], name)
		}
	}
	p.gone = append(p.gone, s)
	delete(p.sites, s.id)
	return nil
}

func (p *plan) setLink(change cells.Change) error {
	l := p.lines[change.Link.Name]
	for _, id := range l.ends() {
		if s := p.sites[id]; s.plain {
			return fmt.Errorf("link %q: cell %q knows only the document's methods: its links keep their parameters", l.spec.Name, id)
		}
	}
	p.give2(l, change)
	return nil
}

func (p *plan) addCell(change cells.Change) {
	s := p.c.newSite(change.Cell, p.batch.Places[change.Cell.ID], p.c.lives[change.Cell.ID])
	p.c.addings++
	s.added = p.c.addings
	p.sites[s.id] = s
	p.fresh = append(p.fresh, s)
	p.give(s, change)
}

func (p *plan) addLink(change cells.Change) error {
	spec := change.Link
	l := &line{spec: spec, wires: p.batch.Wires[spec.Name]}
	_, l.named = p.batch.Wires[spec.Name]
	ends := l.ends()
	fail := func(format string, args ...any) error {
		return fmt.Errorf("link %q: "+format, append([]any{spec.Name}, args...)...)
	}
	a, b := p.sites[ends[0]], p.sites[ends[1]]
	has := [2]bool{l.wires[0] != socket.Config{}, l.wires[1] != socket.Config{}}
	switch {
	case a == b && (has[0] || has[1]):
		return fail("both ends are ports of %q: it needs no wire", ends[0])
	case a.place.Elsewhere && b.place.Elsewhere:
		return fail("both ends are elsewhere")
	case has[0] != has[1] && !a.place.Elsewhere && !b.place.Elsewhere:
		return fail("one end has a wire and the other has none: both need one, or neither")
	case a != b:
		for k, s := range []*site{a, b} {
			if far := [2]*site{b, a}[k]; far.place.Elsewhere && !has[k] {
				return fail("leads to cell %q, which is elsewhere: the end at %q needs a wire, such as udp or interface", far.id, s.id)
			}
		}
		p.wire(l, [2]*site{a, b})
	}
	p.lines[spec.Name] = l
	for k, s := range []*site{a, b} {
		if k == 1 && a == b {
			break
		}
		if q := p.give(s, change); a != b {
			q.Wires[spec.Name] = l.wires[k]
		}
	}
	return nil
}

// wire gives the ends that have none the usual wire: a UNIX socket in the run
// directory, of datagrams for frames and a stream for streams.
func (p *plan) wire(l *line, at [2]*site) {
	kind := "unix"
	if l.spec.Stream {
		kind = "unix-stream"
	}
	path := ""
	for k, mode := range []string{"server", "client"} {
		w := &l.wires[k]
		switch {
		case at[k].place.Elsewhere || w.Kind != "":
		case w.Path == "":
			if path == "" {
				p.c.paths++
				path = p.c.run.path("l" + strconv.Itoa(p.c.paths))
			}
			*w = socket.Config{Kind: kind, Path: path, Mode: mode}
		default:
			w.Kind = kind
		}
	}
}

// isOurs reports whether a path is that of a socket in the run directory.
func (c *Controller) isOurs(path string) bool {
	return filepath.Dir(path) == c.run.dir && ours.MatchString(filepath.Base(path))
}

func (p *plan) setCell(change cells.Change) error {
	s := p.sites[change.Cell.ID]
	fail := func(why string) error { return fmt.Errorf("cell %q: %s", s.id, why) }
	_, dead := s.isDead()
	switch {
	case s.plain:
		return fail("knows only the document's methods: it cannot be set")
	case s.place.Elsewhere:
		return fail("is elsewhere: it is set there")
	case !dead:
		p.give(s, change)
		return nil
	case len(change.Cell.Params) != 1 || change.Cell.Params[0].Name != cells.SetRun || slices.Contains(p.again, s):
		return fail("its process is gone: it can be restarted, and set in the batch after that")
	case change.Cell.Params[0].Value == "restart-kept":
		return fail("cannot restart-kept, its state is gone with its process")
	case !s.ours():
		return fail("cannot restart, its process is not ours to start")
	}
	// The model lets nothing but a restart through: the cell is crashed.
	next := p.c.newSite(s.spec, s.place, p.c.lives[s.id])
	next.added = s.added
	p.sites[s.id] = next
	p.fresh, p.again, p.gone = append(p.fresh, next), append(p.again, next), append(p.gone, s)
	return nil
}

// revive gives a site that takes the place of a dead one its cell and all the
// links it has after the batch.
func (p *plan) revive(s *site) {
	p.give(s, cells.Change{Op: cells.AddCell, Cell: s.spec})
	for _, name := range slices.Sorted(maps.Keys(p.lines)) {
		l := p.lines[name]
		ends := l.ends()
		k := slices.Index(ends[:], s.id)
		if k < 0 || p.isAdded(name) {
			continue
		}
		q := p.give(s, cells.Change{Op: cells.AddLink, Link: p.present(l)})
		if ends[0] != ends[1] {
			q.Wires[name] = l.wires[k]
		}
		p.c.forgetWire(l.wires[k])
	}
	slices.SortStableFunc(p.parts[s].Batch, func(a, b cells.Change) int { return int(a.Op) - int(b.Op) })
}

func (p *plan) isAdded(link string) bool {
	return slices.ContainsFunc(p.batch.Changes, func(c cells.Change) bool { return c.Op == cells.AddLink && c.Link.Name == link })
}

// present is a link with the parameters it has after the batch.
func (p *plan) present(l *line) cells.LinkSpec {
	spec := l.spec
	if p.now == nil {
		p.now = make(map[string]cells.LinkStatus)
		for _, s := range p.c.model.snapshot().Links {
			p.now[s.Name] = s
		}
	}
	if now, ok := p.now[spec.Name]; ok {
		spec.Both, spec.AB, spec.BA = nil, now.AB, now.BA
	}
	for _, c := range p.batch.Changes {
		if c.Op != cells.SetLink || c.Link.Name != spec.Name {
			continue
		}
		spec.AB = slices.Concat(spec.AB, c.Link.Both, c.Link.AB)
		spec.BA = slices.Concat(spec.BA, c.Link.Both, c.Link.BA)
	}
	// What is done once is not done again.
	once := func(q cells.Param) bool { return q.Name == "break" }
	spec.AB = slices.DeleteFunc(slices.Clone(spec.AB), once)
	spec.BA = slices.DeleteFunc(slices.Clone(spec.BA), once)
	return spec
}
