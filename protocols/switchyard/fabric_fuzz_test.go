package switchyard

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/protocols/internal/talk"
	"example.com/dsim/protocols/stream"
)

// script reads the choices of a fuzzer. Behind the end all of them are 0.
type script []byte

func (s *script) n(below int) int {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return int(b) % below
}

func (s *script) take(n int) []byte {
	n = min(n, len(*s))
	b := (*s)[:n]
	*s = (*s)[n:]
	return b
}

// watched is a fabric, what its clients got, and the laws it is held to.
type watched struct {
	*talk.Cell
	f        *fabric
	ports    []cells.Port
	gone     map[cells.Port]bool
	streams  map[cells.Port]*stream.Splitter
	frames   map[string]bool // that some client sent
	counts   *counters
	delivery cells.Oracle
	emitted  int
}

func watchFabric(t testing.TB, s *script) *watched {
	w := &watched{
		gone: map[cells.Port]bool{}, streams: map[cells.Port]*stream.Splitter{}, frames: map[string]bool{},
		counts: NewCounters().(*counters), delivery: NewOracle(),
	}
	c := FabricDefaults()
	c.Reap = s.n(2) == 1
	c.Limit = []int{LimitDefault, 200, 40}[s.n(3)]
	c.Age = []time.Duration{0, 3 * time.Millisecond}[s.n(2)]
	c.Capture, c.CaptureBytes = []int{256, 4, 0}[s.n(3)], []int{1 << 20, 100}[s.n(2)]
	c.Connections, c.Endpoints = []int{16384, 3}[s.n(2)], []int{4096, 3}[s.n(2)]
	if s.n(2) == 1 {
		c.Impair = []string{"* * drop=20% dup=20% reorder=20% latency=1ms jitter=0ms..3ms"}
	}
	w.Cell = talk.NewCell(t, "fabric")(NewFabric(c))
	w.f = w.P.(*fabric)
	w.Start()
	return w
}

// step lets one thing happen.
func (w *watched) step(s *script) {
	var port cells.Port
	op := s.n(16)
	if len(w.ports) > 0 {
		port = w.ports[s.n(len(w.ports))]
	}
	switch {
	case op == 0 || port == 0:
		if len(w.ports) < 20 {
			w.ports = append(w.ports, w.Accept(1))
		}
	case op == 1:
		w.Time = w.Time.Add(time.Duration(s.n(256)) * 100 * time.Microsecond)
	case op == 2:
		fireIfArmed(w.Cell, cells.TimerID(s.n(2)))
	case op == 3:
		words := strings.Fields([]string{
			"stats", "macs", "endpoints", "impair", "impair a b drop=50%", "impair * * latency=1ms", "rule a 7 drop", "rule b 9 count; mirror=a",
			"rules a", "capture", "replay 0", "replay 1/2 1 9", "kick a", "kick b", "kick c", "x",
		}[s.n(16)])
		_, _ = w.f.Command(w, words)
	case w.gone[port]:
	case op == 4:
		w.end(port, []error{io.EOF, cells.ErrReset, cells.ErrOverflow}[s.n(3)])
	case op == 5:
		w.Bytes[port] = 0
	case op == 6:
		w.Recv(port, s.take(s.n(64)))
	case op == 7:
		w.Recv(port, control(TypeHello, []string{`{}`, `{"features": ["rules"]}`, `{`, `{"session": 5}`}[s.n(4)]))
	default:
		var b []byte
		for range 1 + s.n(4) {
			b = append(b, w.message(s)...)
		}
		cut := min(s.n(256), len(b))
		w.Recv(port, b[:cut])
		w.law()
		if !w.gone[port] {
			w.Recv(port, b[cut:])
		}
	}
	w.law()
}

func (w *watched) end(port cells.Port, err error) {
	w.gone[port] = true
	w.Down(port, err)
}

// message is one that may make sense.
func (w *watched) message(s *script) []byte {
	id, name := uint32(s.n(8)), "abcd"[s.n(4):][:1]
	switch s.n(16) {
	case 0, 1, 2, 3:
		return packet(id, w.frame(s))
	case 4:
		return Message{TypeMirror, id, 0, w.frame(s)}.Append(nil)
	case 5, 6:
		return subscribe(id, uint32(s.n(4)))
	case 7, 8:
		return control(TypeEndpointCreate, fmt.Sprintf(`{"name": %q}`, name))
	case 9:
		return control(TypeEndpointCreate, fmt.Sprintf(`{"name": %q, "mac": "02:53:59:00:00:%02x"}`, name, 1+s.n(6)))
	case 10:
		return control(TypeRuleSet, fmt.Sprintf(`{"endpoint": %q, "version": %d, "rules": ["count", "drop dst=02:53:59:00:00:02"]}`, name, s.n(5)))
	case 11:
		return Message{TypeRulesApplied, id, 0, fmt.Appendf(nil, `{"version": %d}`, s.n(5))}.Append(nil)
	case 12:
		return control(TypeReplay, `{"scale": "1/2"}`)
	case 13:
		return control(TypeCaptureGet, fmt.Sprintf(`{"from": %d, "max": %d}`, s.n(9), s.n(9)))
	case 14:
		return control(TypeStatsGet, fmt.Sprintf(`{"from": %d}`, s.n(9)))
	}
	return control(Type(s.n(120)), string(s.take(s.n(40))))
}

// frame is one between few addresses; sometimes it is too short.
func (w *watched) frame(s *script) []byte {
	b := make([]byte, 14, 60)
	for _, at := range []int{0, 6} {
		switch n := s.n(10); n {
		case 0:
			copy(b[at:], "\xff\xff\xff\xff\xff\xff")
		default:
			copy(b[at:], []byte{byte(n>>3) | 2, 0x53, 0x59, 0, 0, byte(n)})
		}
	}
	b = append(b, s.take(s.n(20))...)
	if s.n(16) == 15 {
		b = b[:13]
	}
	w.frames[string(b)] = true
	return b
}

// law holds after each step.
func (w *watched) law() {
	w.T.Helper()
	for _, line := range w.Take() {
		words := strings.SplitN(line, " ", 3)
		switch words[0] {
		case "send":
			w.sent(portOf(words[1]), unhexed(words[2]))
		case "close":
			w.gone[portOf(words[1])] = true
		}
	}
	for _, m := range w.Emitted[w.emitted:] {
		_ = w.counts.Observe(des.Key{}, m)
		if err := w.delivery.Observe(des.Key{}, m); err != nil {
			w.T.Fatal(err)
		}
	}
	w.emitted = len(w.Emitted)
	if err := w.delivery.Finish(); err != nil {
		w.T.Fatal(err)
	}
	snapshot := cells.Snapshot{Cells: []cells.CellStatus{{ID: w.Name, Run: cells.Running, State: w.f.AppendState(nil)}}}
	if err := w.counts.Survey(snapshot); err != nil {
		w.T.Fatal(err)
	}
	if err := w.f.tables(); err != nil {
		w.T.Fatal(err)
	}
}

func portOf(word string) (port cells.Port) {
	_, _ = fmt.Sscan(word, &port)
	return port
}

// sent takes bytes for a client: they are messages, and the frames in them are
// some that were sent.
func (w *watched) sent(port cells.Port, b []byte) {
	if w.gone[port] {
		w.T.Fatalf("connection %d is over, and gets %x", port, b)
	}
	split := w.streams[port]
	if split == nil {
		split = stream.NewSplitter(FramingOf())
		w.streams[port] = split
	}
	split.Feed(b)
	for x, ok := split.Next(); ok; x, ok = split.Next() {
		m, err := ParseMessage(x)
		switch {
		case err != nil:
			w.T.Fatalf("connection %d: %v", port, err)
		case m.Type == TypePacketIn && !w.frames[string(m.Payload)]:
			w.T.Fatalf("connection %d gets a frame that nobody sent: %s", port, m)
		}
	}
	if split.Err() != nil || split.Pending() > 0 {
		w.T.Fatalf("connection %d: %v, and %d bytes of a message", port, split.Err(), split.Pending())
	}
}

// tables says which of a fabric's tables is too long, or against another.
func (f *fabric) tables() error {
	taps, subs, macs := 0, 0, 0
	for i, p := range f.endpoints {
		if f.byID[p.id] != p || f.byName[p.name] != p || p.removed || i > 0 && p.id <= f.endpoints[i-1].id {
			return fmt.Errorf("endpoint %d %s is not where it must be", p.id, p.name)
		}
		macs += len(p.macs)
		for _, s := range p.subs {
			subs++
			if s.promisc() {
				taps++
			}
			if f.clients[s.client.port] != s.client || s.to != p {
				return fmt.Errorf("subscription %d of endpoint %d is nobody's", s.number, p.id)
			}
		}
	}
	owned := 0
	for _, c := range f.clients {
		owned += len(c.subs)
		if len(c.out) > 0 || len(c.subs) > SubscriptionsMax {
			return fmt.Errorf("connection %d: %d bytes have not left, %d subscriptions", c.number, len(c.out), len(c.subs))
		}
	}
	for mac, s := range f.macs {
		if s.at.removed || f.byID[s.at.id] != s.at {
			return fmt.Errorf("%s is at an endpoint that is gone", mac)
		}
	}
	switch kept := f.ring.kept(); {
	case len(f.byID) != len(f.endpoints) || len(f.byName) != len(f.endpoints) || len(f.endpoints) > f.config.Endpoints:
		return fmt.Errorf("%d endpoints, %d numbers, %d names", len(f.endpoints), len(f.byID), len(f.byName))
	case taps != f.taps || subs != owned:
		return fmt.Errorf("%d taps, and %d are counted; %d subscriptions, and clients have %d", taps, f.taps, subs, owned)
	case len(f.clients) > f.config.Connections || len(f.silent) > silentMost(f) || len(f.leaving) > 0:
		return fmt.Errorf("%d connections, %d silent, %d leave", len(f.clients), len(f.silent), len(f.leaving))
	case macs != len(f.macs) || macs > MACsMax+EndpointsMax || f.laterBytes > LaterBytesMax || len(f.later) > LaterMax || len(f.paths) > pathsMax:
		return fmt.Errorf("%d addresses, and endpoints have %d; %d late, %d paths", len(f.macs), macs, len(f.later), len(f.paths))
	case len(kept) > f.config.Capture || f.ring.bytes > f.config.CaptureBytes:
		return fmt.Errorf("%d frames of %d bytes are kept", len(kept), f.ring.bytes)
	}
	return nil
}

func silentMost(f *fabric) int { return 2*f.config.Connections + 2 }

// Anything may happen to a fabric, in any order: it does not panic, its tables
// stay whole and bounded, its counters add up, and its clients get messages with
// frames that somebody sent, where they belong.
func FuzzFabric(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x00" + "\x00\x00\x07\x00\x00\x00\x07\x01\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 2000 {
			return
		}
		s := script(b)
		w := watchFabric(t, &s)
		for len(s) > 0 {
			w.step(&s)
		}
		w.step(&s)
		// In the end all connections break: nothing is left of them.
		for _, port := range w.ports {
			if !w.gone[port] {
				w.end(port, cells.ErrReset)
			}
		}
		w.law()
		if n := len(w.f.clients); n > 0 {
			t.Fatalf("%d connections are left", n)
		}
	})
}
