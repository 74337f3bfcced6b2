package switchyard

import (
	"fmt"

	"example.com/dsim/cells"
	"example.com/dsim/protocols/switchyard"
	"example.com/dsim/realnet"
	"example.com/dsim/realnet/plain"
	"example.com/dsim/realnet/socket"
)

// The names of the parties where a cell stands alone: the one that is here, and
// what its streams lead to. A cell that dials "fabric:switchyard" reaches the
// fabric's TCP address.
const (
	FabricCell = "fabric"
	worldCell  = "world"
	linkName   = "tcp"
)

// connected are the parameters of the link between a cell and the world: what a
// cell sends leaves as it was sent, for the kernel cuts it up anyway.
var connected = []cells.Param{{Name: "recut", Value: "none"}, {Name: "segment", Value: "64KiB"}}

// Run makes a driver whose one cell is joined to the world by plain TCP
// connections: of clients that come to address listen, or to a server at address
// dial.
func Run(o realnet.Options, spec cells.CellSpec, config socket.Config) (*realnet.Driver, error) {
	d, err := realnet.New(o)
	if err != nil {
		return nil, err
	}
	config.Kind = plain.Kind
	far := cells.ID(FabricCell)
	if config.Mode == "server" {
		far = worldCell
	}
	batch := []cells.Change{
		{Op: cells.AddCell, Cell: spec},
		{Op: cells.AddLink, Link: cells.LinkSpec{
			Name: linkName, A: cells.Endpoint{Cell: spec.ID}, B: cells.Endpoint{Cell: far}, Stream: true, Both: connected,
		}},
	}
	if err := d.Prepare(1, batch, map[string]socket.Config{linkName: config}); err != nil {
		_ = d.Close() // nothing has happened yet
		return nil, err
	}
	if err := d.Commit(1); err != nil {
		_ = d.Close()
		return nil, err
	}
	return d, nil
}

// Serve runs a fabric that clients reach at host and port; port 0 is any that is
// free, see [Addr].
func Serve(o realnet.Options, params []cells.Param, host string, port uint16) (*realnet.Driver, error) {
	spec := cells.CellSpec{ID: FabricCell, Protocol: "switchyard-fabric", Params: params}
	d, err := Run(o, spec, socket.Config{Mode: "server", Host: host, Local: port, Service: switchyard.Service})
	if err != nil {
		return nil, fmt.Errorf("switchyard: %w", err)
	}
	return d, nil
}

// Addr is where a fabric that Serve runs is reached.
func Addr(d *realnet.Driver) string { return d.Wires()[0].Local }
