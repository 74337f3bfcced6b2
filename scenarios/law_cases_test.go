package scenarios

import (
	"embed"
	"flag"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"example.com/dsim/des"
)

var long = flag.Bool("long", false, "run the long forms of tests")

// lawFiles are the scenarios that the laws are tested on: some made to bring
// everything that could leak into one run, and all that are shipped. They are
// in the binary, so that it runs where no files are.
//
//go:embed testdata/laws/*.yaml */*.yaml
var lawFiles embed.FS

// lawCase is a scenario under a seed.
type lawCase struct {
	file string
	seed uint64
}

func (c lawCase) String() string { return fmt.Sprintf("%s %d", c.file, c.seed) }

// lawCases are the cases that every machine must agree on.
func lawCases(t testing.TB) (cases []lawCase) {
	t.Helper()
	made, err := lawFiles.ReadDir("testdata/laws")
	if err != nil || len(made) < 5 {
		t.Fatalf("%d scenarios made for the laws, %v", len(made), err)
	}
	for _, f := range made {
		for seed := range uint64(3) {
			cases = append(cases, lawCase{path.Join("testdata/laws", f.Name()), 1 + seed})
		}
	}
	for _, file := range shippedFiles(t) {
		cases = append(cases, lawCase{file, 42})
	}
	return cases
}

// someCases are the cases of tests that cost much: with -long, all.
func someCases(t testing.TB) (cases []lawCase) {
	t.Helper()
	for i, c := range lawCases(t) {
		if *long || c.seed == 1 || c.file == "abp/lossy.yaml" || c.seed == 42 && i%5 == 0 {
			cases = append(cases, c)
		}
	}
	return cases
}

// shippedFiles are the scenarios that dsim ships.
func shippedFiles(t testing.TB) (files []string) {
	t.Helper()
	rooms, err := lawFiles.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rooms {
		list, err := lawFiles.ReadDir(r.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range list {
			if !f.IsDir() {
				files = append(files, path.Join(r.Name(), f.Name()))
			}
		}
	}
	if !slices.Contains(files, "abp/lossy.yaml") {
		t.Fatalf("the shipped scenarios are %v", files)
	}
	return files
}

// lawBound ends the runs of great scenarios early: a leak shows soon, or not at
// all.
const lawBound = "run.events=6000"

// lawSource reads one of lawFiles.
func lawSource(t testing.TB, file string) *Source {
	t.Helper()
	text, err := lawFiles.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	src, err := Parse(path.Base(file), text)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// lawWorld builds the world of a case.
func lawWorld(t testing.TB, c lawCase, opt WorldOptions) *World {
	t.Helper()
	sc, err := lawSource(t, c.file).Build(BuildOptions{Seed: des.SeedOf(c.seed), Set: []string{lawBound}, Registry: opt.Registry})
	if err != nil {
		t.Fatalf("%s: %v", c, err)
	}
	w, err := NewWorld(sc, opt)
	if err != nil {
		t.Fatalf("%s: %v", c, err)
	}
	return w
}

// outcome is what must be the same whenever and wherever a case is run. The
// text of an error is no part of it: it may show addresses, as a stack does.
func outcome(r *Result) string {
	s := fmt.Sprintf("%016x %s events=%d end=%d", uint64(r.Digest), r.Verdict, r.Events, int64(r.End))
	if r.Failure != nil {
		s += fmt.Sprintf(" %s at %s %s", r.Failure.Property, r.Failure.Key, r.Failure.Text)
	}
	for _, x := range r.Expect {
		s += " " + string(x.Verdict)
		if x.Met != nil {
			s += fmt.Sprintf("@%d", int64(*x.Met))
		}
	}
	return s
}

// runLaw runs a case to its end.
func runLaw(t testing.TB, c lawCase, opt WorldOptions) string {
	t.Helper()
	return outcome(lawWorld(t, c, opt).Run())
}

// lawLines are the outcomes of cases, a line each.
func lawLines(t testing.TB, cases []lawCase, opt WorldOptions) string {
	t.Helper()
	var b strings.Builder
	for _, c := range cases {
		fmt.Fprintf(&b, "%s: %s\n", c, runLaw(t, c, opt))
	}
	return b.String()
}

// askForDigests is the variable of the environment that makes a test binary
// print the outcomes of all cases: "edges" or "full" says what digests cover.
const askForDigests = "DSIM_LAW_DIGESTS"

// digestsFrom frames what is printed, because test binaries print more.
const (
	digestsFrom = "--- digests\n"
	digestsTo   = "--- end of digests\n"
)

// TestDigestPrint prints the outcomes of all cases for the tests that compare
// processes, builds and machines.
func TestDigestPrint(t *testing.T) {
	how := os.Getenv(askForDigests)
	if how == "" {
		t.Skip("prints only for tests that run this binary again, by " + askForDigests)
	}
	fmt.Print(digestsFrom + lawLines(t, lawCases(t), WorldOptions{Full: how == "full"}) + digestsTo)
}

// wantSame compares outcomes line by line.
func wantSame(t *testing.T, what, want, got string) {
	t.Helper()
	if want == got {
		return
	}
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(a), len(b)) {
		var x, y string
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			t.Errorf("%s:\nwant %s\n got %s", what, x, y)
			return
		}
	}
}
