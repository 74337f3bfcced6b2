package service

import (
	"fmt"

	"example.com/dsim/cells"
	"example.com/dsim/protocols/eth"
)

// EchoConfig is what a UDP echo service is made of.
type EchoConfig struct {
	Fabric string `dsim:"fabric" doc:"where the fabric is, as cell:service" default:"fabric:switchyard"`
	Name   string `dsim:"endpoint" doc:"the name of the endpoint; the cell's own if empty" default:""`
	MAC    string `dsim:"mac" doc:"of the endpoint; the fabric gives one if empty" default:""`
	IP     string `dsim:"ip" doc:"the service's address" default:"10.0.0.2"`
	Port   int    `dsim:"port" doc:"the UDP port that is answered" default:"7007"`
	Silent bool   `dsim:"silent" doc:"answers neither ARP nor ICMP" default:"false"`
	Bug    string `dsim:"bug" doc:"a mistake to be found by a test of the tests; never for anything else" oneof:",swap-bytes" default:""`
}

// SwapBytes is the mistake a canary can be given: the first two bytes of an
// echo change places.
const SwapBytes = "swap-bytes"

// NewEcho makes a UDP echo service: a datagram to its port comes back with the
// same payload, from there to where it came from. Other frames are passed over
// in silence.
func NewEcho(c EchoConfig) (cells.Protocol, error) {
	h, err := ends{fabric: c.Fabric, name: c.Name, mac: c.MAC, ip: c.IP, silent: c.Silent}.host()
	n, wrong := port("port", c.Port)
	if c.Bug != "" && c.Bug != SwapBytes {
		wrong = fmt.Errorf("bug %q: want %s or none", c.Bug, SwapBytes)
	}
	if err = first(err, wrong); err != nil {
		return nil, fmt.Errorf("echo: %w", err)
	}
	return newHost(h, &echo{port: n, bug: c.Bug})
}

type echo struct {
	nothing
	port   uint16
	bug    string
	echoed uint64
	spare  []byte // of the mistake
}

func (s *echo) datagram(e cells.Env, p *eth.Packet) {
	if p.UDP.Destination != s.port || p.IPv4.Destination != s.host.ip {
		return
	}
	s.echoed++
	if b := p.UDP.Payload; s.bug == SwapBytes && len(b) > 1 {
		s.spare = append(s.spare[:0], b...)
		s.spare[0], s.spare[1] = s.spare[1], s.spare[0]
		p.UDP.Payload = s.spare
	}
	s.host.reply(e, p)
}

func (s *echo) appendState(a []cells.Attr) []cells.Attr {
	return append(a, cells.IntAttr("echoed", int64(s.echoed)))
}
