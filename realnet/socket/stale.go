//go:build linux || darwin

package socket

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"example.com/dsim/clock"
	"golang.org/x/sys/unix"
)

// pathMax leaves room for the zero that ends a path in the system's address.
const pathMax = len(syscall.RawSockaddrUnix{}.Path) - 1

// socketFile is the file of a socket that was bound by us.
type socketFile struct {
	path string
	info fs.FileInfo
}

// bindFile calls bind when path is free. A socket there that is ours and that
// nobody holds any more, left by a process that was killed, is unlinked. Others
// who do the same in the same folder wait meanwhile.
func bindFile(path string, bind func() error) (socketFile, error) {
	unlock, err := lockFolder(filepath.Dir(path))
	if err != nil {
		return socketFile{}, fmt.Errorf("%s: %w", path, err)
	}
	defer unlock()
	if err := removeStale(path); err != nil {
		return socketFile{}, fmt.Errorf("%s: %w", path, err)
	}
	if err := bind(); err != nil {
		return socketFile{}, fmt.Errorf("%s: %w", path, reason(err))
	}
	info, err := os.Lstat(path)
	return socketFile{path, info}, err
}

// remove unlinks the file, unless another has taken its name.
func (f socketFile) remove() {
	if f.info == nil {
		return
	}
	if now, err := os.Lstat(f.path); err == nil && sameFile(now, f.info) {
		os.Remove(f.path)
	}
}

// sameFile also compares times: file systems give numbers of files again.
func sameFile(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime())
}

// removeStale unlinks a socket of our own that nobody holds. All else that is
// there stays, and is an error.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return reason(err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("is there and is no socket: only stale sockets are removed")
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int64(st.Uid) != int64(os.Geteuid()) {
		return fmt.Errorf("is a socket of user %d: only stale sockets of one's own are removed", st.Uid)
	}
	// A datagram socket that connects touches nobody, whatever holds the file: the
	// answer is a refusal if nobody does, and a wrong type or a foreign peer else.
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err == nil {
		_ = c.Close()
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("is in use by another socket")
	}
	return reason(os.Remove(path))
}

// lockWait bounds how long a folder may be locked by another.
const lockWait = 2 * time.Second

// lockFolder takes the lock of a folder, so that of two who find a stale socket
// none unlinks what the other has just bound. A folder that cannot be read
// cannot be locked, and is not.
func lockFolder(path string) (unlock func(), err error) {
	f, err := os.Open(path)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return func() {}, nil
		}
		return nil, reason(err)
	}
	for until := clock.Wall().Add(lockWait); ; time.Sleep(time.Millisecond) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return func() { f.Close() }, nil
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			return func() { f.Close() }, nil // a file system without locks
		case clock.Wall().After(until):
			f.Close()
			return nil, fmt.Errorf("its folder has been locked by another for %v", lockWait)
		}
	}
}

// reason is the cause of an error of the system, without the names of calls and
// addresses, which the caller knows better.
func reason(err error) error {
	var no syscall.Errno
	if errors.As(err, &no) {
		return no
	}
	return err
}
