// Package socket is what real frames travel on: one [Wire] behind each port that
// is bound to something real. It knows sockets and bytes; cells, links, time and
// recording are left to package realnet.
package socket

import (
	"errors"
	"time"
)

// Config says what a wire is made of.
type Config struct {
	Kind      string `json:"kind"`                // unix, unix-stream, udp, tcp, interface, raw, tap; plain
	Path      string `json:"path,omitempty"`      // of unix and unix-stream
	Mode      string `json:"mode,omitempty"`      // "server" or "client": of unix, unix-stream
	Host      string `json:"host,omitempty"`      // of udp and tcp; loopback if empty
	Local     uint16 `json:"local,omitempty"`     // ports of udp and tcp: the lower is the server
	Remote    uint16 `json:"remote,omitempty"`    //
	Interface string `json:"interface,omitempty"` // of interface, raw and tap
	EtherType uint16 `json:"ethertype,omitempty"` // of raw: frames of this type alone; 0 for all
	Service   string `json:"service,omitempty"`   // of plain servers (package plain): what is dialled in the site
}

// Handler takes what arrives. Its methods are called by the wire's own goroutine,
// one at a time; a call may take long, and then the socket's queue fills.
type Handler interface {
	// Frame takes one frame. b is valid until return.
	Frame(b []byte)
	// Connected says that frames can go to the other end now. It may come many
	// times, each but the first after Broken.
	Connected()
	// Broken says that a reliable wire (unix-stream, tcp) lost its connection,
	// and maybe what was on the way; or that the other end of any wire is gone.
	// The wire tries again by itself.
	Broken(err error)
}

// Wire is one real connection behind a port.
type Wire interface {
	// Send sends one frame and never blocks: what cannot go is dropped and
	// counted, and the error says why, one of those below or the system's.
	Send(frame []byte) error
	// Status is "dead", "bound", "handshaking", "connected" or "disconnected".
	Status() string
	// Role is "server", "client", or empty while it is not known.
	Role() string
	// Local and Remote are the two addresses, as people know them.
	Local() string
	Remote() string
	// Problem says what keeps the wire from being connected, nil if nothing does.
	Problem() error
	Counters() Counters
	// Close ends the wire, waits for its goroutines and removes its files. What
	// was accepted by a stream is given at most a moment to leave.
	Close() error
}

// Counters are the wire's own: none of them is visible to a cell.
type Counters struct {
	TxFrames  uint64    `json:"tx_frames"` // given to the system
	TxBytes   uint64    `json:"tx_bytes"`
	RxFrames  uint64    `json:"rx_frames"`
	RxBytes   uint64    `json:"rx_bytes"`
	Full      uint64    `json:"full"`       // dropped: the socket's queue was full (EAGAIN, ENOBUFS)
	Refused   uint64    `json:"refused"`    // dropped: nobody is there (ECONNREFUSED, ENOENT, not connected)
	TooLong   uint64    `json:"too_long"`   // dropped: EMSGSIZE, or over the bound
	Errors    uint64    `json:"errors"`     // dropped: any other error of the system
	BadFrames uint64    `json:"bad_frames"` // received and refused: framing, hop limit, sender
	Queued    uint64    `json:"queued"`     // bytes that wait in a stream's writer, now
	Connects  uint64    `json:"connects"`   // how often Connected was told
	LastRx    time.Time `json:"last_rx"`    //
	LastTx    time.Time `json:"last_tx"`    //
}

// The errors of Send.
var (
	ErrFull         = errors.New("the socket's queue is full")
	ErrNotConnected = errors.New("nobody is at the other end")
	ErrTooLong      = errors.New("the frame is too long for the socket")
	ErrClosed       = errors.New("the wire is closed")
)

// ErrGone is the problem of a wire whose interface was taken away: it does not
// come back, also if there is another of that name.
var ErrGone = errors.New("is gone")

// Cable is a wire that can show the system that nothing is at its other end: to
// the kernel a TAP device loses its carrier, and forgets who its neighbours were.
type Cable interface {
	Plug(in bool) error
}

// FrameMax bounds the frames of every wire.
const FrameMax = 1 << 20
