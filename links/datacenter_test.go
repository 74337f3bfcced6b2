package links

import (
	"testing"

	"example.com/dsim/cells"
	"example.com/dsim/cells/celltest"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// newSite is a virtual datacenter for the suites that all datacenters pass.
func newSite(t testing.TB) celltest.Site {
	s := des.NewScheduler(des.Config{})
	n := New(cells.NewHost(s, cells.Options{Full: true}), Options{Make: celltest.MakeProbe})
	t.Cleanup(func() {
		if err := s.Err(); err != nil {
			t.Error(err)
		}
	})
	return celltest.Site{Datacenter: n, Step: func() bool { return s.Step(clock.Never) }}
}

func TestNetworkIsADatacenter(t *testing.T) { celltest.TestDatacenter(t, newSite) }

func TestNetworkCarriesStreams(t *testing.T) { celltest.TestStreams(t, newSite) }
