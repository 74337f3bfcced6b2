package swarm

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"example.com/dsim/fuzz/repro"
	"pgregory.net/rapid"
)

// Check draws worlds of a scenario file, runs them, and fails the test with the
// smallest it comes to of those that fail likewise. It keeps that world in the
// folder of the options, and logs the command that repeats it.
func Check(tb rapid.TB, path string, opt Options) {
	tb.Helper()
	s, err := Load(path, opt)
	if err != nil {
		tb.Fatalf("%v", err)
	}
	s.Check(tb)
}

// Check is the function Check for a scenario that was looked at before.
func (s *Swarm) Check(tb rapid.TB) {
	tb.Helper()
	h := &holding{s: s}
	defer func() { // rapid has ended the test's goroutine by then
		if h.last == nil {
			return
		}
		path, err := s.keep(h.last, h.failed)
		if err != nil {
			tb.Logf("%v\nto repeat it, save this scenario and run it: dsim run FILE --seed %s\n%s", err, h.last.World.Seed, h.last.World.Text)
			return
		}
		tb.Logf("to repeat it: dsim repro %s", path)
	}()
	rapid.Check(tb, h.prop)
}

// Hold gives the property that Check checks, for whoever calls rapid himself. A
// failure says how it is repeated with the scenario's text.
func (s *Swarm) Hold() func(*rapid.T) {
	h := &holding{s: s, text: true}
	return h.prop
}

// holding is one property. The first way in which a world has failed is the one
// that counts from then on: a smaller world that fails otherwise is no smaller
// form of it.
type holding struct {
	s     *Swarm
	text  bool // a failure logs its scenario
	first repro.Signature

	failed repro.Failed
	last   *repro.Outcome // of the failure last met: at the end the smallest
}

func (h *holding) prop(rt *rapid.T) {
	w := h.s.Draw(rt)
	o, err := w.World.Run(rt.Context(), repro.Options{Registry: h.s.opt.Registry})
	if err != nil {
		rt.Fatalf("%v\n%s", err, w.World.Text)
	}
	failed, open := h.s.x.Judge(o)
	for i := range failed {
		f := failed[i]
		if h.first.IsZero() {
			h.first = f.Signature
		}
		if f.Signature == h.first {
			h.failed, h.last = f, o
			rt.Fatalf("%s\n%s\n%s%s", f.Signature, f.Failure, w.Plan, h.repeat(o))
		}
	}
	if len(failed) == 0 && len(open) > 0 && h.first.IsZero() {
		rt.Fatalf("inconclusive: %s: %s\n%s\nto repeat it, save this scenario and run it: dsim run FILE --seed %s\n%s",
			open[0].Text, open[0].Why, w.Plan, o.World.Seed, o.World.Text)
	}
}

func (h *holding) repeat(o *repro.Outcome) string {
	if !h.text {
		return ""
	}
	return fmt.Sprintf("\nto repeat it, save this scenario and run it: dsim run FILE --seed %s\n%s", o.World.Seed, o.World.Text)
}

// keep writes the repro file of a failure.
func (s *Swarm) keep(o *repro.Outcome, f repro.Failed) (string, error) {
	file, err := s.x.Keep(context.Background(), o, f)
	if err != nil {
		return "", err
	}
	file.Remarks = []string{"drawn by rapid"}
	name := strings.TrimSuffix(o.World.Name, filepath.Ext(o.World.Name)) + "-" + f.Signature.Slug() + repro.Ext
	folder := s.opt.Folder
	if folder == "" {
		folder = "testdata"
	}
	path := filepath.Join(folder, name)
	return path, file.Save(path)
}
