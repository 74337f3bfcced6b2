package service

import (
	"fmt"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/eth/dhcp"
	"example.com/dsim/protocols/switchyard"
)

// DHCPConfig is what a DHCP server is made of.
type DHCPConfig struct {
	Fabric string        `dsim:"fabric" doc:"where the fabric is, as cell:service" default:"fabric:switchyard"`
	Name   string        `dsim:"endpoint" doc:"the name of the endpoint; the cell's own if empty" default:""`
	MAC    string        `dsim:"mac" doc:"of the endpoint; the fabric gives one if empty" default:""`
	IP     string        `dsim:"ip" doc:"the server's address" default:"10.0.0.4"`
	Pool   string        `dsim:"pool" doc:"the addresses it gives, as first-last" default:"10.0.0.100-10.0.0.199"`
	Lease  time.Duration `dsim:"lease" doc:"how long an address is given for, in whole seconds" default:"1h"`
	Hold   time.Duration `dsim:"hold" doc:"how long an offer is kept for who does not take it" default:"10s"`
	Mask   string        `dsim:"mask" doc:"the subnet mask it tells" default:"255.255.255.0"`
	Router string        `dsim:"router" doc:"the router it tells; empty: none" default:""`
	DNS    string        `dsim:"dns" doc:"the name server it tells; empty: none" default:""`
	Bug    string        `dsim:"bug" doc:"a mistake to be found by a test of the tests; never for anything else" oneof:",lease-twice" default:""`
}

// LeaseTwice is the mistake a canary can be given: an address that is leased
// counts as free.
const LeaseTwice = "lease-twice"

// NewDHCP makes a DHCP server, RFC 2131, for hosts on its own Ethernet.
//
//	message                     what is known                answer
//	DISCOVER                    an address is free           OFFER, kept for hold
//	DISCOVER                    none is                      none
//	REQUEST, of another server                               none: the offer is free again
//	REQUEST, of this server     offered to, or had by, it    ACK, else NAK
//	REQUEST, after a restart    had by it                    ACK
//	REQUEST, after a restart    another's                    NAK, else none
//	REQUEST, to keep its own    had by it, or free           ACK, else NAK
//	REQUEST, of these two       of this network, not of ours none, if all were asked
//	REQUEST, of these two       of another network           NAK
//	DECLINE                     offered to, or had by, it    none: nobody gets it for a lease
//	RELEASE                     had by it                    none: it is free
//	INFORM                                                   ACK, without a lease
//
// Leases are what it keeps over a restart: see [cells.Durable].
func NewDHCP(c DHCPConfig) (cells.Protocol, error) {
	h, err := ends{fabric: c.Fabric, name: c.Name, mac: c.MAC, ip: c.IP}.host()
	p, err2 := parsePool(c.Pool)
	s := &dhcpServer{pool: p, config: c}
	err = first(err, err2, positive("lease", c.Lease), positive("hold", c.Hold),
		s.mask.set("mask", c.Mask), s.router.set("router", c.Router), s.dns.set("dns", c.DNS))
	if err == nil {
		switch {
		case c.Bug != "" && c.Bug != LeaseTwice:
			err = fmt.Errorf("bug %q: want %s or none", c.Bug, LeaseTwice)
		case h.ip == eth.IP{}:
			err = fmt.Errorf("ip: a server needs an address")
		case p.index(h.ip) >= 0:
			err = fmt.Errorf("pool %s: the server's own address %s lies in it", c.Pool, h.ip)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("dhcp: %w", err)
	}
	p.twice = c.Bug == LeaseTwice
	ep, err := newHost(h, s)
	if err != nil {
		return nil, err
	}
	return &durableDHCP{ep.(*switchyard.Endpoint), s}, nil
}

// optionalIP is an address that may be left out.
type optionalIP eth.IP

func (a *optionalIP) set(name, text string) error {
	if text == "" {
		return nil
	}
	ip, err := eth.ParseIP(text)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	*a = optionalIP(ip)
	return nil
}

type dhcpServer struct {
	nothing
	config            DHCPConfig
	pool              *pool
	mask, router, dns optionalIP
	in                dhcp.Message
	payload           []byte

	bad, offers, acks, naks, starved, released, expired, declined uint64
}

const timerLease cells.TimerID = 4 // a lease or an offer is over

func (s *dhcpServer) start(e cells.Env, h *host) {
	s.nothing.start(e, h)
	e.Emit(KindPool, int64(s.pool.first), int64(s.pool.ip(len(s.pool.leases)-1).Uint32()))
	s.recall(e)
}

func (s *dhcpServer) datagram(e cells.Env, p *eth.Packet) {
	if p.UDP.Destination != dhcp.ServerPort {
		return
	}
	m := &s.in
	if m.Parse(p.UDP.Payload) != nil || m.Op != dhcp.FromClient || !m.MAC.Station() {
		s.bad++
		return
	}
	s.expire(e) // what is over at this instant is free, whichever event came first
	switch m.Type {
	case dhcp.Discover:
		s.discover(e)
	case dhcp.Request:
		s.request(e, p.IPv4.Destination == eth.BroadcastIP)
	case dhcp.Decline:
		if i := s.pool.index(m.Asked); i >= 0 && s.pool.of(m.MAC) == i {
			s.declined++
			s.freed(e, i)
			s.pool.decline(i, e.Now().Add(s.config.Lease))
		}
	case dhcp.Release:
		if i := s.pool.of(m.MAC); i >= 0 && s.pool.ip(i) == m.Client && s.pool.leases[i].state == leaseBound {
			s.released++
			s.freed(e, i)
			s.pool.free(i)
		}
	case dhcp.Inform:
		r := m.Reply(dhcp.Ack, s.host.ip)
		s.answer(e, &r)
	default:
		s.bad++
	}
	s.expire(e)
}

// freed emits that an address is its station's no more, if it was.
func (s *dhcpServer) freed(e cells.Env, i int) {
	if l := &s.pool.leases[i]; l.state == leaseBound {
		e.Emit(KindFreed, int64(s.pool.ip(i).Uint32()), int64(l.mac.Uint64()))
	}
}

func (s *dhcpServer) discover(e cells.Env) {
	m := &s.in
	i := s.pool.choose(m.MAC, m.Asked)
	if i < 0 {
		s.starved++
		e.Emit(KindStarving, int64(m.MAC.Uint64()), 0)
		s.line(e, "[dhcp] no address is left for %s", m.MAC)
		return
	}
	if l := &s.pool.leases[i]; l.state != leaseBound || l.mac != m.MAC {
		s.leave(e, i)
		s.pool.give(i, m.MAC, leaseOffered, e.Now().Add(s.config.Hold))
	}
	s.offers++
	r := m.Reply(dhcp.Offer, s.host.ip)
	r.Yours = s.pool.ip(i)
	s.grant(&r)
	s.answer(e, &r)
}

// leave takes back the address that a station has, if it gets another one.
func (s *dhcpServer) leave(e cells.Env, next int) {
	if old := s.pool.of(s.in.MAC); old >= 0 && old != next {
		s.freed(e, old)
	}
}

// near reports whether an address belongs where the server is, and not to it:
// another server may have leased it, and only that one may say no.
func (s *dhcpServer) near(a eth.IP) bool {
	mask := eth.IP(s.mask).Uint32()
	return mask != 0 && s.pool.index(a) < 0 && a.Uint32()&mask == s.host.ip.Uint32()&mask
}

// request is RFC 2131, section 4.3.2. What is said to all is for all servers.
func (s *dhcpServer) request(e cells.Env, toAll bool) {
	m := &s.in
	own := s.pool.of(m.MAC)
	wanted := m.Asked
	if wanted == (eth.IP{}) {
		wanted = m.Client
	}
	i := s.pool.index(wanted)
	mine := i >= 0 && i == own && s.pool.leases[i].state != leaseDeclined && s.pool.open(i, m.MAC)
	switch {
	case m.Server != eth.IP{} && m.Server != s.host.ip: // it took another's offer
		if own >= 0 && s.pool.leases[own].state == leaseOffered {
			s.pool.free(own)
		}
	case m.Server == s.host.ip:
		if mine {
			s.ack(e, i) // also if the offer is over, as long as nobody else got it
		} else {
			s.nak(e, "no offer of that address is open")
		}
	case m.Client != eth.IP{}:
		switch {
		case i >= 0 && s.pool.open(i, m.MAC):
			s.ack(e, i)
		case i < 0 && s.near(wanted) && toAll:
		default:
			s.nak(e, "that address is not yours")
		}
	case mine:
		s.ack(e, i)
	case i < 0 && s.near(wanted):
	case i < 0 || s.pool.leases[i].state == leaseBound:
		s.nak(e, "that address is not yours")
	}
}

func (s *dhcpServer) ack(e cells.Env, i int) {
	m := &s.in
	s.acks++
	s.leave(e, i)
	s.pool.give(i, m.MAC, leaseBound, e.Now().Add(s.lease()))
	e.Emit(KindLeased, int64(s.pool.ip(i).Uint32()), int64(m.MAC.Uint64()))
	r := m.Reply(dhcp.Ack, s.host.ip)
	r.Client, r.Yours = m.Client, s.pool.ip(i)
	s.grant(&r)
	s.answer(e, &r)
	s.line(e, "[dhcp] %s has %s for %s", m.MAC, r.Yours, s.lease())
}

// lease is the span of a lease as the client is told it.
func (s *dhcpServer) lease() time.Duration {
	return time.Duration(seconds(s.config.Lease)) * time.Second
}

// grant tells a client how long, and when to ask again: RFC 2131, section 4.4.5.
func (s *dhcpServer) grant(r *dhcp.Message) {
	r.Lease = seconds(s.config.Lease)
	r.Renew, r.Rebind = r.Lease/2, r.Lease-r.Lease/8
}

func (s *dhcpServer) nak(e cells.Env, why string) {
	s.naks++
	r := s.in.Reply(dhcp.Nak, s.host.ip)
	r.Text = why
	s.answer(e, &r)
}

// answer sends a message to where the client hears it, RFC 2131, section 4.1.
func (s *dhcpServer) answer(e cells.Env, r *dhcp.Message) {
	if r.Type != dhcp.Nak {
		r.Mask, r.Router, r.DNS = eth.IP(s.mask), eth.IP(s.router), eth.IP(s.dns)
	}
	to := eth.Host{MAC: r.MAC, IP: r.Yours, Port: dhcp.ClientPort}
	switch {
	case r.Type == dhcp.Nak:
		to.MAC, to.IP = eth.Broadcast, eth.BroadcastIP
	case s.in.Client != eth.IP{}:
		to.IP = s.in.Client
	case r.Broadcast:
		to.MAC, to.IP = eth.Broadcast, eth.BroadcastIP
	}
	b, err := r.Append(s.payload[:0])
	if err != nil {
		s.bad++
		return
	}
	s.payload = b
	s.host.sendTo(e, dhcp.ServerPort, to, b)
}

// expire takes back what is over, and arms for what is next.
func (s *dhcpServer) expire(e cells.Env) {
	next := s.pool.expire(e.Now(), func(i int) {
		s.expired++
		e.Emit(KindFreed, int64(s.pool.ip(i).Uint32()), int64(s.pool.leases[i].mac.Uint64()))
		s.line(e, "[dhcp] the lease of %s on %s is over", s.pool.leases[i].mac, s.pool.ip(i))
	})
	if next == clock.Never {
		e.Disarm(timerLease)
		return
	}
	e.Arm(timerLease, next.Sub(e.Now()))
}

func (s *dhcpServer) timer(e cells.Env, id cells.TimerID) {
	if id == timerLease {
		s.expire(e)
	}
}

func (s *dhcpServer) appendState(a []cells.Attr) []cells.Attr {
	return append(a,
		cells.IntAttr("pool", int64(len(s.pool.leases))),
		cells.IntAttr("leased", s.pool.count(leaseBound)),
		cells.IntAttr("offered", s.pool.count(leaseOffered)),
		cells.IntAttr("free", s.pool.count(leaseFree)),
		cells.IntAttr("offers", int64(s.offers)),
		cells.IntAttr("acks", int64(s.acks)),
		cells.IntAttr("naks", int64(s.naks)),
		cells.IntAttr("starved", int64(s.starved)),
		cells.IntAttr("released", int64(s.released)),
		cells.IntAttr("expired", int64(s.expired)),
		cells.IntAttr("declined", int64(s.declined)),
		cells.IntAttr("bad_messages", int64(s.bad)))
}
