package eth

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"example.com/dsim/des"
	"example.com/dsim/protocols/wire"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Frames from literal bytes, made by another program; tshark finds all their
// checksums good.
const (
	head     = "025359000001 025359000002 "
	ping     = head + "0800 450000260000000040 1166c5 0a000001 0a000002 3039 1b5f 0012 746b 6d6172636f20706f6c6f"
	pong     = "025359000002 025359000001 0800 450000260000000040 1166c5 0a000002 0a000001 1b5f 3039 0012 746b 6d6172636f20706f6c6f"
	whoHas   = "ffffffffffff 025359000002 0806 0001 0800 06 04 0001 025359000002 0a000001 000000000000 0a000002"
	isAt     = "025359000002 025359000001 0806 0001 0800 06 04 0002 025359000001 0a000002 025359000002 0a000001"
	echoAsk  = head + "0800 450000230000000040 0166d8 0a000001 0a000002 08 00 66ca 0007 0001 61626364656667"
	echoBack = "025359000002 025359000001 0800 450000230000000040 0166d8 0a000002 0a000001 00 00 6eca 0007 0001 61626364656667"
	options  = head + "0800 4600002a0000000040 11d1bc 0a000001 0a000002 94040000 3039 1b5f 0012 746b 6d6172636f20706f6c6f"
	fragment = head + "0800 450000260009200040 1146bc 0a000001 0a000002 3039 1b5f 0012 746b 6d6172636f20706f6c6f"
	tcp      = head + "0800 450000280000000040 0666ce 0a000001 0a000002 0000000000000000000000000000000000000000"
	allOnes  = head + "0800 4500001e0000000040 1166cd 0a000001 0a000002 0001 0002 000a ffff ebd4"
	other    = head + "88cc 0207"
)

// literals are the frames that are whole, and their lines.
var literals = []struct {
	hex, line string
	kind      Kind
}{
	{ping, `02:53:59:00:00:02 > 02:53:59:00:00:01 udp 10.0.0.1:12345 > 10.0.0.2:7007, 10 bytes "marco polo"`, KindUDP},
	{pong, `02:53:59:00:00:01 > 02:53:59:00:00:02 udp 10.0.0.2:7007 > 10.0.0.1:12345, 10 bytes "marco polo"`, KindUDP},
	{whoHas, "02:53:59:00:00:02 > ff:ff:ff:ff:ff:ff arp request: who has 10.0.0.2, tell 10.0.0.1", KindARP},
	{isAt, "02:53:59:00:00:01 > 02:53:59:00:00:02 arp reply: 10.0.0.2 is at 02:53:59:00:00:01", KindARP},
	{echoAsk, `02:53:59:00:00:02 > 02:53:59:00:00:01 icmp 10.0.0.1 > 10.0.0.2 echo-request id 7 sequence 1, 7 bytes "abcdefg"`, KindICMP},
	{echoBack, `02:53:59:00:00:01 > 02:53:59:00:00:02 icmp 10.0.0.2 > 10.0.0.1 echo-reply id 7 sequence 1, 7 bytes "abcdefg"`, KindICMP},
	{options, `02:53:59:00:00:02 > 02:53:59:00:00:01 udp 10.0.0.1:12345 > 10.0.0.2:7007, 10 bytes "marco polo"`, KindUDP},
	{tcp, "02:53:59:00:00:02 > 02:53:59:00:00:01 ipv4 10.0.0.1 > 10.0.0.2 protocol tcp, 20 bytes 0000000000000000000000000000000000000000", KindIPv4},
	{allOnes, "02:53:59:00:00:02 > 02:53:59:00:00:01 udp 10.0.0.1:1 > 10.0.0.2:2, 2 bytes ebd4", KindUDP},
	{other, "02:53:59:00:00:02 > 02:53:59:00:00:01 0x88cc, 2 bytes 0207", KindFrame},
}

func TestLiteralFramesBothWays(t *testing.T) {
	var p Packet
	for _, c := range literals {
		b := unhex(t, c.hex)
		if err := p.Parse(b); err != nil || p.Kind != c.kind {
			t.Errorf("%s: %v, %v", c.hex, p.Kind, err)
			continue
		}
		if got, err := p.Append(nil); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%v\n got %x\nwant %x", err, got, b)
		}
		if got := Line(b); got != c.line {
			t.Errorf("\n got %s\nwant %s", got, c.line)
		}
	}
}

func TestFramesAreMade(t *testing.T) {
	one, _ := ParseMAC("02:53:59:00:00:01")
	two, _ := ParseMAC("02:53:59:00:00:02")
	ours, theirs := Host{two, IP{10, 0, 0, 1}, 12345}, Host{one, IP{10, 0, 0, 2}, 7007}
	var p Packet
	check := func(want string) {
		t.Helper()
		if b, err := p.Append(nil); err != nil || !bytes.Equal(b, unhex(t, want)) {
			t.Errorf("%v\n got %x\nwant %x", err, b, unhex(t, want))
		}
	}
	p.Datagram(ours, theirs, []byte("marco polo"))
	check(ping)
	p.Reply(one)
	check(pong)
	p.Ask(two, ours.IP, theirs.IP)
	check(whoHas)
	p.Reply(one)
	check(isAt)
	p.Echo(ours, theirs, 7, 1, []byte("abcdefg"))
	check(echoAsk)
	p.Reply(one)
	check(echoBack)
	if err := p.Parse(unhex(t, options)); err != nil {
		t.Fatal(err)
	}
	p.Reply(one)
	check(pong) // a host's own packet: without the other's options
	p.Announce(one, theirs.IP)
	check("ffffffffffff 025359000001 0806 0001 0800 06 04 0001 025359000001 0a000002 000000000000 0a000002")
}

// RFC 1071, section 3, and the header that Wikipedia shows for IPv4.
func TestChecksumsOfTheBooks(t *testing.T) {
	b := unhex(t, "0001 f203 f4f5 f6f7")
	if got := sum(0).bytes(b).checksum(); got != 0xffff^0xddf2 {
		t.Errorf("%#x", got)
	}
	for cut := 0; cut <= len(b); cut += 2 { // in parts, it is the same
		if got := sum(0).bytes(b[:cut]).bytes(b[cut:]).checksum(); got != 0xffff^0xddf2 {
			t.Errorf("cut at %d: %#x", cut, got)
		}
	}
	if got := sum(0).bytes(b[:7]).checksum(); got != 0xffff^0xdcfb { // the odd byte is the upper one
		t.Errorf("seven bytes: %#x", got)
	}
	if got := sum(0).bytes(unhex(t, "4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7")).checksum(); got != 0 {
		t.Errorf("%#x", got)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	at := func(s string, i int, with string) string {
		s = strings.ReplaceAll(s, " ", "")
		return s[:2*i] + with + s[2*i+len(with):]
	}
	for _, c := range []struct{ hex, want string }{
		{"", "ethernet: destination at byte 0: 0 bytes, want at least 6"},
		{"02535900000102535900000208", "ethernet: type at byte 12: 1 bytes, want at least 2"},
		{head + "0806", "arp: hardware at byte 0: 0 bytes, want at least 2"},
		{at(whoHas, 15, "06"), "arp: hardware at byte 0: 0x6, want 0x1"},
		{at(whoHas, 17, "06"), "arp: protocol at byte 2: 0x6, want 0x0"},
		{at(whoHas, 18, "08"), "arp: lengths at byte 4: 0x8, want 0x6"},
		{strings.ReplaceAll(whoHas, " ", "")[:82], "arp: target-ip at byte 24: 3 bytes, want at least 4"},
		{head + "0800", "ipv4: version at byte 0: 0 bytes, want at least 1"},
		{at(ping, 14, "65"), "ipv4: version at byte 0: 0x6, want 0x4"},
		{at(ping, 14, "44"), "ipv4: version at byte 0: 4 is out of range, the nearest allowed is 5"},
		{at(ping, 16, "0013"), "ipv4: length at byte 2: 19 is out of range, the nearest allowed is 20"},
		{at(ping, 16, "0027"), "ipv4: length at byte 2: 38 bytes, want at least 39"},
		{at(at(ping, 16, "0014"), 14, "46"), "ipv4: length at byte 2: 20 is out of range, the nearest allowed is 24"},
		{at(ping, 22, "41"), "ipv4: checksum at byte 10: checksum 0x66c5, computed 0x65c5"},
		{at(ping, 38, "0007"), "udp: length at byte 4: 7 is out of range, the nearest allowed is 8"},
		{at(ping, 38, "0013"), "udp: length at byte 4: 18 bytes, want at least 19"},
		{at(ping, 51, "6e"), "udp: checksum at byte 6: checksum 0x746b, computed 0x746c"},
		{at(echoAsk, 48, "66"), "icmp: checksum at byte 2: checksum 0x66ca, computed 0x67ca"},
		{head + "0800 450000140000000040 0166e7 0a000001 0a000002", "icmp: type at byte 0: 0 bytes, want at least 1"},
		{fragment, ErrFragment.Error()},
	} {
		b := unhex(t, c.hex)
		var p Packet
		if err := p.Parse(b); err == nil || err.Error() != c.want {
			t.Errorf("%s\n got %v\nwant %s", c.hex, err, c.want)
		}
		if line := Line(b); !strings.HasSuffix(line, c.want) {
			t.Errorf("the line does not say so: %s", line)
		}
	}
	var p Packet
	if err := p.Parse(unhex(t, fragment)); !errors.Is(err, ErrFragment) || p.Kind != KindFrame {
		t.Errorf("%v, %v", p.Kind, err)
	}
}

func TestWhatIsLawfulAndRareIsTaken(t *testing.T) {
	var p Packet
	for what, frame := range map[string]string{
		"padding behind ARP":   whoHas + "000000000000000000000000000000000000",
		"padding behind IPv4":  ping + "0000",
		"padding behind UDP":   head + "0800 450000280000000040 1166c3 0a000001 0a000002 3039 1b5f 0012 746b 6d6172636f20706f6c6f ffff",
		"no checksum of UDP":   strings.Replace(ping, "746b", "0000", 1),
		"a packet not to part": strings.Replace(strings.Replace(ping, "0000000040", "0000400040", 1), "1166c5", "1126c5", 1),
	} {
		if err := p.Parse(unhex(t, frame)); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if p.Kind == KindUDP && string(p.UDP.Payload) != "marco polo" {
			t.Errorf("%s: payload %q", what, p.UDP.Payload)
		}
	}
}

func TestWhatDoesNotFitIsNotMade(t *testing.T) {
	var p Packet
	long := make([]byte, 0x10000)
	host := Host{}
	for _, c := range []struct {
		want  string
		build func()
	}{
		{"ipv4: length at byte 2: 65564 does not fit, want at most 65535", func() { p.Datagram(host, host, long) }},
		{"ipv4: length at byte 2: 65564 does not fit, want at most 65535", func() { p.Echo(host, host, 1, 1, long) }},
		{"ethernet: payload at byte 14: 65536 bytes, want at most 65535", func() { p.Kind, p.Frame.Payload = KindFrame, long }},
		{"ipv4: options at byte 20: 5 is out of range, the nearest allowed is 4", func() { p.Datagram(host, host, nil); p.IPv4.Options = long[:5] }},
		{"ipv4: options at byte 20: 44 is out of range, the nearest allowed is 40", func() { p.Datagram(host, host, nil); p.IPv4.Options = long[:44] }},
		{ErrFragment.Error(), func() { p.Datagram(host, host, nil); p.IPv4.Fragment = 1 }},
	} {
		c.build()
		b, err := p.Append([]byte("x"))
		if err == nil || err.Error() != c.want || string(b) != "x" {
			t.Errorf("%d bytes, %v\nwant %s", len(b), err, c.want)
		}
	}
	if _, err := (&UDP{Payload: long}).Append(nil, IP{}, IP{}); err == nil {
		t.Error("a datagram of more than 65,535 bytes was made")
	}
}

// Law: any packet that can be made is read back as it was.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := des.SeedOf(rapid.Uint64().Draw(t, "seed")).Rand("packet", 0, "test")
		draw := wire.DrawFrom(&r)
		var p, q Packet
		p.Kind = Kind(rapid.IntRange(int(KindARP), int(KindICMP)).Draw(t, "kind"))
		frames.Generate(draw, &p.Frame)
		arps.Generate(draw, &p.ARP)
		ipv4s.Generate(draw, &p.IPv4)
		udps.Generate(draw, &p.UDP)
		icmps.Generate(draw, &p.ICMP)
		payload := rapid.SliceOfN(rapid.Byte(), 0, 99).Draw(t, "payload")
		p.IPv4.Payload, p.UDP.Payload, p.ICMP.Payload = payload, payload, payload
		p.IPv4.Fragment &= DontFragment
		p.IPv4.Options = make([]byte, 4*rapid.IntRange(0, 10).Draw(t, "options"))
		if p.IPv4.Protocol == ProtocolUDP || p.IPv4.Protocol == ProtocolICMP {
			p.IPv4.Protocol = ProtocolTCP
		}
		b, err := p.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := q.Parse(b); err != nil || q.Kind != p.Kind {
			t.Fatalf("%v, %v", q.Kind, err)
		}
		again, err := q.Append(nil)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%v\n got %x\nwant %x", err, again, b)
		}
		if q.Kind == KindARP && q.ARP != p.ARP || q.Kind == KindUDP && (q.UDP.Source != p.UDP.Source || !bytes.Equal(q.UDP.Payload, payload)) {
			t.Fatalf("%+v, want %+v", q, p)
		}
	})
}

// Law: a flipped bit in what a checksum covers is found.
func TestEveryFlippedBitIsFound(t *testing.T) {
	var p Packet
	for _, frame := range []string{ping, echoAsk} {
		b := unhex(t, frame)
		for bit := HeaderSize * 8; bit < len(b)*8; bit++ {
			b[bit/8] ^= 1 << (bit % 8)
			if err := p.Parse(b); err == nil && p.Kind >= KindUDP {
				t.Errorf("bit %d of byte %d: %s", bit%8, bit/8, Line(b))
			}
			b[bit/8] ^= 1 << (bit % 8)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	var p Packet
	in, out := unhex(t, ping), make([]byte, 0, 2048)
	mac := MAC{2}
	if n := testing.AllocsPerRun(100, func() {
		if err := p.Parse(in); err != nil {
			t.Fatal(err)
		}
		p.Reply(mac)
		var err error
		if out, err = p.Append(out[:0]); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAddressesAsText(t *testing.T) {
	for _, s := range []string{"00:00:00:00:00:00", "02:53:59:00:00:01", "ff:ff:ff:ff:ff:ff"} {
		if m, err := ParseMAC(s); err != nil || m.String() != s {
			t.Errorf("%s: %s, %v", s, m, err)
		}
	}
	if m, err := ParseMAC("AA:bC:00:0f:F0:9d"); err != nil || m.String() != "aa:bc:00:0f:f0:9d" {
		t.Errorf("%s, %v", m, err)
	}
	for _, s := range []string{"", "02:53:59:00:00", "02:53:59:00:00:01:", "02-53-59-00-00-01", "0g:53:59:00:00:01", "2:53:59:00:00:001", "02:53:59:00:00:0"} {
		if m, err := ParseMAC(s); err == nil {
			t.Errorf("%q is %s", s, m)
		}
	}
	for _, s := range []string{"0.0.0.0", "10.0.0.2", "255.255.255.255"} {
		if a, err := ParseIP(s); err != nil || a.String() != s || IPNumbered(a.Uint32()) != a {
			t.Errorf("%s: %s, %v", s, a, err)
		}
	}
	for _, s := range []string{"", "10.0.0", "10.0.0.0.1", "10.0.0.256", "10.0.0.02", "10.0.0.+2", "10..0.2", "10.0.0.2 ", "::1"} {
		if a, err := ParseIP(s); err == nil {
			t.Errorf("%q is %s", s, a)
		}
	}
	for s, last := range map[string]IP{"0.0.0.0/0": {255, 255, 255, 255}, "10.0.0.0/24": {10, 0, 0, 255}, "10.0.0.2/32": {10, 0, 0, 2}} {
		p, err := ParsePrefix(s)
		if err != nil || p.String() != s || !p.Contains(last) || p.Bits > 0 && p.Contains(IPNumbered(last.Uint32()+1)) {
			t.Errorf("%s: %s, %v", s, p, err)
		}
	}
	if p, err := ParsePrefix("10.0.0.2"); err != nil || p.Bits != 32 || p.Mask() != BroadcastIP {
		t.Errorf("%s, %v", p, err)
	}
	for _, s := range []string{"", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.1/24", "/8"} {
		if p, err := ParsePrefix(s); err == nil {
			t.Errorf("%q is %s", s, p)
		}
	}
	m, _ := ParseMAC("02:53:59:00:01:02")
	if !m.Local() || m.Multicast() || !m.Station() || Broadcast.Station() || (MAC{}).Station() || m.Uint64() != 0x025359000102 {
		t.Errorf("%s: %#x", m, m.Uint64())
	}
}

// Any bytes may come: nothing panics, the line is a line, and what was read is
// written as it was, but for padding and for a UDP checksum that was left out.
func FuzzParse(f *testing.F) {
	for _, c := range literals {
		f.Add(unhex(f, c.hex))
	}
	f.Add(unhex(f, fragment))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var p, q Packet
		given := slices.Clone(b)
		err := p.Parse(b)
		if line := string(p.AppendLine(nil, err)); line == "" || strings.ContainsAny(line, "\n\r\x1b") {
			t.Fatalf("line %q", line)
		}
		if !bytes.Equal(given, b) {
			t.Fatal("Parse wrote to the frame")
		}
		if err != nil {
			return
		}
		out, err := p.Append(nil)
		if err != nil {
			t.Fatalf("%v\n%x", err, b)
		}
		if p.Kind != KindUDP && !bytes.HasPrefix(b, out) || len(out) > len(b) {
			t.Fatalf("\n got %x\nfrom %x", out, b)
		}
		if err := q.Parse(out); err != nil || q.Kind != p.Kind || Line(out) != string(p.AppendLine(nil, nil)) {
			t.Fatalf("%v: %s\n%s", err, Line(out), Line(b))
		}
		if p.Reply(MAC{2}); p.Kind != KindNone {
			if _, err := p.Append(nil); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkPingIsAnswered(b *testing.B) {
	in, out := unhex(b, ping), make([]byte, 0, 2048)
	var p Packet
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if p.Parse(in) != nil {
			b.Fatal("bad frame")
		}
		p.Reply(MAC{2})
		out, _ = p.Append(out[:0])
	}
}
