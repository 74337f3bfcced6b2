// Package command is the command dsim. It is a package so that a program of a few
// lines can be dsim with protocols of its own: whatever it has registered with
// package scenarios is there for every subcommand, from run to live, and in traces,
// repros and journals.
//
//	func init() {
//		scenarios.RegisterProtocol(tokenring.Protocol())
//	}
//
//	func main() { command.Main() }
//
// Results go to standard output; progress and errors to standard error. The exit
// code says how it went; see exitCodes.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"example.com/dsim/scenarios"
)

// The exit codes of dsim. They are part of its interface.
const (
	exitOK             = 0   // all expectations held
	exitFailed         = 1   // one failed
	exitUsage          = 2   // usage, or an invalid scenario
	exitInconclusive   = 3   // a budget ran out first
	exitNondeterminism = 4   // two runs that must be equal were not
	exitEnvironment    = 5   // cannot read, write or bind
	exitNoRepro        = 125 // a repro does not apply; for git bisect
	exitInterrupted    = 130
)

const exitCodes = `Exit codes:
  0    all expectations held
  1    one failed
  2    usage, or an invalid scenario or trace
  3    inconclusive: a budget ran out first
  4    non-determinism found
  5    environment: a file cannot be read or written, an address cannot be bound
  125  a repro does not apply to this build
  130  interrupted`

// exitError ends the command with a code. Its text may be empty, where all has
// been said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exit makes an error that ends the command with a code.
func exit(code int, err error) error { return &exitError{code, err} }

// Main is the command: it reads the process's arguments, and ends the process.
func Main() { os.Exit(Run(os.Args[1:], os.Stdout, os.Stderr)) }

// Run is the command, apart from the process: it gives the exit code.
func Run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot(stdout, stderr)
	root.SetArgs(args)
	called, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	code := exitUsage
	if e := (*exitError)(nil); errors.As(err, &e) {
		code = e.code
	}
	if text := oneLine(called, strings.TrimRight(err.Error(), "\n")); text != "" {
		if e := (*scenarios.Errors)(nil); !errors.As(err, &e) || e.Error() != text { // those begin with their file
			text = "dsim: " + text
		}
		fmt.Fprintln(stderr, text)
	}
	return code
}
