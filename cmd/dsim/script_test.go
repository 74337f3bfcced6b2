package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"example.com/dsim/clock"
	"example.com/dsim/replay"
)

// asCommand makes the test binary the command itself, so that scripts start a
// real process, with real arguments, streams, signals and exit codes.
const asCommand = "DSIM_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// TestScripts runs the scripts of testdata/script, whose language is that of
// the Go command's own: a line is a command, # a comment, a leading ! says that
// it must fail, and files stand behind the lines. Each has an empty directory
// of its own, with the repository's scenarios in it.
//
//	exec WORDS          runs a program, which must exit with 0; with !, with another code
//	exits N WORDS       runs a program, which must exit with N
//	stdout, stderr RE   the output of the last program has a match of RE, -count=N: so many; with !, none
//	fields NAMES        each line of the output is a JSON object with these fields
//	last RE             the last line of the output matches RE
//	repeat N            runs the last line of the output, which must exit with N
//	save FILE           keeps the output, without figures of wall time
//	cmp A B             two files are the same; with !, they are not
//	grep RE FILE        a file has a match of RE; with !, none
//	exists FILE         with !, there is none
//	flip FILE N         flips a bit of the N-th byte of a file, negative from its end
//	cut FILE N          leaves the first N bytes of a file
//	without FILE RE     takes the first choice that matches out of a trace, and seals it
//	instead FILE RE V   gives the first choice that matches the value V
//	interrupt WORDS     runs a program and interrupts it after its first line on standard error
//	needs PROGRAM       skips the rest where the program is missing
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("scripts %v, %v", files, err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(exe, filepath.Join(bin, "dsim")); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			newScript(t, bin).run(file)
		})
	}
}

type script struct {
	t              *testing.T
	dir, where     string
	env            []string
	stdout, stderr string
	code           int
	verbs          map[string]func(not bool, args []string) error
}

func newScript(t *testing.T, bin string) *script {
	s := &script{t: t, dir: t.TempDir()}
	here, err := filepath.Abs("../../scenarios")
	if err == nil {
		err = os.Symlink(here, filepath.Join(s.dir, "scenarios"))
	}
	if err != nil {
		t.Fatal(err)
	}
	s.env = append(os.Environ(), asCommand+"=1", "DSIM_SEED=", "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	s.verbs = map[string]func(bool, []string) error{
		"exec": s.exec, "exits": s.exits, "fields": s.fields, "last": s.last, "repeat": s.repeat, "save": s.save, "cmp": s.cmp,
		"grep": s.grep, "exists": s.exists, "flip": s.flip, "cut": s.cut, "without": s.without, "instead": s.instead,
		"interrupt": s.interrupt,
		"stdout":    func(not bool, a []string) error { return match("stdout", s.stdout, not, a) },
		"stderr":    func(not bool, a []string) error { return match("stderr", s.stderr, not, a) },
	}
	return s
}

func (s *script) path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

func (s *script) run(file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	parts := strings.Split("\n"+string(text), "\n-- ")
	for _, p := range parts[1:] {
		name, body, ok := strings.Cut(p, " --\n")
		if !ok {
			s.t.Fatalf("%s: a file without a name", file)
		}
		if err := os.WriteFile(s.path(name), []byte(body+"\n"), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	for n, line := range strings.Split(parts[0], "\n")[1:] {
		s.where = fmt.Sprintf("%s:%d: %s", file, n+1, line)
		words := wordsOf(line)
		if len(words) == 0 {
			continue
		}
		not := words[0] == "!"
		if not {
			words = words[1:]
		}
		if words[0] == "needs" {
			if _, err := exec.LookPath(words[1]); err != nil {
				s.t.Skipf("%s: %v", s.where, err)
			}
			continue
		}
		verb := s.verbs[words[0]]
		if verb == nil {
			s.t.Fatalf("%s: no such command", s.where)
		}
		if err := verb(not, words[1:]); err != nil {
			s.t.Fatalf("%s\n%v\nexit code %d\nstdout:\n%s\nstderr:\n%s", s.where, err, s.code, some(s.stdout), some(s.stderr))
		}
	}
}

// some is the beginning of a long text.
func some(text string) string {
	if most := 4000; len(text) > most {
		return text[:most] + "…"
	}
	return text
}

// wordsOf splits a line at blanks that are not between single quotes; two of
// these in a quoted word are one.
func wordsOf(line string) (words []string) {
	var b strings.Builder
	quoted, word := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\'' && quoted && strings.HasPrefix(line[i+1:], "'"):
			b.WriteByte(c)
			i++
		case c == '\'':
			quoted, word = !quoted, true
		case quoted:
			b.WriteByte(c)
		case c == '#' && !word:
			return words
		case c == ' ' || c == '\t':
			if word {
				words = append(words, b.String())
				b.Reset()
			}
			word = false
		default:
			b.WriteByte(c)
			word = true
		}
	}
	if word {
		words = append(words, b.String())
	}
	return words
}

func (s *script) command(args []string) *exec.Cmd {
	env := s.env
	for len(args) > 0 && strings.Contains(args[0], "=") {
		env = append(slices.Clone(env), args[0])
		args = args[1:]
	}
	name := args[0]
	for _, dir := range filepath.SplitList(strings.TrimPrefix(s.env[len(s.env)-1], "PATH=")) {
		if p := filepath.Join(dir, name); !strings.Contains(name, "/") && exists(p) {
			name = p
			break
		}
	}
	c := &exec.Cmd{Path: name, Args: args, Dir: s.dir, Env: env}
	return c
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (s *script) start(args []string) error {
	var out, errs bytes.Buffer
	c := s.command(args)
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	s.stdout, s.stderr = out.String(), errs.String()
	return s.ended(c, err)
}

func (s *script) ended(c *exec.Cmd, err error) error {
	if x := (*exec.ExitError)(nil); err != nil && !errors.As(err, &x) {
		return err
	}
	s.code = c.ProcessState.ExitCode()
	if strings.Contains(s.stderr, "goroutine ") {
		return errors.New("it panicked")
	}
	return nil
}

func (s *script) exec(not bool, args []string) error {
	if err := s.start(args); err != nil {
		return err
	}
	if not == (s.code == 0) {
		return fmt.Errorf("wrong exit code")
	}
	return nil
}

func (s *script) exits(_ bool, args []string) error {
	if err := s.start(args[1:]); err != nil {
		return err
	}
	if strconv.Itoa(s.code) != args[0] {
		return fmt.Errorf("want exit code %s", args[0])
	}
	return nil
}

func match(what, text string, not bool, args []string) error {
	count := -1
	if n, ok := strings.CutPrefix(args[0], "-count="); ok {
		count, _ = strconv.Atoi(n)
		args = args[1:]
	}
	re, err := regexp.Compile("(?m)" + args[0])
	if err != nil {
		return err
	}
	switch found := len(re.FindAllString(text, -1)); {
	case count >= 0 && found != count:
		return fmt.Errorf("%s: %d matches, want %d", what, found, count)
	case count < 0 && not && found > 0:
		return fmt.Errorf("%s: a match", what)
	case count < 0 && !not && found == 0:
		return fmt.Errorf("%s: no match", what)
	}
	return nil
}

func (s *script) lastLine() string {
	lines := strings.Split(strings.TrimRight(s.stdout, "\n"), "\n")
	return lines[len(lines)-1]
}

func (s *script) last(not bool, args []string) error {
	return match("last line", s.lastLine(), not, args)
}

func (s *script) repeat(_ bool, args []string) error {
	line := s.lastLine()
	if !strings.HasPrefix(line, "dsim run ") {
		return fmt.Errorf("the last line is no command: %s", line)
	}
	return s.exits(false, append([]string{args[0]}, wordsOf(line)...))
}

func (s *script) fields(_ bool, args []string) error {
	for line := range strings.Lines(s.stdout) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			return err
		}
		for _, name := range args {
			if _, ok := o[name]; !ok {
				return fmt.Errorf("no field %q", name)
			}
		}
	}
	return nil
}

// wall finds what depends on how fast the machine is, or on how many runs go
// side by side.
var wall = regexp.MustCompile(`\([0-9.]+[a-zµ]+(, [0-9.]+ M events/s)?\)|"wall_ns":[0-9]+|, [0-9]+ at a time`)

func (s *script) save(_ bool, args []string) error {
	return os.WriteFile(s.path(args[0]), []byte(wall.ReplaceAllString(s.stdout, "")), 0o644)
}

func (s *script) cmp(not bool, args []string) error {
	a, err := os.ReadFile(s.path(args[0]))
	if err != nil {
		return err
	}
	b, err := os.ReadFile(s.path(args[1]))
	if err != nil {
		return err
	}
	if bytes.Equal(a, b) == not {
		return fmt.Errorf("%s and %s: same is %v", args[0], args[1], not)
	}
	return nil
}

func (s *script) grep(not bool, args []string) error {
	b, err := os.ReadFile(s.path(args[1]))
	if err != nil {
		return err
	}
	return match(args[1], string(b), not, args[:1])
}

func (s *script) exists(not bool, args []string) error {
	if exists(s.path(args[0])) == not {
		return fmt.Errorf("%s: exists is %v", args[0], not)
	}
	return nil
}

func (s *script) change(file string, f func([]byte) []byte) error {
	b, err := os.ReadFile(s.path(file))
	if err != nil {
		return err
	}
	return os.WriteFile(s.path(file), f(b), 0o644)
}

func (s *script) flip(_ bool, args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	return s.change(args[0], func(b []byte) []byte {
		if n < 0 {
			n += len(b)
		}
		b[n] ^= 4
		return b
	})
}

func (s *script) cut(_ bool, args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	return s.change(args[0], func(b []byte) []byte { return b[:n] })
}

func (s *script) without(_ bool, args []string) error {
	return s.rewrite(args[0], args[1], nil)
}

func (s *script) instead(_ bool, args []string) error {
	return s.rewrite(args[0], args[1], &args[2])
}

// rewrite writes a trace anew, the first choice that matches left out or with
// another value.
func (s *script) rewrite(file, pattern string, value *string) error {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	t, err := replay.Open(s.path(file))
	if err != nil {
		return err
	}
	defer t.Close()
	var m memory
	w, err := replay.NewWriter(&m, t.Header())
	if err != nil {
		return err
	}
	done := false
	for e, err := range t.Entries(0, clock.Never) {
		switch c := e.Choice; {
		case err != nil:
			return err
		case c == nil:
			w.Record(e.Record)
		case !done && re.MatchString(fmt.Sprintf("%s %s %d %s", c.What, c.Where, c.N, c.Value)):
			done = true
			if value != nil {
				c.Value = *value
				w.Choose(c)
			}
		default:
			w.Choose(c)
		}
	}
	if !done {
		return fmt.Errorf("no choice %s", pattern)
	}
	sum, _ := t.Summary()
	if err := w.Close(sum); err != nil {
		return err
	}
	return os.WriteFile(s.path(file), m, 0o644)
}

func (s *script) interrupt(_ bool, args []string) error {
	c := s.command(args)
	var out bytes.Buffer
	c.Stdout = &out
	pipe, err := c.StderrPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	r := bufio.NewReader(pipe)
	first, err := r.ReadString('\n')
	if err == nil {
		err = c.Process.Signal(syscall.SIGINT)
	}
	rest, _ := io.ReadAll(r)
	s.stdout, s.stderr = out.String(), first+string(rest)
	return errors.Join(err, s.ended(c, c.Wait()))
}
