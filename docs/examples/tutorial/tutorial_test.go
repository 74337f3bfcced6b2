// Package tutorial tests the handbook's tutorial: its files are compiled, its
// commands run as they stand there, and what they print is compared.
package tutorial

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const page = "../../handbook/tutorial.md"

// block is a fenced block of the page.
type block struct {
	line  int    // of its first line
	name  string // of the file; empty if it is none
	lang  string
	lines []string
}

// fileName is a paragraph of nothing but a file's name.
var fileName = regexp.MustCompile("^`([a-z_/-]+\\.[a-z]+)`$")

// blocks reads the fenced blocks of a page, in their order.
func blocks(text string) (list []block) {
	name, in := "", false
	for i, line := range strings.Split(text, "\n") {
		switch {
		case in && line == "```":
			in = false
		case in:
			b := &list[len(list)-1]
			b.lines = append(b.lines, line)
		case strings.HasPrefix(line, "```"):
			list = append(list, block{line: i + 2, name: name, lang: line[3:]})
			name, in = "", true
		case line != "":
			name = ""
			if m := fileName.FindStringSubmatch(line); m != nil {
				name = m[1]
			}
		}
	}
	return list
}

func TestTutorialWorksAsTyped(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the command and a module")
	}
	for _, program := range []string{"go", "sh"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	r := newReader(t)
	files, commands := 0, 0
	for _, b := range blocks(string(text)) {
		at := fmt.Sprintf("%s:%d", page, b.line)
		switch {
		case b.lang == "console":
			commands += r.console(at, b.lines)
		case b.lang == "diff":
			r.patch(at, b.lines)
		case b.name != "":
			files++
			r.write(b.name, strings.Join(b.lines, "\n")+"\n")
		default:
			t.Errorf("%s: a block that is neither a file, a change nor a command", at)
		}
	}
	if files < 8 || commands < 13 {
		t.Errorf("%d files and %d commands: the page was not read as it is written", files, commands)
	}
}

// reader is somebody who does what the page says.
type reader struct {
	t   *testing.T
	dir string
	env []string
}

func newReader(t *testing.T) *reader {
	clone, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(bin, "dsim"), "./cmd/dsim")
	build.Dir = clone
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the command: %v\n%s", err, out)
	}
	r := &reader{t: t, dir: filepath.Join(t.TempDir(), "counter")}
	if err := os.Mkdir(r.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// Nothing is fetched: what dsim needs is there, or this test would not run.
	r.env = append(os.Environ(), "DSIM="+clone, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"),
		"GOPROXY=off", "GOFLAGS=", "GOWORK=", "GOTOOLCHAIN=local", "DSIM_SEED=", "NO_COLOR=1")
	return r
}

func (r *reader) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// patch changes counter.go: the lines with a minus, which must be there once,
// between those without a sign, become those with a plus.
func (r *reader) patch(at string, lines []string) {
	r.t.Helper()
	var old, fresh strings.Builder
	for _, line := range lines {
		if line == "" || !strings.Contains(" -+", line[:1]) {
			r.t.Fatalf("%s: %q is no line of a change", at, line)
		}
		if line[0] != '+' {
			old.WriteString(line[1:] + "\n")
		}
		if line[0] != '-' {
			fresh.WriteString(line[1:] + "\n")
		}
	}
	text, err := os.ReadFile(filepath.Join(r.dir, "counter.go"))
	if err != nil {
		r.t.Fatal(err)
	}
	if n := strings.Count(string(text), old.String()); n != 1 {
		r.t.Fatalf("%s: the lines to be changed are in counter.go %d times", at, n)
	}
	r.write("counter.go", strings.Replace(string(text), old.String(), fresh.String(), 1))
}

// console runs the commands of a block and compares what each prints with the
// lines that follow it.
func (r *reader) console(at string, lines []string) (commands int) {
	for i := 0; i < len(lines); {
		command, ok := strings.CutPrefix(lines[i], "$ ")
		if !ok {
			r.t.Fatalf("%s: %q follows no command", at, lines[i])
		}
		i++
		from := i
		for i < len(lines) && !strings.HasPrefix(lines[i], "$ ") {
			i++
		}
		commands++
		cmd := exec.Command("sh", "-c", command)
		cmd.Dir, cmd.Env = r.dir, r.env
		out, err := cmd.CombinedOutput()
		if !like(lines[from:i], string(out)) {
			r.t.Fatalf("%s: $ %s\nprints, with %v:\n%s\nthe page says:\n%s", at, command, err, out, strings.Join(lines[from:i], "\n"))
		}
	}
	return commands
}

// like reports whether an output is as the page says: a line of nothing but …
// stands for any number of lines, and … in a line for any text.
func like(want []string, out string) bool {
	var pattern strings.Builder
	pattern.WriteString(`^`)
	for _, line := range want {
		if strings.TrimSpace(line) == "…" {
			pattern.WriteString(`(?:[^\n]*\n)*`)
			continue
		}
		parts := strings.Split(line, "…")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		pattern.WriteString(strings.Join(parts, `[^\n]*`) + `\n`)
	}
	pattern.WriteString(`$`)
	return regexp.MustCompile(pattern.String()).MatchString(strings.TrimSuffix(out, "\n")+"\n") || len(want) == 0 && out == ""
}

func TestLikeTellsOutputsApart(t *testing.T) {
	for _, x := range []struct {
		want []string
		out  string
		same bool
	}{
		{nil, "", true},
		{nil, "x\n", false},
		{[]string{"a", "b"}, "a\nb\n", true},
		{[]string{"a", "b"}, "a\nc\n", false},
		{[]string{"a"}, "a\nb\n", false},
		{[]string{"a (…)", "…", "z"}, "a (0.1s)\nb\nc\nz\n", true},
		{[]string{"a", "…"}, "a\n", true},
		{[]string{"a.c"}, "abc\n", false},
	} {
		if like(x.want, x.out) != x.same {
			t.Errorf("%q and %q: want %t", x.want, x.out, x.same)
		}
	}
}
