// Package reprotest runs kept failures inside go test. To import it is enough,
//
//	import _ "example.com/dsim/fuzz/reprotest"
//
// for simtest.File to run, before any seed, the failures that were kept of its
// scenario: the files testdata/NAME-*.repro beside NAME.yaml, where dsim explore
// puts them. [Files] runs any others.
//
// A failure that was kept must be gone. One whose world is meant to fail, as a
// canary's is, must still be there. A file that does not apply any more fails
// the test too: it guards nothing, and is to be made anew or removed.
//
// What a repro is, and how it is judged, is left to package repro.
package reprotest

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/dsim/fuzz/repro"
	"example.com/dsim/scenarios"
	"example.com/dsim/scenarios/simtest"
)

func init() { simtest.Before(Scenario) }

// Scenario runs the failures that were kept of a scenario file.
func Scenario(t *testing.T, path string, reg *scenarios.Registry) {
	t.Helper()
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	list, err := filepath.Glob(filepath.Join(filepath.Dir(path), "testdata", name+"-*"+repro.Ext))
	if err != nil {
		t.Fatal(err)
	}
	// a-b-….repro is of a-b.yaml, and not of a.yaml.
	list = slices.DeleteFunc(list, func(f string) bool {
		kept, err := repro.Load(f)
		return err == nil && kept.World.Name != filepath.Base(path)
	})
	Files(t, reg, list...)
}

// Files runs repro files, each as a subtest.
func Files(t *testing.T, reg *scenarios.Registry, paths ...string) {
	t.Helper()
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), repro.Ext), func(t *testing.T) {
			if text := Judge(t, path, reg); text != "" {
				t.Errorf("%s\nto repeat it: dsim repro %s", text, path)
			}
		})
	}
}

// Judge runs a repro file and says what is wrong, "" if nothing.
func Judge(t testing.TB, path string, reg *scenarios.Registry) string {
	t.Helper()
	f, err := repro.Load(path)
	if err != nil {
		return err.Error()
	}
	r, err := f.Check(t.Context(), repro.Options{Registry: reg})
	if err != nil {
		return err.Error()
	}
	meant := false
	if r.Outcome != nil {
		meant = r.Outcome.Result.Scenario.Fails == f.Signature.Property
	}
	for _, m := range r.Moved {
		t.Logf("moved: %s; dsim repro --update writes it so", m)
	}
	switch {
	case r.Status == repro.Reproduced && !meant:
		return "fails again: " + r.Failed.Failure.String()
	case r.Status == repro.Fixed && meant:
		return "is meant to fail, and does not: " + f.Signature.String()
	case r.Status == repro.Flaky:
		return "two runs were not the same: " + f.Signature.String()
	case r.Status == repro.DoesNotApply:
		return "does not apply any more, make it anew or remove it: " + r.Why
	}
	return ""
}
