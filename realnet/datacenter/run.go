package datacenter

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"example.com/dsim/clock"
)

// Run is a run directory: a folder of mode 0700 that belongs to one controller.
// It holds the sockets of cells and links, what cells write to standard error,
// and the marks by which the next controller knows what this one left, should it
// be killed:
//
//	lock        held by the living controller
//	owner.json  who that is
//	dc.sock     the controller's own socket
//	c7.json     the process of cell number 7: PID and start time
//	c7.rpc      its XML-RPC
//	c7.log      its standard error, c7.log.1 what came before
//	l4, l4.c    the sockets of link number 4
//
// Files of other names are never touched.
type Run struct {
	dir  string
	lock *os.File
}

// ours are the names of files that a run directory's owner makes.
var ours = regexp.MustCompile(`^(\.?owner\.json|dc\.sock|\.?c[0-9]+\.json|c[0-9]+\.rpc|c[0-9]+\.log(\.1|\.new)?|l[0-9]+(\.c)?)$`)

// isMark are the names of the marks of cells' processes.
var isMark = regexp.MustCompile(`^c[0-9]+\.json$`)

const (
	lockName   = "lock"
	ownerName  = "owner.json"
	socketName = "dc.sock"
)

// dirMax bounds a run directory's path: the paths of its sockets must fit into
// the 107 bytes that a socket's address has.
const dirMax = 90

// identity is a process that can be told from a later one of the same number.
type identity struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // in ticks since the machine's start
	Boot  string `json:"boot"`  // which start that was
}

// owner is who holds a run directory.
type owner struct {
	identity
	Since time.Time `json:"since"`
}

// child is the process of a cell.
type child struct {
	identity
	Cell string `json:"cell"`
}

// ErrBusy says that another controller is alive in a run directory.
var ErrBusy = errors.New("another datacenter runs there")

// DefaultDir is where a run directory is if nothing else is said: in the user's
// runtime directory, or in a folder of the user's own among temporary files.
func DefaultDir() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) && len(dir) <= dirMax-len("/dsim") {
		return filepath.Join(dir, "dsim")
	}
	return filepath.Join(os.TempDir(), "dsim-"+strconv.Itoa(os.Getuid()))
}

// OpenRun makes dir a run directory of this process, or takes over one that a
// dead controller left: its processes are ended and its files removed first, as
// far as they are provably its. The error is [ErrBusy] if its controller lives.
func OpenRun(dir string) (*Run, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("run directory: %w", err)
	}
	if len(dir) > dirMax {
		return nil, fmt.Errorf("run directory %s: the path has %d bytes: at most %d, so that sockets' paths fit", dir, len(dir), dirMax)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("run directory: %w", err)
	}
	if err := private(dir); err != nil {
		return nil, fmt.Errorf("run directory %s: %w", dir, err)
	}
	lock, err := lockFile(filepath.Join(dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("run directory %s: %w", dir, err)
	}
	r := &Run{dir: dir, lock: lock}
	if _, err := r.sweep(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	me, err := identify(os.Getpid())
	if err == nil {
		err = r.write(ownerName, owner{me, clock.Wall()})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("run directory %s: %w", dir, err), lock.Close())
	}
	return r, nil
}

// Dir is the directory's path.
func (r *Run) Dir() string { return r.dir }

// Socket is the path of the controller's own socket.
func (r *Run) Socket() string { return r.path(socketName) }

func (r *Run) path(name string) string { return filepath.Join(r.dir, name) }

// Close removes the directory's files, and the directory if nothing else is in
// it.
func (r *Run) Close() error {
	_, err := r.sweep()
	// The lock's file goes while the lock is held: who waits for it finds that it
	// is no longer the one in the directory, and tries again.
	err = errors.Join(err, ignoreMissing(os.Remove(r.path(lockName))), r.lock.Close())
	_ = os.Remove(r.dir) // not if there are files of others
	return err
}

// Reap ends what a dead controller has left in a run directory and removes it.
// It says what it did, a line each. Nothing is done if there is no such
// directory; the error is [ErrBusy] if its controller lives.
func Reap(dir string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(dir, ownerName)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err := private(dir); err != nil {
		return nil, fmt.Errorf("run directory %s: %w", dir, err)
	}
	lock, err := lockFile(filepath.Join(dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("run directory %s: %w", dir, err)
	}
	r := &Run{dir: dir, lock: lock}
	done, err := r.sweep()
	return done, errors.Join(err, r.Close())
}

// Owner is the PID of the controller of a run directory; false if none lives.
func Owner(dir string) (pid int, alive bool) {
	var o owner
	if err := read(filepath.Join(dir, ownerName), &o); err != nil {
		return 0, false
	}
	return o.PID, o.alive()
}

// sweep ends the processes that the directory's marks name, and removes its
// files. The lock must be held.
func (r *Run) sweep() (done []string, err error) {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return nil, fmt.Errorf("run directory: %w", err)
	}
	var left []child
	for _, e := range entries {
		var p child
		if !isMark.MatchString(e.Name()) {
			continue
		}
		if read(r.path(e.Name()), &p) == nil && p.alive() {
			left = append(left, p)
			done = append(done, fmt.Sprintf("ended the process %d of cell %s", p.PID, p.Cell))
		}
	}
	endAll(left)
	for _, e := range entries {
		if !ours.MatchString(e.Name()) || e.IsDir() {
			continue
		}
		if err := ignoreMissing(os.Remove(r.path(e.Name()))); err != nil {
			return done, fmt.Errorf("run directory: %w", err)
		}
		done = append(done, "removed "+r.path(e.Name()))
	}
	return done, nil
}

// endAll asks processes to end, and ends those that do not.
func endAll(list []child) {
	for _, p := range list {
		p.signal(false)
	}
	deadline := clock.Wall().Add(reapMax)
	for _, p := range list {
		for p.alive() && clock.Wall().Before(deadline) {
			time.Sleep(reapPause)
		}
		if p.alive() {
			p.signal(true)
		}
	}
}

const (
	reapMax   = time.Second
	reapPause = 10 * time.Millisecond
)

func (r *Run) write(name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	// Whole or not at all: a mark that is half written is none.
	tmp := r.path("." + name)
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, r.path(name))
}

func read(path string, to any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, to)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
