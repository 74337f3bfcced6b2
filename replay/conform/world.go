package conform

import (
	"fmt"
	"io"
	"slices"

	"example.com/dsim/cells"
	"example.com/dsim/links"
)

// endOfStream is what a cell is told when its peer sends no more.
var endOfStream = io.EOF

// world is the links there are.
type world struct {
	links map[string]*link
	ends  map[cells.Endpoint]*direction // that leads away from it; the last, if it was removed
	dirs  map[string]*direction         // by name, "ab>"
	known map[string]bool               // directions that carry streams, or did
	open  []*sent                       // of the event that is being judged
	lossy bool                          // frames may vanish
}

// link is one that exists.
type link struct {
	spec cells.LinkSpec
	dirs [2]*direction
}

func newWorld() world {
	return world{links: map[string]*link{}, ends: map[cells.Endpoint]*direction{}, dirs: map[string]*direction{}, known: map[string]bool{}}
}

// reached reports whether a change has reached the cell that sends on a
// direction: in a live run each end is told by itself.
func (x *Change) reached(id cells.ID) bool { return x.Cells == nil || x.Cells[id] }

func (w *world) addLink(ch *cells.Change, x *Change, all map[cells.ID]*puppet) {
	l := w.links[ch.Link.Name]
	if l == nil {
		l = &link{spec: ch.Link}
		w.links[ch.Link.Name] = l
		ends := [2]cells.Endpoint{ch.Link.A, ch.Link.B}
		for k := range ends {
			name := ch.Link.Name + "><"[k:k+1]
			l.dirs[k] = &direction{name: name, from: ends[k], to: ends[1-k], stream: ch.Link.Stream}
			l.dirs[k].before = w.dirs[name]
			w.dirs[name] = l.dirs[k]
			w.known[name] = ch.Link.Stream
			if !ch.Link.Stream {
				w.ends[ends[k]] = l.dirs[k]
			}
		}
	}
	for k, own := range [2][]cells.Param{ch.Link.AB, ch.Link.BA} {
		d := l.dirs[k]
		if p := all[d.from.Cell]; p != nil && x.reached(p.id) {
			d.params, d.cutLost = links.Defaults(), false // whatever it was before: this end is new
			setAll(&d.params, ch.Link.Both, own)
			d.changed(d.params.Cut, x.At)
			p.bind(d, ch.Link.Name)
		}
	}
}

// bind gives a static port a link; one that is not declared is made. The end of a
// stream link is a port too, which may have no name.
func (p *puppet) bind(d *direction, link string) {
	name := d.from.Port
	if name == "" {
		name = "~" + link
	}
	i := p.static(name)
	if i < 0 {
		i = len(p.ports)
		p.ports = append(p.ports, port{info: cells.PortInfo{Name: name}, static: true})
	}
	q := &p.ports[i]
	q.info.State, q.info.Stream = cells.PortUnbound, d.stream
	if d.stream {
		q.info.State = cells.PortUp
	}
}

// static is the number of a static port.
func (p *puppet) static(name string) int {
	return slices.IndexFunc(p.ports, func(q port) bool { return q.static && q.info.Name == name })
}

// setAll sets parameters; what is wrong in them was refused by the site.
func setAll(p *links.Params, lists ...[]cells.Param) {
	for _, list := range lists {
		for _, q := range list {
			if q != links.Break {
				_ = p.Set(q)
			}
		}
	}
}

func (w *world) setLink(ch *cells.Change, x *Change) {
	l := w.links[ch.Link.Name]
	if l == nil {
		return
	}
	for k, own := range [2][]cells.Param{ch.Link.AB, ch.Link.BA} {
		if d := l.dirs[k]; x.reached(d.from.Cell) {
			was := d.params.Cut
			setAll(&d.params, ch.Link.Both, own)
			d.changed(was, x.At)
		}
	}
}

// removeLink takes a link away. One that drains is there for an end until what was
// sent to it has arrived; the cell hears of it then. What is on a real wire is
// not waited for.
func (w *world) removeLink(ch *cells.Change, x *Change, all map[cells.ID]*puppet, live bool) {
	l := w.links[ch.Link.Name]
	if l == nil {
		return
	}
	gone := 0
	for k, d := range l.dirs {
		if x.reached(d.from.Cell) {
			d.left = true
			if live || !ch.Link.Drain || l.dirs[1-k].flying() == 0 {
				unbindPort(all[d.from.Cell], d.from.Port)
			}
		}
		if d.left {
			gone++
		}
	}
	if gone == 2 {
		w.drop(l, ch.Link.Drain)
	}
}

// drop forgets a link. What drains still arrives.
func (w *world) drop(l *link, drain bool) {
	delete(w.links, l.spec.Name)
	for _, d := range l.dirs {
		d.left, d.gone = true, true
		d.excuse()
		if !drain && w.dirs[d.name] == d {
			d.removed = true
		}
	}
}

func unbindPort(p *puppet, name string) {
	if p == nil {
		return
	}
	if i := p.static(name); i >= 0 {
		p.ports[i].info.State = cells.PortDown
	}
}

func (w *world) removeCell(id cells.ID, all map[cells.ID]*puppet) {
	for _, l := range w.links {
		if l.spec.A.Cell != id && l.spec.B.Cell != id {
			continue
		}
		for _, d := range l.dirs {
			unbindPort(all[d.from.Cell], d.from.Port)
		}
		w.drop(l, false)
	}
}

// rejoin gives the ports of a cell that is there again the links it has.
func (w *world) rejoin(p *puppet) {
	for _, l := range w.links {
		for _, d := range l.dirs {
			if d.from.Cell == p.id {
				d.again()
			} else if d.to.Cell == p.id {
				d.absent = false
			}
		}
	}
}

// leave says that a cell's process is gone: what is sent to it, and what was
// sent by it, may not arrive.
func (w *world) leave(id cells.ID) {
	for _, l := range w.links {
		for _, d := range l.dirs {
			if d.to.Cell == id {
				d.absent = true
			}
			if d.to.Cell == id || d.from.Cell == id {
				d.excuse()
			}
		}
	}
}

// from is the direction that leads away from a static port. One that was removed
// counts as long as the port is up: it drains.
func (w *world) from(p *puppet, n cells.Port) *direction {
	q := p.port(n)
	d := w.ends[cells.Endpoint{Cell: p.id, Port: q.info.Name}]
	if d == nil || d.gone && q.info.State != cells.PortUp {
		return nil
	}
	return d
}

// linked reports whether a static port has a link.
func (w *world) linked(p *puppet, n cells.Port) bool { return w.from(p, n) != nil }

// peer is the other end of a static port, and the longest frame it may send.
func (w *world) peer(p *puppet, n cells.Port) (string, int) {
	d := w.from(p, n)
	if d == nil || p.ports[n].info.State == cells.PortDown {
		return "", 0
	}
	return d.to.String(), d.params.MTU
}

// bound is how many bytes a stream between two cells may have queued.
func (w *world) bound(from, to cells.ID) int64 {
	best := ""
	for name, l := range w.links {
		for _, d := range l.dirs {
			if d.stream && d.from.Cell == from && d.to.Cell == to && (best == "" || name < best) {
				best = d.name
			}
		}
	}
	if d := w.dirs[best]; d != nil {
		return d.params.Bound
	}
	return links.Defaults().Bound
}

// carries reports whether a direction carries frames, which are followed.
func (w *world) carries(name string) bool {
	stream, known := w.known[name]
	return !known || !stream
}

// snapshot is the links there are, for those who choose among them.
func (w *world) snapshot() cells.Snapshot {
	var s cells.Snapshot
	for _, l := range w.links {
		s.Links = append(s.Links, cells.LinkStatus{Name: l.spec.Name, Stream: l.spec.Stream, Ends: [2]string{fmt.Sprint(l.spec.A), fmt.Sprint(l.spec.B)}})
	}
	slices.SortFunc(s.Links, func(a, b cells.LinkStatus) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return s
}
