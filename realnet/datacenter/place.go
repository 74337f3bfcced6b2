package datacenter

import (
	"encoding/json"
	"fmt"
	"hash"
	"hash/fnv"

	"example.com/dsim/cells"
	"example.com/dsim/realnet/socket"
)

// Place says where a cell runs. The zero Place is a process that the controller
// starts, and stops when it is gone.
type Place struct {
	// URL is where a running process answers XML-RPC: "http://127.0.0.1:9001" or
	// "unix:/path". It is taken over, and holds no lease. One that knows only the
	// methods of the document, such as a SimpleXMLRPCServer of Python's, can have
	// its ports bound and unbound, tell how they are, and be shut down.
	URL string `json:"url,omitempty"`
	// Elsewhere says that the cell belongs to another datacenter, on this machine
	// or another. Nothing is done about it: links to it have one end here, on a
	// wire that the batch names.
	Elsewhere bool `json:"elsewhere,omitempty"`
}

// check says what is wrong with a place.
func (p Place) check(id cells.ID) error {
	if p.URL != "" && p.Elsewhere {
		return fmt.Errorf("cell %q: either has an address here or is elsewhere", id)
	}
	return nil
}

// Batch is a batch of changes, with what a live datacenter needs to know beside
// them. Cells and links that Places and Wires do not name have the usual: a
// process of ours, a UNIX socket in the run directory.
type Batch struct {
	Version uint64
	Changes []cells.Change
	Places  map[cells.ID]Place
	// Wires say what a link's two ends are made of: those of A and of B. A wire
	// without a kind is the usual one.
	Wires map[string][2]socket.Config
}

// sum tells batches apart.
func (b *Batch) sum() uint64 {
	h := fnv.New64a()
	sum(h, b.Version)
	sum(h, b.Changes)
	sum(h, b.Places)
	sum(h, b.Wires)
	return h.Sum64()
}

func sum(h hash.Hash, v any) {
	text, err := json.Marshal(v) // maps in the order of their keys
	if err != nil {
		panic("datacenter: " + err.Error())
	}
	_, _ = h.Write(append(text, 0))
}

// check says what is wrong with places and wires by themselves.
func (b *Batch) check() error {
	added, linked := make(map[cells.ID]bool), make(map[string]bool)
	for i := range b.Changes {
		switch c := &b.Changes[i]; c.Op {
		case cells.AddCell:
			added[c.Cell.ID] = true
		case cells.AddLink:
			linked[c.Link.Name] = true
		}
	}
	for id, p := range b.Places {
		if !added[id] {
			return fmt.Errorf("cell %q: has a place, but is not added by this batch", id)
		}
		if err := p.check(id); err != nil {
			return err
		}
	}
	for name, wires := range b.Wires {
		if !linked[name] {
			return fmt.Errorf("link %q: has wires, but is not added by this batch", name)
		}
		for _, w := range wires {
			if err := w.Check(); err != nil && w != (socket.Config{}) {
				return fmt.Errorf("link %q: wire: %w", name, err)
			}
		}
	}
	return nil
}
