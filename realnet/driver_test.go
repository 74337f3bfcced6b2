package realnet

import (
	"path/filepath"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/cells/celltest"
	"example.com/dsim/des"
	"example.com/dsim/realnet/socket"
	"example.com/dsim/replay/site"
)

// newSite is one site on the wall clock, whose links are all inside it.
func newSite(t testing.TB) celltest.Site {
	d, err := New(Options{Site: site.Config{Name: "one", Seed: des.SeedOf(7), Make: celltest.MakeProbe, Alone: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	quiet := &quiet{d: d}
	return celltest.Site{Datacenter: d, Step: quiet.step}
}

// quiet says when a site has come to rest: nothing has happened for a while, and
// nothing is about to.
type quiet struct {
	d      *Driver
	events uint64
	still  int
}

func (q *quiet) step() bool {
	time.Sleep(time.Millisecond / 2)
	q.d.mu.Lock()
	defer q.d.mu.Unlock()
	s := q.d.site
	if n := s.Scheduler().Executed(); n != q.events || s.Next() < q.d.now().Add(50*time.Millisecond) {
		q.events, q.still = n, 0
	}
	q.still++
	return q.still < 40
}

func TestDriverIsADatacenter(t *testing.T) { celltest.TestDatacenter(t, newSite) }

func TestDriverCarriesStreams(t *testing.T) { celltest.TestStreams(t, newSite) }

// TestAbortFreesAddresses: what a batch has opened that is not to be is free when
// Abort returns, and for the batch that takes its place.
func TestAbortFreesAddresses(t *testing.T) {
	d, err := New(Options{Site: site.Config{Name: "one", Seed: des.SeedOf(7), Make: celltest.MakeProbe}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	batch := []cells.Change{
		{Op: cells.AddCell, Cell: cells.CellSpec{ID: "a", Protocol: celltest.ProbeName}},
		{Op: cells.AddLink, Link: cells.LinkSpec{Name: "ab", A: cells.Endpoint{Cell: "a", Port: "p0"}, B: cells.Endpoint{Cell: "b", Port: "p0"}}},
	}
	wires := map[string]socket.Config{"ab": {Kind: "unix-stream", Path: filepath.Join(t.TempDir(), "ab"), Mode: "server"}}
	for n := range uint64(200) {
		if err := d.Prepare(n+1, batch, wires); err != nil {
			t.Fatalf("%d: %v", n, err)
		}
		if n%2 == 0 {
			d.Abort(n + 1)
		}
	}
}
