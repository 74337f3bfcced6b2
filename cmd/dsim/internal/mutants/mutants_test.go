package mutants

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/dsim/fuzz/overlay"
)

var long = flag.Bool("long", false, "run the long forms of tests")

const (
	root     = "../../../.." // the module's folder
	mistakes = 10
	cellsMax = 4      // of a shrunk world
	worlds   = "2000" // in which a mistake must show
	tries    = "25s"  // to shrink the world
	shipped  = "scenarios/tree/*.yaml"
	large    = "thousand.yaml" // which takes too long to be run normally
	property = "TestTreesSurviveAnyWorld"
	reseeded = "TestRandomWorldsConverge" // of package tree: it is a property test too
)

// TestAnchorsOfMistakesStand wants every edit to have its place in the sources.
func TestAnchorsOfMistakesStand(t *testing.T) {
	if len(planted) != mistakes {
		t.Errorf("%d mistakes are planted, want %d", len(planted), mistakes)
	}
	for _, m := range planted {
		if _, err := overlay.Read(root, m.file, m.edits); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}

// TestPlantedMistakesAreCaught builds the tests with each mistake and wants unit
// tests and scenarios to pass, the property test to fail, and its world to
// shrink.
func TestPlantedMistakesAreCaught(t *testing.T) {
	list := planted
	switch {
	case testing.Short():
		t.Skip("builds and runs tests with mistakes in them")
	case !*long:
		list = list[:2]
	}
	var wg sync.WaitGroup
	room := make(chan bool, runtime.NumCPU())
	for i := range list {
		wg.Go(func() {
			room <- true
			defer func() { <-room }()
			t.Run(strings.ReplaceAll(list[i].name, " ", "-"), list[i].hunt)
		})
	}
	wg.Wait()
}

// shrunk finds how many cells the drawn world had that rapid came to.
var shrunk = regexp.MustCompile(`\[rapid\] draw cells: (\d+)\n`)

func (m *mutant) hunt(t *testing.T) {
	began := time.Now()
	dir := t.TempDir()
	over, err := overlay.Write(dir, root, m.file, m.edits)
	if err != nil {
		t.Fatal(err)
	}
	if out, ok := run(t, root, "go", "test", "-overlay", over, "-short", "-skip", reseeded, "./protocols/tree", "./protocols/neighbour"); !ok {
		t.Fatalf("the unit tests show it:\n%s", out)
	}
	m.ship(t, dir, over)
	tests := filepath.Join(dir, "simrapid.test")
	if out, ok := run(t, root, "go", "test", "-overlay", over, "-c", "-o", tests, "./scenarios/simrapid"); !ok {
		t.Fatalf("the property tests do not build:\n%s", out)
	}
	hunted := time.Now()
	out, ok := run(t, filepath.Join(root, "scenarios", "simrapid"), tests, "-test.run", "^"+property+"$", "-test.v",
		"-rapid.nofailfile", "-rapid.checks="+worlds, "-rapid.seed=1", "-rapid.shrinktime="+tries)
	all := shrunk.FindAllSubmatch(out, -1)
	if ok || len(all) == 0 {
		t.Fatalf("no world shows it:\n%s", out)
	}
	n, err := strconv.Atoi(string(all[len(all)-1][1]))
	if err != nil {
		t.Fatal(err)
	}
	if n > cellsMax {
		t.Errorf("its world has shrunk to %d cells, want at most %d:\n%s", n, cellsMax, out)
	}
	first, _, _ := bytes.Cut(out[max(bytes.Index(out, []byte("[rapid] failed")), 0):], []byte("\n"))
	t.Logf("%d cells, %.1fs of %.1fs: %s", n, time.Since(hunted).Seconds(), time.Since(began).Seconds(), first)
}

// asMeant finds that a scenario which is meant to fail has failed with that.
var asMeant = regexp.MustCompile(`(?s)\ntree/spanning at .*\nthis scenario is meant to fail: tree/spanning\n`)

// ship wants the shipped scenarios to come out as they are meant to under seed 42.
func (m *mutant) ship(t *testing.T, dir, over string) {
	t.Helper()
	dsim := filepath.Join(dir, "dsim")
	if out, ok := run(t, root, "go", "build", "-overlay", over, "-buildvcs=false", "-o", dsim, "./cmd/dsim"); !ok {
		t.Fatalf("the command does not build:\n%s", out)
	}
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(shipped)))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		if filepath.Base(file) == large && !*long {
			continue
		}
		if out, ok := run(t, ".", dsim, "run", file, "--seed", "42"); !ok && !asMeant.Match(out) {
			t.Fatalf("%s shows it under seed 42:\n%s", filepath.Base(file), out)
		}
	}
}

// run runs a command to its end, which must come, and tells whether it was
// content.
func run(t *testing.T, dir, name string, args ...string) ([]byte, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, os.Environ()
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%s %s: not over in time\n%s", name, strings.Join(args, " "), out)
	}
	return out, err == nil
}
