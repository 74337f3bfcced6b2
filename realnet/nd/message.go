package nd

import (
	"net/netip"

	"github.com/mdlayher/ndp"
)

// parse reads an ICMPv6 message, without its address and hop limit; false if it
// is none that takes part. The checksum was the system's to judge.
func parse(b []byte) (Heard, bool) {
	if len(b) < 8 || b[1] != 0 {
		return Heard{}, false
	}
	switch h := (Heard{Kind: Kind(b[0])}); h.Kind {
	case EchoRequest, EchoReply:
		return h, true
	case Solicitation, Advertisement:
		m, err := ndp.ParseMessage(b)
		if err != nil {
			return h, false
		}
		switch m := m.(type) {
		case *ndp.NeighborSolicitation:
			h.Target = m.TargetAddress
		case *ndp.NeighborAdvertisement:
			h.Target = m.TargetAddress
		default:
			return h, false
		}
		return h, h.Target.Is6() && !h.Target.IsMulticast()
	}
	return Heard{}, false
}

// allNodes is who is asked first: everybody on the link.
var allNodes = netip.MustParseAddr("ff02::1")

// marshal gives a message and where it goes. Its checksum is left to the system.
func marshal(s Send, hardware []byte, sequence uint16) (b []byte, to netip.Addr, err error) {
	if s.Kind == EchoRequest {
		// Type, code, checksum, identifier, sequence number; no data.
		return []byte{byte(EchoRequest), 0, 0, 0, 0xd5, 0x1a, byte(sequence >> 8), byte(sequence)}, allNodes, nil
	}
	to, err = ndp.SolicitedNodeMulticast(s.Target)
	if err != nil {
		return nil, to, err
	}
	m := &ndp.NeighborSolicitation{TargetAddress: s.Target}
	if len(hardware) == 6 {
		m.Options = []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: hardware}}
	}
	b, err = ndp.MarshalMessage(m)
	return b, to, err
}
