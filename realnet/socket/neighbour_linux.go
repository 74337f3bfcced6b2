package socket

import (
	"fmt"
	"net/netip"
	"strconv"
	"sync/atomic"

	"example.com/dsim/realnet/nd"
)

// neighbour is a wire to whoever is at the other end of an interface: UDP between
// the two link-local addresses, for as long as there is exactly one neighbour. It
// is the handler of the search and of the UDP wire of the moment.
type neighbour struct {
	*end
	name    string
	watcher *nd.Watcher
	now     atomic.Pointer[udp] // nil while there is no neighbour
}

func openNeighbour(c Config, h Handler) (Wire, error) {
	w := &neighbour{end: newEnd(c, h), name: c.Interface}
	w.status = "handshaking"
	w.local, w.remote = c.Interface, "the neighbour on "+c.Interface
	var err error
	// What it tells may come before Watch returns, and needs nothing of it.
	if w.watcher, err = nd.Watch(c.Interface, w); err != nil {
		return nil, err
	}
	return w, nil
}

// Found has a wire to the neighbour.
func (w *neighbour) Found(p nd.Peer) error {
	e := &end{tally: w.tally, handler: via{w}, role: p.Role, closing: make(chan struct{})}
	e.telling.Lock() // nothing is told before frames can be sent
	defer e.telling.Unlock()
	// The zone is the interface's number: what a name stands for, package net
	// remembers for longer than a cable may last.
	zone := strconv.Itoa(p.Index)
	u, err := dialUDP(e, netip.AddrPortFrom(p.Local.WithZone(zone), nd.Port), netip.AddrPortFrom(p.Remote.WithZone(zone), nd.Port))
	if err != nil {
		return fmt.Errorf("bind UDP port %d on %s: %w", nd.Port, p.Local, err)
	}
	w.seen.Lock()
	w.role = p.Role
	w.local, w.remote = netip.AddrPortFrom(p.Local, nd.Port).String(), netip.AddrPortFrom(p.Remote, nd.Port).String()
	w.seen.Unlock()
	w.now.Store(u)
	return nil
}

// Lost gives up the wire to the neighbour.
func (w *neighbour) Lost(err error) {
	if u := w.now.Swap(nil); u != nil {
		_ = u.Close()
	}
	w.seen.Lock()
	w.role, w.remote = "", "the neighbour on "+w.name
	w.seen.Unlock()
	w.broken(err)
}

// Searching keeps why there is no neighbour.
func (w *neighbour) Searching(problem error) {
	status := "handshaking"
	if w.connects.Load() > 0 {
		status = "disconnected"
	}
	w.trying(status, problem)
}

// via is the handler of the wire of the moment, which has counted already.
type via struct{ w *neighbour }

func (v via) Frame(b []byte)   { v.w.hand(b) }
func (v via) Connected()       { v.w.connected() }
func (v via) Broken(err error) { v.w.broken(err) }

// Send is as Wire says.
func (w *neighbour) Send(frame []byte) error {
	if u := w.now.Load(); u != nil {
		return u.Send(frame)
	}
	if w.closed.Load() {
		return ErrClosed
	}
	w.refused.Add(1)
	return ErrNotConnected
}

// Close is as Wire says.
func (w *neighbour) Close() error {
	if w.shut() {
		_ = w.watcher.Close()
		if u := w.now.Swap(nil); u != nil {
			_ = u.Close()
		}
	}
	return nil
}
