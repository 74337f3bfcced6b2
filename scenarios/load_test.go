package scenarios

import (
	"fmt"
	"strings"
	"testing"

	"example.com/dsim/cells"
)

// printScenario gives a scenario as text, for golden files.
func printScenario(sc *Scenario) string {
	var b strings.Builder
	fmt.Fprintf(&b, "name %s\nfails %s\nrun %+v\nstop %s\n", sc.Name, sc.Fails, sc.Run, sc.StopFault)
	for _, o := range sc.Options {
		fmt.Fprintf(&b, "option %s = %s (%s)\n", o.Path, o.Value, o.From)
	}
	for _, c := range sc.Initial {
		switch c.Op {
		case cells.AddCell:
			fmt.Fprintf(&b, "%s ports=%v clock=%+v\n", changeText(c), c.Cell.Ports, c.Cell.Clock)
		default:
			fmt.Fprintf(&b, "%s %s %s stream=%v\n", changeText(c), c.Link.A, c.Link.B, c.Link.Stream)
		}
	}
	for _, p := range sc.Layout {
		fmt.Fprintf(&b, "place %s %s %d,%d\n", p.Cell, p.Kind, p.X, p.Y)
	}
	for _, a := range sc.Timeline {
		tr := a.Trigger
		fmt.Fprintf(&b, "%s line %d fault=%v stop=%v kind=%d from=%s every=%s until=%s times=%d", a.Path, a.Line, a.Fault, a.Stop, tr.Kind, tr.From, tr.Every, tr.Until, tr.Times)
		if tr.Cond != nil {
			fmt.Fprintf(&b, " when %s %v", tr.Cond.Text, tr.Cond.Watch)
		}
		b.WriteString("\n")
		for _, s := range a.Steps {
			fmt.Fprintf(&b, "  +%s v%d ends=%v %s\n", s.After, s.Version, s.Ends, s.String())
		}
	}
	for _, e := range sc.Expect {
		fmt.Fprintf(&b, "%s %q %s", e.Path, e.Name, e.String())
		if e.Cond != nil {
			fmt.Fprintf(&b, " %v", e.Cond.Watch)
		}
		b.WriteString("\n")
	}
	if sc.Study != nil {
		fmt.Fprintf(&b, "study %+v repeat %d\n", sc.Study.Matrix, sc.Study.Repeat)
		for _, m := range sc.Study.Measure {
			fmt.Fprintf(&b, "  measure %q word %q met %q %v\n", m.Text, m.word, m.met, m.watch)
		}
	}
	return b.String()
}

func TestEveryKeyArrivesInTheModel(t *testing.T) {
	for _, name := range []string{"all", "topology"} {
		src, err := Load("testdata/good/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		sc, err := src.Build(BuildOptions{Registry: testRegistry()})
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "testdata/good/"+name+".golden", printScenario(sc))
	}
}
