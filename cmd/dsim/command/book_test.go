package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

const book = "../../../docs/handbook/"

// TestPagesShowWhatIsPrinted types the command lines of the handbook's pages,
// one page after the other in a folder of its own, and wants the outputs that
// the pages show. A page may leave out: "…" alone on a line stands for any
// number of lines, within one for any text.
func TestPagesShowWhatIsPrinted(t *testing.T) {
	for _, page := range []string{"getting-started", "scenarios", "explore", "explain", "traces"} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(book + page + ".md")
			if err != nil {
				t.Fatal(err)
			}
			dir := clone(t)
			firstFile(t, dir, string(text))
			typed := 0
			for _, s := range sessions(string(text)) {
				if strings.HasPrefix(s.line, "tshark ") || strings.Contains(s.shown, "^C") || strings.Contains(s.line, "i.trace") {
					continue // not on every machine; takes as long as one waits
				}
				typed++
				if got := typeLine(t, dir, s.line); !agrees(s.shown, got) {
					t.Errorf("%s.md:%d: $ %s\nthe page shows\n%s\nand it prints\n%s", page, s.at, s.line, s.shown, got)
				}
			}
			if typed == 0 {
				t.Error("the page has no command line: nothing is compared")
			}
		})
	}
}

// clone is a folder with what the pages name of the repository.
func clone(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"scenarios", "fuzz"} {
		from, err := filepath.Abs(filepath.Join("../../..", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(from, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// firstFile writes what a reader of the first page has by then: the file that
// it asks for, and the same with the mistakes that it speaks of.
func firstFile(t *testing.T, dir, page string) {
	t.Helper()
	_, text, ok := strings.Cut(page, "`first.yaml`:\n\n```yaml\n")
	if !ok {
		return
	}
	text, _, _ = strings.Cut(text, "```")
	wrong := strings.NewReplacer("messages: 100, rto", "mesages: 100, rto", "bob:p0]", "bbo:p0]", "60s", "60").Replace(text)
	for name, text := range map[string]string{"first.yaml": text, "wrong.yaml": wrong} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// session is one command line of a page, with what the page shows of its output.
type session struct {
	line, shown string
	at          int // the line of the page
}

// sessions gives the command lines of a page, which begin with "$ ". Blocks of a
// list are indented.
func sessions(page string) (out []session) {
	block, indent := false, ""
	for i, line := range strings.Split(page, "\n") {
		bare := strings.TrimLeft(line, " ")
		if strings.HasPrefix(bare, "```") {
			block, indent = !block, line[:len(line)-len(bare)]
			out = append(out, session{}) // what follows belongs to no line
			continue
		}
		line = strings.TrimPrefix(line, indent)
		if !block {
			continue
		}
		last := &session{}
		if len(out) > 0 {
			last = &out[len(out)-1]
		}
		switch command, ok := strings.CutPrefix(line, "$ "); {
		case ok:
			out = append(out, session{line: command, at: i + 1})
		case strings.HasSuffix(last.line, `\`):
			last.line = strings.TrimSuffix(last.line, `\`) + strings.TrimLeft(line, " ")
		case last.line != "":
			last.shown += line + "\n"
		}
	}
	typed := out[:0]
	for _, s := range out {
		if s.line != "" {
			typed = append(typed, s)
		}
	}
	return typed
}

// typeLine gives a line to a shell. What it prints as errors comes last; exit
// codes are for scripts to check.
func typeLine(t *testing.T, dir, line string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "sh", "-c", line)
	c.Dir = dir
	var out, errs strings.Builder
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatalf("%s: %v", line, err)
	}
	return out.String() + errs.String()
}

// ofMachine finds what another machine prints otherwise: how long it took, and
// the build.
var ofMachine = regexp.MustCompile(`\([0-9.]+[a-zµ]+(, [0-9.]+ M events/s)?\)|devel go[^ ]+ [a-z0-9]+/[a-z0-9]+`)

// agrees says whether a page shows an output: all of it, but for what "…" leaves
// out. Where nothing is shown, nothing is said of it.
func agrees(page, out string) bool {
	page = strings.Trim(page, "\n")
	if page == "" {
		return true
	}
	var want strings.Builder
	for line := range strings.Lines(ofMachine.ReplaceAllString(page, "") + "\n") {
		line = strings.TrimRight(line, " \n")
		if strings.TrimSpace(line) == "…" {
			want.WriteString(`(?:.*\n)*?`)
			continue
		}
		fmt.Fprintf(&want, "%s *\n", strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*"))
	}
	ok, err := regexp.MatchString(`^`+want.String()+`\n*$`, ofMachine.ReplaceAllString(out, ""))
	return ok && err == nil
}

func TestPagesLeaveOutOnlyWhereTheySaySo(t *testing.T) {
	for _, c := range []struct {
		page, out string
		want      bool
	}{
		{"a\nb", "a\nb\n", true},
		{"a\nb", "a\nb\nc\n", false},
		{"a\n…", "a\nb\nc\n", true},
		{"…\nc", "a\nb\nc\n", true},
		{"  …\nc", "a\nb\n", false},
		{"a 12…", "a 1234\n", true},
		{"a 12…  z", "a 1234  z\n", true},
		{"  a", "a\n", false},
		{"a 12", "a 1234\n", false},
		{"PASS  (3ms)", "PASS  (14ms, 0.2 M events/s)\n", true},
	} {
		if got := agrees(c.page, c.out); got != c.want {
			t.Errorf("%q shows %q: %v, want %v", c.page, c.out, got, c.want)
		}
	}
}

// TestFirstRunEndsAsTheReadmeSays holds the first line that anybody types.
func TestFirstRunEndsAsTheReadmeSays(t *testing.T) {
	text, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, line, ok := strings.Cut(string(text), "go run ./cmd/")
	line, rest, both := strings.Cut(line, "#")
	_, last, shown := strings.Cut(rest, "The first ends with\n\n```\n")
	last, _, whole := strings.Cut(last, "```")
	if !ok || !both || !shown || !whole {
		t.Fatal("the page shows no first run, or not how it ends")
	}
	if got := typeLine(t, clone(t), line); !agrees("…\n"+last, got) {
		t.Errorf("$ %s\nthe page shows at the end\n%s\nand it prints\n%s", line, last, got)
	}
}

// TestPageOfTheCommandIsWhatHelpPrints wants the help of every subcommand on its
// page, and nothing else under a heading: sh docs/handbook/cli.sh writes it.
func TestPageOfTheCommandIsWhatHelpPrints(t *testing.T) {
	text, err := os.ReadFile(book + "cli.md")
	if err != nil {
		t.Fatal(err)
	}
	const again = "; to write the page anew: sh docs/handbook/cli.sh > docs/handbook/cli.md"
	wanted := 0
	var page func(path []string, c *cobra.Command)
	page = func(path []string, c *cobra.Command) {
		wanted++
		var out strings.Builder
		if code := Run(append(path[1:], "--help"), &out, &out); code != exitOK {
			t.Fatalf("%s --help: exit code %d", path, code)
		}
		var trimmed strings.Builder
		for line := range strings.Lines(out.String()) {
			trimmed.WriteString(strings.TrimRight(line, " \t\n") + "\n")
		}
		heading := "\n## " + strings.Join(path, " ") + "\n\n```\n"
		if !strings.Contains(string(text), heading+trimmed.String()+"```\n") {
			t.Errorf("%s: the page does not show what its help prints%s", strings.Join(path, " "), again)
		}
		if c.Name() == "completion" {
			return // cobra's own, one a shell
		}
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() && sub.Name() != "help" {
				page(append(path[:len(path):len(path)], sub.Name()), sub)
			}
		}
	}
	page([]string{"dsim"}, newRoot(io.Discard, io.Discard))
	if n := strings.Count(string(text), "\n## "); n != wanted {
		t.Errorf("the page has %d commands, want %d%s", n, wanted, again)
	}
}

// named finds files of the repository in a page or an example, and linked what a
// page refers to.
var (
	named  = regexp.MustCompile(`(?:scenarios|fuzz|docs)/[a-z0-9/_-]+\.(?:yaml|repro|go|md)\b`)
	linked = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
)

// TestPagesNameFilesThatAreThere holds links, and the files that pages, examples
// and the help of subcommands name.
func TestPagesNameFilesThatAreThere(t *testing.T) {
	const root = "../../.."
	pages, err := filepath.Glob(book + "*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal("no pages", err)
	}
	for _, page := range append(pages, root+"/README.md", root+"/docs/performance.md", root+"/docs/laws.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		var files []string
		for _, m := range linked.FindAllStringSubmatch(string(text), -1) {
			files = append(files, filepath.Join(filepath.Dir(page), m[1]))
		}
		for _, m := range named.FindAllString(string(text), -1) {
			files = append(files, filepath.Join(root, m))
		}
		for _, file := range files {
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: names %v", page, err)
			}
		}
	}
}
