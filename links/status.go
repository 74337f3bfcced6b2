package links

import (
	"slices"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// Snapshot is the topology with everybody's status; see [cells.Datacenter].
func (n *Network) Snapshot() cells.Snapshot {
	s := cells.Snapshot{Time: n.sched.Now(), Version: n.version.number}
	for i := range n.host.Len() {
		ref := cells.CellRef(i)
		if n.host.Run(ref) != cells.Removed {
			s.Cells = append(s.Cells, n.host.Status(ref))
		}
	}
	slices.SortFunc(s.Cells, func(a, b cells.CellStatus) int { return strings.Compare(string(a.ID), string(b.ID)) })
	for i := range n.links {
		l := &n.links[i]
		if l.left {
			continue // the name is free already
		}
		s.Links = append(s.Links, cells.LinkStatus{
			Name: l.spec.Name, Ends: [2]string{l.spec.A.String(), l.spec.B.String()}, Stream: l.spec.Stream,
			AB: n.plan(l.port[0]).params.Changed(), BA: n.plan(l.port[1]).params.Changed(),
		})
	}
	s.Links = n.blockStatus(s.Links)
	slices.SortFunc(s.Links, func(a, b cells.LinkStatus) int { return strings.Compare(a.Name, b.Name) })
	return s
}

// Link gives the counts of a link's two directions: of one that was removed,
// what it had counted at the end, as long as no other has its name. False if
// there never was such a link.
func (n *Network) Link(name string) (counts [2]Counts, ok bool) {
	ports, ok := n.PortsOf(name)
	if !ok {
		return counts, false
	}
	return [2]Counts{n.counts(ports[0]), n.counts(ports[1])}, true
}

// PortsOf gives the two ports of a link, or of the last that had the name.
func (n *Network) PortsOf(name string) (ports [2]cells.PortRef, ok bool) {
	if i, ok := n.byName[name]; ok {
		return n.links[i].port, true
	}
	if p, ok := n.inBlock(name); ok {
		return [2]cells.PortRef{p, n.host.Port(p).Peer}, true
	}
	for k := len(n.links) - 1; k >= 0; k-- {
		if n.links[k].spec.Name == name {
			return n.links[k].port, true
		}
	}
	return ports, false
}

// Totals adds up the counts of all directions there ever were.
func (n *Network) Totals() Counts {
	var t Counts
	for p := range n.host.Ports() {
		c := n.counts(cells.PortRef(p))
		t.add(&c)
	}
	return t
}

func (c *Counts) add(o *Counts) {
	c.Sent += o.Sent
	c.Delivered += o.Delivered
	c.Dropped += o.Dropped
	c.Lost += o.Lost
	c.Corrupted += o.Corrupted
	c.Flips += o.Flips
	c.Duplicated += o.Duplicated
	c.Reordered += o.Reordered
	c.Queue += o.Queue
	c.Resets += o.Resets
	for r := range c.Reasons {
		c.Reasons[r] += o.Reasons[r]
	}
}

// Add is the sum of two directions' counts.
func (c Counts) Add(o Counts) Counts {
	c.add(&o)
	return c
}

// CountNames are the names of counts in conditions and tables; the reasons of
// drops are counts too.
var CountNames = []string{
	"sent", "delivered", "dropped", "lost", "corrupted", "flips", "duplicated", "reordered", "queued_dropped", "resets",
}

// Get is the count with one of CountNames, or of a reason.
func (c *Counts) Get(name string) (uint64, bool) {
	all := [...]uint64{
		c.Sent, c.Delivered, c.Dropped, c.Lost, c.Corrupted, c.Flips, c.Duplicated, c.Reordered, c.Queue, c.Resets,
	}
	if i := slices.Index(CountNames, name); i >= 0 {
		return all[i], true
	}
	r, ok := cells.ReasonNamed(name)
	if !ok {
		return 0, false
	}
	return c.Reasons[r], true
}

// Watch asks that the end of an instant be announced whenever a count of a
// link may have changed.
func (n *Network) Watch(name string) bool {
	var ports [2]cells.PortRef
	if i, ok := n.byName[name]; ok {
		ports = n.links[i].port
	} else if p, ok := n.inBlock(name); ok {
		ports = [2]cells.PortRef{p, n.host.Port(p).Peer}
	} else {
		return false
	}
	for _, p := range ports {
		n.ext(p).watched = true
	}
	for _, p := range ports {
		n.alert(p)
	}
	return true
}

// EntityName names an entity for people: "cell alice", "link ab>".
func (n *Network) EntityName(e des.Entity) string {
	i := int(e.Index())
	switch {
	case e.Class() == des.Cell && i < n.host.Len():
		return "cell " + string(n.host.Name(cells.CellRef(i)))
	case e.Class() == des.Direction && i > 0 && i < n.host.Ports():
		name, _ := n.name(cells.PortRef(i))
		return "link " + name
	}
	return e.String()
}
