package switchyard

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"example.com/dsim/protocols/eth"
	"example.com/dsim/realnet/socket"
)

// left is a datagram of a kernel's over a virtual cable, as a raw socket has it:
// the checksum is the sum of the pseudo header, 0a010009 0a010002 0011 000f.
const left = "02535900000b" + "0217e67b0c9a" + "0800" +
	"45000023" + "00004000" + "4011" + "26be" + "0a010009" + "0a010002" + // IPv4
	"c0001b5f" + "000f" + "142d" + // UDP
	"6d6172636f2070" // seven bytes: marco p

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestChecksumsThatWereLeftAreFinished(t *testing.T) {
	b := unhex(t, left)
	if p := (eth.Packet{}); p.Parse(b) == nil {
		t.Fatal("the datagram has a checksum already")
	}
	if !finishChecksum(b) {
		t.Fatal("it was not seen")
	}
	var p eth.Packet
	if err := p.Parse(b); err != nil || string(p.UDP.Payload) != "marco p" {
		t.Errorf("it was finished wrong: %v", err)
	}
	before := string(b)
	if finishChecksum(b) || string(b) != before {
		t.Error("it was finished twice")
	}
	v6 := unhex(t, "333300000001"+"0217e67b0c9a"+"86dd"+
		"60000000"+"0014"+"06ff"+"fe800000000000000000000000000001"+"fe800000000000000000000000000002"+
		"0016c000"+"00000001"+"00000000"+"50020400"+"fd1e"+"0000") // SYN; fe80+1+fe80+2+6+20
	if !finishChecksum(v6) || sum(6+20, v6[22:]) != 0xffff {
		t.Errorf("a segment over IPv6 was finished wrong: %x", v6[54:])
	}
}

// TestOtherFramesAreLeftAlone cuts the frame short everywhere, and makes it one
// that is not to be touched.
func TestOtherFramesAreLeftAlone(t *testing.T) {
	whole := unhex(t, left)
	for n := range whole {
		b := append([]byte{}, whole[:n]...)
		if finishChecksum(b) {
			t.Errorf("the first %d bytes were finished", n)
		}
	}
	for name, change := range map[string]func([]byte){
		"a wrong checksum": func(b []byte) { b[40]++ },
		"a fragment":       func(b []byte) { b[20] |= 0x20 },
		"another protocol": func(b []byte) { b[23] = 1 },
		"another version":  func(b []byte) { b[14] = 0x55 },
		"another type":     func(b []byte) { b[12] = 9 },
		"a short header":   func(b []byte) { b[14] = 0x44 },
		"a length beyond":  func(b []byte) { binary.BigEndian.PutUint16(b[16:], 36) },
	} {
		b := append([]byte{}, whole...)
		change(b)
		before := string(b)
		if finishChecksum(b) || string(b) != before {
			t.Errorf("%s was finished", name)
		}
	}
}

func TestOnlyEthernetIsJoined(t *testing.T) {
	if _, err := Join(t.Context(), Options{}, socket.Config{Kind: "udp"}, nil); err == nil || !strings.Contains(err.Error(), "want tap or raw") {
		t.Errorf("udp: %v", err)
	}
}
