package switchyard

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/internal/talk"
)

// told is an App that writes down what it is told.
type told struct {
	ep   *Endpoint
	log  []string
	does func(e cells.Env, line string)
}

func (a *told) say(e cells.Env, format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	a.log = append(a.log, line)
	if a.does != nil {
		a.does(e, line)
	}
}

func (a *told) Start(e cells.Env, ep *Endpoint) { a.ep = ep; a.say(e, "start") }
func (a *told) Ready(e cells.Env, me Identity) {
	a.say(e, "ready %d %s %s", me.Endpoint, me.Name, me.MAC)
}
func (a *told) Frame(e cells.Env, in Incoming) { a.say(e, "frame %x %x", in.Flags, in.Frame) }
func (a *told) Found(e cells.Env, name string, who Identity, err error) {
	a.say(e, "found %s %d %v", name, who.Endpoint, err)
}
func (a *told) Lost(e cells.Env, err error)         { a.say(e, "lost: %v", err) }
func (a *told) Timer(e cells.Env, id cells.TimerID) { a.say(e, "timer %d", id) }
func (a *told) Reply(e cells.Env, m Message)        { a.say(e, "reply %s", m) }

func (a *told) want(t *testing.T, why string, lines ...string) {
	t.Helper()
	if !slices.Equal(a.log, lines) {
		t.Fatalf("%s: told\n  %s\nwant\n  %s", why, strings.Join(a.log, "\n  "), strings.Join(lines, "\n  "))
	}
	a.log = nil
}

func newEndpoint(t testing.TB, change func(*EndpointConfig)) (*talk.Cell, *told) {
	c := EndpointConfig{Name: "ann"}
	if change != nil {
		change(&c)
	}
	app := &told{}
	ep, err := NewEndpoint(c, app)
	return talk.NewCell(t, "ann")(ep, err), app
}

// reply is a message from a fabric.
func reply(typ Type, endpoint, flags uint32, payload string) []byte {
	return Message{typ, endpoint, flags, []byte(payload)}.Append(nil)
}

const (
	welcome = `{"server": "switchyardd", "version": 1}`
	annIs7  = `{"endpoint_id": 7, "name": "ann", "mac": "02:53:59:00:00:07"}`
)

// toReady brings an endpoint up on port p.
func toReady(t *testing.T, c *talk.Cell, app *told, p cells.Port) {
	t.Helper()
	c.Up(p)
	c.Recv(p, reply(TypeWelcome, 0, 0, welcome))
	c.Recv(p, reply(TypeEndpointCreated, 0, 0, annIs7))
	c.Recv(p, reply(TypeSubscribed, 7, 0, `{}`))
	if _, ok := app.ep.Identity(); !ok {
		t.Fatal("not ready")
	}
	c.Take()
	app.log = nil
}

func TestEndpointConversation(t *testing.T) {
	c, app := newEndpoint(t, nil)
	c.Start()
	wantSaid(t, c, "dials", "dial 1 fabric:switchyard")
	c.Up(1)
	got := said(t, c)
	if len(got) != 2 || got[0] != "arm 4278190081 5s" || !strings.HasPrefix(got[1], `1: HELLO endpoint=0 flags=0x0 "{\"client_name\":\"ann\",\"session\":`) {
		t.Fatalf("%q", got)
	}
	c.Recv(1, reply(TypeWelcome, 0, 0, welcome)[:20])
	c.Recv(1, reply(TypeWelcome, 0, 0, welcome)[20:])
	wantSaid(t, c, "creates", "disarm 4278190081", "arm 4278190081 5s", `1: ENDPOINT_CREATE endpoint=0 flags=0x0 "{\"name\":\"ann\"}"`)
	c.Recv(1, reply(TypeEndpointCreated, 0, 0, annIs7))
	wantSaid(t, c, "subscribes", "disarm 4278190081", "arm 4278190081 5s", `1: SUBSCRIBE endpoint=7 flags=0x0 "{\"endpoint_id\":7,\"promisc\":false}"`)
	hi := frameOf(t, "02:53:59:00:00:07", mac1, "hi")
	c.Recv(1, append(reply(TypeSubscribed, 7, 0, `{}`), reply(TypePacketIn, 7, 0, string(hi))...))
	wantSaid(t, c, "ready", "disarm 4278190081")
	app.want(t, "in order", "start", "ready 7 ann 02:53:59:00:00:07", fmt.Sprintf("frame 0 %x", hi))

	if !app.ep.Send(c, hi) {
		t.Error("not sent")
	}
	wantSaid(t, c, "a frame", fmt.Sprintf("1: PACKET_OUT endpoint=7 flags=0x0 frame=%x", hi))
	if app.ep.Send(c, hi[:13]) {
		t.Error("a frame without a header was sent")
	}
	if app.ep.Send(c, make([]byte, PayloadMax+1)) {
		t.Error("a frame too long for a message was sent")
	}
	c.Bytes[1] = LimitDefault - Overhead - len(hi) + 1
	if app.ep.Send(c, hi) {
		t.Error("a frame without room was sent")
	}
	if c.Attr("sent") != 1 || c.Attr("lost") != 2 || c.Attr("full") != 1 || c.Attr("received") != 1 {
		t.Errorf("sent %d, lost %d, full %d", c.Attr("sent"), c.Attr("lost"), c.Attr("full"))
	}
}

// A frame built in the host's buffer is moved, not overwritten.
func TestSendFromBuf(t *testing.T) {
	c, app := newEndpoint(t, nil)
	c.Start()
	toReady(t, c, app, 1)
	buf := make([]byte, 0, 100)
	hi := append(buf, frameOf(t, all, mac1, "hello")...)
	want := fmt.Sprintf("1: PACKET_OUT endpoint=7 flags=0x0 frame=%x", hi)
	app.ep.Send(bufEnv{c, buf}, hi)
	wantSaid(t, c, "whole", want)
}

type bufEnv struct {
	cells.Env
	buf []byte
}

func (e bufEnv) Buf() []byte { return e.buf }

// Answers come in the order of questions, with frames between, and an ERROR
// about a frame answers none of them.
func TestAnswersAndFramesBetween(t *testing.T) {
	c, app := newEndpoint(t, nil)
	c.Start()
	toReady(t, c, app, 1)
	for _, name := range []string{"ben", "cid", "ben"} {
		if err := app.ep.Lookup(c, name); err != nil {
			t.Fatal(err)
		}
	}
	app.ep.Request(c, Message{TypeStatsGet, 0, 0, []byte("{}")})
	wantSaid(t, c, "each once", "arm 4278190081 5s", `1: ENDPOINT_LOOKUP endpoint=0 flags=0x0 "{\"name\":\"ben\"}"`,
		`1: ENDPOINT_LOOKUP endpoint=0 flags=0x0 "{\"name\":\"cid\"}"`, `1: STATS_GET endpoint=0 flags=0x0 "{}"`)
	hi := frameOf(t, mac2, mac1, "hi")
	c.Recv(1, slices.Concat(
		reply(TypePacketIn, 7, 0, string(hi)),
		reply(TypeError, 0, 0, `{"error": "PACKET_OUT: bad ethernet frame: x"}`),
		reply(TypeError, 0, 0, `{"error": "no such endpoint: ben"}`),
		reply(TypePacketIn, 7, 0, string(hi)),
		reply(TypeEndpointInfo, 0, 0, `{"endpoint_id": 9, "name": "cid", "mac": "02:53:59:00:00:09"}`),
		reply(TypeStats, 0, 0, `{}`)))
	app.want(t, "in order", fmt.Sprintf("frame 0 %x", hi), fmt.Sprintf("frame 0 %x", hi), "found cid 9 <nil>", `reply STATS endpoint=0 flags=0x0 "{}"`)
	wantSaid(t, c, "looks again later", "arm 4278190081 5s", "arm 4278190082 200ms", "arm 4278190081 5s", "disarm 4278190081")
	c.Fire(timerLookup)
	wantSaid(t, c, "again", "arm 4278190081 5s", `1: ENDPOINT_LOOKUP endpoint=0 flags=0x0 "{\"name\":\"ben\"}"`)
	if c.Attr("refused") != 1 || c.Attr("looking") != 1 {
		t.Errorf("refused %d", c.Attr("refused"))
	}
}

func TestLookupEnds(t *testing.T) {
	c, app := newEndpoint(t, func(c *EndpointConfig) { c.Wait = 300 * time.Millisecond })
	c.Start()
	toReady(t, c, app, 1)
	if err := app.ep.Lookup(c, "\n"); err == nil {
		t.Error("a name that is none was looked up")
	}
	_ = app.ep.Lookup(c, "ben")
	no := reply(TypeError, 0, 0, `{"error": "no such endpoint: ben"}`)
	for range 2 {
		c.Recv(1, no)
		c.Fire(timerLookup)
	}
	app.want(t, "not yet")
	c.Recv(1, no)
	app.want(t, "time is over", "found ben 0 no such endpoint: ben")
	for i := range LookupsMax + 1 {
		if err := app.ep.Lookup(c, fmt.Sprintf("n%d", i)); (err != nil) != (i == LookupsMax) {
			t.Fatalf("%d: %v", i, err)
		}
	}
}

// A connection that ends is made again, with a back-off that grows and is
// bounded, and the endpoint is taken over.
func TestReconnect(t *testing.T) {
	c, app := newEndpoint(t, func(c *EndpointConfig) { c.BackoffMax = 300 * time.Millisecond })
	c.Start()
	var last time.Duration
	for i, most := range []int64{100, 200, 300, 300} {
		c.Down(cells.Port(i+1), cells.ErrRefused)
		wait := c.Timers[timerDial].Sub(c.Time)
		if limit := time.Duration(most * 1e6); wait < limit/2 || wait > limit {
			t.Errorf("back-off %d is %s, want %dms at most", i, wait, most)
		}
		last = wait
		c.Fire(timerDial)
	}
	_ = last
	app.log = nil
	c.Take()
	toReady(t, c, app, 5)
	_ = app.ep.Lookup(c, "ben")
	c.Down(5, io.EOF)
	app.want(t, "lost", "lost: EOF")
	if got := said(t, c); !slices.Contains(got, "close 5") {
		t.Errorf("%q", got)
	}
	if app.ep.Send(c, make([]byte, 14)) {
		t.Error("sent without a connection")
	}
	c.Fire(timerDial)
	c.Take()
	c.Up(6)
	c.Take()
	c.Recv(6, reply(TypeWelcome, 0, 0, welcome))
	if got := said(t, c); !strings.Contains(got[len(got)-1], `ENDPOINT_LOOKUP endpoint=0 flags=0x0 "{\"name\":\"ann\"}"`) {
		t.Errorf("%q", got)
	}
	c.Recv(6, reply(TypeError, 0, 0, `{"error": "no such endpoint: ann"}`))
	if got := said(t, c); !strings.Contains(got[len(got)-1], `ENDPOINT_CREATE endpoint=0 flags=0x0 "{\"name\":\"ann\",\"mac\":\"02:53:59:00:00:07\"}"`) {
		t.Errorf("%q", got)
	}
	c.Recv(6, reply(TypeEndpointCreated, 0, 0, strings.Replace(annIs7, "7,", "8,", 1)))
	c.Recv(6, reply(TypeSubscribed, 8, 0, `{}`))
	app.want(t, "back", "ready 8 ann 02:53:59:00:00:07")
	if got := said(t, c); !strings.Contains(strings.Join(got, " "), `ENDPOINT_LOOKUP endpoint=0 flags=0x0 "{\"name\":\"ben\"}"`) {
		t.Errorf("what was looked up is looked up again: %q", got)
	}
	c.Recv(5, reply(TypePacketIn, 7, 0, "late"))
	c.Down(5, cells.ErrReset)
	app.want(t, "the old port is nobody's")
}

// A name that is taken: by an earlier life of our own, or by somebody else.
func TestTakingOver(t *testing.T) {
	for _, exclusive := range []bool{false, true} {
		c, app := newEndpoint(t, func(c *EndpointConfig) { c.Exclusive = exclusive })
		c.Start()
		c.Up(1)
		c.Recv(1, reply(TypeWelcome, 0, 0, welcome))
		c.Take()
		app.log = nil
		c.Recv(1, reply(TypeError, 0, 0, `{"error": "endpoint name already exists: ann"}`))
		if exclusive {
			app.want(t, "somebody else's", "lost: endpoint name already exists: ann")
			continue
		}
		if got := said(t, c); !strings.Contains(got[len(got)-1], "ENDPOINT_LOOKUP") {
			t.Errorf("%q", got)
		}
		c.Recv(1, reply(TypeEndpointInfo, 0, 0, annIs7))
		c.Recv(1, reply(TypeSubscribed, 7, 0, ``))
		app.want(t, "taken over", "ready 7 ann 02:53:59:00:00:07")
	}
}

// A fabric that was begun anew may have given an address to somebody else before
// the one who had it came back. An address of its own choice an endpoint insists
// on.
func TestAnAddressThatIsSomebodyElsesByNow(t *testing.T) {
	for _, chosen := range []bool{false, true} {
		c, app := newEndpoint(t, func(c *EndpointConfig) {
			if chosen {
				c.MAC = eth.MAC{0x02, 0x53, 0x59, 0, 0, 7}
			}
		})
		c.Start()
		toReady(t, c, app, 1)
		c.Down(1, cells.ErrReset)
		c.Fire(timerDial)
		c.Up(2)
		c.Recv(2, reply(TypeWelcome, 0, 0, welcome))
		c.Recv(2, reply(TypeError, 0, 0, `{"error": "no such endpoint: ann"}`))
		c.Take()
		app.log = nil
		c.Recv(2, reply(TypeError, 0, 0, `{"error": "endpoint mac already exists: 02:53:59:00:00:07"}`))
		if chosen {
			app.want(t, "it insists", "lost: endpoint mac already exists: 02:53:59:00:00:07")
			continue
		}
		if got := said(t, c); !strings.Contains(got[len(got)-1], `ENDPOINT_CREATE endpoint=0 flags=0x0 "{\"name\":\"ann\"}"`) {
			t.Errorf("%q", got)
		}
		c.Recv(2, reply(TypeEndpointCreated, 0, 0, strings.ReplaceAll(annIs7, "7", "9")))
		c.Recv(2, reply(TypeSubscribed, 9, 0, `{}`))
		app.want(t, "another address", "ready 9 ann 02:53:59:00:00:09")
	}
}

// What no fabric says ends the connection.
func TestNonsenseEndsTheConnection(t *testing.T) {
	for want, in := range map[string][]byte{
		"lost: frame of 4294967295 bytes: at most 65548 are allowed":      []byte("\xff\xff\xff\xff"),
		"lost: bad message: a length of 3: from 12 to 65548 are possible": []byte("\x00\x00\x00\x03abc"),
		"lost: protocol version mismatch: 9 != 1":                         []byte("\x00\x00\x00\x0c\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
		"lost: ENDPOINT_INFO answers nothing":                             reply(TypeEndpointInfo, 0, 0, annIs7),
		"lost: RULES: payload is not a JSON object":                       reply(TypeRules, 7, 0, "x"),
		"lost: connection timed out":                                      nil,
	} {
		c, app := newEndpoint(t, nil)
		c.Start()
		toReady(t, c, app, 1)
		if in == nil {
			_ = app.ep.Lookup(c, "ben")
			c.Fire(timerReply)
		} else {
			c.Recv(1, in)
		}
		app.want(t, "given up", want)
		if got := said(t, c); !slices.Contains(got, "close 1") {
			t.Errorf("%s: %q", want, got)
		}
	}
	c, app := newEndpoint(t, nil)
	c.Start()
	c.Up(1)
	app.log = nil
	c.Recv(1, reply(TypeSubscribed, 0, 0, ``))
	app.want(t, "another answer", "lost: HELLO is answered with SUBSCRIBED")
}

func TestQuit(t *testing.T) {
	c, app := newEndpoint(t, nil)
	c.Start()
	toReady(t, c, app, 1)
	app.does = func(e cells.Env, line string) {
		if strings.HasPrefix(line, "frame") {
			app.ep.Quit(e)
		}
	}
	hi := string(frameOf(t, mac1, mac2, "hi"))
	c.Recv(1, append(reply(TypePacketIn, 7, 0, hi), reply(TypePacketIn, 7, 0, hi)...))
	if len(app.log) != 1 {
		t.Errorf("after it quit it was told %q", app.log)
	}
	if c.Attr("received") != 1 {
		t.Error("it received a frame after it quit")
	}
	wantSaid(t, c, "closed", "disarm 4278190080", "disarm 4278190081", "disarm 4278190082", "close 1")
	c.Down(1, io.EOF)
	wantSaid(t, c, "for good")
	c.P.Timer(c, 3)
	if app.log[len(app.log)-1] != "timer 3" {
		t.Errorf("an App's timer is its own: %q", app.log)
	}
}

func TestEndpointConfigIsChecked(t *testing.T) {
	for want, c := range map[string]EndpointConfig{
		"switchyard: retry -1ns: must not be negative":                             {Retry: -1},
		"switchyard: limit 5: at least 30 bytes are needed":                        {Limit: 5},
		"switchyard: mac ff:ff:ff:ff:ff:ff: a group address is no endpoint's":      {MAC: [6]byte{255, 255, 255, 255, 255, 255}},
		"switchyard: name: want 1 to 255 bytes of text without control characters": {Name: "\x00"},
	} {
		if _, err := NewEndpoint(c, &told{}); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// Any bytes may come, cut anywhere, in any state.
func FuzzEndpoint(f *testing.F) {
	f.Add(reply(TypeWelcome, 0, 0, welcome), uint8(5))
	f.Add(slices.Concat(reply(TypeWelcome, 0, 0, welcome), reply(TypeEndpointCreated, 0, 0, annIs7), reply(TypeSubscribed, 7, 0, "{}"), reply(TypeRules, 7, 0, `{"version": 1, "rules": ["drop"]}`)), uint8(30))
	f.Fuzz(func(t *testing.T, b []byte, at uint8) {
		c, _ := newEndpoint(t, nil)
		c.Start()
		c.Up(1)
		cut := min(int(at), len(b))
		c.Recv(1, b[:cut])
		c.Recv(1, b[cut:])
		c.Down(1, cells.ErrReset)
	})
}
