package explain

import (
	"context"
	"strings"
	"testing"

	"example.com/dsim/des"
	"example.com/dsim/fuzz/repro"
)

const many = `version: 1
name: many faults
cells:
  alice: {protocol: abp, role: sender, messages: 50, rto: 5ms}
  bob: {protocol: abp, role: receiver, messages: 50}
links:
  ab: {between: [alice:p0, bob:p0], delay: 1ms, jitter: "uniform(0ms, 1ms)", a->b: {loss: 10%}, b->a: {burst: {enter: 1%, leave: 50%}}}
timeline:
  - {at: 7ms, cut: ab}
  - {at: 9ms, heal: ab}
  - {at: 10ms, pause: bob}
  - {at: 12ms, partition: [[alice], [bob]]}
  - {at: 14ms, heal: all}
  - {at: 15ms, resume: bob}
  - {at: 20ms, flap: {link: ab, down: 1ms, up: 1ms, times: 3}}
  - {at: 30ms, clock: {cell: bob, step: 5ms}}
run: {until: 1s}
`

// opened is the world of many faults, before any twin has run.
func opened(t *testing.T, served bool) *explainer {
	t.Helper()
	x := &explainer{world: repro.World{Name: "many.yaml", Text: []byte(many), Seed: des.SeedOf(1), Served: served}}
	var err error
	if x.sc, err = x.world.Scenario(nil); err != nil {
		t.Fatal(err)
	}
	x.faults, x.owners = timelineFaults(x.sc)
	x.faults = append(x.faults, parameterFaults(x.sc, served)...)
	return x
}

func TestFaultsAreFoundWithWhatEndsThem(t *testing.T) {
	var got []string
	for _, f := range opened(t, false).faults {
		got = append(got, f.name())
	}
	want := []string{
		"cut ab at 7ms, until 9ms", "pause bob at 10ms, until 15ms", "cut [[alice] [bob]] at 12ms, until 14ms",
		"cut ab at 20ms, until 25ms", "step=5ms of bob at 30ms", "loss of ab", "burst of ab", "jitter of ab",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("faults\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	served := opened(t, true).faults
	if last := served[len(served)-1]; len(served) != 6 || last.What != "jitter of ab" {
		t.Errorf("served: %d faults, the last is %s; want six, and jitter", len(served), last.What)
	}
}

// A twin lacks its fault and what ended it, and nothing else.
func TestATwinLacksOneFault(t *testing.T) {
	x := opened(t, false)
	whole, err := x.without()
	if err != nil {
		t.Fatal(err)
	}
	if string(whole.Text) != string(x.world.Text) {
		t.Errorf("without nothing it is\n%s", whole.Text)
	}
	for i, gone := range [][]string{
		{"cut: ab}", "heal: ab}"}, {"pause: bob", "resume: bob"}, {"partition:", "heal: all"}, {"flap:"}, {"clock:"}, {"loss:"}, {"burst"}, {"jitter"},
	} {
		w, err := x.without(i)
		if err != nil {
			t.Fatal(err)
		}
		for j, others := range [][]string{
			{"cut: ab}", "heal: ab}"}, {"pause: bob", "resume: bob"}, {"partition:"}, {"flap:"}, {"clock:"}, {"loss:"}, {"burst"}, {"jitter"},
		} {
			for _, word := range others {
				if has := strings.Contains(string(w.Text), word); has != (i != j) {
					t.Errorf("without %s: %q is there: %v\n%s", x.faults[i].name(), word, has, w.Text)
				}
			}
		}
		for _, word := range gone {
			if strings.Contains(string(w.Text), word) {
				t.Errorf("without %s: %q is there\n%s", x.faults[i].name(), word, w.Text)
			}
		}
		if _, err := w.Run(context.Background(), repro.Options{}); err != nil {
			t.Errorf("without %s: %v", x.faults[i].name(), err)
		}
	}
}

// Faults that have not begun come later, with what ends them, and those that
// have stay.
func TestLaterFaultsMoveWhole(t *testing.T) {
	x := opened(t, false)
	x.moves = x.movables()
	moved := false
	for k := range 20 {
		w, n, err := x.later(11_000_000, x.freshSeed(k))
		if err != nil {
			t.Fatal(err)
		}
		text := string(w.Text)
		if n != 3 || !strings.Contains(text, "{at: 7ms, cut: ab}") || !strings.Contains(text, "{at: 9ms, heal: ab}") || !strings.Contains(text, "{at: 10ms, pause: bob}") {
			t.Fatalf("%d moved:\n%s", n, text)
		}
		sc, err := w.Scenario(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range first(timelineFaults(sc)) {
			if f.At < 7_000_000 || f.At >= 10_000_001 && f.At < 11_000_000 || f.At > 30_000_000 {
				t.Errorf("%s: want it from 11ms to 30ms", f.name())
			}
			if strings.HasPrefix(f.What, "cut [[") {
				moved = moved || f.At != 12_000_000
				if f.Until != f.At+2_000_000 {
					t.Errorf("%s lasted 2ms", f.name())
				}
			}
		}
	}
	if !moved {
		t.Error("the partition always came at 12ms")
	}
}

func first[A, B any](a A, _ B) A { return a }
