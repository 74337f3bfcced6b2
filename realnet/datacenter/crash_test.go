package datacenter

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/cells/celltest"
)

func probeCell(id cells.ID) cells.Change {
	return cells.Change{Op: cells.AddCell, Cell: cells.CellSpec{ID: id, Protocol: "probe", Ports: []string{"p0", "p1"}}}
}

func joinChange(name, a, b string, params ...cells.Param) cells.Change {
	return cells.Change{Op: cells.AddLink, Link: cells.LinkSpec{Name: name, A: ParseEnd(a), B: ParseEnd(b), Both: params}}
}

func runChange(id cells.ID, what string) cells.Change {
	return cells.Change{Op: cells.SetCell, Cell: cells.CellSpec{ID: id, Params: []cells.Param{{Name: cells.SetRun, Value: what}}}}
}

func removeCellChange(id cells.ID) cells.Change {
	return cells.Change{Op: cells.RemoveCell, Cell: cells.CellSpec{ID: id}}
}

// next applies changes as the next batch; they must be right.
func next(t testing.TB, c *Controller, changes ...cells.Change) {
	t.Helper()
	if _, err := c.Next(t.Context(), Batch{Changes: changes}); err != nil {
		t.Fatal(err)
	}
}

// until waits for something.
func until(t testing.TB, why string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !so(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: never came", why)
		}
	}
}

// talk sends a text from one cell until the other has it: frames may be lost
// while sockets come and go.
func talk(t testing.TB, c *Controller, from, to cells.ID, text string) {
	t.Helper()
	until(t, text+" arrives", func() bool {
		if _, err := c.Command(from, []string{"send", "0", text}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
		log, err := c.Command(to, []string{"log"})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(log, "recv 0 "+text)
	})
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

func TestAKilledCellIsCrashedAndAnotherProcessTakesItsPlace(t *testing.T) {
	c := start(t)
	loss := cells.Param{Name: "delay", Value: "1ms"}
	next(t, c, probeCell("alice"), probeCell("bob"), joinChange("ab", "alice:p0", "bob:p0", loss))
	talk(t, c, "alice", "bob", "one")
	first := c.Process("bob")
	if err := c.Kill("bob"); err != nil {
		t.Fatal(err)
	}
	for _, x := range c.Snapshot().Cells {
		if want := map[cells.ID]cells.RunState{"alice": cells.Running, "bob": cells.Crashed}[x.ID]; x.Run != want {
			t.Errorf("%s is %s, want %s", x.ID, x.Run, want)
		}
	}
	if _, err := c.Command("bob", []string{"log"}); err == nil || !strings.Contains(err.Error(), `"bob"`) {
		t.Errorf("a command to a dead cell: %v", err)
	}
	for _, change := range []cells.Change{runChange("bob", "restart-kept"), runChange("bob", "pause"), runChange("bob", "crash")} {
		if _, err := c.Next(t.Context(), Batch{Changes: []cells.Change{change}}); err == nil || !strings.Contains(err.Error(), `cell "bob"`) {
			t.Errorf("%v of a dead cell: %v", change.Cell.Params, err)
		}
	}
	// What is changed while it is dead, it has when it is back.
	next(t, c, probeCell("carol"), joinChange("bc", "bob:p1", "carol:p0"),
		cells.Change{Op: cells.SetLink, Link: cells.LinkSpec{Name: "ab", Both: []cells.Param{{Name: "delay", Value: "2ms"}}}})
	next(t, c, runChange("bob", "restart"))
	if second := c.Process("bob"); second == 0 || second == first {
		t.Errorf("after a restart its process is %d, before it was %d", second, first)
	}
	talk(t, c, "alice", "bob", "two")
	until(t, "the new link carries", func() bool {
		if _, err := c.Command("carol", []string{"send", "0", "hello"}); err != nil {
			t.Fatal(err)
		}
		log, _ := c.Command("bob", []string{"log"})
		return strings.Contains(log, "recv 1 hello")
	})
	if l := c.Snapshot().Links[0]; len(l.AB) != 1 || l.AB[0].Value != "2ms" {
		t.Errorf("the link does %v", l.AB)
	}
}

func TestAKilledCellIsTakenAway(t *testing.T) {
	c := start(t)
	next(t, c, probeCell("alice"), probeCell("bob"), joinChange("ab", "alice:p0", "bob:p0"))
	if err := c.Kill("alice"); err != nil {
		t.Fatal(err)
	}
	next(t, c, removeCellChange("alice"))
	next(t, c, probeCell("alice"), joinChange("ab", "alice:p0", "bob:p0"))
	talk(t, c, "bob", "alice", "again")
	if got := c.Snapshot().Cells[0].Incarnation; got != 1 {
		t.Errorf("the next of the name has incarnation %d, want 1", got)
	}
}

func TestNothingHangsOnAStoppedProcess(t *testing.T) {
	c := start(t, func(o *Options) { o.CallMax, o.StopMax = 300*time.Millisecond, 300*time.Millisecond })
	next(t, c, probeCell("alice"), probeCell("bob"), joinChange("ab", "alice:p0", "bob:p0"))
	pid := c.Process("bob")
	standStill(t, pid)
	begun := time.Now()
	version := c.Version()
	err := c.Apply(version+1, []cells.Change{{Op: cells.SetLink, Link: cells.LinkSpec{Name: "ab", Both: []cells.Param{{Name: "delay", Value: "1ms"}}}}})
	if err == nil || !strings.Contains(err.Error(), `cell "bob"`) || c.Version() != version {
		t.Errorf("a batch for a stopped process: version %d, %v", c.Version(), err)
	}
	if _, err := c.Command("bob", []string{"log"}); err == nil || !strings.Contains(err.Error(), `"bob"`) {
		t.Errorf("a command for it: %v", err)
	}
	c.Snapshot()
	if got := c.Heartbeat(t.Context(), "bob"); got != "unreachable" {
		t.Errorf("its heartbeat is %q", got)
	}
	next(t, c, probeCell("carol")) // what does not concern it goes on
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	until(t, "it is back", func() bool { return c.Heartbeat(t.Context(), "bob") == "alive" })
	next(t, c, cells.Change{Op: cells.SetLink, Link: cells.LinkSpec{Name: "ab", Both: []cells.Param{{Name: "delay", Value: "3ms"}}}})
	talk(t, c, "alice", "bob", "back")
	standStill(t, pid)
	next(t, c, removeCellChange("bob")) // which takes no word of its
	until(t, "it has ended", func() bool { return !alive(pid) })
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

// standStill stops a process, and waits until all its threads stand: until then it may
// still answer.
func standStill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	until(t, "the process stands", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		for _, path := range threads {
			b, err := os.ReadFile(path)
			if _, state, _ := strings.Cut(string(b), ") "); err == nil && !strings.HasPrefix(state, "T") {
				return false
			}
		}
		return err == nil
	})
}

// A site that is stopped between prepare and commit misses the commit. The batch
// holds, and the site is brought up to date as soon as it answers.
func TestASiteThatMissesACommitCatchesUp(t *testing.T) {
	c := start(t, func(o *Options) { o.CallMax, o.Lease = 300*time.Millisecond, 30*time.Second })
	next(t, c, probeCell("alice"), probeCell("bob"))
	pid := c.Process("bob")
	c.prepared = func() { standStill(t, pid) }
	next(t, c, joinChange("ab", "alice:p0", "bob:p0"))
	c.prepared = nil
	if snap := c.Snapshot(); len(snap.Links) != 1 || snap.Version != c.Version() {
		t.Errorf("the batch does not hold: %+v", snap)
	}
	if err := c.Apply(c.Version()+1, []cells.Change{runChange("bob", "pause")}); err == nil || !strings.Contains(err.Error(), "batch 2") {
		t.Errorf("another batch for who lags behind: %v", err)
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	talk(t, c, "alice", "bob", "caught up")
	until(t, "nothing is owed", func() bool { s, _ := c.site("bob"); return !s.owes() })
}

func TestARunDirectoryHasOneOwner(t *testing.T) {
	c := start(t)
	if _, err := OpenRun(c.run.Dir()); !errors.Is(err, ErrBusy) {
		t.Errorf("a second owner: %v", err)
	}
	if _, err := Reap(c.run.Dir()); !errors.Is(err, ErrBusy) {
		t.Errorf("reaping what lives: %v", err)
	}
	if pid, alive := Owner(c.run.Dir()); pid != os.Getpid() || !alive {
		t.Errorf("the owner is %d, alive %t", pid, alive)
	}
}

// asDatacenter in the environment makes this program a controller that a test may
// kill: it has some cells and waits.
const asDatacenter = "DSIM_DATACENTER_TEST_OWNER"

func beDatacenter(dir string) error {
	run, err := OpenRun(dir)
	if err != nil {
		return err
	}
	c, err := New(Options{
		Run: run, Program: []string{os.Args[0]}, Env: []string{asCell + "=1", asDatacenter + "="}, Make: celltest.MakeProbe,
		Lease: time.Second,
	})
	if err != nil {
		return err
	}
	err = c.Apply(1, []cells.Change{probeCell("alice"), probeCell("bob"), probeCell("carol"), joinChange("ab", "alice:p0", "bob:p0")})
	if err != nil {
		return err
	}
	for _, id := range []cells.ID{"alice", "bob", "carol"} {
		os.Stdout.WriteString(string(id) + " " + strconv.Itoa(c.Process(id)) + "\n")
	}
	os.Stdout.WriteString("ready\n")
	select {}
}

// owned starts a controller in a process of its own and gives the processes of its
// cells.
func owned(t *testing.T, dir string) (*exec.Cmd, map[string]int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asDatacenter+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	pids := make(map[string]int)
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "ready"; {
		line := lines.Text()
		name, pid, _ := strings.Cut(line, " ")
		if pids[name], err = strconv.Atoi(pid); err != nil {
			t.Fatal(err)
		}
	}
	if len(pids) != 3 {
		t.Fatalf("the controller began with %v", pids)
	}
	return cmd, pids
}

// deafChild is a process that hears nothing, with a mark as a cell's.
func deafChild(t *testing.T, dir string) identity {
	t.Helper()
	cmd := exec.Command("sh", "-c", "trap '' TERM HUP; while :; do sleep 60; done")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go cmd.Wait()
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	is, err := identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := (&Run{dir: dir}).write("c99.json", child{is, "deaf"}); err != nil {
		t.Fatal(err)
	}
	return is
}

func TestAKilledControllerLeavesNothing(t *testing.T) {
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cmd, pids := owned(t, dir)
	// One is stopped, and one does not hear that the controller dies.
	standStill(t, pids["carol"])
	deaf := deafChild(t, dir)
	stranger := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(stranger, []byte("not of the datacenter"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for name := range pids {
		until(t, name+" ends by itself", func() bool { return !alive(pids[name]) })
	}
	if pid, alive := Owner(dir); alive {
		t.Errorf("the dead owner %d is taken for alive", pid)
	}
	done, err := Reap(dir)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the deaf one, which was killed, is gone", func() bool { return !deaf.alive() })
	if list := strings.Join(done, "\n"); !strings.Contains(list, "of cell deaf") {
		t.Errorf("reaped:\n%s", list)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "notes.txt" {
		t.Errorf("left are %v, %v", left, err)
	}
	if err := os.Remove(stranger); err != nil {
		t.Fatal(err)
	}
	if done, err := Reap(dir); err != nil || len(done) != 0 {
		t.Errorf("again: %v, %v", done, err)
	}
}

// A mark that names another process, as after the number was given away, and
// files of other names, are left alone.
func TestOnlyWhatIsProvablyOursIsReaped(t *testing.T) {
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	run, err := OpenRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	is, err := identify(other.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	is.Start++
	if err := run.write("c1.json", child{is, "alice"}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(run.path("l7.data"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run.Close(); err != nil {
		t.Fatal(err)
	}
	if !alive(other.Process.Pid) {
		t.Error("a stranger was ended")
	}
	if _, err := os.Stat(filepath.Join(dir, "l7.data")); err != nil {
		t.Errorf("a file of another name is gone: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "c1.json")); err == nil {
		t.Error("a mark was left")
	}
}

func TestRunDirectoriesAreTheOwnersAlone(t *testing.T) {
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenRun(dir); err == nil || !strings.Contains(err.Error(), "0700") {
		t.Errorf("a directory that others can read: %v", err)
	}
	if _, err := OpenRun("/tmp/" + strings.Repeat("x", 100)); err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("a path that is too long: %v", err)
	}
}

// stop and resume stop a cell's process, and let it go on.
func stop(t *testing.T, c *Controller, id cells.ID) {
	t.Helper()
	standStill(t, c.Process(id))
}

func resume(t *testing.T, c *Controller, id cells.ID) {
	t.Helper()
	if err := syscall.Kill(c.Process(id), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}
