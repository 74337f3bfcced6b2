//go:build !js

package scenarios

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// lawTimeout bounds a process that prints digests, and a build of one.
const lawTimeout = 5 * time.Minute

// printDigests runs a command that runs a test binary of this package, and
// gives the outcomes that it prints.
func printDigests(t *testing.T, how string, cmd *exec.Cmd) string {
	t.Helper()
	cmd.Args = append(cmd.Args, "-test.run=^TestDigestPrint$", "-test.v")
	cmd.Env = append(cmd.Environ(), askForDigests+"="+how)
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	if err := runBounded(cmd); err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, &out, &diag)
	}
	_, text, ok := strings.Cut(out.String(), digestsFrom)
	text, _, end := strings.Cut(text, digestsTo)
	if !ok || !end {
		t.Fatalf("%s printed no digests:\n%s%s", cmd, &out, &diag)
	}
	return text
}

// runBounded runs a command that is killed when its time is over.
func runBounded(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	killer := time.AfterFunc(lawTimeout, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	if !killer.Stop() {
		return errors.Join(err, errors.New("ran for longer than "+lawTimeout.String()))
	}
	return err
}

// buildPrinter builds a test binary of this package.
func buildPrinter(t *testing.T, flags []string, env ...string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "law.test")
	cmd := exec.Command("go", append(append([]string{"test", "-c", "-ldflags=-s -w", "-o", bin}, flags...), ".")...)
	cmd.Env = append(cmd.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := runBounded(cmd); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, &out)
	}
	return bin
}

// Laws 1 and 2, in fresh processes: whatever the number of processors, the
// time zone, the language and the working directory are, all cases come out as
// in this process, with both forms of the digest.
func TestDigestInFreshProcesses(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Skip("the test binary cannot find itself:", err)
	}
	for _, c := range []struct{ how, dir, env string }{
		{"edges", "", ""},
		{"full", "", "GOMAXPROCS=1"},
		{"edges", "", "GOMAXPROCS=8 TZ=Pacific/Kiritimati LANG=C LC_ALL=C"},
		{"edges", t.TempDir(), "GOMAXPROCS=1 TZ=America/St_Johns LANG=tr_TR.UTF-8 LC_ALL=tr_TR.UTF-8 GOGC=10"},
		{"full", "/", "TZ=:/nowhere LANG=ar_EG.UTF-8 LC_ALL=ar_EG.UTF-8 GODEBUG=randautoseed=0 HOSTNAME=another HOME=/nowhere USER=nobody"},
	} {
		cmd := exec.Command(self)
		cmd.Dir = c.dir
		cmd.Env = append(os.Environ(), strings.Fields(c.env)...)
		want := lawLines(t, lawCases(t), WorldOptions{Full: c.how == "full"})
		wantSame(t, "with "+c.env+" in "+c.dir, want, printDigests(t, c.how, cmd))
	}
}

// Law 2: the race detector, which shuffles what goroutines do, changes nothing
// and finds nothing.
func TestDigestWithTheRaceDetector(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a test binary; not with -short")
	}
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("the race detector wants gcc, which is not here")
	}
	if runtime.GOARCH == "386" {
		t.Skip("there is no race detector for 386")
	}
	bin := buildPrinter(t, []string{"-race"}, "CGO_ENABLED=1")
	want := lawLines(t, lawCases(t), WorldOptions{})
	wantSame(t, "with -race", want, printDigests(t, "edges", exec.Command(bin)))
}
