package command

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/replay/playback"
)

// What a real wire takes is added to what the link's own parameters do, which is
// the same in a live and in a virtual run: the least to the delay, and what is
// more than the least to the jitter, as it was distributed.

// measured is a change with what was measured added to a link's parameters.
func (i *importer) measured(c cells.Change) cells.Change {
	if c.Op != cells.AddLink && c.Op != cells.SetLink {
		return c
	}
	whole := i.links[c.Link.Name]
	l := c.Link
	ab, ba := i.direction(&whole, whole.A, whole.B), i.direction(&whole, whole.B, whole.A)
	if ab == nil && ba == nil {
		return c
	}
	add := c.Op == cells.AddLink
	l.AB, l.BA = measuredSide(&whole, l.Both, l.AB, ab, add), measuredSide(&whole, l.Both, l.BA, ba, add)
	l.Both = slices.DeleteFunc(slices.Clone(l.Both), func(p cells.Param) bool { return has(l.AB, p.Name) && has(l.BA, p.Name) })
	c.Link = l
	return c
}

// direction is what was measured of a link from one end to the other.
func (i *importer) direction(l *cells.LinkSpec, from, to cells.Endpoint) *playback.Direction {
	for k := range i.m.Directions {
		d := &i.m.Directions[k]
		if d.Link == l.Name && d.From == i.siteOf(from.Cell) && d.To == i.siteOf(to.Cell) && len(d.Delays) > 0 {
			return d
		}
	}
	return nil
}

// siteOf is where a cell lives, or will: the other end of a link may not have
// been told of yet.
func (i *importer) siteOf(id cells.ID) string {
	if s, ok := i.home[id]; ok {
		return s
	}
	for k := range i.m.Acts {
		if a := &i.m.Acts[k]; a.Kind == playback.Given {
			for j := range a.Input.Batch {
				if c := &a.Input.Batch[j]; c.Op == cells.AddCell && c.Cell.ID == id {
					return a.Site
				}
			}
		}
	}
	return ""
}

// measuredSide are the parameters of one direction.
func measuredSide(l *cells.LinkSpec, both, side []cells.Param, d *playback.Direction, add bool) []cells.Param {
	if d == nil {
		return side
	}
	side = slices.Clone(side)
	jitter := value(both, side, "jitter")
	own := jitter != "" && jitter != "none" // keeps its own
	if text := value(both, side, "delay"); add || text != "" {
		delay, _ := des.ParseDuration(text) // it was taken by the links already
		extra := d.Delays[0]
		if own {
			extra = d.Delay(0.5)
		}
		side = with(side, "delay", des.FormatDuration(delay+int64(extra)))
	}
	if add && !own && d.Delays[0] != d.Delays[len(d.Delays)-1] {
		side = with(side, "jitter", overLeast(d.Delays))
	}
	if gone := d.Dropped + d.Lost; gone > 0 && !l.Stream && (add || value(both, side, "loss") != "") {
		side = with(side, "loss", moreLoss(value(both, side, "loss"), gone, d.Sent))
	}
	return side
}

// spreadSteps is how many values the distribution of a delay is written with.
const spreadSteps = 24

// overLeast is how much more than the least delays are, as shares of equal count.
func overLeast(delays []time.Duration) string {
	var parts []string
	for k := range min(spreadSteps, len(delays)) {
		from, to := k*len(delays)/min(spreadSteps, len(delays)), (k+1)*len(delays)/min(spreadSteps, len(delays))
		over := delays[from+(to-from)/2] - delays[0]
		parts = append(parts, fmt.Sprintf("%s: %d", des.FormatDuration(int64(over)), to-from))
	}
	return "empirical(" + strings.Join(parts, ", ") + ")"
}

// moreLoss is a probability with that of what sockets lost added: 1-(1-p)(1-q).
func moreLoss(text string, gone, sent uint64) string {
	p, err := des.ParseRatio(text)
	if text == "" || err != nil {
		return fmt.Sprintf("%d/%d", gone, sent)
	}
	const den = 1_000_000
	hi, lo := bits.Mul64(p.Num, den)
	own, _ := bits.Div64(hi, lo, p.Den)
	return fmt.Sprintf("%d/%d", own+(den-own)*gone/sent, den)
}

func has(list []cells.Param, name string) bool {
	return slices.ContainsFunc(list, func(p cells.Param) bool { return p.Name == name })
}

// value is a parameter of a direction, "" if it is not given.
func value(both, side []cells.Param, name string) string {
	out := ""
	for _, p := range slices.Concat(both, side) {
		if p.Name == name {
			out = p.Value
		}
	}
	return out
}

// with sets a parameter.
func with(list []cells.Param, name, value string) []cells.Param {
	list = slices.DeleteFunc(list, func(p cells.Param) bool { return p.Name == name })
	return append(list, cells.Param{Name: name, Value: value})
}
