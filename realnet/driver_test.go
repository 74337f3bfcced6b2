package realnet

import (
	"testing"
	"time"

	"example.com/dsim/cells/celltest"
	"example.com/dsim/des"
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
