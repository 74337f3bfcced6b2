//go:build !unix

package guard

import (
	"errors"
	"io/fs"
	"syscall"
)

// modesCount says that the modes of files mean nothing here: who may open one is
// told by lists that Go does not show.
const modesCount = false

func ours(fs.FileInfo) error { return nil }

// isRefused reports that a socket's file is there and nobody listens: WSAECONNREFUSED.
func isRefused(err error) bool { return errors.Is(err, syscall.Errno(10061)) }
