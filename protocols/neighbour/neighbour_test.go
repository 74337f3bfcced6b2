package neighbour

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/cells/celltest"
)

// upper writes down what it hears, and answers "echo X" with X.
type upper struct {
	heard []string
	saved []byte
}

func (u *upper) note(format string, args ...any) {
	u.heard = append(u.heard, fmt.Sprintf(format, args...))
}

func (u *upper) Start(e cells.Env)                   { e.Arm(7, time.Hour) }
func (u *upper) Timer(_ cells.Env, id cells.TimerID) { u.note("timer %d", id) }
func (u *upper) Up(e cells.Env, p cells.Port)        { u.note("up %d %s", p, e.Port(p).Peer) }
func (u *upper) Down(_ cells.Env, p cells.Port, err error) {
	u.note("down %d %v", p, err)
}

func (u *upper) Recv(e cells.Env, p cells.Port, b []byte) {
	u.note("recv %d %s", p, b)
	if text, ok := strings.CutPrefix(string(b), "echo "); ok {
		e.Send(p, append(e.Buf(), text...))
	}
}

func (u *upper) Command(e cells.Env, args []string) (string, error) {
	e.Send(0, []byte(strings.Join(args, " ")))
	return "", nil
}

func (u *upper) Save() []byte           { return []byte("kept") }
func (u *upper) Restore(b []byte) error { u.saved = b; return nil }

type talk struct {
	*celltest.Conversation
	t *testing.T
	u *upper
}

// newTalk begins a conversation with cell "m", whose neighbour is "z:p0", so
// that it is the client, or "a:p0", so that it is the server.
func newTalk(t *testing.T, peer string, change func(*Config)) *talk {
	c := Defaults()
	if change != nil {
		change(&c)
	}
	u := &upper{}
	p, err := New(c, u)
	if err != nil {
		t.Fatal(err)
	}
	k := &talk{celltest.New(t, p, celltest.Options{ID: "m", Ports: []celltest.Port{{Name: "p0", Peer: peer}}}), t, u}
	k.Start()
	k.Want("the upper protocol starts", celltest.Arm(7, time.Hour))
	k.Up(0)
	return k
}

func plain(c *Config)    { c.Reading = Plain }
func reliable(c *Config) { c.Reliable = true }

// The layer's timers of port 0.
const (
	tick    = 1<<24 + timerTick
	silence = 1<<24 + timerSilence
	rto     = 1<<24 + timerRTO
)

func (k *talk) hear(why string, lines ...string) {
	k.t.Helper()
	if !slices.Equal(k.u.heard, lines) {
		k.t.Fatalf("%s: the upper protocol heard %q, want %q", why, k.u.heard, lines)
	}
	k.u.heard = nil
}

func (k *talk) recv(text string) { k.t.Helper(); k.Recv(0, []byte(text)) }

func text(s string) celltest.Effect { return celltest.Send(0, []byte(s)) }

var (
	askAgain = celltest.Arm(tick, 500*time.Millisecond)
	beat     = celltest.Arm(tick, 250*time.Millisecond)
)

func TestPlainClient(t *testing.T) {
	k := newTalk(t, "z:p0", plain)
	k.Want("the lower name asks", text("AREYOUTHERE m:p0"), askAgain)
	k.Advance(500 * time.Millisecond)
	k.Want("every half second", text("AREYOUTHERE m:p0"), askAgain)
	k.recv("AREYOUTHERE z:p0")
	k.recv("HEARTBEAT")
	k.recv("TREE_BUILD x")
	k.Idle("who is not connected hears nothing else")
	k.hear("nor does the upper protocol")
	k.recv("YESIAM z:p0")
	k.Want("connected at the answer", beat, celltest.Arm(silence, 375*time.Millisecond),
		celltest.EmitText(KindConnected, "p0 z:p0"))
	k.hear("the upper protocol hears of it", "up 0 z:p0")
	k.Advance(250 * time.Millisecond)
	k.Want("a heartbeat", text("HEARTBEAT"), beat)
	k.recv("echo hello")
	k.Want("data goes both ways as it is", text("hello"))
	k.hear("and comes as it is", "recv 0 echo hello")
	k.Advance(125 * time.Millisecond)
	k.Want("one and a half heartbeats: not silent", celltest.Arm(silence, 375*time.Millisecond))
	k.Advance(375 * time.Millisecond)
	k.Want("now it was", text("HEARTBEAT"), beat, celltest.Disarm(rto),
		celltest.EmitText(KindDisconnected, "p0 z:p0: silent"), celltest.Arm(tick, time.Second), celltest.Disarm(silence))
	k.hear("the upper protocol hears of it", "down 0 silent")
	k.recv("YESIAM z:p0")
	k.Idle("the port is deaf")
	k.Advance(time.Second)
	k.Want("and begins again", text("AREYOUTHERE m:p0"), askAgain)
	for range 19 {
		k.Advance(500 * time.Millisecond)
		k.Want("it asks for ten seconds", text("AREYOUTHERE m:p0"), askAgain)
	}
	k.Advance(500 * time.Millisecond)
	k.Want("then it gives up", celltest.Arm(tick, time.Second))
}

func TestPlainServer(t *testing.T) {
	k := newTalk(t, "a:p0", plain)
	k.Idle("the higher name waits")
	k.recv("YESIAM a:p0")
	k.recv("AREYOUTHERE a:p0 1f")
	k.recv("AREYOUTHERE")
	k.Idle("not for this")
	k.recv("AREYOUTHERE a:p0")
	k.Want("connected when asked", text("YESIAM m:p0"), beat, celltest.Arm(silence, 375*time.Millisecond),
		celltest.EmitText(KindConnected, "p0 a:p0"))
	k.recv("AREYOUTHERE a:p0")
	k.Idle("who is connected does not answer again")
	k.hear("up once", "up 0 a:p0")
	if k.State("stray") != 3 || k.State("connected_ports") != 1 || k.StateText("link.p0") != "connected" {
		t.Error("counters")
	}
}

// sent gives the numbers of the only datagram that was sent since the last
// Want.
func (k *talk) sent(word string) (numbers []string) {
	k.t.Helper()
	for _, e := range k.Take() {
		if fields := strings.Fields(string(e.Data())); len(fields) > 1 && fields[0] == word && fields[1] == "m:p0" {
			numbers = fields[2:]
		}
	}
	if numbers == nil {
		k.t.Fatalf("no %s was sent", word)
	}
	return numbers
}

func TestOurClientConfirmsAndNoticesANewServer(t *testing.T) {
	k := newTalk(t, "z:p0", nil)
	n := k.sent("AREYOUTHERE")[0]
	k.recv("YESIAM z:p0 " + n + "0 5")
	k.recv("YESIAM z:p0 " + n)
	k.recv("YESIAM z:p0 " + n + " 0")
	k.recv("YESIAM z:p0 " + n + " 5 6")
	k.recv("YESIAM z,p0 " + n + " 5")
	k.Idle("none of these is an answer to this attempt")
	k.recv("YESIAM z:p0 " + n + " 5")
	k.Want("confirmed, then connected", text("AREYOUTHERE m:p0 "+n+" 5"), beat, celltest.Arm(silence, 875*time.Millisecond),
		celltest.EmitText(KindConnected, "p0 z:p0"))
	k.recv("YESIAM z:p0 " + n + " 5")
	k.Want("the server has not got the confirmation", text("AREYOUTHERE m:p0 "+n+" 5"))
	k.hear("up once", "up 0 z:p0")
	k.recv("YESIAM z:p0 " + n + " 9")
	k.WantSome("another number is another life", celltest.EmitText(KindDisconnected, "p0 z:p0: began anew"),
		text("AREYOUTHERE m:p0 "+n+" 9"), celltest.EmitText(KindConnected, "p0 z:p0"))
	k.hear("down and up", "down 0 began anew", "up 0 z:p0")
	k.Advance(874 * time.Millisecond)
	k.hear("three missed heartbeats are tolerated")
	k.Advance(time.Millisecond)
	k.hear("and a half", "down 0 silent")
	k.Take()
	k.recv("YESIAM z:p0 " + n + " 9")
	k.Idle("the old session is over")
	k.Advance(time.Second)
	if m := k.sent("AREYOUTHERE")[0]; m == n {
		t.Error("an attempt has the number of the last")
	}
}

func TestOurServerAnswersAgainAndWaitsForTheConfirmation(t *testing.T) {
	k := newTalk(t, "a:p0", nil)
	k.Idle("the higher name waits")
	k.recv("HEARTBEAT")
	k.recv("AREYOUTHERE a:p0")
	k.recv("AREYOUTHERE a:p0 7 7")
	k.Idle("nothing to answer")
	k.recv("AREYOUTHERE a:p0 7")
	s := k.sent("YESIAM")
	if len(s) != 2 || s[0] != "7" {
		t.Fatalf("the answer has numbers %q", s)
	}
	answer := text("YESIAM m:p0 7 " + s[1])
	k.recv("AREYOUTHERE a:p0 7")
	k.Want("the same again", answer)
	k.recv("HEARTBEAT")
	k.Want("who beats has the answer, and does not know that we do not know", answer)
	k.recv("data")
	k.recv("AREYOUTHERE a:p0 7 1")
	k.Idle("not confirmed yet")
	k.hear("so the upper protocol hears nothing")
	k.recv("AREYOUTHERE a:p0 7 " + s[1])
	k.WantSome("now", celltest.EmitText(KindConnected, "p0 a:p0"))
	k.recv("AREYOUTHERE a:p0 7")
	k.Want("idempotent", answer)
	k.hear("up once", "up 0 a:p0")
	k.recv("AREYOUTHERE a:p0 8")
	again := k.sent("YESIAM")
	if again[0] != "8" || again[1] == s[1] {
		t.Errorf("the client began anew, the answer was %q after %q", again, s)
	}
	k.hear("and the upper protocol hears of it", "down 0 began anew")
	k.Advance(11 * time.Second)
	if k.StateText("link.p0") != "disconnected" {
		t.Error("a client that never confirms is waited for")
	}
}

// connectedTalk is a reliable client that is connected.
// Where nobody has said who is at the other end, both ask, and the lower name stays
// the client.
func TestOpenPortsAgreeByTheNamesTheyHear(t *testing.T) {
	k := newTalk(t, celltest.Unnamed, nil)
	n := k.sent("AREYOUTHERE")[0]
	k.recv("AREYOUTHERE z:p0 7")
	k.Idle("the higher name will be the server, when it hears us")
	k.recv("AREYOUTHERE m:p0 7")
	k.Idle("nobody can have our own name")
	k.recv("YESIAM z:p0 " + n + " 5")
	k.WantSome("the client is connected by the answer", text("AREYOUTHERE m:p0 "+n+" 5"), celltest.EmitText(KindConnected, "p0 z:p0"))
	k.recv("AREYOUTHERE a:p0 8")
	k.Idle("who is connected has a role")
	k.hear("up", "up 0 z:p0")
	k.Advance(875 * time.Millisecond)
	k.hear("silent", "down 0 silent")
	k.Take()

	// Another is there now, with a lower name.
	k.recv("AREYOUTHERE a:p0 8")
	s := k.sent("YESIAM")
	k.recv("AREYOUTHERE a:p0 8 " + s[1])
	k.WantSome("the server is connected by the confirmation", celltest.EmitText(KindConnected, "p0 a:p0"))
	k.recv("YESIAM a:p0 8 9")
	k.hear("and answers count no more", "up 0 a:p0")
	k.Advance(875 * time.Millisecond)
	k.hear("he is lost too", "down 0 silent")
	k.Take()
	k.Advance(time.Second)
	if m := k.sent("AREYOUTHERE")[0]; m == n {
		t.Error("an attempt has the number of an older one")
	}
}

func TestPlainOpenPorts(t *testing.T) {
	k := newTalk(t, celltest.Unnamed, plain)
	k.Want("it asks", text("AREYOUTHERE m:p0"), askAgain)
	k.recv("AREYOUTHERE z:p0")
	k.Idle("the higher name will be the server")
	k.recv("AREYOUTHERE a:p0")
	k.WantSome("the lower is answered", text("YESIAM m:p0"), celltest.EmitText(KindConnected, "p0 a:p0"))
	k.hear("up", "up 0 a:p0")
}

func connectedTalk(t *testing.T) *talk {
	k := newTalk(t, "z:p0", reliable)
	n := k.sent("AREYOUTHERE")[0]
	k.recv("YESIAM z:p0 " + n + " 5")
	k.Take()
	k.u.heard = nil
	return k
}

func TestReliableSessionsRepeatUntilAcknowledged(t *testing.T) {
	k := connectedTalk(t)
	for _, w := range []string{"one", "two", "three"} {
		if _, err := k.Command(w); err != nil {
			t.Fatal(err)
		}
	}
	k.Want("numbered", celltest.Arm(rto, 100*time.Millisecond), text("1 one"), text("2 two"), text("3 three"))
	k.recv("HEARTBEAT 1")
	k.Want("one has arrived", celltest.Arm(rto, 100*time.Millisecond))
	k.Advance(100 * time.Millisecond)
	k.Want("the others are sent again", text("2 two"), text("3 three"), celltest.Arm(rto, 100*time.Millisecond))
	k.recv("HEARTBEAT 4")
	k.recv("HEARTBEAT x")
	k.recv("HEARTBEAT 0")
	k.Idle("none of these acknowledges anything")
	k.recv("HEARTBEAT 3")
	k.Want("all have arrived", celltest.Disarm(rto))
	k.recv("2 early")
	k.Want("only the next is taken", text("HEARTBEAT 0"))
	k.recv("1 echo x")
	k.Want("acknowledged, then answered", text("HEARTBEAT 1"), celltest.Arm(rto, 100*time.Millisecond), text("4 x"))
	k.recv("1 echo x")
	k.Want("a repeat is acknowledged too", text("HEARTBEAT 1"))
	k.hear("and taken once", "recv 0 echo x")
	k.recv("nonsense")
	k.recv("01 nonsense")
	k.Idle("what has no number is nothing")
}

func TestTheWindowBoundsWhatIsOnTheWay(t *testing.T) {
	k := connectedTalk(t)
	for i := range windowMax + 2 {
		if _, err := k.Command(fmt.Sprint("m", i)); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(k.Take()); got != windowMax+1 {
		t.Errorf("%d effects, want %d datagrams and a timer", got, windowMax)
	}
	k.recv("HEARTBEAT 1")
	k.Want("one more has room", celltest.Arm(rto, 100*time.Millisecond), text(fmt.Sprint(windowMax+1, " m", windowMax)))
	for range backlogMax {
		if _, err := k.Command("more"); err != nil {
			t.Fatal(err)
		}
	}
	k.Advance(0)
	if k.u.heard[0] != "down 0 "+ErrBacklog.Error() {
		t.Errorf("a full backlog: %q", k.u.heard)
	}
}

func TestTheUpperProtocolsOwnThings(t *testing.T) {
	k := newTalk(t, "z:p0", nil)
	k.Take()
	if _, err := k.Command("lost"); err != nil {
		t.Fatal(err)
	}
	k.Idle("without a neighbour what is sent goes nowhere")
	k.Advance(time.Hour)
	k.hear("its timers fire", "timer 7")
	k.Take()
	k.Down(0, cells.ErrRemoved)
	k.hear("a port that was not connected goes down in silence")
	k.Up(0)
	n := k.sent("AREYOUTHERE")[0]
	k.recv("YESIAM z:p0 " + n + " 5")
	k.Down(0, cells.ErrRemoved)
	k.hear("one that was does not", "up 0 z:p0", "down 0 link removed")
	d, ok := k.Host().Protocol(k.Cell()).(cells.Durable)
	if !ok || string(d.Save()) != "kept" {
		t.Error("its state is kept")
	}
}

func TestConfigsThatMakeNoSense(t *testing.T) {
	for _, c := range []struct {
		want   string
		change func(*Config)
	}{
		{"reading", func(c *Config) { c.Reading = "" }},
		{"tolerance", func(c *Config) { c.Tolerance = 0 }},
		{"ask", func(c *Config) { c.Ask = 0 }},
		{"heartbeat", func(c *Config) { c.Heartbeat = 2 * time.Hour }},
		{"reliable", func(c *Config) { c.Reading, c.Reliable = Plain, true }},
	} {
		config := Defaults()
		c.change(&config)
		if _, err := New(config, &upper{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v", c.want, err)
		}
	}
}

func FuzzDatagram(f *testing.F) {
	for _, s := range []string{
		"HEARTBEAT", "HEARTBEAT 3", "AREYOUTHERE a:p0 7", "AREYOUTHERE a:p0 7 1", "YESIAM z:p0 1 2", "1 x", "", " ", "AREYOUTHERE  ",
	} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, asIs bool) {
		for _, peer := range []string{"a:p0", "z:p0"} {
			c := Defaults()
			c.Reliable = !asIs
			p, err := New(c, &upper{})
			if err != nil {
				t.Fatal(err)
			}
			k := celltest.New(t, p, celltest.Options{ID: "m", Ports: []celltest.Port{{Name: "p0", Peer: peer}}})
			k.Start()
			k.Up(0)
			for line := range strings.SplitSeq(string(b), "\n") {
				k.Recv(0, []byte(line))
				k.Advance(100 * time.Millisecond)
			}
		}
	})
}
