//go:build linux || darwin

package socket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"example.com/dsim/clock"
	"example.com/dsim/protocols/stream"
	"golang.org/x/sys/unix"
)

// Bounds of connections.
const (
	dialFirst  = 5 * time.Millisecond // between two attempts, doubled to:
	dialLast   = 500 * time.Millisecond
	dialWait   = 3 * time.Second        // for one attempt
	lastedLong = time.Second            // a connection of that age was a good one
	leaveWait  = 200 * time.Millisecond // for what was accepted, at Close
	readSize   = 64 << 10
)

// streams is a reliable wire: frames with their length in front, on connections
// one after another. The server has one peer at a time, and the newest wins: a
// peer that comes again is one whose last connection is dead, maybe without
// anybody having noticed.
type streams struct {
	*end
	out  *outbox
	file socketFile // of the server of a UNIX socket

	listener net.Listener
	next     chan net.Conn // the server's: the newest connection, not yet looked at
	dialer   func(context.Context) (net.Conn, error)
	ctx      context.Context // of attempts to connect
	cancel   context.CancelFunc
	ended    chan struct{} // no connection is used any more

	split *stream.Splitter
	in    []byte
}

func openUnixStream(c Config, h Handler) (Wire, error) {
	w := newStreams(c, h)
	addr := &net.UnixAddr{Name: c.Path, Net: "unix"}
	w.local, w.remote = c.Path, c.Path
	if c.Mode == "server" {
		var l *net.UnixListener
		var err error
		w.file, err = bindFile(c.Path, func() (err error) {
			if l, err = net.ListenUnix("unix", addr); err == nil {
				l.SetUnlinkOnClose(false) // only if it is still ours: see remove
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		return w.serve(l), nil
	}
	return w.call(func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", c.Path)
	}), nil
}

func openTCP(c Config, h Handler) (Wire, error) {
	w := newStreams(c, h)
	host, err := c.addr()
	if err != nil {
		return nil, err
	}
	// A peer that vanished without a word is noticed within seconds.
	alive := net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: time.Second, Count: 3}
	near := net.JoinHostPort(host.String(), fmt.Sprint(c.Local))
	far := net.JoinHostPort(host.String(), fmt.Sprint(c.Remote))
	w.local, w.remote = near, far
	if w.role == "server" {
		lc := net.ListenConfig{KeepAliveConfig: alive}
		l, err := lc.Listen(context.Background(), "tcp", near)
		if errors.Is(err, unix.EADDRNOTAVAIL) { // the host is another machine
			l, err = lc.Listen(context.Background(), "tcp", fmt.Sprintf(":%d", c.Local))
		}
		if err != nil {
			return nil, reason(err)
		}
		return w.serve(l), nil
	}
	// The client's own port is left to the system: one that was used a moment ago
	// could not be had again at once.
	return w.call(func(ctx context.Context) (net.Conn, error) {
		d := net.Dialer{KeepAliveConfig: alive}
		return d.DialContext(ctx, "tcp", far)
	}), nil
}

func newStreams(c Config, h Handler) *streams {
	w := &streams{end: newEnd(c, h), in: make([]byte, readSize)}
	w.out = newOutbox(w.tally)
	w.ctx, w.cancel = context.WithCancel(context.Background())
	w.ended = make(chan struct{})
	w.split = stream.NewSplitter(stream.Prefix32(FrameMax))
	return w
}

func (w *streams) serve(l net.Listener) *streams {
	w.listener = l
	w.next = make(chan net.Conn, 1)
	w.work.Go(w.accept)
	w.work.Go(func() { w.live(w.accepted) })
	return w
}

func (w *streams) call(dial func(context.Context) (net.Conn, error)) *streams {
	w.dialer = dial
	w.trying("handshaking", nil)
	w.work.Go(func() { w.live(w.dialled()) })
	return w
}

// accept takes connections. A new one displaces one that waits, and ends the
// one that is used.
func (w *streams) accept() {
	for {
		c, err := w.listener.Accept()
		if err != nil {
			if w.closed.Load() {
				return
			}
			w.errors.Add(1) // such as too many open files
			if !w.pause(errorPause) {
				return
			}
			continue
		}
		select {
		case old := <-w.next:
			old.Close()
		default:
		}
		w.next <- c // there is room: nobody else puts
		w.out.hangUp(c)
	}
}

// accepted waits for the next connection, nil when the wire is closed.
func (w *streams) accepted() net.Conn {
	select {
	case c := <-w.next:
		return c
	case <-w.closing:
		return nil
	}
}

// dialled gives a function that calls until somebody answers. It waits longer
// from attempt to attempt, also if connections end soon after they began.
func (w *streams) dialled() func() net.Conn {
	wait, began := dialFirst, time.Time{}
	return func() net.Conn {
		first := began.IsZero()
		if clock.Wall().Sub(began) > lastedLong {
			wait = dialFirst
		}
		for {
			if !first && !w.pause(wait) {
				return nil
			}
			if !first {
				wait = min(2*wait, dialLast)
			}
			first = false
			ctx, cancel := context.WithTimeout(w.ctx, dialWait)
			c, err := w.dialer(ctx)
			cancel()
			if err == nil {
				began = clock.Wall()
				return c
			}
			if w.closed.Load() {
				return nil
			}
			w.broken(reason(err))
		}
	}
}

// live uses connections one after another until the wire is closed.
func (w *streams) live(next func() net.Conn) {
	defer close(w.ended)
	for c := next(); c != nil; c = next() {
		err := w.use(c)
		c.Close()
		if w.closed.Load() {
			return
		}
		w.broken(err)
	}
}

// errDisplaced ends a connection for a newer one.
var errDisplaced = errors.New("the other end has connected anew")

// named keeps the addresses of a connection for people.
func (w *streams) named(c net.Conn) {
	if _, ok := c.(*net.TCPConn); !ok {
		return
	}
	w.seen.Lock()
	w.local, w.remote = c.LocalAddr().String(), c.RemoteAddr().String()
	w.seen.Unlock()
}

// use has frames go over a connection until it ends, and says why it did.
func (w *streams) use(c net.Conn) error {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return errors.New("the connection has no socket")
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	w.named(c)
	turn := w.out.attach(raw, c)
	writer := make(chan struct{})
	go func() {
		defer close(writer)
		w.out.empty(turn)
	}()
	defer func() {
		w.out.detach()
		c.Close()
		<-writer
	}()
	if len(w.next) > 0 {
		return errDisplaced // by one that came before this one could be hung up
	}
	w.connected()
	return w.read(c)
}

// read hands on the frames that come until the end, and says what that was.
func (w *streams) read(c io.Reader) error {
	w.split.Reset()
	for {
		n, err := c.Read(w.in)
		w.split.Feed(w.in[:n])
		for b, ok := w.split.Next(); ok; b, ok = w.split.Next() {
			w.frame(b)
		}
		if bad := w.split.Err(); bad != nil {
			w.bad.Add(1)
			return bad
		}
		switch {
		case err == nil:
		case errors.Is(err, net.ErrClosed):
			return errDisplaced
		case w.split.Pending() > 0:
			return fmt.Errorf("the connection ended within a frame: %w", reason(err))
		case errors.Is(err, io.EOF):
			return errors.New("the other end has closed the connection")
		default:
			return reason(err)
		}
	}
}

// Send is as Wire says.
func (w *streams) Send(frame []byte) error {
	if w.closed.Load() {
		return ErrClosed
	}
	return w.out.send(frame)
}

// Close is as Wire says. The other end sees all that was accepted, and then the
// end, if it reads within a moment.
func (w *streams) Close() error {
	if !w.shut() {
		return nil
	}
	w.file.remove()
	if w.listener != nil {
		w.listener.Close()
	}
	w.cancel()
	w.out.drained(leaveWait)
	w.out.closeWrite()
	late := time.NewTimer(leaveWait)
	defer late.Stop()
	select {
	case <-w.ended:
	case <-late.C:
	}
	w.out.hangUp(nil)
	w.work.Wait()
	select {
	case c := <-w.next:
		c.Close()
	default:
	}
	return nil
}
