package eth

import "strconv"

// shown is how many bytes of a payload a line shows.
const shown = 32

// Line is a frame in one line, for people:
//
//	02:53:59:00:00:02 > 02:53:59:00:00:01 udp 10.0.0.1:12345 > 10.0.0.2:7007, 10 bytes "marco polo"
//	02:53:59:00:00:02 > ff:ff:ff:ff:ff:ff arp request: who has 10.0.0.2, tell 10.0.0.1
//
// What is not a whole packet ends in what is wrong with it.
func Line(frame []byte) string {
	var p Packet
	err := p.Parse(frame)
	return string(p.AppendLine(nil, err))
}

// AppendSaid appends the line of a UDP datagram with what it says in the place of
// its first bytes.
func (p *Packet) AppendSaid(dst []byte, said string) []byte {
	dst = p.appendUDP(p.appendMACs(dst))
	dst = strconv.AppendInt(append(dst, ", "...), int64(len(p.UDP.Payload)), 10)
	return append(append(dst, " bytes: "...), said...)
}

func (p *Packet) appendMACs(dst []byte) []byte {
	dst = p.Source.AppendText(dst)
	dst = p.Destination.AppendText(append(dst, " > "...))
	return append(dst, ' ')
}

func (p *Packet) appendUDP(dst []byte) []byte {
	dst = appendHost(append(dst, "udp "...), p.IPv4.Source, p.UDP.Source)
	return appendHost(append(dst, " > "...), p.IPv4.Destination, p.UDP.Destination)
}

// AppendLine appends the line of a packet that was parsed, and what Parse said.
func (p *Packet) AppendLine(dst []byte, err error) []byte {
	if p.Kind != KindNone {
		dst = p.appendMACs(dst)
		if err != nil {
			dst = append(dst, p.Kind.String()...)
		} else {
			dst = p.appendBody(dst)
		}
	}
	if err == nil {
		return dst
	}
	if p.Kind != KindNone {
		dst = append(dst, ", bad "...)
	} else {
		dst = append(dst, "bad "...)
	}
	return append(dst, err.Error()...)
}

func (p *Packet) appendBody(dst []byte) []byte {
	switch p.Kind {
	case KindARP:
		return p.ARP.appendLine(dst)
	case KindIPv4:
		dst = append(dst, "ipv4 "...)
		dst = p.IPv4.Source.AppendText(dst)
		dst = p.IPv4.Destination.AppendText(append(dst, " > "...))
		dst = append(append(dst, " protocol "...), p.IPv4.Protocol.String()...)
		return appendSize(dst, p.IPv4.Payload)
	case KindUDP:
		return appendSize(p.appendUDP(dst), p.UDP.Payload)
	case KindICMP:
		dst = append(dst, "icmp "...)
		dst = p.IPv4.Source.AppendText(dst)
		dst = p.IPv4.Destination.AppendText(append(dst, " > "...))
		return p.ICMP.appendLine(dst)
	}
	dst = append(dst, p.Type.String()...)
	return appendSize(dst, p.Frame.Payload)
}

func appendHost(dst []byte, a IP, port uint16) []byte {
	dst = append(a.AppendText(dst), ':')
	return strconv.AppendUint(dst, uint64(port), 10)
}

// appendSize appends how many bytes there are, and the first of them.
func appendSize(dst, b []byte) []byte {
	dst = strconv.AppendInt(append(dst, ", "...), int64(len(b)), 10)
	dst = append(dst, " bytes"...)
	if len(b) == 0 {
		return dst
	}
	first := b[:min(len(b), shown)]
	dst = append(dst, ' ')
	if plain(first) {
		dst = strconv.AppendQuote(dst, string(first))
	} else {
		const digits = "0123456789abcdef"
		for _, c := range first {
			dst = append(dst, digits[c>>4], digits[c&15])
		}
	}
	if len(first) < len(b) {
		dst = append(dst, "…"...)
	}
	return dst
}

func plain(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

func (a *ARP) appendLine(dst []byte) []byte {
	dst = append(append(dst, "arp "...), a.Operation.String()...)
	switch a.Operation {
	case Request:
		if a.SenderIP == a.TargetIP {
			dst = a.SenderIP.AppendText(append(dst, ": "...))
			return a.SenderMAC.AppendText(append(dst, " is at "...))
		}
		dst = a.TargetIP.AppendText(append(dst, ": who has "...))
		return a.SenderIP.AppendText(append(dst, ", tell "...))
	case Reply, InverseReply:
		dst = a.SenderIP.AppendText(append(dst, ": "...))
		return a.SenderMAC.AppendText(append(dst, " is at "...))
	case InverseRequest:
		dst = a.TargetMAC.AppendText(append(dst, ": which address has "...))
		return a.SenderIP.AppendText(append(dst, ", tell "...))
	}
	return dst
}

func (m *ICMP) appendLine(dst []byte) []byte {
	dst = append(append(dst, ' '), m.Type.String()...)
	if m.Type == EchoRequest || m.Type == EchoReply {
		dst = strconv.AppendUint(append(dst, " id "...), uint64(m.ID), 10)
		dst = strconv.AppendUint(append(dst, " sequence "...), uint64(m.Sequence), 10)
	} else {
		dst = strconv.AppendUint(append(dst, " code "...), uint64(m.Code), 10)
	}
	return appendSize(dst, m.Payload)
}
