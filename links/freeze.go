package links

import (
	"fmt"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// Frozen is everything a network is that has nothing on its way.
type Frozen struct {
	Version uint64
	Hash    des.Fold
	Lives   map[string]uint32
	Links   []FrozenLink // in the order of their making
}

// FrozenLink is everything a link is.
type FrozenLink struct {
	Spec   cells.LinkSpec // with the parameters it has now
	Life   uint32
	Far    [2]*cells.FrozenPort // of its ends that are outside
	Halves [2]FrozenHalf
}

// FrozenHalf is what is kept of one end of a link beside its port.
type FrozenHalf struct {
	LastDue            clock.Time
	Interface, Channel FrozenStage
	Counts             Counts
	Bad                bool // the state of a bursty channel
	LostBefore         uint64
}

// FrozenStage is a transmitter.
type FrozenStage struct {
	Busy  clock.Time
	Last  uint64
	Queue []FrozenWaiting
}

// FrozenWaiting is a frame that a transmitter has not finished yet, though where
// it goes is decided.
type FrozenWaiting struct {
	Finish clock.Time
	Bytes  uint64
}

func (s *stage) freeze() FrozenStage {
	f := FrozenStage{Busy: s.busy, Last: s.last}
	for _, w := range s.queue[s.head:] {
		f.Queue = append(f.Queue, FrozenWaiting{w.finish, w.bytes})
	}
	return f
}

func (f *FrozenStage) thaw() stage {
	s := stage{busy: f.Busy, last: f.Last}
	for _, w := range f.Queue {
		s.queue = append(s.queue, waiting{w.Finish, w.Bytes})
		s.bytes += w.Bytes
	}
	return s
}

// Freeze gives everything the network is; an error that wraps
// [cells.ErrNotAtRest] says that it has something on its way.
func (n *Network) Freeze() (Frozen, error) {
	f := Frozen{Version: n.version.number, Hash: n.version.hash, Lives: n.lives}
	for i := range n.links {
		l := &n.links[i]
		switch {
		case l.left && !l.gone():
			return f, fmt.Errorf("link %q: %w: it drains", l.spec.Name, cells.ErrNotAtRest)
		case l.left:
			continue
		case l.spec.Stream:
			return f, fmt.Errorf("link %q: carries streams, whose state is in two places", l.spec.Name)
		}
		x := FrozenLink{Spec: l.spec, Life: l.life}
		x.Spec.Both, x.Spec.AB, x.Spec.BA = nil, n.plan(l.port[0]).params.Changed(), n.plan(l.port[1]).params.Changed()
		for k, p := range l.port {
			half := n.of(p).rare(n.host.Port(p))
			if n.flying(p) > 0 || len(half.held)+len(half.heldIn) > 0 {
				return f, fmt.Errorf("link %q: %w: frames are on their way", l.spec.Name, cells.ErrNotAtRest)
			}
			x.Halves[k] = FrozenHalf{
				LastDue: half.lastDue, Interface: half.ifc.freeze(), Channel: half.channel.freeze(), Counts: half.counts,
				Bad: half.chance != nil && half.chance.bad, LostBefore: half.lostBefore,
			}
			if l.far == uint8(k)+1 {
				far := n.host.FreezePort(p)
				x.Far[k] = &far
			}
		}
		f.Links = append(f.Links, x)
	}
	return f, nil
}

// Lay lays the links of a frozen network between cells that are there already,
// and Thaw makes them what they were, once the events that the laying has caused
// are gone.
func (n *Network) Lay(f *Frozen) error {
	batch := make([]cells.Change, len(f.Links))
	for i := range f.Links {
		batch[i] = cells.Change{Op: cells.AddLink, Link: f.Links[i].Spec}
	}
	plan, err := n.check(batch)
	if err != nil {
		return err
	}
	for i := range plan {
		n.lives[f.Links[i].Spec.Name] = f.Links[i].Life
		plan[i].do()
	}
	return nil
}

// Thaw is told of above.
func (n *Network) Thaw(f *Frozen) {
	n.version = version{f.Version, f.Hash}
	for name, life := range f.Lives { //dsim:sorted each is set once
		n.lives[name] = life
	}
	for i := range f.Links {
		x := &f.Links[i]
		l := &n.links[n.byName[x.Spec.Name]]
		for k, p := range l.port {
			h := &x.Halves[k]
			half := n.ext(p)
			half.lastDue, half.ifc, half.channel, half.counts = h.LastDue, h.Interface.thaw(), h.Channel.thaw(), h.Counts
			half.lostBefore = h.LostBefore
			if h.Bad {
				n.of(p).chance(p, half).bad = true
			}
			if x.Far[k] != nil {
				n.host.ThawPort(p, x.Far[k])
			}
			n.alert(p)
		}
	}
}
