package service

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/eth/dhcp"
	"example.com/dsim/protocols/internal/talk"
	"example.com/dsim/protocols/switchyard"
)

// talker is a service on an endpoint that is ready, and the test its fabric.
type talker struct {
	*talk.Cell
	port  cells.Port
	lines []string // that were heard and not asked for
	id    uint32   // of the last DHCP message
	secs  uint16   // that it says have passed
}

// The stations of the tests: me is the one under test.
var (
	me    = eth.MAC{2, 0x53, 0x59, 0, 0, 1}
	ann   = eth.MAC{2, 0x53, 0x59, 0, 0, 2}
	ben   = eth.MAC{2, 0x53, 0x59, 0, 0, 3}
	annIP = eth.IP{10, 0, 0, 1}
)

func begin(t testing.TB, p cells.Protocol, err error) *talker {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return beginAt(t, p, 0)
}

// beginAt is one that begins at a time.
func beginAt(t testing.TB, p cells.Protocol, now clock.Time) *talker {
	t.Helper()
	c := &talker{Cell: talk.NewCell(t, "me")(p, nil), port: 1}
	c.Time = now
	c.Start()
	c.listen()
	c.connect()
	return c
}

// connect makes the endpoint ready on its port.
func (c *talker) connect() {
	c.Ports[c.port] = cells.PortInfo{Stream: true}
	c.Up(c.port)
	c.message(switchyard.TypeWelcome, `{"server": "switchyardd", "version": 1}`)
	c.message(switchyard.TypeEndpointCreated, `{"endpoint_id": 1, "name": "me", "mac": "02:53:59:00:00:01"}`)
	c.Take()
	c.message(switchyard.TypeSubscribed, "{}")
}

func (c *talker) message(typ switchyard.Type, payload string) {
	c.Recv(c.port, switchyard.Message{Type: typ, Endpoint: 1, Payload: []byte(payload)}.Append(nil))
}

// found answers a look-up.
func (c *talker) found(name string, mac eth.MAC) {
	c.message(switchyard.TypeEndpointInfo, fmt.Sprintf(`{"endpoint_id": 2, "name": %q, "mac": %q}`, name, mac))
}

func (c *talker) missing(name string) {
	c.message(switchyard.TypeError, fmt.Sprintf(`{"error": "no such endpoint: %s"}`, name))
}

// hear is a frame for the endpoint.
func (c *talker) hear(build func(p *eth.Packet)) {
	var p eth.Packet
	build(&p)
	b, err := p.Append(nil)
	if err != nil {
		c.T.Fatal(err)
	}
	c.bytes(b)
}

func (c *talker) bytes(b []byte) { c.message(switchyard.TypePacketIn, string(b)) }

// from is a datagram from ann to a host.
func (c *talker) from(port uint16, to eth.Host, payload []byte) {
	c.hear(func(p *eth.Packet) { p.Datagram(eth.Host{MAC: ann, IP: annIP, Port: port}, to, payload) })
}

// wait lets time go on to the next of the timers that are given, and there.
func (c *talker) wait(id cells.TimerID) time.Duration {
	c.T.Helper()
	before := c.Time
	c.Fire(id)
	return c.Time.Sub(before)
}

// heard is what was asked for since the last time: frames and lines as people
// read them, questions to the fabric, and emissions of the services.
func (c *talker) heard() []string {
	c.listen()
	lines := c.lines
	c.lines = nil
	return lines
}

// listen takes down what was asked for.
func (c *talker) listen() {
	for _, s := range c.Take() {
		word, rest, _ := strings.Cut(s, " ")
		switch word {
		case "send":
			c.lines = append(c.lines, c.sent(rest))
		case "emit":
			kind, values, _ := strings.Cut(rest, " ")
			switch kind {
			case "switchyard-session", "switchyard-sent", "switchyard-received":
			case "switchyard-line":
				text, err := strconv.Unquote(values)
				if err != nil {
					c.T.Fatal(err)
				}
				c.lines = append(c.lines, text)
			default:
				c.lines = append(c.lines, strings.TrimPrefix(kind, "switchyard-")+" "+values)
			}
		}
	}
}

func (c *talker) sent(rest string) string {
	_, text, _ := strings.Cut(rest, " ")
	b, err := hex.DecodeString(text)
	if err != nil {
		c.T.Fatal(err)
	}
	m, err := switchyard.ParseMessage(b[4:])
	if err != nil {
		c.T.Fatal(err)
	}
	if m.Type == switchyard.TypePacketOut {
		var p eth.Packet
		var d dhcp.Message
		if p.Parse(m.Payload) == nil && p.Kind == eth.KindUDP && d.Parse(p.UDP.Payload) == nil {
			c.id, c.secs = d.ID, d.Seconds
		}
		return Line(m.Payload)
	}
	return m.Type.String() + " " + string(m.Payload)
}

// stations gives the MACs of the tests their names.
var stations = strings.NewReplacer(me.String(), "me", ann.String(), "ann", ben.String(), "ben", eth.Broadcast.String(), "all")

// wants holds what was heard against lines, in which the MACs of the stations
// have their names. One that ends in … is the beginning of a line.
func (c *talker) wants(why string, want ...string) {
	c.T.Helper()
	got := c.heard()
	for i := range got {
		got[i] = stations.Replace(got[i])
	}
	if !slices.EqualFunc(got, want, func(g, w string) bool {
		begins, open := strings.CutSuffix(w, "…")
		return g == w || open && strings.HasPrefix(g, begins)
	}) {
		c.T.Fatalf("%s:\n got %s\nwant %s", why, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func (c *talker) attrs(t *testing.T, want map[string]int64) {
	t.Helper()
	for name, v := range want {
		if got := c.Attr(name); got != v {
			t.Errorf("%s is %d, want %d", name, got, v)
		}
	}
}

// at is a time of the test.
func at(d time.Duration) clock.Time { return clock.Time(d) }
