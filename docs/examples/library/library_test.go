// Package library holds the handbook's examples of worlds inside go test.
package library

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/fuzz/swarm"
	"example.com/dsim/scenarios"
	"example.com/dsim/scenarios/simrapid"
	"example.com/dsim/scenarios/simtest"
	"pgregory.net/rapid"
)

// The page shows what is compiled here, and nothing else.
func TestThePageShowsWhatIsCompiled(t *testing.T) {
	page, err := os.ReadFile("../../handbook/library.md")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("library_test.go")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "```go\n")[1:]
	for _, b := range blocks {
		b, _, _ = strings.Cut(b, "```")
		if !strings.Contains(string(code), b) {
			t.Errorf("the page has what is not in library_test.go:\n%s", b)
		}
	}
	if len(blocks) < 6 {
		t.Errorf("%d blocks", len(blocks))
	}
}

func TestLossy(t *testing.T) { simtest.File(t, "../../../scenarios/abp/lossy.yaml") }

func two() *scenarios.Builder {
	return scenarios.New("two").
		Cell("alice", "abp", "role=sender").
		Cell("bob", "abp", "role=receiver", "clock.drift=20ppm").
		Link("ab", "alice:p0", "bob:p0", "delay=10ms", "a->b.loss=20%").
		Do(3*time.Second, "cut: ab, for: 300ms").
		Expect("always: abp/exactly-once-in-order").
		Until(time.Minute)
}

func TestABrokenLinkIsWaitedFor(t *testing.T) {
	simtest.Run(t, two(), func(w *simtest.World) {
		w.Command("alice", "send hello")
		w.Until("bob.delivered == 1", time.Second)
		w.SetLink("ab", "cut=lost")
		w.Command("alice", "send 10")
		w.For(time.Second)
		w.Want("bob.delivered == 1 and alice.retransmitted > 0")
		w.SetLink("ab", "cut=no")
		w.Until("bob.delivered == 11", 10*time.Second)
	})
}

func Example_transcript() {
	src, err := two().Source()
	if err != nil {
		panic(err)
	}
	sc, err := src.Build(scenarios.BuildOptions{Seed: des.SeedOf(7)})
	if err != nil {
		panic(err)
	}
	w, err := scenarios.NewWorld(sc, scenarios.WorldOptions{Records: scenarios.Transcript(os.Stdout)})
	if err != nil {
		panic(err)
	}
	w.Advance(clock.Time(time.Second), 0)
	if _, err := w.Command("alice", "send", "hello"); err != nil {
		panic(err)
	}
	fmt.Println(w.Run().Verdict)
	// Output:
	//           0s  change       add-cell alice
	//           0s  change       add-cell bob
	//           0s  change       add-link ab delay=10ms >loss=20%
	//           1s  alice        > send hello
	//           1s  alice        < taken
	//           1s  alice        accept message=0 bytes=21
	//        1.01s  bob          deliver message=0 bytes=21
	//           3s  timeline     timeline[0]: set-link ab cut=lost
	//           3s  change       set-link ab cut=lost
	//         3.3s  timeline     timeline[0]: set-link ab cut=no
	//         3.3s  change       set-link ab cut=no
	// pass
}

func TestAnyPairGetsItsMessages(t *testing.T) {
	pair := simrapid.Plan{
		Cells: [2]int{2, 2},
		Cell: func(_ *rapid.T, i int) (string, []string) {
			return "abp", [][]string{{"role=sender", "messages=20"}, {"role=receiver"}}[i]
		},
		Link:   simrapid.Loss(0, 40),
		Faults: []simrapid.Fault{simrapid.Cut, simrapid.OneWay, simrapid.Noise},
		Stop:   5 * time.Second, Until: 2 * time.Minute,
		Expect: []string{"always: abp/exactly-once-in-order", "eventually: c1.delivered == 20, within: 60s, after: faults"},
	}
	rapid.Check(t, func(rt *rapid.T) { simrapid.Run(rt, simrapid.Draw(rt, pair)) })
}

func TestTopologiesChangeUnderARunningWorld(t *testing.T) {
	plan := simrapid.Plan{
		Cells: [2]int{1, 5}, Extra: 3, Until: time.Hour,
		Cell: func(*rapid.T, int) (string, []string) { return "abp", []string{"messages=30", "interval=10ms"} },
		Link: simrapid.Loss(0, 20),
	}
	rapid.Check(t, func(rt *rapid.T) {
		m := simrapid.NewMachine(rt, simrapid.Draw(rt, plan), plan, scenarios.WorldOptions{})
		rt.Repeat(m.Actions())
	})
}

func TestWhatIsDeclaredIsBorne(t *testing.T) {
	swarm.Check(t, "../../../scenarios/abp/explored.yaml", swarm.Options{})
}
