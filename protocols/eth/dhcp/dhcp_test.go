package dhcp

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"example.com/dsim/des"
	"example.com/dsim/protocols/eth"
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

// zeros are the fields that hosts on one Ethernet leave empty: the rest of the
// MAC's 16 bytes, the server's name and the boot file; then the cookie.
var zeros = strings.Repeat("00", 10+64+128) + " 63825363 "

// A conversation, written down from RFC 2131, section 2, and RFC 2132; tshark
// reads it so.
var (
	discover = "01 01 06 00 3903f326 0000 8000 00000000 00000000 00000000 00000000 025359000002" + zeros + "350101 0c04636c6931 ff"
	offer    = "02 01 06 00 3903f326 0000 8000 00000000 0a000064 00000000 00000000 025359000002" + zeros +
		"350102 0104ffffff00 03040a000001 06040a000005 33040000003c 36040a000004 3a040000001e 3b0400000034 ff"
	request = "01 01 06 00 3903f326 0000 8000 00000000 00000000 00000000 00000000 025359000002" + zeros + "350103 32040a000064 36040a000004 ff"
)

var (
	client = eth.MAC{0x02, 0x53, 0x59, 0, 0, 2}
	given  = eth.IP{10, 0, 0, 100}
	server = eth.IP{10, 0, 0, 4}
)

func TestLiteralMessagesBothWays(t *testing.T) {
	for _, c := range []struct {
		hex, line string
		want      Message
	}{
		{discover, "DISCOVER 02:53:59:00:00:02", Message{Op: FromClient, ID: 0x3903f326, Broadcast: true, MAC: client, Type: Discover, Host: "cli1"}},
		{offer, "OFFER 02:53:59:00:00:02 yours 10.0.0.100 server 10.0.0.4 lease 60 s", Message{
			Op: FromServer, ID: 0x3903f326, Broadcast: true, Yours: given, MAC: client, Type: Offer, Server: server, Lease: 60, Renew: 30, Rebind: 52,
			Mask: eth.IP{255, 255, 255, 0}, Router: eth.IP{10, 0, 0, 1}, DNS: eth.IP{10, 0, 0, 5},
		}},
		{request, "REQUEST 02:53:59:00:00:02 asks 10.0.0.100 server 10.0.0.4", Message{
			Op: FromClient, ID: 0x3903f326, Broadcast: true, MAC: client, Type: Request, Asked: given, Server: server,
		}},
	} {
		b := unhex(t, c.hex)
		var m Message
		if err := m.Parse(b); err != nil || !same(&m, &c.want) || m.String() != c.line {
			t.Errorf("%v: %+v\n got %s\nwant %s", err, m, m.String(), c.line)
		}
		for len(b) < sizeMin {
			b = append(b, 0)
		}
		if got, err := m.Append([]byte("x")); err != nil || !bytes.Equal(got[1:], b) {
			t.Errorf("%v\n got %x\nwant %x", err, got[1:], b)
		}
	}
}

func same(a, b *Message) bool {
	x, y := *a, *b
	x.options, y.options = nil, nil
	return x.print() == y.print() && x.String() == y.String()
}

// print is everything in the message.
func (m *Message) print() string {
	s := messages.Print(m)
	for n := range byte(255) {
		switch n {
		case optionMask, optionRouter, optionDNS, optionAsked, optionServer:
			s += " " + m.address(n).String()
		case optionLease, optionT1, optionT2:
			s += " " + Type(0).String() + string(rune(*m.seconds(n)))
		}
	}
	return s + m.Host + "/" + m.Text
}

func TestReply(t *testing.T) {
	var m Message
	if err := m.Parse(unhex(t, request)); err != nil {
		t.Fatal(err)
	}
	nak := m.Reply(Nak, server)
	nak.Text = "not yours"
	if s := nak.String(); s != `NAK 02:53:59:00:00:02 server 10.0.0.4 "not yours"` || nak.ID != m.ID || !nak.Broadcast || nak.Op != FromServer {
		t.Errorf("%s: %+v", s, nak)
	}
	ack := m.Reply(Ack, server)
	ack.Lease = Forever
	if s := ack.String(); s != "ACK 02:53:59:00:00:02 server 10.0.0.4 lease for ever" {
		t.Error(s)
	}
	if s := Type(0).String() + Type(9).String() + Inform.String(); s != "TYPE0TYPE9INFORM" {
		t.Error(s)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	b := unhex(t, request)
	for n := range fixedSize + 5 {
		var m Message
		if m.Parse(b[:n]) == nil && n < fixedSize+3 {
			t.Errorf("%d bytes were taken", n)
		}
	}
	fixed := b[:fixedSize]
	for options, want := range map[string]string{
		"":               "dhcp: a message without a type",
		"ff 350101":      "dhcp: a message without a type",
		"0000 ff":        "dhcp: a message without a type",
		"35":             "dhcp: option 53 ends in the middle",
		"3501":           "dhcp: option 53 ends in the middle",
		"350101 3204":    "dhcp: option 50 ends in the middle",
		"3500":           "dhcp: option 53 of 0 bytes: ",
		"350100":         "dhcp: option 53 of 1 bytes: 00",
		"35020101":       "dhcp: option 53 of 2 bytes: 0101",
		"32030a0000":     "dhcp: option 50 of 3 bytes: 0a0000",
		"33020001":       "dhcp: option 51 of 2 bytes: 0001",
		"0300":           "dhcp: option 3 of 0 bytes: ",
		"06050a00000500": "dhcp: option 6 of 5 bytes: 0a00000500",
	} {
		var m Message
		if err := m.Parse(append(slices.Clone(fixed), unhex(t, options)...)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", options, err, want)
		}
	}
	for i, want := range map[int]string{
		0:   "dhcp: op at byte 0: 65 is out of range, the nearest allowed is 2",
		1:   "dhcp: hardware at byte 1: 0x41, want 0x1",
		236: "dhcp: cookie at byte 236: 0x41, want 0x63",
	} {
		bad := slices.Clone(b)
		bad[i] = 0x41
		var m Message
		if err := m.Parse(bad); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	var m Message
	if err := m.Parse(append(slices.Clone(fixed), unhex(t, "00 350105 06080a0000050a000006 3d0101 ff 35")...)); err != nil || m.DNS != (eth.IP{10, 0, 0, 5}) {
		t.Errorf("two name servers and an unknown option: %v, %s", err, m.DNS)
	}
}

// Law: what is written is read back.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := des.SeedOf(rapid.Uint64().Draw(t, "seed")).Rand("message", 0, "test")
		draw := wire.DrawFrom(&r)
		var m, n Message
		messages.Generate(draw, &m)
		m.options = nil
		m.Type = Type(1 + draw(8))
		for _, o := range []byte{optionMask, optionRouter, optionDNS, optionAsked, optionServer} {
			*m.address(o) = eth.IPNumbered(uint32(draw(2) * draw(1<<32)))
		}
		for _, o := range []byte{optionLease, optionT1, optionT2} {
			*m.seconds(o) = uint32(draw(2) * draw(1<<32))
		}
		m.Host, m.Text = strings.Repeat("h", int(draw(256))), strings.Repeat("t", int(draw(256)))
		b, err := m.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Parse(b); err != nil || !same(&m, &n) {
			t.Fatalf("%v\n got %s\nwant %s", err, n.print(), m.print())
		}
	})
}

// Any bytes: no panic, and what was read can be written and read again.
func FuzzParse(f *testing.F) {
	for _, s := range []string{discover, offer, request} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m, n Message
		if m.Parse(b) != nil {
			return
		}
		if s := m.String(); strings.ContainsAny(s, "\n\r\x1b") {
			t.Fatalf("%q", s)
		}
		out, err := m.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Parse(out); err != nil || !same(&m, &n) {
			t.Fatalf("%v\n got %s\nwant %s", err, n.print(), m.print())
		}
	})
}
