package register

import (
	"encoding/json"
	"fmt"
	"slices"

	"example.com/dsim/cells"
)

// replica keeps the registers, and answers.
type replica struct {
	config Config
	in     message
	kept
}

// kept is all of a replica that a restart with kept state keeps.
type kept struct {
	Registers []entry // by key, ascending; those that were written

	Queries, Stores, Taken, CorruptDropped uint64
}

type entry struct {
	Key     uint16
	Version version
	Value   uint64
}

// Start has nothing to do, nor have Up, Timer and Down: a replica only answers.
func (p *replica) Start(cells.Env) {}

// Up, Timer and Down change nothing.
func (p *replica) Up(cells.Env, cells.Port) {}

// Timer is never called: a replica arms none.
func (p *replica) Timer(cells.Env, cells.TimerID) {}

// Down changes nothing.
func (p *replica) Down(cells.Env, cells.Port, error) {}

// Recv answers.
func (p *replica) Recv(e cells.Env, q cells.Port, b []byte) {
	m := &p.in
	if messages.Decode(b, m) != nil || int(m.Key) >= p.config.Keys || m.Kind != kindQuery && m.Kind != kindStore {
		p.CorruptDropped++
		return
	}
	i, found := slices.BinarySearchFunc(p.Registers, m.Key, func(e entry, key uint16) int { return int(e.Key) - int(key) })
	if m.Kind == kindQuery {
		p.Queries++
		m.Kind, m.Version, m.Value = kindValue, version{}, 0
		if found {
			m.Version, m.Value = p.Registers[i].Version, p.Registers[i].Value
		}
		send(e, q, m)
		return
	}
	p.Stores++
	switch now := (entry{m.Key, m.Version, m.Value}); {
	case !found && m.Version != (version{}):
		p.Taken++
		p.Registers = slices.Insert(p.Registers, i, now)
	case found && p.Registers[i].Version.less(m.Version):
		p.Taken++
		p.Registers[i] = now
	}
	m.Kind = kindStored
	send(e, q, m)
}

// Save gives the whole state.
func (p *replica) Save() []byte {
	b, err := json.Marshal(&p.kept)
	if err != nil {
		panic("register: " + err.Error())
	}
	return b
}

// Restore takes a state that Save gave.
func (p *replica) Restore(b []byte) error {
	var k kept
	if err := json.Unmarshal(b, &k); err != nil {
		return fmt.Errorf("register: kept state: %w", err)
	}
	for i, r := range k.Registers {
		if int(r.Key) >= p.config.Keys || r.Version.Stamp > stampMax || i > 0 && k.Registers[i-1].Key >= r.Key {
			return fmt.Errorf("register: kept state: register %d is none, or out of order", r.Key)
		}
	}
	p.kept = k
	return nil
}

// Resume goes on in the middle of a life: there is nothing to find.
func (p *replica) Resume(cells.Env) {}

// AppendState shows the replica's counters, and register 0.
func (p *replica) AppendState(a []cells.Attr) []cells.Attr {
	first := entry{}
	if len(p.Registers) > 0 && p.Registers[0].Key == 0 {
		first = p.Registers[0]
	}
	return append(a,
		cells.TextAttr("role", p.config.Role),
		cells.IntAttr("stamp", int64(first.Version.Stamp)),
		cells.IntAttr("value", int64(first.Value)),
		cells.IntAttr("written", int64(len(p.Registers))),
		cells.IntAttr("queries", int64(p.Queries)),
		cells.IntAttr("stores", int64(p.Stores)),
		cells.IntAttr("taken", int64(p.Taken)),
		cells.IntAttr("corrupt_dropped", int64(p.CorruptDropped)))
}
