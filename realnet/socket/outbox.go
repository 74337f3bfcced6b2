//go:build linux || darwin

package socket

import (
	"encoding/binary"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// outbox writes frames to one connection at a time. A frame is given to the
// system at once if nothing waits; what the system does not take waits in a ring,
// which a goroutine of the connection empties. Frames go whole or not at all.
type outbox struct {
	*tally
	mu    sync.Mutex
	raw   syscall.RawConn // nil while there is no connection
	conn  net.Conn        // the same
	turn  uint64          // of the connection
	ring  ring
	more  *sync.Cond // the ring is not empty any more, or the connection has changed
	less  *sync.Cond // the ring is empty, or the connection has changed
	dirty bool       // an error of the system: the connection is about to end

	scratch []byte // length and frame, in one piece
	left    []byte // of scratch, what the system has not taken
	no      syscall.Errno
	write   func(uintptr) bool // the system's attempt, without waiting
}

// headerSize is that of the length in front of a frame: big endian.
const headerSize = 4

func newOutbox(t *tally) *outbox {
	o := &outbox{tally: t}
	o.more, o.less = sync.NewCond(&o.mu), sync.NewCond(&o.mu)
	o.write = func(fd uintptr) bool {
		var n int
		n, o.no = writeSome(int(fd), o.left)
		o.left = o.left[n:]
		return true
	}
	return o
}

// writeSome is one attempt; what blocks is no error, but nothing was taken.
func writeSome(fd int, b []byte) (int, syscall.Errno) {
	for {
		n, err := unix.Write(fd, b)
		switch no := number(err); no {
		case 0:
			return n, 0
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, 0
		default:
			return 0, no
		}
	}
}

// send is Wire's Send.
func (o *outbox) send(frame []byte) error {
	if len(frame) > FrameMax {
		o.tooLong.Add(1)
		return ErrTooLong
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.raw == nil || o.dirty:
		o.refused.Add(1)
		return ErrNotConnected
	case o.ring.n > 0 && o.ring.n+headerSize+len(frame) > ringMax:
		o.full.Add(1)
		return ErrFull
	}
	o.scratch = binary.BigEndian.AppendUint32(o.scratch[:0], uint32(len(frame)))
	o.scratch = append(o.scratch, frame...)
	o.left = o.scratch
	if o.ring.n == 0 {
		// The goroutine writes only while something waits: it is not in the way.
		err := o.raw.Write(o.write)
		if err == nil && o.no != 0 {
			err = o.no
		}
		if err != nil {
			o.dirty = true
			_, err = o.dropped(err)
			return err
		}
	}
	if len(o.left) > 0 {
		o.ring.put(o.left)
		o.queued.Store(uint64(o.ring.n))
		o.more.Signal()
	}
	o.sent(len(frame))
	return nil
}

// attach makes c the connection that frames go to.
func (o *outbox) attach(raw syscall.RawConn, c net.Conn) (turn uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.raw, o.conn, o.dirty = raw, c, false
	o.turn++
	return o.turn
}

// detach ends that. What waited is lost.
func (o *outbox) detach() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.raw, o.conn = nil, nil
	o.ring.clear()
	o.queued.Store(0)
	o.turn++
	o.more.Broadcast()
	o.less.Broadcast()
}

// hangUp ends the connection, unless it is newest.
func (o *outbox) hangUp(newest net.Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.conn != nil && o.conn != newest {
		o.conn.Close()
	}
}

// closeWrite says on the connection that nothing more comes.
func (o *outbox) closeWrite() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c, ok := o.conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite() // it may have ended by itself
	}
}

// empty writes what waits, until the connection of this turn ends.
func (o *outbox) empty(turn uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var b []byte
	var no syscall.Errno
	write := func(fd uintptr) bool {
		var n int
		n, no = writeSome(int(fd), b)
		b = b[n:]
		return no != 0 || n > 0 // else wait until the system takes more
	}
	for o.turn == turn {
		if o.ring.n == 0 || o.dirty {
			o.more.Wait()
			continue
		}
		raw := o.raw
		b = o.ring.front()
		size := len(b)
		o.mu.Unlock()
		err := raw.Write(write)
		o.mu.Lock()
		if o.turn != turn {
			return
		}
		if err != nil || no != 0 {
			o.dirty = true // the reader sees it too, and ends the connection
			continue
		}
		o.ring.drop(size - len(b))
		o.queued.Store(uint64(o.ring.n))
		if o.ring.n == 0 {
			o.less.Broadcast()
		}
	}
}

// drained waits until nothing waits, at most that long.
func (o *outbox) drained(most time.Duration) {
	over := false
	t := time.AfterFunc(most, func() {
		o.mu.Lock()
		over = true
		o.mu.Unlock()
		o.less.Broadcast()
	})
	defer t.Stop()
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.ring.n > 0 && o.raw != nil && !o.dirty && !over {
		o.less.Wait()
	}
}
