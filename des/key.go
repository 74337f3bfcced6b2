package des

import (
	"cmp"
	"fmt"

	"example.com/dsim/clock"
)

// Class is the kind of thing an event belongs to. At one instant the classes
// act in this order.
type Class uint8

const (
	Timeline  Class = iota // commands, faults and changes of topology: before all else
	Cell                   // a cell's timers, starts and other events of its own
	Direction              // one direction of a link: what arrives at its far end
	Input                  // what comes from outside the scheduler: after all else
)

var classNames = [...]string{"timeline", "cell", "dir", "input"}

// String is the class's short name.
func (c Class) String() string { return classNames[c&3] }

// Entity is what an event belongs to and who handles it: a class and an index
// within the class. Entities order events at one instant; nothing but ties may
// depend on their numbers.
type Entity uint32

// IndexMax is the greatest index an entity can have.
const IndexMax = 1<<30 - 1

// MakeEntity gives the entity of a class with the given index.
func MakeEntity(c Class, index uint32) Entity {
	if index > IndexMax {
		panic("des: entity index out of range")
	}
	return Entity(uint32(c)<<30 | index)
}

// Class is the class of e.
func (e Entity) Class() Class { return Class(e >> 30) }

// Index is the index of e within its class.
func (e Entity) Index() uint32 { return uint32(e) & IndexMax }

// String prints e as "cell 3" or "dir 12".
func (e Entity) String() string { return fmt.Sprintf("%s %d", e.Class(), e.Index()) }

// Key is the place of an event in the total order of a run: by time, delta,
// rank, entity and sequence. No two events of a run have the same key.
type Key struct {
	Time   clock.Time
	Delta  uint16 // 0 if scheduled before its instant began, else its cause's + 1
	Rank   uint16 // 0, or a hash where ties are shuffled
	Entity Entity
	Seq    uint64 // the entity's own count: of arms, or of frames
}

// Compare orders keys: negative if k is before o.
func (k Key) Compare(o Key) int {
	if k.Time != o.Time {
		return cmp.Compare(k.Time, o.Time)
	}
	if a, b := k.ord(), o.ord(); a != b {
		return cmp.Compare(a, b)
	}
	return cmp.Compare(k.Seq, o.Seq)
}

// IsZero reports whether k is the zero Key, which is the key of no event.
func (k Key) IsZero() bool { return k == Key{} }

// Name is the key as one word, exact and fit for a command line:
// "1500000000:0:0:dir:3:256" is time in nanoseconds, delta, rank, class, index
// and sequence. The zero key is "-".
func (k Key) Name() string {
	if k.IsZero() {
		return "-"
	}
	return fmt.Sprintf("%d:%d:%d:%s:%d:%d", int64(k.Time), k.Delta, k.Rank, k.Entity.Class(), k.Entity.Index(), k.Seq)
}

// String prints the key for people: "1.5s+2 dir 3 #256".
func (k Key) String() string {
	s := k.Time.String()
	if k.Delta != 0 {
		s += fmt.Sprintf("+%d", k.Delta)
	}
	if k.Rank != 0 {
		s += fmt.Sprintf("~%d", k.Rank)
	}
	return fmt.Sprintf("%s %s #%d", s, k.Entity, k.Seq)
}

func (k Key) ord() uint64 { return uint64(k.Delta)<<48 | uint64(k.Rank)<<32 | uint64(k.Entity) }

// Event is one entry of the queue: a key and an argument for whoever handles
// it. 32 bytes, no pointers, so that a million of them cost the collector
// nothing.
type Event struct {
	Time clock.Time
	Ord  uint64 // delta:16 rank:16 entity:32
	Seq  uint64
	Arg  uint64
}

// MakeEvent puts an event together.
func MakeEvent(k Key, arg uint64) Event { return Event{k.Time, k.ord(), k.Seq, arg} }

// Key is the event's place in the order.
func (e Event) Key() Key {
	return Key{e.Time, uint16(e.Ord >> 48), uint16(e.Ord >> 32), Entity(uint32(e.Ord)), e.Seq}
}

// Entity is who handles the event.
func (e Event) Entity() Entity { return Entity(uint32(e.Ord)) }

// Delta is the event's depth in its instant's chain of causes.
func (e Event) Delta() uint16 { return uint16(e.Ord >> 48) }

// Before reports whether e is earlier than o in the total order.
func (e Event) Before(o Event) bool {
	if e.Time != o.Time {
		return e.Time < o.Time
	}
	if e.Ord != o.Ord {
		return e.Ord < o.Ord
	}
	return e.Seq < o.Seq
}
