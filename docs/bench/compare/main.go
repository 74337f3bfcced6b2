// Compare measures dsim beside its peers and prints by how much it is faster,
// with the goal of each row and whether it is met.
//
//	go run ./docs/bench/compare              # dsim's own ratios
//	go run ./docs/bench/compare --ns3        # and those to ns-3, if it is installed
//	go run ./docs/bench/compare hold timers  # only rows with these words
//	go run ./docs/bench/compare --guard      # what CI holds: floors.txt
//
// Only ratios taken side by side are worth telling: caches and clocks of a
// machine are shared, and the same loop may take half as long again a minute
// later. So every figure here is one side of a pair, the sides are measured one
// after the other on the same processor, the pairs are taken in rounds, and a
// row's figure is the median of its rounds. Beside them runs a calibration
// loop, which shows how steady the machine was, and before each round the load
// of the machine is looked at.
//
// It measures by running: our side are Go benchmarks, found by name (goals.go
// is the one table of names), and ns-3's is the program in docs/bench/ns3. What
// cannot be measured, a benchmark that is not there or a peer that is not
// installed, is said in its row. It leaves what a load is to those who run it.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

func main() {
	var o options
	flag.BoolVar(&o.ns3, "ns3", false, "measure ns-3 too (wants g++ and its headers)")
	flag.IntVar(&o.rounds, "rounds", 7, "rounds, 1 to 99: a figure is the median of so many pairs")
	flag.StringVar(&o.benchtime, "benchtime", "200ms", "how long each of our benchmarks runs in a round")
	flag.StringVar(&o.schedulers, "schedulers", "pq", "ns-3's schedulers of which the fastest counts: pq,map,heap,calendar,list")
	flag.IntVar(&o.pin, "pin", runtime.NumCPU()-1, "the processor to run on, where taskset is; -1: any")
	flag.BoolVar(&o.asJSON, "json", false, "print JSON")
	flag.BoolVar(&o.asMarkdown, "markdown", false, "print the tables of docs/performance.md")
	flag.BoolVar(&o.guard, "guard", false, "hold the limits of floors.txt and print nothing else")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: go run ./docs/bench/compare [flags] [words of rows]")
		flag.PrintDefaults()
	}
	flag.Parse()
	o.words = flag.Args()
	if err := run(o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

type options struct {
	ns3, guard         bool
	asJSON, asMarkdown bool
	rounds, pin        int
	benchtime          string
	schedulers         string
	words              []string
}

func run(o options, out, progress io.Writer) error {
	if o.rounds < 1 || o.rounds > 99 {
		return fmt.Errorf("rounds %d: must be 1 to 99", o.rounds)
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "compare")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	m := &meter{root: root, dir: dir, benchtime: o.benchtime, pin: pinTo(o.pin), progress: progress, binaries: map[string]binary{}}
	if o.guard {
		return guard(m, filepath.Join(root, floorsFile), out)
	}
	rows := pick(goals(), o.words)
	if len(rows) == 0 {
		return fmt.Errorf("no row has the words %q: these have some: %s", o.words, strings.Join(groups(goals()), ", "))
	}
	if o.ns3 {
		m.schedulers = strings.Split(o.schedulers, ",")
		m.ns3, m.ns3Missing = buildNS3(root, dir)
	} else {
		m.ns3Missing = "not asked for: --ns3"
	}
	rep := m.rounds(rows, o.rounds)
	switch {
	case o.asJSON:
		return writeJSON(out, rep)
	case o.asMarkdown:
		return writeMarkdown(out, rep)
	default:
		return writeText(out, rep)
	}
}

// moduleRoot is the folder of the module's sources, wherever we are inside it.
func moduleRoot() (string, error) {
	gomod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	root := filepath.Dir(strings.TrimSpace(string(gomod)))
	if _, err := os.Stat(filepath.Join(root, floorsFile)); err != nil {
		return "", fmt.Errorf("run it inside the sources of dsim: %w", err)
	}
	return root, nil
}

// pinTo is the command that keeps a process on one processor, nil without one.
func pinTo(cpu int) []string {
	taskset, err := exec.LookPath("taskset")
	if err != nil || cpu < 0 {
		return nil
	}
	return []string{taskset, "-c", fmt.Sprint(cpu)}
}
