package swarm_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"example.com/dsim/fuzz/repro"
	"example.com/dsim/fuzz/swarm"
	"example.com/dsim/scenarios"
	"pgregory.net/rapid"
)

var long = flag.Bool("long", false, "run the long forms of tests")

// asks sets flags of rapid's for a while.
func asks(t *testing.T, flags map[string]string) {
	t.Helper()
	for name, value := range flags {
		was := flag.Lookup(name).Value.String()
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = flag.Set(name, was) })
	}
}

// attempt is a test that may fail without failing the one it is part of.
type attempt struct {
	*testing.T
	log    strings.Builder
	failed bool
}

func (a *attempt) Logf(format string, args ...any)   { fmt.Fprintf(&a.log, format+"\n", args...) }
func (a *attempt) Log(args ...any)                   { fmt.Fprintln(&a.log, args...) }
func (a *attempt) Errorf(format string, args ...any) { a.Logf(format, args...); a.failed = true }
func (a *attempt) Error(args ...any)                 { a.Log(args...); a.failed = true }
func (a *attempt) Fatalf(format string, args ...any) { a.Errorf(format, args...); runtime.Goexit() }
func (a *attempt) Fatal(args ...any)                 { a.Error(args...); runtime.Goexit() }
func (a *attempt) FailNow()                          { a.failed = true; runtime.Goexit() }
func (a *attempt) Fail()                             { a.failed = true }
func (a *attempt) Failed() bool                      { return a.failed }

// try runs a check to its end, however it ends.
func try(t *testing.T, check func(rapid.TB)) *attempt {
	t.Helper()
	a := &attempt{T: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		check(a)
	}()
	<-done
	return a
}

func canary(name string) string { return filepath.Join("../../scenarios/canaries", name+".yaml") }

// What a canary does wrong on links that do nothing by themselves is found, and
// the world that rapid makes of it is small: with one fault or two.
func TestACanaryIsFoundAndMadeSmall(t *testing.T) {
	list := []string{"abp-ignore-bit"}
	if *long {
		list = append(list, "abp-ignore-ack-bit", "abp-give-up")
	}
	for _, name := range list {
		t.Run(name, func(t *testing.T) {
			opt := swarm.Options{Folder: t.TempDir(), Set: []string{"links.ab.loss=0%", "cells.alice.messages=50"}}
			asks(t, map[string]string{"rapid.checks": "200", "rapid.seed": "1", "rapid.nofailfile": "true", "rapid.shrinktime": "5s"})
			a := try(t, func(tb rapid.TB) { swarm.Check(tb, canary(name), opt) })
			kept, err := filepath.Glob(filepath.Join(opt.Folder, name+"-*"+repro.Ext))
			if err != nil || !a.failed || len(kept) != 1 {
				t.Fatalf("failed %v, kept %q, %v\n%s", a.failed, kept, err, &a.log)
			}
			if !strings.Contains(a.log.String(), "to repeat it: dsim repro "+kept[0]) {
				t.Errorf("the command is not told:\n%s", &a.log)
			}
			f, err := repro.Load(kept[0])
			if err != nil {
				t.Fatal(err)
			}
			r, err := f.Check(context.Background(), repro.Options{})
			if err != nil || r.Status != repro.Reproduced {
				t.Errorf("%s %s %v", r.Status, r.Why, err)
			}
			t.Logf("%s\n%s", &a.log, f.World.Text)
			if n := faults(&a.log); n < 1 || n > 2 {
				t.Errorf("%d faults:\n%s", n, &a.log)
			}
		})
	}
}

// faults counts the faults in the plan that is logged last, above its ties.
func faults(log fmt.Stringer) int {
	text := log.String()
	text = text[:strings.LastIndex(text, "\nties ")]
	text = text[strings.LastIndex(text, "| "):]
	return strings.Count(text, "\n") - 1
}

// What a sound protocol declares that it bears it bears in any world.
func TestASoundProtocolHolds(t *testing.T) {
	checks := "200"
	if *long {
		checks = "5000"
	}
	asks(t, map[string]string{"rapid.checks": checks, "rapid.nofailfile": "true"})
	swarm.Check(t, "../../scenarios/abp/explored.yaml", swarm.Options{Folder: t.TempDir()})
}

// drawn are the worlds that one seed of rapid's leads to.
func drawn(t *testing.T, s *swarm.Swarm) (texts []string) {
	t.Helper()
	rapid.Check(t, func(rt *rapid.T) {
		w := s.Draw(rt)
		texts = append(texts, fmt.Sprintf("%s\n%s\n%s", w.World.Seed, w.Plan, w.World.Text))
	})
	return texts
}

func load(t *testing.T, path string) *swarm.Swarm {
	t.Helper()
	s, err := swarm.Load(path, swarm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheSameSeedDrawsTheSameWorlds(t *testing.T) {
	asks(t, map[string]string{"rapid.checks": "60", "rapid.seed": "7"})
	path := "../../scenarios/tree/ring-cut-twice.yaml"
	a, b := drawn(t, load(t, path)), drawn(t, load(t, path))
	if len(a) != len(b) {
		t.Fatalf("%d worlds and %d", len(a), len(b))
	}
	for i := range a {
		if a[i] != b[i] {
			t.Fatalf("world %d:\n%s\nand\n%s", i, a[i], b[i])
		}
	}
	asks(t, map[string]string{"rapid.seed": "8"})
	if c := drawn(t, load(t, path)); strings.Join(a, "") == strings.Join(c, "") {
		t.Error("another seed draws the same worlds")
	}
}

// Only what the scenario declares is drawn, within its ranges; all families are
// drawn in some world, and in some there is none.
func TestWhatIsDeclaredIsDrawn(t *testing.T) {
	asks(t, map[string]string{"rapid.checks": "300", "rapid.seed": "3"})
	s := load(t, "../../scenarios/abp/explored.yaml")
	on, worlds := make(map[string]int), make(map[int]int)
	rapid.Check(t, func(rt *rapid.T) {
		w := s.Draw(rt)
		worlds[min(len(w.Plan.Families), 2)]++
		for _, f := range w.Plan.Families {
			on[f]++
		}
		for _, f := range w.Plan.Faults {
			if f.At >= 300_000_000 || strings.Contains("cut one-way hold partition crash pause", f.Family) {
				rt.Fatalf("drawn, and not declared: %s", &f)
			}
		}
	})
	for _, f := range []string{"loss", "burst", "dup", "ber", "jitter", "clock"} {
		if on[f] < 30 {
			t.Errorf("%s is on in %d of 300 worlds", f, on[f])
		}
	}
	if len(on) != 6 || worlds[0] < 15 || worlds[1] < 15 || worlds[2] < 100 {
		t.Errorf("families %v; worlds with none, one and more: %v", on, worlds)
	}
}

// The least draws are the scenario as it is written.
func TestTheLeastWorldHasNoFaults(t *testing.T) {
	s := load(t, "../../scenarios/abp/explored.yaml")
	least := 0
	rapid.MakeFuzz(func(rt *rapid.T) {
		if w := s.Draw(rt); len(w.Plan.Faults) == 0 && w.Plan.Ties == "fifo" && w.Plan.Heal == "all" {
			least++
		}
	})(t, make([]byte, 1024))
	if least != 1 {
		t.Error("draws of zeros have faults")
	}
}

func TestMistakesInTheScenarioAreTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(path, []byte("version: 1\nname: x\ncells: {a: {protocol: none}}\nrun: {until: 1s}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := try(t, func(tb rapid.TB) { swarm.Check(tb, path, swarm.Options{}) })
	if !a.failed || !strings.Contains(a.log.String(), "none") {
		t.Errorf("failed %v: %s", a.failed, &a.log)
	}
}

// A message that is delivered again fails the property of exactly once at once;
// without it, a condition fails that a smaller world may meet in another way. A
// world that comes to fail otherwise is not a smaller one.
func TestASmallerWorldFailsLikewise(t *testing.T) {
	src, err := scenarios.Parse("two.yaml", []byte(`version: 1
name: two ways to fail
cells:
  alice: {protocol: abp, role: sender, messages: 30, rto: 5ms}
  bob: {protocol: abp, role: receiver}
links:
  ab: {between: [alice:p0, bob:p0], delay: 1ms}
expect:
  - {never: bob.duplicates > 0, name: copies}
  - {never: "alice.retransmitted > 2 and bob.duplicates == 0", name: again}
explore: {until: 100ms}
run: {until: 2s}
`))
	if err != nil {
		t.Fatal(err)
	}
	asks(t, map[string]string{"rapid.checks": "50", "rapid.nofailfile": "true", "rapid.shrinktime": "200ms"})
	met := make(map[string]bool)
	for seed := 1; seed <= 8 && len(met) < 2; seed++ {
		asks(t, map[string]string{"rapid.seed": strconv.Itoa(seed)})
		opt := swarm.Options{Folder: t.TempDir()}
		s, err := swarm.New(src, opt)
		if err != nil {
			t.Fatal(err)
		}
		first := ""
		hold := s.Hold()
		a := try(t, func(tb rapid.TB) {
			rapid.Check(tb, func(rt *rapid.T) {
				defer func() {
					if r := recover(); r != nil {
						first = cmp.Or(first, wayOf(fmt.Sprint(r)))
						panic(r)
					}
				}()
				hold(rt)
			})
		})
		last := wayOf(a.log.String())
		if !a.failed || first != last {
			t.Errorf("seed %d: failed %v, first %q, at the end %q:\n%s", seed, a.failed, first, last, &a.log)
		}
		met[last] = true
	}
	if len(met) != 2 {
		t.Errorf("failed as %v, want both ways", met)
	}
}

// wayOf is the first signature in a text.
func wayOf(text string) string {
	copies, again := strings.Index(text, "copies |"), strings.Index(text, "again |")
	switch {
	case copies >= 0 && (again < 0 || copies < again):
		return "copies"
	case again >= 0:
		return "again"
	}
	return ""
}

// A budget that runs out has shown nothing, and is no pass.
func TestInconclusiveFails(t *testing.T) {
	asks(t, map[string]string{"rapid.checks": "5", "rapid.nofailfile": "true", "rapid.shrinktime": "100ms"})
	src, err := scenarios.Load("../../scenarios/abp/explored.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := swarm.New(src, swarm.Options{Set: []string{"run.events=50"}})
	if err != nil {
		t.Fatal(err)
	}
	a := try(t, s.Check)
	if !a.failed || !strings.Contains(a.log.String(), "inconclusive: ") {
		t.Errorf("failed %v: %s", a.failed, &a.log)
	}
}

func FuzzExplored(f *testing.F) {
	s, err := swarm.Load("../../scenarios/abp/explored.yaml", swarm.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(rapid.MakeFuzz(s.Hold()))
}
