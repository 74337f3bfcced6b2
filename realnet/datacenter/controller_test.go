package datacenter

import (
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/cells/celltest"
)

// start gives a datacenter whose cells are processes of this program.
func start(t testing.TB, change ...func(*Options)) *Controller {
	t.Helper()
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	run, err := OpenRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Run: run, Program: []string{os.Args[0]}, Env: []string{asCell + "=1"}, Make: celltest.MakeProbe,
		CallMax: 20 * time.Second, StopMax: 5 * time.Second,
	}
	for _, f := range change {
		f(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			list, _ := os.ReadDir(dir)
			t.Errorf("the run directory stays behind: %v", list)
		}
	})
	return c
}

// suite gives the suites of celltest a datacenter of processes.
func suite(t testing.TB) celltest.Site {
	c := start(t)
	q := &quiet{c: c}
	return celltest.Site{Datacenter: c, Step: q.step}
}

// quiet finds out whether anything still happens: whether a cell has had an
// event since the last look, or a link is not yet what it is to be.
type quiet struct {
	c    *Controller
	fold uint64
}

// still is for how long nothing has to happen.
const still = 60 * time.Millisecond

func (q *quiet) step() bool {
	for end := time.Now().Add(still); ; time.Sleep(2 * time.Millisecond) {
		if q.moved() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

func (q *quiet) moved() bool {
	fold := uint64(0)
	for _, c := range q.c.Snapshot().Cells {
		fold = fold*31 + c.Fold + uint64(c.Run)
	}
	moved := fold != q.fold
	q.fold = fold
	return moved || !q.c.joined()
}

// joined reports whether all wires of living cells are connected.
func (c *Controller) joined() bool {
	st := c.Status()
	dead := make(map[string]bool)
	for i := range st.Cells {
		dead[st.Cells[i].ID] = st.Cells[i].Problem != ""
	}
	for _, l := range st.Links {
		wired := l.Wires[0].Kind != ""
		for _, end := range l.Ends {
			id, _, _ := cutEnd(end)
			wired = wired && !dead[id]
		}
		if wired && l.State != "connected" {
			return false
		}
	}
	return true
}

func cutEnd(end string) (id, port string, ok bool) {
	for i := range end {
		if end[i] == ':' {
			return end[:i], end[i+1:], true
		}
	}
	return end, "", false
}

func TestControllerIsADatacenter(t *testing.T) { celltest.TestDatacenter(t, suite) }

func TestControllerCarriesStreams(t *testing.T) { celltest.TestStreams(t, suite) }

var _ cells.Datacenter = (*Controller)(nil)
