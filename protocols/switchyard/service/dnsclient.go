package service

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des/suggest"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/eth/dns"
)

// DNSClientConfig is what a client of a name server is made of.
type DNSClientConfig struct {
	Fabric  string        `dsim:"fabric" doc:"where the fabric is, as cell:service" default:"fabric:switchyard"`
	Name    string        `dsim:"endpoint" doc:"the name of the endpoint; the cell's own if empty" default:""`
	MAC     string        `dsim:"mac" doc:"of the endpoint; the fabric gives one if empty" default:""`
	IP      string        `dsim:"ip" doc:"the client's address" default:"10.0.0.11"`
	Port    int           `dsim:"port" doc:"the client's UDP port" default:"40053"`
	To      string        `dsim:"to" doc:"the endpoint of the server, which is looked up until it is there; empty: it is not looked up" default:"svc_dns"`
	ToIP    string        `dsim:"to-ip" doc:"the server's address" default:"10.0.0.5"`
	Resolve string        `dsim:"resolve" doc:"where the server's MAC comes from: ARP, or the look-up" oneof:"arp,lookup" default:"arp"`
	Ask     []string      `dsim:"ask" doc:"what it asks, one after the other: NAME, A NAME, AAAA NAME, or PTR ADDRESS" default:"svc_dns"`
	After   time.Duration `dsim:"after" doc:"time from the server's being found to the first question" default:"0s"`
	Every   time.Duration `dsim:"every" doc:"time from an answer to the next question" default:"100ms"`
	Timeout time.Duration `dsim:"timeout" doc:"time after which a question without an answer is asked again" default:"3s"`
	Tries   int           `dsim:"tries" doc:"how often a question is asked" default:"3"`
	Wait    time.Duration `dsim:"wait" doc:"how long the server is looked up; 0 is without end" default:"0s"`
	Retry   time.Duration `dsim:"retry" doc:"time between two attempts to find the server" default:"200ms"`
}

// NewDNSClient makes a client that asks a name server a list of questions, one
// after the other, each until it is answered or was asked often enough. Its
// command ask puts one more behind them.
func NewDNSClient(c DNSClientConfig) (cells.Protocol, error) {
	h, err := ends{fabric: c.Fabric, name: c.Name, mac: c.MAC, ip: c.IP, wait: c.Wait, retry: c.Retry}.host()
	t, err2 := newTarget(c.To, c.ToIP, c.Resolve)
	from, err3 := port("port", c.Port)
	err = first(err, err2, err3, positive("every", c.Every), positive("timeout", c.Timeout), positive("retry", c.Retry))
	switch {
	case err != nil:
	case c.After < 0:
		err = fmt.Errorf("after %s: must not be negative", c.After)
	case c.Tries < 1 || c.Tries > 100:
		err = fmt.Errorf("tries %d: from 1 to 100 are possible", c.Tries)
	case len(c.Ask) > tableMax:
		err = fmt.Errorf("ask: %d questions: at most %d are possible", len(c.Ask), tableMax)
	}
	p := &dnsClient{client: client{target: t, retry: c.Retry}, config: c, from: from}
	for _, text := range c.Ask {
		if err != nil {
			break
		}
		var q dns.Question
		if q, err = parseQuestion(text); err == nil {
			p.ask = append(p.ask, q)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("dns-client: %w", err)
	}
	p.self = p
	return newHost(h, p)
}

// parseQuestion reads "svc_echo", "AAAA svc_echo" or "PTR 10.0.0.2".
func parseQuestion(text string) (dns.Question, error) {
	words := strings.Fields(text)
	q := dns.Question{Type: dns.TypeA, Class: dns.ClassIN}
	var err error
	if len(words) == 2 {
		q.Type, err = dns.ParseType(words[0])
		words = words[1:]
	}
	if err == nil && len(words) != 1 {
		err = fmt.Errorf("want a name, or a type and a name")
	}
	if err == nil {
		q.Name, err = dns.ParseName(words[0])
	}
	if err == nil && q.Type == dns.TypePTR {
		if a, no := netip.ParseAddr(words[0]); no == nil && a.Zone() == "" {
			q.Name = dns.ReverseName(a.Unmap())
		}
	}
	if err != nil {
		return q, fmt.Errorf("ask: %s: %w", suggest.Quoted(text), err)
	}
	return q, nil
}

type dnsClient struct {
	client
	config   DNSClientConfig
	from     uint16
	ask      []dns.Question
	current  int // the question that is asked, or is next
	attempts int // how often
	id       uint16
	chance   *cells.Rand
	in       dns.Message
	payload  []byte
	last     string // the last answer

	asked, replies, hits, missing, given, stray uint64
}

func (p *dnsClient) start(e cells.Env, h *host) {
	p.client.start(e, h)
	p.chance = e.Rand("dns")
}

func (p *dnsClient) reached(e cells.Env) {
	switch {
	case p.current >= len(p.ask):
	case p.asked == 0 && p.config.After > 0:
		e.Arm(timerNext, p.config.After)
	default:
		p.question(e)
	}
}

// question asks the question that is next.
func (p *dnsClient) question(e cells.Env) {
	if p.current >= len(p.ask) {
		return
	}
	q := p.ask[p.current]
	p.id = uint16(p.chance.N(0x10000))
	m := dns.Ask(p.id, q.Name, q.Type)
	b, err := m.Append(p.payload[:0])
	if err != nil { // it was parsed
		return
	}
	p.payload = b
	p.asked++
	p.attempts++
	p.host.sendTo(e, p.from, p.client.at(dns.Port), b)
	p.await(e, p.config.Timeout)
}

func (p *dnsClient) datagram(e cells.Env, in *eth.Packet) {
	if !p.asking || in.UDP.Destination != p.from || in.UDP.Source != dns.Port || in.IPv4.Source != p.target.ip {
		return
	}
	m := &p.in
	if m.Parse(in.UDP.Payload) != nil || !m.Response || m.ID != p.id || m.Question != p.ask[p.current] {
		p.stray++
		return
	}
	p.answered(e)
	p.replies++
	switch {
	case len(m.Answers) > 0:
		p.hits++
	case m.Code == dns.NameError:
		p.missing++
	}
	p.last = m.Code.String()
	for _, r := range m.Answers {
		p.last += ", " + r.String()
	}
	p.line(e, "[dns] %s: %s", m.Question, p.last)
	p.pass(e)
}

// pass goes on to the next question.
func (p *dnsClient) pass(e cells.Env) {
	p.attempts = 0
	if p.current++; p.current < len(p.ask) {
		e.Arm(timerNext, p.config.Every)
	}
}

func (p *dnsClient) next(e cells.Env) { p.question(e) }

func (p *dnsClient) unanswered(e cells.Env) {
	if !p.enough(e) {
		p.seek(e)
	}
}

// enough reports whether the question was tried often enough; the next one is
// then.
func (p *dnsClient) enough(e cells.Env) bool {
	if p.attempts < p.config.Tries || p.current >= len(p.ask) {
		return false
	}
	p.given++
	p.line(e, "[dns] %s: no answer", p.ask[p.current])
	p.pass(e)
	return true
}

// unreached is a try of the question too.
func (p *dnsClient) unreached(e cells.Env) {
	p.attempts++
	if !p.enough(e) {
		e.Arm(timerSeek, p.retry)
	}
}

// gone gives all questions up: nobody is there whom they could be asked.
func (p *dnsClient) gone(e cells.Env) {
	for p.current < len(p.ask) {
		p.attempts = p.config.Tries
		p.enough(e)
	}
	p.giveUp(e)
}

func (p *dnsClient) command(e cells.Env, args []string) (string, error) {
	if len(args) < 2 || args[0] != "ask" {
		return "", unknownCommand(args, "ask QUESTION, rules or endpoint")
	}
	q, err := parseQuestion(strings.Join(args[1:], " "))
	if err != nil {
		return "", err
	}
	if len(p.ask) >= tableMax {
		return "", fmt.Errorf("ask: %d questions were asked: no more are possible", tableMax)
	}
	p.ask = append(p.ask, q)
	switch idle := p.current == len(p.ask)-1; {
	case idle && p.target.ok:
		p.question(e)
	case p.givenUp: // perhaps it is there now
		p.givenUp = false
		p.seek(e)
	}
	return q.String(), nil
}

func (p *dnsClient) appendState(a []cells.Attr) []cells.Attr {
	return append(a,
		cells.BoolAttr("done", p.current >= len(p.ask)),
		cells.TextAttr("answer", p.last),
		cells.IntAttr("asked", int64(p.asked)),
		cells.IntAttr("answered", int64(p.replies)),
		cells.IntAttr("found", int64(p.hits)),
		cells.IntAttr("nxdomain", int64(p.missing)),
		cells.IntAttr("timeouts", int64(p.late)),
		cells.IntAttr("given_up", int64(p.given)),
		cells.IntAttr("stray", int64(p.stray)),
		cells.IntAttr("not_found", int64(p.missed)))
}
