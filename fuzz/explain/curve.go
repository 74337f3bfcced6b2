package explain

import (
	"context"
	"fmt"
	"slices"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/scenarios"
)

// Curve says how likely the failure was from points along the run.
type Curve struct {
	Points []Point `json:"points"` // in the order of time
	Runs   int     `json:"runs"`   // from each point
	// Draws says whether links drew anything anew in any of these runs, Moves
	// whether faults of the timeline came at other times. If neither, there is no
	// chance in the world that could have gone otherwise.
	Draws bool   `json:"draws"`
	Moves bool   `json:"moves"`
	Cliff *Cliff `json:"cliff,omitempty"` // nil if the curve is flat
}

// Point is an instant of the run: what links did to frames before it stays, and
// the rest is drawn anew.
type Point struct {
	At    clock.Time `json:"at_ns"`
	Same  int        `json:"same"`  // runs in which the same failed
	Other int        `json:"other"` // something else did
	order int        // of the instants
	drew  int
	moved int
}

// Cliff is the steepest rise of the curve.
type Cliff struct {
	From  Point      `json:"from"`
	To    Point      `json:"to"`
	Lines []string   `json:"lines"` // what links did to the frames sent between, and what the timeline did
	More  int        `json:"more"`  // lines that are not shown
	At    clock.Time `json:"at_ns"` // of the first frame between
}

// closerMax bounds how often the cliff is cut in two.
const closerMax = 24

// curve runs the world from points along it with fresh chance.
func (x *explainer) curve(ctx context.Context, e *Explanation) error {
	if !x.opt.KeepFaults {
		x.moves = x.movables()
	}
	instants, err := x.instants()
	if err != nil || len(instants) == 0 {
		return err
	}
	c := &Curve{Runs: x.opt.Runs}
	last := len(instants) // everything stays as it was
	n := min(max(x.opt.Points, 2), last+1)
	for k := range n {
		c.Points = append(c.Points, Point{order: k * last / (n - 1)})
	}
	if err := x.again(ctx, c, instants, c.Points); err != nil {
		return err
	}
	for range closerMax {
		i := c.steepest()
		if i < 0 || c.Points[i].order+1 >= c.Points[i+1].order {
			break
		}
		p := []Point{{order: (c.Points[i].order + c.Points[i+1].order) / 2}}
		if err := x.again(ctx, c, instants, p); err != nil {
			return err
		}
		c.Points = slices.Insert(c.Points, i+1, p[0])
	}
	for _, p := range c.Points {
		c.Draws, c.Moves = c.Draws || p.drew > 0, c.Moves || p.moved > 0
	}
	e.Curve = c
	if i := c.steepest(); i >= 0 {
		c.Cliff = &Cliff{From: c.Points[i], To: c.Points[i+1]}
		return x.between(c.Cliff, instants)
	}
	return nil
}

// steepest is the point before the greatest rise, -1 if there is none. Of equal
// rises it is the last, which is nearest to the failure.
func (c *Curve) steepest() int {
	best, most := -1, 0
	for i := range c.Points[1:] {
		if rise := c.Points[i+1].Same - c.Points[i].Same; rise > 0 && rise >= most {
			best, most = i, rise
		}
	}
	return best
}

// instants are the times before the failure at which frames were sent, or the
// timeline acted.
func (x *explainer) instants() (list []clock.Time, err error) {
	for r, err := range x.trace.Records(0, x.fail.Failure.Time) {
		if err != nil {
			return nil, err
		}
		if (r.Op == des.OpTimeline || r.Op == des.OpSend && r.Link != "") && (len(list) == 0 || list[len(list)-1] < r.Key.Time) {
			list = append(list, r.Key.Time)
		}
	}
	return list, nil
}

// again runs the world from each of some points.
func (x *explainer) again(ctx context.Context, c *Curve, instants []clock.Time, points []Point) error {
	type end struct {
		same, other, drew bool
		moved             int
	}
	ends := make([]end, len(points)*c.Runs)
	for i := range points {
		points[i].At = x.fail.Failure.Time
		if k := points[i].order; k < len(instants) {
			points[i].At = instants[k]
		}
	}
	err := x.side(ctx, len(ends), func(k int) error {
		p := &points[k/c.Runs]
		until := p.At
		if p.order == len(instants) {
			until = clock.Never
		}
		seed := x.freshSeed(k % c.Runs)
		w, moved, err := x.later(until, seed)
		if err != nil {
			return err
		}
		s := freshFrom(x.out.Choices, until, seed)
		out, err := x.run(ctx, w, repro.Options{Registry: x.opt.Registry, Serve: s, Records: s, Watch: s.watch})
		if err != nil {
			return err
		}
		ends[k] = end{out.Find(x.sig) != nil, len(out.Failures) > 0, s.drew, moved}
		return nil
	})
	if err != nil {
		return err
	}
	for k, e := range ends {
		p := &points[k/c.Runs]
		switch {
		case e.same:
			p.Same++
		case e.other:
			p.Other++
		}
		if e.drew {
			p.drew++
		}
		p.moved += e.moved
	}
	return nil
}

// linesMax bounds what is said of what lies between two points.
const linesMax = 12

// between says what happened between the two points of a cliff that links or
// the timeline decided.
func (x *explainer) between(c *Cliff, instants []clock.Time) error {
	c.At = c.From.At
	add := func(line string) {
		if len(c.Lines) < linesMax {
			c.Lines = append(c.Lines, line)
		} else {
			c.More++
		}
	}
	last := c.To.At - 1
	if c.To.order == len(instants) {
		last = c.To.At
	}
	judged := make(map[string]string)
	var sends []des.Record
	for r, err := range x.trace.Records(c.From.At, last) {
		if err != nil {
			return err
		}
		switch r.Op {
		case des.OpVerdict:
			judged[frameName(r.Link, r.A)] = r.Text
		case des.OpSend:
			if r.Link != "" {
				sends = append(sends, des.Record{Key: r.Key, Cell: r.Cell, Link: r.Link, A: r.A})
			}
		case des.OpTimeline:
			add(scenarios.TranscriptLine(r))
		}
	}
	for i := range sends {
		r := &sends[i]
		what := judged[frameName(r.Link, r.A)]
		if what == "" {
			what = "goes through"
		}
		add(fmt.Sprintf("%12s  %-12s sends %s: %s", r.Key.Time, r.Cell, frameName(r.Link, r.A), what))
	}
	return nil
}

func frameName(link string, n int64) string { return fmt.Sprintf("%s#%d", link, n) }
