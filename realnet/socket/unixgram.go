//go:build linux || darwin

package socket

import (
	"io/fs"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// How often the other end of a datagram socket is looked for.
const (
	seekFirst  = time.Millisecond // at first, and doubled to:
	seekLast   = 100 * time.Millisecond
	probeFirst = 50 * time.Millisecond // while there is one, after a frame; doubled to:
	probeLast  = time.Second
)

// unixgram is a UNIX datagram socket. Both ends have a file and connect to the
// other's, so that no path is walked for a frame, and none but the other end is
// heard. An end that is connected to a peer that died is deaf to the next one
// under that name: that is noticed by the next Send, or by a look at the file.
type unixgram struct {
	*packets
	file  socketFile
	other string

	seeking sync.Mutex
	peer    fs.FileInfo // the file of the other end, when we connected

	wake chan struct{}
}

func openUnixgram(c Config, h Handler) (Wire, error) {
	w := &unixgram{wake: make(chan struct{}, 1)}
	own := c.Path
	w.other = c.Path + clientSuffix
	if c.Mode == "client" {
		own, w.other = w.other, own
	}
	e := newEnd(c, h)
	e.local, e.remote = own, w.other
	var conn *net.UnixConn
	var err error
	w.file, err = bindFile(own, func() (err error) {
		conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: own, Net: "unixgram"})
		return err
	})
	if err != nil {
		return nil, err
	}
	// The system may give less: then longer frames are refused.
	_ = conn.SetWriteBuffer(2 * FrameMax)
	if w.packets, err = newPackets(e, conn, FrameMax); err != nil {
		_ = conn.Close()
		w.file.remove()
		return nil, err
	}
	w.gone = w.poke
	w.reach = w.there
	w.arrived = w.answerable
	_, _ = w.seek() // frames can go at once if the other end is there
	w.work.Go(w.keep)
	w.work.Go(w.receive)
	return w, nil
}

// there connects to the other end for a Send that comes before keep has looked
// again: whoever knows that both ends are open loses no frame. That they are
// connected is told by keep, which is woken: the caller of Send may be the one
// who is told.
func (w *unixgram) there() bool {
	_, err := w.seek()
	if err != nil {
		return false
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return true
}

// poke has the other end looked for now, if there was one.
func (w *unixgram) poke() {
	if !w.up.Load() {
		return
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// answerable connects to whom the first frame is from, before it is handed on:
// the answer must find its way.
func (w *unixgram) answerable() {
	if w.up.Load() {
		return
	}
	if _, err := w.seek(); err == nil {
		w.connected()
	}
}

// seek connects to the other end's file, or finds that we still are. It reports
// whether that is another socket now than before.
func (w *unixgram) seek() (replaced bool, err error) {
	w.seeking.Lock()
	defer w.seeking.Unlock()
	info, err := os.Lstat(w.other)
	if err != nil {
		w.peer = nil
		return false, reason(err)
	}
	cerr := w.raw.Control(func(fd uintptr) {
		// Where we are connected to that socket already, this changes nothing.
		err = unix.Connect(int(fd), &unix.SockaddrUnix{Name: w.other})
	})
	if cerr != nil {
		err = cerr
	}
	if err != nil {
		w.peer = nil
		return false, reason(err)
	}
	replaced = w.peer != nil && !sameFile(w.peer, info)
	w.peer = info
	return replaced, nil
}

// keep looks for the other end while there is none, and whether it is still
// there while there is one.
func (w *unixgram) keep() {
	var frames uint64
	wait := seekFirst
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-w.closing:
			return
		case <-w.wake:
		case <-t.C:
		}
		was := w.up.Load()
		replaced, err := w.seek()
		switch {
		case err != nil:
			if was {
				wait = seekFirst
			}
			w.broken(err)
			wait = min(2*wait, seekLast)
		default:
			if replaced {
				w.broken(unix.ECONNRESET)
			}
			w.connected()
			if n := w.rxFrames.Load(); n != frames || !was || replaced {
				frames, wait = n, probeFirst
			}
			wait = min(2*wait, probeLast)
		}
		t.Reset(wait)
	}
}

// Close is as Wire says.
func (w *unixgram) Close() error {
	if w.shut() {
		w.file.remove()
		w.finish()
	}
	return nil
}
