package explore_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"example.com/dsim/fuzz/explore"
	"example.com/dsim/fuzz/repro"
)

// waiter is a client that waits for as many of its three replicas.
func waiter(t *testing.T, quorum string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/waits-for-all.yaml")
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.Replace(string(text), "quorum: 3}", "quorum: "+quorum+"}", 1)
	if quorum != "3" && edited == string(text) {
		t.Fatal("the scenario has no quorum: 3")
	}
	return edited
}

// A client that waits for all loses progress where only a core is healed, and
// nowhere else; one that waits for a majority does not.
func TestProgressIsLostOnlyWhereACoreIsHealed(t *testing.T) {
	for _, c := range []struct {
		quorum string
		mode   explore.Liveness
		fails  bool
	}{{"3", explore.HealAll, false}, {"3", explore.HealCore, true}, {"2", explore.HealAll, false}, {"2", explore.HealCore, false}} {
		t.Run(c.quorum+"/"+string(c.mode), func(t *testing.T) {
			r := search(t, explore.Options{Source: parsed(t, waiter(t, c.quorum)), Last: 64, Liveness: c.mode})
			if r.Inconclusive > 0 || r.Unfit > 0 {
				t.Errorf("%d inconclusive, %d unfit: %s", r.Inconclusive, r.Unfit, r.Why)
			}
			if r.Progress.Asked != r.Worlds || r.Progress.Idle > r.Worlds/2 {
				t.Errorf("progress %+v of %d worlds: hardly any was asked for it", r.Progress, r.Worlds)
			}
			if c.fails != (len(r.Found) > 0) {
				t.Errorf("%d of %d failed, want failures: %v", r.Failed, r.Worlds, c.fails)
			}
			for _, f := range r.Found {
				if f.Signature.Property != "done" {
					t.Errorf("%s\n%s\nwant it of progress", f.Signature, f.Plan)
				}
				report, err := f.File.Check(context.Background(), repro.Options{})
				if err != nil || report.Status != repro.Reproduced {
					t.Errorf("its file: %+v %v", report, err)
				}
			}
		})
	}
}

// Cells outside of the core are lost in some worlds, those in it in none, and
// without a mode nothing is lost.
func TestOnlyWhatIsOutsideOfTheCoreIsLost(t *testing.T) {
	for mode, want := range map[explore.Liveness]bool{explore.HealCore: true, explore.Drawn: true, explore.HealAll: false, explore.Freeze: false, explore.AsDeclared: false} {
		x, err := explore.New(context.Background(), explore.Options{Source: parsed(t, waiter(t, "3")), First: 1, Last: 100, Liveness: mode})
		if err != nil {
			t.Fatal(err)
		}
		lost, heals := 0, make(map[string]int)
		for n := uint64(1); n <= 60; n++ {
			w, p, err := x.Draw(n)
			if err != nil {
				t.Fatal(err)
			}
			heals[p.Heal]++
			if len(p.Lost) > 0 {
				if lost++; len(p.Lost) != 1 || p.Lost[0] != "c" || !strings.Contains(string(w.Text), "{at: 150ms, cut: ann-c}") {
					t.Errorf("%s, world %d: lost %v, want c, by its link\n%s", mode, n, p.Lost, w.Text)
				}
			}
		}
		if (lost > 0) != want || lost > 50 {
			t.Errorf("%s: a cell is lost in %d of 60 worlds, want some: %v", mode, lost, want)
		}
		if mode == explore.Drawn && (heals["all"] < 5 || heals["core"] < 5 || heals["freeze"] < 5) {
			t.Errorf("drawn: %v, want each", heals)
		}
	}
}

func TestLivenessSaysWhatItWants(t *testing.T) {
	without := strings.Replace(pairs, "  core: [alice, bob]\n", "", 1)
	nothing := "version: 1\nname: x\ncells:\n  a: {protocol: echo, role: server}\nrun: {until: 1s}\n"
	for _, c := range []struct {
		text string
		mode explore.Liveness
		want string
	}{
		{strings.Replace(without, "HEAL", "all", 1), explore.HealCore, "which cells are enough?"},
		{nothing, explore.HealAll, "nothing must come"},
		{strings.Replace(pairs, "HEAL", "all", 1), "heal", "must be heal-all, heal-core, freeze or drawn"},
	} {
		_, err := explore.New(context.Background(), explore.Options{Source: parsed(t, c.text), First: 1, Last: 2, Liveness: c.mode})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.mode, err, c.want)
		}
	}
}

// A budget of events that runs out before the faults end has shown nothing of
// progress, and that is told.
func TestABudgetThatRanOutEarlyIsTold(t *testing.T) {
	r := search(t, explore.Options{Source: parsed(t, waiter(t, "2")), Last: 20, Set: []string{"run.events=30"}, Liveness: explore.HealAll})
	if r.Inconclusive != 20 || r.Passed > 0 || r.Progress.Early != 20 {
		t.Errorf("%d inconclusive, %d passed, %+v; want 20, all early", r.Inconclusive, r.Passed, r.Progress)
	}
}

// What is broken by half need not settle: under a core that is healed a
// structural property is asked where all else is lost, and there it holds.
func TestStructureIsAskedOfACoreThatIsAlone(t *testing.T) {
	opt := explore.Options{
		Source: source(t, "tree/ring-cut-twice.yaml"), Last: 16, Liveness: explore.HealCore,
		Set: []string{"explore={core: [anna, bert, cleo, dora]}", "timeline=[]"},
	}
	opt.First = 1
	x, err := explore.New(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for n := uint64(1); n <= 60; n++ {
		w, p, err := x.Draw(n)
		if err != nil {
			t.Fatal(err)
		}
		is := strings.Contains(string(w.Text), "settled: tree/spanning")
		if want := len(p.Lost) == 2; is != want {
			t.Fatalf("world %d, lost %v: the structure is asked: %v\n%s", n, p.Lost, is, w.Text)
		}
		if is {
			asked++
		}
	}
	if asked < 10 {
		t.Errorf("asked in %d of 60 worlds", asked)
	}
	for _, f := range search(t, opt).Found {
		if strings.HasPrefix(f.Signature.Property, "tree/") {
			t.Errorf("world %d: %s\n%s", f.World, f.Failure, f.Plan)
		}
	}
}
