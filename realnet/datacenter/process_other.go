//go:build !linux

package datacenter

import (
	"errors"
	"os"
	"syscall"
)

// Starting and ending processes that cannot be taken for others needs Linux.
// Elsewhere a datacenter takes over cells that run already.
var errLinux = errors.New("needs Linux")

func attributes() *syscall.SysProcAttr { return nil }

func identify(int) (identity, error) { return identity{}, errLinux }

func (identity) alive() bool { return false }

func (identity) signal(bool) {}

func private(string) error { return errLinux }

func lockFile(string) (*os.File, error) { return nil, errLinux }
