package eth

import (
	"fmt"

	"example.com/dsim/des/suggest"
)

// MAC is an address of an Ethernet station. The zero MAC is no station's.
type MAC [6]byte

// Broadcast is the MAC of all stations.
var Broadcast = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// macLength is the length of a MAC as text.
const macLength = len("02:53:59:00:00:01")

// ParseMAC reads a MAC as String writes it; capitals are taken too.
func ParseMAC(s string) (MAC, error) {
	var m MAC
	ok := len(s) == macLength
	for i := 0; ok && i < len(m); i++ {
		hi, lo := nibble(s[3*i]), nibble(s[3*i+1])
		ok = hi < 16 && lo < 16 && (i == 5 || s[3*i+2] == ':')
		m[i] = hi<<4 | lo
	}
	if !ok {
		return MAC{}, fmt.Errorf("mac %s: want six bytes in hexadecimal, as 02:53:59:00:00:01", suggest.Quoted(s))
	}
	return m, nil
}

func nibble(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}

// String is the MAC in hexadecimal, as 02:53:59:00:00:01.
func (m MAC) String() string { return string(m.AppendText(make([]byte, 0, macLength))) }

// AppendText appends the MAC as String writes it.
func (m MAC) AppendText(dst []byte) []byte {
	const digits = "0123456789abcdef"
	for i, c := range m {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = append(dst, digits[c>>4], digits[c&15])
	}
	return dst
}

// Multicast reports whether the MAC is of many stations, or of all.
func (m MAC) Multicast() bool { return m[0]&1 != 0 }

// Local reports whether the MAC was given by who runs the network, and not by
// the maker of the station.
func (m MAC) Local() bool { return m[0]&2 != 0 }

// Station reports whether the MAC can be of one station: it can be sent from.
func (m MAC) Station() bool { return !m.Multicast() && m != MAC{} }

// Uint64 is the MAC as a number, for what is emitted of it.
func (m MAC) Uint64() uint64 {
	v := uint64(0)
	for _, c := range m {
		v = v<<8 | uint64(c)
	}
	return v
}
