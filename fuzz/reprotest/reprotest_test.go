package reprotest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/dsim/fuzz/repro"
	"example.com/dsim/fuzz/reprotest"
	"example.com/dsim/scenarios"
	"example.com/dsim/scenarios/simtest"
)

// Every failure that was kept beside a shipped scenario is as it should be.
func TestKeptFailures(t *testing.T) {
	list, err := filepath.Glob("../../scenarios/*/testdata/*" + repro.Ext)
	if err != nil || len(list) == 0 {
		t.Fatalf("no kept failures: %v", err)
	}
	reprotest.Files(t, nil, list...)
}

const canary = "../../scenarios/canaries/abp-ignore-bit.yaml"

// keptOf is a failure kept of a canary, in a folder of its own, with the
// scenario beside it.
func keptOf(t *testing.T, edit func(string) string) (scenario, file string) {
	t.Helper()
	list, err := filepath.Glob("../../scenarios/canaries/testdata/abp-ignore-bit-*" + repro.Ext)
	if err != nil || len(list) == 0 {
		t.Fatalf("no kept failure of the canary: %v", err)
	}
	dir := t.TempDir()
	text, err := os.ReadFile(list[0])
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(dir, "testdata", filepath.Base(list[0]))
	if err := repro.WriteFile(file, []byte(edit(string(text)))); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(canary)
	if err != nil {
		t.Fatal(err)
	}
	scenario = filepath.Join(dir, "abp-ignore-bit.yaml")
	if err := os.WriteFile(scenario, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	return scenario, file
}

func TestAFileRunsItsKeptFailuresFirst(t *testing.T) {
	scenario, file := keptOf(t, func(s string) string { return s })
	var names []string
	t.Run("file", func(t *testing.T) {
		simtest.Before(func(t *testing.T, path string, _ *scenarios.Registry) { names = append(names, path) })
		simtest.File(t, scenario, simtest.Options{Runs: 2})
	})
	if len(names) != 1 || names[0] != scenario {
		t.Errorf("asked before: %q, want %s", names, scenario)
	}
	if text := reprotest.Judge(t, file, nil); text != "" {
		t.Errorf("a canary's failure: %s", text)
	}
}

func TestWhatIsWrongWithAKeptFailureIsSaid(t *testing.T) {
	for what, edit := range map[string]func(string) string{
		"fails again: abp/": func(s string) string {
			return strings.Replace(s, "\nfails: abp/exactly-once-in-order\nrun:", "\nrun:", 1)
		},
		"is meant to fail, and does not": func(s string) string { return strings.Replace(s, ", bug: ignore-bit", "", 1) },
		"does not apply any more":        func(s string) string { return strings.ReplaceAll(s, "protocol: abp", "protocol: abc") },
		"this is no repro":               func(string) string { return "what?\n" },
	} {
		_, file := keptOf(t, edit)
		if text := reprotest.Judge(t, file, nil); !strings.Contains(text, what) {
			t.Errorf("%q, want %s", text, what)
		}
	}
}
