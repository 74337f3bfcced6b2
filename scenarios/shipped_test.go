package scenarios

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/dsim/des"
)

// runShipped is a run of a scenario that dsim ships.
func runShipped(t *testing.T, file string, seed uint64) *Result {
	t.Helper()
	sc, err := lawSource(t, file).Build(BuildOptions{Seed: des.SeedOf(seed)})
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWorld(sc, WorldOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return w.Run()
}

// again is the command that repeats a run of a shipped scenario.
func again(file string, seed uint64) string {
	return fmt.Sprintf("go run ./cmd/dsim run scenarios/%s --seed %d", file, seed)
}

func describe(r *Result) string {
	if r.Failure != nil {
		return r.Failure.String()
	}
	for _, x := range r.Expect {
		if x.Verdict != Pass {
			return fmt.Sprintf("%s: %s, %s", x.Text, x.Verdict, x.Why)
		}
	}
	return string(r.Verdict)
}

// eventsMost keeps shipped scenarios quick: thousands of runs take seconds.
const eventsMost = 20_000

// great are worlds that are shipped for their size: millions of events. They run
// in full with -long, and in CI, which runs every shipped scenario twice.
var great = []string{"tree/thousand.yaml"}

func TestShippedScenariosComeOutAsMeantUnderEverySeed(t *testing.T) {
	seeds := uint64(20)
	if testing.Short() {
		seeds = 3
	}
	for _, file := range shippedFiles(t) {
		t.Run(strings.TrimSuffix(file, ".yaml"), func(t *testing.T) {
			t.Parallel()
			big := slices.Contains(great, file)
			if big && !*long {
				t.Skip("takes a minute: -long")
			}
			for seed := uint64(1); seed <= seeds; seed++ {
				r := runShipped(t, file, seed)
				if !r.AsMeant() {
					t.Errorf("not as meant: %s\n%s", describe(r), again(file, seed))
				}
				if r.Events > eventsMost && !big {
					t.Errorf("%d events, a shipped scenario has at most %d\n%s", r.Events, eventsMost, again(file, seed))
				}
				if s := runShipped(t, file, seed); s.Digest != r.Digest || s.Events != r.Events {
					t.Errorf("digest %016x, the second time %016x\n%s --check-determinism", uint64(r.Digest), uint64(s.Digest), again(file, seed))
				}
			}
		})
	}
}

// What a scenario is to show is bound to happen, or it teaches nothing under
// some seed.
func TestLossyPassesUnderTenThousandSeeds(t *testing.T) {
	if !*long {
		t.Skip("takes a minute: -long")
	}
	const file = "abp/lossy.yaml"
	var retransmitted, flips, dropped uint64
	for seed := uint64(1); seed <= 10_000; seed++ {
		r := runShipped(t, file, seed)
		if !r.AsMeant() {
			t.Fatalf("not as meant: %s\n%s", describe(r), again(file, seed))
		}
		for _, c := range r.Cells {
			for _, a := range c.Attrs {
				switch string(c.ID) + "." + a.Name {
				case "bob.delivered":
					if a.Int < 1000 {
						t.Fatalf("%d messages\n%s", a.Int, again(file, seed))
					}
				case "alice.retransmitted":
					retransmitted += uint64(a.Int)
				}
			}
		}
		flips += r.Totals.Flips
		dropped += r.Totals.Dropped
	}
	t.Logf("10,000 runs: %d retransmissions, %d flips, %d drops", retransmitted, flips, dropped)
	if retransmitted == 0 || flips == 0 || dropped == 0 {
		t.Error("a fault never bit")
	}
}

var schemaLine = "# yaml-language-server: $schema=../scenario.schema.json"

// drawn finds a line of a drawing: a comment with a link in it.
var drawn = regexp.MustCompile(`(?m)^# .*(={4}|~{4}|-{4}).*$`)

func TestShippedScenariosTeach(t *testing.T) {
	names := make(map[string]string)
	for _, file := range shippedFiles(t) {
		text := string(lawSource(t, file).Text)
		head, _, _ := strings.Cut(text, "version:")
		if !strings.HasPrefix(head, schemaLine+"\n") {
			t.Errorf("%s: the first line is not %s", file, schemaLine)
		}
		if !drawn.MatchString(head) {
			t.Errorf("%s: no drawing of its topology", file)
		}
		if !strings.Contains(head, "\n# See ") {
			t.Errorf("%s: does not say what to see", file)
		}
		for line := range strings.Lines(head) {
			if len(line) > 81 {
				t.Errorf("%s: a line of the head is longer than 80: %s", file, line)
			}
		}
		sc, err := lawSource(t, file).Build(BuildOptions{Seed: des.SeedOf(1)})
		if err != nil {
			t.Fatal(err)
		}
		if other, taken := names[sc.Name]; taken {
			t.Errorf("%s: has the name of %s", file, other)
		}
		names[sc.Name] = file
		if len(sc.Expect) == 0 {
			t.Errorf("%s: expects nothing", file)
		}
		bites := slices.ContainsFunc(sc.Expect, func(e Expectation) bool { return e.Mode == Sometimes })
		if sc.Fails == "" && !bites {
			t.Errorf("%s: nothing says that its faults bite: no sometimes", file)
		}
	}
}

// A judge that never says no is none: each oracle, each mode of a condition and
// what every run is judged by has a scenario that fails with it.
func TestEveryJudgeHasACanary(t *testing.T) {
	fails := make(map[string]bool)
	modes := make(map[Mode]bool)
	bugs := make(map[string]bool)
	for _, file := range shippedFiles(t) {
		sc, err := lawSource(t, file).Build(BuildOptions{Seed: des.SeedOf(1)})
		if err != nil {
			t.Fatal(err)
		}
		if canary := path.Dir(file) == "canaries"; canary && sc.Fails == "" {
			t.Errorf("%s: a canary, and not meant to fail", file)
		}
		if sc.Fails == "" {
			continue
		}
		fails[sc.Fails] = true
		for _, e := range sc.Expect {
			if e.Cond != nil && e.Name == sc.Fails {
				modes[e.Mode] = true
			}
		}
		for _, c := range sc.Initial {
			for _, p := range c.Cell.Params {
				if p.Name == "bug" {
					bugs[c.Cell.Protocol+"/"+p.Value] = true
				}
			}
		}
	}
	for _, p := range Default.Properties() {
		if !fails[p.Name] {
			t.Errorf("property %s: no scenario fails with it", p.Name)
		}
	}
	for _, p := range []string{PropertyTimeline, PropertyZeroDelay} { // no protocol that is shipped panics
		if !fails[p] {
			t.Errorf("property %s: no scenario fails with it", p)
		}
	}
	for _, m := range []Mode{Always, Never, Sometimes, Eventually} {
		if !modes[m] {
			t.Errorf("%s: no scenario fails with such a condition", m)
		}
	}
	for _, p := range Default.Protocols() {
		for _, q := range p.Params() {
			if q.Name != "bug" {
				continue
			}
			for _, bug := range strings.Split(q.Type, "|") {
				if bug != "" && !bugs[p.Name+"/"+bug] {
					t.Errorf("protocol %s: no canary has its bug %s", p.Name, bug)
				}
			}
		}
	}
}

// The two that are meant to fail: alternating bit survives neither.
func TestReorderingAndLostBitsFailUnderEverySeed(t *testing.T) {
	seeds := uint64(100)
	if *long {
		seeds = 1000
	}
	for _, file := range []string{"abp/reordering.yaml", "abp/crash-lost.yaml"} {
		for seed := uint64(1); seed <= seeds; seed++ {
			r := runShipped(t, file, seed)
			if r.Verdict != Fail || r.Failure.Property != "abp/exactly-once-in-order" || !r.AsMeant() {
				t.Errorf("%s\n%s", describe(r), again(file, seed))
			}
		}
	}
}
