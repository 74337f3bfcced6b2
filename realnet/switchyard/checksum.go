package switchyard

import "encoding/binary"

// finishChecksum finishes the checksum of a TCP or UDP segment that the system
// left to the hardware. Between virtual interfaces there is none, and a socket
// of raw frames sees the field as the driver gets it: the sum over the pseudo
// header alone, not inverted. It reports whether there was such a one.
func finishChecksum(frame []byte) bool {
	const head = 14 // of Ethernet II
	if len(frame) < head {
		return false
	}
	packet := frame[head:]
	var addresses, segment []byte
	var protocol byte
	switch binary.BigEndian.Uint16(frame[12:]) {
	case 0x0800:
		addresses, protocol, segment = ipv4(packet)
	case 0x86dd:
		addresses, protocol, segment = ipv6(packet)
	}
	at := 0
	switch protocol {
	case 6:
		at = 16
	case 17:
		at = 6
	}
	if at == 0 || len(segment) < at+2 {
		return false
	}
	field := segment[at : at+2]
	pseudo := sum(uint64(protocol)+uint64(len(segment)), addresses)
	if binary.BigEndian.Uint16(field) != pseudo {
		return false
	}
	done := ^sum(0, segment) // the field has the pseudo header in it
	if done == 0 && protocol == 17 {
		done = 0xffff // zero is no checksum, RFC 768
	}
	binary.BigEndian.PutUint16(field, done)
	return true
}

// ipv4 gives what of a packet goes into a checksum; nothing of one that is not
// whole, or a fragment.
func ipv4(b []byte) (addresses []byte, protocol byte, segment []byte) {
	if len(b) < 20 || b[0]>>4 != 4 {
		return nil, 0, nil
	}
	head, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if head < 20 || total < head || total > len(b) || binary.BigEndian.Uint16(b[6:])&0x3fff != 0 {
		return nil, 0, nil
	}
	return b[12:20], b[9], b[head:total]
}

// ipv6 is the same for packets without extension headers.
func ipv6(b []byte) (addresses []byte, protocol byte, segment []byte) {
	const head = 40
	if len(b) < head || b[0]>>4 != 6 {
		return nil, 0, nil
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n > len(b)-head {
		return nil, 0, nil
	}
	return b[8:40], b[6], b[head : head+n]
}

// sum is the sum of 16-bit words in ones' complement, RFC 1071.
func sum(s uint64, b []byte) uint16 {
	for ; len(b) > 1; b = b[2:] {
		s += uint64(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		s += uint64(b[0]) << 8
	}
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}
