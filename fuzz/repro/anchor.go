package repro

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"example.com/dsim/clock"
	"example.com/dsim/des/suggest"
)

// movesMax bounds the choices that are looked for: each costs a run.
const movesMax = 200

// seeker looks through the frames of a run for the one that a choice was made
// for.
type seeker struct {
	where string
	want  Anchor
	n     uint64 // where it was
	from  uint64 // frames before are taken
	found []candidate
}

type candidate struct {
	n    uint64
	rank int // 0: same bytes; 1: same size
	far  clock.Time
}

// frame looks at one frame.
func (s *seeker) frame(where string, f sent) {
	if where != s.where || f.n < s.from {
		return
	}
	rank := 2
	switch {
	case f.size == s.want.Size && f.hash == s.want.Hash:
		rank = 0
	case f.size == s.want.Size:
		rank = 1
	}
	if rank == 2 {
		return
	}
	far := f.at - s.want.At
	if far < 0 {
		far = -far
	}
	s.found = append(s.found, candidate{f.n, rank, far})
}

// best is the frame that is most like the one that is looked for: the nearest
// in time of the same bytes, else of the same size.
func (s *seeker) best() (candidate, bool) {
	if len(s.found) == 0 {
		return candidate{}, false
	}
	return slices.MinFunc(s.found, func(a, b candidate) int {
		switch {
		case a.rank != b.rank:
			return a.rank - b.rank
		case a.far != b.far:
			return sign(a.far - b.far)
		case a.n < b.n:
			return -1
		}
		return 1
	}), true
}

// anchor puts the choices to where their frames are now, one after the other,
// since each changes what is sent after it. If the world then fails as it did,
// that is the report; else it says what could not be placed.
func (f *File) anchor(ctx context.Context, opt Options, r *Report) error {
	w := f.World.Clone()
	verdicts := w.Verdicts()
	if len(verdicts) > movesMax || !f.anchored() {
		r.unplaced(r.Outcome)
		return nil
	}
	w.Choices = only(w.Choices, Option)
	options := len(w.Choices)
	next := make(map[string]uint64)
	var moves []Move
	var lost []Choice
	names := r.Outcome.directions()
	for _, c := range verdicts {
		to, why, err := f.place(ctx, opt, w, c, names, next)
		if err != nil {
			return err
		}
		if why == "" {
			lost = append(lost, c)
			continue
		}
		if to.Where != c.Where || to.N != c.N {
			moves = append(moves, Move{c, to, why})
		}
		next[to.Where] = to.N
		w.Choices = append(w.Choices, to)
	}
	if len(moves) == 0 && len(lost) == 0 || len(w.Choices) == options {
		r.unplaced(r.Outcome)
		return nil
	}
	o, err := w.Run(ctx, opt)
	if err != nil {
		return err
	}
	if o.Find(f.Signature) != nil {
		r.judge(f, o)
		r.Moved, r.Unused = moves, lost
		return nil
	}
	if len(lost) == 0 && len(moves) > 0 {
		r.judge(f, o) // each choice has its place, and nothing fails
		r.Moved, r.Unused = moves, nil
		return nil
	}
	r.unplaced(r.Outcome)
	return nil
}

// anchored reports whether the file says what its frames were like.
func (f *File) anchored() bool {
	return slices.ContainsFunc(f.World.Choices, func(c Choice) bool { return c.What == Verdict && c.Anchor != Anchor{} })
}

// place finds the frame of a choice in the world as it goes with the choices
// placed so far. An empty why says that there is none.
func (f *File) place(ctx context.Context, opt Options, w World, c Choice, names []string, next map[string]uint64) (Choice, string, error) {
	to, why := c, ""
	if !slices.Contains(names, c.Where) {
		near, ok := suggest.Nearest(c.Where, names)
		if !ok || !strings.HasSuffix(near, c.Where[len(c.Where)-1:]) {
			return c, "", nil
		}
		to.Where, why = near, "another name"
	}
	s := &seeker{where: to.Where, want: c.Anchor, n: c.N, from: next[to.Where]}
	if err := w.seek(ctx, opt, s); err != nil {
		return c, "", err
	}
	best, ok := s.best()
	switch {
	case !ok:
		return c, "", nil
	case best.rank == 0:
		why = joinWhy(why, "same bytes")
	default:
		why = joinWhy(why, "same size, nearest in time")
	}
	to.N = best.n
	return to, why, nil
}

func joinWhy(a, b string) string {
	if a == "" {
		return b
	}
	return a + ", " + b
}

// seek runs the world and shows its frames to s.
func (w World) seek(ctx context.Context, opt Options, s *seeker) error {
	opt.Watch, opt.Choices = nil, false
	g := &gatherer{last: make(map[string]sent), sent: make(map[string]uint64), seek: s}
	opt.Records = g
	_, err := w.Run(ctx, opt)
	return err
}

// directions are the names of the directions that have sent frames, sorted.
func (o *Outcome) directions() (names []string) {
	for name := range o.sent {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// unplaced says of a world that does not fail whether it is fixed: not if a
// choice met no frame, for then it may never have come to the point.
func (r *Report) unplaced(o *Outcome) {
	if len(r.Unused) == 0 {
		return
	}
	r.Status = DoesNotApply
	c := r.Unused[0]
	if n, ok := o.sent[c.Where]; ok {
		r.Why = fmt.Sprintf("%s: %s sends only %d frames, and none like it", c, c.Where, n)
	} else {
		r.Why = fmt.Sprintf("%s: nothing is sent on %s%s", c, suggest.Quoted(c.Where), suggest.Hint(c.Where, o.directions()))
	}
	if k := len(r.Unused) - 1; k > 0 {
		r.Why += fmt.Sprintf("; and %d more", k)
	}
}
