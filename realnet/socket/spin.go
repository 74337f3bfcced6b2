//go:build linux || darwin

package socket

import "golang.org/x/sys/unix"

// spinner reads without waiting.
type spinner struct{}

func (s *spinner) read(fd int, b []byte) (int, error) {
	return unix.Read(fd, b)
}
