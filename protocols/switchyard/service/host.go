package service

import (
	"errors"
	"fmt"

	"example.com/dsim/cells"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/switchyard"
)

// KindLine is a line for people.
var KindLine = cells.NewKind("switchyard-line", "", "")

// application is what a host runs: one service, or one client.
type application interface {
	// start is called once in a life, with the host that the application is on.
	start(e cells.Env, h *host)
	// ready says that the host can send; after each reconnect again.
	ready(cells.Env)
	// lost says that it cannot.
	lost(cells.Env)
	// frame is every frame that comes, before the host looks at it; a promiscuous
	// host sees those of others, too.
	frame(e cells.Env, b []byte, p *eth.Packet, err error)
	// arp is an ARP packet to the host or to all; an application that has dealt
	// with it says so.
	arp(e cells.Env, p *eth.Packet) bool
	// datagram is a UDP datagram to the host or to all. It may be turned round
	// and sent, and is gone after the call.
	datagram(e cells.Env, p *eth.Packet)
	// pong is the answer to an echo request.
	pong(e cells.Env, p *eth.Packet)
	// found is the answer to a look-up, and resolved to neighbour.
	found(e cells.Env, name string, who switchyard.Identity, err error)
	resolved(e cells.Env, ip eth.IP, mac eth.MAC, ok bool)
	timer(cells.Env, cells.TimerID)
	appendState([]cells.Attr) []cells.Attr
	command(e cells.Env, args []string) (string, error)
}

// nothing is an application that does nothing; others are made of it and do
// something.
type nothing struct{ host *host }

func (n *nothing) start(_ cells.Env, h *host)                        { n.host = h }
func (*nothing) ready(cells.Env)                                     {}
func (*nothing) lost(cells.Env)                                      {}
func (*nothing) frame(cells.Env, []byte, *eth.Packet, error)         {}
func (*nothing) arp(cells.Env, *eth.Packet) bool                     { return false }
func (*nothing) datagram(cells.Env, *eth.Packet)                     {}
func (*nothing) pong(cells.Env, *eth.Packet)                         {}
func (*nothing) found(cells.Env, string, switchyard.Identity, error) {}
func (*nothing) resolved(cells.Env, eth.IP, eth.MAC, bool)           {}
func (*nothing) timer(cells.Env, cells.TimerID)                      {}
func (*nothing) appendState(a []cells.Attr) []cells.Attr             { return a }
func (*nothing) command(_ cells.Env, args []string) (string, error) {
	return "", unknownCommand(args, "rules or endpoint")
}

func (n *nothing) line(e cells.Env, format string, args ...any) {
	e.EmitText(KindLine, fmt.Sprintf(format, args...))
}

func unknownCommand(args []string, known string) error {
	return fmt.Errorf("unknown command %q: want %s", args, known)
}

// hostConfig is what a host is made of.
type hostConfig struct {
	endpoint switchyard.EndpointConfig
	ip       eth.IP // zero: none yet
	silent   bool   // answers neither ARP nor ICMP
}

// host is a host of IPv4 on an endpoint.
type host struct {
	config hostConfig
	app    application
	ep     *switchyard.Endpoint
	me     switchyard.Identity
	ip     eth.IP
	up     bool

	in, out    eth.Packet
	neighbours []neighbour

	malformed, fragments, others, unsent uint64
	arpAsked, arpAnswered, pingsIn       uint64
}

// newHost makes the protocol of a cell: a host on an endpoint, with its
// application.
func newHost(c hostConfig, app application) (cells.Protocol, error) {
	h := &host{config: c, app: app, ip: c.ip}
	return switchyard.NewEndpoint(c.endpoint, h)
}

// Start and the methods that follow are the host's side of an endpoint.
func (h *host) Start(e cells.Env, ep *switchyard.Endpoint) {
	h.ep = ep
	h.app.start(e, h)
}

// Ready announces the host to all.
func (h *host) Ready(e cells.Env, me switchyard.Identity) {
	h.me, h.up = me, true
	h.announce(e)
	h.app.ready(e)
}

// announce tells all which MAC the host's IP has.
func (h *host) announce(e cells.Env) {
	if h.ip != (eth.IP{}) && !h.config.silent {
		h.out.Announce(h.me.MAC, h.ip)
		h.send(e, &h.out)
	}
}

// Found answers a look-up.
func (h *host) Found(e cells.Env, name string, who switchyard.Identity, err error) {
	h.app.found(e, name, who, err)
}

// Lost forgets who the neighbours were: they may be others next time.
func (h *host) Lost(e cells.Env, _ error) {
	was := h.up
	h.up = false
	h.neighbours = h.neighbours[:0]
	e.Disarm(timerARP)
	if was {
		h.app.lost(e)
	}
}

// Timer fires for the host or for its application.
func (h *host) Timer(e cells.Env, id cells.TimerID) {
	if id == timerARP {
		h.askAgain(e)
		return
	}
	h.app.timer(e, id)
}

// Command passes words on.
func (h *host) Command(e cells.Env, args []string) (string, error) { return h.app.command(e, args) }

// Frame takes a frame: what is not for the host, or not whole, is passed over.
func (h *host) Frame(e cells.Env, in switchyard.Incoming) {
	p := &h.in
	err := p.Parse(in.Frame)
	h.app.frame(e, in.Frame, p, err)
	switch {
	case errors.Is(err, eth.ErrFragment):
		h.fragments++
		return
	case err != nil:
		h.malformed++
		return
	case p.Source == h.me.MAC || p.Destination != h.me.MAC && p.Destination != eth.Broadcast:
		return // its own, or another's that was flooded
	case !p.Source.Station() || p.Kind == eth.KindARP && !p.ARP.SenderMAC.Station():
		h.others++ // an answer would go to all
		return
	}
	switch p.Kind {
	case eth.KindARP:
		h.handleARP(e, p)
	case eth.KindUDP:
		if h.addressed(p) {
			h.app.datagram(e, p)
		}
	case eth.KindICMP:
		if h.addressed(p) {
			h.handleICMP(e, p)
		}
	default:
		h.others++
	}
}

// addressed reports whether a packet is for the host's IP, or for all, and from
// a host that can be: RFC 1122, section 3.2.1.3. One that has no address yet can
// speak to all.
func (h *host) addressed(p *eth.Packet) bool {
	from, to := p.IPv4.Source, p.IPv4.Destination
	if from[0] == 127 || from[0] >= 224 || from[0] == 0 && (from != eth.IP{} || to != eth.BroadcastIP) {
		h.others++
		return false
	}
	return to == eth.BroadcastIP || to == h.ip && to != eth.IP{}
}

// handleICMP answers an echo request to the host alone.
func (h *host) handleICMP(e cells.Env, p *eth.Packet) {
	switch {
	case p.ICMP.Type == eth.EchoReply:
		h.app.pong(e, p)
	case p.ICMP.Type == eth.EchoRequest && p.ICMP.Code == 0 && p.IPv4.Destination == h.ip && !h.config.silent:
		h.pingsIn++
		h.reply(e, p)
	default:
		h.others++
	}
}

// reply sends a packet that came back to where it came from.
func (h *host) reply(e cells.Env, p *eth.Packet) {
	p.Reply(h.me.MAC)
	h.send(e, p)
}

// send sends a packet; one that cannot be is counted.
func (h *host) send(e cells.Env, p *eth.Packet) {
	if b, err := p.Append(e.Buf()); err != nil || !h.ep.Send(e, b) {
		h.unsent++
	}
}

// sendTo sends a datagram from one of the host's ports.
func (h *host) sendTo(e cells.Env, port uint16, to eth.Host, payload []byte) {
	h.out.Datagram(h.at(port), to, payload)
	h.send(e, &h.out)
}

// at is one of the host's ports.
func (h *host) at(port uint16) eth.Host { return eth.Host{MAC: h.me.MAC, IP: h.ip, Port: port} }

// AppendState shows the host, and then its application.
func (h *host) AppendState(a []cells.Attr) []cells.Attr {
	a = append(a,
		cells.TextAttr("ip", h.ip.String()),
		cells.IntAttr("malformed", int64(h.malformed)),
		cells.IntAttr("fragments", int64(h.fragments)),
		cells.IntAttr("other_packets", int64(h.others)),
		cells.IntAttr("unsent", int64(h.unsent)),
		cells.IntAttr("arp_asked", int64(h.arpAsked)),
		cells.IntAttr("arp_answered", int64(h.arpAnswered)),
		cells.IntAttr("pings_answered", int64(h.pingsIn)),
		cells.IntAttr("neighbours", int64(len(h.neighbours))))
	return h.app.appendState(a)
}
