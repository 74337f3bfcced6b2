package replay

import (
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// Numbered is a record and its number in its trace.
type Numbered struct {
	N      uint64
	Record des.Record
}

// matcher compares a stream of records that is given to it with one that it
// takes, up to the first difference, and then keeps a window of both.
type matcher struct {
	next   func() (*des.Record, error) // of the left side; nil at its end
	before int                         // how many equal records to keep
	window int                         // how many from the first difference on

	n        uint64       // equal records
	reached  clock.Time   // the time of the last of them
	ring     []Numbered   // the last of them
	event    []des.Record // those of the event at the end
	apart    bool
	a, b     []Numbered // from the first difference on
	endA     bool       // the left side ended there, or within the window
	endB     bool
	fullNext bool // the left window is filled
}

// eventMax bounds the effects of one event that are kept for comparison.
const eventMax = 4096

// feed takes the next record of the right side.
func (m *matcher) feed(r *des.Record) error {
	if !m.apart {
		l, err := m.next()
		if err != nil {
			return err
		}
		if l != nil && Equal(l, r) {
			m.same(r)
			return nil
		}
		m.apart = true
		if l == nil {
			m.endA, m.fullNext = true, true
		} else {
			m.a = append(m.a, Numbered{m.n, Clone(l)})
		}
	}
	if len(m.b) < m.window {
		m.b = append(m.b, Numbered{m.n + uint64(len(m.b)), Clone(r)})
	}
	return nil
}

func (m *matcher) same(r *des.Record) {
	m.n++
	m.reached = r.Key.Time
	c := Clone(r)
	if len(m.event) > 0 && m.event[0].Key != r.Key || len(m.event) >= eventMax {
		m.event = m.event[:0]
	}
	m.event = append(m.event, c)
	if len(m.ring) >= m.before {
		m.ring = append(m.ring[:0], m.ring[1:]...)
	}
	m.ring = append(m.ring, Numbered{m.n - 1, c})
}

// done reports whether more of the right side would tell nothing.
func (m *matcher) done() bool { return m.apart && len(m.b) >= m.window }

// finish says that the right side has ended, unless it was done, and fills the
// left window.
func (m *matcher) finish() error {
	if !m.done() {
		m.endB = true
	}
	for !m.fullNext && len(m.a) < m.window {
		l, err := m.next()
		if err != nil {
			return err
		}
		if l == nil {
			m.fullNext = true
			m.endA = m.endA || len(m.a) == 0
			break
		}
		m.apart = true
		m.a = append(m.a, Numbered{m.n + uint64(len(m.a)), Clone(l)})
	}
	m.endB = m.endB && len(m.b) == 0
	return nil
}

// choiceMatcher does the same for choices. It stops at the first difference.
type choiceMatcher struct {
	next    func() (*des.Choice, error)
	apart   bool
	reached clock.Time  // the time of the last that was equal
	a, b    *des.Choice // those that differ; nil: none is left
}

func (m *choiceMatcher) feed(c *des.Choice) error {
	if m.apart {
		return nil
	}
	l, err := m.next()
	if err != nil {
		return err
	}
	if l != nil && *l == *c {
		m.reached = c.At.Time
		return nil
	}
	m.apart = true
	r := *c
	m.b = &r
	if l != nil {
		k := *l
		m.a = &k
	}
	return nil
}

func (m *choiceMatcher) finish() error {
	if m.apart {
		return nil
	}
	l, err := m.next()
	if err != nil || l == nil {
		return err
	}
	m.apart = true
	k := *l
	m.a = &k
	return nil
}

// nextRecord and nextChoice step through a trace for a matcher. Marks alone are
// looked at where one side has nothing else.
func nextRecord(t *Trace, marks bool) func() (*des.Record, error) {
	var ops uint64
	if marks {
		ops = opBit(des.OpMark)
	}
	c := t.cursor(allFrom, allTo, ops)
	return func() (*des.Record, error) {
		for {
			e, err := c.next()
			if err != nil || e.Record == nil && e.Choice == nil {
				return nil, err
			}
			if e.Record != nil && t.gap != nil && e.Number >= t.gap.record {
				return nil, nil
			}
			if e.Record != nil && (!marks || e.Record.Op == des.OpMark) {
				return e.Record, nil
			}
		}
	}
}

func nextChoice(t *Trace) func() (*des.Choice, error) {
	c := t.cursor(allFrom, allTo, 0)
	return func() (*des.Choice, error) {
		for {
			e, err := c.next()
			if err != nil || e.Record == nil && e.Choice == nil {
				return nil, err
			}
			if e.Choice != nil && t.gap != nil && e.Number >= t.gap.choice {
				return nil, nil
			}
			if e.Choice != nil {
				return e.Choice, nil
			}
		}
	}
}
