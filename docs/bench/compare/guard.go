package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// floorsFile is the list of what CI holds, from the module's root.
const floorsFile = "docs/bench/floors.txt"

// A floor is one line of the list.
type floor struct {
	line     int
	maybe    bool   // it may be missing, yet
	pkg      string // "./des"
	name     string // a benchmark; of most it may have stars
	unit     string // of most: which figure
	baseline string // of least: the benchmark it is held against, in the same run
	limit    float64
}

func (f floor) least() bool { return f.baseline != "" }

// parseFloors reads the list: a line is empty, or a comment after #, or
//
//	most  PACKAGE BENCHMARK UNIT     LIMIT
//	least PACKAGE BENCHMARK BASELINE RATIO
//
// and begins with ? while the benchmark is not there yet.
func parseFloors(file, text string) ([]floor, error) {
	var fs []floor
	n := 0
	for l := range strings.Lines(text) {
		n++
		l, _, _ = strings.Cut(l, "#")
		l, maybe := strings.CutPrefix(strings.TrimSpace(l), "?")
		w := strings.Fields(l)
		if len(w) == 0 {
			continue
		}
		if len(w) != 5 || w[0] != "most" && w[0] != "least" {
			return nil, fmt.Errorf("%s:%d: want most PACKAGE BENCHMARK UNIT LIMIT, or least PACKAGE BENCHMARK BASELINE RATIO", file, n)
		}
		f := floor{line: n, maybe: maybe, pkg: w[1], name: w[2]}
		if w[0] == "most" {
			f.unit = w[3]
		} else {
			f.baseline = w[3]
		}
		var err error
		if f.limit, err = strconv.ParseFloat(w[4], 64); err != nil || math.IsNaN(f.limit) || f.limit < 0 {
			return nil, fmt.Errorf("%s:%d: limit %q: must be a number of at least 0", file, n, w[4])
		}
		if _, err := path.Match(f.name, ""); err != nil {
			return nil, fmt.Errorf("%s:%d: benchmark %s: %w", file, n, f.name, err)
		}
		fs = append(fs, f)
	}
	return fs, nil
}

// A finding is what came of a floor.
type finding struct {
	text string
	bad  bool
	lost bool // nothing of that name ran
}

// judge holds a floor against the results of its package.
func (f floor) judge(found []sample) []finding {
	var fs []finding
	for _, s := range found {
		if ok, _ := path.Match(f.name, s.name); !ok {
			continue
		}
		if !f.least() {
			v, ok := s.metrics[f.unit]
			if !ok {
				return []finding{{text: fmt.Sprintf("%s does not report %s", s.name, f.unit), bad: true}}
			}
			fs = append(fs, finding{text: fmt.Sprintf("%s: %s %s, at most %s", s.name, short(v), f.unit, short(f.limit)), bad: v > f.limit})
			continue
		}
		i := slices.IndexFunc(found, func(s sample) bool { return s.name == f.baseline })
		if i < 0 {
			break
		}
		v := over(found[i].ns, s.ns)
		fs = append(fs, finding{text: fmt.Sprintf("%s: %sx as fast as %s, at least %sx", s.name, short(v), f.baseline, short(f.limit)), bad: !(v >= f.limit)})
	}
	if len(fs) == 0 {
		what := f.name
		if f.least() {
			what += " or " + f.baseline
		}
		return []finding{{text: "there is no benchmark " + what + " in " + f.pkg, bad: !f.maybe, lost: true}}
	}
	return fs
}

// Ratios are measured anew while they are below their floors, so that one
// disturbance fails nothing; allocations are what they are.
const (
	guardTries = 3
	guardTime  = "20ms"
)

// guard holds the list.
func guard(m *meter, file string, out io.Writer) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	floors, err := parseFloors(floorsFile, string(text))
	if err != nil {
		return err
	}
	bad, held := 0, 0
	for _, pkg := range packages(floors) {
		fs := slices.DeleteFunc(slices.Clone(floors), func(f floor) bool { return f.pkg != pkg })
		findings, err := m.guardPackage(pkg, fs)
		if err != nil {
			return err
		}
		for _, f := range findings {
			mark := "ok  "
			switch {
			case f.bad:
				mark = "FAIL"
				bad++
			case f.lost:
				mark = "none"
			default:
				held++
			}
			fmt.Fprintln(out, mark, f.text)
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d limits of %s are not held", bad, floorsFile)
	}
	if held == 0 && !slices.ContainsFunc(floors, func(f floor) bool { return f.maybe }) {
		return errors.New("no limit was held against anything")
	}
	fmt.Fprintf(out, "%d limits held\n", held)
	return nil
}

// guardPackage measures all that the floors of one package name, in one run,
// and those that are ratios and do not hold again.
func (m *meter) guardPackage(pkg string, fs []floor) ([]finding, error) {
	found, err := m.bench(pkg, namesOf(fs), 1, guardTime)
	if err != nil {
		return nil, err
	}
	var all []finding
	for _, f := range fs {
		got := f.judge(found)
		for try := 1; try < guardTries && f.least() && got[0].bad && !got[0].lost; try++ {
			again, err := m.bench(pkg, namesOf([]floor{f}), 1, guardTime)
			if err != nil {
				return nil, err
			}
			got = f.judge(again)
		}
		all = append(all, got...)
	}
	return all, nil
}

// packages are those of the floors, in order.
func packages(fs []floor) []string {
	var ps []string
	for _, f := range fs {
		if !slices.Contains(ps, f.pkg) {
			ps = append(ps, f.pkg)
		}
	}
	return ps
}

// namesOf are the benchmarks that floors want run, each once.
func namesOf(fs []floor) []string {
	var names []string
	for _, f := range fs {
		for _, n := range []string{f.name, f.baseline} {
			if n != "" && !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	return names
}
