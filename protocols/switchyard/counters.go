package switchyard

import (
	"fmt"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// CountersName is what scenarios call the survey of counters.
const CountersName = "switchyard/counters"

// counters holds what fabrics show of themselves against what they did, and
// against itself: every copy of a frame is in one place, and every offer ended
// one way.
type counters struct {
	done map[cells.ID]map[cells.Kind]int64 // looked up only
}

// countersOf are the attributes that count emissions.
var countersOf = []struct {
	attr string
	kind cells.Kind
}{
	{"delivered", KindOut},
	{"full", KindFull},
	{"blocked", KindBlocked},
	{"replayed", KindReplayed},
	{"mirrored", KindMirror},
	{"greeted", KindHello},
	{"subscriptions", KindSubscribed},
	{"aged", KindAged},
	{"rules", KindRules},
}

// balances are sums that must be equal.
var balances = []struct {
	what        string
	left, right []string
}{
	{"copies are where they must be", []string{"copies", "duplicated", "mirrored"}, []string{"impaired", "arrived", "waiting", "vanished"}},
	{"offers end one way", []string{"offered"}, []string{"delivered", "full"}},
	{"each frame is for one or for all", []string{"frames", "replayed"}, []string{"unicast", "flooded"}},
}

// NewCounters gives the oracle "switchyard/counters".
func NewCounters() cells.Oracle { return &counters{done: make(map[cells.ID]map[cells.Kind]int64)} }

// Kinds are the emissions the oracle counts.
func (o *counters) Kinds() []cells.Kind {
	kinds := []cells.Kind{KindBegun}
	for _, c := range countersOf {
		kinds = append(kinds, c.kind)
	}
	return kinds
}

// Observe takes one emission.
func (o *counters) Observe(_ des.Key, m cells.Emission) error {
	if m.Kind == KindBegun {
		o.done[m.Cell] = make(map[cells.Kind]int64)
	}
	if done := o.done[m.Cell]; done != nil {
		done[m.Kind]++
	}
	return nil
}

// Finish finds nothing more.
func (o *counters) Finish() error { return nil }

// Survey looks at all fabrics that run.
func (o *counters) Survey(s cells.Snapshot) error {
	for i := range s.Cells {
		c := &s.Cells[i]
		done := o.done[c.ID]
		if done == nil || c.Run != cells.Running {
			continue
		}
		attrs := make(map[string]int64, len(c.State))
		for _, a := range c.State {
			attrs[a.Name] = a.Int
		}
		for _, x := range countersOf {
			if attrs[x.attr] != done[x.kind] {
				return fmt.Errorf("%s: %s is %d, but there were %d", c.ID, x.attr, attrs[x.attr], done[x.kind])
			}
		}
		for _, b := range balances {
			left, right := sumOf(attrs, b.left), sumOf(attrs, b.right)
			if left != right {
				return fmt.Errorf("%s: %s: %d = %v, but %d = %v", c.ID, b.what, left, b.left, right, b.right)
			}
		}
	}
	return nil
}

func sumOf(attrs map[string]int64, names []string) (n int64) {
	for _, name := range names {
		n += attrs[name]
	}
	return n
}
