package socket

import (
	"sync"
	"sync/atomic"
	"time"
)

// end is what all wires share: whom to tell, what people see, what was counted.
type end struct {
	*tally
	handler Handler

	// telling lets one call of the handler run at a time. Nothing that Send
	// takes may be waited for while it is held.
	telling sync.Mutex
	up      atomic.Bool // Connected was told, and no Broken since

	connects atomic.Uint64

	seen    sync.Mutex
	status  string
	role    string
	local   string
	remote  string
	problem error

	once    sync.Once
	closing chan struct{}
	closed  atomic.Bool // from the beginning of Close: the handler is not called any more
	work    sync.WaitGroup
}

func newEnd(c Config, h Handler) *end {
	return &end{tally: &tally{}, handler: h, status: "bound", role: c.role(), closing: make(chan struct{})}
}

// frame counts and hands on what arrived.
func (e *end) frame(b []byte) {
	e.received(len(b))
	e.hand(b)
}

func (e *end) hand(b []byte) {
	e.telling.Lock()
	if !e.closed.Load() {
		e.handler.Frame(b)
	}
	e.telling.Unlock()
}

// connected tells that frames can go, unless that is known.
func (e *end) connected() {
	e.telling.Lock()
	defer e.telling.Unlock()
	if e.closed.Load() || e.up.Load() {
		return
	}
	e.seen.Lock()
	e.status, e.problem = "connected", nil
	e.seen.Unlock()
	e.up.Store(true)
	e.connects.Add(1)
	e.handler.Connected()
}

// broken tells that the other end is gone, unless that is known; err is kept as
// what is wrong in any case.
func (e *end) broken(err error) {
	e.telling.Lock()
	defer e.telling.Unlock()
	if e.closed.Load() {
		return
	}
	e.seen.Lock()
	e.problem = err
	if e.up.Load() {
		e.status = "disconnected"
	}
	e.seen.Unlock()
	if e.up.Swap(false) {
		e.handler.Broken(err)
	}
}

// trying is what is shown while there is no connection.
func (e *end) trying(status string, problem error) {
	e.seen.Lock()
	e.status, e.problem = status, problem
	e.seen.Unlock()
}

// pause waits, and reports whether the wire is still wanted then.
func (e *end) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-e.closing:
		return false
	}
}

// shut begins the end: true for the first who asks.
func (e *end) shut() (first bool) {
	e.once.Do(func() {
		e.closed.Store(true)
		close(e.closing)
		e.seen.Lock()
		e.status, e.problem = "dead", ErrClosed
		e.seen.Unlock()
		first = true
	})
	return first
}

// Counters are as Wire says.
func (e *end) Counters() Counters {
	c := e.tally.counters()
	c.Connects = e.connects.Load()
	return c
}

// Status is as Wire says; so are the others.
func (e *end) Status() string {
	e.seen.Lock()
	defer e.seen.Unlock()
	return e.status
}

func (e *end) Role() string {
	e.seen.Lock()
	defer e.seen.Unlock()
	return e.role
}

func (e *end) Local() string {
	e.seen.Lock()
	defer e.seen.Unlock()
	return e.local
}

func (e *end) Remote() string {
	e.seen.Lock()
	defer e.seen.Unlock()
	return e.remote
}

func (e *end) Problem() error {
	e.seen.Lock()
	defer e.seen.Unlock()
	return e.problem
}
