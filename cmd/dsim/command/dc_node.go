package command

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/dsim/realnet/datacenter"
	"example.com/dsim/realnet/node"
	"example.com/dsim/realnet/socket"
	"example.com/dsim/scenarios/nodefile"
)

// neighbour is the cell that stands for whoever is at the other ends of a node's
// interfaces, where its file names nobody.
const neighbour = "neighbour"

// readNode makes a topology of a physical node's file: a datacenter with one cell,
// whose ports lead to cells elsewhere, over the interfaces that the file names.
func readNode(name string) (w wanted, f *nodefile.Config, err error) {
	f, err = nodefile.Load(name, nodefile.Options{Levels: node.LevelNames})
	if err != nil {
		return w, nil, exit(exitUsage, err)
	}
	if f.NodeID == "" || f.Protocol == "" {
		return w, nil, exit(exitUsage, fmt.Errorf("%s: a node has a node_id and a protocol", name))
	}
	self := datacenter.CellBody{Protocol: f.Protocol, Ports: f.PortNames(), Params: make(map[string]string)}
	for _, q := range f.Params {
		self.Params[q.Name] = q.Value
	}
	t := datacenter.Topology{
		Cells: map[string]datacenter.CellBody{f.NodeID: self}, Links: make(map[string]datacenter.LinkBody),
	}
	for _, p := range f.Ports {
		if p.Config == nil {
			continue // bound later
		}
		link, b, err := nodeLink(f.NodeID, p)
		if err != nil {
			return w, nil, exit(exitUsage, fmt.Errorf("%s: port %q: %w", p.Where, p.Name, err))
		}
		far, _, _ := strings.Cut(b.Ends[1], ":")
		if far == f.NodeID {
			return w, nil, exit(exitUsage, fmt.Errorf("%s: port %q: its peer is the node itself", p.Where, p.Name))
		}
		t.Cells[far] = datacenter.CellBody{Elsewhere: true}
		t.Links[link] = b
	}
	w.topology = t
	return w, f, nil
}

// nodeLink is the link of one port, with what the node does to what it sends.
func nodeLink(self string, p nodefile.Port) (name string, b datacenter.LinkBody, err error) {
	name = p.Name
	b = datacenter.LinkBody{Ends: []string{self + ":" + p.Name, neighbour + ":" + p.Name}, AB: make(map[string]string)}
	for _, key := range slices.Sorted(maps.Keys(p.Config)) {
		text, _ := p.Config[key].(string)
		switch key {
		case "port_name", "unix_socket", "interface", "log_level", "seed":
		case "link":
			name = text
		case "peer":
			b.Ends[1] = text
		case "stream":
			b.Stream = text == "true"
		default:
			b.AB[key] = text
		}
	}
	wire, err := socket.ParsePort(map[string]any{"unix_socket": p.Config["unix_socket"], "interface": p.Config["interface"]})
	b.Wires = []socket.Config{wire, {}}
	return name, b, err
}
