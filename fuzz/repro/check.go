package repro

import (
	"context"
	"fmt"

	"example.com/dsim/replay"
)

// Status is what became of a failure that was kept.
type Status string

// What Check says.
const (
	Reproduced   Status = "reproduced"     // it fails as it did
	Fixed        Status = "fixed"          // the world runs, and does not fail so any more
	Flaky        Status = "flaky"          // two runs of one world were not the same
	DoesNotApply Status = "does not apply" // the world does not fit this build
)

// Report is what Check found.
type Report struct {
	Status Status
	Why    string // with DoesNotApply: what does not
	// Outcome is the run that decided; nil if there was none.
	Outcome *Outcome
	// Failed is the failure with the file's signature, with Reproduced.
	Failed *Failed
	// Others are failures with other signatures.
	Others []Failed
	// Divergence is the first difference of two runs, with Flaky.
	Divergence *replay.Difference
	// Unused are the choices that met no frame where they were made; Moved say
	// where such choices were put instead, if that made the world fail again.
	Unused []Choice
	Moved  []Move
	// Notes tell what else is otherwise than in the file: build, digest.
	Notes []string
}

// Move is a choice that was put to another place.
type Move struct {
	From, To Choice
	Why      string // "same bytes", "same size and time", "another name"
}

// String is the move in words.
func (m Move) String() string {
	return fmt.Sprintf("%s -> %s #%d (%s)", m.From, m.To.Where, m.To.N, m.Why)
}

// Check runs the world twice and says what became of its failure. An error
// says that ctx ended first.
func (f *File) Check(ctx context.Context, opt Options) (*Report, error) {
	r := &Report{}
	opt.Choices = true
	one, err := f.World.Run(ctx, opt)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		r.Status, r.Why = DoesNotApply, err.Error()
		return r, nil
	}
	plain := opt
	plain.Records, plain.Watch = nil, nil
	two, err := f.World.Run(ctx, plain)
	if err != nil {
		return nil, err
	}
	r.Outcome, r.Unused = one, one.Unused
	if one.Digest != two.Digest || one.Result.Events != two.Result.Events || !sameFailures(one, two) {
		r.Status = Flaky
		r.Divergence, err = f.World.Diverge(ctx, plain)
		return r, err
	}
	r.judge(f, one)
	if r.Status == Reproduced || !f.World.Served {
		return r, nil
	}
	return r, f.anchor(ctx, plain, r)
}

func sameFailures(a, b *Outcome) bool {
	if len(a.Failures) != len(b.Failures) {
		return false
	}
	for i := range a.Failures {
		if a.Failures[i].Signature != b.Failures[i].Signature {
			return false
		}
	}
	return true
}

// judge says what a run means for the file.
func (r *Report) judge(f *File, o *Outcome) {
	r.Outcome, r.Failed, r.Others, r.Notes = o, o.Find(f.Signature), nil, nil
	for _, x := range o.Failures {
		if x.Signature != f.Signature {
			r.Others = append(r.Others, x)
		}
	}
	r.Status = Fixed
	if r.Failed != nil {
		r.Status = Reproduced
		if f.Digest != 0 && f.Digest != o.Digest {
			r.Notes = append(r.Notes, fmt.Sprintf("the digest is %016x, it was %016x: other events, the same failure", uint64(o.Digest), uint64(f.Digest)))
		}
	}
}
