package shrink_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/dsim/des"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/fuzz/shrink"
)

// canary is a shipped scenario that fails.
func canary(t *testing.T, name string, seed uint64) repro.World {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../scenarios/canaries", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return repro.World{Name: name + ".yaml", Text: text, Seed: des.SeedOf(seed)}
}

// failures are the ways in which a world fails.
func failures(t *testing.T, w repro.World) []repro.Failed {
	t.Helper()
	o, err := w.Run(context.Background(), repro.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Failures) == 0 {
		t.Fatalf("%s does not fail", w.Name)
	}
	return o.Failures
}

func small(t *testing.T, w repro.World, want repro.Signature, opt shrink.Options) *shrink.Result {
	t.Helper()
	r, err := shrink.Run(context.Background(), w, want, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func canaries(t *testing.T) (names []string) {
	t.Helper()
	list, err := filepath.Glob("../../scenarios/canaries/*.yaml")
	if err != nil || len(list) == 0 {
		t.Fatalf("no canaries: %v", err)
	}
	for _, f := range list {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".yaml"))
	}
	return names
}

func TestCanariesBecomeSmall(t *testing.T) {
	for _, name := range canaries(t) {
		t.Run(name, func(t *testing.T) {
			w := canary(t, name, 7)
			r := small(t, w, failures(t, w)[0].Signature, shrink.Options{})
			t.Logf("%d runs: %s, whole %t\n%s", r.Runs, r.After, r.Whole, r.Scenario())
			if z := r.After; z.Cells > 3 || z.Links > 2 || z.Faults > 3 || z.Causes > 15 {
				t.Errorf("%s, want at most 3 cells, 2 links, 3 faults and 15 causal events", z)
			}
		})
	}
}
