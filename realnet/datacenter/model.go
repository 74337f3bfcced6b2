package datacenter

import (
	"fmt"
	"slices"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/links"
)

// model is the topology as it was decided: a virtual network in which no cell
// ever does anything. It judges batches, knows every link's parameters and
// counts cells' lives.
type model struct {
	sched *des.Scheduler
	net   *links.Network
	check func(cells.CellSpec) (cells.Protocol, error)
	acts  int // since it was made
}

// newModel gives a model without cells. check makes a cell's protocol, or says
// why there is none such.
func newModel(check func(cells.CellSpec) (cells.Protocol, error), lives map[cells.ID]uint32) *model {
	m := &model{sched: des.NewScheduler(des.Config{}), check: check}
	host := cells.NewHost(m.sched, cells.Options{Lives: lives})
	m.net = links.New(host, links.Options{Make: m.inert})
	return m
}

// inert makes what stands for a cell's protocol.
func (m *model) inert(spec cells.CellSpec) (cells.Protocol, error) {
	made, err := m.check(spec)
	if err != nil {
		return nil, err
	}
	if _, ok := made.(cells.Durable); ok {
		return durable{}, nil
	}
	return inert{}, nil
}

// judge says whether a batch can be applied, and whether it has been already.
func (m *model) judge(version uint64, batch []cells.Change) error {
	return m.net.Check(version, batch)
}

// apply carries out a batch that judge has passed.
func (m *model) apply(version uint64, batch []cells.Change) error {
	defer m.settle()
	return m.net.Apply(version, batch)
}

// crash notes that a cell has died by itself.
func (m *model) crash(id cells.ID) {
	h := m.net.Host()
	ref, ok := h.Find(id)
	if !ok || h.Run(ref) == cells.Crashed {
		return
	}
	m.acts++
	m.sched.Act(des.MakeEntity(des.Timeline, 2), uint64(m.acts), func() {
		if err := h.Crash(ref); err != nil {
			m.sched.Fail(err)
		}
	})
	m.settle()
}

// settle lets what an act has caused happen, and time go on, so that no instant
// sees more than one act.
func (m *model) settle() {
	_ = m.sched.RunUntil(m.sched.Now())
	_ = m.sched.RunUntil(m.sched.Now() + 1)
}

// err is what has ended the model, which is a mistake of this package's.
func (m *model) err() error {
	if err := m.sched.Err(); err != nil {
		return fmt.Errorf("datacenter: the model has ended: %w", err)
	}
	return nil
}

// run is what a cell is meant to be doing, and in which life.
func (m *model) run(id cells.ID) (cells.RunState, uint32) {
	h := m.net.Host()
	ref, ok := h.Find(id)
	if !ok {
		return cells.Removed, 0
	}
	s := h.Status(ref)
	return s.Run, s.Incarnation
}

func (m *model) version() uint64 { return m.net.Version() }

func (m *model) snapshot() cells.Snapshot { return m.net.Snapshot() }

// ordered is a batch in the order in which its changes act.
func ordered(batch []cells.Change) []cells.Change {
	sorted := slices.Clone(batch)
	slices.SortStableFunc(sorted, func(a, b cells.Change) int { return int(a.Op) - int(b.Op) })
	return sorted
}

// inert is the protocol of the model's cells.
type inert struct{}

func (inert) Start(cells.Env)                    {}
func (inert) Up(cells.Env, cells.Port)           {}
func (inert) Recv(cells.Env, cells.Port, []byte) {}
func (inert) Timer(cells.Env, cells.TimerID)     {}
func (inert) Down(cells.Env, cells.Port, error)  {}

// durable is that of cells whose protocol can keep its state.
type durable struct{ inert }

func (durable) Save() []byte         { return []byte{} }
func (durable) Restore([]byte) error { return nil }
