package datacenter

import (
	"context"
	"slices"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/realnet/metrics"
)

// joinMax bounds how long a batch waits for the streams it has added.
const joinMax = 2 * time.Second

// settle waits a moment for the connections behind stream links that the batch has
// added. What is sent before there is one is lost, and streams, unlike frames,
// promise that nothing is: who dials as soon as the batch is done would find
// nobody until the dial times out. A connection that does not come in time is no
// error: links may be down.
func (p *plan) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, joinMax)
	defer cancel()
	waiting := make(map[*site][]string)
	for i := range p.batch.Changes {
		c := &p.batch.Changes[i]
		if c.Op != cells.AddLink || !c.Link.Stream || c.Link.A.Cell == c.Link.B.Cell {
			continue
		}
		a, b := p.sites[c.Link.A.Cell], p.sites[c.Link.B.Cell]
		if s, ok := p.parts[a], p.parts[b]; s == nil || ok == nil || a.plain || b.plain {
			continue // one end is not ours to ask
		}
		waiting[a] = append(waiting[a], c.Link.Name)
		waiting[b] = append(waiting[b], c.Link.Name)
	}
	sites := make([]*site, 0, len(waiting))
	for s := range waiting {
		sites = append(sites, s)
	}
	each(sites, callsMax, func(s *site) error {
		s.awaitLinks(ctx, waiting[s])
		return nil
	})
}

// awaitLinks waits until a site says that links are connected.
func (s *site) awaitLinks(ctx context.Context, names []string) {
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		joined := false
		err := s.ask(func(r *remote) error {
			m, err := r.report(ctx)
			joined = err == nil && connected(m.Links, names)
			return err
		})
		if joined || err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

func connected(links []metrics.LinkStatus, names []string) bool {
	for _, name := range names {
		if !slices.ContainsFunc(links, func(l metrics.LinkStatus) bool { return l.Name == name && l.State == "connected" }) {
			return false
		}
	}
	return true
}
