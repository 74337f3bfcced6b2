//go:build linux || darwin

package socket

import (
	"errors"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// dropped counts a frame that the system did not take, and gives what Send says
// about it. gone reports that this means that nobody is at the other end.
func (t *tally) dropped(err error) (said error, gone bool) {
	var no syscall.Errno
	if e, ok := err.(syscall.Errno); ok { //nolint:errorlint // the system's own answer, on the way every frame takes
		no = e
	} else if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed) {
		return ErrClosed, false
	} else if !errors.As(err, &no) {
		t.errors.Add(1)
		return err, false
	}
	switch no {
	case unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM:
		t.full.Add(1)
		return ErrFull, false
	case unix.ECONNREFUSED, unix.ENOENT, unix.ENOTCONN, unix.EDESTADDRREQ, unix.EPERM,
		unix.ECONNRESET, unix.EPIPE, unix.ENETDOWN, unix.ENETUNREACH, unix.EHOSTUNREACH,
		unix.EHOSTDOWN, unix.EADDRNOTAVAIL, unix.ENXIO, unix.ENODEV, unix.EIO:
		t.refused.Add(1)
		return ErrNotConnected, true
	case unix.EMSGSIZE:
		t.tooLong.Add(1)
		return ErrTooLong, false
	}
	t.errors.Add(1)
	return no, false
}
