package switchyard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/protocols/eth"
)

// TypeCarried is the type of frames that carry another protocol's: the first of
// those that IEEE 802 leaves to local experiments.
const TypeCarried = 0x88b5

// CarryMTU is the greatest frame of a protocol that is carried: what a frame of
// Ethernet holds.
const CarryMTU = 1500

// CarryConfig says what a carried port leads to.
type CarryConfig struct {
	EndpointConfig
	Peer string // the endpoint whose protocol is at the other end
}

// carrier is an App under a protocol that has a frame port and knows nothing of
// fabrics.
type carrier struct {
	config  CarryConfig
	upper   cells.Protocol
	ep      *Endpoint
	view    carrierView
	peer    Identity
	up      bool
	stray   uint64 // frames of other types, or from others
	tooLong uint64
}

// carriedPort is the port of the protocol that is carried: its only one.
const carriedPort cells.Port = 0

// Carry makes a cell whose protocol, with one frame port, p0, runs over a fabric:
// each of its frames is one Ethernet frame to the endpoint Peer, which is looked
// up first. The port is up while both endpoints are there. The protocol keeps
// its own kinds of emissions, purposes and timers, so that its oracle judges it
// as on any link.
func Carry(c CarryConfig, upper cells.Protocol) (cells.Protocol, error) {
	if err := checkName(c.Peer); err != nil {
		return nil, fmt.Errorf("switchyard: peer: %w", err)
	}
	r := &carrier{config: c, upper: upper}
	r.view.r = r
	ep, err := NewEndpoint(c.EndpointConfig, r)
	if err != nil {
		return nil, err
	}
	r.ep = ep
	if _, ok := upper.(cells.Durable); ok {
		return &durableCarrier{ep, r}, nil
	}
	return ep, nil
}

// durableCarrier is an endpoint under a protocol that can keep its state. Its
// own is not kept: a restart takes its endpoint over.
type durableCarrier struct {
	*Endpoint
	r *carrier
}

// Save gives the upper protocol's state.
func (d *durableCarrier) Save() []byte { return d.r.upper.(cells.Durable).Save() }

// Restore takes a state that Save gave.
func (d *durableCarrier) Restore(b []byte) error { return d.r.upper.(cells.Durable).Restore(b) }

// carrierView is the Env of the upper protocol.
type carrierView struct {
	cells.Env
	r *carrier
}

func (r *carrier) over(e cells.Env) cells.Env {
	r.view.Env = e
	return &r.view
}

// Port describes the one port there is.
func (v *carrierView) Port(q cells.Port) cells.PortInfo {
	if q != carriedPort {
		return cells.PortInfo{}
	}
	info := cells.PortInfo{Name: "p0", Peer: v.r.config.Peer + ":p0", MTU: CarryMTU, State: cells.PortUnbound}
	if v.r.up {
		info.State = cells.PortUp
	}
	return info
}

// Send puts a frame into a frame. One that cannot go is dropped and counted.
func (v *carrierView) Send(q cells.Port, b []byte) {
	r := v.r
	switch {
	case q != carriedPort || !r.up:
		r.ep.counts.lost++
	case len(b) > CarryMTU:
		r.tooLong++
	default:
		var head [eth.HeaderSize]byte
		copy(head[:], r.peer.MAC[:])
		copy(head[6:], r.ep.me.MAC[:])
		binary.BigEndian.PutUint16(head[12:], TypeCarried)
		r.ep.out(v.Env, TypePacketOut, r.ep.me.Endpoint, head[:], b)
	}
}

// Queued is 0, as on any frame port.
func (v *carrierView) Queued(cells.Port) int { return 0 }

// CloseWrite and Close have nothing to do on a frame port.
func (v *carrierView) CloseWrite(cells.Port) {}

// Close has nothing to do on a frame port.
func (v *carrierView) Close(cells.Port) {}

// Start starts the upper protocol.
func (r *carrier) Start(e cells.Env, _ *Endpoint) { r.upper.Start(r.over(e)) }

// Ready looks for the peer.
func (r *carrier) Ready(e cells.Env, _ Identity) {
	_ = r.ep.Lookup(e, r.config.Peer) // the name was checked, and it is the only one
}

// Found brings the port up.
func (r *carrier) Found(e cells.Env, _ string, who Identity, err error) {
	if err != nil {
		_ = r.ep.Lookup(e, r.config.Peer)
		return
	}
	r.peer, r.up = who, true
	r.upper.Up(r.over(e), carriedPort)
}

// Frame takes a frame out of a frame.
func (r *carrier) Frame(e cells.Env, in Incoming) {
	b := in.Frame
	if !r.up || len(b) < eth.HeaderSize || eth.MAC(b[:6]) != r.ep.me.MAC || eth.MAC(b[6:12]) != r.peer.MAC || binary.BigEndian.Uint16(b[12:]) != TypeCarried {
		r.stray++
		return
	}
	r.upper.Recv(r.over(e), carriedPort, b[eth.HeaderSize:])
}

// Lost takes the port down.
func (r *carrier) Lost(e cells.Env, _ error) {
	if r.up {
		r.up = false
		r.upper.Down(r.over(e), carriedPort, cells.ErrRemoved)
	}
}

// Timer is a timer of the upper protocol.
func (r *carrier) Timer(e cells.Env, id cells.TimerID) { r.upper.Timer(r.over(e), id) }

// Command passes a command to the upper protocol.
func (r *carrier) Command(e cells.Env, args []string) (string, error) {
	if c, ok := r.upper.(cells.Commander); ok {
		return c.Command(r.over(e), args)
	}
	return "", errors.New("the protocol above the endpoint takes no commands, but " + strings.Join([]string{"rules", "endpoint"}, " and "))
}

// AppendState shows the upper protocol. Where both have a name for something,
// it is the upper's that comes last.
func (r *carrier) AppendState(a []cells.Attr) []cells.Attr {
	a = append(a, cells.BoolAttr("carries", r.up), count("stray", r.stray), count("too_long", r.tooLong))
	if i, ok := r.upper.(cells.Inspector); ok {
		from := len(a)
		a = i.AppendState(a)
		for k := from; k < len(a); k++ { // "state" is the endpoint's
			for j := range a[:from] {
				if a[j].Name == a[k].Name {
					a[j].Name = "endpoint_" + a[j].Name
				}
			}
		}
	}
	return a
}
