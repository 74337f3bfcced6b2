package eth

// Kind says what the innermost known part of a frame is.
type Kind uint8

// The kinds of packets.
const (
	KindNone  Kind = iota // nothing: not even a header of Ethernet
	KindFrame             // a frame of another type; the payload is as it came
	KindARP
	KindIPv4 // a packet of another protocol
	KindUDP
	KindICMP
)

var kindNames = [...]string{"nothing", "frame", "arp", "ipv4", "udp", "icmp"}

// String is the kind's word.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind?"
}

// Packet is a frame with all that is known of what is in it. Kept in a
// protocol's state it is taken apart and put together without allocating.
type Packet struct {
	Kind Kind // says which of the parts hold
	Frame
	ARP  ARP
	IPv4 IPv4
	UDP  UDP
	ICMP ICMP
}

// Parse takes a frame apart; payloads share its bytes. On an error, a
// [*wire.Error] or [ErrFragment], Kind is what was whole up to there.
//
// [*wire.Error]: example.com/dsim/protocols/wire.Error
func (p *Packet) Parse(frame []byte) error {
	p.Kind = KindNone
	if err := p.Frame.Parse(frame); err != nil {
		return err
	}
	p.Kind = KindFrame
	switch p.Type {
	case TypeARP:
		if err := p.ARP.Parse(p.Frame.Payload); err != nil {
			return err
		}
		p.Kind = KindARP
		return nil
	case TypeIPv4:
		if err := p.IPv4.Parse(p.Frame.Payload); err != nil {
			return err
		}
		p.Kind = KindIPv4
		return p.parseTransport()
	}
	return nil
}

func (p *Packet) parseTransport() error {
	switch p.IPv4.Protocol {
	case ProtocolUDP:
		if err := p.UDP.Parse(p.IPv4.Payload, p.IPv4.Source, p.IPv4.Destination); err != nil {
			return err
		}
		p.Kind = KindUDP
	case ProtocolICMP:
		if err := p.ICMP.Parse(p.IPv4.Payload); err != nil {
			return err
		}
		p.Kind = KindICMP
	}
	return nil
}

// Append puts the frame that Kind says at the end of dst: types, protocols,
// lengths and checksums are what they must be, whatever the parts hold. It fails
// if a part is too long for what is around it.
func (p *Packet) Append(dst []byte) ([]byte, error) {
	start := len(dst)
	dst, err := p.append(dst)
	if err != nil {
		return dst[:start], err
	}
	return dst, nil
}

func (p *Packet) append(dst []byte) ([]byte, error) {
	header := Frame{Destination: p.Destination, Source: p.Source, Type: p.Type}
	switch p.Kind {
	case KindARP:
		header.Type = TypeARP
		return p.ARP.Append(header.appendHeader(dst))
	case KindIPv4:
		header.Type = TypeIPv4
		return p.IPv4.Append(header.appendHeader(dst))
	case KindUDP:
		header.Type, p.IPv4.Protocol = TypeIPv4, ProtocolUDP
		dst, err := p.IPv4.appendHeader(header.appendHeader(dst), UDPSize+len(p.UDP.Payload))
		if err != nil {
			return dst, err
		}
		return p.UDP.Append(dst, p.IPv4.Source, p.IPv4.Destination)
	case KindICMP:
		header.Type, p.IPv4.Protocol = TypeIPv4, ProtocolICMP
		dst, err := p.IPv4.appendHeader(header.appendHeader(dst), ICMPSize+len(p.ICMP.Payload))
		if err != nil {
			return dst, err
		}
		return p.ICMP.Append(dst)
	}
	return p.Frame.Append(dst)
}

// appendHeader is Append without the payload.
func (f *Frame) appendHeader(dst []byte) []byte {
	dst = append(append(dst, f.Destination[:]...), f.Source[:]...)
	return append(dst, byte(f.Type>>8), byte(f.Type))
}

// Reply turns the packet round: it goes from a station to the one it came from,
// with IPs and ports on the other sides, and as a host sends one of its own
// accord. What it carries stays, but an echo request of ICMP becomes the reply,
// and an ARP question the answer that its target IP has that station's MAC, for
// the station that the question says has asked, RFC 826.
func (p *Packet) Reply(from MAC) {
	p.Destination, p.Source = p.Source, from
	switch p.Kind {
	case KindARP:
		p.Destination = p.ARP.SenderMAC
		p.ARP.answer(from)
	case KindIPv4, KindUDP, KindICMP:
		h := &p.IPv4
		h.Source, h.Destination = h.Destination, h.Source
		h.Service, h.ID, h.Fragment, h.TTL, h.Options = 0, 0, 0, TTL, nil
	}
	switch p.Kind {
	case KindUDP:
		p.UDP.Source, p.UDP.Destination = p.UDP.Destination, p.UDP.Source
	case KindICMP:
		if p.ICMP.Type == EchoRequest {
			p.ICMP.Type = EchoReply
		}
	}
}

// answer turns a question round.
func (a *ARP) answer(from MAC) {
	switch a.Operation {
	case Request:
		a.Operation = Reply
	case InverseRequest:
		a.Operation = InverseReply
	}
	a.SenderIP, a.TargetIP = a.TargetIP, a.SenderIP
	a.TargetMAC, a.SenderMAC = a.SenderMAC, from
}

// Host is an end of a datagram: where it is on the Ethernet, and in IPv4.
type Host struct {
	MAC  MAC
	IP   IP
	Port uint16
}

// Datagram makes the packet a UDP datagram from one host to another.
func (p *Packet) Datagram(from, to Host, payload []byte) {
	p.packet(KindUDP, from, to)
	p.UDP.Source, p.UDP.Destination, p.UDP.Payload = from.Port, to.Port, payload
}

// Echo makes the packet an echo request of ICMP.
func (p *Packet) Echo(from, to Host, id, sequence uint16, payload []byte) {
	p.packet(KindICMP, from, to)
	p.ICMP.Type, p.ICMP.Code, p.ICMP.ID, p.ICMP.Sequence, p.ICMP.Payload = EchoRequest, 0, id, sequence, payload
}

func (p *Packet) packet(k Kind, from, to Host) {
	p.Kind, p.Source, p.Destination = k, from.MAC, to.MAC
	h := &p.IPv4
	h.Service, h.ID, h.Fragment, h.TTL, h.Options = 0, 0, 0, TTL, nil
	h.Source, h.Destination = from.IP, to.IP
}

// Ask makes the packet an ARP question to all: who has an IP?
func (p *Packet) Ask(mac MAC, own, wanted IP) {
	p.Kind, p.Source, p.Destination = KindARP, mac, Broadcast
	p.ARP = ARP{Operation: Request, SenderMAC: mac, SenderIP: own, TargetIP: wanted}
}

// Announce makes the packet one that tells all which MAC an IP has, RFC 5227,
// section 3: a question for the own IP, which nobody answers.
func (p *Packet) Announce(mac MAC, own IP) { p.Ask(mac, own, own) }
