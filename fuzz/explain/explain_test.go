package explain_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"example.com/dsim/fuzz/explain"
	"example.com/dsim/fuzz/repro"

	_ "example.com/dsim/protocols/abp"
)

func load(t *testing.T, name string) *repro.File {
	t.Helper()
	f, err := repro.Load("testdata/" + name + repro.Ext)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func explained(t *testing.T, name string, opt explain.Options) *explain.Explanation {
	t.Helper()
	x, err := explain.Explain(context.Background(), load(t, name), opt)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// Of five cuts one loses an acknowledgement: it comes first, and the others are
// harmless.
func TestTheCulpritOfFiveCutsIsFound(t *testing.T) {
	x := explained(t, "five-cuts", explain.Options{Points: -1})
	if len(x.Faults) != 5 {
		t.Fatalf("%d faults, want five: %+v", len(x.Faults), x.Faults)
	}
	if f := x.Culprit(); f == nil || f != &x.Faults[0] || f.What != "cut ab b->a" || f.At.String() != "40ms" || f.Until.String() != "43ms" {
		t.Errorf("culprit %+v, want the cut of b->a from 40ms to 43ms", f)
	}
	for _, f := range x.Faults[1:] {
		if f.Effect != explain.Harmless {
			t.Errorf("%s at %s is %s, want harmless", f.What, f.At, f.Effect)
		}
	}
	if x.Sealed == nil || x.Sealed.At.String() != "40ms" || x.Sealed.Left != 2 {
		t.Errorf("sealed %+v, want at 40ms, with two faults left", x.Sealed)
	}
}

// A heal that stands for itself goes with its cut: without the second cut,
// nothing is left of it.
func TestAFaultGoesWithWhatEndsIt(t *testing.T) {
	x := explained(t, "five-cuts", explain.Options{Points: -1})
	for _, f := range x.Faults {
		if f.At.String() == "21ms" && f.Until.String() != "24ms" {
			t.Errorf("%s at %s ends at %s, want 24ms", f.What, f.At, f.Until)
		}
	}
}

func TestOfVerdictsTheOneThatMatteredIsFound(t *testing.T) {
	x := explained(t, "one-ack", explain.Options{Points: -1})
	f := x.Culprit()
	if f == nil || f.What != "ab<#9 drop:loss" {
		t.Fatalf("culprit %+v, want the loss of ab<#9", f)
	}
	for _, f := range x.Faults[1:] {
		if f.Effect != explain.Harmless {
			t.Errorf("%s is %s, want harmless", f.What, f.Effect)
		}
	}
}

// Two cuts of which each is enough are harmless one by one, and not together.
func TestRedundantFaultsAreFoundInPairs(t *testing.T) {
	x := explained(t, "two-acks", explain.Options{Points: -1})
	if len(x.Pairs) != 1 || x.Pairs[0].A != 0 || x.Pairs[0].B != 1 {
		t.Fatalf("pairs %+v, want one, of the first two faults", x.Pairs)
	}
	for i, want := range []explain.Effect{explain.Together, explain.Together, explain.Harmless} {
		if x.Faults[i].Effect != want {
			t.Errorf("%s at %s is %s, want %s", x.Faults[i].What, x.Faults[i].At, x.Faults[i].Effect, want)
		}
	}
	if x.Culprit() != nil {
		t.Errorf("culprit %+v, want none: there are two", x.Culprit())
	}
}

// The chain names the frame that is not in it.
func TestTheChainTellsWhatNeverArrived(t *testing.T) {
	x := explained(t, "one-ack", explain.Options{Points: -1})
	last := x.Chain[len(x.Chain)-1]
	if last.Who != "bob" || !strings.HasPrefix(last.What, "receives ab>#13 from alice") || last.Notes[0] != "deliver message=9 bytes=64" {
		t.Errorf("the chain ends with %+v, want bob and the second delivery", last)
	}
	timer := x.Chain[len(x.Chain)-2]
	if timer.Who != "alice" || len(timer.Lost) != 1 || timer.Lost[0] != "ab<#9 from bob to alice never arrived: drop:loss at 34ms" {
		t.Errorf("before it %+v, want alice's timer, and the lost acknowledgement", timer)
	}
	if x.Chain[0].At != 0 {
		t.Errorf("the chain begins at %s, want the start", x.Chain[0].At)
	}
}

// A frame that was in flight when its link was cut has no record of its end; it
// is told all the same, at the timer that waited for it.
func TestWhatWasCutInFlightIsTold(t *testing.T) {
	x := explained(t, "five-cuts", explain.Options{Points: -1})
	timer := x.Chain[len(x.Chain)-2]
	if len(timer.Lost) != 1 || timer.Lost[0] != "ab<#14 from bob to alice never arrived: lost on the way at 40ms" {
		t.Errorf("before the end %+v, want the acknowledgement that was cut", timer)
	}
	if r := x.Removed[len(x.Removed)-1]; r.Link != "ab<" || r.By != "cut ab b->a at 40ms" {
		t.Errorf("removed last %+v, want it by the cut", r)
	}
}

// Where something does not come, the frames that were removed tell by what.
func TestWhatDidNotComeIsTold(t *testing.T) {
	x := explained(t, "late", explain.Options{Points: -1})
	if !x.Missing || x.Culprit() == nil || x.Culprit().What != "cut ab" || x.Culprit().At.String() != "80ms" {
		t.Fatalf("missing %v, culprit %+v; want the cut that is not healed", x.Missing, x.Culprit())
	}
	found := false
	for _, r := range x.Removed {
		found = found || r.Verdict == "drop:cut" && r.By == "cut ab at 80ms" && r.Frames > 10 && r.From == "alice"
	}
	if !found {
		t.Errorf("removed %+v; want alice's frames since 80ms, by the cut", x.Removed)
	}
}

// The cliff of the curve is where the acknowledgement was lost.
func TestTheCliffIsAtTheCulprit(t *testing.T) {
	for name, want := range map[string]string{"one-ack": "sends ab<#9: drop:loss", "five-cuts": "set-link ab b->a.cut=lost"} {
		x := explained(t, name, explain.Options{})
		c := x.Curve
		if c == nil || c.Cliff == nil {
			t.Fatalf("%s: no cliff in %+v", name, c)
		}
		if len(c.Cliff.Lines) != 1 || !strings.Contains(c.Cliff.Lines[0], want) {
			t.Errorf("%s: cliff %+v, want %s", name, c.Cliff, want)
		}
		for _, p := range c.Points {
			if after := p.At > c.Cliff.At; after && p.Same != c.Runs || !after && p.Same*10 > c.Runs*9 {
				t.Errorf("%s: from %s %d of %d; the cliff is at %s", name, p.At, p.Same, c.Runs, c.Cliff.At)
			}
		}
	}
}

// Where nothing could have gone otherwise, that is said.
func TestWithoutChanceTheCurveIsFlat(t *testing.T) {
	x := explained(t, "five-cuts", explain.Options{KeepFaults: true, Runs: 2})
	if x.Curve.Cliff != nil || x.Curve.Draws || x.Curve.Moves || x.Curve.Points[0].Same != 2 {
		t.Errorf("curve %+v, want it flat", x.Curve)
	}
}

// What is found follows from the file, however many worlds run side by side.
func TestAnExplanationDoesNotDependOnJobs(t *testing.T) {
	for _, name := range []string{"five-cuts", "one-ack", "two-acks", "late"} {
		var first string
		for _, jobs := range []int{1, 3} {
			x := explained(t, name, explain.Options{Jobs: jobs, Runs: 5})
			var b bytes.Buffer
			if err := errors.Join(x.Text(&b), x.SVG(&b), json.NewEncoder(&b).Encode(x)); err != nil {
				t.Fatal(err)
			}
			if first == "" {
				first = b.String()
			}
			if b.String() != first {
				t.Errorf("%s: with %d jobs\n%s\nwant\n%s", name, jobs, &b, first)
			}
		}
	}
}

func TestTheCurveIsDrawn(t *testing.T) {
	var b bytes.Buffer
	if err := explained(t, "one-ack", explain.Options{}).SVG(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<polyline ", "cliff at 34ms", "100%"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
	for d := xml.NewDecoder(&b); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatIsFixedIsNotExplained(t *testing.T) {
	f := load(t, "five-cuts")
	f.World.Text = bytes.ReplaceAll(f.World.Text, []byte(", bug: ignore-bit"), nil)
	if _, err := explain.Explain(context.Background(), f, explain.Options{}); !errors.Is(err, explain.ErrFixed) {
		t.Errorf("%v, want ErrFixed", err)
	}
}
