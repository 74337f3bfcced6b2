package explain

import (
	"fmt"
	"html"
	"io"
	"strings"

	"example.com/dsim/clock"
)

// The size of the picture, and of its margins.
const (
	svgWidth, svgHeight = 720, 260
	svgLeft, svgRight   = 56, 16
	svgTop, svgBottom   = 40, 44
)

// SVG draws the curve: how likely the failure was, over the time of the run,
// with the cliff marked.
func (e *Explanation) SVG(w io.Writer) error {
	var b strings.Builder
	put := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	put(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" role="img" aria-labelledby="t d">`, svgWidth, svgHeight, svgWidth)
	put(`<title id="t">%s</title>`, html.EscapeString("How likely the failure was: "+e.Name))
	put(`<desc id="d">%s</desc>`, html.EscapeString(e.Failure))
	put(`<rect width="100%%" height="100%%" fill="#fff"/>`)
	put(`<g font-family="sans-serif" font-size="11" fill="#333">`)
	put(`<text x="%d" y="18" font-size="13">%s</text>`, svgLeft, html.EscapeString(shortened(e.Name)))
	put(`<text x="%d" y="32" fill="#777">%s</text>`, svgLeft, html.EscapeString(shortened(e.Signature)))
	end := e.At
	if c := e.Curve; c != nil {
		for _, p := range c.Points {
			end = max(end, p.At)
		}
	}
	at := func(t clock.Time) float64 {
		return svgLeft + float64(t)/float64(max(end, 1))*(svgWidth-svgLeft-svgRight)
	}
	level := func(part float64) float64 { return svgTop + (1-part)*(svgHeight-svgTop-svgBottom) }
	for _, percent := range []int{0, 25, 50, 75, 100} {
		y := level(float64(percent) / 100)
		put(`<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#ddd"/>`, svgLeft, y, svgWidth-svgRight, y)
		put(`<text x="%d" y="%.1f" text-anchor="end">%d%%</text>`, svgLeft-6, y+4, percent)
	}
	put(`<text x="%d" y="%d">0s</text>`, svgLeft, svgHeight-svgBottom+16)
	put(`<text x="%d" y="%d" text-anchor="end">%s</text>`, svgWidth-svgRight, svgHeight-svgBottom+16, end)
	if c := e.Curve; c != nil {
		if k := c.Cliff; k != nil {
			x := at(k.At)
			put(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#c33" stroke-dasharray="4 3"/>`, x, svgTop, x, svgHeight-svgBottom)
			put(`<text x="%.1f" y="%d" fill="#c33" text-anchor="middle">cliff at %s</text>`, min(max(x, svgLeft+40), svgWidth-svgRight-40), svgHeight-svgBottom+32, k.At)
		}
		var line strings.Builder
		for _, p := range c.Points {
			fmt.Fprintf(&line, "%.1f,%.1f ", at(p.At), level(float64(p.Same)/float64(c.Runs)))
		}
		put(`<polyline points="%s" fill="none" stroke="#246" stroke-width="1.5"/>`, strings.TrimSpace(line.String()))
		for _, p := range c.Points {
			put(`<circle cx="%.1f" cy="%.1f" r="2.5" fill="#246"><title>%s: %d of %d</title></circle>`,
				at(p.At), level(float64(p.Same)/float64(c.Runs)), p.At, p.Same, c.Runs)
		}
	}
	put(`</g>`)
	put(`</svg>`)
	_, err := io.WriteString(w, b.String())
	return err
}
