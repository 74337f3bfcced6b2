package repro

import (
	"bytes"
	"context"
	"errors"

	"example.com/dsim/des"
	"example.com/dsim/replay"
	"example.com/dsim/scenarios"
)

// attempts is how often a world is run again once two runs of it have
// differed: what leaks in from outside need not do so every time.
const attempts = 20

// Diverge runs the world again and again, with every record compared with
// those of the first run, and gives the first difference. It is nil if all runs
// were the same after all.
func (w World) Diverge(ctx context.Context, opt Options) (*replay.Difference, error) {
	sc, err := w.Scenario(opt.Registry)
	if err != nil {
		return nil, err
	}
	var memory bytes.Buffer
	t, err := replay.NewWriter(&memory, replay.Header{
		Level: replay.Events, Scenario: sc.Name, Text: string(sc.Text), Seed: sc.Seed.String(), Set: sc.Set, Rng: 1,
	})
	if err != nil {
		return nil, err
	}
	end, err := w.recorded(ctx, sc, opt, t, t)
	if err != nil {
		return nil, err
	}
	if err := t.Close(replay.Summary{Verdict: string(end.Verdict), Digest: end.Digest, End: end.End, Events: end.Events}); err != nil {
		return nil, err
	}
	first, err := replay.OpenBytes(memory.Bytes())
	if err != nil {
		return nil, err
	}
	for range attempts {
		c := replay.NewComparer(first)
		if _, err := w.recorded(ctx, sc, opt, c, c); err != nil {
			return nil, err
		}
		if err := c.Finish(); errors.Is(err, replay.ErrDiverged) {
			return c.Divergence(), nil
		} else if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// recorded runs the world with everything recorded.
func (w World) recorded(ctx context.Context, sc *scenarios.Scenario, opt Options, to des.Sink, choices des.ChoiceSink) (*scenarios.Result, error) {
	wo := scenarios.WorldOptions{Registry: opt.Registry, Records: to, Choices: choices, Marks: to, Full: opt.Full}
	if w.Served {
		var list []des.Choice
		for _, c := range w.Verdicts() {
			list = append(list, c.des())
		}
		wo.Serve = replay.Serve(list)
	}
	world, err := scenarios.NewWorld(sc, wo)
	if err != nil {
		return nil, err
	}
	for !world.Done() && ctx.Err() == nil {
		world.Advance(sc.Run.Until, slice)
	}
	return world.Result(), ctx.Err()
}
