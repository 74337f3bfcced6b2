//go:build linux || darwin

package socket

import (
	"errors"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// number is the system's own answer, 0 for none: package unix wraps nothing.
func number(err error) syscall.Errno {
	no, _ := err.(syscall.Errno) //nolint:errorlint // see above, and every frame comes this way
	return no
}

// dropped counts a frame that did not leave, and gives what Send says about it.
// gone reports that this means that nobody is at the other end.
func (t *tally) dropped(err error) (gone bool, said error) {
	var no syscall.Errno
	switch {
	case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrClosed):
		return false, ErrClosed
	case errors.As(err, &no):
		return t.droppedBy(no)
	}
	t.errors.Add(1)
	return false, err
}

// droppedBy is the same where the system said why.
func (t *tally) droppedBy(no syscall.Errno) (gone bool, said error) {
	switch no {
	case unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM:
		t.full.Add(1)
		return false, ErrFull
	case unix.ECONNREFUSED, unix.ENOENT, unix.ENOTCONN, unix.EDESTADDRREQ, unix.EPERM,
		unix.ECONNRESET, unix.EPIPE, unix.ENETDOWN, unix.ENETUNREACH, unix.EHOSTUNREACH,
		unix.EHOSTDOWN, unix.EADDRNOTAVAIL, unix.ENXIO, unix.ENODEV, unix.EIO:
		t.refused.Add(1)
		return true, ErrNotConnected
	case unix.EMSGSIZE:
		t.tooLong.Add(1)
		return false, ErrTooLong
	}
	t.errors.Add(1)
	return false, no
}
