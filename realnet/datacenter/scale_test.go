package datacenter

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
)

// holdings are what a process can leak.
type holdings struct {
	children, files, goroutines int
}

func held(t testing.TB) (h holdings) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("needs /proc")
	}
	h.files, h.goroutines = len(fds), runtime.NumGoroutine()
	list, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range list {
		b, err := os.ReadFile(path)
		if err == nil {
			h.children += len(strings.Fields(string(b)))
		}
	}
	return h
}

// wantNoMore waits until nothing is held that was not before.
func wantNoMore(t testing.TB, before holdings) {
	t.Helper()
	var now holdings
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if now = held(t); now.children <= before.children && now.files <= before.files && now.goroutines <= before.goroutines {
			return
		}
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("before it held %+v, now %+v\n%s", before, now, stacks[:runtime.Stack(stacks, true)])
}

func TestManyCellsOnOneMachine(t *testing.T) {
	n := 100
	if *long {
		n = 1000
	}
	before := held(t)
	t.Run("live", func(t *testing.T) {
		c := start(t)
		var batch []cells.Change
		name := func(i int) string { return fmt.Sprintf("c%04d", i%n) }
		for i := range n {
			batch = append(batch, probeCell(cells.ID(name(i))),
				joinChange(fmt.Sprintf("l%04d", i), name(i)+":p0", name(i+1)+":p1"))
		}
		begun := time.Now()
		if err := c.Apply(1, batch); err != nil {
			t.Fatal(err)
		}
		up := time.Since(begun)
		snap := c.Snapshot()
		looked := time.Since(begun) - up
		if len(snap.Cells) != n || len(snap.Links) != n {
			t.Fatalf("there are %d cells and %d links", len(snap.Cells), len(snap.Links))
		}
		until(t, "all are joined", c.joined)
		for _, i := range []int{0, n / 2, n - 1} {
			id := cells.ID(name(i))
			if _, err := c.Command(id, []string{"send", "0", "hello"}); err != nil {
				t.Fatal(err)
			}
			until(t, "hello arrives", func() bool {
				log, err := c.Command(cells.ID(name(i+1)), []string{"log"})
				return err == nil && strings.Contains(log, "recv 1 hello")
			})
		}
		t.Logf("%d cells, %d links: up in %v, a snapshot in %v, %d MB a cell", n, n, up.Round(time.Millisecond),
			looked.Round(time.Millisecond), memory(c)/int64(n)>>20)
		begun = time.Now()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		t.Logf("down in %v", time.Since(begun).Round(time.Millisecond))
	})
	wantNoMore(t, before)
}

// memory is what the cells' processes share of the machine's memory, in bytes.
func memory(c *Controller) (sum int64) {
	for _, s := range c.all() {
		b, err := os.ReadFile("/proc/" + strconv.Itoa(c.Process(s.id)) + "/smaps_rollup")
		if err != nil {
			continue
		}
		for _, l := range strings.Split(string(b), "\n") {
			if kb, ok := strings.CutPrefix(l, "Pss:"); ok {
				k, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kb), "kB")), 10, 64)
				sum += k << 10
			}
		}
	}
	return sum
}

// The order of changes is a random one, by a seed that is printed; 20 as fast as
// they go, with -long 200 a minute for 10 minutes.
func TestTopologiesMayChangeAtRandom(t *testing.T) {
	changes, pace := 20, time.Duration(0)
	if *long {
		changes, pace = 2000, 300*time.Millisecond
	}
	before := held(t)
	t.Run("live", func(t *testing.T) {
		c := start(t)
		w := newChurn(t, c)
		begun := time.Now()
		late := time.Duration(0)
		for i := range changes {
			if wait := time.Until(begun.Add(time.Duration(i) * pace)); wait > 0 {
				time.Sleep(wait)
			} else if pace > 0 {
				late = max(late, -wait)
			}
			w.change()
			if i%100 == 99 {
				w.agree()
			}
		}
		took := time.Since(begun)
		w.agree()
		t.Logf("%d changes in %v, %.0f a minute, at most %v late: %v", changes, took.Round(time.Millisecond),
			float64(changes)/took.Minutes(), late.Round(time.Millisecond), w.did)
	})
	wantNoMore(t, before)
}

func TestAllIsDownWhatIsDown(t *testing.T) {
	before := held(t)
	t.Run("live", func(t *testing.T) {
		c := start(t)
		next(t, c, probeCell("alice"), probeCell("bob"), joinChange("ab", "alice:p0", "bob:p0"))
		pids := []int{c.Process("alice"), c.Process("bob")}
		dir := c.run.Dir()
		if list := names(t, dir); !slices.Contains(list, "l1") {
			t.Errorf("in the run directory are %v", list)
		}
		next(t, c, removeCellChange("alice"))
		until(t, "its socket goes with it", func() bool {
			return !slices.ContainsFunc(names(t, dir), func(n string) bool { return n[0] == 'l' && n != "lock" })
		})
		until(t, "its process goes with it", func() bool { return !alive(pids[0]) })
		if !alive(pids[1]) {
			t.Error("so has the other's")
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if alive(pids[1]) {
			t.Error("a process lives on")
		}
		if err := c.Apply(9, nil); err == nil {
			t.Error("a closed datacenter takes a batch")
		}
	})
	wantNoMore(t, before)
}

func names(t testing.TB, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}
