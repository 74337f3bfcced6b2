package live

import (
	"fmt"
	"math/bits"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/scenarios"
)

// PropertyProcess is the property that a process lives until it is asked to end.
// Every live run is judged by it.
const PropertyProcess = "dsim/process"

// Result is how a live run came out. A run that failed and was later than its
// bound is inconclusive: Why says so, and Failure is what it failed with.
type Result struct {
	*scenarios.Result
	Why    string
	Late   Lateness
	Marks  int      // checkpoints that were compared
	Broken []Broken // of these: the first of each life that its mirror was not in
	Inputs uint64   // of all sites
	Lives  int      // of processes
}

// Broken is a checkpoint that was not reproduced: with the same inputs, a site
// came to another state.
type Broken struct {
	Site    string     `json:"site"`
	Life    uint32     `json:"life"`
	Journal string     `json:"journal"`
	At      clock.Time `json:"at_ns"`
	Inputs  uint64     `json:"inputs"`
	What    string     `json:"what"`
}

// String is the difference on one line.
func (b *Broken) String() string {
	return fmt.Sprintf("site %s, life %d, at %s after %d inputs: %s", b.Site, b.Life, b.At, b.Inputs, b.What)
}

// Lateness is how far the run was behind the wall.
type Lateness struct {
	Bound  time.Duration `json:"bound_ns"`
	Timers Delays        `json:"timers"`   // of sites: from when it was due to when it was done
	Sends  Delays        `json:"sends"`    // from when a frame was due to when its socket had it, where the site noted it
	Acts   Delays        `json:"timeline"` // entries of the timeline
	// Journals is how far behind a record came to be seen that the court had gone
	// past already.
	Journals Delays `json:"journals"`
}

// Delays are how late things were.
type Delays struct {
	Count uint64        `json:"count"`
	Over  uint64        `json:"over"` // the bound
	Max   time.Duration `json:"max_ns"`

	log [64]uint64 // by the number of bits of nanoseconds
}

func (d *Delays) add(late, bound time.Duration) {
	late = max(late, 0)
	d.Count++
	d.Max = max(d.Max, late)
	d.log[bits.Len64(uint64(late))&63]++
	if late > bound {
		d.Over++
	}
}

// Most is a span that at least so many in a thousand were not later than: at
// most twice what it had to be.
func (d *Delays) Most(perMille uint64) time.Duration {
	left := d.Count * perMille / 1000
	for i, n := range d.log {
		if n > left {
			return min(time.Duration(1)<<i-1, d.Max)
		}
		left -= n
	}
	return d.Max
}

func (l *Lateness) timer(late time.Duration) { l.Timers.add(late, l.Bound) }

func (l *Lateness) send(late int64) { l.Sends.add(time.Duration(late), l.Bound) }

func (l *Lateness) act(now, due clock.Time) { l.Acts.add(now.Sub(due), l.Bound) }

func (l *Lateness) journal(now, at clock.Time) {
	if at < now {
		l.Journals.add(now.Sub(at), l.Bound)
	}
}

// Over says what was later than the bound; empty if nothing was.
func (l *Lateness) Over() string {
	for _, x := range []struct {
		what string
		d    *Delays
	}{{"timers and frames", &l.Timers}, {"sends", &l.Sends}, {"entries of the timeline", &l.Acts}, {"records of journals", &l.Journals}} {
		if x.d.Over > 0 {
			return fmt.Sprintf("%d %s were later than %s, by up to %s", x.d.Over, x.what, des.FormatDuration(int64(l.Bound)), des.FormatDuration(int64(x.d.Max)))
		}
	}
	return ""
}

func newResult(sc *scenarios.Scenario, bound time.Duration) *Result {
	return &Result{Result: &scenarios.Result{Scenario: sc}, Late: Lateness{Bound: bound}}
}

// judge fills in how the run came out that has ended at an instant.
func (r *run) judge(end clock.Time) {
	g, x := r.merge, r.res
	if g.err != nil {
		end = g.now
	}
	x.End, x.Err, x.Lives = end, g.err, len(g.all)
	x.Cells = r.scene.states()
	for _, m := range g.all {
		h := m.site.Host()
		for i := range h.Len() {
			if ref := cells.CellRef(i); !h.IsFar(ref) {
				x.Digest.AddCell(string(h.Name(ref)), h.Fold(ref))
			}
		}
		x.Totals = x.Totals.Add(totals(m.site))
	}
	r.court.Close(x.Result, g.err != nil || g.stopAt <= r.sc.Run.Until)
	if why := x.Late.Over(); why != "" && x.Verdict == scenarios.Fail {
		x.Verdict, x.Why = scenarios.Inconclusive, why
	}
}
