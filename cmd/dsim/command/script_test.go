package command

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// called is how this process was started, before testscript makes a bare name
// of it: the line that repeats a run depends on it.
var called = os.Args[0]

// TestMain makes the test binary the commands of scripts too, so that these
// start a real process, with real arguments, streams, signals and exit codes.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"dsim": func() {
			os.Args[0] = called
			Main()
		},
		"interrupt": func() { os.Exit(interrupt(os.Args[1:])) },
	})
}

// TestScripts runs the scripts of testdata/script, whose language is that of
// package testscript. Each has an empty directory of its own, with the
// repository's scenarios in it, and $DSIM is where the command lies. Besides
// the language's own there are these commands:
//
//	exits N WORDS       runs a program, which must exit with N, and not by a panic
//	repeat N            gives the last line of the output to a shell, which must exit with N
//	save FILE           keeps the output, without figures of wall time
//	fields NAMES        each line of the output is a JSON object with these fields
//	flip FILE N         flips a bit of the N-th byte of a file, negative from its end
//	cut FILE N          leaves the first N bytes of a file
//	without FILE RE     takes the first choice that matches out of a trace, and seals it
//	instead FILE RE V   gives the first choice that matches the value V
//	forge FILE OUT N    changes the first emission behind the N-th record of a trace
//	stage FILE DIR LUCK leaves the journals of a live run that never was; see there
//
// and one program, for exits:
//
//	interrupt WORDS     runs a program and interrupts it after its first line on standard error
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Setup:               setUp,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   verb("exits N WORDS", exits),
			"repeat":  verb("repeat N", repeatLast),
			"save":    verb("save FILE", save),
			"fields":  verb("fields NAMES", fields),
			"flip":    verb("flip FILE N", flip),
			"cut":     verb("cut FILE N", cut),
			"without": verb("without FILE RE", without),
			"instead": verb("instead FILE RE V", instead),
			"stage":   verb("stage FILE DIR LUCK", stage),
			"forge":   verb("forge FILE OUT N", forge),
		},
	})
}

func setUp(e *testscript.Env) error {
	scenarios, err := filepath.Abs("../../../scenarios")
	if err != nil {
		return err
	}
	dsim, err := exec.LookPath("dsim")
	if err != nil {
		return err
	}
	e.Setenv("DSIM", dsim)
	return os.Symlink(scenarios, filepath.Join(e.WorkDir, "scenarios"))
}

// verb makes a command of a script, which has no ! and as many words as its
// usage at least.
func verb(usage string, f func(ts *testscript.TestScript, words []string) error) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, not bool, words []string) {
		if not || len(words) < strings.Count(usage, " ") {
			ts.Fatalf("usage: %s", usage)
		}
		ts.Check(f(ts, words))
	}
}

// exits tells a panic by its stack, since its exit code is that of wrong usage.
func exits(ts *testscript.TestScript, words []string) error {
	code := 0
	if err := ts.Exec(words[1], words[2:]...); err != nil {
		x := (*exec.ExitError)(nil)
		if !errors.As(err, &x) {
			return err
		}
		code = x.ExitCode()
	}
	if strings.Contains(ts.ReadFile("stderr"), "\ngoroutine ") {
		return errors.New("it panicked")
	}
	if strconv.Itoa(code) != words[0] {
		return fmt.Errorf("exit code %d, want %s", code, words[0])
	}
	return nil
}

// command finds what repeats a run.
var command = regexp.MustCompile(`dsim'? (run .* --seed |repro )`)

func repeatLast(ts *testscript.TestScript, words []string) error {
	out := strings.TrimRight(ts.ReadFile("stdout"), "\n")
	line := out[strings.LastIndexByte(out, '\n')+1:]
	if !command.MatchString(line) {
		return fmt.Errorf("the last line is no command: %s", line)
	}
	return exits(ts, []string{words[0], "sh", "-c", line})
}

// wall finds what depends on how fast the machine is, or on how many runs go
// side by side.
var wall = regexp.MustCompile(`\([0-9.]+[a-zµ]+(, [0-9.]+ M events/s)?\)|"wall_ns":[0-9]+|, [0-9]+ at a time`)

func save(ts *testscript.TestScript, words []string) error {
	return os.WriteFile(ts.MkAbs(words[0]), []byte(wall.ReplaceAllString(ts.ReadFile("stdout"), "")), 0o600)
}

func fields(ts *testscript.TestScript, words []string) error {
	out := ts.ReadFile("stdout")
	if out == "" {
		return errors.New("no object")
	}
	for line := range strings.Lines(out) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			return err
		}
		for _, name := range words {
			if _, ok := o[name]; !ok {
				return fmt.Errorf("no field %q", name)
			}
		}
	}
	return nil
}

// interrupt is a program that runs another as its own, interrupts it once it
// has said something on standard error, and exits as it does.
func interrupt(words []string) int {
	c := exec.Command(words[0], words[1:]...)
	c.Stdout = os.Stdout
	pipe, err := c.StderrPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "interrupt:", err)
		return exitEnvironment
	}
	said := bufio.NewReader(pipe)
	first, err := said.ReadString('\n')
	if err == nil {
		err = c.Process.Signal(os.Interrupt)
	}
	rest, _ := io.ReadAll(said)
	fmt.Fprint(os.Stderr, first, string(rest))
	if err != nil {
		fmt.Fprintln(os.Stderr, "interrupt:", err)
	}
	_ = c.Wait() // how it exited is in its state
	return c.ProcessState.ExitCode()
}
