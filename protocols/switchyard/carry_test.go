package switchyard

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/protocols/internal/talk"
)

// upper is a protocol with a frame port that writes down what happens to it.
type upper struct {
	log   []string
	state string
}

func (u *upper) say(format string, args ...any) { u.log = append(u.log, fmt.Sprintf(format, args...)) }

func (u *upper) Start(e cells.Env) { u.say("start %s", e.Port(0).State); e.Arm(3, time.Second) }

func (u *upper) Up(e cells.Env, p cells.Port)             { u.say("up %d %+v", p, e.Port(p)); u.send(e, "hello") }
func (u *upper) Recv(_ cells.Env, p cells.Port, b []byte) { u.say("recv %d %q", p, b) }
func (u *upper) Down(_ cells.Env, p cells.Port, err error) {
	u.say("down %d %v", p, err)
}
func (u *upper) Timer(e cells.Env, id cells.TimerID) { u.say("timer %d", id); u.send(e, "tick") }
func (u *upper) send(e cells.Env, text string)       { e.Send(0, append(e.Buf(), text...)) }

func (u *upper) Command(e cells.Env, args []string) (string, error) {
	e.Send(0, make([]byte, CarryMTU+1))
	e.Send(1, []byte("another port"))
	e.CloseWrite(0)
	e.Close(0)
	return strings.ToUpper(args[0]), nil
}

func (u *upper) AppendState(a []cells.Attr) []cells.Attr {
	return append(a, cells.TextAttr("state", "mine"), cells.IntAttr("sent", 42))
}

func (u *upper) Save() []byte           { return []byte(u.state) }
func (u *upper) Restore(b []byte) error { u.state = string(b); return nil }

func (u *upper) want(t *testing.T, why string, lines ...string) {
	t.Helper()
	if !slices.Equal(u.log, lines) {
		t.Fatalf("%s:\ngot  %s\nwant %s", why, strings.Join(u.log, "\n     "), strings.Join(lines, "\n     "))
	}
	u.log = nil
}

func newCarrier(t testing.TB, u cells.Protocol) *talk.Cell {
	c := talk.NewCell(t, "ann")(Carry(CarryConfig{EndpointConfig{Name: "ann"}, "ben"}, u))
	c.Start()
	return c
}

const benIs9 = `{"endpoint_id": 9, "name": "ben", "mac": "02:53:59:00:00:09"}`

// carrying is a frame of a protocol in a frame of Ethernet.
func carrying(t testing.TB, dst, src, text string) []byte {
	b := frameOf(t, dst, src, text)
	b[13] = TypeCarried & 0xff
	return b
}

func TestAProtocolIsCarried(t *testing.T) {
	const mac9 = "02:53:59:00:00:09"
	u := &upper{}
	c := newCarrier(t, u)
	u.want(t, "it starts without its port", "start "+cells.PortUnbound.String())
	c.Fire(3)
	u.want(t, "its timers run", "timer 3")
	hostReady(t, c, 1)
	c.Recv(1, reply(TypePacketIn, 7, 0, string(carrying(t, mac7, mac9, "early"))))
	u.want(t, "who is ben?")
	c.Take()
	c.Recv(1, reply(TypeError, 0, 0, `{"error": "no such endpoint: ben"}`))
	c.Fire(timerLookup)
	c.Take()
	c.Recv(1, reply(TypeEndpointInfo, 0, 0, benIs9))
	info := cells.PortInfo{Name: "p0", Peer: "ben:p0", MTU: CarryMTU, State: cells.PortUp}
	u.want(t, "ben is there", fmt.Sprintf("up 0 %+v", info))
	hello := Message{TypePacketOut, 7, 0, carrying(t, mac9, mac7, "hello")}
	if got := messagesSent(t, c.Take()); len(got) != 1 || got[0].String() != hello.String() {
		t.Errorf("%s, want %s", got, hello)
	}
	c.Recv(1, reply(TypePacketIn, 7, 0, string(carrying(t, mac7, mac9, "hi"))))
	u.want(t, "from ben", `recv 0 "hi"`)
	for _, stray := range [][]byte{
		frameOf(t, mac7, mac9, "another type"), carrying(t, mac7, mac1, "another sender"), carrying(t, all, mac9, "for all"), carrying(t, mac7, mac9, "")[:14],
	} {
		c.Recv(1, reply(TypePacketIn, 7, 0, string(stray)))
	}
	u.want(t, "an empty frame is one, the others are not for it", `recv 0 ""`)
	c.Take()
	if got, err := command(c, "shout"); got != "SHOUT" || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	wantSaid(t, c, "none of these can be sent, or done")
	if got, err := command(c, "endpoint"); !strings.HasPrefix(got, "7 ann ") || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	c.Down(1, cells.ErrReset)
	u.want(t, "down", "down 0 "+cells.ErrRemoved.Error())
	c.Down(1, cells.ErrReset)
	c.Fire(timerDial)
	c.Down(2, cells.ErrRefused)
	u.want(t, "once")
	c.Fire(timerDial)
	hostBack(t, c, 3, annIs7)
	u.want(t, "not until ben is found again")
	c.Recv(3, reply(TypeEndpointInfo, 0, 0, benIs9))
	u.want(t, "and up", fmt.Sprintf("up 0 %+v", info))
	attrs := map[string]string{}
	for _, a := range c.P.(cells.Inspector).AppendState(nil) {
		if _, twice := attrs[a.Name]; twice {
			t.Errorf("two attributes %s", a.Name)
		}
		attrs[a.Name] = fmt.Sprintf("%d %s", a.Int, a.Text)
	}
	for name, want := range map[string]string{"state": "0 mine", "endpoint_state": "0 ready", "sent": "42 ", "endpoint_sent": "2 ", "carries": "1 ", "stray": "4 ", "too_long": "1 ", "lost": "2 "} {
		if attrs[name] != want {
			t.Errorf("%s is %q, want %q", name, attrs[name], want)
		}
	}
}

// What a protocol can keep over a restart it keeps; the endpoint begins anew.
func TestWhatIsCarriedKeepsItsState(t *testing.T) {
	c := newCarrier(t, &upper{state: "of mind"})
	hostReady(t, c, 1)
	kept := c.P.(cells.Durable).Save()
	u := &upper{}
	p, err := Carry(CarryConfig{EndpointConfig{Name: "ann"}, "ben"}, u)
	if err != nil || p.(cells.Durable).Restore(kept) != nil || u.state != "of mind" {
		t.Errorf("%q, %v", u.state, err)
	}
	if _, ready := p.(*durableCarrier).Identity(); ready {
		t.Error("a connection was kept")
	}
	if _, durable := newCarrier(t, plain{u}).P.(cells.Durable); durable {
		t.Error("what keeps nothing says that it does")
	}
	_, err = command(newCarrier(t, plain{u}), "shout")
	if err == nil || err.Error() != "the protocol above the endpoint takes no commands, but rules and endpoint" {
		t.Error(err)
	}
}

// plain is a protocol that can do nothing more.
type plain struct{ cells.Protocol }

func TestCarryConfigIsChecked(t *testing.T) {
	for want, c := range map[string]CarryConfig{
		"switchyard: peer: name: want 1 to 255 bytes of text without control characters": {},
		"switchyard: limit 1: at least 30 bytes are needed":                              {EndpointConfig{Limit: 1}, "ben"},
	} {
		if _, err := Carry(c, &upper{}); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
