// Package eth takes Ethernet frames apart and puts them together: Ethernet II,
// ARP, IPv4, UDP and ICMP, with their checksums. The bytes of each header are a
// table of package wire; a [Packet] is all tables of one frame.
//
//	var p eth.Packet // in the protocol's state: nothing is allocated
//	if err := p.Parse(frame); err == nil && p.Kind == eth.KindUDP {
//		p.Reply() // MACs, addresses and ports change sides
//		e.Send(port, p.Append(e.Buf()))
//	}
//
// What is parsed is strict where a receiver must be: lengths, versions and
// checksums are held against the frame, and what does not fit is an error that
// names the header, the field and the byte. What is lawful and rare is taken:
// options of IPv4 are skipped, bytes behind the packet are padding, and a UDP
// checksum of 0 is none. Fragments of IPv4 are refused with [ErrFragment], since
// nothing here puts them together again.
//
// Frames have no frame check sequence, and none is padded to 60 bytes: both
// belong to a wire, which is a link's business. What is spoken inside of UDP
// lies in packages of its own: dhcp, dns and ntp.
package eth
