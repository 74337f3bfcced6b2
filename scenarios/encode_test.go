package scenarios

import (
	"slices"
	"strings"
	"testing"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// A scenario that is written and read again goes the same way.
func TestShippedScenariosAreWrittenAndReadAgain(t *testing.T) {
	for _, file := range shippedFiles(t) {
		if slices.Contains(great, file) && !*long {
			continue
		}
		t.Run(strings.TrimSuffix(file, ".yaml"), func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1); seed <= 3; seed++ {
				sc, err := lawSource(t, file).Build(BuildOptions{Seed: des.SeedOf(seed)})
				if err != nil {
					t.Fatal(err)
				}
				again, text := rewritten(t, sc)
				w1, w2 := world(t, sc).Run(), world(t, again).Run()
				if w1.Digest != w2.Digest || w1.Events != w2.Events || w1.Verdict != w2.Verdict {
					t.Fatalf("seed %d: digest %016x, %s; written and read %016x, %s\n%s", seed, uint64(w1.Digest), describe(w1), uint64(w2.Digest), describe(w2), text)
				}
				if _, third := rewritten(t, again); third != text {
					t.Errorf("seed %d: written a second time it is\n%s\nnot\n%s", seed, third, text)
				}
			}
		})
	}
}

func rewritten(t *testing.T, sc *Scenario) (*Scenario, string) {
	t.Helper()
	text, err := Encode(sc)
	if err != nil {
		t.Fatal(err)
	}
	src, err := Parse("encoded.yaml", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	again, err := src.Build(BuildOptions{Seed: sc.Seed})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return again, string(text)
}

func world(t *testing.T, sc *Scenario) *World {
	t.Helper()
	w, err := NewWorld(sc, WorldOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Everything a timeline can say comes back as it was meant.
const everyAction = `version: 1
name: "all there is: a test"
seed: 7
cells:
  alice: {protocol: abp, role: sender, messages: 3, clock: {drift: 20ppm, offset: -3s}}
  bob: {protocol: abp, role: receiver, ports: [p0, spare]}
  cut: {protocol: abp, role: receiver}
links:
  ab: {between: [alice:p0, bob:p0], delay: 1ms, burst: {enter: 1%, leave: 20%}, "alice->bob": {loss: 5%}}
  ac: {between: [alice:p1, cut:p0], jitter: "uniform(0ms, 5ms)"}
timeline:
  - {at: 1ms, name: first, cut: ab, for: 2ms}
  - {at: 2ms, cut: {link: ab, direction: alice->bob, in-flight: drain}}
  - {at: 3ms, heal: all}
  - {at: 4ms, hold: [ab, ac], for: 5ms}
  - {every: 10ms, from: 5ms, times: 3, pause: bob, for: 1ms}
  - {when: 'bob.delivered > 1 and bob.role == "receiver"', until: 1s, do: [{crash: bob, for: 5ms}, {cut: ab, for: 1ms}, {cell: cut, command: stats}]}
  - {at: 30ms, partition: [[alice], [bob, cut]], for: 3ms}
  - {at: 40ms, flap: {link: ab, down: 1ms, up: 2ms, times: 3, in-flight: hold}}
  - {at: 50ms, set: {link: ab, loss: 50%, "b->a": {dup: 1%}}, fault: false}
  - {at: 60ms, clock: {cell: bob, step: -1s, drift: 100ppm}}
  - {at: 70ms, crash: alice}
  - {at: 71ms, restart: {cell: alice, state: kept}}
  - {at: 80ms, alice: [send, "two  words", ""]}
  - {at: 81ms, alice: "send 'it is'"}
  - {at: 90ms, add-cell: {name: dave, protocol: abp, role: receiver}}
  - {at: 91ms, add-link: {name: ad, between: [alice:p2, dave:p0], delay: 1ms}}
  - {at: 95ms, apply: {version: 9, changes: [{remove-link: ad}, {remove-cell: dave}, {set: {link: ab, delay: 2ms}}, {heal: ac}]}}
  - {at: 96ms, remove-link: {link: ac, drain: true}}
  - {at: 200ms, stop: faults}
expect:
  - {always: abp/exactly-once-in-order}
  - {never: 'links.ab["alice->bob"].sent > 10000'}
  - {sometimes: bob.delivered > 0, name: "some: at least one"}
  - {eventually: bob.delivered >= 3, within: 5s, after: faults}
explore: {faults: {loss: [0%, 50%], crash: off, cut: 6}, links: ab, heal: [all, freeze], within: 5s, states: [expected_bit]}
run: {until: 20s, reaction: 2ms, ties: shuffled, events: 100000, delta: 99, stop: never}
`

func TestEveryActionIsWrittenAsItWasMeant(t *testing.T) {
	src, err := Parse("every.yaml", []byte(everyAction))
	if err != nil {
		t.Fatal(err)
	}
	sc, err := src.Build(BuildOptions{Seed: des.SeedOf(7)})
	if err != nil {
		t.Fatal(err)
	}
	again, text := rewritten(t, sc)
	a, b := stepTexts(sc), stepTexts(again)
	if !slices.Equal(a, b) {
		t.Errorf("the steps are\n%s\nwritten and read\n%s\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"), text)
	}
	if r1, r2 := world(t, sc).Run(), world(t, again).Run(); r1.Digest != r2.Digest || r1.Verdict != r2.Verdict {
		t.Errorf("%s, written and read %s\n%s", describe(r1), describe(r2), text)
	}
	for _, line := range []string{
		`name: "all there is: a test"`, "  - {at: 1ms, name: first, cut: ab, for: 2ms}", "cut: {link: ab, direction: a->b, in-flight: drain}",
		"flap: {link: ab, down: 1ms, up: 2ms, times: 3, in-flight: hold}", "{at: 30ms, partition: [[alice], [bob, cut]], for: 3ms}",
		`{at: 80ms, alice: 'send "two  words" ""'}`, "{at: 3ms, heal: all}", "burst: {enter: 1%, leave: 20%}", "cut: [1, 6], crash: off",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("want %s in\n%s", line, text)
		}
	}
}

// stepTexts are the steps of a timeline with their times.
func stepTexts(sc *Scenario) (out []string) {
	for i := range sc.Timeline {
		a := &sc.Timeline[i]
		for j := range a.Steps {
			s := &a.Steps[j]
			at := a.Trigger
			out = append(out, strings.Join([]string{
				at.From.Add(s.After).String(), at.Every.String(), at.Until.String(), s.String(), map[bool]string{true: "fault"}[a.Fault], map[bool]string{true: "ends"}[s.Ends],
			}, " | "))
		}
	}
	return out
}

func TestWhatAllShareIsWrittenOnce(t *testing.T) {
	sc, err := lawSource(t, "tree/ring-cut-twice.yaml").Build(BuildOptions{Seed: des.SeedOf(1)})
	if err != nil {
		t.Fatal(err)
	}
	_, text := rewritten(t, sc)
	if !strings.Contains(text, "defaults:\n  cells: {protocol: tree}\n") || strings.Count(text, "protocol: tree") != 1 {
		t.Errorf("want the protocol once, under defaults:\n%s", text)
	}
}

func TestWhatNoFileCanSayIsRefused(t *testing.T) {
	sc, err := lawSource(t, "abp/lossy.yaml").Build(BuildOptions{Seed: des.SeedOf(1)})
	if err != nil {
		t.Fatal(err)
	}
	edited := *sc
	edited.Timeline = []Action{{Path: "timeline[0]", Trigger: Trigger{Kind: At}, Steps: []Step{{Changes: []cells.Change{
		{Op: cells.SetCell, Cell: cells.CellSpec{ID: "alice", Params: []cells.Param{{Name: "mood", Value: "bad"}}}},
	}}}}}
	if _, err := Encode(&edited); err == nil || !strings.Contains(err.Error(), "timeline[0]") {
		t.Errorf("%v, want the entry named", err)
	}
}
