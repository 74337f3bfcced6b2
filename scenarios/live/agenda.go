package live

import (
	"container/heap"

	"example.com/dsim/clock"
	"example.com/dsim/scenarios"
)

// entry is one step of an action that is due at an instant of the wall.
type entry struct {
	at     clock.Time
	action int
	step   int
	k      uint64 // the how-manieth firing
}

// agenda is what of the timeline is to come, in the order in which a virtual run
// would carry it out.
type agenda struct {
	sc   *scenarios.Scenario
	list entries
}

type entries []entry

func (l entries) Len() int { return len(l) }

func (l entries) Less(i, k int) bool {
	a, b := &l[i], &l[k]
	switch {
	case a.at != b.at:
		return a.at < b.at
	case a.action != b.action:
		return a.action < b.action
	case a.step != b.step:
		return a.step < b.step
	}
	return a.k < b.k
}

func (l entries) Swap(i, k int) { l[i], l[k] = l[k], l[i] }

// Push and Pop are for package heap.
func (l *entries) Push(x any) { *l = append(*l, x.(entry)) }

func (l *entries) Pop() any {
	last := len(*l) - 1
	x := (*l)[last]
	*l = (*l)[:last]
	return x
}

// begin puts in what has a time of its own.
func (g *agenda) begin(sc *scenarios.Scenario) {
	g.sc = sc
	for i := range sc.Timeline {
		if t := &sc.Timeline[i].Trigger; t.Kind != scenarios.When {
			g.fire(i, 0, t.From)
		}
	}
}

// fire puts in the k-th firing of an action.
func (g *agenda) fire(action int, k uint64, at clock.Time) {
	for i := range g.sc.Timeline[action].Steps {
		heap.Push(&g.list, entry{at.Add(g.sc.Timeline[action].Steps[i].After), action, i, k})
	}
}

// next is when the next step is due, Never if none is.
func (g *agenda) next() clock.Time {
	if len(g.list) == 0 {
		return clock.Never
	}
	return g.list[0].at
}

// take gives the next step, if it is due, and puts in the next firing of an
// action that repeats.
func (g *agenda) take(now clock.Time) (entry, bool) {
	if g.next() > now {
		return entry{}, false
	}
	e := heap.Pop(&g.list).(entry)
	t := &g.sc.Timeline[e.action].Trigger
	if e.step == 0 && t.Kind == scenarios.Every && (t.Times == 0 || e.k+1 < t.Times) {
		if next := e.at.Add(t.Every); next <= t.Until && next != clock.Never {
			g.fire(e.action, e.k+1, next)
		}
	}
	return e, true
}
