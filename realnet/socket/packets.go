//go:build linux || darwin

package socket

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// packets is a socket or device of the system that keeps the boundaries of
// frames: what is written at once arrives at once, or not at all. Each frame
// costs one call of the system and no memory.
type packets struct {
	*end
	conn io.Closer
	raw  syscall.RawConn

	sending sync.Mutex // one Send at a time has the fields below
	out     []byte
	outErr  error
	write   func(uintptr) bool

	in    []byte // the reader's
	n     int
	inErr error
	read  func(uintptr) bool
	spin  spinner

	// again says that a refusal may be about a frame before, and that this one
	// has not been tried.
	again bool
	// gone is called when a Send finds that nobody is there; it does not wait.
	gone func()
	// troubled says what an error of reading means; it is called by the reader.
	troubled func(error)
	// arrived comes before each frame is handed on; it is called by the reader.
	arrived func()
}

// packetConn is what net and os give for a socket or device.
type packetConn interface {
	io.Closer
	SyscallConn() (syscall.RawConn, error)
}

// packetSlack is room to see that a frame is longer than allowed.
const packetSlack = 1

// newPackets makes a wire of a socket that was opened non-blocking; frameMax is
// the longest frame that can arrive on it.
func newPackets(e *end, c packetConn, frameMax int) (*packets, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	p := &packets{end: e, conn: c, raw: raw, in: make([]byte, frameMax+packetSlack), spin: newSpinner()}
	p.write = func(fd uintptr) bool {
		for {
			_, p.outErr = unix.Write(int(fd), p.out)
			if p.outErr != unix.EINTR {
				return true // also if it would block: then the frame is dropped
			}
		}
	}
	p.read = func(fd uintptr) bool {
		p.n, p.inErr = p.spin.read(int(fd), p.in)
		return p.inErr != unix.EAGAIN
	}
	p.gone = func() {}
	p.troubled = func(error) {}
	p.arrived = func() {}
	return p, nil
}

// Send is as Wire says.
func (p *packets) Send(frame []byte) error {
	if len(frame) > FrameMax {
		p.tooLong.Add(1)
		return ErrTooLong
	}
	p.sending.Lock()
	p.out = frame
	err := p.raw.Write(p.write)
	if err == nil {
		err = p.outErr
	}
	if err == unix.ECONNREFUSED && p.again {
		p.refused.Add(1)
		if err = p.raw.Write(p.write); err == nil {
			err = p.outErr
		}
		p.gone()
	}
	p.out = nil
	p.sending.Unlock()
	if err == nil {
		p.sent(len(frame))
		return nil
	}
	said, gone := p.dropped(err)
	if gone {
		p.gone()
	}
	return said
}

// errorPause is how long the reader waits after an error of the system: one that
// stays must not keep a processor busy.
const errorPause = 50 * time.Millisecond

// receive hands on frames until the wire is closed.
func (p *packets) receive() {
	for {
		err := p.raw.Read(p.read)
		if err == nil {
			err = p.inErr
		}
		switch {
		case err == nil && p.n > len(p.in)-packetSlack:
			p.bad.Add(1)
		case err == nil:
			p.arrived()
			p.frame(p.in[:p.n])
		case err == unix.EINTR:
		case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrClosed), p.closed.Load():
			return
		default:
			p.troubled(err)
			if !p.pause(errorPause) {
				return
			}
		}
	}
}

// end closes the socket and waits for the wire's goroutines.
func (p *packets) finish() {
	p.conn.Close()
	p.work.Wait()
}
