package eth

import "encoding/binary"

// sum is the internet checksum of RFC 1071 in the making: the sum of all words
// so far, in one's complement once it is folded.
type sum uint64

// bytes adds bytes, from an even place on; the last may be alone.
func (s sum) bytes(b []byte) sum {
	for len(b) >= 4 {
		s += sum(binary.BigEndian.Uint32(b)) // both words; the upper one is folded down
		b = b[4:]
	}
	if len(b) >= 2 {
		s += sum(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		s += sum(b[0]) << 8
	}
	return s
}

// checksum is the complement of the sum, as headers carry it.
func (s sum) checksum() uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return ^uint16(s)
}

// pseudo begins the sum of a transport's packet with what it takes from IPv4,
// RFC 768.
func pseudo(source, destination IP, p Protocol, size int) sum {
	return sum(0).bytes(source[:]).bytes(destination[:]) + sum(p) + sum(size)
}
