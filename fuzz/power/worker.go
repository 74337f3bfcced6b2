package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"example.com/dsim/des"
	"example.com/dsim/fuzz/explore"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/fuzz/shrink"
	"example.com/dsim/scenarios"
)

// task is what a process with a bug in it is asked, as JSON on its standard
// input. Each span is of processor time; 0 leaves that part out.
type task struct {
	Scenario string        // the file that is explored
	Dir      string        // to write found.repro, small.repro and small_test.go to
	Search   time.Duration // to find a world that fails
	Shrink   time.Duration // to make it small
	Plain    time.Duration // to find one among plain worlds
}

// The files in a task's folder.
const (
	foundFile = "found.repro"
	smallFile = "small.repro"
	testFile  = "small_test.go"
)

// answer is a line of such a process: one of its fields is set.
type answer struct {
	Search *searched `json:",omitempty"`
	Shrink *shrunk   `json:",omitempty"`
	Plain  *searched `json:",omitempty"`
	Error  string    `json:",omitempty"`
}

// searched is what a search came to.
type searched struct {
	Found     bool    `json:"found"`
	Worlds    uint64  `json:"worlds"` // until it was found, or the time was over
	Seconds   float64 `json:"cpu_seconds"`
	Signature string  `json:"signature,omitempty"`
	Failure   string  `json:"failure,omitempty"`
	Faults    string  `json:"faults,omitempty"` // the families that were on
}

// shrunk is what became of the world that was found.
type shrunk struct {
	Before     shrink.Size `json:"before"`
	After      shrink.Size `json:"after"`
	Runs       int         `json:"runs"`
	Seconds    float64     `json:"cpu_seconds"`
	Whole      bool        `json:"whole"` // nothing more could go
	Neighbours []string    `json:"neighbours"`
}

// work does a task, and writes answers as they come.
func work(ctx context.Context, in io.Reader, out io.Writer) error {
	var t task
	if err := json.NewDecoder(in).Decode(&t); err != nil {
		return err
	}
	say := json.NewEncoder(out).Encode
	for _, part := range []func(context.Context, func(any) error) error{t.search, t.shrink, t.plain} {
		if err := part(ctx, say); err != nil {
			return errors.Join(err, say(answer{Error: err.Error()}))
		}
	}
	return nil
}

// worldsMost is more worlds than any span is enough for.
const worldsMost = 1 << 30

// search draws worlds until one fails, or the time is over.
func (t *task) search(ctx context.Context, say func(any) error) error {
	src, err := scenarios.Load(t.Scenario)
	if err != nil || t.Search == 0 {
		return err
	}
	begun, s := used(), &searched{}
	x, err := explore.New(ctx, explore.Options{
		Source: src, First: 1, Last: worldsMost, StopAfter: 1, OneFailure: true,
		Over: func() bool { return used()-begun >= t.Search },
	})
	if err != nil {
		return err
	}
	r, err := x.Run(ctx)
	if err != nil {
		return err
	}
	if r.Broken != nil {
		return fmt.Errorf("world %d: is not the same twice", r.Broken.World)
	}
	s.Worlds, s.Seconds = r.Worlds, (used() - begun).Seconds()
	if len(r.Found) > 0 {
		f := r.Found[0]
		s.Found, s.Signature, s.Failure, s.Faults = true, f.Signature.String(), f.Failure.String(), fmt.Sprint(f.Plan.Families)
		if err := f.File.Save(filepath.Join(t.Dir, foundFile)); err != nil {
			return err
		}
	}
	return say(answer{Search: s})
}

// shrink makes small what was found, and writes it as a repro and a Go test.
func (t *task) shrink(ctx context.Context, say func(any) error) error {
	path := filepath.Join(t.Dir, foundFile)
	if t.Shrink == 0 {
		return nil
	}
	f, err := repro.Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was found, which has been said
	}
	if err != nil {
		return err
	}
	begun := used()
	r, err := shrink.Run(ctx, f.World, f.Signature, shrink.Options{Over: func() bool { return used()-begun >= t.Shrink }})
	if err != nil {
		return fmt.Errorf("shrink: %w", err)
	}
	test, err := r.Test("repro_test", smallFile)
	if err == nil {
		err = r.File("").Save(filepath.Join(t.Dir, smallFile))
	}
	if err == nil {
		err = repro.WriteFile(filepath.Join(t.Dir, testFile), test)
	}
	if err != nil {
		return err
	}
	s := &shrunk{Before: r.Before, After: r.After, Runs: r.Runs, Seconds: (used() - begun).Seconds(), Whole: r.Whole}
	for _, n := range r.Neighbours {
		s.Neighbours = append(s.Neighbours, n.String())
	}
	return say(answer{Shrink: s})
}

// plain runs the scenario as it stands, under one seed after another.
func (t *task) plain(ctx context.Context, say func(any) error) error {
	src, err := scenarios.Load(t.Scenario)
	if err != nil || t.Plain == 0 {
		return err
	}
	begun, s := used(), &searched{}
	for !s.Found && used()-begun < t.Plain {
		s.Worlds++
		w := repro.World{Name: filepath.Base(t.Scenario), Text: src.Text, Seed: des.SeedOf(s.Worlds)}
		o, err := w.Run(ctx, repro.Options{})
		if err != nil {
			return fmt.Errorf("seed %d: %w", s.Worlds, err)
		}
		for _, f := range o.Failures {
			if f.Mode != scenarios.Sometimes.String() && !s.Found {
				s.Found, s.Signature, s.Failure = true, f.Signature.String(), f.Failure.String()
			}
		}
	}
	s.Seconds = (used() - begun).Seconds()
	return say(answer{Plain: s})
}
