package realnet

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"example.com/dsim/cells"
	"example.com/dsim/realnet/plain"
	"example.com/dsim/realnet/socket"
	"example.com/dsim/replay/site"
)

// prepared is a batch whose sockets are open, and that has not acted yet.
type prepared struct {
	version uint64
	batch   []cells.Change
	wires   map[string]*wire
	ends    map[string]bool // links that it removes
	decided chan struct{}   // closed when it has acted, or will not
}

// ErrNotPrepared says that a version was committed that nobody prepared.
var ErrNotPrepared = errors.New("is not prepared")

// Prepare checks a batch as Apply does and opens the sockets of the links it
// adds, by the links' names. Nothing happens to the site. A batch that was
// prepared before and not committed is forgotten.
func (d *Driver) Prepare(version uint64, batch []cells.Change, wires map[string]socket.Config) error {
	d.mu.Lock()
	gone := d.dropPrepared()
	err := d.over()
	if err == nil {
		err = d.site.Check(version, batch)
	}
	done := err == nil && version == d.site.Network().Version()
	d.mu.Unlock()
	gone()
	if err != nil {
		return err
	}
	p := &prepared{
		version: version, batch: batch, wires: make(map[string]*wire), ends: make(map[string]bool), decided: make(chan struct{}),
	}
	for i := range batch {
		if c := &batch[i]; c.Op == cells.RemoveLink && !c.Link.Drain {
			p.ends[c.Link.Name] = true
		}
	}
	if !done {
		if err := d.open(p, wires); err != nil {
			return err
		}
	}
	d.mu.Lock()
	gone = d.dropPrepared() // by another that was quicker
	d.prepared = p
	d.mu.Unlock()
	gone()
	return nil
}

// open opens the sockets of a batch, all or none.
func (d *Driver) open(p *prepared, configs map[string]socket.Config) error {
	names := make([]string, 0, len(configs))
	for name := range configs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		added := slices.ContainsFunc(p.batch, func(c cells.Change) bool { return c.Op == cells.AddLink && c.Link.Name == name })
		var err error
		if !added {
			err = errors.New("the batch adds no such link")
		}
		w := &wire{d: d, link: name, config: configs[name], gate: make(chan struct{})}
		if err == nil {
			w.real, err = d.openWire(w)
		}
		if err != nil {
			for _, opened := range p.wires {
				_ = opened.close() // what matters is why
			}
			return fmt.Errorf("link %q: %w", name, err)
		}
		p.wires[name] = w
	}
	return nil
}

// openWire opens one socket. A link that the batch replaces may still hold the
// address: then that one is closed first, since the batch is to come.
func (d *Driver) openWire(w *wire) (socket.Wire, error) {
	d.mu.Lock()
	old := d.wires[w.link]
	d.mu.Unlock()
	open := socket.Open
	if w.config.Kind == plain.Kind {
		open = plain.Open
	}
	real, err := open(w.config, w)
	if err != nil && old != nil && old.config == w.config {
		if err = old.close(); err == nil {
			real, err = open(w.config, w)
		}
	}
	return real, err
}

// dropPrepared begins to close the sockets of a batch that is not to be, and gives
// what waits for that: addresses and files are free only then. The caller holds
// the lock, and must let go of it before it waits, since what reads a socket may
// be waiting for its turn.
func (d *Driver) dropPrepared() (gone func()) {
	p := d.prepared
	d.prepared = nil
	if p == nil {
		return func() {}
	}
	close(p.decided)
	var closing sync.WaitGroup
	for _, w := range p.wires {
		closing.Go(func() { _ = w.close() })
	}
	return closing.Wait
}

// Abort forgets a prepared batch. When it returns, its sockets are closed.
func (d *Driver) Abort(version uint64) {
	d.mu.Lock()
	gone := func() {}
	if d.prepared != nil && d.prepared.version == version {
		gone = d.dropPrepared()
	}
	d.mu.Unlock()
	gone()
}

// Commit lets a prepared batch act. Committing a version that has acted is no
// error.
func (d *Driver) Commit(version uint64) error {
	d.mu.Lock()
	if err := d.over(); err != nil {
		d.mu.Unlock()
		return err
	}
	p := d.prepared
	if p == nil || p.version != version {
		last := d.site.Network().Version()
		d.mu.Unlock()
		if last == version {
			return nil
		}
		return fmt.Errorf("batch %d: %w: the last was %d", version, ErrNotPrepared, last)
	}
	d.prepared = nil
	close(p.decided)
	gone := d.removed(p.batch)
	for name, w := range p.wires {
		if was := d.wires[name]; was != nil {
			gone = append(gone, was)
		}
		d.wires[name] = w
	}
	_, err := d.take(&site.Input{At: d.now(), Kind: site.Apply, Version: version, Batch: p.batch})
	for name, w := range p.wires {
		if w.live = err == nil; err != nil {
			delete(d.wires, name)
			gone = append(gone, w)
			continue
		}
		w.opened.Do(func() { close(w.gate) })
	}
	d.mu.Unlock()
	for _, w := range gone {
		if e := w.close(); e != nil {
			d.log.Warn("closing a socket", "error", e)
		}
	}
	return err
}

// removed takes the wires out of the table whose links a batch removes.
func (d *Driver) removed(batch []cells.Change) (gone []*wire) {
	take := func(name string) {
		if w := d.wires[name]; w != nil {
			delete(d.wires, name)
			w.live = false
			gone = append(gone, w)
		}
	}
	for _, c := range batch {
		switch c.Op {
		case cells.RemoveLink:
			take(c.Link.Name)
		case cells.RemoveCell:
			for _, l := range d.site.Network().Snapshot().Links {
				for _, end := range l.Ends {
					if id, _, _ := strings.Cut(end, ":"); id == string(c.Cell.ID) {
						take(l.Name)
					}
				}
			}
		}
	}
	return gone
}

// Apply carries out a batch that opens no sockets; see [cells.Datacenter].
func (d *Driver) Apply(version uint64, batch []cells.Change) error {
	if err := d.Prepare(version, batch, nil); err != nil {
		return err
	}
	return d.Commit(version)
}
