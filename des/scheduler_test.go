package des

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/dsim/clock"
)

// bench is a scheduler whose entities do what a test wrote down for them.
type bench struct {
	*Scheduler
	t   *testing.T
	do  map[Entity]func(Event)
	log []string
}

func newBench(t *testing.T, c Config) *bench {
	b := &bench{NewScheduler(c), t, map[Entity]func(Event){}, nil}
	for k := Timeline; k <= Input; k++ {
		b.Handle(k, b)
	}
	return b
}

func (b *bench) Dispatch(e Event) {
	if e.Time != b.Now() || e.Key() != b.Current() {
		b.t.Errorf("%v is handled at %v as %v", e.Key(), b.Now(), b.Current())
	}
	b.log = append(b.log, e.Key().String())
	if f := b.do[e.Entity()]; f != nil {
		f(e)
	}
}

// want compares what was handled since the last want.
func (b *bench) want(why string, keys ...string) {
	b.t.Helper()
	if !slices.Equal(b.log, keys) {
		b.t.Errorf("%s:\n got %q\nwant %q", why, b.log, keys)
	}
	b.log = nil
}

func (b *bench) run(t clock.Time) {
	b.t.Helper()
	if err := b.RunUntil(t); err != nil {
		b.t.Fatal(err)
	}
	if b.Now() != t {
		b.t.Errorf("now is %v after RunUntil(%v)", b.Now(), t)
	}
}

func wantPanic(t *testing.T, why string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if recover() == nil {
			t.Errorf("%s: no panic", why)
		}
	}()
	f()
}

var (
	timeline = MakeEntity(Timeline, 0)
	alice    = MakeEntity(Cell, 1)
	bob      = MakeEntity(Cell, 2)
	wire     = MakeEntity(Direction, 0)
	outside  = MakeEntity(Input, 0)
)

func TestClassesActInOrder(t *testing.T) {
	b := newBench(t, Config{})
	b.At(5, outside, 0, 1, 0)
	b.At(5, wire, 0, 2, 0)
	b.At(5, bob, 0, 3, 0)
	b.At(5, alice, 0, 5, 0)
	b.At(5, alice, 0, 4, 0)
	b.At(5, alice, 7, 1, 0)
	b.At(5, timeline, 0, 6, 0)
	b.At(4, outside, 0, 7, 0)
	b.run(5)
	b.want("by time, rank, class, index and sequence",
		"4ns input 0 #7", "5ns timeline 0 #6", "5ns cell 1 #4", "5ns cell 1 #5", "5ns cell 2 #3",
		"5ns dir 0 #2", "5ns input 0 #1", "5ns~7 cell 1 #1")
}

func TestDeltaIsDepthWithinTheInstant(t *testing.T) {
	b := newBench(t, Config{})
	b.do[outside] = func(e Event) {
		b.At(5, timeline, 0, 10, 0) // of the least class, yet after its cause
		b.At(6, timeline, 0, 11, 0)
	}
	b.do[timeline] = func(e Event) {
		if e.Time == 5 {
			b.At(5, alice, 0, 12, 0)
		}
	}
	b.At(5, outside, 0, 1, 0)
	b.At(5, outside, 0, 2, 0)
	b.run(5)
	b.want("consequences after causes", "5ns input 0 #1", "5ns input 0 #2",
		"5ns+1 timeline 0 #10", "5ns+1 timeline 0 #10", "5ns+2 cell 1 #12", "5ns+2 cell 1 #12")
	b.run(6)
	b.want("delta 0 at a later instant", "6ns timeline 0 #11", "6ns timeline 0 #11")
}

func TestDeltaFromOutside(t *testing.T) {
	b := newBench(t, Config{})
	b.At(0, alice, 0, 1, 0)
	b.run(0)
	b.want("before time 0 began", "0s cell 1 #1")
	b.At(0, alice, 0, 2, 0)
	b.run(0)
	b.want("after it", "0s+1 cell 1 #2")
	b.run(7)
	b.At(7, alice, 0, 3, 0)
	b.run(7)
	b.want("RunUntil has begun the instant", "7ns+1 cell 1 #3")
}

func TestKeyOrderIsTheOrderOfExecution(t *testing.T) {
	for _, causes := range []bool{false, true} {
		b := newBench(t, Config{Causes: causes})
		g := splitmix(5)
		seq := uint64(0)
		var refs [20]TimerRef
		for i := range refs {
			refs[i] = b.NewTimer()
		}
		var last Key
		act := func() {
			if k := b.Current(); k.Compare(last) <= 0 {
				t.Fatalf("%v after %v", k, last)
			}
			if c := b.Cause(); !c.IsZero() && c.Compare(b.Current()) >= 0 {
				t.Fatalf("%v caused by %v", b.Current(), c)
			}
			last = b.Current()
			for range g.below(3) {
				seq++
				at := b.Now() + clock.Time(g.below(4))
				e := MakeEntity(Class(g.below(4)), uint32(g.below(5)))
				switch r := refs[g.below(len(refs))]; g.below(4) {
				case 0:
					b.Arm(r, at, e, uint16(g.below(2)), seq, 0)
				case 1:
					b.Disarm(r)
				default:
					if b.Pending() < 1000 {
						b.At(at, e, uint16(g.below(2)), seq, 0)
					}
				}
			}
		}
		for c := range Input + 1 {
			for i := range uint32(5) {
				b.do[MakeEntity(c, i)] = func(Event) { act() }
			}
		}
		for range 20_000 {
			b.run(b.Now() + clock.Time(g.below(3)))
			if g.below(2) == 0 {
				seq++
				b.Act(MakeEntity(Class(g.below(4)), uint32(g.below(5))), seq, act)
			}
		}
		if causes && len(b.causes) > b.Pending() {
			t.Errorf("%d causes are kept for %d pending events", len(b.causes), b.Pending())
		}
	}
}

func TestActFollowsWhatRan(t *testing.T) {
	b := newBench(t, Config{})
	act := func(want string) {
		t.Helper()
		b.Act(outside, 1, func() {
			if got := b.Current().String(); got != want {
				t.Errorf("the act is %q, want %q", got, want)
			}
			if !b.Cause().IsZero() {
				t.Errorf("an act has cause %v", b.Cause())
			}
			b.At(b.Now(), alice, 0, 2, 0)
		})
	}
	act("0s input 0 #1") // nothing has run yet
	act("0s+1 input 0 #1")
	b.run(0)
	b.want("after both acts", "0s+1 cell 1 #2", "0s+2 cell 1 #2")
	act("0s+3 input 0 #1")
	b.run(9)
	b.want("after the third", "0s+4 cell 1 #2")
	act("9ns input 0 #1") // nothing has run at 9
	b.run(9)
	b.want("a new instant", "9ns+1 cell 1 #2")

	b.do[alice] = func(Event) { wantPanic(t, "Act inside an event", func() { b.Act(outside, 3, func() {}) }) }
	b.At(10, alice, 0, 1, 0)
	b.run(10)
}

func TestCause(t *testing.T) {
	b := newBench(t, Config{Causes: true})
	timer := b.NewTimer()
	var causes []string
	var armed Key // who arms a timer keeps its cause
	note := func() { causes = append(causes, b.Current().String()+" < "+b.Cause().String()) }
	b.do[alice] = func(e Event) {
		if e.Seq == 3 {
			b.Caused(armed)
		}
		note()
		if e.Seq == 1 {
			b.At(5, bob, 0, 1, 0)
			b.Arm(timer, 6, alice, 0, 2, 0)
		}
	}
	b.do[bob] = func(Event) { note(); b.Arm(timer, 7, alice, 0, 3, 0); armed = b.Current() }
	b.At(3, alice, 0, 1, 0)
	b.run(10)
	want := []string{"3ns cell 1 #1 < 0s timeline 0 #0", "5ns cell 2 #1 < 3ns cell 1 #1", "7ns cell 1 #3 < 5ns cell 2 #1"}
	if !slices.Equal(causes, want) {
		t.Errorf("got %q\nwant %q", causes, want)
	}
	if len(b.causes) != 0 {
		t.Errorf("%d causes left over", len(b.causes))
	}
}

func TestZeroDelayCycleIsNamed(t *testing.T) {
	for _, causes := range []bool{false, true} {
		for _, limit := range []uint16{5, 1000, 65535} {
			b := newBench(t, Config{
				Limits: Limits{Delta: limit},
				Causes: causes,
				Name:   func(e Entity) string { return [...]string{"", "alice", "bob"}[e.Index()] },
			})
			b.do[alice] = func(e Event) { b.At(e.Time, bob, 0, e.Seq+1, 0) }
			b.do[bob] = func(e Event) { b.At(e.Time, alice, 0, e.Seq+1, 0) }
			b.At(1500, alice, 0, 1, 0)
			err := b.RunUntil(2000)
			zero, ok := errors.AsType[*ZeroDelayError](err)
			if limit == 65535 { // the key itself holds no more
				if err == nil {
					t.Errorf("limit %d: no error", limit)
				}
				continue
			}
			if !ok || zero.Limit != limit {
				t.Errorf("limit %d, causes %v: error %v", limit, causes, err)
				continue
			}
			a, z := "alice -> bob -> alice", "bob -> alice -> bob"
			if s := err.Error(); !strings.Contains(s, "zero-delay cycle at 1.5µs: ") ||
				!strings.HasSuffix(s, a) && !strings.HasSuffix(s, z) || !strings.Contains(s, fmt.Sprintf("more than %d", limit)) {
				t.Errorf("limit %d, causes %v: %q", limit, causes, s)
			}
			if n := len(zero.Chain); n < min(6, chainKept) || n > chainKept+1 {
				t.Errorf("limit %d: a chain of %d", limit, n)
			}
			if got := b.Executed(); got != uint64(limit)+1 {
				t.Errorf("limit %d: %d events ran", limit, got)
			}
			if b.Step(3000) || b.RunUntil(3000) != err || b.Now() != 1500 {
				t.Error("the run goes on after its error")
			}
		}
	}
}

func TestZeroDelayLimitIsOfAChain(t *testing.T) {
	b := newBench(t, Config{Limits: Limits{Delta: 10}})
	for i := range uint64(1000) { // many at one instant are legal
		b.At(5, alice, 0, i, 0)
	}
	b.do[bob] = func(e Event) {
		if e.Arg > 0 {
			b.At(b.Now(), bob, 0, e.Seq+1, e.Arg-1)
		}
	}
	b.At(5, bob, 0, 1, 10) // as is a chain of exactly as many
	b.run(5)
	for i := range uint64(100) { // and acts, however many, begin anew
		b.Act(outside, i, func() { b.At(5, bob, 0, 1000*(i+1), 9) })
		b.run(5)
		b.At(5, bob, 0, 1000*(i+1)+500, 9)
		b.run(5)
	}
	if len(b.chain) > 10_000 {
		t.Errorf("%d links of chains are kept", len(b.chain))
	}
	b.Act(outside, 1000, func() { b.At(5, bob, 0, 1_000_000, 10) })
	if err := b.RunUntil(5); err == nil {
		t.Error("a chain longer than the limit after an act: no error")
	}
}

func TestActsExhaustAnInstant(t *testing.T) {
	b := newBench(t, Config{})
	for i := range uint64(65536) {
		b.Act(outside, i, func() {})
		if b.Err() != nil {
			t.Fatalf("after %d acts: %v", i, b.Err())
		}
	}
	b.Act(outside, 65536, func() {})
	if err := b.RunUntil(1); err == nil || !strings.Contains(err.Error(), "65535 acts and causes") {
		t.Errorf("error %v", err)
	}
}

func TestEventLimit(t *testing.T) {
	b := newBench(t, Config{Limits: Limits{Events: 3}})
	for i := range 3 {
		b.At(clock.Time(i), alice, 0, 1, 0)
	}
	b.run(2) // exactly as many is no error
	b.At(4, alice, 0, 2, 0)
	if err := b.RunUntil(3); err != nil {
		t.Errorf("nothing was due: %v", err)
	}
	err := b.RunUntil(4)
	if !errors.Is(err, ErrEvents) || b.Executed() != 3 || b.Now() != 3 {
		t.Errorf("%v after %d events at %v", err, b.Executed(), b.Now())
	}
}

func TestTimeLimit(t *testing.T) {
	b := newBench(t, Config{Limits: Limits{Time: 100}})
	b.At(100, alice, 0, 1, 0)
	b.At(101, alice, 0, 2, 0)
	if err := b.RunUntil(clock.Never); err != nil || b.Now() != 100 {
		t.Errorf("%v at %v", err, b.Now())
	}
	b.want("up to the limit", "100ns cell 1 #1")
}

func TestRunUntilIsInclusive(t *testing.T) {
	b := newBench(t, Config{})
	b.do[alice] = func(e Event) {
		if e.Arg > 0 {
			b.At(b.Now()+clock.Time(e.Arg), alice, 0, e.Seq+1, 0)
		}
	}
	b.At(10, alice, 0, 1, 5)
	b.At(11, bob, 0, 1, 0)
	b.run(9)
	b.want("nothing is due")
	if b.Next() != 10 {
		t.Errorf("next is %v", b.Next())
	}
	b.run(10)
	b.want("due at the end", "10ns cell 1 #1")
	b.At(10, bob, 0, 2, 0) // earlier than what is next
	b.run(15)
	b.want("the rest", "10ns+1 cell 2 #2", "11ns cell 2 #1", "15ns cell 1 #2")
	if b.Next() != clock.Never || b.Pending() != 0 {
		t.Errorf("next is %v with %d pending", b.Next(), b.Pending())
	}
	b.run(1_000_000)
	wantPanic(t, "an event in the past", func() { b.At(999_999, alice, 0, 3, 0) })
	if err := b.RunUntil(5); err != nil || b.Now() != 1_000_000 {
		t.Errorf("RunUntil of the past: %v, now %v", err, b.Now())
	}
}

func TestTimers(t *testing.T) {
	b := newBench(t, Config{})
	r := b.NewTimer()
	b.Arm(r, 10, alice, 0, 1, 0)
	b.Arm(r, 20, alice, 0, 2, 0)
	b.run(15)
	b.want("put off")
	b.Arm(r, 16, alice, 0, 3, 0)
	b.run(30)
	b.want("brought forward", "16ns cell 1 #3")
	if b.Disarm(r) {
		t.Error("a timer that fired was armed")
	}
	b.do[alice] = func(e Event) {
		if e.Seq < 6 {
			b.Arm(r, b.Now(), alice, 0, e.Seq+1, 0)
		}
	}
	b.Arm(r, 31, alice, 0, 4, 0)
	b.run(40)
	b.want("armed again by its own handler", "31ns cell 1 #4", "31ns+1 cell 1 #5", "31ns+2 cell 1 #6")
	b.Arm(r, 50, alice, 0, 7, 0)
	if !b.Disarm(r) || b.Pending() != 0 {
		t.Error("the timer is still there")
	}
	b.Arm(r, 50, alice, 0, 8, 0)
	b.FreeTimer(r)
	b.run(60)
	b.want("freed")
}

func TestOnInstant(t *testing.T) {
	b := newBench(t, Config{})
	b.OnInstant(func(at clock.Time) {
		if at != b.Now() {
			t.Errorf("instant %v is complete at %v", at, b.Now())
		}
		b.log = append(b.log, fmt.Sprintf("complete %s", at))
		if at == 5 {
			b.At(6, timeline, 0, 9, 0) // an answer to what was seen
		}
	})
	b.do[alice] = func(e Event) {
		b.Touch()
		if e.Delta() == 0 {
			b.At(e.Time, bob, 0, 1, 0)
		}
	}
	b.At(5, alice, 0, 1, 0)
	b.At(5, alice, 0, 2, 0)
	b.At(6, bob, 0, 2, 0)
	b.At(8, bob, 0, 3, 0)
	b.At(9, alice, 0, 3, 0)
	b.run(9)
	b.want("once an instant, when nothing at it is left, before what is later",
		"5ns cell 1 #1", "5ns cell 1 #2", "5ns+1 cell 2 #1", "5ns+1 cell 2 #1", "complete 5ns",
		"6ns timeline 0 #9", "6ns cell 2 #2", "8ns cell 2 #3",
		"9ns cell 1 #3", "9ns+1 cell 2 #1", "complete 9ns")
	b.Act(outside, 1, b.Touch)
	b.run(9)
	b.want("touched by an act", "complete 9ns")
	b.run(100)
	b.want("touched no more")
}

func TestOnInstantStops(t *testing.T) {
	fault := errors.New("condition failed")
	for _, stop := range []bool{false, true} {
		b := newBench(t, Config{})
		b.OnInstant(func(clock.Time) {
			if stop {
				b.Stop()
			} else {
				b.Fail(fault)
			}
		})
		b.do[alice] = func(Event) { b.Touch() }
		b.At(5, alice, 0, 1, 0)
		b.At(6, bob, 0, 1, 0)
		err := b.RunUntil(10)
		b.want("nothing after the instant", "5ns cell 1 #1")
		if b.Now() != 5 || stop && err != nil || !stop && err != fault {
			t.Errorf("stop %v: %v at %v", stop, err, b.Now())
		}
	}
}

func TestStopAndFail(t *testing.T) {
	b := newBench(t, Config{})
	b.do[alice] = func(Event) { b.Stop() }
	b.At(5, alice, 0, 1, 0)
	b.At(5, bob, 0, 1, 0)
	if err := b.RunUntil(10); err != nil || b.Now() != 5 || !b.Stopped() {
		t.Errorf("%v at %v, stopped %v", err, b.Now(), b.Stopped())
	}
	if b.Step(10) {
		t.Error("a step after Stop")
	}
	b.want("stopped before the next event", "5ns cell 1 #1")

	first := errors.New("first")
	b = newBench(t, Config{})
	b.do[alice] = func(Event) { b.Fail(first); b.Fail(errors.New("second")) }
	b.At(5, alice, 0, 1, 0)
	b.At(5, bob, 0, 1, 0)
	if err := b.RunUntil(10); err != first || b.Err() != first || b.Now() != 5 {
		t.Errorf("%v at %v", err, b.Now())
	}
	b.want("failed before the next event", "5ns cell 1 #1")
}

func TestSchedulerAllocates(t *testing.T) {
	b := NewScheduler(Config{})
	var seq uint64
	b.Handle(Cell, dispatchFunc(func(e Event) {
		seq++
		b.At(e.Time+milli, alice, 0, seq, 0)
	}))
	b.At(0, alice, 0, 0, 0)
	step := func() { _ = b.RunUntil(b.Now() + whole) }
	step()
	if a := testing.AllocsPerRun(10, step); a != 0 {
		t.Errorf("%v allocations in 1000 events", a)
	}
}

type dispatchFunc func(Event)

func (f dispatchFunc) Dispatch(e Event) { f(e) }

// What multiplies within one instant never reaches the boundary at which a
// limit stops a run; it is stopped all the same.
func TestEventLimitWithinOneInstant(t *testing.T) {
	b := newBench(t, Config{Limits: Limits{Events: 1000, Grain: time.Millisecond}})
	seq := uint64(0)
	b.do[alice] = func(Event) {
		for range 2 {
			if seq++; seq < 300_000 { // else a scheduler without the bound takes all memory
				b.At(b.Now(), alice, 0, seq, 0)
			}
		}
	}
	b.At(5, alice, 0, 0, 0)
	err := b.RunUntil(10)
	if !errors.Is(err, ErrEvents) || b.Executed() > 100_000 {
		t.Errorf("%v after %d events", err, b.Executed())
	}
}
