package datacenter

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/links"
	"example.com/dsim/realnet/socket"
)

// What cells, links and changes are called over HTTP. Parameters are texts by
// their names, as in a scenario; ends are "cell:port", or "cell" of stream links.

// CellBody describes a cell and where it runs.
type CellBody struct {
	Protocol  string            `json:"protocol,omitempty" doc:"its protocol; of a running process it may be left out" example:"abp"`
	Params    map[string]string `json:"params,omitempty" doc:"the protocol's parameters"`
	Ports     []string          `json:"ports,omitempty" doc:"static ports, in the order of their numbers; more come with links"`
	Drift     string            `json:"drift,omitempty" doc:"of its clock" example:"50ppm"`
	Offset    string            `json:"offset,omitempty" doc:"of its wall clock" example:"10ms"`
	URL       string            `json:"url,omitempty" doc:"a running process to take over; without it, one is started" example:"http://127.0.0.1:9001"`
	Elsewhere bool              `json:"elsewhere,omitempty" doc:"it belongs to another datacenter"`
}

// LinkBody describes a link.
type LinkBody struct {
	Ends   []string          `json:"ends" minItems:"2" maxItems:"2" doc:"cell:port twice, or cell twice of a stream link" example:"[\"alice:p0\",\"bob:p0\"]"`
	Stream bool              `json:"stream,omitempty" doc:"it carries streams"`
	Both   map[string]string `json:"both,omitempty" doc:"what it does both ways" example:"{\"delay\":\"10ms\"}"`
	AB     map[string]string `json:"ab,omitempty" doc:"and from the first end, over those of both"`
	BA     map[string]string `json:"ba,omitempty" doc:"and from the second end"`
	Wires  []socket.Config   `json:"wires,omitempty" maxItems:"2" doc:"what its ends are made of; without it, a UNIX socket in the run directory"`
}

// ChangeBody is one change.
type ChangeBody struct {
	Op    string    `json:"op" enum:"remove-link,remove-cell,set-link,add-cell,add-link,set-cell"`
	Name  string    `json:"name" minLength:"1" doc:"of the cell or link"`
	Cell  *CellBody `json:"cell,omitempty" doc:"with add-cell; with set-cell its params are the settings: run, drift, step, offset"`
	Link  *LinkBody `json:"link,omitempty" doc:"with add-link; with set-link its parameters"`
	Drain bool      `json:"drain,omitempty" doc:"with remove-link: what was sent arrives"`
}

// Topology is cells and links by their names.
type Topology struct {
	Cells map[string]CellBody `json:"cells"`
	Links map[string]LinkBody `json:"links"`
}

// paramList is parameters in the order of their names.
func paramList(m map[string]string) []cells.Param {
	var list []cells.Param
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, cells.Param{Name: name, Value: m[name]})
	}
	return list
}

func paramMap(list []cells.Param) map[string]string {
	if len(list) == 0 {
		return nil
	}
	m := make(map[string]string, len(list))
	for _, q := range list {
		m[q.Name] = q.Value
	}
	return m
}

// ParseEnd reads "cell:port" or "cell".
func ParseEnd(text string) cells.Endpoint {
	id, port, _ := strings.Cut(text, ":")
	return cells.Endpoint{Cell: cells.ID(id), Port: port}
}

// spec is the cell as a change of the topology adds it.
func (b *CellBody) spec(name string) (cells.CellSpec, error) {
	s := cells.CellSpec{ID: cells.ID(name), Protocol: b.Protocol, Params: paramList(b.Params), Ports: b.Ports}
	if b.Drift != "" {
		d, err := des.ParseDrift(b.Drift)
		if err != nil {
			return s, fmt.Errorf("cell %q: drift %w", name, err)
		}
		s.Clock.Drift = d
	}
	if b.Offset != "" {
		d, err := des.ParseDuration(b.Offset)
		if err != nil {
			return s, fmt.Errorf("cell %q: offset %w", name, err)
		}
		s.Clock.Offset = clock.Time(d)
	}
	return s, nil
}

// spec is the link as a change of the topology adds or sets it.
func (b *LinkBody) spec(name string, ends bool) (cells.LinkSpec, error) {
	l := cells.LinkSpec{Name: name, Stream: b.Stream, Both: paramList(b.Both), AB: paramList(b.AB), BA: paramList(b.BA)}
	if !ends {
		return l, nil
	}
	if len(b.Ends) != 2 {
		return l, fmt.Errorf("link %q: has %d ends: must be two", name, len(b.Ends))
	}
	l.A, l.B = ParseEnd(b.Ends[0]), ParseEnd(b.Ends[1])
	return l, nil
}

// add puts a change into a batch.
func (b *Batch) add(c *ChangeBody) error {
	change := cells.Change{Cell: cells.CellSpec{}, Link: cells.LinkSpec{}}
	cell, link := c.Cell, c.Link
	if cell == nil {
		cell = &CellBody{}
	}
	if link == nil {
		link = &LinkBody{}
	}
	var err error
	switch c.Op {
	case "add-cell":
		change.Op = cells.AddCell
		change.Cell, err = cell.spec(c.Name)
		b.place(cells.ID(c.Name), Place{URL: cell.URL, Elsewhere: cell.Elsewhere})
	case "remove-cell":
		change.Op, change.Cell.ID = cells.RemoveCell, cells.ID(c.Name)
	case "set-cell":
		change.Op, change.Cell.ID, change.Cell.Params = cells.SetCell, cells.ID(c.Name), paramList(cell.Params)
	case "add-link":
		change.Op = cells.AddLink
		change.Link, err = link.spec(c.Name, true)
		if err == nil {
			err = b.wire(c.Name, link.Wires)
		}
	case "remove-link":
		change.Op, change.Link.Name, change.Link.Drain = cells.RemoveLink, c.Name, c.Drain
	case "set-link":
		change.Op = cells.SetLink
		change.Link, err = link.spec(c.Name, false)
	default:
		err = fmt.Errorf("change %q: must be remove-link, remove-cell, set-link, add-cell, add-link or set-cell", c.Op)
	}
	b.Changes = append(b.Changes, change)
	return err
}

// ParseWire reads what a link's end is made of, as [socket.Parse] does; "-" is an
// end at a cell that is elsewhere.
func ParseWire(text string) (socket.Config, error) {
	if text == "-" {
		return socket.Config{}, nil
	}
	w, err := socket.Parse(text)
	if err != nil {
		return w, fmt.Errorf("wire %w", err)
	}
	return w, nil
}

// TopologyOf is the topology that a batch leads to which adds cells and links, such
// as the first of a scenario.
func TopologyOf(batch []cells.Change) Topology {
	t := Topology{Cells: make(map[string]CellBody), Links: make(map[string]LinkBody)}
	for i := range batch {
		switch c := &batch[i]; c.Op {
		case cells.AddCell:
			t.Cells[string(c.Cell.ID)] = bodyOf(c.Cell, Place{})
		case cells.AddLink:
			l := &c.Link
			t.Links[l.Name] = LinkBody{
				Ends: []string{l.A.String(), l.B.String()}, Stream: l.Stream,
				Both: paramMap(l.Both), AB: paramMap(l.AB), BA: paramMap(l.BA),
			}
		}
	}
	return t
}

// place says where a cell of the batch runs.
func (b *Batch) place(id cells.ID, p Place) {
	if p == (Place{}) {
		return
	}
	if b.Places == nil {
		b.Places = make(map[cells.ID]Place)
	}
	b.Places[id] = p
}

// wire says what a link's ends are made of.
func (b *Batch) wire(name string, wires []socket.Config) error {
	switch len(wires) {
	case 0:
		return nil
	case 2:
	default:
		return fmt.Errorf("link %q: has %d wires: must be two, one an end, or none", name, len(wires))
	}
	if b.Wires == nil {
		b.Wires = make(map[string][2]socket.Config)
	}
	b.Wires[name] = [2]socket.Config{wires[0], wires[1]}
	return nil
}

// effective is what a link does in each direction, as far as it is not at its
// default.
func effective(l cells.LinkSpec) (ab, ba []cells.Param, err error) {
	for k, own := range [2][]cells.Param{l.AB, l.BA} {
		p := links.Defaults()
		for _, q := range slices.Concat(l.Both, own) {
			if err := p.Set(q); err != nil {
				return nil, nil, fmt.Errorf("link %q: %w", l.Name, err)
			}
		}
		*[2]*[]cells.Param{&ab, &ba}[k] = p.Changed()
	}
	return ab, ba, nil
}

// turn is what leads from some parameters to others: those that are no longer
// named go back to their defaults.
func turn(from, to []cells.Param) []cells.Param {
	list := slices.Clone(to)
	for _, q := range from {
		if !slices.ContainsFunc(to, func(p cells.Param) bool { return p.Name == q.Name }) {
			list = append(list, cells.Param{Name: q.Name, Value: defaults[q.Name]})
		}
	}
	return list
}

// defaults are the texts of the parameters of links that say nothing.
var defaults = func() map[string]string {
	m := make(map[string]string)
	for _, p := range links.ParamInfos() {
		m[p.Name] = p.Default
	}
	return m
}()
