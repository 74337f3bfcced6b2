//go:build unix

package guard

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// modesCount says that the modes of files mean what they say.
const modesCount = true

// ours says why a file is not ours, nil if it is.
func ours(info fs.FileInfo) error {
	if s, ok := info.Sys().(*syscall.Stat_t); ok && int64(s.Uid) != int64(os.Geteuid()) {
		return fmt.Errorf("it belongs to user %d", s.Uid)
	}
	return nil
}

// isRefused reports that a socket's file is there and nobody listens.
func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
