package playback

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"slices"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay/journal"
	"example.com/dsim/replay/site"
)

// Merged is a live run put together again.
type Merged struct {
	Reports    []Report
	Directions []Direction // of links between sites
	Acts       []Act       // what was done from outside, in order
	StartUnix  int64       // instant 0 of the whole, nanoseconds since 1970
	End        clock.Time
	Seed       des.Seed
	Ties       des.Ties
	Limits     des.Limits
	Build      string
	Info       map[string]string
	Notes      []string
	Offsets    map[string]clock.Time // of sites' instants 0, by the names of journals; only those not 0

	trails []*trail
}

// Act is something that reached a site from outside and is no frame: a command,
// a batch, the beginning of a life or its end.
type Act struct {
	At    clock.Time
	Site  string
	Life  uint32
	Kind  ActKind
	Input *site.Input // of a command or a batch
	Error bool        // it was answered by an error
}

// ActKind says what an Act is.
type ActKind uint8

// The kinds of acts.
const (
	Began  ActKind = iota + 1 // the process was there
	Given                     // a command or a batch
	Ended                     // the process ended, and said so
	Killed                    // its journal has no end
)

// Merge plays all journals of a directory together, in the order of true time.
// It is [Gather] and [Merged.Tell].
func Merge(dir string, opt Options) (*Merged, error) {
	m, err := Gather(dir, opt)
	if err != nil {
		return nil, err
	}
	return m, m.Tell(opt)
}

// Gather plays all journals of a directory, each for itself, and finds what was
// sent for everything that arrived. The observers of opt are left alone.
func Gather(dir string, opt Options) (*Merged, error) {
	paths, err := whole(dir)
	if err != nil {
		return nil, err
	}
	var trails []*trail
	for _, p := range paths {
		t, err := follow(p.Path, opt)
		if errors.Is(err, journal.ErrMore) {
			continue // killed before it could say who it is
		} else if err != nil {
			return nil, err
		}
		trails = append(trails, t)
	}
	if len(trails) == 0 {
		return nil, fmt.Errorf("%s: no journal here has a header", dir)
	}
	m, err := gather(trails)
	if err != nil {
		return nil, err
	}
	m.Directions = matched(trails)
	m.Offsets = map[string]clock.Time{}
	for _, t := range trails {
		if t.offset != 0 {
			m.Offsets[journal.FileName(t.header.Site, t.header.Life)] = t.offset
		}
		for _, a := range t.acts {
			a.At += t.offset
			m.Acts = append(m.Acts, a)
		}
		m.End = max(m.End, t.report.End+t.offset)
	}
	slices.SortStableFunc(m.Acts, func(a, b Act) int { return cmp.Compare(a.At, b.At) })
	return m, nil
}

// whole are the journals that hold lives from their beginning: a ring does only
// as long as it has its first file, and is passed over.
func whole(dir string) ([]journal.Path, error) {
	list, err := journal.List(dir)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(p journal.Path) bool { return p.Ring })
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: no journals of whole lives here: want files such as alice.0%s", dir, journal.Suffix)
	}
	return list, nil
}

// gather takes what the journals agree in.
func gather(trails []*trail) (*Merged, error) {
	h := trails[0].header
	m := &Merged{trails: trails, Seed: h.Seed, Ties: h.Ties, Limits: h.Limits, Build: h.Build, Info: h.Info}
	first := h.StartUnix
	for _, t := range trails {
		first = min(first, t.header.StartUnix)
		if t.header.Seed != m.Seed {
			return nil, fmt.Errorf("%s: seed %s, and %s has seed %s: they are not of one run", t.path, t.header.Seed, trails[0].path, m.Seed)
		}
		if t.header.Ties != m.Ties {
			return nil, fmt.Errorf("%s: ties are broken in another way than in %s: they are not of one run", t.path, trails[0].path)
		}
		m.Reports = append(m.Reports, t.report)
		if d := t.report.Difference; d != nil {
			m.Notes = append(m.Notes, fmt.Sprintf("%s: is not reproduced: %s", t.path, d))
		}
	}
	m.StartUnix = first
	return m, nil
}

// chorus is all sites being played together.
type chorus struct {
	queue  []*voice // a heap: who is next
	held   map[*crossing]*voice
	names  map[string]des.Entity
	counts [4]uint32 // entities named so far, by class
}

// voice is one site of it.
type voice struct {
	*player
	c      *chorus
	trail  *trail
	number int
	key    clock.Time // in the queue

	outs    map[string]int // given to each link so far
	came    map[string]int
	parked  map[string][]*crossing // arrived at a paused cell
	input   *crossing              // the arrival that is being given
	link    string                 // on which it comes
	heard   bool                   // its cell, or its port, has had it
	numbers map[des.Entity]des.Entity
	records des.Sink
	choices des.ChoiceSink
	rec     des.Record
}

// Tell plays all journals again, together: records and choices go to the
// observers of opt, those of each site in their order, those of all by time, what
// arrives behind what was sent.
//
// In what they are given, entities have numbers that are those of the whole, what
// arrives bears the number of the frame that was sent, and its cause is the event
// that sent it: a world's records, as if one scheduler had run it. Inputs stay
// what they are, the last of their instant.
func (m *Merged) Tell(opt Options) error {
	c := &chorus{held: map[*crossing]*voice{}, names: map[string]des.Entity{}}
	var all []*voice
	for i, t := range m.trails {
		r, err := journal.Open(t.path)
		if err != nil {
			return err
		}
		defer func() { _ = r.Close() }() // it was only read
		v := &voice{
			c: c, trail: t, number: i, outs: map[string]int{}, came: map[string]int{}, parked: map[string][]*crossing{},
			numbers: map[des.Entity]des.Entity{}, records: opt.Records, choices: opt.Choices,
		}
		o := opt
		o.Records, o.Out, o.Choices = v, v, nil
		if opt.Choices != nil {
			o.Choices = v
		}
		if v.player, err = newPlayer(r, o); err != nil {
			return err
		}
		v.taken, v.given = v.take, func(bool) { v.input = nil }
		all = append(all, v)
		c.push(v)
	}
	for len(c.queue) > 0 || len(c.held) > 0 {
		v := c.next()
		if v.step(clock.Never) {
			c.push(v)
		}
	}
	for _, v := range all {
		if v.err != nil {
			return v.err
		}
	}
	return nil
}

// next is whose turn it is: the earliest that is not waiting for something that
// was not sent yet.
func (c *chorus) next() *voice {
	for len(c.queue) > 0 {
		v := heap.Pop(c).(*voice)
		o := v.awaits()
		if o == nil || o.gone {
			return v
		}
		c.held[o] = v
	}
	// All wait for one another: clocks that cannot be reconciled. The earliest
	// goes on.
	var first *voice
	var by *crossing
	for o, v := range c.held {
		if first == nil || v.key < first.key || v.key == first.key && v.number < first.number {
			first, by = v, o
		}
	}
	delete(c.held, by)
	return first
}

// awaits is what must have been sent before the voice goes on: nil for nothing.
func (v *voice) awaits() *crossing {
	if e := &v.entry; !v.over && e.Input != nil && e.Input.Kind == site.Frame && v.player.next() == e.Input.At && v.site.Next() > e.Input.At {
		b := v.trail.border(e.Input.Link)
		if i := v.came[e.Input.Link]; i < len(b.arrived) {
			return b.arrived[i].mate
		}
	}
	return nil
}

func (c *chorus) push(v *voice) {
	at := v.player.next()
	if at != clock.Never {
		at += v.trail.offset
	}
	v.key = max(v.key, at)
	heap.Push(c, v)
}

// The queue is a heap by time, then by the sites' order.
func (c *chorus) Len() int { return len(c.queue) }

func (c *chorus) Less(i, j int) bool {
	a, b := c.queue[i], c.queue[j]
	return a.key < b.key || a.key == b.key && a.number < b.number
}

func (c *chorus) Swap(i, j int) { c.queue[i], c.queue[j] = c.queue[j], c.queue[i] }

// Push is of container/heap.
func (c *chorus) Push(x any) { c.queue = append(c.queue, x.(*voice)) }

// Pop is of container/heap.
func (c *chorus) Pop() any {
	v := c.queue[len(c.queue)-1]
	c.queue = c.queue[:len(c.queue)-1]
	return v
}

// take is called before the site takes an input.
func (v *voice) take(in *site.Input) {
	v.input, v.heard = nil, false
	if in.Kind != site.Frame {
		return
	}
	b := v.trail.border(in.Link)
	i := v.came[in.Link]
	v.came[in.Link] = i + 1
	v.link = in.Link
	if i < len(b.arrived) {
		v.input = b.arrived[i].mate
	}
}

// Out notes what leaves the site, for whoever waits for it.
func (v *voice) Out(link string, _ []byte) {
	b := v.trail.border(link)
	i := v.outs[link]
	v.outs[link] = i + 1
	if i >= len(b.outs) {
		return
	}
	o := &b.outs[i]
	s := v.site.Scheduler()
	seq := s.Current().Seq
	if o.drop && !b.stream {
		v.dropped(seq >> 8)
	}
	if o.mate == nil {
		return
	}
	o.gone, o.n, o.copy, o.cause = true, seq>>8, uint8(seq), v.key1(s.Cause())
	if w := v.c.held[o]; w != nil {
		delete(v.c.held, o)
		heap.Push(v.c, w)
	}
}
