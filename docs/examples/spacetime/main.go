// Spacetime draws a part of a run as a space-time diagram: time goes down,
// each cell is a line, each frame is an arrow from where it was sent to where
// it arrived. A lost frame ends in a cross, a damaged one is broken where it
// was damaged, and the time a cell waited for a timer is a bar beside its line.
//
//	spacetime -from 236ms -to 426ms -o lossy.svg run.trace
//
// It reads a trace of level events, as `dsim run --trace run.trace --level
// events` writes it, and shows how package replay gives a trace to a program.
// The picture depends on the trace alone. That of the README is made anew by
//
//	go generate ./docs/examples/spacetime
package main

import (
	"flag"
	"fmt"
	"os"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay"
)

//go:generate go run ../../../cmd/dsim run ../../../scenarios/abp/lossy.yaml --seed 42 --trace run.trace --level events
//go:generate go run . -from 236ms -to 426ms -o ../../lossy.svg run.trace

func main() {
	from := flag.String("from", "0", "the first instant")
	to := flag.String("to", "200ms", "the last instant")
	left := flag.String("left", "alice", "the cell on the left")
	right := flag.String("right", "bob", "the cell on the right")
	out := flag.String("o", "-", "the file to write; - is standard output")
	flag.Parse()
	if err := run(flag.Args(), *from, *to, *left, *right, *out); err != nil {
		fmt.Fprintln(os.Stderr, "spacetime:", err)
		os.Exit(2)
	}
}

func run(args []string, from, to, left, right, out string) error {
	if len(args) != 1 {
		return fmt.Errorf("want one trace, got %d", len(args))
	}
	a, err := des.ParseDuration(from)
	if err != nil {
		return fmt.Errorf("from %w", err)
	}
	b, err := des.ParseDuration(to)
	if err != nil {
		return fmt.Errorf("to %w", err)
	}
	if b <= a {
		return fmt.Errorf("to %s: must be after %s", to, from)
	}
	t, err := replay.Open(args[0])
	if err != nil {
		return err
	}
	defer t.Close() // it was only read
	p, err := read(t, clock.Time(a), clock.Time(b), left, right)
	if err != nil {
		return err
	}
	if out == "-" {
		_, err = os.Stdout.Write(p.draw())
		return err
	}
	return os.WriteFile(out, p.draw(), 0o644)
}
