package scenarios

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay"
)

// Law 8: the limit of events ends a run that would go on; it is inconclusive,
// and says so by name.
func TestBoundOfEventsIsInconclusive(t *testing.T) {
	r := judged(t, `cells: {a: {protocol: abp, messages: 100000, rto: 1ms}, b: {protocol: abp, messages: 100000, rto: 1ms}}
links: {ab: {between: [a:p0, b:p0], delay: 1ms}}
expect: [{sometimes: b.delivered == 100000}, {always: abp/exactly-once-in-order}]
run: {until: 1h, events: 500}
`, WorldOptions{})
	if r.Verdict != Inconclusive || !errors.Is(r.Err, des.ErrEvents) || r.Failure != nil || r.Events < 500 || r.Events > 600 {
		t.Errorf("%s after %d events: %v, %v", r.Verdict, r.Events, r.Err, r.Failure)
	}
	for _, x := range r.Expect {
		if x.Verdict != Inconclusive || x.Why == "" {
			t.Errorf("%s is %s: %s", x.Text, x.Verdict, x.Why)
		}
	}
}

// Law 8: a chain of causes that leaves no instant fails by name, and the error
// names the cycle: of one cell, and of cells and the links between them.
func TestBoundOfDeltaNamesTheCycle(t *testing.T) {
	r := judged(t, `cells: {a: {protocol: probe, plan: ["7ms spin=1"]}, b: {protocol: probe}}
run: {until: 1s, delta: 50}
`, WorldOptions{})
	wantCycle(t, r, ms(7), "… cell a -> cell a")
	// Two senders of the counter answer one another at once: the link has no delay.
	r = judged(t, `cells: {a: {protocol: abp64, role: sender, rto: 1ms}, b: {protocol: abp64}}
links: {ab: {between: [a:p0, b:p0]}}
run: {until: 1s, delta: 50}
`, WorldOptions{})
	wantCycle(t, r, 0, "ab")
}

func wantCycle(t *testing.T, r *Result, at clock.Time, names string) {
	t.Helper()
	var zero *des.ZeroDelayError
	if r.Verdict != Fail || r.Failure.Property != PropertyZeroDelay || !errors.As(r.Err, &zero) {
		t.Fatalf("%s: %v, %v", r.Verdict, r.Failure, r.Err)
	}
	if r.End != at || !strings.Contains(r.Err.Error(), names) || !strings.HasPrefix(r.Err.Error(), "zero-delay cycle at "+at.String()) {
		t.Errorf("at %s: %v, want a cycle of %s", r.End, r.Err, names)
	}
	if r.Events > 1000 {
		t.Errorf("%d events of one instant have run", r.Events)
	}
}

// Law 8: queues of an interface and of a channel, in frames and in bytes, and
// the greatest frame: what does not fit is dropped and counted by its reason.
func TestBoundsOfFramesAreCountedByReason(t *testing.T) {
	for _, c := range []struct {
		params string
		reason cells.Reason
		lost   uint64
	}{
		{"rate: 1Mbit, queue: {frames: 4}", cells.ReasonQueue, 6},
		{"speed: 1Mbit, queue: {bytes: 500B}", cells.ReasonQueue, 5},
		{"speed: 1Gbit, rate: 1Mbit, buffer: {frames: 2}", cells.ReasonBuffer, 8},
		{"mtu: 99B", cells.ReasonMTU, 10},
		{"cut: hold, hold: 3", cells.ReasonHeld, 7},
	} {
		var plan []string
		for range 10 {
			plan = append(plan, `"5ms send=100"`)
		}
		w := probeWorld(t, fmt.Sprintf(`version: 1
name: bounds
cells: {a: {protocol: probe, plan: [%s]}, b: {protocol: probe}}
links: {ab: {between: [a:p0, b:p0], delay: 1ms, %s}}
run: {until: 1s}
`, strings.Join(plan, ", "), c.params), WorldOptions{})
		r := w.Run()
		counts, _ := w.Network().Link("ab")
		if got := counts[0].Reasons[c.reason]; r.Err != nil || got != c.lost {
			t.Errorf("%s: %d dropped as %s, want %d: %v, %v", c.params, got, c.reason, c.lost, counts[0], r.Err)
		}
	}
}

// Law 8: a stream that is written over its bound goes down by name.
func TestBoundOfAStreamResetsItByName(t *testing.T) {
	rec := &recorder{}
	r := judged(t, `cells:
  a: {protocol: echo, role: client, dial: "b:echo", impolite: true, bytes: 64KiB, chunk: 5000B, ports: []}
  b: {protocol: echo, role: server, ports: []}
links: {ab: {stream: true, between: [a, b], delay: 5ms, bound: 16KiB}}
expect: [{sometimes: a.overflows > 0}]
run: {until: 1s}
`, WorldOptions{Records: rec})
	if r.Verdict != Pass {
		t.Fatal(r.Failure)
	}
	i := slices.IndexFunc(rec.list, func(r des.Record) bool {
		return r.Op == des.OpDown && r.Cell == "a" && r.A == int64(cells.DownCode(cells.ErrOverflow))
	})
	if i < 0 {
		t.Error("no Down says that the stream overflowed")
	}
}

// Law 8: a run without end has one: until, in virtual time.
func TestBoundOfTimeEndsEveryRun(t *testing.T) {
	r := judged(t, `cells: {a: {protocol: probe, plan: ["10ms emit=1", "5h emit=2"]}}
run: {until: 1h}
`, WorldOptions{})
	if r.End != clock.Time(time.Hour) || r.Verdict != Pass {
		t.Errorf("%s at %s", r.Verdict, r.End)
	}
}

// Law 11: a panic in a handler is caught at the boundary, its effects are
// discarded, its cause is recorded, the trace is flushed and can be read, and
// the run fails by that name.
func TestPanicIsAVerdictAndTheTraceIsWhole(t *testing.T) {
	text := `version: 1
name: a handler panics
cells: {a: {protocol: probe, plan: ["10ms send=10", "20ms panic=no way out", "30ms send=10"]}, b: {protocol: probe}}
links: {ab: {between: [a:p0, b:p0], delay: 1ms}}
expect: [{always: probe/growing}, {sometimes: b.got == 1}, {always: b.got < 2}]
run: {until: 1s}
`
	var file bytes.Buffer
	trace, err := replay.NewWriter(&file, replay.Header{Scenario: "a handler panics", Text: text, Seed: "1", Rng: 1, Level: replay.Events})
	if err != nil {
		t.Fatal(err)
	}
	o := &growing{}
	r := probeWorld(t, text, WorldOptions{Registry: probeRegistry(o), Records: trace, Choices: trace, Marks: trace}).Run()
	if r.Verdict != Fail || r.Failure.Property != PropertyPanic || r.Failure.Cell != "a" || r.Failure.Time != ms(20) || r.End != ms(20) {
		t.Fatalf("%s: %+v at %s", r.Verdict, r.Failure, r.End)
	}
	var panicked *cells.PanicError
	if !errors.As(r.Err, &panicked) || panicked.Value != "no way out" || panicked.Op != des.OpTimer || !strings.Contains(panicked.Stack, "probe") {
		t.Errorf("the cause is %v", r.Err)
	}
	if len(o.seen) != 0 {
		t.Error("an oracle saw what a handler emitted that panicked")
	}
	if x := r.Expect[1]; x.Verdict != Pass {
		t.Errorf("%s is %s, though it was met before", x.Text, x.Verdict)
	}
	if err := trace.Close(replay.Summary{Verdict: "fail", Digest: r.Digest, End: r.End, Events: r.Events}); err != nil {
		t.Fatal(err)
	}
	read, err := replay.OpenBytes(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	if err := read.Verify(); err != nil {
		t.Error(err)
	}
	var last []string
	for x, err := range read.Records(0, clock.Never) {
		if err != nil {
			t.Fatal(err)
		}
		if x.Key.Time == ms(20) && x.Op != des.OpMark {
			last = append(last, x.Op.String()+" "+x.Cell+" "+x.Text)
		}
	}
	if want := []string{"timer a ", "panic a no way out"}; !slices.Equal(last, want) {
		t.Errorf("the trace ends with %q, want %q", last, want)
	}
}

// Law 11 holds in every handler of a protocol, and in what shows its state.
func TestPanicOfAnyHandlerIsCaught(t *testing.T) {
	for _, at := range []string{"start", "up", "recv", "timer", "command", "state"} {
		r := NewRegistry()
		r.RegisterProtocol(Protocol{Name: "bomb", New: func(any) (cells.Protocol, error) { return &bomb{at: at}, nil }})
		res := probeWorld(t, `version: 1
name: bombs
cells: {a: {protocol: bomb}, b: {protocol: bomb}}
links: {ab: {between: [a:p0, b:p0], delay: 1ms}}
timeline: [{at: 5ms, a: go}]
run: {until: 1s}
`, WorldOptions{Registry: r}).Run()
		if res.Verdict != Fail || res.Failure == nil || res.Failure.Property != PropertyPanic {
			t.Errorf("panic in %s: %s, %v", at, res.Verdict, res.Failure)
		}
	}
}

// bomb panics in one of its handlers.
type bomb struct {
	at  string
	now bool
}

func (p *bomb) maybe(at string) {
	if p.at == at {
		panic("bang in " + at)
	}
}

func (p *bomb) Start(e cells.Env) { p.maybe("start"); e.Arm(1, time.Millisecond) }
func (p *bomb) Up(e cells.Env, q cells.Port) {
	p.maybe("up")
	e.Send(q, []byte{1})
	p.now = true
}
func (p *bomb) Recv(cells.Env, cells.Port, []byte) { p.maybe("recv") }
func (p *bomb) Timer(cells.Env, cells.TimerID)     { p.maybe("timer") }
func (p *bomb) Down(cells.Env, cells.Port, error)  {}
func (p *bomb) Command(cells.Env, []string) (string, error) {
	p.maybe("command")
	return "", nil
}

func (p *bomb) AppendState(a []cells.Attr) []cells.Attr {
	if p.now {
		p.maybe("state")
	}
	return a
}

// Law 10: bytes of any kind, on any port, in any order with everything else,
// panic no protocol that is registered. Each cell's peer is a source of
// garbage, some of which is what the protocol itself has sent, bent a little.
func TestGarbagePanicsNoProtocol(t *testing.T) {
	rounds := 30
	if *long {
		rounds = 3000
	}
	protocols := NewRegistry()
	register(protocols)
	for _, p := range protocols.Protocols() {
		for round := range rounds {
			seed := uint64(round)
			garbageRound(t, p.Name, seed)
			if t.Failed() {
				return
			}
		}
	}
}

// victims are parameters that make a cell of a protocol talk.
var victims = map[string][]string{
	"abp":                    {"role: both, messages: 50, rto: 3ms", "role: sender, messages: 50, rto: 3ms", "role: receiver"},
	"abp5":                   {"role: client, timeout: 5ms", "role: server"},
	"abp64":                  {"role: sender, rto: 2ms", "role: responder"},
	"echo":                   {`role: client, dial: "noise:x", ports: [], redial: 5ms`, "role: server, listen: x, ports: []"},
	"switchyard-abp":         {`peer: x, fabric: "noise:x", ports: []`},
	"switchyard-bridge":      {`left: "noise:x", right: "noise:y", ports: []`},
	"switchyard-fabric":      {"listen: x, ports: []"},
	"switchyard-host":        {`fabric: "noise:x", ports: [], frames: 50`},
	"switchyard-arp":         {`fabric: "noise:x", ports: []`},
	"switchyard-dhcp":        {`fabric: "noise:x", ports: []`},
	"switchyard-dhcp-client": {`fabric: "noise:x", ports: []`},
	"switchyard-dns":         {`fabric: "noise:x", ports: []`},
	"switchyard-dns-client":  {`fabric: "noise:x", ports: [], to: ""`},
	"switchyard-echo":        {`fabric: "noise:x", ports: []`},
	"switchyard-icmp":        {`fabric: "noise:x", ports: [], to-ip: 10.0.0.2`},
	"switchyard-ntp":         {`fabric: "noise:x", ports: []`},
	"switchyard-ntp-client":  {`fabric: "noise:x", ports: [], to: ""`},
	"switchyard-ping":        {`fabric: "noise:x", ports: [], to: ""`},
	"switchyard-sniffer":     {`fabric: "noise:x", ports: []`},
}

func garbageRound(t *testing.T, name string, seed uint64) {
	params, known := victims[name]
	if !known {
		params = []string{""} // a new protocol: its defaults must do
	}
	p := params[int(seed)%len(params)]
	registry := NewRegistry()
	register(registry)
	registry.RegisterProtocol(Protocol{Name: "noise", New: func(any) (cells.Protocol, error) {
		return &noise{r: rand.New(rand.NewPCG(seed, 7))}, nil
	}})
	text := "version: 1\nname: garbage\ncells:\n  victim: {protocol: " + name
	if p != "" {
		text += ", " + p
	}
	if strings.Contains(p, "ports: []") {
		text += "}\n  noise: {protocol: noise, ports: []}\nlinks: {v: {stream: true, between: [victim, noise], delay: 1ms, recut: full}}\n"
	} else {
		text += "}\n  noise: {protocol: noise}\nlinks: {v: {between: [victim:p0, noise:p0], delay: 100us, dup: 5%, reorder: 5%, ber: 1e-3}}\n"
	}
	text += "timeline: [{at: 60ms, crash: victim, for: 5ms}, {at: 100ms, crash: victim}, {at: 105ms, restart: victim}]\nrun: {until: 200ms, events: 20000}\n"
	r := probeWorld(t, text, WorldOptions{Registry: registry}).Run()
	if r.Failure != nil {
		t.Errorf("%s {%s}, garbage of seed %d: %v\n%v", name, p, seed, r.Failure, r.Err)
	}
}

// noise sends garbage: a message every 300 µs, of bytes it has made up, or of
// what it has received, bent. It listens and dials as well.
type noise struct {
	r     *rand.Rand
	heard [][]byte
	open  []cells.Port
}

func (p *noise) Start(e cells.Env) {
	e.Listen("x")
	e.Arm(1, 0)
}

func (p *noise) Up(e cells.Env, q cells.Port) {
	p.open = append(p.open, q)
	p.speak(e, q)
}

func (p *noise) Down(_ cells.Env, q cells.Port, _ error) {
	p.open = slices.DeleteFunc(p.open, func(o cells.Port) bool { return o == q })
}

func (p *noise) Recv(e cells.Env, q cells.Port, b []byte) {
	if len(p.heard) < 50 {
		p.heard = append(p.heard, bytes.Clone(b))
	}
	p.speak(e, q)
}

func (p *noise) Timer(e cells.Env, _ cells.TimerID) {
	for _, q := range p.open {
		p.speak(e, q)
	}
	if len(p.open) == 0 && p.r.IntN(10) == 0 {
		e.Dial("victim:x")
	}
	e.Arm(1, 300*time.Microsecond)
}

func (p *noise) speak(e cells.Env, q cells.Port) {
	b := make([]byte, p.r.IntN(90))
	for i := range b {
		b[i] = byte(p.r.Uint32() >> (8 * p.r.IntN(4)))
	}
	if len(p.heard) > 0 && p.r.IntN(3) > 0 {
		b = bytes.Clone(p.heard[p.r.IntN(len(p.heard))])
		switch cut := p.r.IntN(len(b) + 1); p.r.IntN(4) {
		case 0:
			b = b[:cut]
		case 1:
			b = slices.Concat(b, b[:cut])
		case 2:
			if cut < len(b) {
				b[cut] ^= 1 << p.r.IntN(8)
			}
		}
	}
	if e.Queued(q) < 4000 {
		e.Send(q, b)
	}
}
