package shrink_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/dsim/des"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/fuzz/shrink"
)

// canary is a shipped scenario that fails.
func canary(t *testing.T, name string, seed uint64) repro.World {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../scenarios/canaries", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return repro.World{Name: name + ".yaml", Text: text, Seed: des.SeedOf(seed)}
}

// failures are the ways in which a world fails.
func failures(t *testing.T, w repro.World) []repro.Failed {
	t.Helper()
	o, err := w.Run(context.Background(), repro.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Failures) == 0 {
		t.Fatalf("%s does not fail", w.Name)
	}
	return o.Failures
}

func small(t *testing.T, w repro.World, want repro.Signature, opt shrink.Options) *shrink.Result {
	t.Helper()
	r, err := shrink.Run(context.Background(), w, want, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func canaries(t *testing.T) (names []string) {
	t.Helper()
	list, err := filepath.Glob("../../scenarios/canaries/*.yaml")
	if err != nil || len(list) == 0 {
		t.Fatalf("no canaries: %v", err)
	}
	for _, f := range list {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".yaml"))
	}
	return names
}

func TestCanariesBecomeSmall(t *testing.T) {
	var causes []int
	for _, name := range canaries(t) {
		w := canary(t, name, 7)
		r := small(t, w, failures(t, w)[0].Signature, shrink.Options{})
		causes = append(causes, r.After.Causes)
		t.Logf("%s: from %s to %s, %d runs", name, r.Before, r.After, r.Runs)
		if z := r.After; z.Cells > 3 || z.Links > 2 || z.Faults > 3 || !r.Whole {
			t.Errorf("%s: %s, all tried: %t; want at most 3 cells, 2 links and 3 faults\n%s", name, z, r.Whole, r.World.Text)
		}
		if z := r.After; z.Lines > r.Before.Lines || z.Events > r.Before.Events {
			t.Errorf("%s: %d lines, %d events; it had %d, %d", name, z.Lines, z.Events, r.Before.Lines, r.Before.Events)
		}
	}
	slices.Sort(causes)
	if m := causes[len(causes)/2]; m > 15 {
		t.Errorf("the median canary has %d causal events, want at most 15", m)
	}
}

// What is kept of drawn worlds becomes small too, and is the same failure.
func TestKeptWorldsBecomeSmall(t *testing.T) {
	list, err := filepath.Glob("../../scenarios/canaries/testdata/*" + repro.Ext)
	if err != nil || len(list) == 0 {
		t.Fatalf("no kept failures: %v", err)
	}
	for _, path := range list {
		f, err := repro.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		r := small(t, f.World, f.Signature, shrink.Options{})
		if z := r.After; z.Cells > 3 || z.Links > 2 || z.Faults > 3 {
			t.Errorf("%s: %s\n%s", path, z, r.World.Text)
		}
		again, err := repro.Parse("again", r.File("test").Encode())
		if err != nil {
			t.Fatal(err)
		}
		judged, err := again.Check(context.Background(), repro.Options{})
		if err != nil || judged.Status != repro.Reproduced || len(judged.Notes) > 0 {
			t.Errorf("%s: written and read, it is %s (%v) %v", path, judged.Status, err, judged.Notes)
		}
	}
}

// Two failures of one world become two worlds, each of its own.
func TestTwoWaysStayTwo(t *testing.T) {
	w := canary(t, "two-ways", 7)
	w.Beyond = true
	list := failures(t, w)
	if len(list) != 2 {
		t.Fatalf("%d failures, want 2", len(list))
	}
	var texts []string
	for i, f := range list {
		r := small(t, w, f.Signature, shrink.Options{})
		o, err := r.World.Run(context.Background(), repro.Options{})
		if err != nil || len(o.Failures) != 1 || o.Failures[0].Signature != f.Signature {
			t.Errorf("%s became %v (%v)", f.Signature, o.Failures, err)
		}
		if len(r.Others) != 1 || r.Others[0].Signature != list[1-i].Signature {
			t.Errorf("%s: besides, it fails with %v", f.Signature, r.Others)
		}
		texts = append(texts, string(r.World.Text))
	}
	if texts[0] == texts[1] {
		t.Errorf("both became\n%s", texts[0])
	}
}

func TestTheSameInputGivesTheSame(t *testing.T) {
	for _, name := range []string{"abp-give-up", "eventually"} {
		w := canary(t, name, 7)
		want := failures(t, w)[0].Signature
		one, two := small(t, w, want, shrink.Options{}), small(t, w, want, shrink.Options{})
		if !bytes.Equal(one.Scenario(), two.Scenario()) || !bytes.Equal(one.File("").Encode(), two.File("").Encode()) || one.Runs != two.Runs {
			t.Errorf("%s: %d and %d runs:\n%s\n%s", name, one.Runs, two.Runs, one.Scenario(), two.Scenario())
		}
	}
}

func TestAnInterruptKeepsTheBest(t *testing.T) {
	w := canary(t, "abp-give-up", 7)
	want := failures(t, w)[0].Signature
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	steps := 0
	r, err := shrink.Run(ctx, w, want, shrink.Options{Progress: func(int, shrink.Size) {
		if steps++; steps == 5 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || r == nil || r.Whole {
		t.Fatalf("%+v, %v; want what there was", r, err)
	}
	if r.After.Lines >= r.Before.Lines && r.After.Events >= r.Before.Events {
		t.Errorf("five steps made nothing smaller: %s", r.After)
	}
	if list := failures(t, r.World); list[0].Signature != want {
		t.Errorf("it fails with %s", list[0].Signature)
	}
}

func TestABudgetEndsTheSearch(t *testing.T) {
	w := canary(t, "abp-give-up", 7)
	want := failures(t, w)[0].Signature
	if r := small(t, w, want, shrink.Options{Runs: 20}); r.Whole || len(r.World.Text) == 0 {
		t.Errorf("all tried: %t, %s", r.Whole, r.After)
	}
	asked := 0
	over := func() bool { asked++; return asked > 20 }
	if r := small(t, w, want, shrink.Options{Over: over}); r.Whole {
		t.Errorf("all tried: %s", r.After)
	}
}

func TestWhatDoesNotFailIsNotShrunk(t *testing.T) {
	w := canary(t, "abp-give-up", 7)
	want := failures(t, w)[0].Signature
	w.Set = []string{"links.ab.loss=0%"}
	if _, err := shrink.Run(context.Background(), w, want, shrink.Options{}); !errors.Is(err, shrink.ErrPasses) {
		t.Errorf("%v, want %v", err, shrink.ErrPasses)
	}
}

// late is a world in which something has not come to hold in time, since a link
// was cut.
const late = `version: 1
name: late
cells:
  alice: {protocol: abp, role: sender, messages: 20, rto: 5ms}
  bob: {protocol: abp, role: receiver, messages: 20}
links:
  ab: {between: [alice:p0, bob:p0], delay: 1ms, loss: 1%}
timeline:
  - {at: 13.7ms, cut: ab, for: 171.3ms}
  - {at: 300ms, cut: ab}
  - {at: 310ms, heal: ab}
expect:
  - {eventually: bob.delivered == 20, within: 100ms, name: in-time}
run: {until: 1s}
`

// A failure that something has not come to hold is not had for nothing: by fewer
// messages than are waited for, or by a link that is not healed.
func TestWhatMustComeCouldStillCome(t *testing.T) {
	w := repro.World{Name: "late.yaml", Text: []byte(late), Seed: des.SeedOf(1)}
	r := small(t, w, failures(t, w)[0].Signature, shrink.Options{})
	text := string(r.World.Text)
	for _, want := range []string{"messages: 20", "cut: ab, for: ", "within: 100ms"} {
		if !strings.Contains(text, want) {
			t.Errorf("without %q:\n%s", want, text)
		}
	}
	for _, gone := range []string{"loss", "at: 300ms", "171.3ms", "13.7ms"} {
		if strings.Contains(text, gone) {
			t.Errorf("with %q still:\n%s", gone, text)
		}
	}
	if !slices.ContainsFunc(r.Neighbours, func(n shrink.Neighbour) bool { return n.What == "cut ab, for" && n.Passes != "" }) {
		t.Errorf("neighbours %v, want one of how long the link is cut", r.Neighbours)
	}
}

// A link that was healed stays healed, though nothing shows it by the end.
func TestWhatFaultsEndedStaysEnded(t *testing.T) {
	text := strings.Replace(late, "  - {at: 13.7ms, cut: ab, for: 171.3ms}\n  - {at: 300ms, cut: ab}\n  - {at: 310ms, heal: ab}\n",
		"  - {at: 13.7ms, cut: ab}\n  - {at: 120ms, heal: ab}\n", 1)
	w := repro.World{Name: "late.yaml", Text: []byte(strings.Replace(text, "until: 1s", "until: 125ms", 1)), Seed: des.SeedOf(1)}
	r := small(t, w, failures(t, w)[0].Signature, shrink.Options{})
	if text := string(r.World.Text); !strings.Contains(text, "cut: ab, for: ") {
		t.Errorf("the link is not healed, or not by the entry that cut it:\n%s", text)
	}
}

// Frames lost in a row are one cut, where a probability may not stand for them.
func TestLostFramesInARowAreOneCut(t *testing.T) {
	text := "version: 1\nname: row\ncells:\n  alice: {protocol: abp, role: sender, messages: 20, rto: 5ms}\n  bob: {protocol: abp, role: receiver, messages: 20}\n" +
		"links:\n  ab: {between: [alice:p0, bob:p0], delay: 1ms}\nexpect:\n  - {eventually: bob.delivered == 20, within: 60ms, name: in-time}\nrun: {until: 1s}\n"
	w := repro.World{Name: "row.yaml", Text: []byte(text), Seed: des.SeedOf(1), Served: true}
	for n := uint64(2); n < 12; n++ {
		w.Choices = append(w.Choices, repro.Choice{What: repro.Verdict, Where: "ab>", N: n, Value: "drop:loss"})
	}
	r := small(t, w, failures(t, w)[0].Signature, shrink.Options{})
	if got := string(r.World.Text); r.World.Served || r.After.Faults != 1 || !strings.Contains(got, "cut: {link: ab, direction: a->b}") {
		t.Errorf("%s, chance served: %t\n%s", r.After, r.World.Served, got)
	}
}

// Where a world fails without faults too, what the condition is about stays as
// it is.
func TestWhatAConditionIsAboutStays(t *testing.T) {
	w := canary(t, "sometimes", 7)
	r := small(t, w, failures(t, w)[0].Signature, shrink.Options{})
	if text := string(r.World.Text); r.After.Cells != 2 || r.After.Links != 1 || !strings.Contains(text, "messages: 20") {
		t.Errorf("it could not happen any more:\n%s", text)
	}
}

// A neighbour that passes passes, and the one beside it fails.
func TestNeighboursAreWhatTheySay(t *testing.T) {
	w := canary(t, "abp-give-up", 7)
	r := small(t, w, failures(t, w)[0].Signature, shrink.Options{})
	tried := 0
	for _, n := range r.Neighbours {
		if n.Passes == "" || !strings.HasPrefix(n.What, "links.") {
			continue
		}
		tried++
		for value, fails := range map[string]bool{n.Passes: false, n.Fails: true} {
			x := r.World.Clone()
			x.Set = []string{n.What + "=" + value, "run.until=30s"}
			o, err := x.Run(context.Background(), repro.Options{})
			if err != nil || (o.Find(r.Signature) != nil) != fails {
				t.Errorf("%s: with %s it fails: %t (%v)", n, value, o.Find(r.Signature) != nil, err)
			}
		}
	}
	if tried == 0 {
		t.Errorf("no neighbours of links among %v", r.Neighbours)
	}
}
