package simtest

import (
	"os"
	"slices"
	"strings"
	"testing"

	"example.com/dsim/des"
)

func TestSeedsThatFailedRunFirst(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, n := range []uint64{900, 7, 900} {
		if err := keep(t.Name()+"/seed=1", des.SeedOf(n)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := (&Options{Runs: 2}).seeds(t)
	if err != nil {
		t.Fatal(err)
	}
	want := []des.Seed{des.SeedOf(900), des.SeedOf(7), des.SeedOf(1), des.SeedOf(2)}
	if *seedFlag == "" && *runsFlag == 0 && !slices.Equal(got, want) {
		t.Errorf("seeds %v, want those that failed, then the others: %v", got, want)
	}
}

func TestAKeptSeedThatIsNoneIsNamed(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := keep(t.Name(), des.SeedOf(1)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(keptFile(t.Name()))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keptFile(t.Name()), append(text, "seven\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := kept(t.Name()); err == nil || !strings.Contains(err.Error(), ".seeds:3: seed \"seven\"") {
		t.Errorf("got %v, want the file, the line and the word", err)
	}
}
