package shrink_test

import (
	"bytes"
	"context"
	"flag"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/dsim/fuzz/overlay"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/fuzz/shrink"
)

var long = flag.Bool("long", false, "run the long forms of tests")

// emitted is the Go test of a canary.
func emitted(t *testing.T, name string) ([]byte, *shrink.Result) {
	t.Helper()
	w := canary(t, name, 7)
	r := small(t, w, failures(t, w)[0].Signature, shrink.Options{})
	src, err := r.Test("user_test", name+"-small.repro")
	if err != nil {
		t.Fatal(err)
	}
	return src, r
}

func TestGoTestsAreShortAndFormatted(t *testing.T) {
	for _, name := range canaries(t) {
		src, _ := emitted(t, name)
		if n := bytes.Count(src, []byte("\n")); n > 30 {
			t.Errorf("%s: %d lines:\n%s", name, n, src)
		}
		if again, err := format.Source(src); err != nil || !bytes.Equal(again, src) {
			t.Errorf("%s: not as gofmt has it (%v):\n%s", name, err, src)
		}
		if bytes.Contains(src, []byte("\nfails: "+name)) || !bytes.Contains(src, []byte("reprotest.Text(")) {
			t.Errorf("%s: is meant to fail, or does not hold its world:\n%s", name, src)
		}
	}
}

// A world that is too long for it is read from its file.
func TestALongWorldIsReadFromItsFile(t *testing.T) {
	_, r := emitted(t, "tree-short-list")
	for i := range 20 {
		r.World.Choices = append(r.World.Choices, repro.Choice{What: repro.Verdict, Where: "ab>", N: uint64(i), Value: "dup:1"})
	}
	src, err := r.Test("user_test", "x.repro")
	if err != nil || !bytes.Contains(src, []byte(`reprotest.Gone(t, nil, "x.repro")`)) {
		t.Errorf("%v:\n%s", err, src)
	}
}

// repaired takes the mistakes out of three protocols, as a fix would.
var repaired = []overlay.File{
	{Name: "protocols/abp/receiver.go", Edits: []overlay.Edit{{Anchor: " || p.config.Bug == IgnoreBit", With: " "}}},
	{Name: "protocols/tree/transaction.go", Edits: []overlay.Edit{{Anchor: "c.config.Bug == ExecuteTwice", With: `c.config.Bug == "none"`}}},
	{Name: "protocols/echo/server.go", Edits: []overlay.Edit{{Anchor: "p.config.Bug == SkipByte", With: `p.config.Bug == "none"`}}},
}

var (
	failedRule = regexp.MustCompile(`(?m)^--- FAIL: `)
	passedRule = regexp.MustCompile(`(?m)^--- PASS: `)
)

// In a module of somebody who uses dsim, each Go test fails with the bug and
// passes without, each time.
func TestGoTestsFailWithTheBugAndPassWithout(t *testing.T) {
	if testing.Short() || !*long {
		t.Skip("builds a module twice; with -long")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	names := []string{"abp-ignore-bit", "tree-execute-twice", "echo-skip-byte"}
	for _, name := range names {
		src, _ := emitted(t, name)
		keep(t, filepath.Join(dir, strings.ReplaceAll(name, "-", "_")+"_test.go"), src)
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	_, requires, _ := strings.Cut(string(mod), "\nrequire")
	keep(t, filepath.Join(dir, "go.mod"), []byte("module example.org/user\n\ngo 1.26\n\nrequire example.com/dsim v0.0.0\n\nreplace example.com/dsim => "+root+"\n\nrequire"+requires))
	keep(t, filepath.Join(dir, "go.sum"), sum)
	over, err := overlay.WriteAll(t.TempDir(), root, repaired...)
	if err != nil {
		t.Fatal(err)
	}
	const times = 100
	out := gotest(t, dir)
	if f, p := len(failedRule.FindAllString(out, -1)), len(passedRule.FindAllString(out, -1)); f != times*len(names) || p != 0 {
		t.Errorf("with the bug: %d failed, %d passed, want %d and 0\n%.2000s", f, p, times*len(names), out)
	}
	out = gotest(t, dir, "-overlay", over)
	if f, p := len(failedRule.FindAllString(out, -1)), len(passedRule.FindAllString(out, -1)); p != times*len(names) || f != 0 {
		t.Errorf("without: %d failed, %d passed, want 0 and %d\n%.2000s", f, p, times*len(names), out)
	}
}

func gotest(t *testing.T, dir string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "go", append(append([]string{"test", "-vet=off", "-v", "-count=100"}, args...), ".")...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off")
	out, _ := c.CombinedOutput() // that tests fail is looked for in it
	return string(out)
}

func keep(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
