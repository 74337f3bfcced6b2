package page

import (
	"strconv"

	"example.com/dsim/realnet/datacenter"
	"example.com/dsim/realnet/metrics"
)

// eventsAsked is how many events are asked for at a time.
const eventsAsked = 1000

// Mount puts the page of a controller and its numbers for Prometheus on the
// controller's server: at "/" and below "/page/", and at "/metrics". Its streams
// end when the server is asked to end. Who ends the server otherwise closes the page.
func Mount(s *datacenter.Server, c *datacenter.Controller, o Options) *Page {
	if o.Done == nil {
		o.Done = s.End()
	}
	p := New(Of(c), o)
	for _, pattern := range []string{"GET /{$}", "GET /page/", "GET /favicon.ico"} {
		s.Mount(pattern, p)
	}
	s.Mount("GET /metrics", metrics.Datacenter(func() metrics.DatacenterMetrics {
		m := c.Metrics()
		m.Viewers = p.Viewers()
		return m
	}))
	return p
}

// Of makes a source of a controller.
func Of(c *datacenter.Controller) Source { return controller{c} }

type controller struct{ c *datacenter.Controller }

// Status asks the cells, as [datacenter.Controller.Status] does.
func (x controller) Status() Status {
	st := x.c.Status()
	s := Status{Time: st.Time, Version: st.Version, Cells: make([]Cell, 0, len(st.Cells)), Links: make([]Link, 0, len(st.Links))}
	for i := range st.Cells {
		c := &st.Cells[i]
		m := CellOf(&c.CellStatus)
		m.Adopted, m.Problem, m.Where = c.Adopted, c.Problem, c.URL
		switch {
		case c.Elsewhere:
			m.Run, m.Where = "elsewhere", "another datacenter"
		case c.PID != 0:
			m.Where = strconv.Itoa(c.PID)
		}
		if c.Behind && m.Problem == "" {
			m.Problem = "has not yet made the last batch its own"
		}
		s.Cells = append(s.Cells, m)
	}
	for i := range st.Links {
		l := &st.Links[i]
		s.Links = append(s.Links, Link{
			Name: l.Name, Ends: l.Ends, State: l.State, Cut: l.Cut, Stream: l.Stream, AB: params(l.AB), BA: params(l.BA),
		})
	}
	return s
}

// Events takes them from the controller's ring.
func (x controller) Events(after uint64) []Event {
	list, _, _ := x.c.Events(after, eventsAsked)
	all := make([]Event, 0, len(list))
	for _, e := range list {
		all = append(all, Event{Number: e.N, Time: e.Time, Kind: e.Kind, Cell: string(e.Cell), Link: e.Link, Text: e.Text})
	}
	return all
}
