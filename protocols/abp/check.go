package abp

import (
	"fmt"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// OracleName is what scenarios call the oracle.
const OracleName = "abp/exactly-once-in-order"

// oracle holds the law: of each stream, the messages that are delivered are
// those that were accepted, in their order, each once, with the same content.
// That all of them are is left to conditions such as
// "eventually: bob.delivered == 1000".
type oracle struct {
	streams map[uint64]*flow         // looked up, never ranged over
	content map[cells.ID]contentSeen // of the cell's next accept or deliver
}

type contentSeen struct {
	at           des.Key
	stream, hash int64
}

// flow is one stream of messages.
type flow struct {
	sender    cells.ID
	accepted  uint64 // messages so far
	delivered uint64
	waiting   []contentOf // of the messages accepted and not delivered
}

type contentOf struct{ bytes, hash int64 }

// NewOracle gives the oracle "abp/exactly-once-in-order". It judges any number
// of pairs in one world; it tells them apart by the stream in each message.
func NewOracle() cells.Oracle {
	return &oracle{streams: make(map[uint64]*flow), content: make(map[cells.ID]contentSeen)}
}

// Kinds are the emissions the oracle reads.
func (o *oracle) Kinds() []cells.Kind { return []cells.Kind{KindContent, KindAccept, KindDeliver} }

// Observe takes one emission.
func (o *oracle) Observe(at des.Key, m cells.Emission) error {
	if m.Kind == KindContent {
		o.content[m.Cell] = contentSeen{at, m.A, m.B}
		return nil
	}
	c, ok := o.content[m.Cell]
	if !ok || c.at != at {
		return nil // of another protocol that accepts and delivers
	}
	delete(o.content, m.Cell)
	f := o.streams[uint64(c.stream)]
	number, content := uint64(m.A), contentOf{m.B, c.hash}
	switch {
	case m.Kind == KindAccept:
		if f == nil {
			f = &flow{sender: m.Cell}
			o.streams[uint64(c.stream)] = f
		}
		if number != f.accepted || m.Cell != f.sender {
			return fmt.Errorf("%s accepts message %d of the stream of %s, the next is %d", m.Cell, number, f.sender, f.accepted)
		}
		f.accepted++
		f.waiting = append(f.waiting, content)
		return nil
	case f == nil:
		return fmt.Errorf("%s delivers message %d of a stream that nobody sends (%#x)", m.Cell, number, uint64(c.stream))
	}
	return f.deliver(m.Cell, number, content)
}

func (f *flow) deliver(by cells.ID, number uint64, got contentOf) error {
	what := fmt.Sprintf("%s delivers message %d of %s", by, number, f.sender)
	switch {
	case number >= f.accepted:
		return fmt.Errorf("%s, who has accepted only %d", what, f.accepted)
	case number < f.delivered:
		return fmt.Errorf("%s again, the next is %d", what, f.delivered)
	case number > f.delivered:
		return fmt.Errorf("%s, but message %d was not delivered", what, f.delivered)
	}
	if want := f.waiting[0]; got != want {
		return fmt.Errorf("%s with other content: %d bytes, hash %#x; accepted were %d, %#x",
			what, got.bytes, uint64(got.hash), want.bytes, uint64(want.hash))
	}
	f.waiting = f.waiting[1:]
	f.delivered++
	return nil
}

// Finish finds nothing more: what was delivered is a prefix of what was
// accepted at every moment.
func (o *oracle) Finish() error { return nil }
