package reprotest

import (
	"os"
	"path/filepath"
	"testing"

	"example.com/dsim/fuzz/repro"
	"example.com/dsim/scenarios"
)

// Text runs a repro whose text stands in the test itself, and fails as long as
// its failure is there. It passes once the failure is gone, though frames that
// the repro names may not be sent any more: a fix may well be that.
func Text(t testing.TB, reg *scenarios.Registry, text string) {
	t.Helper()
	gone(t, reg, t.Name(), []byte(text))
}

// Gone is Text with a repro file.
func Gone(t testing.TB, reg *scenarios.Registry, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	gone(t, reg, filepath.Base(path), text)
}

func gone(t testing.TB, reg *scenarios.Registry, name string, text []byte) {
	t.Helper()
	f, err := repro.Parse(name, text)
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.Check(t.Context(), repro.Options{Registry: reg})
	switch {
	case err != nil:
		t.Fatal(err)
	case r.Status == repro.Reproduced:
		t.Errorf("%s", r.Failed.Failure)
	case r.Status == repro.Flaky:
		t.Errorf("two runs were not the same: %s", f.Signature)
	case r.Status == repro.DoesNotApply && r.Outcome == nil:
		t.Errorf("does not apply any more, make it anew or remove it: %s", r.Why)
	case r.Why != "":
		t.Log(r.Why)
	}
}
