package scenarios

import (
	"testing"

	"example.com/dsim/des"
)

// A run that an override ends before its time says nothing of what was still to
// come; one that ends later, or as the file says, does.
func TestShortenedRunsAreInconclusive(t *testing.T) {
	src, err := Parse("short.yaml", []byte("version: 1\nname: short\n"+`cells:
  a: {protocol: probe, plan: ["5ms v=1"]}
expect:
  - {sometimes: a.v == 1}
  - {eventually: a.v == 1}
  - {always: a.v == 0}
  - {sometimes: a.v == 2}
run: {until: 20ms, stop: never}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		set  string
		want []Verdict
	}{
		{"run.until=4ms", []Verdict{Inconclusive, Inconclusive, Pass, Inconclusive}},
		{"run.until=10ms", []Verdict{Pass, Pass, Fail, Inconclusive}},
		{"run.until=20ms", []Verdict{Pass, Pass, Fail, Fail}},
		{"run.until=30ms", []Verdict{Pass, Pass, Fail, Fail}},
	} {
		sc, err := src.Build(BuildOptions{Seed: des.SeedOf(1), Set: []string{c.set}, Registry: probeRegistry(&growing{})})
		if err != nil {
			t.Fatal(err)
		}
		w, err := NewWorld(sc, WorldOptions{Registry: probeRegistry(&growing{})})
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range w.Run().Expect {
			if x.Verdict != c.want[i] {
				t.Errorf("%s: %s is %s, want %s: %v%s", c.set, x.Text, x.Verdict, c.want[i], x.Failure, x.Why)
			}
		}
	}
}
