package datacenter

import (
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/realnet/metrics"
	"example.com/dsim/realnet/socket"
)

// Status is all there is to show of a datacenter, in the order of names.
type Status struct {
	Time    time.Time `json:"time"`
	Start   time.Time `json:"start" doc:"instant 0 of all cells"`
	PID     int       `json:"pid" doc:"of the controller"`
	Version uint64    `json:"version,string" doc:"of the topology"`
	Applied uint64    `json:"applied" doc:"batches that were carried out"`
	Refused uint64    `json:"refused" doc:"batches that were not"`
	Events  uint64    `json:"events" doc:"that there ever were"`
	Lost    uint64    `json:"lost" doc:"processes of cells that ended unasked"`
	Cells   []Cell    `json:"cells"`
	Links   []Link    `json:"links"`
}

// Cell is a cell and its process.
type Cell struct {
	metrics.CellStatus
	PID       int               `json:"pid,omitempty" doc:"of a process that the controller started and that lives"`
	URL       string            `json:"url,omitempty" doc:"where the process answers"`
	Adopted   bool              `json:"adopted,omitempty" doc:"it ran already"`
	Elsewhere bool              `json:"elsewhere,omitempty" doc:"it belongs to another datacenter"`
	Problem   string            `json:"problem,omitempty" doc:"why its process is not there, or does not answer"`
	Behind    bool              `json:"behind,omitempty" doc:"it has not yet made the last batch its own"`
	Since     time.Time         `json:"since" doc:"since when its process is there, or gone"`
	Rates     Rates             `json:"rates" doc:"of all its ports"`
	PortRates []PortRates       `json:"port_rates,omitempty"`
	Late      *metrics.Lateness `json:"late,omitempty"`
}

// PortRates are what a port has done per second since the status before.
type PortRates struct {
	Name string `json:"name"`
	Link string `json:"link,omitempty"`
	Rates
}

// Rates are per second.
type Rates struct {
	TxFrames float64 `json:"tx_frames"`
	TxBytes  float64 `json:"tx_bytes"`
	RxFrames float64 `json:"rx_frames"`
	RxBytes  float64 `json:"rx_bytes"`
}

// Link is a link with what it does to what it carries.
type Link struct {
	metrics.LinkStatus
	Stream bool             `json:"stream,omitempty"`
	AB     []cells.Param    `json:"ab" doc:"of what goes from the first end, where not at its default"`
	BA     []cells.Param    `json:"ba"`
	Wires  [2]socket.Config `json:"wires" doc:"what its ends are made of"`
}

// statusAge is how old a status may be and still be given to who asks.
const statusAge = 200 * time.Millisecond

// Status asks all sites, side by side, and gives what they say. Who asks while it
// is being found out, or just after, gets the same.
func (c *Controller) Status() Status {
	c.looking.Lock()
	defer c.looking.Unlock()
	if clock.Wall().Sub(c.seen.Time) < statusAge && c.seen.Version == c.Version() {
		return c.seen
	}
	sites := c.ask(func(s *site) { s.report(c) })
	s := c.status(sites)
	s.rate(&c.seen)
	c.seen = s
	return s
}

// report asks a site for its numbers.
func (s *site) report(c *Controller) {
	ctx, cancel := s.patience(c.ctx)
	defer cancel()
	_ = s.ask(func(r *remote) error {
		m, err := r.report(ctx)
		if err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.numbers = m
		return nil
	})
}

func (c *Controller) status(sites []*site) Status {
	c.mu.Lock()
	snap := c.model.snapshot()
	lines := maps.Clone(c.lines)
	c.mu.Unlock()
	count, lost := c.events.counts()
	st := Status{
		Time: clock.Wall(), Start: c.opt.Start, PID: os.Getpid(), Version: snap.Version,
		Applied: c.applied.Load(), Refused: c.refused.Load(), Events: count, Lost: lost,
		Cells: make([]Cell, 0, len(sites)), Links: make([]Link, 0, len(snap.Links)),
	}
	meant := metrics.Cells(&snap, c.opt.Start)
	shown := metrics.Links(&snap)
	var told []metrics.LinkStatus
	for _, s := range sites {
		i, ok := slices.BinarySearchFunc(meant, string(s.id), func(m metrics.CellStatus, id string) int { return strings.Compare(m.ID, id) })
		if !ok {
			continue // gone since
		}
		cell, links := s.show(meant[i])
		st.Cells = append(st.Cells, cell)
		told = append(told, links...)
	}
	join(shown, told)
	for i, l := range shown {
		link := Link{LinkStatus: l, Stream: snap.Links[i].Stream, AB: snap.Links[i].AB, BA: snap.Links[i].BA}
		if line := lines[l.Name]; line != nil {
			link.Wires = line.wires
		}
		st.Links = append(st.Links, link)
	}
	return st
}

// join takes into links how connected their ends say they are: a link is as
// connected as its less connected end.
func join(links, told []metrics.LinkStatus) {
	for _, t := range told {
		i, ok := slices.BinarySearchFunc(links, t.Name, func(l metrics.LinkStatus, name string) int { return strings.Compare(l.Name, name) })
		if !ok {
			continue
		}
		if l := &links[i]; l.State == metrics.LinkStates[0] || worse(t.State, l.State) {
			l.State = t.State
		}
	}
}

// worse reports whether a state is further from connected than another.
func worse(a, b string) bool {
	order := []string{"dead", "disconnected", "bound", "handshaking", "connected"}
	return slices.Index(order, a) < slices.Index(order, b)
}

// show is a site's cell, and what it says of its links.
func (s *site) show(meant metrics.CellStatus) (Cell, []metrics.LinkStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cell := Cell{CellStatus: meant, Adopted: s.place.URL != "", Elsewhere: s.place.Elsewhere, Since: s.since, Behind: s.owed != nil}
	for _, told := range s.numbers.Cells {
		if told.ID == string(s.alias) {
			told.ID = meant.ID
			cell.CellStatus = told
			cell.Late = s.numbers.Lateness
		}
	}
	if s.rpc != nil {
		cell.URL = s.rpc.client.String()
	}
	if s.proc != nil && s.dead == "" {
		cell.PID = s.proc.PID
	}
	switch {
	case s.dead != "":
		cell.Problem, cell.Run = s.dead, cells.Crashed.String()
	case s.away != "":
		cell.Problem = s.away
	}
	cell.Up = cell.Problem == "" && cell.Run == cells.Running.String()
	return cell, s.numbers.Links
}

// rate fills in what was done per second since an earlier status.
func (st *Status) rate(before *Status) {
	span := st.Time.Sub(before.Time).Seconds()
	for i := range st.Cells {
		c := &st.Cells[i]
		k, ok := slices.BinarySearchFunc(before.Cells, c.ID, func(o Cell, id string) int { return strings.Compare(o.ID, id) })
		ok = ok && before.Cells[k].Incarnation == c.Incarnation
		for j := range c.Ports {
			p := &c.Ports[j]
			r := PortRates{Name: p.Name, Link: p.Link}
			if ok && span > 0 {
				r.Rates = ratesOf(before.Cells[k].Ports, p, span)
			}
			c.Rates.TxFrames += r.TxFrames
			c.Rates.TxBytes += r.TxBytes
			c.Rates.RxFrames += r.RxFrames
			c.Rates.RxBytes += r.RxBytes
			c.PortRates = append(c.PortRates, r)
		}
	}
}

func ratesOf(before []metrics.PortStatus, p *metrics.PortStatus, span float64) Rates {
	k := slices.IndexFunc(before, func(o metrics.PortStatus) bool { return o.Name == p.Name && o.Link == p.Link })
	if k < 0 {
		return Rates{}
	}
	o := &before[k]
	per := func(now, was uint64) float64 {
		if now < was {
			return 0
		}
		return float64(now-was) / span
	}
	return Rates{
		TxFrames: per(p.TxFrames, o.TxFrames), TxBytes: per(p.TxBytes, o.TxBytes),
		RxFrames: per(p.RxFrames, o.RxFrames), RxBytes: per(p.RxBytes, o.RxBytes),
	}
}

// Metrics is the same in the form that package metrics shows.
func (c *Controller) Metrics() metrics.DatacenterMetrics {
	st := c.Status()
	m := metrics.DatacenterMetrics{
		Process: metrics.Process{Name: "datacenter", PID: st.PID, Start: st.Start},
		Version: st.Version, Applied: st.Applied, Refused: st.Refused, Events: st.Events,
		Lost: c.events.lost(),
	}
	for i := range st.Cells {
		m.Cells = append(m.Cells, st.Cells[i].CellStatus)
	}
	for i := range st.Links {
		m.Links = append(m.Links, st.Links[i].LinkStatus)
	}
	return m
}
