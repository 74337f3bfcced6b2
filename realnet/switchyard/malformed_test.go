package switchyard

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/switchyard"
	"example.com/dsim/realnet"
)

// bystanders exchange frames, each an answer to the last, until they are told to
// stop. A frame that is lost, changed or doubled ends the test.
func bystanders(t *testing.T, addr string) (stop func(), exchanged *atomic.Int64) {
	t.Helper()
	a, b := open(t, Options{Addr: addr, Name: "ann", Backoff: -1}), open(t, Options{Addr: addr, Name: "ben", Backoff: -1})
	exchanged = new(atomic.Int64)
	over := make(chan struct{})
	done := make(chan error, 1)
	step := func(from, to *Endpoint, n int64) error {
		want := string(frame(to.Identity().MAC, from.Identity().MAC, fmt.Sprint("frame ", n)))
		if err := from.Send([]byte(want)); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		got, err := to.Recv(ctx)
		if err == nil && string(got.Data) != want {
			err = fmt.Errorf("%q came, want %q", got.Data, want)
		}
		return err
	}
	go func() {
		for n := int64(1); ; n++ {
			select {
			case <-over:
				done <- nil
				return
			default:
			}
			if err := step(a, b, n); err != nil {
				done <- fmt.Errorf("ben, frame %d: %w", n, err)
				return
			}
			if err := step(b, a, n); err != nil {
				done <- fmt.Errorf("ann, frame %d: %w", n, err)
				return
			}
			exchanged.Add(2)
		}
	}()
	return func() {
		t.Helper()
		close(over)
		if err := <-done; err != nil {
			t.Errorf("two who have no part in it: %v", err)
		}
		if s, u := a.Stats(), b.Stats(); s.Received != u.Sent || u.Received != s.Sent || s.Dropped+u.Dropped+s.Reconnects+u.Reconnects > 0 || exchanged.Load() == 0 {
			t.Errorf("two who have no part in it: %+v and %+v", s, u)
		}
		t.Logf("two others exchanged %d frames meanwhile", exchanged.Load())
	}, exchanged
}

// progress waits until the bystanders have exchanged some more frames.
func progress(t *testing.T, exchanged *atomic.Int64, more int64) {
	t.Helper()
	want := exchanged.Load() + more
	for end := time.Now().Add(patience); exchanged.Load() < want; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("two who have no part in it do not go on")
		}
	}
}

// wantError reads one message, which must be an ERROR with this very text.
func wantError(c net.Conn, text string) error {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	b, err := readMessage(c)
	if err != nil {
		return err
	}
	m, err := switchyard.ParseMessage(b[4:])
	if err != nil || m.Type != switchyard.TypeError || m.Endpoint != 0 || m.Flags != 0 {
		return fmt.Errorf("%s, %w; want an ERROR", m, err)
	}
	var body map[string]string
	if err := json.Unmarshal(m.Payload, &body); err != nil || len(body) != 1 || body["error"] != text {
		return fmt.Errorf("%s, want %q alone", m.Payload, text)
	}
	return nil
}

// wantEnd reads the end, and nothing else.
func wantEnd(c net.Conn) error {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if more, err := io.ReadAll(c); err != nil || len(more) > 0 {
		return fmt.Errorf("%x, %w; want the end", more, err)
	}
	return nil
}

func control(kind switchyard.Type, body string) string {
	return string(switchyard.Message{Type: kind, Payload: []byte(body)}.Append(nil))
}

// rawMessage has any length, version and type that can be written down.
func rawMessage(length uint32, version, kind uint16, rest string) string {
	b := binary.BigEndian.AppendUint32(nil, length)
	b = binary.BigEndian.AppendUint16(b, version)
	return string(binary.BigEndian.AppendUint16(b, kind)) + rest
}

// mistake is something that no client should send.
type mistake struct {
	name, in string
	want     []string // the texts of the ERRORs
	closed   bool     // whether the fabric hangs up then
	flood    bool     // so much lies behind it that the hanging up may come before the text is read
}

// What a mistake comes behind: a connection that has said hello, and one that has
// its endpoint, number 3 of the test's fabric.
var (
	greeting  = control(switchyard.TypeHello, `{"client_name": "mallory"}`)
	zeros8    = strings.Repeat("\x00", 8)
	nameText  = "name: want 1 to 255 bytes of text without control characters"
	noJSON    = "payload is not a JSON object"
	noText    = "payload is not UTF-8"
	shortText = "PACKET_OUT: bad ethernet frame: frame too short for ethernet"
)

// hangUps are mistakes after which a connection is of no use.
func hangUps() (list []mistake) {
	add := func(name, in, want string) {
		list = append(list, mistake{name, in, []string{want}, true, len(in) > 1<<16})
	}
	length := "bad message: a length of %d: from 12 to 65548 are possible"
	for n := range uint32(12) {
		add(fmt.Sprint("a length of ", n), rawMessage(n, 1, 1, zeros8), fmt.Sprintf(length, n))
	}
	for _, n := range []uint32{65549, 1 << 31, 1<<32 - 1} {
		add(fmt.Sprint("a length of ", n), rawMessage(n, 1, 1, zeros8), fmt.Sprintf(length, n))
		add(fmt.Sprint("a length of ", n, " and much behind it"), rawMessage(n, 1, 1, strings.Repeat("x", 1<<20)), fmt.Sprintf(length, n))
	}
	for _, v := range []uint16{0, 2, 256, 65535} {
		add(fmt.Sprint("version ", v), rawMessage(12, v, 1, zeros8), fmt.Sprintf("protocol version mismatch: %d != 1", v))
	}
	return list
}

// refusals are mistakes that are answered, of a client that said hello; the test
// goes on with the same connection.
func refusals() (list []mistake) {
	add := func(name, in string, want ...string) { list = append(list, mistake{name, in, want, false, false}) }
	for _, kind := range []switchyard.Type{0, 1, 2, 3, 11, 13, 21, 31, 39, 51, 99, 100, 65535} {
		add(fmt.Sprint("type ", int(kind)), control(kind, "{}"), fmt.Sprint("unknown message type: ", int(kind)))
	}
	for kind, name := range map[switchyard.Type]string{switchyard.TypeEndpointCreate: "ENDPOINT_CREATE", switchyard.TypeEndpointLookup: "ENDPOINT_LOOKUP"} {
		for in, why := range map[string]string{
			"": noJSON, "{": noJSON, "null": noJSON, "[]": noJSON, `{"name": "a"} x`: noJSON, strings.Repeat(`{"a":`, 12000): noJSON,
			"{\"name\": \"\xff\"}": noText, "{\"name\": \"\xed\xa0\x80\"}": noText, "\xc3": noText,
			`{}`: "name is missing", `{"NAME": "a"}`: "name is missing", `{"name": 5}`: "name: want a text", `{"name": ["a"]}`: "name: want a text",
			`{"name": ""}`: nameText, `{"name": "a\u0000"}`: nameText, `{"name": "` + strings.Repeat("x", 256) + `"}`: nameText,
			`{"name": "` + strings.Repeat("x", 65000) + `"}`: nameText,
		} {
			add(fmt.Sprintf("%s %.30q of %d bytes", name, in, len(in)), control(kind, in), "bad "+name+": "+why)
		}
	}
	add("a name that is taken", control(switchyard.TypeEndpointCreate, `{"name": "ann"}`), "endpoint name already exists: ann")
	add("an address that is taken", control(switchyard.TypeEndpointCreate, `{"name": "x", "mac": "02:53:59:00:00:01"}`), "endpoint mac already exists: 02:53:59:00:00:01")
	add("an address that is none", control(switchyard.TypeEndpointCreate, `{"name": "x", "mac": "02:53"}`), `bad ENDPOINT_CREATE: mac "02:53": want six bytes in hexadecimal, as 02:53:59:00:00:01`)
	add("a group's address", control(switchyard.TypeEndpointCreate, `{"name": "x", "mac": "ff:ff:ff:ff:ff:ff"}`), "bad ENDPOINT_CREATE: mac ff:ff:ff:ff:ff:ff: no endpoint can have it")
	add("a name nobody has", control(switchyard.TypeEndpointLookup, `{"name": "nobody"}`), "no such endpoint: nobody")
	for _, id := range []uint32{0, 99, 1<<32 - 1} {
		add(fmt.Sprint("subscribe ", id), string(switchyard.Message{Type: switchyard.TypeSubscribe, Endpoint: id}.Append(nil)), fmt.Sprint("subscribe: unknown endpoint_id ", id))
		add(fmt.Sprint("a frame of ", id), string(switchyard.Message{Type: switchyard.TypePacketOut, Endpoint: id, Payload: make([]byte, 60)}.Append(nil)), fmt.Sprint("PACKET_OUT: unknown src endpoint_id ", id))
		add(fmt.Sprint("a copy for ", id), string(switchyard.Message{Type: switchyard.TypeMirror, Endpoint: id, Payload: make([]byte, 60)}.Append(nil)), fmt.Sprint("MIRROR: unknown endpoint_id ", id))
	}
	for n := range eth.HeaderSize {
		add(fmt.Sprint("a frame of bytes: ", n), string(switchyard.Message{Type: switchyard.TypePacketOut, Endpoint: 1, Payload: make([]byte, n)}.Append(nil)), shortText)
	}
	add("three at once", control(99, "")+control(switchyard.TypeEndpointLookup, "x")+control(98, ""),
		"unknown message type: 99", "bad ENDPOINT_LOOKUP: "+noJSON, "unknown message type: 98")
	return list
}

// silentMistakes are made by clients that have not said hello yet.
func silentMistakes() (list []mistake) {
	for _, kind := range []switchyard.Type{0, 2, 10, 12, 20, 30, 31, 40, 50, 99, 100, 65535} {
		list = append(list, mistake{fmt.Sprint("type ", int(kind), " before hello"), control(kind, `{"name": "x"}`), []string{fmt.Sprint("expected HELLO, got ", int(kind))}, true, false})
	}
	for in, why := range map[string]string{
		"{": noJSON, "7": noJSON, "{\"client_name\": \"\xff\"}": noText, `{"client_name": 5}`: "client_name: want a text",
		`{"client_name": "` + strings.Repeat("x", 256) + `"}`: "client_name: want at most 255 bytes",
	} {
		list = append(list, mistake{fmt.Sprintf("hello with %.30q", in), control(switchyard.TypeHello, in), []string{"bad HELLO: " + why}, false, false})
	}
	return list
}

// make makes a mistake on a connection.
func (m mistake) make(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := io.WriteString(c, m.in); err != nil && !m.flood {
		t.Fatalf("%s: %v", m.name, err)
	}
	brokenOff := func(err error) bool { return m.flood && (errors.Is(err, syscall.ECONNRESET) || err == io.EOF) }
	for _, text := range m.want {
		err := wantError(c, text)
		if brokenOff(err) {
			return
		}
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
	if m.closed {
		if err := wantEnd(c); err != nil && !brokenOff(err) {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}

func dial(t *testing.T, addr, first string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if first != "" {
		sayHello(t, c)
	}
	return c
}

func sayHello(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := io.WriteString(c, greeting); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if b, err := readMessage(c); err != nil || switchyard.Type(binary.BigEndian.Uint16(b[6:])) != switchyard.TypeWelcome {
		t.Fatalf("%x, %v; want WELCOME", b, err)
	}
}

// Every mistake gets the text that clients know, and the connection its end or
// not; and two others, who exchange frames all the while, lose none.
func TestMistakesOverTCP(t *testing.T) {
	d, addr := serve(t, "")
	stop, exchanged := bystanders(t, addr)
	for _, m := range hangUps() {
		for _, first := range []string{"", greeting} {
			c := dial(t, addr, first)
			m.make(t, c)
			c.Close()
		}
	}
	for _, m := range silentMistakes() {
		c := dial(t, addr, "")
		m.make(t, c)
		if !m.closed {
			sayHello(t, c)
		}
		c.Close()
	}
	progress(t, exchanged, 10)
	one := dial(t, addr, greeting)
	for _, m := range refusals() {
		m.make(t, one)
		if _, err := io.WriteString(one, control(switchyard.TypeEndpointLookup, `{"name":"ann"}`)); err != nil {
			t.Fatal(err)
		}
		want := control(switchyard.TypeEndpointInfo, `{"endpoint_id":1,"name":"ann","mac":"02:53:59:00:00:01"}`)
		if err := hear(one, []byte(want), sameBytes); err != nil {
			t.Fatalf("behind %s: %v", m.name, err)
		}
	}
	one.Close()
	progress(t, exchanged, 10)
	stop()
	awaitAlone(t, d)
}

// awaitAlone waits until only the bystanders are there.
func awaitAlone(t *testing.T, d *realnet.Driver) {
	t.Helper()
	for end := time.Now().Add(patience); count(d, "connections") != 2; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d connections are left, want those of two", count(d, "connections"))
		}
	}
	if n := count(d, "endpoints"); n != 2 {
		t.Errorf("%d endpoints, want those of two", n)
	}
}

// Clients that go in the middle of a message, with an end or with a reset, and
// garbage: a length that cannot be, mostly, and what follows it.
func TestHalvesAndGarbageOverTCP(t *testing.T) {
	d, addr := serve(t, "")
	stop, exchanged := bystanders(t, addr)
	whole := greeting + control(switchyard.TypeEndpointLookup, `{"name": "ann"}`)
	halves := int64(0)
	for cut := range len(whole) {
		for _, reset := range []bool{false, true} {
			c := dial(t, addr, "")
			if _, err := io.WriteString(c, whole[:cut]); err != nil {
				t.Fatal(err)
			}
			if cut >= len(greeting) {
				if _, err := readMessage(c); err != nil {
					t.Fatalf("cut at %d: %v", cut, err)
				}
			}
			if reset {
				_ = c.(*net.TCPConn).SetLinger(0)
				c.Close()
				continue
			}
			_ = c.(*net.TCPConn).CloseWrite()
			if err := wantEnd(c); err != nil {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			c.Close()
			if cut > 0 && cut != len(greeting) {
				halves++
			}
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		b := make([]byte, 4+rng.IntN(8<<10))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		b[0] |= 1 // a length of 16 MiB at least
		c := dial(t, addr, "")
		mistake{"garbage", string(b), []string{fmt.Sprintf("bad message: a length of %d: from 12 to 65548 are possible", binary.BigEndian.Uint32(b))}, true, false}.make(t, c)
		c.Close()
	}
	progress(t, exchanged, 10)
	stop()
	awaitAlone(t, d)
	if n := count(d, "half"); n < halves {
		t.Errorf("%d ended in the middle of a message, want %d at least", n, halves)
	}
}

// The names in lists of mistakes tell them apart.
func TestMistakesHaveNames(t *testing.T) {
	var names []string
	for _, m := range slices.Concat(hangUps(), refusals(), silentMistakes()) {
		names = append(names, m.name)
	}
	slices.Sort(names)
	for i := 1; i < len(names); i++ {
		if names[i] == names[i-1] {
			t.Errorf("two are called %s", names[i])
		}
	}
}
