package eth

import (
	"fmt"
	"strconv"
	"strings"

	"example.com/dsim/des/suggest"
)

// IP is an address of IPv4. The zero IP is that of a host that has none yet.
type IP [4]byte

// BroadcastIP is the IP of all hosts of the network a packet is sent on.
var BroadcastIP = IP{255, 255, 255, 255}

// ParseIP reads an IP as String writes it, as 10.0.0.2, and in no other form:
// zeros in front of a number are read as octal elsewhere.
func ParseIP(s string) (IP, error) {
	var a IP
	parts := strings.SplitN(s, ".", len(a)+1)
	for i := range min(len(parts), len(a)) {
		n, err := strconv.ParseUint(parts[i], 10, 8)
		if err != nil {
			break
		}
		a[i] = byte(n)
	}
	if a.String() != s {
		return IP{}, fmt.Errorf("address %s: want four numbers from 0 to 255, as 10.0.0.2", suggest.Quoted(s))
	}
	return a, nil
}

// String is the IP as four decimal numbers.
func (a IP) String() string { return string(a.AppendText(make([]byte, 0, len("255.255.255.255")))) }

// AppendText appends the IP as String writes it.
func (a IP) AppendText(dst []byte) []byte {
	for i, c := range a {
		if i > 0 {
			dst = append(dst, '.')
		}
		dst = strconv.AppendUint(dst, uint64(c), 10)
	}
	return dst
}

// Uint32 is the IP as a number, and IPNumbered its reverse.
func (a IP) Uint32() uint32 {
	return uint32(a[0])<<24 | uint32(a[1])<<16 | uint32(a[2])<<8 | uint32(a[3])
}

// IPNumbered is the IP with a number.
func IPNumbered(n uint32) IP { return IP{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)} }

// Prefix is the IPs that share their first bits. The zero Prefix is all IPs.
type Prefix struct {
	IP   IP
	Bits uint8 // 0 to 32; the bits of IP behind them are 0
}

// ParsePrefix reads a prefix as String writes it, as 10.0.0.0/24; an IP alone
// is the prefix of that IP.
func ParsePrefix(s string) (Prefix, error) {
	text, length, cut := strings.Cut(s, "/")
	ip, err := ParseIP(text)
	if err != nil {
		return Prefix{}, fmt.Errorf("prefix: %w", err)
	}
	bits := uint64(32)
	if cut {
		if bits, err = strconv.ParseUint(length, 10, 8); err != nil || bits > 32 || length != strconv.FormatUint(bits, 10) {
			return Prefix{}, fmt.Errorf("prefix %s: want a length from 0 to 32, as 10.0.0.0/24", suggest.Quoted(s))
		}
	}
	p := Prefix{IP: ip, Bits: uint8(bits)}
	if n := ip.Uint32(); n&p.mask() != n {
		p.IP = IPNumbered(n & p.mask())
		return Prefix{}, fmt.Errorf("prefix %s: has bits behind its length, want %s", suggest.Quoted(s), p)
	}
	return p, nil
}

func (p Prefix) mask() uint32 { return uint32(^uint64(0) << (32 - min(p.Bits, 32))) }

// Mask is the prefix's length as a subnet mask, as 255.255.255.0.
func (p Prefix) Mask() IP { return IPNumbered(p.mask()) }

// Contains reports whether an IP has the prefix.
func (p Prefix) Contains(a IP) bool { return a.Uint32()&p.mask() == p.IP.Uint32()&p.mask() }

// String is the prefix as 10.0.0.0/24.
func (p Prefix) String() string { return p.IP.String() + "/" + strconv.Itoa(int(p.Bits)) }
