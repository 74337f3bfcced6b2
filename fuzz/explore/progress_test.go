package explore_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"example.com/dsim/fuzz/explore"
	"example.com/dsim/scenarios"
)

func parsed(t *testing.T, text string) *scenarios.Source {
	t.Helper()
	src, err := scenarios.Parse("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// pairs are two pairs of cells that have nothing to do with each other.
const pairs = `version: 1
name: two pairs
defaults:
  protocols: {abp: {messages: 50, rto: 5ms}}
cells:
  alice: {protocol: abp, role: sender}
  bob: {protocol: abp, role: receiver}
  carol: {protocol: abp, role: sender}
  dave: {protocol: abp, role: receiver}
links:
  ab: {between: [alice:p0, bob:p0], delay: 1ms}
  cd: {between: [carol:p0, dave:p0], delay: 1ms}
expect:
  - {always: abp/exactly-once-in-order}
  - {eventually: bob.delivered == 50, within: 2s, name: bob}
  - {eventually: dave.delivered == 50, within: 2s, name: dave}
explore:
  faults: {loss: off, burst: off, dup: off, jitter: off, one-way: off, hold: off, partition: off, crash: off, pause: off, clock: off, cut: [3, 3]}
  until: 100ms
  heal: HEAL
  core: [alice, bob]
run: {until: 1s}
`

func TestHowFaultsEnd(t *testing.T) {
	properties := make(map[string]string)
	for _, heal := range []string{"all", "core", "freeze"} {
		r := search(t, explore.Options{Source: parsed(t, strings.Replace(pairs, "HEAL", heal, 1)), Last: 40})
		for _, f := range r.Found {
			properties[heal] += f.Signature.Property + " "
		}
		if r.Inconclusive > 0 || r.Unfit > 0 {
			t.Errorf("%s: %d inconclusive, %d unfit: %s", heal, r.Inconclusive, r.Unfit, r.Why)
		}
	}
	if properties["all"] != "" || properties["core"] != "" {
		t.Errorf("what is healed makes progress; failed: %q", properties)
	}
	if !strings.Contains(properties["freeze"], "bob") || !strings.Contains(properties["freeze"], "dave") {
		t.Errorf("a link that stays cut stops both pairs; failed: %q", properties)
	}
}

func TestOnlyTheCoreIsHealedAndHeldToProgress(t *testing.T) {
	x, err := explore.New(context.Background(), explore.Options{Source: parsed(t, strings.Replace(pairs, "HEAL", "core", 1)), First: 1, Last: 100})
	if err != nil {
		t.Fatal(err)
	}
	healed, left := false, false
	for n := uint64(1); n <= 60; n++ {
		w, _, err := x.Draw(n)
		if err != nil {
			t.Fatal(err)
		}
		text := string(w.Text)
		if strings.Contains(text, "name: dave") || !strings.Contains(text, "name: bob") {
			t.Fatalf("world %d: want progress of bob and not of dave:\n%s", n, text)
		}
		if strings.Contains(text, "heal: cd") || strings.Contains(text, "heal: [ab, cd]") {
			t.Fatalf("world %d heals what is not in the core:\n%s", n, text)
		}
		healed = healed || strings.Contains(text, "at: 100ms, heal: ab")
		left = left || strings.Contains(text, "cut: cd}")
	}
	if !healed || !left {
		t.Errorf("in 60 worlds: a link of the core healed %v, one outside left cut %v; want both", healed, left)
	}
}

// A budget that runs out has shown nothing.
func TestInconclusiveIsNotAPass(t *testing.T) {
	src := parsed(t, strings.Replace(pairs, "HEAL", "all", 1))
	r := search(t, explore.Options{Source: src, Last: 20, Set: []string{"run.events=100"}})
	if r.Passed > 0 || r.Inconclusive != 20 || r.Failed > 0 {
		t.Errorf("%d passed, %d failed, %d inconclusive; want 20 inconclusive", r.Passed, r.Failed, r.Inconclusive)
	}
}

// The scenario that ships with declared ranges holds in all of its worlds, and
// what is declared is what is drawn.
func TestDeclaredRangesAreKept(t *testing.T) {
	r := search(t, explore.Options{Source: source(t, "abp/explored.yaml"), Last: 100})
	for _, f := range r.Found {
		t.Errorf("%s\nworld %d: %s\n%s", f.Signature, f.World, f.Failure, f.Plan)
	}
	for _, b := range r.Bites {
		if off := strings.Contains("cut one-way hold partition crash pause", b.Family); off || b.On == 0 {
			t.Errorf("family %s: on in %d worlds; off is %v", b.Family, b.On, off)
		}
	}
	if len(r.Bites) != 6 {
		t.Errorf("families %v, want six", r.Bites)
	}
	for _, g := range r.Table.Grids() {
		for _, s := range g.States {
			if strings.Contains(s, "done") {
				t.Errorf("role %s, state %s: done is not declared", g.Role, s)
			}
		}
	}
}

func TestAnInterruptKeepsWhatWasFound(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	kept := 0
	x, err := explore.New(ctx, explore.Options{
		Source: source(t, "canaries/abp-no-checksum.yaml"), First: 1, Last: 1_000_000,
		Found: func(*explore.Found) {
			if kept++; kept == 2 {
				cancel()
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := x.Run(ctx)
	if !errors.Is(err, context.Canceled) || r == nil || len(r.Found) < 2 {
		t.Fatalf("%v and %+v, want two failures and the interrupt", err, r)
	}
}

// A world in which one fault is on is as common as one with many.
func TestSomeWorldsHaveNoFaultsAndManyHaveOne(t *testing.T) {
	x, err := explore.New(context.Background(), explore.Options{Source: source(t, "abp/two-cells.yaml"), First: 1, Last: 1000})
	if err != nil {
		t.Fatal(err)
	}
	count := make(map[int]int)
	for n := uint64(1); n <= 1000; n++ {
		_, p, err := x.Draw(n)
		if err != nil {
			t.Fatal(err)
		}
		count[len(p.Families)]++
	}
	if count[0] < 80 || count[1] < 250 || count[0]+count[1] > 700 {
		t.Errorf("families on in 1,000 worlds: %v; want some with none, many with one, and more", count)
	}
}

// A search that is guided comes to more places than one that is not.
func TestGuidanceReachesMore(t *testing.T) {
	guided, blind := 0, 0
	for _, file := range []string{"abp/explored.yaml", "abp5/counter.yaml"} {
		src := source(t, file)
		g := search(t, explore.Options{Source: src, Last: 256})
		b := search(t, explore.Options{Source: src, Last: 256, Blind: true})
		t.Logf("%s: %d places, without guidance %d", file, g.Table.Len(), b.Table.Len())
		guided, blind = guided+g.Table.Len(), blind+b.Table.Len()
	}
	if guided <= blind {
		t.Errorf("%d places with guidance, %d without", guided, blind)
	}
}

// Links that are not declared are left alone, also by faults of all that are:
// over cd nothing is lost, whatever is lost over ab.
func TestOnlyDeclaredLinksAreHarmed(t *testing.T) {
	text := strings.NewReplacer("loss: off", "loss: [90%, 100%]", "cut: [3, 3]", "cut: off", "heal: HEAL", "heal: freeze\n  links: [ab]").Replace(pairs)
	r := search(t, explore.Options{Source: parsed(t, text), Last: 64})
	lost := false
	for _, f := range r.Found {
		if lost = lost || f.Signature.Property == "bob"; f.Signature.Property == "dave" {
			t.Errorf("%s\nworld %d: %s\n%s", f.Signature, f.World, f.Failure, f.Plan)
		}
	}
	if !lost {
		t.Error("nothing was lost over ab in any world")
	}
}
