package dns

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"example.com/dsim/protocols/eth"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Messages from literal bytes: a question, and replies as common servers write
// them, with a pointer to the question's name at byte 12 where a name is meant.
const (
	echoName  = "08 7376635f6563686f 00"
	question  = "0007 0100 0001 0000 0000 0000 " + echoName + " 0001 0001"
	replyA    = "0007 8500 0001 0001 0000 0000 " + echoName + " 0001 0001 c00c 0001 0001 0000003c 0004 0a000002"
	replyLong = "0007 8500 0001 0001 0000 0000 " + echoName + " 0001 0001 " + echoName + " 0001 0001 0000003c 0004 0a000002"
	replyNone = "0007 8503 0001 0000 0000 0000 " + echoName + " 0001 0001"
	reply6    = "0008 8500 0001 0001 0000 0000 " + echoName + " 001c 0001 c00c 001c 0001 0000003c 0010 fe800000000000000053 59fffe000001"
	backName  = "01 32 01 30 01 30 02 3130 07 696e2d61646472 04 61727061 00"
	replyPTR  = "0009 8500 0001 0001 0000 0000 " + backName + " 000c 0001 c00c 000c 0001 0000003c 000a " + echoName
)

func TestLiteralMessages(t *testing.T) {
	for _, c := range []struct{ hex, again, line string }{
		{question, question, "question 7 A svc_echo"},
		{replyA, replyLong, "reply 7 NOERROR A svc_echo: A svc_echo 10.0.0.2"},
		{replyLong, replyLong, "reply 7 NOERROR A svc_echo: A svc_echo 10.0.0.2"},
		{replyNone, replyNone, "reply 7 NXDOMAIN A svc_echo"},
		{reply6, strings.Replace(reply6, "c00c", echoName, 1), "reply 8 NOERROR AAAA svc_echo: AAAA svc_echo fe80::53:59ff:fe00:1"},
		{replyPTR, strings.Replace(replyPTR, "c00c", backName, 1), "reply 9 NOERROR PTR 2.0.0.10.in-addr.arpa: PTR 2.0.0.10.in-addr.arpa svc_echo"},
	} {
		var m Message
		if err := m.Parse(unhex(t, c.hex)); err != nil || m.String() != c.line {
			t.Errorf("%v\n got %s\nwant %s", err, m.String(), c.line)
		}
		if b, err := m.Append([]byte("x")); err != nil || !bytes.Equal(b[1:], unhex(t, c.again)) {
			t.Errorf("%v\n got %x\nwant %x", err, b[1:], unhex(t, c.again))
		}
	}
}

func TestMessagesAreMade(t *testing.T) {
	ask := Ask(7, "svc_echo", TypeA)
	if b, err := ask.Append(nil); err != nil || !bytes.Equal(b, unhex(t, question)) {
		t.Errorf("%v: %x", err, b)
	}
	yes := ask.Reply(NoError, AddressRecord("svc_echo", netip.MustParseAddr("10.0.0.2"), 60))
	if b, err := yes.Append(nil); err != nil || !bytes.Equal(b, unhex(t, replyLong)) {
		t.Errorf("%v: %x", err, b)
	}
	no := ask.Reply(NameError)
	if b, err := no.Append(nil); err != nil || !bytes.Equal(b, unhex(t, replyNone)) {
		t.Errorf("%v: %x", err, b)
	}
	mac, _ := eth.ParseMAC("02:53:59:00:00:01")
	if a := LinkLocal(mac); a.String() != "fe80::53:59ff:fe00:1" {
		t.Error(a)
	}
	if r := PointerRecord(netip.AddrFrom4([4]byte{10, 0, 0, 2}), "svc_echo", 60); r.String() != "PTR 2.0.0.10.in-addr.arpa svc_echo" {
		t.Error(r)
	}
	if a, ok := Name("2.0.0.10.in-addr.arpa").Reversed(); !ok || a != netip.AddrFrom4([4]byte{10, 0, 0, 2}) {
		t.Error(a, ok)
	}
	// RFC 3596, section 2.5.
	const six = Name("b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa")
	book := netip.MustParseAddr("4321:0:1:2:3:4:567:89ab")
	if n := ReverseName(book); n != six {
		t.Errorf("%s is %s", book, n)
	}
	if a, ok := six.Reversed(); !ok || a != book {
		t.Error(a, ok)
	}
	for _, n := range []Name{
		"svc_echo", "2.0.0.in-addr.arpa", "in-addr.arpa", "02.0.0.10.in-addr.arpa", "ip6.arpa", six[2:], "0." + six,
		"g" + six[1:], six[:1] + "x" + six[2:], "B" + six[1:],
	} {
		if a, ok := n.Reversed(); ok {
			t.Errorf("%s is %s", n, a)
		}
	}
}

// The domain names of RFC 1035, section 4.1.4: F.ISI.ARPA at byte 20,
// FOO.F.ISI.ARPA at 40, ARPA at 64 and the root at 92.
func TestCompressionOfTheBook(t *testing.T) {
	msg := make([]byte, 93)
	copy(msg[20:], "\x01F\x03ISI\x04ARPA\x00")
	copy(msg[40:], "\x03FOO\xc0\x14")
	copy(msg[64:], "\xc0\x1a")
	for off, want := range map[int]struct {
		name Name
		next int
	}{20: {"f.isi.arpa", 32}, 40: {"foo.f.isi.arpa", 46}, 64: {"arpa", 66}, 92: {"", 93}} {
		if n, next, err := readName(msg, off); err != nil || n != want.name || next != want.next {
			t.Errorf("at %d: %q, %d, %v; want %q, %d", off, n, next, err, want.name, want.next)
		}
	}
}

func TestNamesThatLeadNowhere(t *testing.T) {
	long := strings.Repeat("\x3f"+strings.Repeat("a", 63), 4)
	for _, c := range []struct {
		msg  string
		off  int
		want error
	}{
		{"", 0, errCut},
		{"\x03fo", 0, errCut},
		{"\x03foo", 0, errCut},
		{"\xc0", 0, errCut},
		{"\xc0\x00", 0, errPointer},                   // to itself
		{"\xc0\x05\x00\x00\x00\x00", 0, errPointer},   // forwards
		{"\x01a\xc0\x04\x01b\xc0\x00", 4, errPointer}, // round in a circle: to 0, which leads to 4
		{"\x01a\xc0\x00", 0, errPointer},              // into itself
		{"\x40a\x00", 0, errLabelKind},
		{"\x80a\x00", 0, errLabelKind},
		{long + "\x00", 0, errLongName},
	} {
		if n, _, err := readName([]byte(c.msg), c.off); err != c.want {
			t.Errorf("%q at %d: %q, %v; want %v", c.msg, c.off, n, err, c.want)
		}
	}
	// Pointers to pointers, each backwards, and each with a label: as many as
	// fit, and the name is too long before the pointers are too many.
	chain := []byte{0}
	for range 400 {
		last := len(chain) - 2
		if len(chain) == 1 {
			last = 0
		}
		chain = append(chain, byte(0xc0|last>>8), byte(last))
	}
	if _, _, err := readName(chain, len(chain)-2); err != errPointer {
		t.Errorf("a chain of 400 pointers: %v", err)
	}
}

func TestNamesAsText(t *testing.T) {
	for s, want := range map[string]Name{
		"": "", ".": "", "svc_echo": "svc_echo", "Svc_Echo.": "svc_echo", "a.b.C": "a.b.c",
		`a\046b.c`: `a\046b.c`, `\000\255`: `\000\255`, `\065`: "a", "a b": `a\032b`,
		strings.Repeat("a", 63):         Name(strings.Repeat("a", 63)),
		strings.Repeat("a.", 126) + "a": Name(strings.Repeat("a.", 126) + "a"),
	} {
		if n, err := ParseName(s); err != nil || n != want {
			t.Errorf("%q: %q, %v; want %q", s, n, err, want)
		}
	}
	for s, want := range map[string]string{
		"a..b": `name "a..b": a label is empty`, ".a": `name ".a": a label is empty`, "..": `name "..": a label is empty`,
		`a\`:                            `name "a\\": a backslash wants three decimal digits up to 255 behind it`,
		`a\25`:                          `name "a\\25": a backslash wants three decimal digits up to 255 behind it`,
		`\256`:                          `name "\\256": a backslash wants three decimal digits up to 255 behind it`,
		strings.Repeat("a", 64):         "a label has more than 63 bytes",
		strings.Repeat("a.", 127) + "a": "longer than 255 bytes",
	} {
		if _, err := ParseName(s); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", s, err, want)
		}
	}
	for _, s := range []string{"A", "AAAA", "PTR"} {
		if q, err := ParseType(s); err != nil || q.String() != s {
			t.Errorf("%s: %s, %v", s, q, err)
		}
	}
	if _, err := ParseType("MX"); err == nil || err.Error() != `type "MX": want A, AAAA or PTR` {
		t.Error(err)
	}
	if s := Type(15).String() + " " + Code(2).String() + " " + Code(9).String(); s != "TYPE15 SERVFAIL RCODE9" {
		t.Error(s)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	a := unhex(t, replyA)
	for n := range a {
		var m Message
		if err := m.Parse(a[:n]); err == nil {
			t.Errorf("%d bytes are a message: %s", n, m.String())
		}
	}
	set := func(i int, b ...byte) []byte {
		c := slices.Clone(a)
		copy(c[i:], b)
		return c
	}
	for want, msg := range map[string][]byte{
		"dns: 0 questions: want one":                                   set(4, 0, 0),
		"dns: 2 questions: want one":                                   set(4, 0, 2),
		"dns: 43 answers: want at most 42":                             set(6, 0, 43),
		"dns: answer 2: ends in the middle":                            set(6, 0, 2),
		"dns: question: a label of a kind that is not known":           set(12, 0x88),
		"dns: answer 1: a compression pointer does not lead backwards": set(26, 0xc0, 26),
		"dns: answer 1: AAAA of 4 bytes":                               set(28, 0, 28),
		"dns: answer 1: A of 3 bytes":                                  set(36, 0, 3),
		"dns: answer 1: PTR: 3 bytes behind the name":                  set(28, 0, 12, 0, 1, 0, 0, 0, 0, 0, 4, 0),
	} {
		var m Message
		if err := m.Parse(msg); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for want, m := range map[string]Message{
		"dns: question: a label is empty":                     Ask(1, "a..b", TypeA),
		"dns: answer 1: A with the address ::1":               {Answers: []Record{{Type: TypeA, Addr: netip.IPv6Loopback()}}},
		"dns: answer 1: A with the address invalid IP":        {Answers: []Record{{Type: TypeA}}},
		"dns: answer 1: TYPE15 of 65536 bytes: at most 65535": {Answers: []Record{{Type: 15, Data: make([]byte, 0x10000)}}},
	} {
		if b, err := m.Append([]byte("x")); err == nil || err.Error() != want || string(b) != "x" {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestLongRepliesAreTruncated(t *testing.T) {
	ask := Ask(7, "svc_echo", TypeA)
	var all []Record
	for i := range 60 {
		all = append(all, AddressRecord("svc_echo", netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 1))
	}
	yes := ask.Reply(NoError, all...)
	b, err := yes.Append(nil)
	var m Message
	if err != nil || len(b) > MessageMax || m.Parse(b) != nil {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	if !m.Truncated || len(m.Answers) != 20 || m.Answers[19].Addr != all[19].Addr {
		t.Errorf("truncated %v, %d answers", m.Truncated, len(m.Answers))
	}
}

// Law: names of any bytes come back as they were written.
func TestNamesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		labels := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 20), 0, 10).Draw(t, "labels")
		var raw []byte
		for _, l := range labels {
			raw = append(append(raw, byte(len(l))), l...)
		}
		raw = append(raw, 0)
		n, next, err := readName(raw, 0)
		if err != nil || next != len(raw) {
			t.Fatalf("%q: %d, %v", raw, next, err)
		}
		again, err := appendName(nil, n)
		if err != nil || !bytes.EqualFold(again, raw) && string(n) != strings.ToLower(string(n)) {
			t.Fatalf("%q: %q, %v", raw, again, err)
		}
		if m, _, err := readName(again, 0); err != nil || m != n {
			t.Fatalf("%q: %q, %v", n, m, err)
		}
		if m, err := ParseName(string(n)); err != nil || m != n {
			t.Fatalf("%q: %q, %v", n, m, err)
		}
	})
}

// Any bytes: no panic, no long work, and what was read can be written and read
// again.
func FuzzParse(f *testing.F) {
	for _, s := range []string{question, replyA, replyLong, replyNone, reply6, replyPTR} {
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
			t.Fatalf("%s: %v", m.String(), err)
		}
		if err := n.Parse(out); err != nil {
			t.Fatalf("%s: %v", m.String(), err)
		}
		if n.Truncated == m.Truncated && n.String() != m.String() {
			t.Fatalf("\n got %s\nwant %s", n.String(), m.String())
		}
	})
}
