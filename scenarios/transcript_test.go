package scenarios

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/dsim/des"
)

// transcriptEvents bounds the part of a run that a golden transcript is taken
// from, so that worlds of a thousand cells have one too.
const transcriptEvents = 30_000

// A change of a protocol, a link or a scenario shows in these files as what
// cells say and do differently, and can be read in a review.
func TestTranscriptsOfTheShippedScenarios(t *testing.T) {
	written := make(map[string]bool)
	for _, file := range shippedFiles(t) {
		name := strings.ReplaceAll(strings.TrimSuffix(file, ".yaml"), "/", "-") + ".txt"
		written[name] = true
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", "transcripts", name)
			if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && !*update {
				t.Fatalf("%s is missing; go test ./scenarios -run Transcript -update writes it", path)
			}
			golden(t, path, transcriptOf(t, file))
		})
	}
	have, err := filepath.Glob("testdata/transcripts/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range have {
		if written[filepath.Base(path)] {
			continue
		}
		if *update {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			continue
		}
		t.Errorf("%s: of no scenario; go test ./scenarios -run Transcript -update removes it", path)
	}
}

// transcriptOf is the transcript of a shipped scenario under seed 1, shortened,
// and how the run came out.
func transcriptOf(t *testing.T, file string) string {
	t.Helper()
	all := new(toldLines)
	w := lawWorld(t, lawCase{file, 1}, WorldOptions{Records: all})
	whole := w.Advance(w.Scenario.Run.Until, transcriptEvents)
	var b strings.Builder
	fmt.Fprintf(&b, "%s, seed 1\nscenarios/%s\n\n", w.Scenario.Name, file)
	for _, line := range all.excerpt() {
		b.WriteString(line + "\n")
	}
	if !whole {
		fmt.Fprintf(&b, "\nand so on after %d events, at %s\n", w.Scheduler().Executed(), w.Now())
		return b.String()
	}
	r := w.Result()
	fmt.Fprintf(&b, "\n%s at %s\n", r.Verdict, r.End)
	for _, x := range r.Expect {
		fmt.Fprintf(&b, "  %-12s %s%s\n", x.Verdict, x.Text, metText(&x))
	}
	if r.Failure != nil {
		fmt.Fprintf(&b, "  %s\n", oneLine(fmt.Sprintf("%s at %s: %s", r.Failure.Property, r.Failure.Time, r.Failure.Text)))
	}
	return b.String()
}

func metText(x *ExpectResult) string {
	if x.Met == nil {
		return ""
	}
	return fmt.Sprintf(", at %s", *x.Met)
}

// toldLines keeps the lines of a run, and which of them are acts: what was done
// to the cells, and not by them.
type toldLines struct {
	lines   []string
	initial int // lines of the topology at the start
	acts    []int
}

func (l *toldLines) Record(r *des.Record) {
	line := TranscriptLine(r)
	if line == "" {
		return
	}
	switch r.Op {
	case des.OpChange:
		if len(l.lines) == l.initial {
			l.initial++
		}
	case des.OpTimeline, des.OpCommand, des.OpAnswer, des.OpState, des.OpPanic:
		l.acts = append(l.acts, len(l.lines))
	}
	l.lines = append(l.lines, line)
}

// What an excerpt has at most: lines of the topology at the start, of how the
// run begins and ends, and between them of what was done to the cells, with the
// lines that follow each act.
const (
	excerptTopology = 10
	excerptHead     = 22
	excerptTail     = 20
	excerptActs     = 45
	excerptAfter    = 2
)

// excerpt leaves out what makes a transcript too long to be read.
func (l *toldLines) excerpt() []string {
	n := len(l.lines)
	keep := make([]bool, n)
	for i := range keep {
		keep[i] = i < excerptTopology || i >= l.initial && i < l.initial+excerptHead || i >= n-excerptTail
	}
	acts := 0
	for _, act := range l.acts {
		for i := act; i < min(act+1+excerptAfter, n); i++ {
			if !keep[i] && acts < excerptActs {
				keep[i] = true
				acts++
			}
		}
	}
	var out []string
	for i := 0; i < n; {
		if keep[i] {
			out = append(out, l.lines[i])
			i++
			continue
		}
		from := i
		for i < n && !keep[i] {
			i++
		}
		if i-from == 1 {
			out = append(out, l.lines[from])
			continue
		}
		out = append(out, fmt.Sprintf("%12s  %d lines more", "…", i-from))
	}
	return out
}

func TestTranscriptLinesStayLines(t *testing.T) {
	var b strings.Builder
	s := Transcript(&b)
	s.Record(&des.Record{Op: des.OpCommand, Cell: "alice", Text: "say a\nb\x1b[2J"})
	s.Record(&des.Record{Op: des.OpAnswer, Cell: "alice", Text: strings.Repeat("é", 500)})
	s.Record(&des.Record{Op: des.OpAnswer, Cell: "alice", A: 1, Text: "no"})
	s.Record(&des.Record{Op: des.OpTimer, Cell: "alice"})
	s.Record(&des.Record{Op: des.OpEmit, Cell: "bob", Kind: "abp-content", A: -hashFrom, B: hashFrom})
	s.Record(&des.Record{Op: des.OpEmit, Cell: "bob", Kind: "deliver", A: 3, B: 64})
	lines := strings.Split(b.String(), "\n")
	if len(lines) != 5 || lines[4] != "" {
		t.Fatalf("%d lines:\n%s", len(lines), b.String())
	}
	for i, want := range []string{"> say a b [2J", "…", "< error: no", "bob          deliver message=3 bytes=64"} {
		if !strings.HasSuffix(lines[i], want) || len(lines[i]) > 220 {
			t.Errorf("line %d is %q, want it to end in %q", i, lines[i], want)
		}
	}
}

type failingWriter struct{ n int }

func (f *failingWriter) Write([]byte) (int, error) { f.n++; return 0, errors.New("full") }

func TestATranscriptThatCannotBeWrittenChangesNothing(t *testing.T) {
	f := new(failingWriter)
	c := lawCase{"abp/crash.yaml", 1}
	told := lawWorld(t, c, WorldOptions{Records: Transcript(f)}).Run()
	if plain := lawWorld(t, c, WorldOptions{}).Run(); told.Digest != plain.Digest || f.n != 1 {
		t.Errorf("digests %016x and %016x, %d writes", uint64(told.Digest), uint64(plain.Digest), f.n)
	}
}
