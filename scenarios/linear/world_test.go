package linear_test

import (
	"strings"
	"testing"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/scenarios"
	"example.com/dsim/scenarios/linear"
)

// A property that could not be decided is inconclusive, and says why.
func TestUndecidedIsInconclusive(t *testing.T) {
	scenarios.RegisterProperty(scenarios.Property{Name: "register/hardly", New: func() cells.Oracle {
		m := linear.Register
		m.Steps = 5
		return linear.New(m)
	}})
	src, err := scenarios.Load("../register/far.yaml")
	if err != nil {
		t.Fatal(err)
	}
	sc, err := src.Build(scenarios.BuildOptions{Seed: des.SeedOf(1), Set: []string{"expect=[{always: register/hardly}]"}})
	if err != nil {
		t.Fatal(err)
	}
	w, err := scenarios.NewWorld(sc, scenarios.WorldOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r := w.Run()
	if r.Verdict != scenarios.Inconclusive || !strings.Contains(r.Expect[0].Why, "took more than 5 steps") {
		t.Errorf("%s: %s", r.Verdict, r.Expect[0].Why)
	}
}
