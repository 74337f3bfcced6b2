package service

import (
	"fmt"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/eth/ntp"
)

// What servers and clients of NTP emit. A request is known by its client's
// transmit stamp; clocks are wall clocks, in nanoseconds.
var (
	KindTimeAsked  = cells.NewKind("switchyard-time-asked", "request", "clock")
	KindTimeServed = cells.NewKind("switchyard-time-served", "request", "clock")
	KindTimeSample = cells.NewKind("switchyard-time-sample", "request", "offset") // KindTimeGot follows
	KindTimeGot    = cells.NewKind("switchyard-time-got", "delay", "clock")
)

// NTPConfig is what a time service is made of.
type NTPConfig struct {
	Fabric string `dsim:"fabric" doc:"where the fabric is, as cell:service" default:"fabric:switchyard"`
	Name   string `dsim:"endpoint" doc:"the name of the endpoint; the cell's own if empty" default:""`
	MAC    string `dsim:"mac" doc:"of the endpoint; the fabric gives one if empty" default:""`
	IP     string `dsim:"ip" doc:"the service's address" default:"10.0.0.3"`
	Bug    string `dsim:"bug" doc:"a mistake to be found by a test of the tests; never for anything else" oneof:",whole-seconds" default:""`
}

// WholeSeconds is the mistake a canary can be given: the stamps of a reply have
// no fractions.
const WholeSeconds = "whole-seconds"

// NewNTP makes a time service on UDP 123, which shows the wall clock of its
// cell.
func NewNTP(c NTPConfig) (cells.Protocol, error) {
	h, err := ends{fabric: c.Fabric, name: c.Name, mac: c.MAC, ip: c.IP}.host()
	if err == nil && c.Bug != "" && c.Bug != WholeSeconds {
		err = fmt.Errorf("bug %q: want %s or none", c.Bug, WholeSeconds)
	}
	if err != nil {
		return nil, fmt.Errorf("ntp: %w", err)
	}
	return newHost(h, &ntpServer{bug: c.Bug})
}

type ntpServer struct {
	nothing
	bug            string
	ask, answer    ntp.Header
	payload        []byte
	served, strays uint64
}

func (s *ntpServer) datagram(e cells.Env, p *eth.Packet) {
	if p.UDP.Destination != ntp.Port || p.IPv4.Destination != s.host.ip {
		return
	}
	if s.ask.Parse(p.UDP.Payload) != nil || s.ask.Mode != ntp.Client {
		s.strays++
		return
	}
	now := e.Wall()
	s.answer = s.ask.Answer(now)
	if s.bug == WholeSeconds {
		s.answer.Receive &^= 0xffffffff
		s.answer.Transmit = s.answer.Receive
	}
	b, err := s.answer.Append(s.payload[:0])
	if err != nil {
		s.strays++
		return
	}
	s.payload = b
	s.served++
	e.Emit(KindTimeServed, int64(s.ask.Transmit), int64(now))
	p.UDP.Payload = b
	s.host.reply(e, p)
}

func (s *ntpServer) appendState(a []cells.Attr) []cells.Attr {
	return append(a, cells.IntAttr("served", int64(s.served)), cells.IntAttr("strays", int64(s.strays)))
}

// NTPClientConfig is what a client of a time service is made of.
type NTPClientConfig struct {
	Fabric  string        `dsim:"fabric" doc:"where the fabric is, as cell:service" default:"fabric:switchyard"`
	Name    string        `dsim:"endpoint" doc:"the name of the endpoint; the cell's own if empty" default:""`
	MAC     string        `dsim:"mac" doc:"of the endpoint; the fabric gives one if empty" default:""`
	IP      string        `dsim:"ip" doc:"the client's address" default:"10.0.0.10"`
	Port    int           `dsim:"port" doc:"the client's UDP port" default:"40000"`
	To      string        `dsim:"to" doc:"the endpoint of the service, which is looked up until it is there; empty: it is not looked up" default:"svc_ntp"`
	ToIP    string        `dsim:"to-ip" doc:"the service's address" default:"10.0.0.3"`
	Resolve string        `dsim:"resolve" doc:"where the service's MAC comes from: ARP, or the look-up" oneof:"arp,lookup" default:"arp"`
	Samples int           `dsim:"samples" doc:"how many samples are taken; 0 is without end" default:"1"`
	Every   time.Duration `dsim:"every" doc:"time between samples" default:"64s"`
	Timeout time.Duration `dsim:"timeout" doc:"time after which a request that has no reply is sent again" default:"3s"`
	Tries   int           `dsim:"tries" doc:"after how many attempts in a row without an answer the client gives up; 0 is never" default:"0"`
	Wait    time.Duration `dsim:"wait" doc:"how long the service is looked up; 0 is without end" default:"0s"`
	Retry   time.Duration `dsim:"retry" doc:"time between two attempts to find the service" default:"200ms"`
}

// NewNTPClient makes a client that measures how far its wall clock is behind
// that of a time service. It shows the last sample, and sets no clock.
func NewNTPClient(c NTPClientConfig) (cells.Protocol, error) {
	h, err := ends{fabric: c.Fabric, name: c.Name, mac: c.MAC, ip: c.IP, wait: c.Wait, retry: c.Retry}.host()
	t, err2 := newTarget(c.To, c.ToIP, c.Resolve)
	from, err3 := port("port", c.Port)
	err = first(err, err2, err3, positive("every", c.Every), positive("timeout", c.Timeout), positive("retry", c.Retry), checkTries(c.Tries))
	if err == nil && c.Samples < 0 {
		err = fmt.Errorf("samples %d: must not be negative", c.Samples)
	}
	if err != nil {
		return nil, fmt.Errorf("ntp-client: %w", err)
	}
	p := &ntpClient{client: client{target: t, retry: c.Retry, tries: c.Tries}, config: c, from: from}
	p.self = p
	return newHost(h, p)
}

type ntpClient struct {
	client
	config      NTPClientConfig
	from        uint16
	ask, answer ntp.Header
	payload     []byte

	offset, delay             time.Duration
	asked, samples, stray, no uint64
}

func (p *ntpClient) done() bool { return p.config.Samples > 0 && p.samples >= uint64(p.config.Samples) }

func (p *ntpClient) reached(e cells.Env) {
	if p.done() {
		return
	}
	now := e.Wall()
	p.ask = ntp.Ask(now)
	b, err := p.ask.Append(p.payload[:0])
	if err != nil {
		return
	}
	p.payload = b
	p.asked++
	e.Emit(KindTimeAsked, int64(p.ask.Transmit), int64(now))
	p.host.sendTo(e, p.from, p.client.at(ntp.Port), b)
	p.await(e, p.config.Timeout)
}

func (p *ntpClient) datagram(e cells.Env, in *eth.Packet) {
	if !p.asking || in.UDP.Destination != p.from || in.UDP.Source != ntp.Port || in.IPv4.Source != p.target.ip {
		return
	}
	if p.answer.Parse(in.UDP.Payload) != nil || p.answer.Mode != ntp.Server {
		p.no++
		return
	}
	if p.answer.Origin != p.ask.Transmit { // RFC 5905, section 8: bogus, or of an earlier request
		p.stray++
		return
	}
	if h := &p.answer; h.Leap == 3 || h.Stratum == 0 || h.Stratum > ntp.StratumMax || h.Transmit == 0 { // no time to give, or a kiss of death, section 7.4
		p.no++
		return
	}
	p.answered(e)
	p.samples++
	now := e.Wall()
	p.offset, p.delay = p.answer.Sample(now)
	e.Emit(KindTimeSample, int64(p.ask.Transmit), int64(p.offset))
	e.Emit(KindTimeGot, int64(p.delay), int64(now))
	p.line(e, "[ntp] %s: offset %s, delay %s, it is %s", in.IPv4.Source, p.offset, p.delay, date(p.answer.Transmit.Time(now)))
	if !p.done() {
		e.Arm(timerNext, p.config.Every)
	}
}

// date is what a wall clock shows, for people.
func date(t clock.Time) string { return time.Unix(0, int64(t)).UTC().Format(time.RFC3339Nano) }

func (p *ntpClient) unanswered(e cells.Env) {
	p.line(e, "[ntp] no reply in %s", p.config.Timeout)
	p.client.unanswered(e)
}

func (p *ntpClient) appendState(a []cells.Attr) []cells.Attr {
	return p.tried(append(a,
		cells.BoolAttr("done", p.done()),
		cells.IntAttr("asked", int64(p.asked)),
		cells.IntAttr("samples", int64(p.samples)),
		cells.IntAttr("offset_us", int64(p.offset/time.Microsecond)),
		cells.IntAttr("delay_us", int64(p.delay/time.Microsecond)),
		cells.IntAttr("stray", int64(p.stray)),
		cells.IntAttr("bad_replies", int64(p.no))))
}
