package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"example.com/dsim/clock"
	"example.com/dsim/realnet/socket"
	"golang.org/x/sys/unix"
)

const liveCells = "cells as processes: dsim live, dsim dc, dsim cell"

// unixSockets tries a pair, how long a frame may be and how many wait unread.
func unixSockets() []Finding {
	f := Finding{Topic: "UNIX sockets", Level: OK, For: liveCells}
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		f.Level, f.Found = Missing, fmt.Sprintf("no folder can be made in %s: %v", tempDir(), err)
		f.Do = []string{"set TMPDIR to a folder that can be written"}
		return []Finding{f}
	}
	defer os.RemoveAll(dir)
	longest, waiting, err := tryDatagrams(filepath.Join(dir, "w"))
	if err != nil {
		f.Level, f.Found = Missing, err.Error()
		f.Do = []string{"bind ports to UDP instead: 127.0.0.1:LOCAL:REMOTE"}
		return []Finding{f, paths()}
	}
	f.Found = fmt.Sprintf("datagrams work; frames of up to %d bytes go", longest)
	if most, ok := setting("net/core/wmem_max"); ok && longest < 64<<10 {
		f.Level = Limited
		f.Do = []string{fmt.Sprintf("sysctl -w net.core.wmem_max=%d (as root)", max(2*most, 212992))}
	}
	return []Finding{f, queue(waiting), paths()}
}

// tryDatagrams sends frames of all lengths, and then as many as wait unread.
func tryDatagrams(path string) (longest, waiting int, err error) {
	open := func(name string) (*net.UnixConn, error) {
		return net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	}
	a, err := open(path)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = a.Close() }()
	b, err := open(path + "2")
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = b.Close() }()
	_ = b.SetWriteBuffer(2 * socket.FrameMax) // as wires do
	buf := make([]byte, socket.FrameMax)
	to := &net.UnixAddr{Name: path, Net: "unixgram"}
	for size := 1024; size <= socket.FrameMax; size *= 2 {
		_ = b.SetWriteDeadline(clock.Wall().Add(time.Second))
		if _, err := b.WriteToUnix(buf[:size], to); err != nil {
			break
		}
		_ = a.SetReadDeadline(clock.Wall().Add(time.Second))
		n, _, err := a.ReadFromUnix(buf)
		if err != nil || n != size {
			return 0, 0, fmt.Errorf("a datagram of %d bytes came as %d: %w", size, n, err)
		}
		longest = size
	}
	if longest == 0 {
		return 0, 0, errors.New("no datagram of 1024 bytes goes")
	}
	for ; waiting < 10_000; waiting++ {
		_ = b.SetWriteDeadline(clock.Wall().Add(10 * time.Millisecond))
		if _, err := b.WriteToUnix(buf[:1], to); err != nil {
			break
		}
	}
	return longest, waiting, nil
}

// queue judges how many frames may wait in a socket.
func queue(waiting int) Finding {
	f := Finding{
		Topic: "UNIX datagram queue", Level: OK, For: "bursts: what does not fit is dropped and counted as full",
		Found: fmt.Sprintf("%d frames wait unread before one is dropped", waiting),
	}
	if n, ok := setting("net/unix/max_dgram_qlen"); ok {
		f.Found += fmt.Sprintf(" (net.unix.max_dgram_qlen %d)", n)
	}
	if waiting < 64 {
		f.Level = Limited
		f.Do = []string{
			"sysctl -w net.unix.max_dgram_qlen=512 (as root; for sockets opened after it)",
			"or bind ports with type: stream",
		}
	}
	return f
}

// paths judges how much room the usual folder leaves for names of sockets.
func paths() Finding {
	left := socket.PathMax - len(tempDir()) - 1
	f := Finding{
		Topic: "paths of UNIX sockets", Level: OK, For: "names of links as names of files",
		Found: fmt.Sprintf("at most %d bytes, of which %s leaves %d", socket.PathMax, tempDir(), left),
	}
	if left < 60 {
		f.Level = Limited
		f.Do = []string{"set TMPDIR to a short one, such as /tmp"}
	}
	return f
}

// loopback tries UDP and TCP with both versions of IP.
func loopback() Finding {
	f := Finding{Topic: "UDP and TCP", Level: OK, For: "ports bound as HOST:LOCAL:REMOTE, and XML-RPC and HTTP"}
	four, six := tryLoopback("127.0.0.1:0"), tryLoopback("[::1]:0")
	switch {
	case four == nil && six == nil:
		f.Found = "work on 127.0.0.1 and ::1"
	case four == nil:
		f.Found = fmt.Sprintf("work on 127.0.0.1, not on ::1: %v", six)
	default:
		f.Level = Missing
		f.Found = fmt.Sprintf("do not work on 127.0.0.1: %v", four)
		f.Do = []string{"ip link set lo up (as root)"}
	}
	return f
}

func tryLoopback(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return cause(err)
	}
	defer l.Close()
	c, err := net.DialTimeout("tcp", l.Addr().String(), time.Second)
	if err != nil {
		return cause(err)
	}
	defer c.Close()
	u, err := net.ListenPacket("udp", addr)
	if err != nil {
		return cause(err)
	}
	defer func() { _ = u.Close() }()
	if _, err := u.WriteTo([]byte{1}, u.LocalAddr()); err != nil {
		return cause(err)
	}
	_ = u.SetReadDeadline(clock.Wall().Add(time.Second))
	_, _, err = u.ReadFrom(make([]byte, 1))
	return cause(err)
}

// cause is the system's own word.
func cause(err error) error {
	var no unix.Errno
	if errors.As(err, &no) {
		return no
	}
	return err
}

// What a cell with a few ports takes of the system's bounds, with room.
const (
	filesOfCell   = 4  // in the process of the controller
	threadsOfCell = 12 // in its own
)

// descriptors judges how many files a process may have open.
func descriptors() Finding {
	f := Finding{Topic: "open files", Level: OK, For: "sockets, recordings, and many cells under one controller"}
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		f.Level, f.Found = Limited, err.Error()
		return f
	}
	f.Found = fmt.Sprintf("%d for a process (at most %d): enough for about %d cells under one controller", l.Cur, l.Max, l.Cur/filesOfCell)
	if l.Cur < 1000*filesOfCell {
		f.Level = Limited
		f.Do = []string{fmt.Sprintf("for 1,000 cells: ulimit -n %d", max(1000*filesOfCell, 8192))}
		if l.Max < 1000*filesOfCell {
			f.Do = append(f.Do, "the bound above that is root's: nofile in /etc/security/limits.conf, or LimitNOFILE of the service")
		}
	}
	return f
}

// processes judges how many processes and threads may run.
func processes() Finding {
	f := Finding{Topic: "processes", Level: OK, For: "one process a cell"}
	most, by := int64(1)<<40, "nothing"
	least := func(n int64, who string) {
		if n < most {
			most, by = n, who
		}
	}
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NPROC, &l) == nil && l.Cur < 1<<40 {
		least(int64(l.Cur), "ulimit -u")
	}
	for _, name := range []string{"kernel/threads-max", "kernel/pid_max"} {
		if n, ok := setting(name); ok {
			least(n, "sysctl "+filepath.Base(name))
		}
	}
	if b, err := os.ReadFile("/sys/fs/cgroup/pids.max"); err == nil {
		if n, err := strconv.ParseInt(string(b[:max(len(b)-1, 0)]), 10, 64); err == nil {
			least(n, "pids.max of the control group")
		}
	}
	f.Found = fmt.Sprintf("%d threads (by %s): enough for about %d cells", most, by, most/threadsOfCell)
	if most < 1000*threadsOfCell {
		f.Level = Limited
		f.Do = []string{"raise that bound, or run fewer cells"}
	}
	return f
}

// tempDir is where sockets and runs go by default.
func tempDir() string { return cmp.Or(os.TempDir(), ".") }
