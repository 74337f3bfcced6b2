package command

import (
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"
)

var long = flag.Bool("long", false, "run the long forms of tests")

// TestGoRunIsRepeatedByGoRun asks the Go command itself, whose folders are no
// promise of its.
func TestGoRunIsRepeatedByGoRun(t *testing.T) {
	if !*long {
		t.Skip("a long test: it links the command")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip(err)
	}
	t.Parallel()
	for _, words := range [][]string{
		strings.Fields("go run ./cmd/dsim run scenarios/canaries/always.yaml --seed 5"),
		strings.Fields("go run ./cmd/dsim run scenarios/canaries/always.yaml --seed 5"), // it may come out of the cache now
		strings.Fields("go run ./docs/examples/ringsim run scenarios/canaries/always.yaml --seed 5"),
	} {
		c := exec.Command(words[0], words[1:]...)
		c.Dir, c.Stderr = "../../..", os.Stderr
		out, _ := c.Output() // go run has one exit code for all
		if !strings.HasSuffix(string(out), "\n"+strings.Join(words, " ")+"\n") {
			t.Fatalf("said\n%s", out)
		}
	}
}
