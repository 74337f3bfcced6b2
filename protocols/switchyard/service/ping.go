package service

import (
	"fmt"
	"strconv"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/switchyard"
)

// What a client of the echo service emits: sums of payloads, [switchyard.Sum].
var (
	KindAsked    = cells.NewKind("switchyard-asked", "message", "sum")
	KindAnswered = cells.NewKind("switchyard-answered", "message", "sum")
)

// PingConfig is what a client of the echo service is made of.
type PingConfig struct {
	Fabric   string        `dsim:"fabric" doc:"where the fabric is, as cell:service" default:"fabric:switchyard"`
	Name     string        `dsim:"endpoint" doc:"the name of the endpoint; the cell's own if empty" default:""`
	MAC      string        `dsim:"mac" doc:"of the endpoint; the fabric gives one if empty" default:""`
	IP       string        `dsim:"ip" doc:"the client's address" default:"10.0.0.1"`
	Port     int           `dsim:"port" doc:"the client's UDP port" default:"12345"`
	To       string        `dsim:"to" doc:"the endpoint of the service, which is looked up until it is there; empty: it is not looked up" default:"svc_echo"`
	ToIP     string        `dsim:"to-ip" doc:"the service's address" default:"10.0.0.2"`
	ToPort   int           `dsim:"to-port" doc:"the service's UDP port" default:"7007"`
	Resolve  string        `dsim:"resolve" doc:"where the service's MAC comes from: ARP, or the look-up" oneof:"arp,lookup" default:"arp"`
	Message  string        `dsim:"message" doc:"what is sent; with more than one, the number of each stands behind it" default:"marco polo"`
	Messages int           `dsim:"messages" doc:"how many messages are sent" default:"1"`
	Every    time.Duration `dsim:"every" doc:"time from a reply to the next message" default:"1s"`
	Timeout  time.Duration `dsim:"timeout" doc:"time after which a message that has no reply is sent again" default:"3s"`
	Tries    int           `dsim:"tries" doc:"after how many attempts in a row without an answer the client gives up; 0 is never" default:"0"`
	Wait     time.Duration `dsim:"wait" doc:"how long the service is looked up; 0 is without end" default:"0s"`
	Retry    time.Duration `dsim:"retry" doc:"time between two attempts to find the service" default:"200ms"`
}

// messageMax is the longest message that fits into a datagram on Ethernet.
const messageMax = 1472

// NewPing makes a client of the UDP echo service.
//
//	state     event                  action                        next
//	seeking   MAC is known           send the message              asking
//	asking    reply                  line                          waiting, or done
//	asking    time-out               seek: the MAC may have moved  seeking
//	seeking   the wait is over       none                          given up
//	any       the last of tries      none                          given up
//	waiting   every is over          send the next                 asking
//	any       connection is lost     none                          seeking, once it is back
func NewPing(c PingConfig) (cells.Protocol, error) {
	h, err := ends{fabric: c.Fabric, name: c.Name, mac: c.MAC, ip: c.IP, wait: c.Wait, retry: c.Retry}.host()
	t, err2 := newTarget(c.To, c.ToIP, c.Resolve)
	from, err3 := port("port", c.Port)
	to, err4 := port("to-port", c.ToPort)
	if err = first(err, err2, err3, err4, positive("every", c.Every), positive("timeout", c.Timeout), positive("retry", c.Retry), checkTries(c.Tries)); err == nil {
		switch {
		case len(c.Message) > messageMax-len(" 1000000"):
			err = fmt.Errorf("message of %d bytes: at most %d are possible", len(c.Message), messageMax-len(" 1000000"))
		case c.Messages < 1 || c.Messages > 1_000_000:
			err = fmt.Errorf("messages %d: from 1 to 1000000 are possible", c.Messages)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("ping: %w", err)
	}
	p := &ping{client: client{target: t, retry: c.Retry, tries: c.Tries}, config: c, from: from, to: to}
	p.self = p
	return newHost(h, p)
}

type ping struct {
	client
	config   PingConfig
	from, to uint16
	message  int // the one that is sent, from 1
	payload  []byte

	asked, got uint64
}

// reached sends the message that has no reply.
func (p *ping) reached(e cells.Env) {
	if p.message == 0 {
		p.message = 1
	}
	if p.done() {
		return
	}
	p.payload = append(p.payload[:0], p.config.Message...)
	if p.config.Messages > 1 {
		p.payload = strconv.AppendInt(append(p.payload, ' '), int64(p.message), 10)
	}
	p.asked++
	e.Emit(KindAsked, int64(p.message), switchyard.Sum(p.payload))
	p.host.sendTo(e, p.from, p.client.at(p.to), p.payload)
	p.line(e, "[cli] sent %d bytes: %s", len(p.payload), quoted(p.payload))
	p.await(e, p.config.Timeout)
}

func (p *ping) done() bool { return p.got >= uint64(p.config.Messages) }

func (p *ping) datagram(e cells.Env, in *eth.Packet) {
	if !p.asking || in.UDP.Destination != p.from || in.UDP.Source != p.to || in.IPv4.Source != p.target.ip {
		return
	}
	p.answered(e)
	p.got++
	e.Emit(KindAnswered, int64(p.message), switchyard.Sum(in.UDP.Payload))
	p.line(e, "[cli] got reply from %s:%d: %s", in.IPv4.Source, in.UDP.Source, quoted(in.UDP.Payload))
	if p.message++; !p.done() {
		e.Arm(timerNext, p.config.Every)
	}
}

func (p *ping) unanswered(e cells.Env) {
	p.line(e, "[cli] no reply in %s", p.config.Timeout)
	p.client.unanswered(e)
}

func (p *ping) appendState(a []cells.Attr) []cells.Attr {
	return p.tried(append(a,
		cells.BoolAttr("done", p.done()),
		cells.IntAttr("asked", int64(p.asked)),
		cells.IntAttr("answered", int64(p.got))))
}
