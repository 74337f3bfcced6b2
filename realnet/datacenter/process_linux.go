package datacenter

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// attributes are how a cell's process is started: in a process group of its own,
// so that what the terminal sends to us does not reach it and all it starts can
// be ended with it; and told to end when the thread that started it is gone,
// which is the one of [starter] and lives as long as we.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// identify gives a living process its identity.
func identify(pid int) (identity, error) {
	start, state, err := startOf(pid)
	if err != nil {
		return identity{}, err
	}
	if state == 'Z' || state == 'X' {
		return identity{}, fmt.Errorf("process %d: has ended", pid)
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return identity{}, err
	}
	return identity{PID: pid, Start: start, Boot: strings.TrimSpace(string(boot))}, nil
}

// startOf reads fields 3 and 22 of /proc/PID/stat: see proc(5). The name in
// field 2 may hold anything, so counting begins behind its last parenthesis.
func startOf(pid int) (start uint64, state byte, err error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0, err
	}
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 20 {
		return 0, 0, fmt.Errorf("process %d: its status has %d fields", pid, len(fields))
	}
	start, err = strconv.ParseUint(string(fields[19]), 10, 64)
	return start, fields[0][0], err
}

// alive reports whether this very process lives still, and not another that has
// got its number since.
func (p identity) alive() bool {
	if p.PID <= 1 {
		return false
	}
	now, err := identify(p.PID)
	return err == nil && now == p
}

// signal asks a process and its group to end, or ends them.
func (p identity) signal(kill bool) {
	if !p.alive() {
		return
	}
	s := syscall.SIGTERM
	if kill {
		s = syscall.SIGKILL
	}
	if syscall.Kill(-p.PID, s) != nil {
		_ = syscall.Kill(p.PID, s)
	}
}

// private makes sure that nobody else can reach into a directory.
func private(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	switch stat, ok := info.Sys().(*syscall.Stat_t); {
	case !info.IsDir():
		return errors.New("not a directory")
	case !ok || int(stat.Uid) != os.Getuid():
		return errors.New("belongs to another user")
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("mode %v: others can reach into it, must be 0700", info.Mode().Perm())
	}
	return nil
}

// lockFile takes the lock of a run directory. The system gives it back when the
// process ends, however it ends, so who gets it knows that its owner is dead.
func lockFile(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrBusy
		}
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		held, err := f.Stat()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if there, err := os.Stat(path); err == nil && os.SameFile(held, there) {
			return f, nil
		}
		_ = f.Close() // its owner has removed it meanwhile
	}
}
