package leaks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/dsim/fuzz/overlay"
	"example.com/dsim/replay"
)

// seedsMax is within how many seeds a leak must be found; right is of how many
// leaks the first guess of the cause must be right.
const (
	seedsMax = 100
	right    = 12
)

// world is what the leaks are planted into.
const world = "testdata/world.yaml"

// root is the module's folder.
const root = "../../../.."

// found is what the command says of a leak.
type found struct {
	seed string // empty: not found
	diff *difference
	took time.Duration
}

// difference is what is read of a difference that is printed as JSON.
type difference struct {
	What    string           `json:"what"`
	Cell    string           `json:"cell"`
	Suspect replay.Suspicion `json:"suspect"`
	printed json.RawMessage
}

// UnmarshalJSON keeps the whole, for the test's own errors.
func (d *difference) UnmarshalJSON(b []byte) error {
	type fields difference
	d.printed = bytes.Clone(b)
	return json.Unmarshal(b, (*fields)(d))
}

// TestPlantedLeaksAreFound builds the command with each leak and wants it to be
// found within a hundred seeds, the cell to be named, and most causes to be
// guessed. With -short, three leaks.
func TestPlantedLeaksAreFound(t *testing.T) {
	list := planted
	if testing.Short() {
		list = list[3:6]
	}
	got := make([]found, len(list))
	var wg sync.WaitGroup
	room := make(chan bool, runtime.NumCPU())
	var mu sync.Mutex
	skipped := 0
	for i := range list {
		wg.Go(func() {
			room <- true
			defer func() { <-room }()
			t.Run(strings.NewReplacer(" ", "-", "/", "-").Replace(list[i].name), func(t *testing.T) {
				defer func() {
					if t.Skipped() {
						mu.Lock()
						skipped++
						mu.Unlock()
					}
				}()
				got[i] = list[i].hunt(t)
				list[i].judge(t, got[i])
			})
		})
	}
	wg.Wait()
	guessed := 0
	for i, l := range list {
		d := got[i].diff
		if d == nil {
			continue
		}
		ok := d.Suspect.Class == l.class
		if ok {
			guessed++
		}
		t.Logf("%-50s seed %-3s cell %-6s %5.1fs  guess %t: %s", l.name, got[i].seed, d.Cell, got[i].took.Seconds(), ok, d.Suspect)
	}
	if want := min(right, len(list)-1) - skipped; guessed < want {
		t.Errorf("%d of %d causes were guessed, want %d", guessed, len(list), want)
	}
}

// judge wants a leak to be found, at one of its cells.
func (l *leak) judge(t *testing.T, f found) {
	t.Helper()
	switch {
	case f.diff == nil:
		t.Errorf("%s was not found within %d seeds", l.name, seedsMax)
	case !strings.Contains(" "+l.cells+" ", " "+f.diff.Cell+" ") || f.diff.Cell == "":
		t.Errorf("%s: the difference names cell %q, want one of %s\n%s", l.name, f.diff.Cell, l.cells, f.diff.printed)
	case f.diff.Suspect.Evidence == "":
		t.Errorf("%s: nothing speaks for the guess:\n%s", l.name, f.diff.printed)
	}
}

// hunt builds the command with the leak and runs it as users do.
func (l *leak) hunt(t *testing.T) found {
	began := time.Now()
	var f found
	switch l.how {
	case twice:
		f = l.huntTwice(t)
	case processes:
		bin := l.build(t)
		f = l.compare(t, bin, exec.Command(bin), exec.Command(bin))
	case machines:
		if _, err := exec.LookPath("qemu-aarch64-static"); err != nil || runtime.GOARCH != "amd64" {
			t.Skip("rounding shows between amd64 and arm64: wants amd64 and qemu-aarch64-static (Debian: qemu-user-static)")
		}
		bin, other := l.build(t), l.build(t, "GOARCH=arm64", "CGO_ENABLED=0")
		f = l.compare(t, bin, exec.Command(bin), exec.Command("qemu-aarch64-static", other))
	}
	f.took = time.Since(began)
	return f
}

// huntTwice runs seeds twice each in one process. It begins with few: most
// leaks show at once.
func (l *leak) huntTwice(t *testing.T) found {
	bin := l.build(t)
	for _, seeds := range []string{"1-3", fmt.Sprintf("4-%d", seedsMax)} {
		out, code := run(t, exec.Command(bin, "run", world, "--seeds", seeds, "--check-determinism", "--json"))
		if code != 4 && code != 0 && code != 1 {
			t.Fatalf("%s: exit %d\n%s", l.name, code, out)
		}
		dec := json.NewDecoder(bytes.NewReader(out))
		for {
			var line struct {
				Seed       string      `json:"seed"`
				Divergence *difference `json:"divergence"`
			}
			if err := dec.Decode(&line); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v\n%s", l.name, err, out)
			}
			if line.Divergence == nil {
				continue
			}
			if code != 4 {
				t.Errorf("%s: exit %d of a run that was not deterministic, want 4", l.name, code)
			}
			return found{seed: line.Seed, diff: line.Divergence}
		}
	}
	return found{}
}

// compare writes traces of two runs, until two differ.
func (l *leak) compare(t *testing.T, bin string, one, two *exec.Cmd) found {
	dir := t.TempDir()
	for seed := range seedsMax {
		s := fmt.Sprint(seed + 1)
		var files []string
		for i, cmd := range []*exec.Cmd{one, two} {
			file := filepath.Join(dir, fmt.Sprintf("%s-%d.trace", s, i))
			c := exec.Command(cmd.Args[0], append(cmd.Args[1:len(cmd.Args):len(cmd.Args)], "run", world, "--seed", s, "--trace", file, "--level", "events", "--json")...)
			if i == 1 {
				c.Env = append(os.Environ(), l.again...)
			}
			if out, code := run(t, c); code != 0 && code != 1 {
				t.Fatalf("%s: exit %d\n%s", l.name, code, out)
			}
			files = append(files, file)
		}
		out, code := run(t, exec.Command(bin, "diff", "--json", files[0], files[1]))
		if code == 0 {
			continue
		}
		var d struct {
			Difference *difference `json:"difference"`
		}
		if err := json.Unmarshal(out, &d); err != nil || code != 1 || d.Difference == nil {
			t.Fatalf("%s: diff: exit %d, %v\n%s", l.name, code, err, out)
		}
		return found{seed: s, diff: d.Difference}
	}
	return found{}
}

// run runs a command to its end, which must come, and gives its output and
// exit code.
func run(t *testing.T, cmd *exec.Cmd) ([]byte, int) {
	t.Helper()
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killer := time.AfterFunc(3*time.Minute, func() { _ = cmd.Process.Kill() })
	defer killer.Stop()
	var exit *exec.ExitError
	switch err := cmd.Wait(); {
	case err == nil:
		return out.Bytes(), 0
	case errors.As(err, &exit):
		return append(out.Bytes(), diag.Bytes()...), exit.ExitCode()
	default:
		t.Fatal(err)
		return nil, 0
	}
}

// build builds the command with the leak in it.
func (l *leak) build(t *testing.T, env ...string) string {
	t.Helper()
	dir := t.TempDir()
	over, err := overlay.Write(dir, root, l.file, l.edits)
	if err != nil {
		t.Fatalf("%s: %v", l.name, err)
	}
	bin := filepath.Join(dir, "dsim")
	cmd := exec.Command("go", "build", "-overlay", over, "-buildvcs=false", "-ldflags=-s -w", "-o", bin, "./cmd/dsim")
	cmd.Dir = root
	cmd.Env = append(cmd.Environ(), env...)
	if out, code := run(t, cmd); code != 0 {
		t.Fatalf("%s: the edited source does not build:\n%s", l.name, out)
	}
	return bin
}

// TestAnchorsOfLeaksStand wants every edit to have its place in the sources, in
// the short form too.
func TestAnchorsOfLeaksStand(t *testing.T) {
	if len(planted) != 15 {
		t.Errorf("%d leaks are planted, want 15", len(planted))
	}
	for _, l := range planted {
		if _, err := overlay.Read(root, l.file, l.edits); err != nil {
			t.Errorf("%s: %v", l.name, err)
		}
	}
}

// TestNothingIsFoundWhereNothingIsPlanted runs the command as it is.
func TestNothingIsFoundWhereNothingIsPlanted(t *testing.T) {
	clean := leak{name: "nothing", file: abpFile}
	if f := clean.huntTwice(t); f.diff != nil {
		t.Errorf("seed %s: %s", f.seed, f.diff.printed)
	}
}
