package realnet

import (
	"fmt"
	"sync"
	"time"

	"example.com/dsim/realnet/meter"
	"example.com/dsim/realnet/socket"
	"example.com/dsim/replay/journal"
	"example.com/dsim/replay/site"
)

// wire is the socket behind a link to outside. It is the socket's handler.
type wire struct {
	d      *Driver
	link   string
	config socket.Config
	real   socket.Wire
	in     site.Input // reused, by whoever owns the site
	sent   uint64     // frames given to the socket
	trips  meter.RoundTrips
	bad    uint64 // frames that the site has refused
	losing bool   // the site is about to hear that a segment was lost

	// Until the batch that brings the link is committed, or given up, the
	// socket's goroutine waits here: what the other end sends as soon as it has
	// committed waits in the socket.
	gate   chan struct{}
	opened sync.Once
	live   bool
}

// enter waits for the wire's turn and locks the driver. What arrives on a link
// that a prepared batch removes waits until that is decided: the other end may
// have removed it already, and what follows from that is the end of the link, not
// a broken connection.
func (w *wire) enter() {
	<-w.gate
	for waited := false; ; waited = true {
		w.d.mu.Lock()
		p := w.d.prepared
		if p == nil || !p.ends[w.link] || waited {
			return
		}
		w.d.mu.Unlock()
		select {
		case <-p.decided:
		case <-time.After(decideMax): // nobody will decide
		}
	}
}

// decideMax bounds how long a link that is to be removed stands still.
const decideMax = 10 * time.Second

// Frame takes in what has arrived; see [socket.Handler].
func (w *wire) Frame(b []byte) {
	w.enter()
	d := w.d
	defer d.mu.Unlock()
	if !w.live || d.over() != nil {
		return
	}
	w.in = site.Input{At: d.now(), Kind: site.Frame, Link: w.link, Data: b}
	w.trips.Received(w.in.At.Sub(0))
	if _, err := d.take(&w.in); err != nil {
		w.bad++
	}
	w.in.Data = nil
}

// Connected notes that frames can leave.
func (w *wire) Connected() {
	<-w.gate
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	text := "up " + w.real.Role() + " " + w.real.Local() + " " + w.real.Remote()
	w.d.note(journal.Note{Kind: journal.NoteWire, Link: w.link, Text: text})
	w.d.log.Debug("connected", "link", w.link, "role", w.real.Role(), "remote", w.real.Remote())
}

// Broken tells the site that a connection broke, if that matters to it.
func (w *wire) Broken(err error) {
	w.enter()
	d := w.d
	defer d.mu.Unlock()
	text := "down"
	if err != nil {
		text += ": " + err.Error()
	}
	d.note(journal.Note{Kind: journal.NoteWire, Link: w.link, Text: text})
	d.log.Debug("disconnected", "link", w.link, "error", err)
	w.trips.Reset()
	if d.over() != nil || !w.live {
		return
	}
	w.in = site.Input{At: d.now(), Kind: site.Broken, Link: w.link}
	_, _ = d.take(&w.in)
}

func (w *wire) close() error {
	w.opened.Do(func() { close(w.gate) })
	if err := w.real.Close(); err != nil {
		return fmt.Errorf("link %q: %w", w.link, err)
	}
	return nil
}
