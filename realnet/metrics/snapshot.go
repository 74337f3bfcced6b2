package metrics

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/dsim/cells"
)

// retransmissions are the attributes by which protocols say that they sent again.
var retransmissions = []string{"retransmitted", "resent"}

// Cells makes the cells of a report from a snapshot of a site whose instant 0 was
// at start. What is behind the ports is left to [Attach].
func Cells(s *cells.Snapshot, start time.Time) []CellStatus {
	all := make([]CellStatus, 0, len(s.Cells))
	at := linksByEnd(s)
	for i := range s.Cells {
		c := &s.Cells[i]
		m := CellStatus{
			ID: string(c.ID), Protocol: c.Protocol, Up: c.Run == cells.Running, Run: c.Run.String(),
			Incarnation: c.Incarnation, State: []State{}, Ports: []PortStatus{},
		}
		for _, a := range c.State {
			m.State = append(m.State, State{a.Name, attrText(a)})
			if a.Is == cells.IsInt && slices.Contains(retransmissions, a.Name) {
				m.Retransmitted = add(m.Retransmitted, uint64(max(a.Int, 0)))
			}
		}
		for j := range c.Ports {
			p := portStatus(&c.Ports[j], start)
			if p.Name != "" {
				p.Link = at[m.ID+":"+p.Name]
				m.Ports = append(m.Ports, p)
				continue
			}
			p.Name = Connections
			if peer, _, _ := strings.Cut(p.Peer, ":"); peer != "" {
				p.Link = at[m.ID+" "+peer]
			}
			m.port(Connections, p.Link).merge(&p)
		}
		all = append(all, m)
	}
	return all
}

// linksByEnd gives the links of a snapshot by "cell:port", and those of streams
// by "cell peer", from each end.
func linksByEnd(s *cells.Snapshot) map[string]string {
	at := make(map[string]string, 2*len(s.Links))
	for i := range s.Links {
		l := &s.Links[i]
		if l.Stream {
			a, _, _ := strings.Cut(l.Ends[0], ":")
			b, _, _ := strings.Cut(l.Ends[1], ":")
			at[a+" "+b], at[b+" "+a] = l.Name, l.Name
			continue
		}
		at[l.Ends[0]], at[l.Ends[1]] = l.Name, l.Name
	}
	return at
}

// Links makes the links of a report from a snapshot. How connected they are is
// left to [Attach].
func Links(s *cells.Snapshot) []LinkStatus {
	all := make([]LinkStatus, 0, len(s.Links))
	for i := range s.Links {
		l := &s.Links[i]
		all = append(all, LinkStatus{Name: l.Name, Ends: l.Ends, State: LinkStates[0], Cut: cut(l.AB) || cut(l.BA)})
	}
	return all
}

func cut(direction []cells.Param) bool {
	return slices.ContainsFunc(direction, func(p cells.Param) bool { return p.Name == "cut" && p.Value != "no" })
}

// Attach puts a wire behind a port: of a stream link, which names no port, behind
// the link's connections. The link is as connected as its less connected end.
func Attach(list []CellStatus, links []LinkStatus, cell, port, link string, w *WireStatus) {
	if port == "" {
		port = Connections
	}
	for i := range list {
		if list[i].ID == cell {
			list[i].port(port, link).Wire = w
		}
	}
	for i := range links {
		if l := &links[i]; l.Name == link && (l.State == LinkStates[0] || connected(w.Status) < connected(l.State)) {
			l.State = w.Status
		}
	}
}

// connected orders the states of a wire by how near they are to being connected.
func connected(state string) int {
	return slices.Index([]string{"dead", "disconnected", "bound", "handshaking", "connected"}, state)
}

// port finds a port of a cell, and makes one that nobody has used yet.
func (c *CellStatus) port(name, link string) *PortStatus {
	for i := range c.Ports {
		if p := &c.Ports[i]; p.Name == name && p.Link == link {
			return p
		}
	}
	c.Ports = append(c.Ports, PortStatus{Name: name, Link: link, State: cells.PortUnbound.String(), Drops: []cells.ReasonCount{}})
	return &c.Ports[len(c.Ports)-1]
}

func add(sum *uint64, n uint64) *uint64 {
	if sum != nil {
		n += *sum
	}
	return &n
}

func attrText(a cells.Attr) string {
	switch a.Is {
	case cells.IsText:
		return a.Text
	case cells.IsBool:
		return strconv.FormatBool(a.Int != 0)
	}
	return strconv.FormatInt(a.Int, 10)
}

func portStatus(s *cells.PortStatus, start time.Time) PortStatus {
	k := &s.Counters
	p := PortStatus{
		Name: s.Info.Name, Peer: s.Info.Peer, State: s.Info.State.String(), Drops: append([]cells.ReasonCount{}, k.Drops...),
		TxFrames: k.TxFrames, TxBytes: k.TxBytes, RxFrames: k.RxFrames, RxBytes: k.RxBytes,
	}
	if k.TxFrames+k.RxFrames > 0 {
		t := start.Add(time.Duration(k.Last))
		p.LastActivity = &t
	}
	return p
}

// merge adds the counts of one more connection of the same link.
func (p *PortStatus) merge(o *PortStatus) {
	p.TxFrames += o.TxFrames
	p.TxBytes += o.TxBytes
	p.RxFrames += o.RxFrames
	p.RxBytes += o.RxBytes
	if p.State != cells.PortUp.String() {
		p.State = o.State
	}
	if o.LastActivity != nil && (p.LastActivity == nil || o.LastActivity.After(*p.LastActivity)) {
		p.LastActivity = o.LastActivity
	}
	for _, d := range o.Drops {
		i := slices.IndexFunc(p.Drops, func(x cells.ReasonCount) bool { return x.Reason == d.Reason })
		if i < 0 {
			p.Drops = append(p.Drops, d)
			continue
		}
		p.Drops[i].Count += d.Count
	}
}
