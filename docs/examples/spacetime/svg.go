package main

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"time"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// Places, in units of the picture.
const (
	width   = 900
	head    = 96 // above the first instant
	foot    = 30
	perMs   = 4.2
	axis    = 64
	barsOff = 14 // of a timer's bar from its cell's line
	noteOff = 26 // of what a cell says
)

// lines are where the two cells are; outward is the way to their notes.
var (
	lines   = [2]float64{300, 640}
	outward = [2]float64{-1, 1}
)

// shapes is what the picture looks like without its colours: each kind of frame
// has a stroke of its own, so that nothing is told by colour alone.
const shapes = `
text { stroke-width: 4; stroke-linejoin: round; paint-order: stroke; font: 12px ui-sans-serif, system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
.title, .cell { font-size: 15px; font-weight: 600; }
.cell, .on { text-anchor: middle; }
.soft, .tick { font-size: 11px; }
.tick, .left { text-anchor: end; }
.life { stroke-width: 2; stroke-linecap: round; }
.frame, .flash { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.frame.lost { stroke-dasharray: 1 6; stroke-linecap: round; stroke-width: 2.6; }
.frame.broken { stroke-dasharray: 9 4; }
.frame.again { stroke-width: 3.2; }
.cross { stroke-width: 2.8; stroke-linecap: round; }
.bar { stroke-width: 1.4; stroke-dasharray: 1 3; stroke-linecap: round; }
.end { stroke-width: 1.4; }
`

// theme are the colours of one kind of page. Those of frames are after Okabe and
// Ito, which the colour-blind can tell apart.
type theme struct{ page, ink, soft, grid, plain, lost, broken, again string }

var (
	light = theme{"#ffffff", "#1f2328", "#656d76", "#e4e7eb", "#0072b2", "#c44f00", "#a3307c", "#00795a"}
	dark  = theme{"#0d1117", "#e6edf3", "#9198a1", "#262c34", "#56b4e9", "#ff9a52", "#e59bc8", "#2fd3a4"}
)

func (t theme) style() string {
	var b strings.Builder
	rule := func(what, selectors, colour string) { fmt.Fprintf(&b, "%s { %s: %s; }\n", selectors, what, colour) }
	rule("fill", ".page", t.page)
	rule("stroke", "text", t.page) // a rim that keeps words off the lines behind them
	rule("fill", "text", t.ink)
	rule("fill", ".soft, .tick", t.soft)
	rule("stroke", ".grid", t.grid)
	rule("stroke", ".life", t.ink)
	rule("stroke", ".bar, .end", t.soft)
	for _, kind := range []struct{ class, colour string }{
		{".plain", t.plain}, {".lost", t.lost}, {".broken", t.broken}, {".again", t.again},
	} {
		rule("stroke", ".frame"+kind.class+", .mark"+kind.class, kind.colour)
		rule("fill", ".tip"+kind.class+", text"+kind.class, kind.colour)
	}
	return b.String()
}

// canvas is the picture as it is drawn.
type canvas struct {
	bytes.Buffer
	from clock.Time
}

func (c *canvas) put(format string, args ...any) { fmt.Fprintf(c, format+"\n", args...) }

// y is where an instant is. Coordinates have one decimal: the same on every
// machine.
func (c *canvas) y(t clock.Time) float64 {
	return head + tenth(float64(t-c.from)/float64(time.Millisecond)*perMs)
}

func tenth(x float64) float64 { return math.Round(x*10) / 10 }

func (c *canvas) line(class string, x1, y1, x2, y2 float64) {
	c.put(`<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, class, x1, y1, x2, y2)
}

func (c *canvas) text(class string, x, y float64, s string) {
	c.put(`<text class="%s" x="%.1f" y="%.1f">%s</text>`, class, x, y, escape(s))
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// draw gives the picture as SVG.
func (p *picture) draw() []byte {
	c := &canvas{from: p.from}
	bottom := c.y(p.to)
	span := fmt.Sprintf("from %s to %s", p.from, p.to)
	c.put(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f" width="%d" role="img" aria-labelledby="t d">`, width, bottom+foot, width)
	c.put(`<title id="t">%s</title>`, escape(p.title))
	c.put(`<desc id="d">Space-time diagram of %s and %s, %s: %s</desc>`, escape(p.cells[0]), escape(p.cells[1]), span, escape(p.words()))
	c.put("<style>%s%s@media (prefers-color-scheme: dark) {\n%s}\n</style>", shapes, light.style(), dark.style())
	c.put(`<rect class="page" width="%d" height="%.0f" rx="8"/>`, width, bottom+foot)
	c.text("title", 24, 32, p.title)
	c.text("soft", 24, 51, "Time goes down, "+span+". Dotted: lost. Broken: bits flipped. Bold: sent again when a timer fired.")
	const tick = 20 * clock.Time(time.Millisecond)
	for t := (p.from + tick - 1) / tick * tick; t <= p.to; t += tick {
		c.line("grid", axis+10, c.y(t), width-24, c.y(t))
		c.text("tick", axis, c.y(t)+4, des.FormatDuration(int64(t)))
	}
	for i, name := range p.cells {
		c.text("cell", lines[i], head-16, name)
		c.line("life", lines[i], head-6, lines[i], bottom+8)
	}
	for _, w := range p.waits {
		x := lines[w.side] + outward[w.side]*barsOff
		c.line("end", x-4, c.y(w.armed), x+4, c.y(w.armed))
		c.line("bar", x, c.y(w.armed), x, c.y(w.due))
		c.line("end", x-4, c.y(w.due), x+4, c.y(w.due))
		c.text("soft"+anchor(w.side), x+outward[w.side]*(noteOff-barsOff), (c.y(w.armed)+c.y(w.due))/2+4, "waits "+(w.due-w.armed).String())
	}
	for _, f := range p.frames {
		c.frame(f, p.flight())
	}
	for _, n := range p.notes {
		c.text("say"+anchor(n.side), lines[n.side]+outward[n.side]*noteOff, c.y(n.at)+4, n.text)
	}
	c.put("</svg>")
	return c.Bytes()
}

func anchor(side int) string {
	if side == 0 {
		return " left"
	}
	return ""
}

// frame draws an arrow: to its end, or to a cross half-way.
func (c *canvas) frame(f *frame, flight clock.Time) {
	class, text := "plain", f.label
	x1, y1 := lines[f.side], c.y(f.sent)
	x2, y2 := lines[1-f.side], c.y(f.arrived)
	switch {
	case f.lost():
		class = "lost"
		y2 = c.y(f.sent + flight)
		x2, y2 = (x1+x2)/2, tenth((y1+y2)/2)
	case strings.Contains(f.verdict, "flip:"):
		class = "broken"
	case f.again:
		class = "again"
	}
	dx, dy := x2-x1, y2-y1
	size := math.Hypot(dx, dy)
	dx, dy = dx/size, dy/size
	at := func(along, across float64) (x, y float64) {
		return tenth(x1 + along*dx - across*dy), tenth(y1 + along*dy + across*dx)
	}
	if class == "lost" {
		c.line("frame lost", x1, y1, x2, y2)
		c.line("cross mark lost", x2-6, y2-6, x2+6, y2+6)
		c.line("cross mark lost", x2-6, y2+6, x2+6, y2-6)
		c.text("say lost", x2+14, y2+4, text+": lost")
		return
	}
	ex, ey := at(size-9, 0)
	c.line("frame "+class, x1, y1, ex, ey)
	ax, ay := at(size-2, 0)
	lx, ly := at(size-13, 4.6)
	rx, ry := at(size-13, -4.6)
	c.put(`<path class="tip %s" d="M%.1f %.1fL%.1f %.1fL%.1f %.1fZ"/>`, class, ax, ay, lx, ly, rx, ry)
	if class == "broken" {
		c.flash(at, size)
		text += ", " + strings.Replace(f.verdict, "flip:", "bit ", 1) + " flipped"
	}
	x, y := at(size/2, 0)
	turn := tenth(math.Atan2(dy*outward[1-f.side], dx*outward[1-f.side]) * 180 / math.Pi)
	c.put(`<text class="on %s" x="%.1f" y="%.1f" transform="rotate(%.1f %.1f %.1f)" dy="-7">%s</text>`, class, x, y, turn, x, y, escape(text))
}

// flash marks where a frame was damaged.
func (c *canvas) flash(at func(along, across float64) (x, y float64), size float64) {
	var d strings.Builder
	for i, across := range []float64{0, 7, -7, 7, -7, 0} {
		x, y := at(size*0.78+float64(i)*5, across)
		fmt.Fprintf(&d, "%c%.1f %.1f", "ML"[min(i, 1)], x, y)
	}
	c.put(`<path class="flash mark broken" d="%s"/>`, d.String())
}

// words tells what the picture shows to who cannot see it.
func (p *picture) words() string {
	var lost, broken, again int
	for _, f := range p.frames {
		if f.lost() {
			lost++
		}
		if strings.Contains(f.verdict, "flip:") {
			broken++
		}
		if f.again {
			again++
		}
	}
	return fmt.Sprintf("%d frames, %d of them lost, %d with flipped bits, %d sent again", len(p.frames), lost, broken, again)
}
