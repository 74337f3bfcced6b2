package parallel_test

import (
	"slices"
	"testing"
	"time"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/des/parallel"
)

// ring is entities that pass tokens on, each to the next: entity i belongs to
// lane i modulo the number of lanes, and keeps the keys of its events.
type ring struct {
	lanes []*lane
	keys  [][]des.Key // by entity
	hop   clock.Time
}

// lane runs some of the entities.
type lane struct {
	r     *ring
	index int
	s     *des.Scheduler
	out   [2][]des.Event
	turn  int
}

const entities = 12

func (l *lane) Dispatch(e des.Event) {
	i := int(e.Entity().Index())
	l.r.keys[i] = append(l.r.keys[i], e.Key())
	next := (i + 1) % entities
	// The sequence is the token's; it takes longer on some hops than on others.
	due := e.Time + l.r.hop + clock.Time(e.Seq*7919+uint64(i)*104729)%l.r.hop
	ev := l.s.Event(due, des.MakeEntity(des.Cell, uint32(next)), 0, e.Seq, 0)
	if to := l.r.lanes[next%len(l.r.lanes)]; to != l {
		l.out[l.turn] = append(l.out[l.turn], ev)
		return
	}
	l.s.Push(ev)
}

func newRing(n, tokens int) *ring { return newLimitedRing(n, tokens, des.Limits{}) }

func newLimitedRing(n, tokens int, limits des.Limits) *ring {
	r := &ring{keys: make([][]des.Key, entities), hop: clock.Time(time.Millisecond)}
	for i := range n {
		l := &lane{r: r, index: i, s: des.NewScheduler(des.Config{Limits: limits})}
		l.s.Handle(des.Cell, l)
		r.lanes = append(r.lanes, l)
	}
	for k := range tokens {
		i := k % entities
		r.lanes[i%n].s.At(clock.Time(k), des.MakeEntity(des.Cell, uint32(i)), 0, uint64(k), 0)
	}
	return r
}

func (r *ring) engine(main *des.Scheduler) *parallel.Engine {
	site := parallel.Site{Main: main, Window: time.Duration(r.hop), Merge: func(bool, clock.Time, des.Key) {}}
	for _, l := range r.lanes {
		site.Lanes = append(site.Lanes, l.s)
	}
	site.Turn = func() {
		for _, l := range r.lanes {
			l.turn = 1 - l.turn
		}
	}
	site.Receive = func(i int) {
		l := r.lanes[i]
		l.out[l.turn] = l.out[l.turn][:0]
		for _, from := range r.lanes {
			for _, e := range from.out[1-from.turn] {
				if int(e.Entity().Index())%len(r.lanes) == i {
					l.s.Push(e)
				}
			}
		}
	}
	site.Sent = func(i int) clock.Time {
		l, first := r.lanes[i], clock.Never
		for _, e := range l.out[l.turn] {
			first = min(first, e.Time)
		}
		return first
	}
	return parallel.New(site)
}

func TestLanesDoWhatOneDoes(t *testing.T) {
	const to = clock.Time(200 * time.Millisecond)
	want := newRing(1, 400)
	want.lanes[0].s.Drain(to)
	for n := 1; n <= 5; n++ {
		for _, slice := range []uint64{0, 1, 1000} {
			got := newRing(n, 400)
			// A grain longer than the window, so that it is the window that ends it.
			main := des.NewScheduler(des.Config{Limits: des.Limits{Grain: 10 * time.Millisecond}})
			e := got.engine(main)
			for !e.Run(to, slice) {
			}
			for i := range entities {
				if !slices.Equal(got.keys[i], want.keys[i]) {
					t.Fatalf("%d lanes, %d events at a time: entity %d had %d events, want %d", n, slice, i, len(got.keys[i]), len(want.keys[i]))
				}
			}
			if main.Executed() != want.lanes[0].s.Executed() {
				t.Errorf("%d lanes ran %d events, want %d", n, main.Executed(), want.lanes[0].s.Executed())
			}
		}
	}
}

// The timeline acts before all else at its instant, with no lane beyond it.
func TestTheTimelineStandsBetweenWindows(t *testing.T) {
	r := newRing(3, 90)
	main := des.NewScheduler(des.Config{Limits: des.Limits{Grain: time.Millisecond}})
	acts := 0
	main.Handle(des.Timeline, dispatch(func(e des.Event) {
		acts++
		for i, l := range r.lanes {
			if at := l.s.Last().Time; at >= e.Time {
				t.Errorf("lane %d is at %s in an act of %s", i, at, e.Time)
			}
			if next := l.s.Next(); next < e.Time {
				t.Errorf("lane %d has an event at %s left in an act of %s", i, next, e.Time)
			}
		}
		main.At(e.Time+123_457, e.Entity(), 0, e.Seq+1, 0)
	}))
	main.At(1, des.MakeEntity(des.Timeline, 0), 0, 0, 0)
	r.engine(main).Run(clock.Time(50*time.Millisecond), 0)
	if acts < 400 {
		t.Errorf("only %d acts", acts)
	}
}

// A limit on events stops a run at a multiple of the grain, as one scheduler
// would have stopped.
func TestLimitsDoNotDependOnLanes(t *testing.T) {
	limits := des.Limits{Grain: 700 * time.Microsecond, Events: 5000}
	alone := newLimitedRing(1, 100, limits)
	alone.lanes[0].s.Drain(clock.Time(time.Second))
	want := alone.lanes[0].s.Err()
	if want == nil {
		t.Fatal("one scheduler: no error")
	}
	for n := 1; n <= 4; n++ {
		r := newRing(n, 100)
		main := des.NewScheduler(des.Config{Limits: limits})
		r.engine(main).Run(clock.Time(time.Second), 0)
		if got := main.Err(); got == nil || got.Error() != want.Error() {
			t.Errorf("%d lanes: %v, want %v", n, got, want)
		}
	}
}

type dispatch func(des.Event)

func (d dispatch) Dispatch(e des.Event) { d(e) }
