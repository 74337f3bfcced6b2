package switchyard

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"example.com/dsim/cells"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/internal/talk"
)

// event is one thing that happens to a fabric: bytes of a client, or anything
// else if do is there.
type event struct {
	client int
	bytes  []byte
	early  int // so many of the bytes may come before events of others
	do     func(f *talk.Cell, port cells.Port)
}

func pick[T any](t *rapid.T, label string, of ...T) T { return rapid.SampledFrom(of).Draw(t, label) }

// drawFrame is a frame between few addresses.
func drawFrame(t *rapid.T) []byte {
	macs := []string{mac1, mac2, mac3, all, "02:00:00:00:00:77", "01:00:5e:00:00:01", "00:00:00:00:00:00"}
	var b []byte
	for range 2 {
		m, err := eth.ParseMAC(pick(t, "mac", macs...))
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, m[:]...)
	}
	return append(append(b, 8, 6), rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "text")...)
}

// drawMessage is a message that a client may send, sensible or not.
func drawMessage(t *rapid.T) []byte {
	id := uint32(rapid.IntRange(0, 6).Draw(t, "endpoint"))
	name := pick(t, "name", "a", "b", "c", "d")
	n := rapid.IntRange(0, 4).Draw(t, "number")
	switch rapid.IntRange(0, 20).Draw(t, "message") {
	case 0, 1, 2, 3, 4:
		return packet(id, drawFrame(t))
	case 5, 6, 7:
		return subscribe(id, uint32(rapid.IntRange(0, 2).Draw(t, "flags")))
	case 8, 9, 10:
		return control(TypeEndpointCreate, fmt.Sprintf(pick(t, "create", `{"name": %q}`, `{"name": %q, "mac": "02:00:00:00:00:77"}`, `{"name": %q`), name))
	case 11:
		return control(TypeEndpointLookup, fmt.Sprintf(`{"name": %q}`, name))
	case 12:
		return Message{TypeMirror, id, 0, drawFrame(t)}.Append(nil)
	case 13:
		return control(TypeRuleSet, fmt.Sprintf(`{"endpoint": %q, "version": %d, "rules": [%s]}`, name, n, pick(t, "rules", ``, `"drop ether=arp"`, `"count", "mirror=a"`, `"drip"`)))
	case 14:
		return Message{TypeRulesApplied, id, 0, fmt.Appendf(nil, `{"version": %d}`, n)}.Append(nil)
	case 15:
		return control(TypeCaptureGet, fmt.Sprintf(`{"from": %d, "max": 3}`, n))
	case 16:
		return control(TypeStatsGet, `{}`)
	case 17:
		return control(TypeImpairSet, fmt.Sprintf(`{"to": %q, "set": %q}`, name, pick(t, "set", "", "drop=30%", "dup=50%", "latency=5ms jitter=0ms..9ms", "drop=2")))
	case 18:
		return control(TypeReplay, pick(t, "replay", `{"scale": "0"}`, `{"scale": "1/2"}`, `{"scale": "x"}`))
	case 19:
		return control(Type(rapid.IntRange(0, 200).Draw(t, "type")), `{}`)
	}
	return packet(id, make([]byte, rapid.IntRange(0, 16).Draw(t, "short")))
}

// drawEvents is a conversation of several clients, and what else happens.
func drawEvents(t *rapid.T, clients int) (events []event) {
	for i := range clients {
		hello := control(TypeHello, pick(t, "hello", `{}`, ``, `{"client_name": "x", "session": 77, "features": ["rules"]}`, `x`))
		begins := event{client: i, bytes: hello, early: len(hello) - 1}
		if rapid.IntRange(0, 4).Draw(t, "enters") > 0 {
			begins.bytes = slices.Concat(hello, control(TypeEndpointCreate, fmt.Sprintf(`{"name": %q}`, "abcd"[i:i+1])), subscribe(uint32(i+1), 0))
		}
		events = append(events, begins)
	}
	lost := map[int]bool{} // clients that have said what is no message
	for range rapid.IntRange(1, 40).Draw(t, "events") {
		ev := event{client: rapid.IntRange(0, clients-1).Draw(t, "client")}
		switch rapid.IntRange(0, 19).Draw(t, "event") {
		case 0:
			wait := time.Duration(rapid.IntRange(0, 10).Draw(t, "ms")) * time.Millisecond
			ev.do = func(f *talk.Cell, _ cells.Port) { f.Time = f.Time.Add(wait) }
		case 1:
			ev.do = func(f *talk.Cell, _ cells.Port) { fireIfArmed(f, timerLater) }
		case 2:
			err := pick[error](t, "down", io.EOF, cells.ErrReset, cells.ErrOverflow)
			ev.do = func(f *talk.Cell, port cells.Port) { f.Down(port, err) }
		case 3:
			ev.do = func(f *talk.Cell, port cells.Port) { f.Bytes[port] = 0 }
		case 4: // what is no message hangs up, as soon as the length is there
			ev.bytes = rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "garbage")
			lost[ev.client] = true
		default:
			for range rapid.IntRange(1, 4).Draw(t, "messages") {
				m := drawMessage(t)
				if len(ev.bytes) == 0 && !lost[ev.client] {
					ev.early = len(m) - 1
				}
				ev.bytes = append(ev.bytes, m...)
			}
		}
		events = append(events, ev)
	}
	return events
}

func fireIfArmed(f *talk.Cell, id cells.TimerID) {
	if _, armed := f.Timers[id]; armed {
		f.Fire(id)
	}
}

// outcome is what a fabric did: the bytes of each connection, what else it asked
// for in its order, and what it shows in the end.
type outcome struct {
	sent   map[cells.Port][]byte
	others []string
	state  string

	left          []string // how much had been sent when each event was over
	events, marks int
}

func (o *outcome) take(f *talk.Cell) {
	defer func() {
		for port := range f.Ports { // all that an event brings has left when it is over
			if n := len(o.sent[port]); n > 0 {
				o.left = append(o.left, fmt.Sprintf("%d: %d bytes to %d", o.events, n, port))
			}
		}
		slices.Sort(o.left[o.marks:])
		o.events, o.marks = o.events+1, len(o.left)
	}()
	for _, line := range f.Take() {
		rest, sends := strings.CutPrefix(line, "send ")
		if !sends {
			o.others = append(o.others, line)
			continue
		}
		port, text, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(port)
		if err != nil {
			f.T.Fatal(err)
		}
		o.sent[cells.Port(n)] = append(o.sent[cells.Port(n)], unhexed(text)...)
	}
}

func (o *outcome) differs(p *outcome) error {
	for port := range max(cells.Port(len(o.sent)), cells.Port(len(p.sent))) + 10 {
		if !bytes.Equal(o.sent[port], p.sent[port]) {
			return fmt.Errorf("connection %d got\n%x, and cut\n%x", port, o.sent[port], p.sent[port])
		}
	}
	for i := range max(len(o.others), len(p.others)) {
		if i >= len(o.others) || i >= len(p.others) || o.others[i] != p.others[i] {
			return fmt.Errorf("effect %d is other:\n%q, and cut\n%q", i, o.others[min(i, len(o.others)):], p.others[min(i, len(p.others)):])
		}
	}
	if !slices.Equal(o.left, p.left) {
		return fmt.Errorf("left\n%q, and cut\n%q", o.left, p.left)
	}
	if o.state != p.state {
		return fmt.Errorf("state\n%s, and cut\n%s", o.state, p.state)
	}
	return nil
}

// converse lets the events happen to a fabric. If cut is there, bytes come in
// pieces of cut's sizes, and the beginning of a client's next event comes before
// what others do.
func converse(t testing.TB, config func(*FabricConfig), clients int, events []event, cut func(n int) int) *outcome {
	f := newFabric(t, config)
	o := &outcome{sent: map[cells.Port][]byte{}}
	ports := make([]cells.Port, clients)
	for i := range ports {
		ports[i] = f.Accept(1)
	}
	came := make([]int, len(events)) // so many bytes of an event are there already
	for i, ev := range events {
		port := ports[ev.client]
		if ev.do != nil {
			ev.do(f, port)
			o.take(f)
			continue
		}
		rest := ev.bytes[came[i]:]
		for len(rest) > 0 {
			n := len(rest)
			if cut != nil {
				n = 1 + cut(n)
			}
			f.Recv(port, rest[:n])
			rest = rest[n:]
		}
		if cut != nil {
			for j := i + 1; j < len(events) && cut(3) > 0; j++ {
				if other := events[j]; came[j] == 0 && other.early > 0 && first(events[i+1:], other.client) == j-i-1 {
					came[j] = cut(other.early + 1)
					f.Recv(ports[other.client], other.bytes[:came[j]])
				}
			}
		}
		o.take(f)
	}
	o.state = f.P.(*fabric).statsText()
	return o
}

// first is the place of a client's first event.
func first(events []event, client int) int {
	return slices.IndexFunc(events, func(ev event) bool { return ev.client == client })
}

// Law: what a fabric does depends on the bytes of its clients and their order,
// not on how the streams are cut into chunks.
func TestChunksOfAFabricDoNotMatter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		clients := rapid.IntRange(2, 4).Draw(rt, "clients")
		events := drawEvents(rt, clients)
		reap, limit, age := rapid.Bool().Draw(rt, "reap"), pick(rt, "limit", 300, LimitDefault), pick(rt, "age", 0, 5*time.Millisecond)
		config := func(c *FabricConfig) { c.Reap, c.Limit, c.Age = reap, limit, age }
		whole := converse(t, config, clients, events, nil)
		cut := converse(t, config, clients, events, func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "cut") })
		if err := whole.differs(cut); err != nil {
			rt.Fatal(err)
		}
	})
}

// Law: what an endpoint does depends on the fabric's bytes, not on how they are
// cut.
func TestChunksOfAnEndpointDoNotMatter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var stream []byte
		for range rapid.IntRange(0, 12).Draw(rt, "messages") {
			stream = append(stream, drawReply(rt)...)
		}
		stream = append(stream, rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(rt, "garbage")...)
		run := func(cut func(n int) int) []string {
			c, app := newEndpoint(t, nil)
			app.does = func(e cells.Env, line string) {
				if strings.HasPrefix(line, "ready") {
					_ = app.ep.Lookup(e, "ben")
				}
			}
			c.Start()
			c.Up(1)
			for rest := stream; len(rest) > 0; {
				n := 1 + cut(len(rest))
				c.Recv(1, rest[:n])
				rest = rest[n:]
			}
			return append(append(c.Take(), app.log...), fmt.Sprint(app.ep.AppendState(nil)))
		}
		whole := run(func(n int) int { return n - 1 })
		cut := run(func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "cut") })
		if !slices.Equal(whole, cut) {
			rt.Fatalf("whole\n  %s\ncut\n  %s", strings.Join(whole, "\n  "), strings.Join(cut, "\n  "))
		}
	})
}

// drawReply is a message of a fabric: in the beginning mostly what an endpoint
// waits for.
func drawReply(t *rapid.T) []byte {
	switch rapid.IntRange(0, 12).Draw(t, "reply") {
	case 0, 1:
		return slices.Concat(reply(TypeWelcome, 0, 0, welcome), reply(TypeEndpointCreated, 0, 0, annIs7), reply(TypeSubscribed, 7, 0, `{}`))
	case 2:
		return reply(TypeWelcome, 0, 0, welcome)
	case 3:
		return reply(TypeEndpointCreated, 0, 0, annIs7)
	case 4:
		return reply(TypeEndpointInfo, 0, 0, annIs7)
	case 5:
		return reply(TypeSubscribed, 7, 0, `{}`)
	case 6:
		return reply(TypeError, 0, 0, pick(t, "error", `{"error": "no such endpoint: ben"}`, `{"error": "endpoint name already exists: ann"}`, `{"error": "PACKET_OUT: x"}`, `x`))
	case 7:
		return reply(TypeRules, 7, 0, fmt.Sprintf(`{"version": %d, "rules": [%s]}`, rapid.IntRange(0, 3).Draw(t, "version"), pick(t, "rules", `"drop ether=arp"`, `"mirror=tap"`, `"drip"`)))
	case 8:
		return reply(TypePacketIn, uint32(pick(t, "endpoint", 7, 8)), uint32(pick(t, "flags", 0, 1)), string(make([]byte, rapid.IntRange(0, 20).Draw(t, "short"))))
	}
	return reply(TypePacketIn, 7, 0, string(drawFrame(t)))
}

// model is a fabric of subscriptions and frames alone, without bounds.
type model struct {
	macs map[[6]byte]uint32
	subs map[uint32][]modelSub // by endpoint
	want map[cells.Port][]string
	last uint32 // endpoint
}

type modelSub struct {
	port  cells.Port
	flags uint32
}

func (m *model) packet(from uint32, frame []byte) {
	if src := [6]byte(frame[6:12]); src[0]&1 == 0 && src != [6]byte{} {
		m.macs[src] = from
	}
	to := m.macs[[6]byte(frame[:6])] // 0 is nobody: all
	for id := uint32(1); id <= m.last; id++ {
		for _, s := range m.subs[id] {
			if s.flags&Promisc != 0 || id == to || to == 0 && id != from {
				m.want[s.port] = append(m.want[s.port], in(s.port, id, s.flags, frame))
			}
		}
	}
}

// Law: on each connection come the frames that are for its subscriptions, and
// no others, in the order in which they entered; one that is flooded in the
// order of endpoints, and of their subscriptions.
func TestFramesComeInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFabric(t, func(c *FabricConfig) { c.Limit = 1 << 30 })
		m := &model{map[[6]byte]uint32{}, map[uint32][]modelSub{}, map[cells.Port][]string{}, 0}
		var ports []cells.Port
		for i, macs := range []string{mac1, mac2, mac3, "02:53:59:00:00:04"}[:rapid.IntRange(2, 4).Draw(rt, "endpoints")] {
			mac, _ := eth.ParseMAC(macs)
			m.last = uint32(i + 1)
			m.macs[mac] = m.last
			port := f.Accept(1)
			f.Recv(port, control(TypeHello, `{}`))
			f.Recv(port, control(TypeEndpointCreate, fmt.Sprintf(`{"name": "e%d"}`, i)))
			ports = append(ports, port)
		}
		for range rapid.IntRange(0, 8).Draw(rt, "subscriptions") {
			s := modelSub{pick(rt, "subscriber", ports...), uint32(rapid.IntRange(0, 3).Draw(rt, "flags"))}
			id := uint32(rapid.IntRange(1, int(m.last)).Draw(rt, "endpoint"))
			f.Recv(s.port, subscribe(id, s.flags))
			m.subs[id] = append(m.subs[id], s)
		}
		f.Take()
		got := &outcome{sent: map[cells.Port][]byte{}}
		for range rapid.IntRange(1, 20).Draw(rt, "chunks") {
			var chunk []byte
			for range rapid.IntRange(1, 5).Draw(rt, "frames") {
				from := uint32(rapid.IntRange(1, int(m.last)).Draw(rt, "from"))
				frame := drawFrame(rt)
				chunk = append(chunk, packet(from, frame)...)
				m.packet(from, frame)
			}
			f.Recv(pick(rt, "sender", ports...), chunk)
			got.take(f)
		}
		for _, port := range slices.Sorted(maps.Keys(m.want)) {
			var lines []string
			for _, x := range messagesOf(t, got.sent[port]) {
				lines = append(lines, fmt.Sprintf("%d: %s", port, x))
			}
			if !slices.Equal(lines, m.want[port]) {
				rt.Fatalf("connection %d got\n  %s\nwant\n  %s", port, strings.Join(lines, "\n  "), strings.Join(m.want[port], "\n  "))
			}
			delete(got.sent, port)
		}
		if len(got.sent) > 0 {
			rt.Fatal(errors.New("a connection got frames that nobody sent it"))
		}
	})
}
