package dns

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"example.com/dsim/des/suggest"
	"example.com/dsim/protocols/eth"
)

// Bounds of names, RFC 1035, section 2.3.4.
const (
	labelMax = 63
	nameMax  = 255 // bytes on the wire, with all lengths
	jumpsMax = 126 // more pointers than a name has labels lead nowhere
)

// Name is a domain name as people write it, in lower case and without the dot
// at the end: "svc_echo", "2.0.0.10.in-addr.arpa". The empty Name is the root.
// A dot or backslash inside of a label, and a byte that does not print, stands
// as \046 does: a backslash and three decimal digits.
type Name string

// ParseName reads a name as String writes it; capitals and a dot at the end are
// taken.
func ParseName(s string) (Name, error) {
	b, err := appendName(nil, Name(strings.TrimSuffix(s, ".")))
	if err == nil {
		var n Name
		if n, _, err = readName(b, 0); err == nil {
			return n, nil
		}
	}
	return "", fmt.Errorf("name %s: %w", suggest.Quoted(s), err)
}

var (
	errEmptyLabel = errors.New("a label is empty")
	errLongLabel  = fmt.Errorf("a label has more than %d bytes", labelMax)
	errLongName   = fmt.Errorf("longer than %d bytes", nameMax)
	errEscape     = errors.New("a backslash wants three decimal digits up to 255 behind it")
	errCut        = errors.New("ends in the middle")
	errPointer    = errors.New("a compression pointer does not lead backwards")
	errLabelKind  = errors.New("a label of a kind that is not known")
)

// appendName encodes a name, without compression.
func appendName(dst []byte, n Name) ([]byte, error) {
	start := len(dst)
	if n == "" {
		return append(dst, 0), nil
	}
	length := len(dst) // where the label's length goes
	dst = append(dst, 0)
	for i := 0; i < len(n); i++ {
		c := n[i]
		switch {
		case c == '.':
			if err := endLabel(dst, length); err != nil {
				return dst[:start], err
			}
			length = len(dst)
			c = 0 // the next length
		case c == '\\':
			v, err := strconv.ParseUint(string(n[i+1:min(i+4, len(n))]), 10, 8)
			if err != nil || i+4 > len(n) {
				return dst[:start], errEscape
			}
			c, i = byte(v), i+3
		}
		dst = append(dst, c)
		if len(dst)-start > nameMax-1 {
			return dst[:start], errLongName
		}
	}
	if err := endLabel(dst, length); err != nil {
		return dst[:start], err
	}
	return append(dst, 0), nil
}

// endLabel writes the length of the label that ends here.
func endLabel(dst []byte, length int) error {
	switch n := len(dst) - length - 1; {
	case n == 0:
		return errEmptyLabel
	case n > labelMax:
		return errLongLabel
	default:
		dst[length] = byte(n)
		return nil
	}
}

// readName reads the name at off of a message, RFC 1035, section 4.1.4, and
// gives what lies behind it. Each pointer must lead before all that was read of
// the name, so that none can lead round in a circle.
func readName(msg []byte, off int) (n Name, next int, err error) {
	var text []byte
	size, jumps, least := 0, 0, off
	for {
		if off >= len(msg) {
			return "", 0, errCut
		}
		c := int(msg[off])
		switch c >> 6 {
		case 0:
			if size += 1 + c; size > nameMax {
				return "", 0, errLongName
			}
			if off+1+c > len(msg) {
				return "", 0, errCut
			}
			if c == 0 {
				if jumps == 0 {
					next = off + 1
				}
				return Name(text), next, nil
			}
			if len(text) > 0 {
				text = append(text, '.')
			}
			text = appendLabel(text, msg[off+1:off+1+c])
			off += 1 + c
		case 3:
			if off+2 > len(msg) {
				return "", 0, errCut
			}
			to := c&0x3f<<8 | int(msg[off+1])
			if jumps++; to >= least || jumps > jumpsMax {
				return "", 0, errPointer
			}
			if jumps == 1 {
				next = off + 2
			}
			off, least = to, to
		default:
			return "", 0, errLabelKind
		}
	}
}

// appendLabel writes a label's bytes as Name does.
func appendLabel(text, label []byte) []byte {
	for _, c := range label {
		switch {
		case 'A' <= c && c <= 'Z':
			text = append(text, c+'a'-'A') // RFC 1035, section 2.3.3: case means nothing
		case c <= ' ' || c > '~' || c == '.' || c == '\\':
			text = append(text, '\\')
			text = append(text, strconv.Itoa(1000 + int(c))[1:]...)
		default:
			text = append(text, c)
		}
	}
	return text
}

// The domains under which addresses have their names, of IPv4 (RFC 1035, section
// 3.5) and of IPv6 (RFC 3596, section 2.5).
const (
	reverse4 = ".in-addr.arpa"
	reverse6 = ".ip6.arpa"
)

// ReverseName is the name under which an address's name is asked for.
func ReverseName(a netip.Addr) Name {
	var text []byte
	b := a.AsSlice()
	slices.Reverse(b)
	for _, c := range b {
		if a.Is4() {
			text = append(strconv.AppendUint(text, uint64(c), 10), '.')
			continue
		}
		const digits = "0123456789abcdef"
		text = append(text, digits[c&15], '.', digits[c>>4], '.')
	}
	if a.Is4() {
		return Name(append(text, reverse4[1:]...))
	}
	return Name(append(text, reverse6[1:]...))
}

// Reversed is the address of a name that ReverseName gave.
func (n Name) Reversed() (netip.Addr, bool) {
	var a netip.Addr
	if text, ok := strings.CutSuffix(string(n), reverse4); ok {
		ip, err := eth.ParseIP(text)
		if err != nil {
			return a, false
		}
		slices.Reverse(ip[:])
		return netip.AddrFrom4(ip), true
	}
	text, ok := strings.CutSuffix(string(n), reverse6)
	if !ok || len(text) != 4*16-1 {
		return a, false
	}
	var b [16]byte
	for i := range 2 * len(b) {
		digit := strings.IndexByte("0123456789abcdef", text[2*i])
		if digit < 0 || 2*i+1 < len(text) && text[2*i+1] != '.' {
			return a, false
		}
		b[15-i/2] |= byte(digit) << (4 * (i % 2))
	}
	return netip.AddrFrom16(b), true
}

// LinkLocal is the IPv6 address that a station gives itself by its MAC, RFC
// 4291, appendix A.
func LinkLocal(m eth.MAC) netip.Addr {
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3], 14: m[4], 15: m[5]})
}
