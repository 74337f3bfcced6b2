package page

import (
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/realnet/metrics"
)

// Source is what the page shows. Its methods are called by one goroutine, and
// only while somebody looks.
type Source interface {
	// Status is the datacenter as it is. It may take as long as asking all cells
	// takes; it is asked for less often then.
	Status() Status
	// Events are those after an event's number that are still known, oldest
	// first; it is asked a few times a second, and must not wait.
	Events(after uint64) []Event
}

// Status is the datacenter at one moment, in the order of names.
type Status struct {
	Time    time.Time `json:"time"`
	Version uint64    `json:"version,string"` // of the topology
	Problem string    `json:"problem,omitempty"`
	Cells   []Cell    `json:"cells"`
	Links   []Link    `json:"links"`
}

// Cell is a cell as the page shows it. What its protocol shows, which may be long,
// the page asks the API for when somebody looks at the cell.
type Cell struct {
	ID            string  `json:"id"`
	Protocol      string  `json:"protocol"`
	Up            bool    `json:"up"`
	Run           string  `json:"run"`
	Incarnation   uint32  `json:"incarnation"`
	Where         string  `json:"where,omitempty"` // its process, as people know it
	Adopted       bool    `json:"adopted,omitempty"`
	Problem       string  `json:"problem,omitempty"`
	Retransmitted *uint64 `json:"retransmitted,omitempty"`
	Ports         []Port  `json:"ports"`
}

// Port is a port of a cell as the page shows it.
type Port struct {
	Name     string              `json:"name"`
	Link     string              `json:"link,omitempty"`
	State    string              `json:"state"`
	TxFrames uint64              `json:"tx_frames"`
	TxBytes  uint64              `json:"tx_bytes"`
	RxFrames uint64              `json:"rx_frames"`
	RxBytes  uint64              `json:"rx_bytes"`
	Drops    []cells.ReasonCount `json:"drops,omitempty"`
	Wire     *Wire               `json:"wire,omitempty"`
}

// Wire is what is behind a port as the page shows it.
type Wire struct {
	Kind    string `json:"kind"`
	Status  string `json:"status"`
	Role    string `json:"role,omitempty"`
	Problem string `json:"problem,omitempty"`
	Dropped uint64 `json:"dropped"` // by the system
	Bad     uint64 `json:"bad"`
	Trips   uint64 `json:"trips"` // round trips, and how long they took together
	TripsNS int64  `json:"trips_ns"`
	TripMax int64  `json:"trip_max_ns"`
}

// Link is a link as the page shows it.
type Link struct {
	Name   string    `json:"name"`
	Ends   [2]string `json:"ends"`
	State  string    `json:"state"`
	Cut    bool      `json:"cut"`
	Stream bool      `json:"stream,omitempty"`
	AB     []Param   `json:"ab,omitempty"` // of what goes from the first end, where not at its default
	BA     []Param   `json:"ba,omitempty"`
}

// Param is a parameter of one direction of a link, as text.
type Param struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Event is one line of the controller's log.
type Event struct {
	Number uint64    `json:"number"`
	Time   time.Time `json:"time"`
	Kind   string    `json:"kind"`
	Cell   string    `json:"cell,omitempty"`
	Link   string    `json:"link,omitempty"`
	Text   string    `json:"text"`
}

// CellOf makes a cell of the page of one of a report. What only a page shows, such
// as where a cell's process is, is left to the caller.
func CellOf(c *metrics.CellStatus) Cell {
	m := Cell{
		ID: c.ID, Protocol: c.Protocol, Up: c.Up, Run: c.Run, Incarnation: c.Incarnation,
		Retransmitted: c.Retransmitted, Ports: make([]Port, 0, len(c.Ports)),
	}
	for i := range c.Ports {
		p := &c.Ports[i]
		m.Ports = append(m.Ports, Port{
			Name: p.Name, Link: p.Link, State: p.State, Drops: p.Drops, Wire: wire(p.Wire),
			TxFrames: p.TxFrames, TxBytes: p.TxBytes, RxFrames: p.RxFrames, RxBytes: p.RxBytes,
		})
	}
	return m
}

func wire(w *metrics.WireStatus) *Wire {
	if w == nil {
		return nil
	}
	k := &w.Counters
	m := &Wire{
		Kind: w.Kind, Status: w.Status, Role: w.Role, Problem: w.Problem,
		Dropped: k.Full + k.Refused + k.TooLong + k.Errors, Bad: k.BadFrames,
	}
	if r := w.RoundTrips; r != nil {
		m.Trips, m.TripsNS, m.TripMax = r.Count, int64(r.Sum), int64(r.Max)
	}
	return m
}

func params(list []cells.Param) []Param {
	all := make([]Param, 0, len(list))
	for _, p := range list {
		all = append(all, Param(p))
	}
	return all
}
