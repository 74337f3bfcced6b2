package celltest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
)

// failing is a test that is wanted to fail.
type failing struct {
	testing.TB
	message string
}

type failed struct{}

func (f *failing) Helper() {}

func (f *failing) Fatalf(format string, args ...any) {
	f.message = fmt.Sprintf(format, args...)
	panic(failed{})
}

// wantFailure runs a conversation that must fail with all the words.
func wantFailure(t *testing.T, why string, p cells.Protocol, talk func(*Conversation), words ...string) {
	t.Helper()
	f := &failing{TB: t}
	func() {
		defer func() {
			if r := recover(); r != nil && r != (failed{}) {
				panic(r)
			}
		}()
		talk(New(f, p, Options{}))
	}()
	if f.message == "" {
		t.Errorf("%s: the conversation does not fail", why)
	}
	for _, w := range words {
		if !strings.Contains(f.message, w) {
			t.Errorf("%s: the failure has no %q in it:\n%s", why, w, f.message)
		}
	}
}

var kindSeen = cells.NewKind("celltest-seen", "a", "b")

func answering() *Script {
	return &Script{
		OnUp: func(e cells.Env, p cells.Port) { e.Arm(1, 5*time.Millisecond) },
		OnRecv: func(e cells.Env, p cells.Port, b []byte) {
			e.Send(p, append([]byte("re:"), b...))
			e.Emit(kindSeen, int64(len(b)), 2)
			e.EmitText(kindSeen, "words")
		},
		OnTimer: func(e cells.Env, id cells.TimerID) { e.Disarm(7) },
	}
}

func TestConversation(t *testing.T) {
	c := New(t, answering(), Options{})
	c.Start()
	c.Idle("nothing to do yet")
	c.Up(0)
	c.Want("a timer", Arm(1, 5*time.Millisecond))
	c.Recv(0, []byte("hi"))
	c.Want("an answer", Send(0, []byte("re:hi")), Emit(kindSeen, 2, 2), EmitText(kindSeen, "words"))
	c.Recv(0, []byte("ho"))
	c.Want("an answer, whatever", SendAny(0), EmitAny(kindSeen), EmitAny(kindSeen))
	c.Recv(0, []byte("he"))
	c.WantSome("among others", SendWhere(0, "re:…", func(b []byte) bool { return string(b[:3]) == "re:" }))
	if !c.Armed(1) || c.AdvanceToTimer() != 5*time.Millisecond || c.Armed(1) {
		t.Error("the timer is due after 5ms, once")
	}
	c.Want("the timer's effect", Disarm(7))
	c.Down(0, cells.ErrRemoved)
	c.Idle("down says nothing")
}

func TestConversationFindsWrongEffects(t *testing.T) {
	up := func(c *Conversation) { c.Start(); c.Up(0); c.Take(); c.Recv(0, []byte("hi")) }
	for why, want := range map[string][]Effect{
		"other bytes":    {Send(0, []byte("re:ho")), EmitAny(kindSeen), EmitAny(kindSeen)},
		"another port":   {SendAny(1), EmitAny(kindSeen), EmitAny(kindSeen)},
		"other values":   {SendAny(0), Emit(kindSeen, 2, 3), EmitAny(kindSeen)},
		"one too few":    {SendAny(0), EmitAny(kindSeen)},
		"one too many":   {SendAny(0), EmitAny(kindSeen), EmitAny(kindSeen), ArmAny(1)},
		"another order":  {EmitAny(kindSeen), SendAny(0), EmitAny(kindSeen)},
		"dropped":        {Dropped(0, []byte("re:hi"), cells.ReasonNoLink), EmitAny(kindSeen), EmitAny(kindSeen)},
		"nothing at all": nil,
	} {
		wantFailure(t, why, answering(), func(c *Conversation) { up(c); c.Want("the reason why", want...) },
			"the reason why", "send 0 72653a6869", "the conversation so far", "> recv 0 6869")
	}
	wantFailure(t, "no timer", &Script{}, func(c *Conversation) { c.Start(); c.AdvanceToTimer() }, "no timer is armed")
	wantFailure(t, "no attribute", &Script{}, func(c *Conversation) { c.Start(); c.State("x") }, `no "x"`)
}

func TestConversationFindsWritersToReceivedBytes(t *testing.T) {
	p := &Script{OnRecv: func(_ cells.Env, _ cells.Port, b []byte) { b[1] = 0 }}
	wantFailure(t, "a writer", p, func(c *Conversation) { c.Start(); c.Up(0); c.Recv(0, []byte("hello")) }, "wrote to the bytes")
}

func TestConversationFindsKeepersOfReceivedBytes(t *testing.T) {
	var kept []byte
	p := &Script{OnRecv: func(e cells.Env, q cells.Port, b []byte) {
		if kept != nil {
			e.Send(q, kept)
		}
		kept = b
	}}
	wantFailure(t, "a keeper", p, func(c *Conversation) {
		c.Start()
		c.Up(0)
		c.Recv(0, []byte("first"))
		c.Recv(0, []byte("second"))
		c.Want("what was kept", Send(0, []byte("first")))
	}, "send 0 dbdbdbdbdb")
}

func TestConversationOfStreams(t *testing.T) {
	p := &Script{
		OnStart:   func(e cells.Env) { e.Listen("svc"); e.Dial("peer:svc") },
		OnUp:      func(e cells.Env, q cells.Port) { e.Send(q, make([]byte, 60)); e.Send(q, make([]byte, 60)) },
		OnDown:    func(e cells.Env, q cells.Port, err error) { e.EmitText(kindSeen, err.Error()); e.Close(q) },
		OnDrained: func(e cells.Env, q cells.Port) { e.CloseWrite(q) },
	}
	c := New(t, p, Options{Bound: 100})
	c.Start()
	c.Want("both at once", Listen(1, "svc"), Dial(2, "peer:svc"))
	c.Up(2)
	c.Want("the second runs over; Down follows", SendAny(2), Overflow(2), EmitText(kindSeen, "stream overflow"), Close(2))
	q := c.Accept(1, "other")
	if q != 3 || !c.Info(q).Accepted || c.Info(q).Listener != 1 || c.Info(q).Peer != "other" {
		t.Errorf("accepted as %d: %+v", q, c.Info(q))
	}
	c.Take()
	p.OnUp = func(e cells.Env, q cells.Port) { e.Send(q, make([]byte, 60)) }
	q = c.Accept(1, "other")
	c.Want("60 of 100", SendAny(q))
	c.Credit(q, 30)
	c.Idle("30 is above a quarter")
	c.Credit(q, 5)
	c.Credit(q, 5)
	c.Want("20 is not", CloseWrite(q))
}
