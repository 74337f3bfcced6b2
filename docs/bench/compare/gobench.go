package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// processLimit bounds one measurement. The longest is a second or two.
const processLimit = 150 * time.Second

// A sample is what one run of one source said.
type sample struct {
	name    string // the benchmark that was found
	ns      float64
	metrics map[string]float64 // by unit
}

// timeUnits are the units of a benchmark's time, the better one first: a
// benchmark whose operation is not one event may say what an event costs.
var timeUnits = []string{"ns/event", "ns/packet", "ns/hop", "ns/op"}

// parseBench reads the lines of results in what a test binary printed. With
// more than one processor the names end in their number, which is cut off. The
// name and the figures stand on two lines when a benchmark prints on its own.
func parseBench(out string, procs int) []sample {
	var found []sample
	name := ""
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if strings.HasPrefix(f[0], "Benchmark") {
			name = f[0]
			f = f[1:]
		}
		if s, ok := parseFigures(f); ok && name != "" {
			s.name = name
			if procs > 1 {
				s.name = strings.TrimSuffix(name, "-"+strconv.Itoa(procs))
			}
			found = append(found, s)
			name = ""
		}
	}
	return found
}

// parseFigures reads "1000  41.5 ns/op  0 B/op  0 allocs/op".
func parseFigures(f []string) (sample, bool) {
	s := sample{metrics: map[string]float64{}}
	if len(f) < 3 || len(f)%2 == 0 {
		return s, false
	}
	if _, err := strconv.ParseUint(f[0], 10, 64); err != nil {
		return s, false
	}
	for i := 1; i < len(f); i += 2 {
		v, err := strconv.ParseFloat(f[i], 64)
		if err != nil {
			return s, false
		}
		s.metrics[f[i+1]] = v
	}
	for _, u := range timeUnits {
		if v, ok := s.metrics[u]; ok {
			s.ns = v
			return s, true
		}
	}
	return s, false
}

// choose gives the result of the first of the alternatives that has one.
func choose(found []sample, names string) (sample, bool) {
	for _, want := range strings.Fields(names) {
		for _, s := range found {
			if s.name == want {
				return s, true
			}
		}
	}
	return sample{}, false
}

// benchPattern is the -bench argument for names, which may hold stars: each
// part between slashes must match from end to end.
func benchPattern(names []string) string {
	alternatives := make([]string, len(names))
	for i, n := range names {
		parts := strings.Split(n, "/")
		for j, p := range parts {
			parts[j] = "^" + strings.ReplaceAll(regexp.QuoteMeta(p), `\*`, ".*") + "$"
		}
		alternatives[i] = strings.Join(parts, "/")
	}
	return strings.Join(alternatives, "|")
}

// A binary is the compiled tests of a package, or why there are none.
type binary struct{ path, missing string }

// compiled gives the test binary of a package, built at the first call.
func (m *meter) compiled(pkg string) binary {
	if b, ok := m.binaries[pkg]; ok {
		return b
	}
	fmt.Fprintln(m.progress, "compiling the tests of", pkg)
	b := binary{path: filepath.Join(m.dir, strings.NewReplacer("/", "_", ".", "").Replace(pkg)+".test")}
	cmd := exec.Command("go", "test", "-c", "-o", b.path, pkg)
	cmd.Dir = m.root
	if out, err := cmd.CombinedOutput(); err != nil {
		b.missing = "the tests of " + pkg + " do not compile: " + lastLine(out, 1)
	} else if _, err := os.Stat(b.path); errors.Is(err, fs.ErrNotExist) {
		b.missing = pkg + " has no tests"
	}
	m.binaries[pkg] = b
	return b
}

// skipBaselines keeps out what lies below a benchmark that was named: a name
// also runs those, and baselines are slow by trade.
const skipBaselines = "./^baseline=|././^baseline=|./././^baseline=|././././^baseline="

// bench runs benchmarks of a package and gives all results. Baselines have a
// process of their own, since one that skips them cannot run some.
func (m *meter) bench(pkg string, names []string, procs int, benchtime string) ([]sample, error) {
	b := m.compiled(pkg)
	if b.missing != "" {
		return nil, errors.New(b.missing)
	}
	var found []sample
	for _, baselines := range []bool{false, true} {
		wanted := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return strings.Contains(n, "baseline=") != baselines })
		if len(wanted) == 0 {
			continue
		}
		args := []string{b.path, "-test.run=^$", "-test.bench=" + benchPattern(wanted), "-test.benchtime=" + benchtime, "-test.benchmem", "-test.cpu=" + strconv.Itoa(procs)}
		if !baselines {
			args = append(args, "-test.skip="+skipBaselines)
		}
		out, err := m.run(filepath.Join(m.root, pkg), procs == 1, args)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", pkg, lastLine(out, 3), err)
		}
		found = append(found, parseBench(string(out), procs)...)
	}
	return found, nil
}

// run runs a measurement, on the one processor if it is pinned, and counts
// the processor time it took, so that the time others took can be told.
func (m *meter) run(dir string, pinned bool, args []string) ([]byte, error) {
	if pinned {
		args = append(append([]string(nil), m.pin...), args...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), processLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState != nil {
		m.used += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	if ctx.Err() != nil {
		return out, fmt.Errorf("not done after %v", processLimit)
	}
	return out, err
}

// lastLine gives the last lines of an output that say something, as one.
func lastLine(out []byte, n int) string {
	var said []string
	for l := range bytes.Lines(out) {
		if s := strings.TrimSpace(string(l)); s != "" && s != "FAIL" && !strings.HasPrefix(s, "FAIL\t") && !strings.HasPrefix(s, "exit status") {
			said = append(said, s)
		}
	}
	return strings.Join(said[max(0, len(said)-n):], "; ")
}
