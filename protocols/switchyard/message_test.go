package switchyard

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"example.com/dsim/protocols/stream"
)

// The bytes are written down by hand from the layout of the first Switchyard:
// "!I" for the length, "!HHII" for version, type, endpoint and flags.
var literals = []struct {
	bytes string
	m     Message
}{
	{"00000023 0001 0001 00000000 00000000 7b22636c69656e745f6e616d65223a2022636c6931227d", Message{TypeHello, 0, 0, []byte(`{"client_name": "cli1"}`)}},
	{"00000033 0001 0002 00000000 00000000 7b22736572766572223a2022737769746368796172646422" + "2c202276657273696f6e223a20317d", Message{TypeWelcome, 0, 0, []byte(`{"server": "switchyardd", "version": 1}`)}},
	{"0000000c 0001 0014 00000007 00000001", Message{TypeSubscribe, 7, Promisc, []byte{}}},
	{"0000000e 0001 0015 00000007 00000001 7b7d", Message{TypeSubscribed, 7, Promisc, []byte("{}")}},
	{"0000001b 0001 001e 00000003 00000000 ffffffffffff 025359000001 0806 61", Message{TypePacketOut, 3, 0, unhexed("ffffffffffff0253590000010806 61")}},
	{"0000001b 0001 001f ffffffff 80000000 ffffffffffff 025359000001 0806 61", Message{TypePacketIn, 1<<32 - 1, 1 << 31, unhexed("ffffffffffff0253590000010806 61")}},
	{"0000001a 0001 0064 00000000 00000000 7b226572726f72223a202278227d", Message{TypeError, 0, 0, []byte(`{"error": "x"}`)}},
}

func unhexed(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func TestLiteralMessages(t *testing.T) {
	for _, c := range literals {
		b := unhexed(c.bytes)
		if got := c.m.Append([]byte("before")); !bytes.Equal(got[6:], b) || string(got[:6]) != "before" {
			t.Errorf("%s is %x, want %x", c.m, got[6:], b)
		}
		got, err := ParseMessage(b[4:])
		if err != nil || got.String() != c.m.String() || !bytes.Equal(got.Payload, c.m.Payload) {
			t.Errorf("%x is %s, %v; want %s", b, got, err, c.m)
		}
		built := append(make([]byte, Overhead), c.m.Payload...)
		c.m.putHeader(built, len(c.m.Payload))
		if !bytes.Equal(built, b) {
			t.Errorf("built in place %s is %x, want %x", c.m, built, b)
		}
	}
}

func TestMessagesThatAreNone(t *testing.T) {
	for want, b := range map[string]string{
		"bad message: a length of 0: from 12 to 65548 are possible":  "",
		"bad message: a length of 11: from 12 to 65548 are possible": "0001000100000000000000",
		"protocol version mismatch: 0 != 1":                          "000000010000000000000000",
		"protocol version mismatch: 2 != 1":                          "000200010000000000000000",
	} {
		if m, err := ParseMessage(unhexed(b)); err == nil || err.Error() != want {
			t.Errorf("%s: %s, %v; want %s", b, m, err, want)
		}
	}
	if got := Type(12345).String(); got != "12345" {
		t.Errorf("a type nobody knows is %s", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("a payload that is too long was sent")
		}
	}()
	Message{TypePacketIn, 1, 0, make([]byte, PayloadMax+1)}.Append(nil)
}

func TestTheGreatestMessagePasses(t *testing.T) {
	m := Message{TypePacketIn, 1, 0, bytes.Repeat([]byte("x"), PayloadMax)}
	s := stream.NewSplitter(FramingOf())
	s.Feed(m.Append(nil))
	frame, ok := s.Next()
	if got, err := ParseMessage(frame); !ok || err != nil || len(got.Payload) != PayloadMax {
		t.Errorf("%v, %v, %d bytes", ok, err, len(got.Payload))
	}
}

func TestControlPayloads(t *testing.T) {
	for _, c := range []struct{ payload, want string }{
		{`{"name": "a", "mac": "02:53:59:00:00:01", "later": [1, {"x": 2}]}`, ""},
		{` {"name":"a"} `, ""},
		{`{"name": "ü", "name": "b"}`, ""},
		{`{"name": "a", "mac": null}`, ""},
		{"", "payload is not a JSON object"},
		{"null", "payload is not a JSON object"},
		{"[]", "payload is not a JSON object"},
		{`"name"`, "payload is not a JSON object"},
		{`{"name": "a"} {}`, "payload is not a JSON object"},
		{`{"name": "a",}`, "payload is not a JSON object"},
		{`{'name': 'a'}`, "payload is not a JSON object"},
		{"{\"name\": \"\xff\"}", "payload is not UTF-8"},
		{strings.Repeat(`{"a":`, 11000), "payload is not a JSON object"},
		{`{}`, "name is missing"},
		{`{"Name": "a"}`, "name is missing"},
		{`{"name": null}`, "name is missing"},
		{`{"name": 5}`, "name: want a text"},
		{`{"name": ""}`, "name: want 1 to 255 bytes of text without control characters"},
		{`{"name": "a\nb"}`, "name: want 1 to 255 bytes of text without control characters"},
		{`{"name": "` + strings.Repeat("x", 256) + `"}`, "name: want 1 to 255 bytes of text without control characters"},
		{`{"name": "a", "mac": 5}`, "mac: want a text"},
		{`{"name": "a", "mac": "02:53:59"}`, `mac "02:53:59": want six bytes in hexadecimal, as 02:53:59:00:00:01`},
		{`{"name": "a", "mac": "ff:ff:ff:ff:ff:ff"}`, "mac ff:ff:ff:ff:ff:ff: no endpoint can have it"},
		{`{"name": "a", "mac": "00:00:00:00:00:00"}`, "mac 00:00:00:00:00:00: no endpoint can have it"},
	} {
		f := newFabric(t, nil).P.(*fabric)
		got := ""
		if _, _, err := f.parseCreate([]byte(c.payload)); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%.60s: %q, want %q", c.payload, got, c.want)
		}
	}
}

func TestIdentitiesAreRead(t *testing.T) {
	id, err := ParseIdentity([]byte(`{"endpoint_id": 7, "name": "svc_echo", "mac": "02:53:59:00:00:07", "more": 1}`))
	if err != nil || id.Endpoint != 7 || id.Name != "svc_echo" || id.MAC.String() != "02:53:59:00:00:07" {
		t.Errorf("%+v, %v", id, err)
	}
	for _, bad := range []string{`{}`, `{"endpoint_id": 0, "name": "a"}`, `{"endpoint_id": 4294967296, "name": "a"}`, `{"endpoint_id": 1.5, "name": "a"}`, `{"endpoint_id": -1, "name": "a"}`, `{"endpoint_id": 1}`, `{"endpoint_id": 1, "name": "a", "mac": "x"}`, `[]`} {
		if id, err := ParseIdentity([]byte(bad)); err == nil {
			t.Errorf("%s is %+v", bad, id)
		}
	}
	for payload, want := range map[string]string{`{"error": "no such endpoint: x"}`: "no such endpoint: x", `{}`: "an error without a text", `x`: "an error without a text"} {
		if got := ParseError([]byte(payload)); got != want {
			t.Errorf("%s is %q", payload, got)
		}
	}
}

func FuzzParseMessage(f *testing.F) {
	for _, c := range literals {
		f.Add(c.m.Append(nil)[4:])
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseMessage(b)
		if err != nil || len(m.Payload) > PayloadMax {
			return
		}
		if again := m.Append(nil)[4:]; !bytes.Equal(again, b) {
			t.Errorf("%x is %s, which is %x", b, m, again)
		}
		_, _ = parseHello(m.Payload)
		_, _ = ParseIdentity(m.Payload)
		_, _, _ = parseRulesPayload(m.Payload)
		_ = ParseError(m.Payload)
	})
}
