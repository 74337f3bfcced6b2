package repro

import (
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// gatherer collects the choices of a run, and what the frames were like that
// they fell on.
type gatherer struct {
	next    des.Sink        // takes the records too; may be nil
	last    map[string]sent // by direction
	sent    map[string]uint64
	choices []Choice
	seek    *seeker // of a run that looks for frames; may be nil
}

// sent is the last frame of a direction.
type sent struct {
	n    uint64
	at   clock.Time
	size int
	hash uint64
}

// Record takes a record: of frames that were sent it keeps the last of each
// direction.
func (g *gatherer) Record(r *des.Record) {
	if r.Op == des.OpSend && r.Link != "" {
		s := sent{uint64(r.A), r.Key.Time, len(r.Data), hash(r.Data)}
		g.last[r.Link] = s
		g.sent[r.Link] = s.n + 1
		if g.seek != nil {
			g.seek.frame(r.Link, s)
		}
	}
	if g.next != nil {
		g.next.Record(r)
	}
}

// Choose takes a choice that can be served again.
func (g *gatherer) Choose(c *des.Choice) {
	if c.What != Verdict && c.What != Option {
		return
	}
	x := Choice{What: c.What, Where: c.Where, N: c.N, Value: c.Value}
	if s, ok := g.last[c.Where]; ok && c.What == Verdict {
		x.Anchor.At = s.at
		if s.n == c.N {
			x.Anchor = Anchor{s.at, s.size, s.hash}
		}
	}
	g.choices = append(g.choices, x)
}

// hash is FNV-1a.
func hash(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}
