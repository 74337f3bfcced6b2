package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/dsim/fuzz/overlay"
	"example.com/dsim/fuzz/power/internal/corpus"
)

var (
	long   = flag.Bool("long", false, "run the long forms of tests")
	update = flag.Bool("update", false, "write corpus/TABLE.md anew; with -long")
)

const (
	root      = "../.." // the module's folder
	bugsLeast = 85
	plain     = 100 // seeds of the scenario that is explored, as it stands
	tableFile = "corpus/TABLE.md"
)

func bugs(t *testing.T) []*corpus.Bug {
	t.Helper()
	all, err := corpus.Read("corpus")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestAnchorsOfBugsStand wants every bug to have its place in the sources, and
// the worlds it is to be found in to be there.
func TestAnchorsOfBugsStand(t *testing.T) {
	all := bugs(t)
	if len(all) < bugsLeast {
		t.Errorf("%d bugs, want at least %d", len(all), bugsLeast)
	}
	for _, b := range all {
		for _, f := range b.Files {
			if _, err := overlay.Read(root, f.Name, f.Edits); err != nil {
				t.Errorf("%s: %v", b.Name, err)
			}
		}
		for _, file := range []string{b.Scenario, b.Shown[0], b.Family.Main} {
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(file))); err != nil {
				t.Errorf("%s: %v", b.Name, err)
			}
		}
	}
}

// TestTableNamesAllBugs wants the committed table to have a row for each bug
// and for nothing else, and half of them to get past a hundred plain worlds.
func TestTableNamesAllBugs(t *testing.T) {
	if *update {
		t.Skip("the table is about to be written")
	}
	committed := rows(t)
	all := bugs(t)
	past := 0
	for _, b := range all {
		row, ok := committed[b.Name]
		if !ok {
			t.Errorf("%s: no row in %s; go test ./fuzz/power -run Past -long -update", b.Name, tableFile)
		}
		if strings.Contains(row, fmt.Sprintf("| %d |", plain)) {
			past++
		}
	}
	if len(committed) != len(all) {
		t.Errorf("%s has %d rows for %d bugs", tableFile, len(committed), len(all))
	}
	if 2*past < len(all) {
		t.Errorf("%d of %d bugs get past %d plain worlds, want half of them", past, len(all), plain)
	}
}

// rows are those of the committed table, by the names of bugs.
func rows(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(tableFile))
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for line := range strings.SplitSeq(string(text), "\n") {
		if name, ok := strings.CutPrefix(line, "| `"); ok {
			name, _, _ = strings.Cut(name, "`")
			all[name] = line
		}
	}
	return all
}

// TestBugsGetPastTestsAndAreThere builds each bug, wants the unit tests and the
// main scenario of its family to pass, and a world to fail that was drawn by
// hand for it. A tenth of the bugs normally, all with -long.
func TestBugsGetPastTestsAndAreThere(t *testing.T) {
	all := bugs(t)
	switch {
	case testing.Short():
		t.Skip("builds and runs tests with bugs in them")
	case !*long:
		var some []*corpus.Bug
		for i := 3; i < len(all); i += 10 {
			some = append(some, all[i])
		}
		all = some
	}
	var committed map[string]string
	if !*update {
		committed = rows(t)
	}
	lines := make([]string, len(all))
	room := make(chan bool, 2)
	var wg sync.WaitGroup
	for i, b := range all {
		wg.Go(func() {
			room <- true
			defer func() { <-room }()
			t.Run(b.Name, func(t *testing.T) {
				lines[i] = judge(t, b)
				t.Log(lines[i])
				if committed != nil && *long && lines[i] != committed[b.Name] {
					t.Errorf("its row is\n%s\nin %s:\n%s", lines[i], tableFile, committed[b.Name])
				}
			})
		})
	}
	wg.Wait()
	if *update && *long && !t.Failed() {
		if err := os.WriteFile(filepath.FromSlash(tableFile), []byte(table(lines)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func table(lines []string) string {
	past := 0
	for _, l := range lines {
		if strings.Contains(l, fmt.Sprintf("| %d |", plain)) {
			past++
		}
	}
	return fmt.Sprintf(`# The planted bugs

%d bugs. Each passes the unit tests of its packages and seed 42 of its family's
main scenario. The scenario that is to be explored holds, as it stands, in so many
of %d plain worlds: in all of them for %d bugs. The last columns are of worlds
that were drawn by hand, to show that the bug is there: how many of how many fail,
and the first seed. Written by

    go test ./fuzz/power -run Past -long -update

| bug | kind | plain | shown | seed | by |
|---|---|---:|---:|---:|---|
%s
`, len(lines), plain, past, strings.Join(lines, "\n"))
}

// judge gives a bug's row.
func judge(t *testing.T, b *corpus.Bug) string {
	dir := t.TempDir()
	over, err := b.Overlay(dir, root)
	if err != nil {
		t.Fatal(err)
	}
	dsim := filepath.Join(dir, "dsim")
	if out, ok := command(t, "go", "build", "-overlay", over, "-buildvcs=false", "-o", dsim, "./cmd/dsim"); !ok {
		t.Fatalf("the command does not build:\n%s", out)
	}
	args := append([]string{"test", "-overlay", over, "-short", "-skip", b.Family.Skip()}, b.Family.Packages...)
	if out, ok := command(t, "go", args...); !ok {
		t.Errorf("the unit tests show it:\n%s", out)
	}
	if out, ok := command(t, dsim, "run", b.Family.Main, "--seed", "42"); !ok {
		t.Errorf("%s shows it under seed 42:\n%s", b.Family.Main, out)
	}
	calm := worlds(t, dsim, b.Scenario, "--seeds", fmt.Sprintf("1-%d", plain))
	drawn := worlds(t, dsim, b.Shown...)
	if drawn.failed == 0 {
		t.Errorf("dsim run %s: no world shows it", strings.Join(b.Shown, " "))
	}
	return fmt.Sprintf("| `%s` | %s | %d | %d/%d | %s | %s |",
		b.Name, b.Kind, calm.runs-calm.failed, drawn.failed, drawn.runs, drawn.seed, drawn.property)
}

// outcome is what came of the worlds of many seeds.
type outcome struct {
	runs, failed   int
	seed, property string // of the first that failed
}

func worlds(t *testing.T, dsim string, args ...string) (o outcome) {
	t.Helper()
	out, _ := command(t, dsim, append([]string{"run", "--json", "--jobs", "2"}, args...)...)
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		var r struct {
			Seed    string
			Verdict string
			Failure *struct{ Property string }
		}
		if json.Unmarshal(lines.Bytes(), &r) != nil || r.Verdict == "" {
			continue
		}
		o.runs++
		if r.Verdict == "pass" {
			continue
		}
		if o.failed++; o.failed == 1 {
			o.seed, o.property = r.Seed, r.Verdict
			if r.Failure != nil {
				o.property = r.Failure.Property
			}
		}
	}
	if o.runs == 0 {
		t.Fatalf("dsim run %s: runs nothing:\n%s", strings.Join(args, " "), out)
	}
	return o
}

// command runs a command to its end, which must come, and tells whether it was
// content.
func command(t *testing.T, name string, args ...string) ([]byte, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%s %s: not over in time", name, strings.Join(args, " "))
	}
	return out, err == nil
}
