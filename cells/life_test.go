package cells_test

import (
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/cells/celltest"
	"example.com/dsim/clock"
)

type clockTime = clock.Time

// diary is a protocol that writes down what happens; it keeps a number over a
// restart if asked to.
type diary struct {
	celltest.Script
	lines []string
	kept  byte
}

func newDiary() *diary {
	d := &diary{}
	say := func(e cells.Env, format string, args ...any) {
		d.lines = append(d.lines, e.Now().String()+" "+fmt.Sprintf(format, args...))
	}
	d.OnStart = func(e cells.Env) { say(e, "start") }
	d.OnUp = func(e cells.Env, p cells.Port) { say(e, "up %d", p) }
	d.OnRecv = func(e cells.Env, p cells.Port, b []byte) { say(e, "recv %s", b) }
	d.OnTimer = func(e cells.Env, id cells.TimerID) { say(e, "timer %d", id) }
	d.OnDown = func(e cells.Env, p cells.Port, err error) { say(e, "down %d %v", p, err) }
	return d
}

func (d *diary) Save() []byte { return []byte{d.kept} }

func (d *diary) Restore(b []byte) error {
	if len(b) != 1 {
		return io.ErrUnexpectedEOF
	}
	d.kept = b[0]
	return nil
}

func (d *diary) want(t *testing.T, why string, lines ...string) {
	t.Helper()
	if !slices.Equal(d.lines, lines) {
		t.Errorf("%s:\n got %q\nwant %q", why, d.lines, lines)
	}
	d.lines = nil
}

func TestPausedCellsCatchUpInOrder(t *testing.T) {
	d := newDiary()
	c := celltest.New(t, d, celltest.Options{})
	start := d.OnStart
	d.OnStart = func(e cells.Env) { start(e); e.Arm(1, 2*time.Millisecond); e.Arm(2, 9*time.Millisecond) }
	c.Start()
	c.Up(0)
	d.want(t, "begin", "0s start", "0s up 0")
	c.Pause()
	c.Advance(time.Millisecond)
	c.Recv(0, []byte("a"))
	c.Advance(2 * time.Millisecond)
	c.Recv(0, []byte("b"))
	c.Down(0, cells.ErrRemoved)
	d.want(t, "while it is paused nothing reaches it")
	recv := d.OnRecv
	d.OnRecv = func(e cells.Env, p cells.Port, b []byte) {
		recv(e, p, b)
		e.Arm(3, 0) // later than all that waits, though of the same instant
	}
	c.Resume()
	d.want(t, "in the order of arrival, at the time of the resume",
		"3ms recv a", "3ms timer 1", "3ms recv b", "3ms down 0 link removed", "3ms timer 3")
	c.Advance(10 * time.Millisecond)
	d.want(t, "a timer that was not due waits", "9ms timer 2")
}

func TestResumedCellsKeepLaterArrivalsBehind(t *testing.T) {
	d := newDiary()
	c := celltest.New(t, d, celltest.Options{})
	c.Start()
	c.Up(0)
	c.Pause()
	c.Recv(0, []byte("a"))
	c.Recv(0, []byte("b"))
	d.lines = nil
	h := c.Host()
	port := h.PortsOf(c.Cell())[0]
	if err := h.Resume(c.Cell()); err != nil {
		t.Fatal(err)
	}
	l := h.Of(c.Cell())
	l.Deliver(port, l.Port(port), l.Frames.Copy([]byte("c")), "x>", 3, 0) // before the first of those that waited has run
	c.Advance(0)
	d.want(t, "what waited comes first", "0s recv a", "0s recv b", "0s recv c")
}

func TestDisarmReachesATimerThatWaits(t *testing.T) {
	for name, act := range map[string]func(cells.Env){
		"disarmed": func(e cells.Env) { e.Disarm(1) },
		"re-armed": func(e cells.Env) { e.Arm(1, time.Hour) },
		"twice":    func(e cells.Env) { e.Arm(1, 0) },
	} {
		d := newDiary()
		c := celltest.New(t, d, celltest.Options{})
		start, recv := d.OnStart, d.OnRecv
		d.OnStart = func(e cells.Env) { start(e); e.Arm(1, 2*time.Millisecond) }
		d.OnRecv = func(e cells.Env, p cells.Port, b []byte) { recv(e, p, b); act(e) }
		c.Start()
		c.Up(0)
		c.Pause()
		c.Recv(0, []byte("a"))
		c.Advance(2 * time.Millisecond) // the timer fires, and waits behind it
		c.Recv(0, []byte("b"))
		d.lines = nil
		c.Resume()
		want := []string{"2ms recv a", "2ms recv b"}
		if name == "twice" {
			want = append(want, "2ms timer 1") // once, and as armed last
		}
		d.want(t, name, want...)
	}
}

func TestPausedCellsDropFramesBeyondTheirRoom(t *testing.T) {
	c := celltest.New(t, newDiary(), celltest.Options{})
	c.Start()
	c.Up(0)
	c.Pause()
	h := c.Host()
	port, l := h.PortsOf(c.Cell())[0], h.Of(c.Cell())
	for i := range cells.ParkedMax + 1 {
		r, ok := l.Deliver(port, l.Port(port), l.Frames.Copy(nil), "x>", uint64(i), 0)
		if full := i == cells.ParkedMax; ok == full || full && r != cells.ReasonHeld {
			t.Fatalf("frame %d: %v, %v", i, r, ok)
		}
	}
	c.Crash()
	if n := h.FramesInUse(); n != 0 {
		t.Errorf("after a crash %d frames wait", n)
	}
}

func TestCrashedCellsHearNothing(t *testing.T) {
	d := newDiary()
	next := newDiary()
	c := celltest.New(t, d, celltest.Options{Renew: func() cells.Protocol { return next }})
	start := d.OnStart
	d.OnStart = func(e cells.Env) { start(e); e.Arm(1, time.Millisecond); e.Listen("svc") }
	c.Start()
	c.Up(0)
	q := c.Accept(1, "peer")
	d.lines = nil
	c.Crash()
	c.Recv(0, []byte("x"))
	c.Down(q, cells.ErrReset)
	c.Advance(time.Second)
	d.want(t, "no callback at the end, and none after")
	port, l := c.Host().PortsOf(c.Cell())[0], c.Host().Of(c.Cell())
	if r, ok := l.Deliver(port, l.Port(port), l.Frames.Copy(nil), "x>", 0, 0); ok || r != cells.ReasonDown {
		t.Errorf("a frame to a crashed cell: %v, %v", r, ok)
	}
	if _, err := c.Command("x"); err == nil {
		t.Error("a crashed cell takes a command")
	}
	c.Restart(false)
	d.want(t, "the old life is over")
	next.want(t, "start, then each port that has a link", "1s start", "1s up 0")
	if s := c.Info(q).State; s != cells.PortDown {
		t.Errorf("a connection of the old life is %s", s)
	}
}

func TestKeptStateComesBack(t *testing.T) {
	for _, kept := range []bool{true, false} {
		d, next := newDiary(), newDiary()
		d.kept = 42
		c := celltest.New(t, d, celltest.Options{Renew: func() cells.Protocol { return next }})
		c.Start()
		c.Crash()
		c.Restart(kept)
		if want := map[bool]byte{true: 42}[kept]; next.kept != want {
			t.Errorf("restarted with kept %t it has %d, want %d", kept, next.kept, want)
		}
	}
	c := celltest.New(t, &celltest.Script{}, celltest.Options{Renew: func() cells.Protocol { return &celltest.Script{} }})
	c.Start()
	c.Crash()
	if err := c.Host().CanRestart(c.Cell(), true); err == nil {
		t.Error("a protocol without Save is restarted with kept state")
	}
	if err := c.Host().CanRestart(c.Cell(), false); err != nil {
		t.Error(err)
	}
}

func TestARestartThatCannotRestoreChangesNothing(t *testing.T) {
	c := celltest.New(t, &badSave{newDiary()}, celltest.Options{Renew: func() cells.Protocol { return newDiary() }})
	c.Start()
	c.Crash()
	fold := c.Host().Fold(c.Cell())
	if err := c.Host().Restart(c.Cell(), true); err == nil {
		t.Error("state that cannot be read is restored")
	}
	if c.Host().Run(c.Cell()) != cells.Crashed || c.Host().Fold(c.Cell()) != fold {
		t.Error("a restart that failed changed the cell")
	}
}

type badSave struct{ *diary }

func (badSave) Save() []byte { return nil }

func TestEachLifeDrawsAnew(t *testing.T) {
	var drawn []uint64
	life := func() *celltest.Script {
		return &celltest.Script{OnStart: func(e cells.Env) {
			r := e.Rand("ids")
			if e.Rand("ids") != r {
				t.Error("asked twice for a purpose, another stream comes")
			}
			drawn = append(drawn, r.Uint64(), e.Rand("other").Uint64())
		}}
	}
	for range 2 {
		c := celltest.New(t, life(), celltest.Options{Renew: func() cells.Protocol { return life() }})
		c.Start()
		c.Crash()
		c.Restart(false)
	}
	if !slices.Equal(drawn[:4], drawn[4:]) {
		t.Errorf("two runs draw %x and %x", drawn[:4], drawn[4:])
	}
	first := slices.Clone(drawn[:4])
	slices.Sort(first)
	if len(slices.Compact(first)) != 4 {
		t.Errorf("lives and purposes share draws: %x", drawn[:4])
	}
}

func TestDriftMovesTimers(t *testing.T) {
	d := newDiary()
	c := celltest.New(t, d, celltest.Options{})
	start := d.OnStart
	d.OnStart = func(e cells.Env) { start(e); e.Arm(1, time.Second); e.Arm(2, 3*time.Second) }
	c.Start()
	var fired []string
	d.OnTimer = func(e cells.Env, id cells.TimerID) {
		fired = append(fired, fmt.Sprintf("%d at %s, own %s", id, c.Now(), e.Now()))
	}
	c.Advance(500 * time.Millisecond)
	if err := c.Host().SetDrift(c.Cell(), 250_000*clock.PPM); err != nil { // five quarters of true time
		t.Fatal(err)
	}
	c.Advance(time.Second)
	if err := c.Host().SetDrift(c.Cell(), -500_000*clock.PPM); err != nil {
		t.Fatal(err)
	}
	c.Advance(10 * time.Second)
	// Own time 0.5s at 0.5s, 1s at 0.9s, 1.75s at 1.5s; then half speed.
	want := []string{"1 at 900ms, own 1s", "2 at 4s, own 3s"}
	if !slices.Equal(fired, want) {
		t.Errorf("timers fired %q, want %q", fired, want)
	}
	if err := c.Host().SetDrift(c.Cell(), clock.DriftMax+1); err == nil {
		t.Error("there is no bound on drift")
	}
}

func TestWallStepsAndNowDoesNot(t *testing.T) {
	var seen []string
	p := &celltest.Script{OnTimer: func(e cells.Env, _ cells.TimerID) {
		seen = append(seen, e.Now().String()+" "+e.Wall().String())
		e.Arm(1, time.Second)
	}}
	p.OnStart = func(e cells.Env) { e.Arm(1, time.Second) }
	c := celltest.New(t, p, celltest.Options{})
	c.Start()
	c.Advance(time.Second)
	c.Host().StepClock(c.Cell(), -3*time.Second)
	c.Advance(time.Second)
	c.Host().OffsetClock(c.Cell(), time.Minute)
	c.Advance(time.Second)
	if want := []string{"1s 1s", "2s -1s", "3s 1m3s"}; !slices.Equal(seen, want) {
		t.Errorf("timers see %q, want %q", seen, want)
	}
}

func TestManyTimers(t *testing.T) {
	const n = 100 // found by map, not by search
	var fired []cells.TimerID
	p := &celltest.Script{
		OnStart: func(e cells.Env) {
			for i := range n {
				e.Arm(cells.TimerID(i*7), time.Duration(n-i)*time.Millisecond)
			}
			for i := range n {
				if i%3 == 0 {
					e.Disarm(cells.TimerID(i * 7))
				}
			}
			e.Disarm(999)
		},
		OnTimer: func(_ cells.Env, id cells.TimerID) { fired = append(fired, id) },
	}
	c := celltest.New(t, p, celltest.Options{})
	c.Start()
	c.Advance(time.Second)
	var want []cells.TimerID
	for i := n - 1; i >= 0; i-- {
		if i%3 != 0 {
			want = append(want, cells.TimerID(i*7))
		}
	}
	if !slices.Equal(fired, want) {
		t.Errorf("fired are %v, want %v", fired, want)
	}
}
