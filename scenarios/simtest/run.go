package simtest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/dsim/des"
	"example.com/dsim/replay"
	"example.com/dsim/scenarios"
)

var (
	seedFlag  = flag.String("dsim.seed", os.Getenv("DSIM_SEED"), "run worlds under this seed alone")
	runsFlag  = flag.Int("dsim.runs", 0, "run worlds under so many seeds, from 1; 0 is 10, with -short 3")
	traceFlag = flag.String("dsim.trace", "choices", "what the trace of a failed run holds: choices, events or off")
	tellFlag  = flag.Bool("dsim.tell", false, "log what happens in worlds, one line an event of interest")
	setFlag   overrides
)

func init() {
	flag.Var(&setFlag, "dsim.set", "override a value of the scenario, \"links.ab.loss=30%\"; may be repeated")
}

// overrides are the values of a flag that may be repeated.
type overrides []string

func (o *overrides) String() string { return strings.Join(*o, " ") }

func (o *overrides) Set(s string) error {
	if !strings.Contains(s, "=") {
		return fmt.Errorf("override %q: want path=value, such as links.ab.loss=30%%", s)
	}
	*o = append(*o, s)
	return nil
}

// Options change how worlds are run.
type Options struct {
	Set      []string            // overrides, "links.ab.loss=30%"
	Registry *scenarios.Registry // of protocols; nil for the default
	Runs     int                 // how many seeds where no flag says it
	Parallel bool                // seeds run side by side
}

// Source is where worlds come from: a *scenarios.Builder, or a
// *scenarios.Source.
type Source interface {
	Source() (*scenarios.Source, error)
}

// File runs the scenario of a file to its end, under several seeds. It fails
// unless each run comes out as the scenario says: all expectations hold, or
// exactly the one fails that is meant to.
func File(t *testing.T, path string, opts ...Options) {
	t.Helper()
	src, err := scenarios.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	o := only(opts)
	if *seedFlag == "" && len(setFlag) == 0 {
		for _, f := range before {
			f(t, path, o.Registry)
		}
	}
	o.each(t, src, path, func(w *World) {
		w.Advance(w.Scenario.Run.Until, 0)
		w.judge()
	})
}

// before is what File does before it runs a scenario's seeds.
var before []func(t *testing.T, path string, reg *scenarios.Registry)

// Before has File call f with the scenario's path before it runs seeds, but for
// runs of one seed or with overrides. A package that knows more of a scenario
// than its seeds, such as failures that were kept, calls it in its init.
func Before(f func(t *testing.T, path string, reg *scenarios.Registry)) { before = append(before, f) }

// Run builds a world for each of several seeds and gives it to body, at time 0
// and not yet started. When body returns, the run goes on to its end and the
// scenario's expectations are judged, unless body called Done.
func Run(t *testing.T, from Source, body func(*World), opts ...Options) {
	t.Helper()
	src, err := from.Source()
	if err != nil {
		t.Fatal(err)
	}
	o := only(opts)
	o.each(t, src, "", func(w *World) {
		body(w)
		if !w.done {
			w.Advance(w.Scenario.Run.Until, 0)
			w.judge()
		}
	})
}

func only(opts []Options) Options {
	if len(opts) > 0 {
		return opts[0]
	}
	return Options{}
}

// each runs one world a seed: those that failed before, then the others.
func (o *Options) each(t *testing.T, src *scenarios.Source, path string, body func(*World)) {
	t.Helper()
	seeds, err := o.seeds(t)
	if err != nil {
		t.Fatal(err)
	}
	for _, seed := range seeds {
		name := "seed=" + seed.String()
		if len(seeds) == 1 {
			o.one(t, src, path, seed, body)
			return
		}
		t.Run(name, func(t *testing.T) {
			if o.Parallel {
				t.Parallel()
			}
			o.one(t, src, path, seed, body)
		})
	}
}

// seeds are the seeds to run.
func (o *Options) seeds(t *testing.T) ([]des.Seed, error) {
	if *seedFlag != "" {
		s, err := des.ParseSeed(*seedFlag)
		if err != nil {
			return nil, fmt.Errorf("-dsim.seed %w", err)
		}
		return []des.Seed{s}, nil
	}
	n := *runsFlag
	switch {
	case n > 0:
	case o.Runs > 0:
		n = o.Runs
	case testing.Short():
		n = 3
	default:
		n = 10
	}
	seeds, err := kept(t.Name())
	if err != nil {
		return nil, err
	}
	had := make(map[des.Seed]bool, len(seeds))
	for _, s := range seeds {
		had[s] = true
	}
	for i := range n {
		if s := des.SeedOf(uint64(i) + 1); !had[s] {
			seeds = append(seeds, s)
		}
	}
	return seeds, nil
}

// one runs one world, with its trace.
func (o *Options) one(t *testing.T, src *scenarios.Source, path string, seed des.Seed, body func(*World)) {
	t.Helper()
	sc, err := src.Build(scenarios.BuildOptions{Seed: seed, Set: slices.Concat(o.Set, setFlag), Registry: o.Registry})
	if err != nil {
		t.Fatal(err)
	}
	w := &World{TB: t, path: path}
	opt := scenarios.WorldOptions{Registry: o.Registry}
	if err := w.trace(sc, &opt); err != nil {
		t.Fatal(err)
	}
	if *tellFlag {
		tell := scenarios.Transcript(t.Output())
		if opt.Records != nil {
			tell = both{tell, opt.Records}
		}
		opt.Records = tell
	}
	if w.World, err = scenarios.NewWorld(sc, opt); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.finish)
	body(w)
}

// both hands records to two sinks.
type both [2]des.Sink

func (b both) Record(r *des.Record) {
	b[0].Record(r)
	b[1].Record(r)
}

// trace begins to record, if it is to be recorded.
func (w *World) trace(sc *scenarios.Scenario, opt *scenarios.WorldOptions) error {
	if *traceFlag == "off" {
		return nil
	}
	level, err := replay.ParseLevel(*traceFlag)
	if err != nil {
		return fmt.Errorf("-dsim.trace %w", err)
	}
	h := replay.Header{
		Level: level, Scenario: sc.Name, Text: string(sc.Text), Seed: sc.Seed.String(), Set: sc.Set, Rng: 1,
		Info: map[string]string{"file": sc.File, "test": w.Name()},
	}
	if w.writer, err = replay.NewWriter(&w.memory, h); err != nil {
		return err
	}
	opt.Choices, opt.Marks = w.writer, w.writer
	if level == replay.Events {
		opt.Records = w.writer
	}
	return nil
}

// finish keeps what a failed run leaves behind, and says how to repeat it.
func (w *World) finish() {
	if !w.Failed() {
		return
	}
	if w.writer != nil {
		verdict := "failed"
		if f := w.World.Failure(); f != nil {
			verdict = "fail: " + f.Property
		}
		s := replay.Summary{Verdict: verdict, Digest: w.Host().Digest(), End: w.Now(), Events: w.Scheduler().Executed()}
		if err := w.writer.Close(s); err == nil {
			file := filepath.Join(w.ArtifactDir(), "run.trace")
			if err := os.WriteFile(file, w.memory.Bytes(), 0o644); err == nil {
				w.Logf("trace: %s", file)
			}
		}
	}
	if len(setFlag) == 0 { // else it is another test that failed
		if err := keep(w.Name(), w.Scenario.Seed); err != nil {
			w.Logf("the seed could not be kept: %v", err)
		}
	}
	seed := w.Scenario.Seed.String()
	w.Logf("at %s, after %d events, seed %s", w.Now(), w.Scheduler().Executed(), seed)
	if w.path != "" && w.Scenario.Shipped() {
		w.Logf("to repeat it: dsim run %s --seed %s%s", w.path, seed, setWords("--set ", w.Scenario.Set))
	}
	test, _, _ := strings.Cut(w.Name(), "/seed=")
	w.Logf("to repeat it: go test -run '^%s$' -dsim.seed=%s%s", strings.ReplaceAll(test, "/", "$/^"), seed, setWords("-dsim.set=", setFlag))
}

// setWords are overrides as a command line has them.
func setWords(flag string, set []string) string {
	var b strings.Builder
	for _, s := range set {
		fmt.Fprintf(&b, " %s'%s'", flag, strings.ReplaceAll(s, "'", `'\''`))
	}
	return b.String()
}

// judge ends the run and fails the test unless it came out as it is meant to.
func (w *World) judge() {
	w.Helper()
	w.done = true
	r := w.Result()
	if r.AsMeant() {
		return
	}
	for _, x := range r.Expect {
		switch {
		case x.Failure != nil:
			w.Errorf("%s: %s", x.Text, x.Failure)
		case x.Verdict != scenarios.Pass:
			w.Errorf("%s: %s: %s", x.Text, x.Verdict, x.Why)
		}
	}
	if !w.Failed() {
		w.Errorf("the run came out as %s, meant was %s", verdictOf(r), meant(r.Scenario))
	}
}

func verdictOf(r *scenarios.Result) string {
	if r.Failure != nil {
		return r.Failure.String()
	}
	return string(r.Verdict)
}

func meant(sc *scenarios.Scenario) string {
	if sc.Fails != "" {
		return "a failure of " + sc.Fails
	}
	return "pass"
}
