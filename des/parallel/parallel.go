// Package parallel runs the partitions of one site side by side, with the
// result of a run by one scheduler: the same events in the same order, as far
// as any cell, condition or record can tell.
//
// It is conservative. What one partition does reaches another after a least
// time, the lookahead; so all may run for that long without looking at each
// other. They run in windows:
//
//	next      the earliest event of all partitions
//	window    from next, as long as the lookahead and at most to the next event
//	          of the timeline, or multiple of the grain
//	merge     what was observed, in the total order of keys; conditions are
//	          judged, and act a reaction later: after the window
//	exchange  what was sent to others is taken in at the beginning of the next
//
// Events of the timeline run between windows, with all partitions at hand.
//
// This is the only room that starts goroutines. They meet at the ends of
// windows, and hand over nothing but what was written before.
package parallel

import (
	"runtime"
	"sync/atomic"
	"time"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// Site is what runs side by side.
type Site struct {
	Main   *des.Scheduler   // of the timeline
	Lanes  []*des.Scheduler // of the partitions
	Window time.Duration    // the lookahead, or less; positive

	// Turn ends a window, between events: what lanes have sent to others may be
	// received from now on, and what they send is of the next window.
	Turn func()
	// Receive takes in what others have sent a lane in the window before Turn.
	// Lanes do it side by side, before they run.
	Receive func(lane int)
	// Sent is the earliest arrival of what a lane has sent to others since Turn
	// and Receive, Never if there is none.
	Sent func(lane int) clock.Time
	// Merge hands on what lanes have observed in a window. Touched says that the
	// timeline has touched the instant at.
	Merge func(touched bool, at clock.Time, by des.Key)
}

// Stats say how a run was shared out.
type Stats struct {
	Windows uint64 // that were run
	Events  uint64 // in them
	Alone   bool   // too little happens in a window: lanes take turns
}

// Engine runs a site.
type Engine struct {
	site      Site
	stats     Stats
	executed  []uint64 // by lane, before the window
	touched   bool     // by the timeline
	touchedAt clock.Time
	touchedBy des.Key
	err       error

	team team
}

// New makes an engine of a site whose schedulers are divided.
func New(s Site) *Engine {
	return &Engine{site: s, executed: make([]uint64, len(s.Lanes))}
}

// Stats say how the run was shared out so far.
func (e *Engine) Stats() Stats { return e.stats }

// Err is the error that stopped a lane, nil if none did. Where lanes ran past
// it, one scheduler would have stopped: the run has to be repeated by one.
func (e *Engine) Err() error { return e.err }

// Fail stops the run: what follows cannot be shared out.
func (e *Engine) Fail(err error) {
	if e.err == nil {
		e.err = err
	}
}

// Window changes the lookahead, between events of the timeline.
func (e *Engine) Window(d time.Duration) { e.site.Window = d }

// Run runs everything due at or before t, but stops after about n events; 0 is
// no bound. It reports whether everything due has run.
func (e *Engine) Run(to clock.Time, n uint64) bool {
	main := e.site.Main
	begin := main.Executed()
	e.team.start(e)
	defer e.team.stop()
	for e.err == nil && main.Err() == nil && !main.Stopped() {
		lanes, timeline := e.next(), main.Next()
		next := min(lanes, timeline)
		if e.touched && next > e.touchedAt {
			e.merge()
			continue
		}
		if next > to || next == clock.Never {
			break
		}
		if !main.Cross(next) {
			break
		}
		if n > 0 && main.Executed()-begin >= n {
			return false
		}
		if timeline <= lanes {
			e.act(timeline)
		} else {
			e.window(lanes, timeline, to)
		}
	}
	e.receive()
	return true
}

// next is the earliest event of the lanes, on its way or in a queue.
func (e *Engine) next() clock.Time {
	next := clock.Never
	for i, s := range e.site.Lanes {
		next = min(next, s.Next(), e.site.Sent(i))
	}
	return next
}

// act runs one event of the timeline, with all lanes in it.
func (e *Engine) act(at clock.Time) {
	e.receive()
	main := e.site.Main
	main.Step(at)
	if by, ok := main.Untouch(); ok {
		e.touched, e.touchedAt, e.touchedBy = true, at, by
	}
	for _, s := range e.site.Lanes {
		if err := s.Err(); err != nil && e.err == nil {
			e.err = err
		}
	}
}

// receive lets all lanes take in what was sent to them.
func (e *Engine) receive() {
	e.site.Turn()
	for i := range e.site.Lanes {
		e.site.Receive(i)
	}
}

// window runs all lanes from an instant for as long as they may.
func (e *Engine) window(from, timeline, to clock.Time) {
	g := e.site.Main.Grain()
	end := min(from.Add(e.site.Window), timeline, (from/g+1)*g)
	if to < end {
		end = to + 1
	}
	for i, s := range e.site.Lanes {
		e.executed[i] = s.Executed()
	}
	e.team.run(end - 1)
	var ran uint64
	var last des.Event
	for i, s := range e.site.Lanes {
		k := s.Executed() - e.executed[i]
		if k > 0 && (ran == 0 || last.Before(s.Last())) {
			last = s.Last()
		}
		ran += k
		if err := s.Err(); err != nil && e.err == nil {
			e.err = err
		}
	}
	e.stats.Windows++
	e.stats.Events += ran
	if e.err != nil {
		return
	}
	e.site.Main.Absorb(ran, last)
	e.merge()
	e.weigh()
}

func (e *Engine) merge() {
	touched := e.touched
	e.touched = false
	e.site.Merge(touched, e.touchedAt, e.touchedBy)
}

// Below so many events in a window and lane, meeting costs more than sharing
// gains. It is looked at after the first windows, and then now and again.
const (
	worth = 20
	early = 32
	every = 1024
)

// weigh makes lanes take turns if too little happens in a window.
func (e *Engine) weigh() {
	if e.stats.Windows != early && e.stats.Windows%every != 0 {
		return
	}
	if e.stats.Events/e.stats.Windows < worth*uint64(len(e.site.Lanes)) {
		e.stats.Alone = true
		e.team.stop()
		e.team.idle = true
	}
}

// team are the goroutines of the lanes but the first, which the caller runs. A
// lane's part of a window is run by whoever claims it first: its goroutine or,
// if the machine keeps that from running, the caller, who would have to wait.
type team struct {
	e     *Engine
	round atomic.Uint32   // of windows begun
	claim []atomic.Uint32 // by lane: the last round that somebody runs
	done  atomic.Int32    // lanes that have finished the window
	quit  atomic.Bool
	left  chan struct{}
	until clock.Time
	idle  bool // no goroutine was started
	naps  []nap
}

// nap is where a lane's goroutine sleeps that has waited for long.
type nap struct {
	asleep atomic.Bool
	wake   chan struct{}
}

// How long a goroutine waits for the next window by looking, and by letting
// others run, before it sleeps.
const (
	looks  = 4096
	yields = 64
)

func (t *team) start(e *Engine) {
	t.e = e
	t.idle = len(e.site.Lanes) < 2 || e.stats.Alone
	if t.idle {
		return
	}
	if t.claim == nil {
		t.claim = make([]atomic.Uint32, len(e.site.Lanes))
		t.naps = make([]nap, len(e.site.Lanes))
		for i := range t.naps {
			t.naps[i].wake = make(chan struct{}, 1)
		}
	}
	t.quit.Store(false)
	t.left = make(chan struct{}, len(e.site.Lanes))
	for i := 1; i < len(e.site.Lanes); i++ {
		go t.work(i, t.round.Load())
	}
}

func (t *team) stop() {
	if t.idle {
		return
	}
	t.quit.Store(true)
	t.call()
	for range len(t.e.site.Lanes) - 1 {
		<-t.left
	}
}

// run runs one window in all lanes.
func (t *team) run(until clock.Time) {
	t.until = until
	t.e.site.Turn()
	if t.idle {
		for i := range t.e.site.Lanes {
			t.lane(i)
		}
		return
	}
	lanes := len(t.e.site.Lanes)
	t.done.Store(0)
	round := t.call()
	t.lane(0)
	for i := 1; i < lanes; i++ {
		if t.claimed(i, round) {
			t.lane(i)
			t.done.Add(1)
		}
	}
	for i := 0; t.done.Load() < int32(lanes-1); i++ {
		if i >= looks {
			runtime.Gosched()
		}
	}
}

// call begins a round, and wakes who sleeps.
func (t *team) call() uint32 {
	round := t.round.Add(1)
	for i := range t.naps {
		if n := &t.naps[i]; n.asleep.Load() && n.asleep.CompareAndSwap(true, false) {
			n.wake <- struct{}{}
		}
	}
	return round
}

// claimed reports whether the caller is to run a lane's part of a round. Who
// has slept through rounds claims none that is over: numbers only grow.
func (t *team) claimed(lane int, round uint32) bool {
	was := t.claim[lane].Load()
	return int32(round-was) > 0 && t.claim[lane].CompareAndSwap(was, round)
}

func (t *team) lane(i int) {
	t.e.site.Receive(i)
	t.e.site.Lanes[i].Drain(t.until)
}

// work is one lane's goroutine: it runs its part of each window.
func (t *team) work(lane int, seen uint32) {
	for {
		round := t.await(lane, seen)
		if t.quit.Load() {
			t.left <- struct{}{}
			return
		}
		if t.claimed(lane, round) {
			t.lane(lane)
			t.done.Add(1)
		}
		seen = round
	}
}

// await waits for another round than one that was seen.
func (t *team) await(lane int, seen uint32) uint32 {
	for i := 0; ; i++ {
		if round := t.round.Load(); round != seen {
			return round
		}
		if i > looks {
			runtime.Gosched()
		}
		if i > looks+yields {
			// Whoever calls after this sees it; who has called before is seen here.
			n := &t.naps[lane]
			n.asleep.Store(true)
			if t.round.Load() == seen || !n.asleep.CompareAndSwap(true, false) {
				<-n.wake
			}
			i = 0
		}
	}
}
