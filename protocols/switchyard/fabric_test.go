package switchyard

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
)

func TestFabricConversation(t *testing.T) {
	f := newFabric(t, nil)
	a := f.Accept(1)
	wantSaid(t, f, "a connection: nothing to say, but time runs", "arm 1 30s")
	f.Recv(a, control(TypeHello, `{"client_name": "svc_echo"}`)[:10])
	wantSaid(t, f, "half a hello")
	f.Recv(a, control(TypeHello, `{"client_name": "svc_echo"}`)[10:])
	wantSaid(t, f, "welcome", `2: WELCOME endpoint=0 flags=0x0 "{\"server\":\"switchyardd\",\"version\":1}"`)
	f.Recv(a, append(control(TypeEndpointCreate, `{"name": "svc_echo"}`), control(TypeEndpointCreate, `{"name": "b", "mac": "02:00:00:00:00:0B"}`)...))
	wantSaid(t, f, "two in a chunk, answered in order",
		`2: ENDPOINT_CREATED endpoint=0 flags=0x0 "{\"endpoint_id\":1,\"name\":\"svc_echo\",\"mac\":\"02:53:59:00:00:01\"}"`,
		`2: ENDPOINT_CREATED endpoint=0 flags=0x0 "{\"endpoint_id\":2,\"name\":\"b\",\"mac\":\"02:00:00:00:00:0b\"}"`)
	f.Recv(a, control(TypeEndpointLookup, `{"name": "b"}`))
	wantSaid(t, f, "found", `2: ENDPOINT_INFO endpoint=0 flags=0x0 "{\"endpoint_id\":2,\"name\":\"b\",\"mac\":\"02:00:00:00:00:0b\"}"`)
	f.Recv(a, Message{TypeSubscribe, 2, 1, []byte("not even JSON")}.Append(nil))
	wantSaid(t, f, "the header decides", `2: SUBSCRIBED endpoint=2 flags=0x1 "{}"`)

	b := f.Accept(1)
	f.Recv(b, control(TypeHello, ``))
	f.Take()
	for _, c := range []struct {
		why, want string
		in        []byte
	}{
		{"no such name", "no such endpoint: x", control(TypeEndpointLookup, `{"name": "x"}`)},
		{"a name that is taken, which takes a number", "endpoint name already exists: b", control(TypeEndpointCreate, `{"name": "b"}`)},
		{"an address that is taken", "endpoint mac already exists: 02:53:59:00:00:01", control(TypeEndpointCreate, `{"name": "c", "mac": "02:53:59:00:00:01"}`)},
		{"no JSON", "bad ENDPOINT_CREATE: payload is not a JSON object", control(TypeEndpointCreate, `x`)},
		{"no JSON", "bad ENDPOINT_LOOKUP: payload is not a JSON object", control(TypeEndpointLookup, `x`)},
		{"no such endpoint", "subscribe: unknown endpoint_id 9", subscribe(9, 0)},
		{"no such source", "PACKET_OUT: unknown src endpoint_id 9", packet(9, make([]byte, 14))},
		{"a short frame", "PACKET_OUT: bad ethernet frame: frame too short for ethernet", packet(1, make([]byte, 13))},
		{"a second hello", "unknown message type: 1", control(TypeHello, `{}`)},
		{"what only a fabric says", "unknown message type: 31", control(TypePacketIn, ``)},
		{"a type nobody knows", "unknown message type: 65535", control(65535, ``)},
	} {
		f.Recv(b, c.in)
		wantSaid(t, f, c.why, failed(b, c.want))
	}
	f.Recv(b, control(TypeEndpointCreate, `{"name": "c"}`))
	wantSaid(t, f, "the next address, two numbers on", `3: ENDPOINT_CREATED endpoint=0 flags=0x0 "{\"endpoint_id\":3,\"name\":\"c\",\"mac\":\"02:53:59:00:00:03\"}"`)
	f.Down(b, io.EOF)
	wantSaid(t, f, "the end is answered by the end", "close 3")
	f.Recv(a, control(TypeEndpointLookup, `{"name": "c"}`))
	wantSaid(t, f, "endpoints stay", `2: ENDPOINT_INFO endpoint=0 flags=0x0 "{\"endpoint_id\":3,\"name\":\"c\",\"mac\":\"02:53:59:00:00:03\"}"`)
}

// What cannot be a message gets its error and loses its connection, or gets its
// error and keeps it; and nobody else notices.
func TestMalformedMessages(t *testing.T) {
	hello := string(control(TypeHello, `{}`))
	const tooFew, mismatch = "bad message: a length of %d: from 12 to 65548 are possible", "protocol version mismatch: %d != 1"
	cases := []struct {
		name, in, want string
		closed         bool
	}{
		{"a length beyond the bound", "\x00\x01\x00\x0d", fmt.Sprintf(tooFew, 65549), true},
		{"the greatest length", hello + "\xff\xff\xff\xff", fmt.Sprintf(tooFew, uint32(1<<32-1)), true},
		{"no version", hello + "\x00\x00\x00\x0c\x00\x00" + strings.Repeat("\x00", 10), fmt.Sprintf(mismatch, 0), true},
		{"another version", "\x00\x00\x00\x0c\x00\x02\x00\x01" + strings.Repeat("\x00", 8), fmt.Sprintf(mismatch, 2), true},
		{"no hello", string(control(TypeEndpointCreate, `{"name": "x"}`)), "expected HELLO, got 10", true},
		{"a hello that is no JSON", string(control(TypeHello, `{`)), "bad HELLO: payload is not a JSON object", false},
		{"a hello that is no UTF-8", string(control(TypeHello, "{\"client_name\": \"\xc3\"}")), "bad HELLO: payload is not UTF-8", false},
		{"a hello with a number for a name", string(control(TypeHello, `{"client_name": 5}`)), "bad HELLO: client_name: want a text", false},
		{"bad JSON", hello + string(control(TypeEndpointCreate, `{"name"}`)), "bad ENDPOINT_CREATE: payload is not a JSON object", false},
		{"no UTF-8", hello + string(control(TypeEndpointLookup, "{\"name\": \"\xff\"}")), "bad ENDPOINT_LOOKUP: payload is not UTF-8", false},
		{"a short frame", hello + string(packet(1, nil)), "PACKET_OUT: bad ethernet frame: frame too short for ethernet", false},
		{"an unknown endpoint", hello + string(packet(77, make([]byte, 60))), "PACKET_OUT: unknown src endpoint_id 77", false},
		{"an unknown type", hello + string(control(99, "")), "unknown message type: 99", false},
		{"half a length", hello + "\x00\x00", "", false},
		{"half a message", hello + hello[:15], "", false},
		{"half a frame", hello + string(packet(1, make([]byte, 60))[:40]), "", false},
	}
	for n := range 12 {
		cases = append(cases, struct {
			name, in, want string
			closed         bool
		}{fmt.Sprintf("a length of %d", n), hello + fmt.Sprintf("\x00\x00\x00%c%s", n, strings.Repeat("x", n)), fmt.Sprintf(tooFew, n), true})
	}
	for _, c := range cases {
		for _, cut := range []int{1, 7, 1 << 20} {
			f := newFabric(t, nil)
			ann, _ := enter(t, f, "ann", 0)
			ben, id := enter(t, f, "ben", 0)
			bad := f.Accept(1)
			f.Take()
			for rest := []byte(c.in); len(rest) > 0; {
				n := min(cut, len(rest))
				f.Recv(bad, rest[:n])
				rest = rest[n:]
			}
			got := said(t, f)
			if len(got) > 0 && strings.Contains(got[0], "WELCOME") {
				got = got[1:]
			}
			var want []string
			if c.want != "" {
				want = append(want, failed(bad, c.want))
			}
			if c.closed {
				want = append(want, fmt.Sprintf("close %d", bad))
			}
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("%s, in chunks of %d: %q, want %q", c.name, cut, got, want)
			}
			f.Down(bad, cells.ErrReset)
			hi := frameOf(t, mac1, mac2, "hi")
			f.Recv(ben, packet(id, hi))
			wantSaid(t, f, c.name+": nobody else notices", in(ann, 1, 0, hi))
		}
	}
}

// Ten thousand connections that send nothing cost little, harm nobody, and are
// hung up on when their time is over.
func TestConnectionsThatSendNothing(t *testing.T) {
	f := newFabric(t, func(c *FabricConfig) { c.Connections = 10_002 })
	ann, _ := enter(t, f, "ann", 0)
	ben, id := enter(t, f, "ben", 0)
	for range 10_000 {
		f.Accept(1)
	}
	f.Take()
	crowd := f.Accept(1)
	wantSaid(t, f, "one too many", fmt.Sprintf("close %d", crowd))
	hi := frameOf(t, mac1, mac2, "hi")
	f.Recv(ben, packet(id, hi))
	wantSaid(t, f, "nobody notices", in(ann, 1, 0, hi))
	f.Fire(timerHello)
	got := said(t, f)
	if len(got) != 20_000 || got[0] != failed(4, "expected HELLO, got nothing") || got[1] != "close 4" {
		t.Fatalf("%d, first %q", len(got), got[:min(2, len(got))])
	}
	if f.Attr("connections") != 2 || f.Attr("hung_up") != 10_000 || f.Attr("crowded") != 1 {
		t.Errorf("%d connections", f.Attr("connections"))
	}
	f.Accept(1)
	wantSaid(t, f, "time runs for the next", "arm 1 30s")
}

func TestForwarding(t *testing.T) {
	f := newFabric(t, nil)
	a, _ := enter(t, f, "a", 0)
	b, _ := enter(t, f, "b", 0)
	c, _ := enter(t, f, "c", 0)
	send := func(from cells.Port, id uint32, frame []byte, why string, want ...string) {
		t.Helper()
		f.Recv(from, packet(id, frame))
		wantSaid(t, f, why, want...)
	}
	hi := frameOf(t, mac2, mac1, "hi")
	send(a, 1, hi, "the table knows who was created", in(b, 2, 0, hi))
	hi = frameOf(t, all, mac1, "hi")
	send(a, 1, hi, "to all but the source", in(b, 2, 0, hi), in(c, 3, 0, hi))
	hi = frameOf(t, "02:00:00:00:00:99", mac3, "hi")
	send(c, 3, hi, "an address nobody has, in the order of numbers", in(a, 1, 0, hi), in(b, 2, 0, hi))
	hi = frameOf(t, "01:00:5e:00:00:01", mac3, "hi")
	send(c, 3, hi, "a group", in(a, 1, 0, hi), in(b, 2, 0, hi))
	hi = frameOf(t, mac1, mac1, "hi")
	send(a, 1, hi, "to oneself", in(a, 1, 0, hi))
	moved := frameOf(t, all, mac1, "I am here")
	send(c, 3, moved, "an address moves", in(a, 1, 0, moved), in(b, 2, 0, moved))
	hi = frameOf(t, mac1, mac2, "hi")
	send(b, 2, hi, "to where it was heard of last", in(c, 3, 0, hi))
	send(b, 1, hi, "from an endpoint of another's", in(c, 3, 0, hi))
	if f.Attr("foreign") != 1 || f.Attr("moved") != 2 || f.Attr("frames") != 8 || f.Attr("flooded") != 4 {
		t.Errorf("foreign %d, moved %d, frames %d, flooded %d", f.Attr("foreign"), f.Attr("moved"), f.Attr("frames"), f.Attr("flooded"))
	}
	group := frameOf(t, mac3, "03:00:00:00:00:01", "hi")
	send(a, 1, group, "a group is no source to learn", in(c, 3, 0, group))
	back := frameOf(t, "03:00:00:00:00:01", mac3, "hi")
	send(c, 3, back, "so it is flooded", in(a, 1, 0, back), in(b, 2, 0, back))
}

func TestSubscriptions(t *testing.T) {
	f := newFabric(t, nil)
	a, _ := enter(t, f, "a", 0)
	b, _ := enter(t, f, "b", 0)
	tap, _ := enter(t, f, "tap", Promisc)
	f.Recv(b, subscribe(2, 2))
	f.Recv(tap, subscribe(2, 0))
	f.Take()
	hi := frameOf(t, mac2, mac1, "hi")
	f.Recv(a, packet(1, hi))
	wantSaid(t, f, "each subscription in its order, then who sees everything", in(b, 2, 0, hi), in(b, 2, 2, hi), in(tap, 2, 0, hi), in(tap, 3, 1, hi))
	hi = frameOf(t, all, mac3, "hi")
	f.Recv(tap, packet(3, hi))
	wantSaid(t, f, "its own too, once", in(a, 1, 0, hi), in(b, 2, 0, hi), in(b, 2, 2, hi), in(tap, 2, 0, hi), in(tap, 3, 1, hi))
	f.Down(b, cells.ErrReset)
	f.Take()
	f.Recv(a, packet(1, frameOf(t, mac2, mac1, "hi")))
	wantSaid(t, f, "a connection takes its subscriptions along", in(tap, 2, 0, frameOf(t, mac2, mac1, "hi")), in(tap, 3, 1, frameOf(t, mac2, mac1, "hi")))
	f.Down(tap, io.EOF)
	f.Take()
	f.Recv(a, packet(1, frameOf(t, mac2, mac1, "hi")))
	wantSaid(t, f, "nobody subscribes: swallowed")
	if f.Attr("swallowed") != 1 || f.P.(*fabric).taps != 0 {
		t.Errorf("swallowed %d, %d taps", f.Attr("swallowed"), f.P.(*fabric).taps)
	}
}

// What a client does not read is lost to it alone, whole frames at a time.
func TestASlowSubscriber(t *testing.T) {
	f := newFabric(t, func(c *FabricConfig) { c.Limit = 1000 })
	a, _ := enter(t, f, "a", 0)
	b, _ := enter(t, f, "b", 0)
	c, _ := enter(t, f, "c", 0)
	f.Bytes[b] = 1000 - Overhead - 20
	f.Bytes[c] = 0
	small, big := frameOf(t, all, mac1, "123456"), frameOf(t, all, mac1, "1234567")
	f.Recv(a, packet(1, big))
	wantSaid(t, f, "b has no room for one byte more", in(c, 3, 0, big))
	f.Recv(a, packet(1, small))
	wantSaid(t, f, "but for this", in(b, 2, 0, small), in(c, 3, 0, small))
	f.Recv(b, control(TypeEndpointLookup, `{"name": "a"}`))
	if got := said(t, f); len(got) != 1 || !strings.Contains(got[0], "ENDPOINT_INFO") {
		t.Errorf("an answer always finds room: %q", got)
	}
	if f.Attr("full") != 1 || f.Attr("delivered") != 3 || f.Attr("offered") != 4 {
		t.Errorf("full %d, delivered %d", f.Attr("full"), f.Attr("delivered"))
	}
}

// What one chunk asks for is answered in its order, frames among it, and frames
// of a chunk take room from each other.
func TestFramesAndAnswersOfOneChunk(t *testing.T) {
	f := newFabric(t, func(c *FabricConfig) { c.Limit = 100 })
	a, _ := enter(t, f, "a", 0)
	f.Bytes[a] = 0
	hi := frameOf(t, mac1, mac1, "to oneself")
	f.Recv(a, slices.Concat(packet(1, hi), control(TypeEndpointLookup, `{"name": "x"}`)))
	wantSaid(t, f, "in order", in(a, 1, 0, hi), failed(a, "no such endpoint: x"))
	f.Bytes[a] = 0
	f.Recv(a, slices.Concat(packet(1, hi), packet(1, hi), packet(1, hi)))
	wantSaid(t, f, "two have room", in(a, 1, 0, hi), in(a, 1, 0, hi))
	if f.Attr("full") != 1 {
		t.Errorf("%d found no room", f.Attr("full"))
	}
}

func TestReap(t *testing.T) {
	f := newFabric(t, func(c *FabricConfig) { c.Reap = true })
	a, _ := enter(t, f, "a", 0)
	b, _ := enter(t, f, "b", 0)
	f.Recv(a, subscribe(2, Promisc))
	f.Down(b, cells.ErrReset)
	f.Take()
	f.Recv(a, control(TypeEndpointLookup, `{"name": "b"}`))
	wantSaid(t, f, "gone", failed(a, "no such endpoint: b"))
	if f.Attr("macs") != 1 || f.P.(*fabric).taps != 0 || f.Attr("endpoints") != 1 {
		t.Errorf("%d addresses, %d taps", f.Attr("macs"), f.P.(*fabric).taps)
	}
	f.Recv(a, control(TypeEndpointCreate, `{"name": "b", "mac": "02:53:59:00:00:02"}`))
	wantSaid(t, f, "a new number for the same name and address", `2: ENDPOINT_CREATED endpoint=0 flags=0x0 "{\"endpoint_id\":3,\"name\":\"b\",\"mac\":\"02:53:59:00:00:02\"}"`)
}

func TestAgeing(t *testing.T) {
	f := newFabric(t, func(c *FabricConfig) { c.Age = time.Second })
	a, _ := enter(t, f, "a", 0)
	b, _ := enter(t, f, "b", 0)
	c, _ := enter(t, f, "c", 0)
	f.Recv(b, packet(2, frameOf(t, mac1, "02:00:00:00:00:77", "hi")))
	f.Take()
	to := frameOf(t, "02:00:00:00:00:77", mac1, "hi")
	f.Time = f.Time.Add(time.Second - 1)
	f.Recv(a, packet(1, to))
	wantSaid(t, f, "not old yet", in(b, 2, 0, to))
	f.Time = f.Time.Add(1)
	f.Recv(a, packet(1, to))
	wantSaid(t, f, "too old", in(b, 2, 0, to), in(c, 3, 0, to))
	own := frameOf(t, mac3, mac1, "hi")
	f.Time = f.Time.Add(time.Hour)
	f.Recv(a, packet(1, own))
	wantSaid(t, f, "an endpoint's own stays", in(c, 3, 0, own))
	if f.Attr("aged") != 1 {
		t.Errorf("aged %d", f.Attr("aged"))
	}
}

func TestAutomaticAddressesPassOverThoseInUse(t *testing.T) {
	f := newFabric(t, nil)
	a := f.Accept(1)
	f.Recv(a, control(TypeHello, ``))
	f.Recv(a, control(TypeEndpointCreate, `{"name": "x", "mac": "02:53:59:00:00:01"}`))
	f.Take()
	f.Recv(a, control(TypeEndpointCreate, `{"name": "y"}`))
	wantSaid(t, f, "the first is taken", `2: ENDPOINT_CREATED endpoint=0 flags=0x0 "{\"endpoint_id\":2,\"name\":\"y\",\"mac\":\"02:53:59:00:00:02\"}"`)
}

func TestBoundsOfAFabric(t *testing.T) {
	f := newFabric(t, func(c *FabricConfig) { c.Endpoints = 1 })
	a, _ := enter(t, f, "a", 0)
	f.Recv(a, control(TypeEndpointCreate, `{"name": "b"}`))
	wantSaid(t, f, "no room for another", failed(a, "bad ENDPOINT_CREATE: there are 1 endpoints already"))
	for range SubscriptionsMax - 1 {
		f.Recv(a, subscribe(1, 0))
	}
	f.Take()
	f.Recv(a, subscribe(1, 0))
	wantSaid(t, f, "enough subscriptions", failed(a, "subscribe: a connection has at most 1024 subscriptions"))
	for want, change := range map[string]func(*FabricConfig){
		"switchyard: listen: a fabric needs a service to listen at":                                func(c *FabricConfig) { c.Listen = "" },
		"switchyard: limit 29: at least 30 bytes are needed":                                       func(c *FabricConfig) { c.Limit = 29 },
		"switchyard: age -1ns: must not be negative":                                               func(c *FabricConfig) { c.Age = -1 },
		"switchyard: hello -1ns: must not be negative":                                             func(c *FabricConfig) { c.Hello = -1 },
		"switchyard: capture -1: from 0 to 1048576 are possible":                                   func(c *FabricConfig) { c.Capture = -1 },
		"switchyard: capture-bytes -1: must not be negative":                                       func(c *FabricConfig) { c.CaptureBytes = -1 },
		"switchyard: connections 0: from 1 to 1048576 are possible":                                func(c *FabricConfig) { c.Connections = 0 },
		"switchyard: endpoints 0: from 1 to 65536 are possible":                                    func(c *FabricConfig) { c.Endpoints = 0 },
		`switchyard: bug "x": want flood-source, count-twice or none`:                              func(c *FabricConfig) { c.Bug = "x" },
		`switchyard: impair: "a": want FROM TO and what happens`:                                   func(c *FabricConfig) { c.Impair = []string{"a"} },
		`switchyard: impair: no impairment "x=1"; one of drop, dup, reorder, gap, latency, jitter`: func(c *FabricConfig) { c.Impair = []string{"a b x=1"} },
		`switchyard: impair: drop "2": probability "2": 2 is more than 1`:                          func(c *FabricConfig) { c.Impair = []string{"a b drop=2"} },
		"switchyard: server: want at most 255 bytes":                                               func(c *FabricConfig) { c.Server = strings.Repeat("x", 256) },
	} {
		c := FabricDefaults()
		change(&c)
		if _, err := NewFabric(c); err == nil || err.Error() != want && !strings.HasPrefix(want, "switchyard: impair: drop") {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
