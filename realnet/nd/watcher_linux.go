package nd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"example.com/dsim/clock"
	"golang.org/x/sys/unix"
)

// lookEvery is how often the interface is looked at: a pulled cable is noticed
// within that time.
const lookEvery = 100 * time.Millisecond

// Watcher looks for the neighbour on an interface until it is closed.
type Watcher struct {
	name    string
	handler Handler
	finder  Finder
	began   time.Time
	told    string // the last problem

	index int // of the interface that the transport is on
	net   *transport
	heard chan Heard
	fault error // why there is no transport

	closing chan struct{}
	once    sync.Once
	work    sync.WaitGroup
}

// Watch starts to look. An interface that can never do it is an error, and so is
// one that is not there; one that is down, or without an address, may come.
func Watch(name string, h Handler) (*Watcher, error) {
	w := &Watcher{name: name, handler: h, began: clock.Wall(), closing: make(chan struct{})}
	w.finder.Found = func(p Peer) error {
		p.Local, p.Remote = p.Local.WithZone(name), p.Remote.WithZone(name)
		return h.Found(p)
	}
	w.finder.Lost = h.Lost
	link, _, err := look(name)
	switch {
	case err != nil:
		return nil, err
	case link.Index == 0:
		return nil, link.Problem
	}
	if err := mayListen(); err != nil {
		return nil, fmt.Errorf("interface %s: %w", name, err)
	}
	w.work.Go(w.run)
	return w, nil
}

// mayListen tells a missing privilege at once, even if the cable is not there.
func mayListen() error {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6)
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("neighbour discovery needs CAP_NET_RAW: %w", err)
	case err != nil:
		return err
	}
	return unix.Close(fd)
}

// Close ends the search. Nothing is told after it.
func (w *Watcher) Close() error {
	w.once.Do(func() { close(w.closing) })
	w.work.Wait()
	return nil
}

func (w *Watcher) now() time.Duration { return clock.Wall().Sub(w.began) }

func (w *Watcher) run() {
	defer w.hangUp()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	due := time.NewTimer(0)
	defer due.Stop()
	w.look()
	for {
		w.send()
		w.tell()
		if next, ok := w.finder.Next(); ok {
			due.Reset(max(next-w.now(), 0))
		}
		select {
		case <-w.closing:
			return
		case <-tick.C:
			w.look()
		case <-due.C:
			w.finder.Time(w.now())
		case h, ok := <-w.heard:
			if !ok {
				w.hangUp()
				continue
			}
			w.finder.Hear(w.now(), h)
		}
	}
}

// look tells the finder what the interface is able to, and has a transport on
// it when it is able to do anything.
func (w *Watcher) look() {
	link, ifi, err := look(w.name)
	if err != nil {
		link.Problem = err // another interface has come under that name
	}
	if w.net != nil && (link.Problem != nil || link.Index != w.index || link.Local != w.finder.link.Local) {
		w.hangUp()
	}
	if link.Problem == nil && w.net == nil {
		link.Problem = w.listen(link, ifi)
	}
	w.finder.Interface(w.now(), link)
}

func (w *Watcher) listen(link Link, ifi *net.Interface) error {
	t, err := listen(ifi, link.Local)
	if err != nil {
		return fmt.Errorf("interface %s: %w", w.name, err)
	}
	heard := make(chan Heard, 64)
	w.net, w.index, w.heard = t, link.Index, heard
	w.work.Go(func() {
		defer close(heard)
		buf := make([]byte, 65536)
		for {
			h, err := t.receive(buf)
			if err != nil {
				if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed) {
					return
				}
				// Such as that the interface is going away: look will see it.
				select {
				case <-w.closing:
					return
				case <-time.After(lookEvery):
				}
				continue
			}
			select {
			case heard <- h:
			default: // a flood: what counts is asked for again
			}
		}
	})
	return nil
}

// hangUp ends the transport.
func (w *Watcher) hangUp() {
	if w.net != nil {
		_ = w.net.close()
		w.net, w.heard = nil, nil
	}
}

// send puts on the link what the finder wants. What the system refuses is asked
// again in the next round.
func (w *Watcher) send() {
	for _, s := range w.finder.Sends() {
		if w.net == nil {
			continue
		}
		if err := w.net.send(s); err != nil {
			w.fault = err
		} else {
			w.fault = nil
		}
	}
}

// tell says why there is no neighbour, when the reason has changed.
func (w *Watcher) tell() {
	problem := w.finder.Problem()
	if problem == nil {
		w.told = ""
		return
	}
	if w.fault != nil && errors.Is(problem, ErrNone) {
		problem = fmt.Errorf("%w: asking fails: %w", problem, w.fault)
	}
	if text := problem.Error(); text != w.told {
		w.told = text
		w.handler.Searching(problem)
	}
}
