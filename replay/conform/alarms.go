package conform

import (
	"container/heap"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
)

// alarm is when a timer is due; it counts as long as the timer is armed so.
type alarm struct {
	due clock.Time
	p   *puppet
	id  cells.TimerID
	arm uint64 // which of the puppet's arms it is
}

// alarms are a heap by time.
type alarms []alarm

func (a *alarms) add(x alarm) { heap.Push(a, x) }

func (a *alarms) pop() { heap.Pop(a) }

// first is the earliest that still counts.
func (a *alarms) first() (alarm, bool) {
	for len(*a) > 0 {
		if x := (*a)[0]; x.p.live(x) {
			return x, true
		}
		heap.Pop(a)
	}
	return alarm{}, false
}

// Len is of heap.Interface, and so are the others.
func (a *alarms) Len() int { return len(*a) }

// Less puts the earliest first.
func (a *alarms) Less(i, j int) bool { return (*a)[i].due < (*a)[j].due }

// Swap swaps two.
func (a *alarms) Swap(i, j int) { (*a)[i], (*a)[j] = (*a)[j], (*a)[i] }

// Push adds one.
func (a *alarms) Push(x any) { *a = append(*a, x.(alarm)) }

// Pop takes the last.
func (a *alarms) Pop() any {
	n := len(*a) - 1
	x := (*a)[n]
	*a = (*a)[:n]
	return x
}
