package cells_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/cells/celltest"
	"example.com/dsim/des"
)

var kindSeen = cells.NewKind("cells-test-seen", "a", "b")

// records keeps a line of every record.
type records []string

func (r *records) Record(x *des.Record) {
	line := x.Op.String()
	if x.Op == des.OpMiss || x.Op == des.OpPanic || x.Op == des.OpState {
		line += " " + x.Text
	}
	*r = append(*r, line)
}

func TestEffectsAreCarriedOutInTheOrderOfCalls(t *testing.T) {
	p := &celltest.Script{OnUp: func(e cells.Env, q cells.Port) {
		e.Emit(kindSeen, 1, 0)
		e.Send(q, []byte("a"))
		e.Arm(1, time.Second)
		e.Send(9, []byte("b"))
		e.Disarm(1)
		l := e.Listen("svc")
		d := e.Dial("peer:svc")
		e.Close(l)
		e.Send(d, []byte("c"))
		e.EmitText(kindSeen, "end")
	}}
	c := celltest.New(t, p, celltest.Options{})
	c.Start()
	c.Up(0)
	c.Want("as called",
		celltest.Emit(kindSeen, 1, 0), celltest.Send(0, []byte("a")), celltest.Arm(1, time.Second),
		celltest.Dropped(9, []byte("b"), cells.ReasonNoPort), celltest.Disarm(1), celltest.Listen(1, "svc"),
		celltest.Dial(2, "peer:svc"), celltest.Close(1), celltest.Dropped(2, []byte("c"), cells.ReasonClosed),
		celltest.EmitText(kindSeen, "end"))
}

func TestAPanicDiscardsTheHandlersEffects(t *testing.T) {
	var seen records
	p := &celltest.Script{OnUp: func(e cells.Env, q cells.Port) {
		e.Send(q, append(e.Buf(), "never"...))
		e.Send(q, []byte("never"))
		e.Buf()
		e.Arm(1, 0)
		panic("what happened")
	}}
	c := celltest.New(t, p, celltest.Options{Sink: &seen})
	c.Start()
	err := c.WantPanic("the handler panics", func() { c.Up(0) })
	if err.Cell != "cell" || err.Op != des.OpUp || err.Value != "what happened" || !strings.Contains(err.Stack, "effects_test.go") {
		t.Errorf("the verdict is %+v", err)
	}
	if want := (records{"start", "up", "panic what happened"}); !slices.Equal(seen, want) {
		t.Errorf("recorded is %v, want %v", seen, want)
	}
	if n := c.Host().FramesInUse(); n != 0 {
		t.Errorf("%d frames of the panicked handler are in use", n)
	}
	if got := c.Counters(0).TxFrames; got != 0 {
		t.Errorf("%d frames were sent", got)
	}
}

func TestPanicsOfEveryKindOfCallAreCaught(t *testing.T) {
	boom := func() { panic("boom") }
	for name, p := range map[string]*celltest.Script{
		"start":   {OnStart: func(cells.Env) { boom() }},
		"recv":    {OnRecv: func(cells.Env, cells.Port, []byte) { boom() }},
		"down":    {OnDown: func(cells.Env, cells.Port, error) { boom() }},
		"command": {OnCommand: func(cells.Env, []string) (string, error) { boom(); return "", nil }},
		"state":   {State: func() []cells.Attr { boom(); return nil }},
	} {
		c := celltest.New(t, p, celltest.Options{})
		c.WantPanic(name, func() {
			c.Start()
			switch name {
			case "recv", "down":
				c.Up(0)
				if name == "recv" {
					c.Recv(0, []byte("x"))
				} else {
					c.Down(0, cells.ErrRemoved)
				}
			case "command":
				if _, err := c.Command("x"); err == nil {
					t.Error("the command has no error")
				}
			case "state":
				c.Host().AppendState(c.Cell(), nil)
			}
		})
	}
}

func TestSendOfBufAndOfTheReceivedCopyNothing(t *testing.T) {
	var pool *cells.Frames
	var lane *cells.Lane
	uses := func(frames int, what string) {
		if got := lane.FramesInUse(); got != frames {
			t.Errorf("%s: %d frames in use, want %d", what, got, frames)
		}
	}
	p := &celltest.Script{OnRecv: func(e cells.Env, q cells.Port, b []byte) {
		uses(1, "on receipt")
		e.Send(q, b)
		e.Send(q, b)
		uses(1, "the whole slice is shared, not copied")
		e.Send(q, b[:2])
		uses(2, "a part of it is copied")
		built := append(e.Buf(), "built"...)
		e.Send(q, built)
		uses(3, "a short one is moved to a buffer of its size")
		long := append(e.Buf(), make([]byte, 1000)...)
		e.Send(q, long)
		uses(4, "a long one is taken as it is")
		other := append(e.Buf(), "other"...)
		if &other[0] == &long[0] {
			t.Error("after a Send of it Buf gives the same bytes")
		}
		e.Send(q, other[1:])
		uses(5, "a later part of Buf's slice is copied")
		e.Send(q, []byte("mine"))
		uses(6, "and so are the protocol's own bytes")
	}}
	c := celltest.New(t, p, celltest.Options{})
	lane = c.Host().Of(c.Cell())
	pool = &lane.Frames
	c.Start()
	c.Up(0)
	before := lane.FramesInUse()
	f := pool.Copy([]byte("hello"))
	port := c.Host().PortsOf(c.Cell())[0]
	c.Host().Of(c.Cell()).Deliver(port, c.Host().Port(port), f, "x>", 0, 0)
	c.Want("all as sent", celltest.Send(0, []byte("hello")), celltest.Send(0, []byte("hello")), celltest.Send(0, []byte("he")),
		celltest.Send(0, []byte("built")), celltest.Send(0, make([]byte, 1000)), celltest.Send(0, []byte("other")[1:]), celltest.Send(0, []byte("mine")))
	uses(before, "at the end")
}

func TestWhatIsAppendedToReceivedBytesIsACopy(t *testing.T) {
	var grown []byte
	p := &celltest.Script{OnRecv: func(_ cells.Env, _ cells.Port, b []byte) { grown = append(b, '!') }}
	c := celltest.New(t, p, celltest.Options{})
	c.Start()
	c.Up(0)
	c.Recv(0, []byte("mine"))
	if string(grown) != "mine!" {
		t.Errorf("what was appended to received bytes became %q", grown)
	}
}

func TestBufHasRoomForAFrame(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 5000)
	p := &celltest.Script{OnUp: func(e cells.Env, q cells.Port) {
		if b := e.Buf(); len(b) != 0 || cap(b) < 2048 {
			t.Errorf("Buf has %d bytes and room for %d", len(b), cap(b))
		}
		e.Send(q, append(e.Buf(), long...)) // grows beyond: is copied
		e.Send(q, append(e.Buf(), "short"...))
	}}
	c := celltest.New(t, p, celltest.Options{})
	c.Start()
	c.Up(0)
	c.Want("both arrive whole", celltest.Send(0, long), celltest.Send(0, []byte("short")))
	if n := c.Host().FramesInUse(); n != 0 {
		t.Errorf("%d frames in use", n)
	}
}

func TestPortsCountAndSayWhyNot(t *testing.T) {
	p := &celltest.Script{
		OnStart: func(e cells.Env) { e.Send(0, []byte("too early")) },
		OnRecv:  func(e cells.Env, q cells.Port, b []byte) { e.Send(q, b) },
	}
	c := celltest.New(t, p, celltest.Options{})
	c.Start()
	c.Want("no link yet", celltest.Dropped(0, []byte("too early"), cells.ReasonNoLink))
	c.Up(0)
	c.Advance(time.Second)
	c.Recv(0, []byte("12345"))
	c.Down(0, cells.ErrRemoved)
	want := cells.PortCounters{
		TxFrames: 2, TxBytes: 14, RxFrames: 1, RxBytes: 5, Last: c.Now(), Drops: []cells.ReasonCount{{Reason: "no-link", Count: 1}},
	}
	got := c.Counters(0)
	if !slices.Equal(got.Drops, want.Drops) {
		t.Errorf("drops are %v, want %v", got.Drops, want.Drops)
	}
	if got.Drops = want.Drops; got.TxFrames != want.TxFrames || got.TxBytes != want.TxBytes || got.RxFrames != want.RxFrames || got.RxBytes != want.RxBytes || got.Last != want.Last {
		t.Errorf("the port counts %+v, want %+v", got, want)
	}
}

func TestEventLogIsARing(t *testing.T) {
	c := celltest.New(t, &celltest.Script{}, celltest.Options{})
	port := c.Host().PortsOf(c.Cell())[0]
	if got := c.Host().EventLog(c.Cell(), port); got != nil {
		t.Errorf("without KeepLog it is %v", got)
	}
	c.Host().KeepLog(c.Cell(), port, 3)
	c.Start()
	c.Up(0)
	show := func() (s []string) {
		for _, e := range c.Host().EventLog(c.Cell(), port) {
			s = append(s, e.Op+" "+e.Time.String()+" "+strings.Repeat("x", e.Bytes)+e.Note)
		}
		return s
	}
	want := func(lines ...string) {
		t.Helper()
		if got := show(); !slices.Equal(got, lines) {
			t.Errorf("the log is %q, want %q", got, lines)
		}
	}
	want("up 0s ")
	c.Advance(time.Millisecond)
	c.Recv(0, []byte("ab"))
	c.Recv(0, []byte("c"))
	want("up 0s ", "recv 1ms xx", "recv 1ms x")
	c.Down(0, cells.ErrRemoved)
	want("recv 1ms xx", "recv 1ms x", "down 1ms link removed")
	c.Host().KeepLog(c.Cell(), port, 0)
	want()
}

func TestDownErrorsKeepTheirNumbers(t *testing.T) {
	for code := 1; code < 256; code++ {
		err := cells.DownOf(uint8(code))
		if got := cells.DownCode(err); int(got) != code || err.Error() == "" {
			t.Errorf("code %d gives %v, which has code %d", code, err, got)
		}
	}
	if cells.DownCode(errors.New("foreign")) != 0 {
		t.Error("a foreign error has a code of ours")
	}
}

func TestWatchedAttributesEndTheirInstant(t *testing.T) {
	n := int64(0)
	p := &celltest.Script{
		OnTimer: func(e cells.Env, id cells.TimerID) { n = int64(id) },
		OnStart: func(e cells.Env) { e.Arm(1, time.Second); e.Arm(2, 2*time.Second); e.Arm(2+1, 3*time.Second) },
		State:   func() []cells.Attr { return []cells.Attr{cells.IntAttr("half", n/2)} },
	}
	c := celltest.New(t, p, celltest.Options{})
	h := c.Host()
	if !h.Watch(c.Cell(), "half") || h.Watch(c.Cell(), "other") {
		t.Error("Watch tells whether there is such an attribute")
	}
	var ends []string
	h.Scheduler().OnInstant(func(at clockTime) { ends = append(ends, at.String()) })
	c.Start()
	c.Advance(10 * time.Second)
	if want := []string{"0s", "2s"}; !slices.Equal(ends, want) {
		t.Errorf("instants with a change end at %v, want %v", ends, want)
	}
	if v, ok := h.Value(c.Cell(), "half"); !ok || v.Int != 1 {
		t.Errorf("the value is %+v", v)
	}
}
