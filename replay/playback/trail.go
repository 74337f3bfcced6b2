package playback

import (
	"hash/fnv"
	"slices"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay/journal"
	"example.com/dsim/replay/site"
)

// trail is what crossed the border of one site in one life, in order, by link.
// It is found by playing the journal once, before all are played together.
type trail struct {
	path   string
	header *journal.Header
	offset clock.Time // of the site's instant 0, on the clock of the whole
	report Report
	links  map[string]*border
	order  []*border // as they came up
	acts   []Act     // by the site's time
	acting bool      // the input that is being given is the last of them
}

// border is what crossed it on one link.
type border struct {
	link    string
	stream  bool
	outs    []crossing // given to the link
	arrived []crossing
}

// crossing is one frame, or one segment of a stream link.
type crossing struct {
	at    clock.Time // the site's time
	hash  uint64     // of its bytes
	mate  *crossing  // of an arrival, what was sent; of what was sent, its arrival
	trail *trail
	drop  bool // the socket did not take it

	// Of what was sent, known when all are played together.
	gone  bool
	n     uint64
	copy  uint8
	cause des.Key
}

func (t *trail) border(link string) *border {
	b := t.links[link]
	if b == nil {
		b = &border{link: link}
		t.links[link] = b
		t.order = append(t.order, b)
	}
	return b
}

// follow plays a journal and keeps what crossed the border.
func follow(path string, opt Options) (*trail, error) {
	r, err := journal.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // it was only read
	t := &trail{path: path, header: r.Header(), links: map[string]*border{}}
	out := &tracker{t: t}
	opt.Records, opt.Choices, opt.Out = nil, nil, out
	p, err := newPlayer(r, opt)
	if err != nil {
		return nil, err
	}
	out.site = p.site
	p.note, p.taken, p.given = t.take, t.arrives, t.refused
	t.act(Began, t.began(p), nil)
	for p.step(clock.Never) {
	}
	t.report = p.finish()
	if t.report.Ended {
		t.act(Ended, t.report.End, nil)
	} else {
		t.act(Killed, t.report.End, nil)
	}
	return t, p.err
}

// began is when the life began: that of a later life, as early as it is known.
func (t *trail) began(p *player) clock.Time {
	if t.header.Life == 0 || p.over {
		return 0
	}
	return p.at()
}

// from is when the life is known to have begun.
func (t *trail) from() clock.Time { return t.acts[0].At }

func (t *trail) act(kind ActKind, at clock.Time, in *site.Input) {
	t.acts = append(t.acts, Act{At: at, Site: t.header.Site, Life: t.header.Life, Kind: kind, Input: in})
}

// refused is told whether the last input was answered by an error.
func (t *trail) refused(yes bool) {
	if a := &t.acts[len(t.acts)-1]; yes && t.acting {
		a.Error = true
	}
	t.acting = false
}

// arrives keeps an input.
func (t *trail) arrives(in *site.Input) {
	if in.Kind == site.Apply || in.Kind == site.Command {
		kept := *in
		kept.Args, kept.Batch = slices.Clone(in.Args), slices.Clone(in.Batch)
		t.act(Given, in.At, &kept)
		t.acting = true
	}
	switch in.Kind {
	case site.Apply:
		for i := range in.Batch {
			if c := &in.Batch[i]; c.Op == cells.AddLink {
				t.border(c.Link.Name).stream = c.Link.Stream
			}
		}
	case site.Frame:
		b := t.border(in.Link)
		b.arrived = append(b.arrived, crossing{at: in.At, hash: hashOf(in.Data), trail: t})
	}
}

// take keeps what sockets did not take.
func (t *trail) take(n *journal.Note) {
	if n.Kind != journal.NoteDrop {
		return
	}
	b := t.border(n.Link)
	last := -1
	for i := len(b.outs) - 1; i >= 0 && b.outs[i].at >= n.At; i-- {
		if o := &b.outs[i]; o.at == n.At && !o.drop {
			if last = i; uint64(i)+1 == n.N {
				break
			}
		}
	}
	if last >= 0 {
		b.outs[last].drop = true
	}
}

// tracker is the outlet of a site whose trail is followed.
type tracker struct {
	t    *trail
	site *site.Site
}

func (o *tracker) Out(link string, b []byte) {
	x := o.t.border(link)
	x.outs = append(x.outs, crossing{at: o.site.Now(), hash: hashOf(b), trail: o.t})
}

func hashOf(b []byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(b)
	return h.Sum64()
}
