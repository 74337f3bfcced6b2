package command

import (
	"context"
	"fmt"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/replay"
	"example.com/dsim/scenarios"
)

// attempts is how often a run is repeated with everything recorded, once its
// digest has differed: what leaks in from outside need not do so every time.
const attempts = 20

// secondRun runs a world a second time and compares. If the digests differ,
// further runs are recorded whole, until two of them show where they part.
func secondRun(ctx context.Context, o *runFlags, file string, sc *scenarios.Scenario, first *scenarios.Result) (*replay.Difference, error) {
	again, err := plainRun(ctx, o, sc)
	if err != nil || again.Digest == first.Digest && again.Events == first.Events {
		return nil, err
	}
	record, err := recordRun(ctx, o, file, sc)
	if err != nil {
		return nil, err
	}
	defer record.Close()
	for range attempts {
		cmp := replay.NewComparer(record)
		w, err := scenarios.NewWorld(sc, scenarios.WorldOptions{Full: o.digest == "full", Records: cmp, Choices: cmp, Marks: cmp})
		if err != nil {
			return nil, err
		}
		for !w.Done() && ctx.Err() == nil {
			w.Advance(sc.Run.Until, slice)
		}
		w.Result()
		if err := cmp.Finish(); err != nil && cmp.Divergence() == nil {
			return nil, err
		}
		if d := cmp.Divergence(); d != nil {
			return d, nil
		}
	}
	d := &replay.Difference{What: "summary", At: first.End, Cells: cellsApart(first, again), Suspect: replay.Suspicion{
		Class: replay.ByShared, Evidence: fmt.Sprintf("the first run differs from the second, %016x and %016x, but %d later ones are equal, as if the first had left something behind",
			uint64(first.Digest), uint64(again.Digest), attempts),
	}}
	if len(d.Cells) > 0 {
		d.Cell = d.Cells[0]
	}
	return d, nil
}

// cellsApart are the cells whose folds differ, in the order of names.
func cellsApart(a, b *scenarios.Result) (names []string) {
	folds := make(map[cells.ID]des.Fold)
	for _, c := range a.Cells {
		folds[c.ID] = c.Fold
	}
	for _, c := range b.Cells {
		if f, ok := folds[c.ID]; !ok || f != c.Fold {
			names = append(names, string(c.ID))
		}
	}
	return names
}

func plainRun(ctx context.Context, o *runFlags, sc *scenarios.Scenario) (*scenarios.Result, error) {
	w, err := scenarios.NewWorld(sc, scenarios.WorldOptions{Full: o.digest == "full"})
	if err != nil {
		return nil, err
	}
	for !w.Done() && ctx.Err() == nil {
		w.Advance(sc.Run.Until, slice)
	}
	if ctx.Err() != nil {
		return nil, exit(exitInterrupted, ctx.Err())
	}
	return w.Result(), nil
}
