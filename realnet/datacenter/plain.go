package datacenter

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// bind has the plain sites do their parts, one call after the other: of each link
// the first end before the second, since the second is the client and, as the
// document has it, connects at once. Their methods know no preparing, so what they
// did is taken back if the batch is not to be.
func (p *plan) bind(ctx context.Context) error {
	for _, change := range ordered(p.batch.Changes) {
		switch change.Op {
		case cells.RemoveLink:
			if err := p.bindLink(ctx, change.Link.Name, false); err != nil {
				return err
			}
		case cells.RemoveCell:
			for _, name := range p.with[change.Cell.ID] {
				if err := p.bindLink(ctx, name, false); err != nil {
					return err
				}
			}
		case cells.AddLink:
			if err := p.bindLink(ctx, change.Link.Name, true); err != nil {
				return err
			}
		}
	}
	return nil
}

// bindLink binds or unbinds the ends of a link that are at plain sites.
func (p *plan) bindLink(ctx context.Context, name string, bind bool) error {
	p.c.mu.Lock()
	l, sites := p.c.lines[name], p.c.sites
	p.c.mu.Unlock()
	if bind {
		l, sites = p.lines[name], p.sites
	}
	for k, id := range l.ends() {
		s := sites[id]
		if !s.plain || slices.Contains(p.gone, s) {
			continue
		}
		do, undo := s.bindEnd, s.unbindEnd
		if !bind {
			do, undo = undo, do
		}
		if err := do(ctx, l, k); err != nil {
			return fmt.Errorf("cell %q: link %q: %w", id, name, err)
		}
		p.undo = append(p.undo, func() error { return undo(context.WithoutCancel(ctx), l, k) })
	}
	return nil
}

// unbind takes back what plain sites have done, the last first.
func (p *plan) unbind() {
	for i := len(p.undo) - 1; i >= 0; i-- {
		if err := p.undo[i](); err != nil {
			p.c.log.Warn("a port could not be given back", "error", err)
		}
	}
	p.undo = nil
}

func (s *site) bindEnd(ctx context.Context, l *line, k int) error {
	ber, err := berOf(l.spec, k)
	if err != nil {
		return err
	}
	return s.ask(func(r *remote) error { return r.bind(ctx, l.port(k), l.wires[k], ber) })
}

func (s *site) unbindEnd(ctx context.Context, l *line, k int) error {
	return s.ask(func(r *remote) error { return r.unbind(ctx, l.port(k)) })
}

// port is the name of a link's port at one of its ends.
func (l *line) port(k int) string { return [2]cells.Endpoint{l.spec.A, l.spec.B}[k].Port }

// berOf is the one parameter of a link that a cell of the document knows: the
// share of bits that are flipped in what it sends.
func berOf(l cells.LinkSpec, k int) (string, error) {
	ber := ""
	for _, q := range slices.Concat(l.Both, [2][]cells.Param{l.AB, l.BA}[k]) {
		if q.Name != "ber" {
			return "", fmt.Errorf("parameter %q: a cell that knows only the document's methods has none but ber", q.Name)
		}
		p, err := des.ParseRatio(q.Value)
		if err != nil {
			return "", fmt.Errorf("ber %w", err)
		}
		// The document has it as a number from 0 to 1.
		ber = strconv.FormatFloat(float64(p.Num)/float64(p.Den), 'g', -1, 64)
	}
	return ber, nil
}
