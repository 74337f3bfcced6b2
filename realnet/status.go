package realnet

import (
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/realnet/meter"
	"example.com/dsim/realnet/socket"
)

// WireStatus is what is known of the socket behind a link.
type WireStatus struct {
	Link       string          `json:"link"`
	Cell       cells.ID        `json:"cell"`
	Port       string          `json:"port"`
	Config     socket.Config   `json:"config"`
	Status     string          `json:"status"`
	Role       string          `json:"role"`
	Local      string          `json:"local"`
	Remote     string          `json:"remote"`
	Problem    string          `json:"problem,omitempty"`
	Counters   socket.Counters `json:"counters"`
	Bad        uint64          `json:"bad"` // arrived, and was refused by the site: no segment
	RoundTrips meter.Reading   `json:"round_trips"`
}

// Wires is the status of all sockets, in the order of their links' names.
func (d *Driver) Wires() []WireStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := make([]WireStatus, 0, len(d.wires))
	for _, l := range d.site.Network().Snapshot().Links {
		w := d.wires[l.Name]
		if w == nil {
			continue
		}
		s := WireStatus{
			Link: l.Name, Config: w.config, Status: w.real.Status(), Role: w.real.Role(), Local: w.real.Local(),
			Remote: w.real.Remote(), Counters: w.real.Counters(), Bad: w.bad, RoundTrips: w.trips.Read(),
		}
		if err := w.real.Problem(); err != nil {
			s.Problem = err.Error()
		}
		for _, end := range l.Ends {
			id, port, _ := strings.Cut(end, ":")
			if _, here := d.site.Host().Find(cells.ID(id)); here && s.Cell == "" {
				s.Cell, s.Port = cells.ID(id), port
			}
		}
		list = append(list, s)
	}
	return list
}
