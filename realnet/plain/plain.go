package plain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/links"
	"example.com/dsim/realnet/socket"
)

// Kind is the Kind of a plain wire's configuration.
const Kind = "plain"

// Bounds.
const (
	ConnectionsMax = 16 << 10         // at a time; who comes then takes the place of one that the cell has ended, or is turned away
	Window         = 64 << 10         // bytes that a cell may have to handle yet, of one connection
	DialTimeout    = 20 * time.Second // below that of links, so that the reason is told
	lingerMax      = time.Second      // for what was accepted, when the wire is closed
	readMax        = 16 << 10
)

// Check says what is wrong with a plain wire's configuration.
func Check(c socket.Config) error {
	port := c.Local
	switch c.Mode {
	case "server":
		if c.Service == "" {
			return errors.New("plain server: needs service, what is dialled in the site for who connects")
		}
	case "client":
		if port = c.Remote; c.Path == "" && port == 0 {
			return errors.New("plain client: needs remote, the port to connect to, or path")
		}
	default:
		return fmt.Errorf("plain: mode %q: must be server or client", c.Mode)
	}
	if c.Path != "" && (c.Host != "" || port != 0) {
		return errors.New("plain: either path, or host and port")
	}
	return nil
}

// address is where the real side is.
func address(c socket.Config) (network, addr string) {
	if c.Path != "" {
		return "unix", c.Path
	}
	port := c.Remote
	if c.Mode == "server" {
		port = c.Local
	}
	return "tcp", net.JoinHostPort(cmp.Or(c.Host, "127.0.0.1"), strconv.Itoa(int(port)))
}

// Open makes a plain wire; see [socket.Open].
func Open(c socket.Config, h socket.Handler) (socket.Wire, error) { return open(c, h, ConnectionsMax) }

func open(c socket.Config, h socket.Handler, most int) (socket.Wire, error) {
	if err := Check(c); err != nil {
		return nil, err
	}
	t := &trunk{config: c, handler: h, most: most, conns: make(map[connID]*conn)}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	if c.Mode == "server" {
		network, addr := address(c)
		l, err := net.Listen(network, addr)
		if err != nil {
			return nil, fmt.Errorf("plain server: %w", err)
		}
		t.listener = l
		t.going.Add(1)
		go t.accept()
	}
	t.going.Add(1)
	go func() {
		defer t.going.Done()
		h.Connected()
	}()
	return t, nil
}

// connID tells the connections of a wire apart: who dialled, and the
// how-manieth of its dials.
type connID struct {
	ours bool // the real side dialled
	n    uint32
}

// trunk is the wire.
type trunk struct {
	config   socket.Config
	handler  socket.Handler
	listener net.Listener
	ctx      context.Context
	cancel   context.CancelFunc
	going    sync.WaitGroup
	most     int // connections

	mu     sync.Mutex
	conns  map[connID]*conn
	dials  uint32 // of the real side
	closed bool

	tx, rx, txBytes, rxBytes, turnedAway, bad, connects atomic.Uint64
	lastTx, lastRx                                      atomic.Int64
}

// tell gives the site a segment. The caller holds no lock.
func (t *trunk) tell(s links.Segment) {
	t.rx.Add(1)
	t.rxBytes.Add(uint64(len(s.Data)))
	t.lastRx.Store(clock.Wall().UnixNano())
	t.handler.Frame(s.Append(nil))
}

// accept takes in who connects.
func (t *trunk) accept() {
	defer t.going.Done()
	for wait := time.Millisecond; ; {
		real, err := t.listener.Accept()
		if err != nil {
			if t.ctx.Err() != nil {
				return
			}
			select { // no descriptors left, perhaps
			case <-time.After(wait):
				wait = min(2*wait, time.Second)
				continue
			case <-t.ctx.Done():
				return
			}
		}
		wait = time.Millisecond
		t.makeRoom()
		t.mu.Lock()
		if t.closed || len(t.conns) >= t.most {
			t.mu.Unlock()
			t.turnedAway.Add(1)
			breakOff(real)
			continue
		}
		t.dials++
		c := t.add(connID{true, t.dials})
		c.real = real
		t.mu.Unlock()
		t.connects.Add(1)
		t.tell(c.segment(links.Segment{Kind: links.SegSYN, N: Window, Addr: t.config.Service}))
	}
}

// makeRoom breaks, where there is no room for one more, the oldest connection of
// which the cell has no more to say: a client that was hung up on and never hangs
// up itself would keep its place for good.
func (t *trunk) makeRoom() {
	t.mu.Lock()
	var oldest *conn
	if len(t.conns) >= t.most {
		for id, c := range t.conns {
			if id.ours && c.ending() && (oldest == nil || id.n < oldest.id.n) {
				oldest = c
			}
		}
	}
	t.mu.Unlock()
	if oldest != nil {
		oldest.broke()
	}
}

// add makes a connection. The caller holds the lock.
func (t *trunk) add(id connID) *conn {
	c := &conn{t: t, id: id, window: Window}
	c.more.L = &c.mu
	t.conns[id] = c
	return c
}

// Send takes a segment of the site's.
func (t *trunk) Send(b []byte) error {
	s, err := links.ParseSegment(b)
	if err != nil {
		t.bad.Add(1)
		return err
	}
	t.tx.Add(1)
	t.txBytes.Add(uint64(len(s.Data)))
	t.lastTx.Store(clock.Wall().UnixNano())
	id := connID{!s.Forward, s.Dial}
	t.mu.Lock()
	c := t.conns[id]
	if t.closed {
		t.mu.Unlock()
		return socket.ErrClosed
	}
	if s.Kind == links.SegSYN && c == nil {
		c = t.add(id)
		t.going.Add(1)
		go c.dial()
		t.mu.Unlock()
		return nil
	}
	t.mu.Unlock()
	if c == nil {
		return nil // of a connection that is over already
	}
	c.take(&s)
	return nil
}

// forget takes a connection out of the table.
func (t *trunk) forget(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conns[c.id] == c {
		delete(t.conns, c.id)
	}
}

// Status, Role and the rest are as [socket.Wire] says.
func (t *trunk) Status() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return "dead"
	}
	return "bound"
}

func (t *trunk) Role() string { return t.config.Mode }

func (t *trunk) Local() string {
	if t.listener == nil {
		return ""
	}
	return t.listener.Addr().String()
}

func (t *trunk) Remote() string {
	if t.config.Mode == "server" {
		return ""
	}
	_, addr := address(t.config)
	return addr
}

func (t *trunk) Problem() error { return nil }

func (t *trunk) Counters() socket.Counters {
	c := socket.Counters{
		TxFrames: t.tx.Load(), TxBytes: t.txBytes.Load(), RxFrames: t.rx.Load(), RxBytes: t.rxBytes.Load(),
		Full: t.turnedAway.Load(), BadFrames: t.bad.Load(), Connects: t.connects.Load(),
		LastRx: instant(t.lastRx.Load()), LastTx: instant(t.lastTx.Load()),
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, x := range t.conns {
		x.mu.Lock()
		c.Queued += uint64(len(x.queue))
		x.mu.Unlock()
	}
	return c
}

func instant(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

// Close ends the wire. What cells had sent before is given a moment to leave.
func (t *trunk) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil
	}
	t.closed = true
	all := make([]*conn, 0, len(t.conns))
	for _, c := range t.conns {
		all = append(all, c)
	}
	t.mu.Unlock()
	t.cancel()
	var err error
	if t.listener != nil {
		err = t.listener.Close()
	}
	deadline := clock.Wall().Add(lingerMax)
	for _, c := range all {
		c.linger(deadline)
	}
	t.going.Wait()
	return err
}

// breakOff ends a real connection so that the other side knows it broke.
func breakOff(real net.Conn) {
	if tcp, ok := real.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = real.Close()
}

// reason is why a real connection could not be made, as cells know reasons.
func reason(err error) cells.DownError {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, os.ErrNotExist):
		return cells.ErrRefused
	case errors.As(err, &timeout) && timeout.Timeout():
		return cells.ErrTimeout
	case errors.Is(err, syscall.ECONNRESET):
		return cells.ErrReset
	}
	return cells.ErrUnreachable
}
