package cells

import (
	"errors"
	"fmt"
	"slices"

	"example.com/dsim/clock"
)

// Datacenter is the one surface through which scenarios, the command and
// control servers see a site: a virtual one, or a live one. It is called
// between events, never from a handler.
type Datacenter interface {
	// Apply carries out a batch at one instant, all of it or nothing. Versions
	// only grow; the same version with the same batch again does nothing and
	// is no error; any other version that is not greater is ErrStale. The batch
	// is checked against the topology it leads to, and refused whole, with the
	// version unused, if anything in it is wrong.
	Apply(version uint64, batch []Change) error
	// Command gives a cell's protocol a command and returns its answer.
	Command(cell ID, args []string) (string, error)
	// Snapshot is the topology with everybody's status.
	Snapshot() Snapshot
}

// ErrStale says that a batch's version is not greater than the last.
var ErrStale = errors.New("stale version")

// ChangeOp says what a Change does. Within a batch, changes act in this order,
// and in the order of the batch within each.
type ChangeOp uint8

const (
	RemoveLink ChangeOp = iota + 1
	RemoveCell
	SetLink
	AddCell
	AddLink
	SetCell
)

var changeOps = [...]string{"?", "remove-link", "remove-cell", "set-link", "add-cell", "add-link", "set-cell"}

// String is the op's word.
func (o ChangeOp) String() string {
	if int(o) < len(changeOps) {
		return changeOps[o]
	}
	return changeOps[0]
}

// Change is one change of a topology. Op says which field counts.
type Change struct {
	Op   ChangeOp
	Cell CellSpec // AddCell; RemoveCell: ID; SetCell: ID and Params
	Link LinkSpec // AddLink; RemoveLink: Name and Drain; SetLink: Name and parameters
}

// CellSpec describes a cell.
type CellSpec struct {
	ID       ID
	Protocol string   // a registered name, such as "abp"
	Params   []Param  // the protocol's parameters; with SetCell, see SetCell's
	Ports    []string // static ports, in the order of their numbers
	Clock    ClockSpec
}

// ClockSpec describes a cell's own clock.
type ClockSpec struct {
	Drift  clock.Drift
	Offset clock.Time // of wall time
}

// The parameters of a SetCell change. "run" takes one of crash, restart,
// restart-kept, pause, resume; "drift" a drift such as 50ppm, "step" and
// "offset" a duration.
const (
	SetRun    = "run"
	SetDrift  = "drift"
	SetStep   = "step"
	SetOffset = "offset"
)

// LinkSpec describes a link between two ports, or a stream link between two
// cells, whose ends need no port.
type LinkSpec struct {
	Name   string
	A, B   Endpoint
	Stream bool
	Both   []Param // parameters of both directions; see links.Params
	AB, BA []Param // of one direction, over those of both
	Drain  bool    // RemoveLink: let what was sent arrive
}

// Endpoint is one end of a link.
type Endpoint struct {
	Cell ID
	Port string
}

// String is "cell:port", or "cell" where a stream link names no port.
func (e Endpoint) String() string {
	if e.Port == "" {
		return string(e.Cell)
	}
	return string(e.Cell) + ":" + e.Port
}

// Param is one parameter in its text form, as it stands in a scenario file or
// comes over a control connection: "delay", "10ms".
type Param struct{ Name, Value string }

// String is "name=value".
func (p Param) String() string { return fmt.Sprintf("%s=%s", p.Name, p.Value) }

// Snapshot is a site at one moment, in the order of names.
type Snapshot struct {
	Time    clock.Time   `json:"time_ns"`
	Version uint64       `json:"version"`
	Cells   []CellStatus `json:"cells"`
	Links   []LinkStatus `json:"links"`
}

// CellStatus is one cell's part of a Snapshot.
type CellStatus struct {
	ID          ID           `json:"id"`
	Protocol    string       `json:"protocol"`
	Incarnation uint32       `json:"incarnation"`
	Run         RunState     `json:"run"`
	Fold        uint64       `json:"fold"`
	State       []Attr       `json:"state"`
	Ports       []PortStatus `json:"ports"`
}

// PortStatus is one port's part of a Snapshot.
type PortStatus struct {
	Port     Port         `json:"port"`
	Info     PortInfo     `json:"info"`
	Counters PortCounters `json:"counters"`
}

// PortCounters count what a port did. A frame that was sent and dropped on the
// way is counted as sent, and once under its reason.
type PortCounters struct {
	TxFrames uint64        `json:"tx_frames"`
	TxBytes  uint64        `json:"tx_bytes"`
	RxFrames uint64        `json:"rx_frames"`
	RxBytes  uint64        `json:"rx_bytes"`
	Last     clock.Time    `json:"last_activity_ns"`
	Drops    []ReasonCount `json:"drops"` // in the order of reasons' names; only those that happened
}

// ReasonCount is a counter with its reason's name, such as "loss" or "mtu".
type ReasonCount struct {
	Reason string `json:"reason"`
	Count  uint64 `json:"count"`
}

// RunState is what a cell is doing.
type RunState uint8

const (
	Running RunState = iota + 1
	Paused
	Crashed
	Removed
)

var runStates = [...]string{"none", "running", "paused", "crashed", "removed"}

// String is the state's word.
func (r RunState) String() string {
	if int(r) < len(runStates) {
		return runStates[r]
	}
	return "run?"
}

// MarshalText writes the state's word.
func (r RunState) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads it.
func (r *RunState) UnmarshalText(text []byte) error {
	i := slices.Index(runStates[:], string(text))
	if i < 0 {
		return fmt.Errorf("run state %q: must be running, paused, crashed or removed", text)
	}
	*r = RunState(i)
	return nil
}

// LinkStatus is one link's part of a Snapshot.
type LinkStatus struct {
	Name   string    `json:"name"`
	Ends   [2]string `json:"ends"`
	Stream bool      `json:"stream"`
	AB     []Param   `json:"ab"` // what is not at its default
	BA     []Param   `json:"ba"`
}
