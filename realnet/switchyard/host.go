package switchyard

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/protocols/switchyard"
	"example.com/dsim/realnet"
	"example.com/dsim/realnet/plain"
	"example.com/dsim/realnet/socket"
	"example.com/dsim/replay/site"
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
// connections: of clients that come, or to a server. Look, which may be nil, is
// given the site before anything happens. The cell's wall clock is the machine's
// at the driver's start, and runs as its own clock does.
func Run(o realnet.Options, spec cells.CellSpec, config socket.Config, look func(*site.Site)) (*realnet.Driver, error) {
	far := cells.ID(FabricCell)
	if config.Mode == "server" {
		far = worldCell
	}
	return run(o, spec, map[cells.ID]socket.Config{far: config}, look)
}

// RunBridge makes a driver whose one cell is a bridge between two fabrics.
func RunBridge(o realnet.Options, params []cells.Param, left, right socket.Config, look func(*site.Site)) (*realnet.Driver, error) {
	spec := cells.CellSpec{ID: "bridge", Protocol: "switchyard-bridge", Params: params}
	return run(o, spec, map[cells.ID]socket.Config{"left": left, "right": right}, look)
}

func run(o realnet.Options, spec cells.CellSpec, to map[cells.ID]socket.Config, look func(*site.Site)) (*realnet.Driver, error) {
	// Nobody has named the cell, or made a batch: what is wrong with its parameters
	// is said without them.
	if _, err := o.Site.Make(spec); err != nil {
		return nil, cmp.Or(errors.Unwrap(err), err)
	}
	d, err := realnet.New(o)
	if err != nil {
		return nil, err
	}
	if look != nil {
		d.View(look)
	}
	spec.Clock.Offset = clock.Time(d.Start().UnixNano())
	batch := []cells.Change{{Op: cells.AddCell, Cell: spec}}
	wires := make(map[string]socket.Config)
	for _, far := range slices.Sorted(maps.Keys(to)) {
		config := to[far]
		config.Kind = plain.Kind
		name := linkName + "-" + string(far)
		wires[name] = config
		batch = append(batch, cells.Change{Op: cells.AddLink, Link: cells.LinkSpec{
			Name: name, A: cells.Endpoint{Cell: spec.ID}, B: cells.Endpoint{Cell: far}, Stream: true, Both: connected,
		}})
	}
	if err = d.Prepare(1, batch, wires); err == nil {
		err = d.Commit(1)
	}
	if err != nil {
		_ = d.Close() // nothing has happened yet
		return nil, err
	}
	return d, nil
}

// ListenError is that of Serve if the system does not let it listen there; all
// others are about its parameters.
type ListenError struct{ Err error }

// Error is the system's text.
func (e *ListenError) Error() string { return e.Err.Error() }

// Unwrap gives the system's error.
func (e *ListenError) Unwrap() error { return e.Err }

// Serve runs a fabric that clients reach at host and port; port 0 is any that is
// free, see [Addr].
func Serve(o realnet.Options, params []cells.Param, host string, port uint16) (*realnet.Driver, error) {
	spec := cells.CellSpec{ID: FabricCell, Protocol: "switchyard-fabric", Params: params}
	d, err := Run(o, spec, socket.Config{Mode: "server", Host: host, Local: port, Service: switchyard.Service}, nil)
	if err != nil {
		if busy := (*net.OpError)(nil); errors.As(err, &busy) {
			err = &ListenError{fmt.Errorf("switchyard: %w", busy)}
		}
		return nil, err
	}
	return d, nil
}

// Addr is where a fabric that Serve runs is reached.
func Addr(d *realnet.Driver) string { return d.Wires()[0].Local }
