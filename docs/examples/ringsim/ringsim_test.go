package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test be the command, in processes of its own.
func TestMain(m *testing.M) {
	if os.Getenv("RINGSIM") != "" {
		main()
	}
	os.Exit(m.Run())
}

// ringsim runs the command in a folder, and wants an exit code.
func ringsim(t *testing.T, dir string, code int, words ...string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), self, words...)
	c.Dir, c.WaitDelay = dir, 10*time.Second
	c.Env = append(os.Environ(), "RINGSIM=1")
	out, _ := c.CombinedOutput()
	if got := c.ProcessState.ExitCode(); got != code {
		t.Fatalf("ringsim %s: exit code %d, want %d\n%s", strings.Join(words, " "), got, code, out)
	}
	return string(out)
}

// folder is a copy of the example's scenarios.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"ring.yaml", "any.yaml"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestEverySubcommandKnowsTheProtocol(t *testing.T) {
	dir := folder(t)
	if out := ringsim(t, dir, 0, "list", "protocols"); !strings.Contains(out, "a token that goes round") || !strings.Contains(out, "abp") {
		t.Errorf("protocols:\n%s", out)
	}
	ringsim(t, dir, 0, "check", "ring.yaml")
	ran := ringsim(t, dir, 0, "run", "ring.yaml", "--seed", "42", "--trace", "run.trace", "--json")
	again := ringsim(t, dir, 0, "replay", "run.trace")
	_, rest, _ := strings.Cut(ran, `"digest":"`)
	digest, _, ok := strings.Cut(rest, `"`)
	if !ok || !strings.Contains(again, digest) {
		t.Errorf("the run has digest %s, its replay:\n%s", digest, again)
	}
	if out := ringsim(t, dir, 2, "run", "ring.yaml", "--set", "cells.anna.protocol=rin"); !strings.Contains(out, `did you mean "ring"?`) {
		t.Errorf("a protocol that is not there:\n%s", out)
	}
}

// TestAMistakeOfTheProtocolIsFound goes the way of a search: explored, kept,
// repeated, made small.
func TestAMistakeOfTheProtocolIsFound(t *testing.T) {
	dir := folder(t)
	ringsim(t, dir, 1, "explore", "any.yaml", "--seeds", "1-100", "--stop-after", "1")
	kept, err := filepath.Glob(filepath.Join(dir, "testdata", "*.repro"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("%d repros are kept, %v", len(kept), err)
	}
	if out := ringsim(t, dir, 1, "repro", kept[0]); !strings.Contains(out, "reproduced") {
		t.Error(out)
	}
	if out := ringsim(t, dir, 0, "shrink", kept[0]); !strings.Contains(out, "to 2 cells, 2 links") {
		t.Error(out)
	}
}

// TestItRunsLive lets the ring run in three processes, on real sockets.
func TestItRunsLive(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("dsim live needs Linux")
	}
	dir := folder(t)
	out := ringsim(t, dir, 0, "live", "ring.yaml", "--bound", "2s", "--record", "rec")
	if !strings.Contains(out, "PASS  live") {
		t.Error(out)
	}
	for _, name := range []string{"anna", "bert", "cleo"} {
		ringsim(t, dir, 0, "replay", fmt.Sprintf("rec/%s.0.journal", name))
	}
}
