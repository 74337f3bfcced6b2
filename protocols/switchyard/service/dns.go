package service

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des/suggest"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/eth/dns"
	"example.com/dsim/protocols/switchyard"
)

// DNSConfig is what a name server is made of.
type DNSConfig struct {
	Fabric string        `dsim:"fabric" doc:"where the fabric is, as cell:service" default:"fabric:switchyard"`
	Name   string        `dsim:"endpoint" doc:"the name of the endpoint; the cell's own if empty" default:""`
	MAC    string        `dsim:"mac" doc:"of the endpoint; the fabric gives one if empty" default:""`
	IP     string        `dsim:"ip" doc:"the server's address" default:"10.0.0.5"`
	Table  []string      `dsim:"table" doc:"names with an address each, of IPv4 or IPv6, as www=10.0.0.9; a name may stand there again"`
	Domain string        `dsim:"domain" doc:"a domain in which the endpoints have their names; empty: they have them in the root" default:""`
	TTL    time.Duration `dsim:"ttl" doc:"how long an answer is good for, in whole seconds" default:"60s"`
	Within time.Duration `dsim:"within" doc:"how long a host is given to say which address it has" default:"500ms"`
}

// Bounds of what a name server keeps.
const (
	questionsMax = 64   // that wait for an endpoint
	hostsMax     = 1024 // endpoints that were asked for
)

// NewDNS makes a name server on UDP 53. It answers from its table, and else
// from the names of endpoints: whether there is one is asked of the fabric; its
// AAAA is the link-local address of its MAC, its A is asked of the host itself,
// by inverse ARP (RFC 2390). PTR is answered from the table, and for endpoints
// that were asked for by name before. A name that is neither here nor there does
// not exist: NXDOMAIN.
func NewDNS(c DNSConfig) (cells.Protocol, error) {
	// An endpoint is looked up once: a name that is not there yet does not exist.
	h, err := ends{fabric: c.Fabric, name: c.Name, mac: c.MAC, ip: c.IP, wait: 1}.host()
	domain, err2 := dns.ParseName(c.Domain)
	err = first(err, err2, positive("ttl", c.TTL), positive("within", c.Within))
	if err == nil && len(c.Table) > tableMax {
		err = fmt.Errorf("table of %d entries: at most %d are possible", len(c.Table), tableMax)
	}
	s := &dnsServer{domain: domain, ttl: seconds(c.TTL), within: c.Within}
	for _, text := range c.Table {
		if err != nil {
			break
		}
		var r dns.Record
		if r, err = parseRecord(text, s.ttl); err == nil {
			s.table = append(s.table, r)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("dns: %w", err)
	}
	return newHost(h, s)
}

func parseRecord(text string, ttl uint32) (dns.Record, error) {
	name, addr, _ := strings.Cut(text, "=")
	n, err := dns.ParseName(name)
	if err != nil {
		return dns.Record{}, fmt.Errorf("table: %w", err)
	}
	a, err := netip.ParseAddr(addr)
	if err != nil || a.Zone() != "" || a.Is4In6() {
		return dns.Record{}, fmt.Errorf("table: %s: want a name and an address, as www=10.0.0.9", suggest.Quoted(text))
	}
	return dns.AddressRecord(n, a, ttl), nil
}

const timerDNS cells.TimerID = 9 // a host has not said its address

type dnsServer struct {
	nothing
	table   []dns.Record
	domain  dns.Name
	ttl     uint32
	within  time.Duration
	hosts   []dnsHost
	waiting []dnsQuestion
	in      dns.Message
	payload []byte

	questions, answered, missing, refused, bad, full uint64
}

// dnsHost is an endpoint that was asked for.
type dnsHost struct {
	name string
	mac  eth.MAC
	ip   eth.IP // zero if it has not said
}

// dnsQuestion is a question that cannot be answered yet.
type dnsQuestion struct {
	header   dns.Header
	question dns.Question
	spelt    []byte // its name, letter for letter
	from     eth.Host
	endpoint string
	mac      eth.MAC    // of the endpoint, once it is known
	due      clock.Time // when the host has not said its address
}

func (s *dnsServer) datagram(e cells.Env, p *eth.Packet) {
	if p.UDP.Destination != dns.Port || p.IPv4.Destination != s.host.ip {
		return
	}
	m := &s.in
	if err := m.Parse(p.UDP.Payload); err != nil || m.Response {
		s.bad++
		if dns.HasHeader(p.UDP.Payload) && !m.Response {
			s.unreadable(e, p)
		}
		return
	}
	s.questions++
	q := dnsQuestion{
		header: m.Header, question: m.Question, spelt: bytes.Clone(dns.QuestionName(p.UDP.Payload)),
		from: eth.Host{MAC: p.Source, IP: p.IPv4.Source, Port: p.UDP.Source},
	}
	switch {
	case m.Opcode != 0:
		s.refuse(e, &q, dns.NotImplemented)
	case m.Question.Class != dns.ClassIN:
		s.refuse(e, &q, dns.Refused)
	default:
		s.resolve(e, &q)
	}
}

// unreadable answers what is no question that can be read.
func (s *dnsServer) unreadable(e cells.Env, p *eth.Packet) {
	b, err := s.in.AppendFormatError(s.payload[:0])
	if err != nil {
		return
	}
	s.payload = b
	s.host.sendTo(e, dns.Port, eth.Host{MAC: p.Source, IP: p.IPv4.Source, Port: p.UDP.Source}, b)
}

func (s *dnsServer) refuse(e cells.Env, q *dnsQuestion, c dns.Code) {
	s.refused++
	s.answer(e, q, c)
}

// resolve answers from the table, or asks the fabric.
func (s *dnsServer) resolve(e cells.Env, q *dnsQuestion) {
	if addr, ok := q.question.Name.Reversed(); ok {
		s.reverse(e, q, addr)
		return
	}
	var found []dns.Record
	known := false
	for _, r := range s.table {
		if r.Name == q.question.Name {
			known = true
			if r.Type == q.question.Type {
				found = append(found, r)
			}
		}
	}
	name, ok := s.endpointOf(q.question.Name)
	switch {
	case known:
		s.answer(e, q, dns.NoError, found...)
	case !ok:
		s.answer(e, q, dns.NameError)
	case len(s.waiting) >= questionsMax:
		s.full++
		s.refuse(e, q, dns.ServerFailure)
	default:
		q.endpoint = name
		s.waiting = append(s.waiting, *q)
		if err := s.host.ep.Lookup(e, name); err != nil {
			s.waiting = s.waiting[:len(s.waiting)-1]
			s.answer(e, q, dns.NameError)
		}
	}
}

// endpointOf is the endpoint that a name is of: one label, in the domain.
func (s *dnsServer) endpointOf(n dns.Name) (string, bool) {
	label := string(n)
	if s.domain != "" {
		var ok bool
		if label, ok = strings.CutSuffix(label, "."+string(s.domain)); !ok {
			return "", false
		}
	}
	return label, label != "" && !strings.ContainsAny(label, `.\`)
}

// reverse answers which name an address has.
func (s *dnsServer) reverse(e cells.Env, q *dnsQuestion, addr netip.Addr) {
	var found []dns.Record
	for _, r := range s.table {
		if r.Addr == addr {
			found = append(found, dns.PointerRecord(addr, r.Name, s.ttl))
		}
	}
	for _, h := range s.hosts {
		if h.ip != (eth.IP{}) && addr == netip.AddrFrom4(h.ip) || addr == dns.LinkLocal(h.mac) {
			found = append(found, dns.PointerRecord(addr, s.nameOf(h.name), s.ttl))
		}
	}
	switch {
	case len(found) == 0:
		s.answer(e, q, dns.NameError)
	case q.question.Type != dns.TypePTR:
		s.answer(e, q, dns.NoError)
	default:
		s.answer(e, q, dns.NoError, found...)
	}
}

// nameOf is the name of an endpoint.
func (s *dnsServer) nameOf(endpoint string) dns.Name {
	if s.domain == "" {
		return dns.Name(endpoint)
	}
	return dns.Name(endpoint) + "." + s.domain
}

// found goes on with the questions that waited for an endpoint.
func (s *dnsServer) found(e cells.Env, name string, who switchyard.Identity, err error) {
	ask := false
	for i := 0; i < len(s.waiting); {
		q := &s.waiting[i]
		switch {
		case q.endpoint != name || q.mac != eth.MAC{}:
			i++
			continue
		case err != nil:
			s.settle(e, i, dns.NameError)
			continue
		case q.question.Type == dns.TypeA:
			ask = true
			q.mac, q.due = who.MAC, e.Now().Add(s.within)
			i++
			continue
		case q.question.Type == dns.TypeAAAA:
			s.settle(e, i, dns.NoError, dns.AddressRecord(q.question.Name, dns.LinkLocal(who.MAC), s.ttl))
		default:
			s.settle(e, i, dns.NoError)
		}
	}
	if err != nil {
		return
	}
	s.know(name, who.MAC)
	if ask {
		s.askAddress(e, who.MAC)
		s.arm(e)
	}
}

// know takes an endpoint down; the oldest is forgotten.
func (s *dnsServer) know(name string, mac eth.MAC) {
	if i := slices.IndexFunc(s.hosts, func(h dnsHost) bool { return h.name == name }); i >= 0 {
		if s.hosts[i].mac != mac {
			s.hosts[i] = dnsHost{name: name, mac: mac}
		}
		return
	}
	if len(s.hosts) >= hostsMax {
		s.hosts = slices.Delete(s.hosts, 0, 1)
	}
	s.hosts = append(s.hosts, dnsHost{name: name, mac: mac})
}

// askAddress asks a host which address it has.
func (s *dnsServer) askAddress(e cells.Env, mac eth.MAC) {
	if mac == s.host.me.MAC { // the server is a host, too
		s.says(e, mac, s.host.ip)
		return
	}
	out := &s.host.out
	out.Ask(s.host.me.MAC, s.host.ip, eth.IP{})
	out.Destination, out.ARP.Operation, out.ARP.TargetMAC = mac, eth.InverseRequest, mac
	s.host.send(e, out)
}

// arp takes note of what hosts say of themselves.
func (s *dnsServer) arp(e cells.Env, p *eth.Packet) bool {
	if a := p.ARP; a.SenderIP != (eth.IP{}) && (a.Operation == eth.InverseReply || a.SenderMAC == p.Source) {
		s.says(e, a.SenderMAC, a.SenderIP)
	}
	return false
}

// says goes on with the questions that waited for a host's address.
func (s *dnsServer) says(e cells.Env, mac eth.MAC, ip eth.IP) {
	for i := range s.hosts {
		if s.hosts[i].mac == mac {
			s.hosts[i].ip = ip
		}
	}
	for i := 0; i < len(s.waiting); {
		if q := &s.waiting[i]; q.mac == mac && mac != (eth.MAC{}) {
			s.settle(e, i, dns.NoError, dns.AddressRecord(q.question.Name, netip.AddrFrom4(ip), s.ttl))
			continue
		}
		i++
	}
	s.arm(e)
}

// settle answers a question that waited.
func (s *dnsServer) settle(e cells.Env, i int, c dns.Code, answers ...dns.Record) {
	q := s.waiting[i]
	s.waiting = slices.Delete(s.waiting, i, i+1)
	s.answer(e, &q, c, answers...)
}

func (s *dnsServer) arm(e cells.Env) {
	next := clock.Never
	for _, q := range s.waiting {
		if q.mac != (eth.MAC{}) {
			next = min(next, q.due)
		}
	}
	if next == clock.Never {
		e.Disarm(timerDNS)
		return
	}
	e.Arm(timerDNS, next.Sub(e.Now()))
}

// timer answers for hosts that have not said: the name is there, an address is
// not.
func (s *dnsServer) timer(e cells.Env, id cells.TimerID) {
	if id != timerDNS {
		return
	}
	for i := 0; i < len(s.waiting); {
		if q := &s.waiting[i]; q.mac != (eth.MAC{}) && q.due <= e.Now() {
			s.settle(e, i, dns.NoError)
			continue
		}
		i++
	}
	s.arm(e)
}

// lost gives up what waits: nobody hears the answers.
func (s *dnsServer) lost(e cells.Env) {
	s.waiting = s.waiting[:0]
	e.Disarm(timerDNS)
}

func (s *dnsServer) answer(e cells.Env, q *dnsQuestion, c dns.Code, answers ...dns.Record) {
	ask := dns.Message{Header: q.header, Question: q.question}
	r := ask.Reply(c, answers...)
	b, err := r.Append(s.payload[:0])
	if err != nil {
		s.bad++
		return
	}
	dns.Spell(b, q.spelt)
	s.payload = b
	switch {
	case c == dns.NameError:
		s.missing++
	case c == dns.NoError:
		s.answered++
	}
	s.host.sendTo(e, dns.Port, q.from, b)
}

func (s *dnsServer) appendState(a []cells.Attr) []cells.Attr {
	return append(a,
		cells.IntAttr("table", int64(len(s.table))),
		cells.IntAttr("known", int64(len(s.hosts))),
		cells.IntAttr("waiting", int64(len(s.waiting))),
		cells.IntAttr("questions", int64(s.questions)),
		cells.IntAttr("answered", int64(s.answered)),
		cells.IntAttr("nxdomain", int64(s.missing)),
		cells.IntAttr("refusals", int64(s.refused)),
		cells.IntAttr("overrun", int64(s.full)),
		cells.IntAttr("bad_messages", int64(s.bad)))
}
