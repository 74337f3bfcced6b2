package service

import (
	"fmt"
	"math"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/eth/dhcp"
)

// DHCPClientConfig is what a DHCP client is made of.
type DHCPClientConfig struct {
	Fabric string        `dsim:"fabric" doc:"where the fabric is, as cell:service" default:"fabric:switchyard"`
	Name   string        `dsim:"endpoint" doc:"the name of the endpoint; the cell's own if empty" default:""`
	MAC    string        `dsim:"mac" doc:"of the endpoint; the fabric gives one if empty" default:""`
	Asks   string        `dsim:"asks" doc:"an address that it would like; empty: any" default:""`
	After  time.Duration `dsim:"after" doc:"time from the connection to the first DISCOVER" default:"0s"`
	Keep   time.Duration `dsim:"keep" doc:"time after which it gives its address back; 0 is never" default:"0s"`
	Again  time.Duration `dsim:"again" doc:"time after which it then asks for one anew; 0 is never" default:"0s"`
	Renew  bool          `dsim:"renew" doc:"asks to keep its address before the lease is over" default:"true"`
}

// NewDHCPClient makes a DHCP client, RFC 2131, section 4.4, figure 5. As long
// as it is bound it is a host with that address.
//
//	state       event                     action                       next
//	init        after, again              DISCOVER                     selecting
//	selecting   OFFER                     REQUEST                      requesting
//	selecting   time-out                  DISCOVER                     selecting
//	requesting  ACK                       announce                     bound
//	requesting  time-out                  REQUEST, four times          requesting, then init
//	bound       T1                        REQUEST to the server        renewing
//	renewing    T2                        REQUEST to all               rebinding
//	renewing…   ACK                                                    bound
//	any         NAK                                                    init, at once
//	any         lease is over                                          init, at once
//	bound…      keep, or command release  RELEASE                      released
//
// Time-outs begin at 4 s and double up to 64 s, a second more or less, RFC 2131,
// section 4.1; those of a renewal are half of what is left, a minute at least.
func NewDHCPClient(c DHCPClientConfig) (cells.Protocol, error) {
	h, err := ends{fabric: c.Fabric, name: c.Name, mac: c.MAC}.host()
	p := &dhcpClient{config: c}
	err = first(err, (*optionalIP)(&p.wish).set("asks", c.Asks))
	if err == nil && (c.After < 0 || c.Keep < 0 || c.Again < 0) {
		err = fmt.Errorf("after, keep and again: must not be negative")
	}
	if err != nil {
		return nil, fmt.Errorf("dhcp-client: %w", err)
	}
	return newHost(h, p)
}

type dhcpState uint8

const (
	dhcpInit dhcpState = iota
	dhcpSelecting
	dhcpRequesting
	dhcpBound
	dhcpRenewing
	dhcpRebinding
	dhcpReleased
)

var dhcpStates = [...]string{"init", "selecting", "requesting", "bound", "renewing", "rebinding", "released"}

// The timers of a client.
const (
	timerDHCP   cells.TimerID = 5 // of the state: begin, ask again, T1
	timerT2     cells.TimerID = 6
	timerExpiry cells.TimerID = 7
	timerKeep   cells.TimerID = 8
)

// Spans of RFC 2131, sections 4.1 and 4.4.5.
const (
	dhcpFirst   = 4 * time.Second
	dhcpLast    = 64 * time.Second
	renewLeast  = time.Minute
	requestsMax = 4
)

type dhcpClient struct {
	nothing
	config  DHCPClientConfig
	state   dhcpState // not the endpoint's, which is called state
	chance  *cells.Rand
	wish    eth.IP
	id      uint32
	begun   clock.Time
	passed  uint16 // seconds since then, when it last asked
	wait    time.Duration
	tries   int
	offer   dhcp.Message // that was taken
	server  eth.MAC
	asked   clock.Time // when the REQUEST was first sent: the lease counts from there
	expiry  clock.Time
	t2      clock.Time
	in      dhcp.Message
	payload []byte

	discovers, requests, binds, renewals, naks, expiries, releases, stray uint64
}

func (p *dhcpClient) start(e cells.Env, h *host) {
	p.nothing.start(e, h)
	p.chance = e.Rand("dhcp")
}

func (p *dhcpClient) bound() bool { return p.state >= dhcpBound && p.state <= dhcpRebinding }

func (p *dhcpClient) ready(e cells.Env) {
	if p.state < dhcpBound {
		p.begin(e, p.config.After)
	}
}

// lost waits for the connection; a lease goes on.
func (p *dhcpClient) lost(e cells.Env) {
	if p.state < dhcpBound {
		p.state = dhcpInit
		e.Disarm(timerDHCP)
	}
}

// begin asks for an address, after a while.
func (p *dhcpClient) begin(e cells.Env, after time.Duration) {
	p.state, p.tries, p.wait = dhcpInit, 0, dhcpFirst
	e.Arm(timerDHCP, after)
}

func (p *dhcpClient) timer(e cells.Env, id cells.TimerID) {
	switch id {
	case timerDHCP:
		p.next(e)
	case timerT2:
		if p.state == dhcpRenewing {
			p.state = dhcpRebinding
			p.renew(e)
		}
	case timerExpiry:
		if p.bound() {
			p.expiries++
			p.unbind(e, unboundExpired)
			p.begin(e, 0)
		}
	case timerKeep:
		p.keep(e)
	}
}

// next is what is due in a state.
func (p *dhcpClient) next(e cells.Env) {
	switch p.state {
	case dhcpInit, dhcpSelecting:
		p.discover(e)
	case dhcpRequesting:
		if p.tries >= requestsMax {
			p.begin(e, 0)
			return
		}
		p.request(e)
	case dhcpBound:
		p.state = dhcpRenewing
		p.id, p.asked, p.begun = uint32(p.chance.N(1<<32)), e.Now(), e.Now()
		p.renew(e)
	case dhcpRenewing, dhcpRebinding:
		p.renew(e)
	}
}

// later arms for the next attempt, and waits twice as long after it.
func (p *dhcpClient) later(e cells.Env) {
	e.Arm(timerDHCP, p.wait+time.Duration(p.chance.Int64(-int64(time.Second), int64(time.Second))))
	p.wait = min(2*p.wait, dhcpLast)
}

func (p *dhcpClient) discover(e cells.Env) {
	if p.state == dhcpInit {
		p.state, p.begun = dhcpSelecting, e.Now()
		p.id = uint32(p.chance.N(1 << 32))
	}
	p.discovers++
	p.elapse(e)
	m := p.message(dhcp.Discover)
	m.Asked = p.wish
	p.toAll(e, &m)
	p.later(e)
}

// elapse looks how long the client has been asking. A REQUEST that takes an offer
// says the same as the DISCOVER before it, RFC 2131, section 4.4.1.
func (p *dhcpClient) elapse(e cells.Env) {
	p.passed = uint16(min(e.Now().Sub(p.begun)/time.Second, math.MaxUint16))
}

// message is the beginning of one of the client's messages.
func (p *dhcpClient) message(t dhcp.Type) dhcp.Message {
	return dhcp.Message{
		Op: dhcp.FromClient, ID: p.id, Seconds: p.passed, Broadcast: !p.bound(),
		Client: p.host.ip, MAC: p.host.me.MAC, Type: t,
	}
}

func (p *dhcpClient) toAll(e cells.Env, m *dhcp.Message) {
	p.send(e, m, eth.Host{MAC: eth.Broadcast, IP: eth.BroadcastIP, Port: dhcp.ServerPort})
}

func (p *dhcpClient) toServer(e cells.Env, m *dhcp.Message) {
	p.send(e, m, eth.Host{MAC: p.server, IP: p.offer.Server, Port: dhcp.ServerPort})
}

func (p *dhcpClient) send(e cells.Env, m *dhcp.Message, to eth.Host) {
	b, err := m.Append(p.payload[:0])
	if err != nil {
		return
	}
	p.payload = b
	p.host.sendTo(e, dhcp.ClientPort, to, b)
}

func (p *dhcpClient) request(e cells.Env) {
	p.requests++
	p.tries++
	m := p.message(dhcp.Request)
	m.Asked, m.Server = p.offer.Yours, p.offer.Server
	p.toAll(e, &m)
	p.later(e)
}

// renew asks to keep the address: its server, or after T2 any.
func (p *dhcpClient) renew(e cells.Env) {
	p.requests++
	p.elapse(e)
	m := p.message(dhcp.Request)
	end := p.expiry
	if p.state == dhcpRenewing {
		end = p.t2
		p.toServer(e, &m)
	} else {
		p.toAll(e, &m)
	}
	e.Arm(timerDHCP, max(end.Sub(e.Now())/2, renewLeast))
}

func (p *dhcpClient) datagram(e cells.Env, in *eth.Packet) {
	if in.UDP.Destination != dhcp.ClientPort || in.UDP.Source != dhcp.ServerPort {
		return
	}
	m := &p.in
	if m.Parse(in.UDP.Payload) != nil || m.Op != dhcp.FromServer || m.ID != p.id || m.MAC != p.host.me.MAC {
		p.stray++
		return
	}
	asking := p.state == dhcpRequesting || p.state == dhcpRenewing || p.state == dhcpRebinding
	switch {
	case m.Type == dhcp.Offer && p.state == dhcpSelecting && m.Yours != eth.IP{} && m.Server != eth.IP{}:
		p.offer, p.server = *m, in.Source
		p.state, p.tries, p.wait, p.asked = dhcpRequesting, 0, dhcpFirst, e.Now()
		p.request(e)
	case m.Type == dhcp.Ack && asking && m.Yours != eth.IP{} && m.Lease != 0:
		p.server = in.Source
		p.bind(e)
	case m.Type == dhcp.Nak && asking:
		p.naks++
		p.line(e, "[dhcp] refused: %q", m.Text)
		if p.bound() {
			p.unbind(e, unboundRefused)
		}
		p.begin(e, 0)
	default:
		p.stray++
	}
}

// bind takes the address of an ACK. The lease counts from the REQUEST, so that
// it is over here before it is over at the server.
func (p *dhcpClient) bind(e cells.Env) {
	m := &p.in
	span := time.Duration(m.Lease) * time.Second
	t1, t2 := time.Duration(m.Renew)*time.Second, time.Duration(m.Rebind)*time.Second
	if m.Renew == 0 || m.Rebind <= m.Renew || m.Rebind >= m.Lease {
		t1, t2 = span/2, span-span/8
	}
	passed := e.Now().Sub(p.asked)
	if passed >= span {
		p.begin(e, 0)
		return
	}
	if p.bound() && m.Yours != p.host.ip { // not what was asked for
		p.unbind(e, unboundRefused)
	}
	fresh := !p.bound()
	p.offer.Server, p.state = m.Server, dhcpBound
	p.host.ip, p.wish = m.Yours, m.Yours
	p.expiry, p.t2 = p.asked.Add(span), p.asked.Add(t2)
	e.Emit(KindBound, int64(m.Yours.Uint32()), int64(span-passed))
	if fresh {
		p.binds++
		p.line(e, "[dhcp] bound to %s for %s", m.Yours, span)
		p.host.announce(e)
		if p.config.Keep > 0 {
			e.Arm(timerKeep, p.config.Keep)
		}
	} else {
		p.renewals++
		p.line(e, "[dhcp] keeps %s for %s", m.Yours, span)
	}
	e.Disarm(timerDHCP)
	if m.Lease == dhcp.Forever {
		e.Disarm(timerT2)
		e.Disarm(timerExpiry)
		return
	}
	if p.config.Renew {
		e.Arm(timerDHCP, t1-passed)
		e.Arm(timerT2, t2-passed)
	}
	e.Arm(timerExpiry, span-passed)
}

// unbind gives up the address.
func (p *dhcpClient) unbind(e cells.Env, why int64) {
	e.Emit(KindUnbound, int64(p.host.ip.Uint32()), why)
	p.line(e, "[dhcp] %s is over", p.host.ip)
	p.host.ip = eth.IP{}
	p.state = dhcpInit
	for _, id := range []cells.TimerID{timerDHCP, timerT2, timerExpiry, timerKeep} {
		e.Disarm(id)
	}
}

// keep gives the address back, or asks for one anew.
func (p *dhcpClient) keep(e cells.Env) {
	switch {
	case p.bound():
		p.release(e)
		if p.config.Again > 0 {
			e.Arm(timerKeep, p.config.Again)
		}
	case p.state == dhcpReleased:
		p.begin(e, 0)
	}
}

func (p *dhcpClient) release(e cells.Env) {
	p.releases++
	p.id = uint32(p.chance.N(1 << 32))
	m := p.message(dhcp.Release)
	m.Broadcast, m.Seconds, m.Server = false, 0, p.offer.Server
	p.toServer(e, &m)
	p.unbind(e, unboundReleased)
	p.state = dhcpReleased
}

// command takes release, which gives the address back, and renew, which asks to
// keep it now, or for one if there is none.
func (p *dhcpClient) command(e cells.Env, args []string) (string, error) {
	if len(args) != 1 || args[0] != "release" && args[0] != "renew" {
		return "", unknownCommand(args, "release, renew, rules or endpoint")
	}
	switch {
	case args[0] == "release" && p.bound():
		p.release(e)
		return "released", nil
	case args[0] == "release":
		return "", fmt.Errorf("release: there is no address, the client is %s", dhcpStates[p.state])
	case p.state == dhcpBound:
		p.next(e)
	case p.state == dhcpReleased && p.host.up:
		p.begin(e, 0)
	}
	return dhcpStates[p.state], nil
}

func (p *dhcpClient) appendState(a []cells.Attr) []cells.Attr {
	return append(a,
		cells.TextAttr("dhcp", dhcpStates[p.state]),
		cells.BoolAttr("bound", p.bound()),
		cells.IntAttr("discovers", int64(p.discovers)),
		cells.IntAttr("requests", int64(p.requests)),
		cells.IntAttr("binds", int64(p.binds)),
		cells.IntAttr("renewals", int64(p.renewals)),
		cells.IntAttr("refusals", int64(p.naks)),
		cells.IntAttr("expiries", int64(p.expiries)),
		cells.IntAttr("releases", int64(p.releases)),
		cells.IntAttr("stray", int64(p.stray)))
}
