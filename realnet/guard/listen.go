package guard

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// PathMax is the longest name of a UNIX socket.
const PathMax = 107

// Listen binds a server: "host:port", "http://host:port" or "unix:/path".
// Localhost is 127.0.0.1. The directory of a UNIX socket is made if it is not
// there; a socket that a dead process of ours has left is replaced, and any other
// file is left alone. Closing the listener removes the socket's file.
func Listen(addr string, opt Options) (net.Listener, error) {
	opt = opt.orDefault()
	if opt.AllowRemote && opt.Token == "" {
		return nil, fmt.Errorf("address %q: others than this machine get in with a token only", addr)
	}
	if opt.Token != "" {
		if err := CheckToken(opt.Token); err != nil {
			return nil, err
		}
	}
	l, err := bind(addr, opt)
	if err != nil {
		return nil, err
	}
	return &listener{Listener: l, free: int64(opt.ConnsMax)}, nil
}

func bind(addr string, opt Options) (net.Listener, error) {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		return listenUnix(strings.TrimPrefix(path, "//"), opt)
	}
	host, port, err := net.SplitHostPort(strings.TrimSuffix(strings.TrimPrefix(addr, "http://"), "/"))
	if err != nil {
		return nil, fmt.Errorf("address %q: want host:port or unix:/path", addr)
	}
	if host == "localhost" {
		host = "127.0.0.1" // both ends mean the same, whatever the machine's tables say
	}
	if ip, err := netip.ParseAddr(host); !opt.AllowRemote && (err != nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("address %q: reaches beyond this machine; bind to 127.0.0.1, or allow it and have a token", addr)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", addr, cause(err))
	}
	return l, nil
}

// cause takes net's own words from an error: which address it was is said.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var sys *os.SyscallError
	if errors.As(err, &sys) {
		err = sys.Err
	}
	return err
}

func listenUnix(path string, opt Options) (net.Listener, error) {
	switch {
	case !filepath.IsAbs(path):
		return nil, fmt.Errorf("socket %q: want unix:/path", path)
	case len(path) > PathMax:
		return nil, fmt.Errorf("socket %q: %d bytes: the name of a UNIX socket has at most %d", path, len(path), PathMax)
	}
	dir := filepath.Dir(path)
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	info, err := os.Stat(dir)
	if err == nil && !opt.AllowRemote {
		if err = isPrivate(info); err != nil {
			err = fmt.Errorf("directory %s: %w; take one of mode 0700, or allow it and have a token", dir, err)
		}
	}
	if err == nil {
		err = removeStale(path)
	}
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, cause(err))
	}
	l.SetUnlinkOnClose(false) // whose file it is by then is looked at
	s := &socket{UnixListener: l, path: path}
	if s.file, err = os.Lstat(path); err == nil && modesCount {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("socket %s: %w", path, err), s.Close())
	}
	return s, nil
}

// removeStale unlinks a socket of our own to which nobody listens any more.
// Whatever else is there stays, and is an error.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("there is a file of that name, which is no socket")
	}
	if err := ours(info); err != nil {
		return err
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		c.Close()
		return errors.New("somebody listens there")
	}
	if !isRefused(err) {
		return fmt.Errorf("who listens there is not known: %w", cause(err))
	}
	now, err := os.Lstat(path)
	if err != nil || !os.SameFile(info, now) {
		return errors.New("somebody else took it this moment")
	}
	return os.Remove(path)
}

// socket is a listener that removes its own file, and no other.
type socket struct {
	*net.UnixListener
	path string
	file fs.FileInfo
	once sync.Once
}

// Close ends the listener and removes its file, unless another took its name.
func (s *socket) Close() error {
	s.once.Do(func() {
		if now, err := os.Lstat(s.path); err == nil && s.file != nil && os.SameFile(s.file, now) {
			os.Remove(s.path)
		}
	})
	return s.UnixListener.Close()
}

// listener bounds connections. One too many is told so, instead of being left to
// wait for a place that may never be free.
type listener struct {
	net.Listener
	free int64 // atomic
}

const fullAnswer = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 21\r\nConnection: close\r\n\r\ntoo many connections\n"

// Accept gives the next connection for which there is a place.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if atomic.AddInt64(&l.free, -1) >= 0 {
			return &conn{Conn: c, free: &l.free}, nil
		}
		atomic.AddInt64(&l.free, 1)
		// There is room for this in any new connection's buffer: nobody waits.
		if err := c.SetWriteDeadline(deadline(time.Second)); err == nil {
			_, _ = c.Write([]byte(fullAnswer)) // who does not read it sees the end
		}
		c.Close()
	}
}

type conn struct {
	net.Conn
	free *int64
	once sync.Once
}

// Close gives the place back.
func (c *conn) Close() error {
	c.once.Do(func() { atomic.AddInt64(c.free, 1) })
	return c.Conn.Close()
}
