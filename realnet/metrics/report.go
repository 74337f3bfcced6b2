package metrics

import (
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/realnet/meter"
	"example.com/dsim/realnet/socket"
)

// CellMetrics is all there is to show of a process that has cells.
type CellMetrics struct {
	Process  Process      `json:"process"`
	Version  uint64       `json:"version,string"` // of the topology
	Inputs   uint64       `json:"inputs"`         // taken by the site
	Cells    []CellStatus `json:"cells"`          // in the order of names
	Links    []LinkStatus `json:"links"`          // likewise
	Lateness *Lateness    `json:"lateness,omitempty"`
}

// DatacenterMetrics is all there is to show of a controller: what it knows of
// its cells' processes, and what it did itself.
type DatacenterMetrics struct {
	Process Process           `json:"process"`
	Version uint64            `json:"version,string"`
	Cells   []CellStatus      `json:"cells"`
	Links   []LinkStatus      `json:"links"`
	Applied uint64            `json:"applied"`           // batches that were carried out
	Refused uint64            `json:"refused"`           // batches that were not
	Events  uint64            `json:"events"`            // of the controller's log, ever
	Lost    map[string]uint64 `json:"lost,omitempty"`    // cell processes that ended unasked, by reason
	Viewers int               `json:"viewers,omitempty"` // that follow the events or the page now
}

// Process says which process this is.
type Process struct {
	Name  string    `json:"name"`
	PID   int       `json:"pid"`
	Build string    `json:"build"`
	Start time.Time `json:"start"`
}

// CellStatus is one cell.
type CellStatus struct {
	ID          string `json:"id"`
	Protocol    string `json:"protocol"`
	Up          bool   `json:"up"`  // its process answers, and it runs
	Run         string `json:"run"` // running, paused, crashed, removed; none if nobody knows
	Incarnation uint32 `json:"incarnation"`
	// Retransmitted is what the protocol says it sent again, nil if it says
	// nothing about that.
	Retransmitted *uint64      `json:"retransmitted,omitempty"`
	State         []State      `json:"state"` // what the protocol shows
	Ports         []PortStatus `json:"ports"`
}

// State is one attribute that a protocol shows, as text.
type State struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// PortStatus is one port of a cell, as the cell sees it, and what is behind it.
// Ports without a name, those of connections, are shown as one a link, named
// [Connections]: how many there are must not follow from what peers do.
type PortStatus struct {
	Name         string              `json:"name"`
	Link         string              `json:"link,omitempty"`
	Peer         string              `json:"peer,omitempty"`
	State        string              `json:"state"`
	TxFrames     uint64              `json:"tx_frames"`
	TxBytes      uint64              `json:"tx_bytes"`
	RxFrames     uint64              `json:"rx_frames"`
	RxBytes      uint64              `json:"rx_bytes"`
	Drops        []cells.ReasonCount `json:"drops"`
	LastActivity *time.Time          `json:"last_activity,omitempty"` // nil if there was none
	Wire         *WireStatus         `json:"wire,omitempty"`          // nil if the link does not leave the process
}

// Connections is the name under which ports without a name are shown.
const Connections = "*"

// WireStatus is the real thing behind a port.
type WireStatus struct {
	Kind       string          `json:"kind"` // unix, udp, ...
	Status     string          `json:"status"`
	Role       string          `json:"role,omitempty"`
	Problem    string          `json:"problem,omitempty"`
	Counters   socket.Counters `json:"counters"`
	RoundTrips *meter.Reading  `json:"round_trips,omitempty"`
}

// LinkStatus is one link, as far as the one who reports knows it.
type LinkStatus struct {
	Name  string    `json:"name"`
	Ends  [2]string `json:"ends"`
	State string    `json:"state"` // one of LinkStates
	Cut   bool      `json:"cut"`   // a direction carries nothing because somebody said so
}

// LinkStates are the states of a link in the order of their numbers: of the less
// connected of its ends.
var LinkStates = []string{"unknown", "dead", "bound", "handshaking", "connected", "disconnected"}

// Lateness is how much later than due a site did its work.
type Lateness struct {
	Spans meter.Reading `json:"spans"`
	Over  uint64        `json:"over"` // how many were over the run's bound
	Bound time.Duration `json:"bound_ns"`
}
