package live

import (
	"example.com/dsim/cells"
	"example.com/dsim/links"
	"example.com/dsim/replay/site"
)

// A link between two sites is in both: each counts what its own cell has sent
// and what has arrived there. The far end that a site has of it counts too, what
// passed it, and that is left out: the other site tells.

// halves are what a site knows of a link's two directions, to be added to what
// other sites know; false if it has none of the name.
func halves(s *site.Site, name string) (counts [2]links.Counts, ok bool) {
	ports, ok := s.Network().PortsOf(name)
	if !ok {
		return counts, false
	}
	for k, p := range ports {
		if !far(s, p) {
			counts[k] = counts[k].Add(s.Network().SentHalf(p))
			counts[1-k] = counts[1-k].Add(s.Network().ArrivedHalf(p))
		}
	}
	return counts, true
}

// totals are what a site knows of all directions there ever were.
func totals(s *site.Site) (sum links.Counts) {
	for i := 1; i < s.Host().Ports(); i++ {
		if p := cells.PortRef(i); !far(s, p) {
			sum = sum.Add(s.Network().SentHalf(p)).Add(s.Network().ArrivedHalf(p))
		}
	}
	return sum
}

func far(s *site.Site, p cells.PortRef) bool { return s.Host().IsFar(s.Host().Cell(p)) }
