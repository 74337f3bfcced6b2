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
	outNo   syscall.Errno // 0 if it was taken
	write   func(uintptr) bool

	in   []byte // the reader's
	n    int
	inNo syscall.Errno
	read func(uintptr) bool
	spin spinner

	// again says that a refusal may be about a frame before, and that this one
	// has not been tried.
	again bool
	// gone is called when a Send finds that nobody is there; it does not wait.
	gone func()
	// reach looks for the other end when a Send finds that there is none yet, and
	// reports whether it is there now. It takes a few calls of the system.
	reach func() bool
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
			_, err := unix.Write(int(fd), p.out)
			if p.outNo = number(err); p.outNo != unix.EINTR {
				return true // also if it would block: then the frame is dropped
			}
		}
	}
	p.read = func(fd uintptr) bool {
		p.n, p.inNo = p.spin.read(int(fd), p.in)
		return p.inNo != unix.EAGAIN
	}
	p.gone = func() {}
	p.reach = func() bool { return false }
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
	if err == nil && p.outNo == unix.ECONNREFUSED && p.again {
		p.refused.Add(1)
		p.gone()
		err = p.raw.Write(p.write)
	}
	if err == nil && p.outNo == unix.ENOTCONN && p.reach() {
		err = p.raw.Write(p.write)
	}
	no := p.outNo
	p.out = nil
	p.sending.Unlock()
	if err == nil && no == 0 {
		p.sent(len(frame))
		return nil
	}
	var gone bool
	if err == nil {
		gone, err = p.droppedBy(no)
	} else {
		gone, err = p.dropped(err)
	}
	if gone {
		p.gone()
	}
	return err
}

// errorPause is how long the reader waits after an error of the system: one that
// stays must not keep a processor busy.
const errorPause = 50 * time.Millisecond

// receive hands on frames until the wire is closed.
func (p *packets) receive() {
	for {
		err := p.raw.Read(p.read)
		switch {
		case err != nil && (errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed)), p.closed.Load():
			return
		case err == nil && p.inNo == unix.EINTR:
		case err != nil || p.inNo != 0:
			if err == nil {
				err = p.inNo
			}
			p.troubled(err)
			if !p.pause(errorPause) {
				return
			}
		case p.n > len(p.in)-packetSlack:
			p.bad.Add(1)
		default:
			p.arrived()
			p.frame(p.in[:p.n])
		}
	}
}

// finish closes the socket and waits for the wire's goroutines.
func (p *packets) finish() {
	p.conn.Close()
	p.work.Wait()
}
