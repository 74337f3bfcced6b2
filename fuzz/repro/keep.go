package repro

import (
	"context"
	"slices"
)

// ServedMax is how many verdicts Serve puts into a world at most: a file with
// more of them would say nothing to anybody.
const ServedMax = 4096

// Serve gives a world that has of chance what mattered to a failure of an
// outcome, whose choices were collected: the verdicts up to the failure, by
// name, and all options. Where these do not make the world fail likewise, or
// there are too many of them, it is the world as it was, drawn by its seed. The
// outcome it gives is that of the world it gives.
func Serve(ctx context.Context, o *Outcome, f Failed, opt Options) (World, *Outcome, error) {
	w := o.World.Clone()
	w.Choices, w.Served = nil, true
	for _, c := range o.Choices {
		if c.What == Option || c.Anchor.At <= f.Failure.Time {
			w.Choices = append(w.Choices, c)
		}
	}
	if len(w.Verdicts()) <= ServedMax {
		opt.Choices = true
		again, err := w.Run(ctx, opt)
		if err != nil {
			return o.World, o, err
		}
		if again.Find(f.Signature) != nil {
			if len(again.Unused) > 0 {
				w.Choices = slices.DeleteFunc(w.Choices, func(c Choice) bool { return slices.Contains(again.Unused, c) })
				again.World, again.Unused = w, nil
			}
			return w, again, nil
		}
	}
	return o.World, o, nil
}

// Keep makes the file of a failure of an outcome.
func Keep(o *Outcome, f Failed, build string) *File {
	return &File{World: o.World.Clone(), Signature: f.Signature, Digest: o.Digest, Build: build}
}
