package command

import (
	"time"

	"example.com/dsim/clock"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress is a bar for work that takes long, on a terminal only. It shows
// itself once the work has taken a moment.
type progress struct {
	to    *screen
	total int64
	name  string
	began time.Time
	bars  *mpb.Progress
	bar   *mpb.Bar
}

const patience = 400 * time.Millisecond

func newProgress(to *screen, total int64, name string) *progress {
	return &progress{to: to, total: total, name: name, began: clock.Wall()}
}

// set shows how far the work is.
func (p *progress) set(n int64) {
	if !p.to.tty {
		return
	}
	if p.bar == nil {
		if clock.Wall().Sub(p.began) < patience {
			return
		}
		p.bars = mpb.New(mpb.WithOutput(p.to.Writer), mpb.WithWidth(40))
		p.bar = p.bars.AddBar(p.total,
			mpb.PrependDecorators(decor.Name(shorten(p.name, 40)+" ")),
			mpb.AppendDecorators(decor.Percentage(), decor.Name("  "), decor.AverageETA(decor.ET_STYLE_GO)),
			mpb.BarRemoveOnComplete())
	}
	p.bar.SetCurrent(n)
}

// done takes the bar off the screen.
func (p *progress) done() {
	if p.bar != nil {
		p.bar.Abort(true)
		p.bars.Wait()
		p.bar = nil
	}
}

func shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
