package switchyard

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/switchyard"
)

var update = flag.Bool("update", false, "write down what was said instead of comparing it")

// spell is one message of a connection, as it was on the wire, or the end of one
// direction.
type spell struct {
	conn   int  // from 1, in the order in which they were made
	client bool // said by the client, else by the fabric
	bytes  []byte
}

// head is how the lines of a transcript begin.
func (s spell) head() string {
	if s.client {
		return fmt.Sprintf("%d > ", s.conn)
	}
	return fmt.Sprintf("%d < ", s.conn)
}

// line is a message for people.
func (s spell) line() string {
	if s.bytes == nil {
		return "end"
	}
	m, err := switchyard.ParseMessage(s.bytes[4:])
	switch {
	case err != nil:
		return err.Error()
	case m.Type == switchyard.TypePacketIn || m.Type == switchyard.TypePacketOut:
		return fmt.Sprintf("%s endpoint=%d flags=%#x %s", m.Type, m.Endpoint, m.Flags, eth.Line(m.Payload))
	}
	return fmt.Sprintf("%s endpoint=%d flags=%#x %s", m.Type, m.Endpoint, m.Flags, m.Payload)
}

// Bytes of a message's header and of its payload, as they stand in a transcript.
var headerFields = []int{4, 2, 2, 4, 4}

const payloadLine = 32

// render is a transcript as text: each message as a line for people, then in
// hexadecimal its length, version, type, endpoint and flags, then its payload.
func render(title string, said []spell) string {
	var b strings.Builder
	for _, line := range strings.Split(title, "\n") {
		fmt.Fprintf(&b, "# %s\n", line)
	}
	for _, s := range said {
		fmt.Fprintf(&b, "%s%s\n", s.head(), s.line())
		if s.bytes == nil {
			continue
		}
		rest := s.bytes
		for _, n := range headerFields {
			fmt.Fprintf(&b, " %x", rest[:n])
			rest = rest[n:]
		}
		b.WriteString("\n")
		for part := range slices.Chunk(rest, payloadLine) {
			fmt.Fprintf(&b, " %x\n", part)
		}
	}
	return b.String()
}

// parseTranscript reads what render has written. The lines for people must be
// those of the bytes.
func parseTranscript(text string) ([]spell, error) {
	var said []spell
	var lines []string
	for n, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, " ") && len(said) > 0:
			b, err := hex.DecodeString(strings.ReplaceAll(line, " ", ""))
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n+1, err)
			}
			last := &said[len(said)-1]
			last.bytes = append(last.bytes, b...)
		default:
			conn, rest, _ := strings.Cut(line, " ")
			way, what, _ := strings.Cut(rest, " ")
			number, err := strconv.Atoi(conn)
			if err != nil || way != ">" && way != "<" {
				return nil, fmt.Errorf("line %d: %q: want the number of a connection, and > or <", n+1, line)
			}
			said, lines = append(said, spell{conn: number, client: way == ">"}), append(lines, what)
		}
	}
	for i, s := range said {
		if len(s.bytes) > 0 && (len(s.bytes) < switchyard.Overhead || int(binary.BigEndian.Uint32(s.bytes))+4 != len(s.bytes)) {
			return nil, fmt.Errorf("%s%s: %d bytes are no message", s.head(), lines[i], len(s.bytes))
		}
		if got := s.line(); got != lines[i] {
			return nil, fmt.Errorf("%s%s: the bytes say %s", s.head(), lines[i], got)
		}
	}
	return said, nil
}

// committed is a transcript of testdata.
func committed(t *testing.T, file string) []spell {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	said, err := parseTranscript(string(text))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return said
}

// of is what was said on one connection, in its order.
func of(said []spell, conn int) (list []spell) {
	for _, s := range said {
		if s.conn == conn {
			list = append(list, s)
		}
	}
	return list
}

// wantTranscript compares what was said with what is committed: the bytes of each
// connection, and which side said them when. Nothing is normalised. Only between
// two connections is the order left open: a client may say two things at once,
// and another hears of the first while the second is on its way.
func wantTranscript(t *testing.T, file, title string, said []spell) {
	t.Helper()
	if *update {
		if err := os.WriteFile("testdata/"+file, []byte(render(title, said)), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := committed(t, file)
	for conn := 1; conn == 1 || len(of(said, conn))+len(of(want, conn)) > 0; conn++ {
		a, b := of(want, conn), of(said, conn)
		for i := range max(len(a), len(b)) {
			if i >= len(a) || i >= len(b) || !reflect.DeepEqual(a[i], b[i]) {
				t.Errorf("%s: connection %d: message %d is\n%swant\n%s", file, conn, i+1, render("said", part(b, i)), render("committed", part(a, i)))
				break
			}
		}
	}
}

// part is the i-th, if there is one.
func part(said []spell, i int) []spell {
	if i >= len(said) {
		return nil
	}
	return said[i : i+1]
}

// sameBytes holds an answer to the byte.
func sameBytes(got, want []byte) error {
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%x (%s), want %x (%s)", got, spell{bytes: got}.line(), want, spell{bytes: want}.line())
	}
	return nil
}

// sameMeaning holds an answer to the byte in its header and in frames, and to the
// values in JSON: makers differ in blanks.
func sameMeaning(got, want []byte) error {
	a, err := switchyard.ParseMessage(got[4:])
	b, err2 := switchyard.ParseMessage(want[4:])
	if err != nil || err2 != nil || a.Type == switchyard.TypePacketIn {
		return sameBytes(got, want)
	}
	var x, y any
	if json.Unmarshal(a.Payload, &x) != nil || json.Unmarshal(b.Payload, &y) != nil {
		return sameBytes(got, want)
	}
	a.Payload, b.Payload = nil, nil
	if !reflect.DeepEqual(a, b) || !reflect.DeepEqual(x, y) {
		return sameBytes(got, want)
	}
	return nil
}

// record is what was said so far.
type record struct {
	mu   sync.Mutex
	said []spell
}

// note writes down what is said, and lets it be said by then: nobody sees a
// message here that has not gone.
func (r *record) note(s spell, then func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, s)
	return then()
}

func (r *record) all() []spell {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.said)
}

// await waits until so many messages of a type, or ends for type 0, were said on
// a connection.
func (r *record) await(t *testing.T, conn int, kind switchyard.Type, number int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		n := 0
		for _, s := range r.all() {
			if s.conn == conn && (s.bytes == nil && kind == 0 || s.bytes != nil && switchyard.Type(binary.BigEndian.Uint16(s.bytes[6:])) == kind) {
				n++
			}
		}
		if n >= number {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("connection %d: %d of %d %s:\n%s", conn, n, number, kind, render("so far", r.all()))
		}
	}
}

// A transcript that was changed in one place only is refused, or is another.
func TestTranscriptsAreReadStrictly(t *testing.T) {
	text := render("a title\nof two lines", []spell{
		{1, true, switchyard.Message{Type: switchyard.TypeHello, Payload: payload("client_name", strings.Repeat("x", 40))}.Append(nil)},
		{2, false, switchyard.Message{Type: switchyard.TypePacketIn, Endpoint: 3, Payload: frame(eth.Broadcast, eth.MAC{2}, "hi")}.Append(nil)},
		{1, true, nil},
	})
	said, err := parseTranscript(text)
	if err != nil || render("a title\nof two lines", said) != text {
		t.Fatalf("%v, %s", err, text)
	}
	for _, change := range [][2]string{
		{"1 > HELLO", "1 < HELLO"},
		{"0001 0001", "0001 0002"},
		{"7878", "7978"},
		{"endpoint=3", "endpoint=4"},
		{"1 > end", "1 > halt"},
		{"1 > end", "x > end"},
		{"1 > end\n", ""},
		{"0000001c", "0000001d"},
		{" 00000000", " 0000000"},
	} {
		if !strings.Contains(text, change[0]) {
			t.Errorf("there is no %q", change[0])
		}
		again, err := parseTranscript(strings.Replace(text, change[0], change[1], 1))
		if err == nil && reflect.DeepEqual(again, said) {
			t.Errorf("%q for %q is not noticed", change[1], change[0])
		}
	}
}
