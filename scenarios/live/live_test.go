package live

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/scenarios"
)

var long = flag.Bool("long", false, "run the long forms of tests")

// tell is how a run came out, for comparison.
func tell(r *scenarios.Result) string {
	var b strings.Builder
	b.WriteString(string(r.Verdict))
	if r.Failure != nil {
		b.WriteString(" " + r.Failure.Property)
	}
	for _, x := range r.Expect {
		b.WriteString("\n  " + string(x.Verdict) + " " + x.Text)
	}
	return b.String()
}

func load(t testing.TB, file string, seed uint64, set ...string) *scenarios.Scenario {
	t.Helper()
	text, err := os.ReadFile("../" + file)
	if err != nil {
		t.Fatal(err)
	}
	src, err := scenarios.Parse("scenarios/"+file, text)
	if err != nil {
		t.Fatal(err)
	}
	sc, err := src.Build(scenarios.BuildOptions{Seed: des.SeedOf(seed), Set: set})
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

func virtual(t testing.TB, sc *scenarios.Scenario) *scenarios.Result {
	t.Helper()
	w, err := scenarios.NewWorld(sc, scenarios.WorldOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return w.Run()
}

func (p *plant) run(opt Options) (*Result, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p.cancel = cancel
	opt.Journals, opt.Clock = p.dir, p
	return Run(ctx, p.sc, p, opt)
}

// shipped are all scenarios that dsim ships but those whose size is the point.
func shipped(t testing.TB) (files []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(".."), ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && path.Ext(p) == ".yaml" && strings.Count(p, "/") == 1 && !strings.HasPrefix(p, "testdata") && !strings.HasPrefix(p, "studies") {
			files = append(files, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(files, func(f string) bool { return f == "tree/thousand.yaml" })
}

// otherwise are scenarios that come out differently on real processes, because
// of what they are about.
var otherwise = map[string]string{
	"abp/clock-drift":     "a time-out is shorter than twice the delay and what a socket takes",
	"abp/crash-lost":      "bob crashes while he is in a state that lasts shorter than the hold-back",
	"canaries/zero-delay": "a socket takes time",
}

func TestLiveVerdictsAreThoseOfVirtualRuns(t *testing.T) {
	for _, file := range shipped(t) {
		name := strings.TrimSuffix(file, ".yaml")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := load(t, file, 1)
			if sc.Run.Until > clock.Time(3e11) && !*long {
				t.Skip("long: -long")
			}
			want := virtual(t, sc)
			got, err := newPlant(t, sc).run(Options{})
			if err != nil {
				t.Fatal(err)
			}
			for i := range got.Broken {
				t.Errorf("not reproduced: %s", &got.Broken[i])
			}
			if got.Marks < 2 || got.Inputs == 0 || got.Why != "" {
				t.Errorf("%d marks were compared, of %d inputs; late: %q", got.Marks, got.Inputs, got.Why)
			}
			if same := tell(got.Result) == tell(want); same != (otherwise[name] == "") {
				t.Errorf("virtual: %s\nlive: %s", tell(want), tell(got.Result))
			}
		})
	}
}

// Draws are addressed by the frame: what a live run loses is what a virtual one
// loses, as long as the same frames are sent.
func TestLiveCountsAreThoseOfVirtualRuns(t *testing.T) {
	for _, file := range []string{"abp/lossy.yaml", "abp/bit-errors.yaml", "abp/duplicates.yaml", "abp/frame-check.yaml", "echo/delay.yaml"} {
		sc := load(t, file, 3)
		want := virtual(t, sc)
		got, err := newPlant(t, sc).run(Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got.Totals != want.Totals {
			t.Errorf("%s: counted\n%+v, in virtual time\n%+v", file, got.Totals, want.Totals)
		}
	}
}

func TestTwoRunsOfAPlantAreOne(t *testing.T) {
	var told [2]string
	for i := range told {
		r, err := newPlant(t, load(t, "tree/root-crash.yaml", 5)).run(Options{})
		if err != nil {
			t.Fatal(err)
		}
		told[i] = fmt.Sprintf("%s\n%016x %d %d %+v", tell(r.Result), uint64(r.Digest), r.Events, r.Inputs, r.Totals)
	}
	if told[0] != told[1] {
		t.Errorf("%s\nthe second time %s", told[0], told[1])
	}
}

func TestAStateThatIsNotReproducedIsNamed(t *testing.T) {
	p := newPlant(t, load(t, "abp/lossy.yaml", 3))
	p.seed = func(id cells.ID, s des.Seed) des.Seed {
		if id == "bob" {
			return des.SeedOf(99) // not that of his journal: what he loses is not what his mirror does
		}
		return s
	}
	r, err := p.run(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Broken) != 1 || r.Broken[0].Site != "bob" || !strings.Contains(r.Broken[0].String(), `cell "bob"`) {
		t.Fatalf("named: %v", r.Broken)
	}
}

// canary is a run that fails, and why is what makes it inconclusive.
func TestAFailureOfALateRunIsInconclusive(t *testing.T) {
	const file = "canaries/abp-no-checksum.yaml"
	for _, c := range []struct {
		name string
		late func(int) time.Duration
		opt  Options
		want string
	}{
		{"in time", nil, Options{}, ""},
		{"within the bound", func(int) time.Duration { return 20 * time.Millisecond }, Options{}, ""},
		{"one timer", func(n int) time.Duration { return time.Duration(n/7%2) * 150 * time.Millisecond }, Options{}, "later than 100ms, by up to 15"},
		{"a lower bound", func(int) time.Duration { return 3 * time.Millisecond }, Options{Bound: 2 * time.Millisecond}, "later than 2ms, by up to 3"},
	} {
		p := newPlant(t, load(t, file, 1))
		p.late = c.late
		r, err := p.run(c.opt)
		if err != nil {
			t.Fatal(err)
		}
		verdict := scenarios.Fail
		if c.want != "" {
			verdict = scenarios.Inconclusive
		}
		if r.Verdict != verdict || r.Failure == nil || !strings.Contains(r.Why, c.want) || (c.want == "") != (r.Why == "") {
			t.Errorf("%s: %s, %q, want %s, %q\n%s", c.name, r.Verdict, r.Why, verdict, c.want, tell(r.Result))
		}
	}
	p := newPlant(t, load(t, "abp/two-cells.yaml", 1))
	p.late = func(int) time.Duration { return 150 * time.Millisecond }
	if r, err := p.run(Options{}); err != nil || r.Verdict != scenarios.Pass {
		t.Errorf("a late run that passes: %v, %s", err, tell(r.Result))
	}
}

const killed = `version: 1
name: killed
cells:
  alice: {protocol: abp, role: sender, messages: 2000, rto: 5ms}
  bob: {protocol: abp, role: receiver}
links:
  ab: {between: [alice:p0, bob:p0], delay: 1ms}
timeline:
  - {at: 200ms, crash: alice, for: 100ms}
  - {at: 500ms, crash: bob}
expect:
  - {eventually: alice.sent > 20, within: 1s, after: faults}
  - {sometimes: links.ab.delivered > 10}
run: {until: 1s}
`

func parse(t testing.TB, text string) *scenarios.Scenario {
	t.Helper()
	src, err := scenarios.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	sc, err := src.Build(scenarios.BuildOptions{Seed: des.SeedOf(1)})
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

func TestACrashCanBeTheEndOfAProcess(t *testing.T) {
	r, err := newPlant(t, parse(t, killed)).run(Options{Kill: true})
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != scenarios.Pass || r.Lives != 3 || len(r.Broken) > 0 {
		t.Errorf("%d lives, not reproduced: %v\n%s", r.Lives, r.Broken, tell(r.Result))
	}
	if len(r.Cells) != 2 || r.Cells[0].Run != cells.Running || r.Cells[1].Run != cells.Crashed {
		t.Errorf("at the end: %+v", r.Cells)
	}
	sc := load(t, "abp/crash.yaml", 1)
	if _, err := newPlant(t, sc).run(Options{Kill: true}); !errors.Is(err, ErrKept) || !strings.HasPrefix(err.Error(), "scenarios/abp/crash.yaml:18: cell alice ") {
		t.Errorf("kept state: %v", err)
	}
}

func TestAProcessThatEndsByItselfFailsTheRun(t *testing.T) {
	p := newPlant(t, load(t, "abp/two-cells.yaml", 1))
	p.died = []cells.ID{"bob"}
	r, err := p.run(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != scenarios.Fail || r.Failure.Property != PropertyProcess || r.Failure.Text != "the process of cell bob has ended: signal: killed" {
		t.Errorf("%s: %+v", r.Verdict, r.Failure)
	}
	if r.End > clock.Time(time.Second) {
		t.Errorf("it went on until %s", r.End)
	}
}

func TestAnInterruptedRunClosesItsSite(t *testing.T) {
	p := newPlant(t, load(t, "abp/lossy.yaml", 1))
	p.until = clock.Time(300 * time.Millisecond)
	_, err := p.run(Options{})
	if !errors.Is(err, ErrInterrupted) || !p.closed {
		t.Errorf("%v; closed: %t", err, p.closed)
	}
}

func TestATimelineThatIsRefusedFailsTheRun(t *testing.T) {
	r, err := newPlant(t, parse(t, strings.Replace(killed, "crash: bob", "resume: bob", 1))).run(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != scenarios.Fail || r.Failure.Property != scenarios.PropertyTimeline || r.Failure.Line != 10 {
		t.Errorf("%s: %+v", r.Verdict, r.Failure)
	}
}

func TestCellsThatComeUpLateCanBeRefused(t *testing.T) {
	for _, punctual := range []bool{false, true} {
		p := newPlant(t, load(t, "abp/small.yaml", 1))
		p.now = clock.Time(20 * time.Millisecond)
		r, err := p.run(Options{Punctual: punctual})
		if punctual != errors.Is(err, ErrLate) || !p.closed {
			t.Errorf("punctual %t: %v; closed: %t", punctual, err, p.closed)
		}
		if !punctual && r.Late.Acts.Max != 20*time.Millisecond {
			t.Errorf("late: %+v", r.Late.Acts)
		}
	}
}
