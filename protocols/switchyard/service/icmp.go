package service

import (
	"fmt"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/protocols/eth"
)

// ICMPConfig is what a host that answers echo requests of ICMP, and may ask
// another, is made of.
type ICMPConfig struct {
	Fabric   string        `dsim:"fabric" doc:"where the fabric is, as cell:service" default:"fabric:switchyard"`
	Name     string        `dsim:"endpoint" doc:"the name of the endpoint; the cell's own if empty" default:""`
	MAC      string        `dsim:"mac" doc:"of the endpoint; the fabric gives one if empty" default:""`
	IP       string        `dsim:"ip" doc:"the host's address" default:"10.0.0.20"`
	To       string        `dsim:"to" doc:"an endpoint that is looked up before it is asked; empty: none is" default:""`
	ToIP     string        `dsim:"to-ip" doc:"who is asked; empty: the host only answers" default:""`
	Resolve  string        `dsim:"resolve" doc:"where its MAC comes from: ARP, or the look-up" oneof:"arp,lookup" default:"arp"`
	Requests int           `dsim:"requests" doc:"how many requests are sent; 0 is without end" default:"4"`
	Size     int           `dsim:"size" doc:"bytes in each request" unit:"bytes" default:"56"`
	Every    time.Duration `dsim:"every" doc:"time from one request to the next" default:"1s"`
	Tries    int           `dsim:"tries" doc:"after how many attempts in a row to find it, or requests without an answer, the host gives up; 0 is never" default:"0"`
	Wait     time.Duration `dsim:"wait" doc:"how long the endpoint is looked up; 0 is without end" default:"0s"`
	Retry    time.Duration `dsim:"retry" doc:"time between two attempts to find it" default:"200ms"`
}

// NewICMP makes a host that answers echo requests of ICMP, as every host here
// does, and that sends some itself if it is told to whom.
func NewICMP(c ICMPConfig) (cells.Protocol, error) {
	h, err := ends{fabric: c.Fabric, name: c.Name, mac: c.MAC, ip: c.IP, wait: c.Wait, retry: c.Retry}.host()
	if err != nil {
		return nil, fmt.Errorf("icmp: %w", err)
	}
	if c.ToIP == "" {
		return newHost(h, &nothing{})
	}
	t, err := newTarget(c.To, c.ToIP, c.Resolve)
	switch err = first(err, positive("every", c.Every), positive("retry", c.Retry), checkTries(c.Tries)); {
	case err != nil:
	case c.Requests < 0 || c.Requests > 0xffff:
		err = fmt.Errorf("requests %d: from 0 to 65535 are possible", c.Requests)
	case c.Size < 0 || c.Size > messageMax:
		err = fmt.Errorf("size %d: from 0 to %d bytes are possible", c.Size, messageMax)
	}
	if err != nil {
		return nil, fmt.Errorf("icmp: %w", err)
	}
	p := &pinger{client: client{target: t, retry: c.Retry, tries: c.Tries}, config: c}
	p.self = p
	for i := range c.Size {
		p.payload = append(p.payload, 'a'+byte(i%26))
	}
	return newHost(h, p)
}

// pinger sends echo requests, one after the other, whether or not they are
// answered.
type pinger struct {
	client
	config   ICMPConfig
	payload  []byte
	id       uint16
	sequence uint16
	sentAt   clock.Time // of the last

	finished bool

	asked, got, unawaited, stray uint64
}

func (p *pinger) start(e cells.Env, h *host) {
	p.client.start(e, h)
	p.id = uint16(e.Rand("icmp").N(0x10000))
}

func (p *pinger) reached(e cells.Env) {
	if p.finished {
		return
	}
	p.sequence++
	p.asked++
	p.asking = true
	p.sentAt = e.Now()
	p.host.out.Echo(p.host.at(0), p.client.at(0), p.id, p.sequence, p.payload)
	p.host.send(e, &p.host.out)
	e.Arm(timerNext, p.config.Every)
}

func (p *pinger) pong(e cells.Env, in *eth.Packet) {
	m := &in.ICMP
	if m.ID != p.id || m.Sequence != p.sequence || in.IPv4.Source != p.target.ip || string(m.Payload) != string(p.payload) {
		p.stray++
		return
	}
	if p.asking {
		p.answered(e)
		p.got++
	} else {
		p.unawaited++
	}
	p.line(e, "[icmp] %d bytes from %s: sequence %d, %s", len(m.Payload)+eth.ICMPSize, in.IPv4.Source, m.Sequence, e.Now().Sub(p.sentAt))
	if p.last() {
		p.finish(e)
	}
}

// last reports whether there is no request after the one that was sent.
func (p *pinger) last() bool {
	return p.config.Requests > 0 && p.asked >= uint64(p.config.Requests)
}

// finish says what came of it.
func (p *pinger) finish(e cells.Env) {
	if p.finished {
		return
	}
	p.finished = true
	p.givenUp = p.got == 0
	e.Disarm(timerNext)
	p.line(e, "[icmp] %d requests, %d answered", p.asked, p.got)
}

// next goes on, whether or not the last request was answered.
func (p *pinger) next(e cells.Env) {
	if p.asking {
		p.asking = false
		p.late++
		p.line(e, "[icmp] sequence %d: no answer in %s", p.sequence, p.config.Every)
		if !p.again(e) {
			return
		}
	}
	if p.last() {
		p.finish(e)
		return
	}
	p.reached(e)
}

func (p *pinger) lost(e cells.Env) {
	p.client.lost(e)
	if p.last() {
		p.finish(e)
	}
}

func (p *pinger) appendState(a []cells.Attr) []cells.Attr {
	return p.tried(append(a,
		cells.BoolAttr("done", p.finished),
		cells.IntAttr("asked", int64(p.asked)),
		cells.IntAttr("answered", int64(p.got)),
		cells.IntAttr("unawaited", int64(p.unawaited)),
		cells.IntAttr("stray", int64(p.stray))))
}
