package service

import (
	"fmt"

	"example.com/dsim/cells"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/eth/dhcp"
	"example.com/dsim/protocols/eth/dns"
	"example.com/dsim/protocols/eth/ntp"
)

// SnifferConfig is what a sniffer is made of.
type SnifferConfig struct {
	Fabric string `dsim:"fabric" doc:"where the fabric is, as cell:service" default:"fabric:switchyard"`
	Name   string `dsim:"endpoint" doc:"the name of the endpoint; the cell's own if empty" default:""`
	MAC    string `dsim:"mac" doc:"of the endpoint; the fabric gives one if empty" default:""`
	Lines  int    `dsim:"lines" doc:"how many frames are written as lines; 0: all" default:"0"`
}

// NewSniffer makes an endpoint that sees every frame of its fabric and writes
// each as a line. It is no host: it says nothing.
func NewSniffer(c SnifferConfig) (cells.Protocol, error) {
	h, err := ends{fabric: c.Fabric, name: c.Name, mac: c.MAC, silent: true, promisc: true}.host()
	if err == nil && c.Lines < 0 {
		err = fmt.Errorf("lines %d: must not be negative", c.Lines)
	}
	if err != nil {
		return nil, fmt.Errorf("sniffer: %w", err)
	}
	return newHost(h, &sniffer{lines: uint64(c.Lines)})
}

type sniffer struct {
	nothing
	lines uint64
	buf   []byte

	frames, bytes, damaged uint64
	kinds                  [eth.KindICMP + 1]uint64
}

func (s *sniffer) frame(e cells.Env, b []byte, p *eth.Packet, err error) {
	s.frames++
	s.bytes += uint64(len(b))
	if err != nil {
		s.damaged++
	} else {
		s.kinds[p.Kind]++
	}
	if s.lines == 0 || s.frames <= s.lines {
		s.buf = appendLine(s.buf[:0], p, err)
		e.EmitText(KindLine, string(s.buf))
	}
}

// Line is a frame in one line, for people: that of [eth.Line], and what DHCP,
// DNS or NTP say in it.
func Line(frame []byte) string {
	var p eth.Packet
	err := p.Parse(frame)
	return string(appendLine(nil, &p, err))
}

func appendLine(dst []byte, p *eth.Packet, err error) []byte {
	if err == nil && p.Kind == eth.KindUDP {
		for _, port := range []uint16{p.UDP.Source, p.UDP.Destination} {
			if text := spoken(port, p.UDP.Payload); text != "" {
				return p.AppendSaid(dst, text)
			}
		}
	}
	return p.AppendLine(dst, err)
}

// spoken is what a datagram says to or from a service's port, empty if that is
// nothing that is known.
func spoken(port uint16, payload []byte) string {
	switch port {
	case dhcp.ServerPort, dhcp.ClientPort:
		var m dhcp.Message
		if m.Parse(payload) == nil {
			return "dhcp " + m.String()
		}
	case dns.Port:
		var m dns.Message
		if m.Parse(payload) == nil {
			return "dns " + m.String()
		}
	case ntp.Port:
		var m ntp.Header
		if m.Parse(payload) == nil {
			return m.String()
		}
	}
	return ""
}

func (s *sniffer) appendState(a []cells.Attr) []cells.Attr {
	return append(a,
		cells.IntAttr("frames", int64(s.frames)),
		cells.IntAttr("bytes", int64(s.bytes)),
		cells.IntAttr("damaged", int64(s.damaged)),
		cells.IntAttr("arp", int64(s.kinds[eth.KindARP])),
		cells.IntAttr("udp", int64(s.kinds[eth.KindUDP])),
		cells.IntAttr("icmp", int64(s.kinds[eth.KindICMP])),
		cells.IntAttr("ipv4_other", int64(s.kinds[eth.KindIPv4])),
		cells.IntAttr("other", int64(s.kinds[eth.KindFrame])))
}
