package tokenring_test

import (
	"encoding/binary"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/cells/celltest"
	"example.com/dsim/docs/examples/tokenring"
	"example.com/dsim/scenarios"
	"example.com/dsim/scenarios/simrapid"
	"example.com/dsim/scenarios/simtest"
	"pgregory.net/rapid"
)

func init() {
	scenarios.RegisterProtocol(scenarios.Protocol{
		Name: "ring", Doc: "a token that goes round",
		Config: func() any { return new(tokenring.Config) },
		New:    func(c any) (cells.Protocol, error) { return tokenring.New(*c.(*tokenring.Config)) },
	})
	scenarios.RegisterProperty(scenarios.Property{
		Name: "ring/one-place", Doc: "a token is in one place at a time", New: tokenring.NewOracle,
	})
}

// rings are worlds of one ring whose links do what they like.
func rings(params ...string) simrapid.Plan {
	return simrapid.Plan{
		Cells: [2]int{2, 6}, Shape: simrapid.Ring,
		Cell: func(*rapid.T, int) (string, []string) { return "ring", params },
		Link: func(*rapid.T) []string {
			return []string{"delay=5ms", "jitter=uniform(0ms, 30ms)", "loss=1%", "dup=10%", "reorder=10%", "reorder.delay=50ms"}
		},
		Faults: []simrapid.Fault{simrapid.Cut, simrapid.OneWay, simrapid.Noise},
		Stop:   5 * time.Second, Until: time.Minute,
		Expect: []string{"always: ring/one-place", `eventually: "all(cells, .holds > 2)", within: 50s, after: faults`},
	}
}

func TestATokenIsInOnePlaceInAnyRing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) { simrapid.Run(rt, simrapid.Draw(rt, rings())) })
}

// The same property finds a cell that takes any token, in a world of two.
func TestACellThatTakesAnyTokenIsFound(t *testing.T) {
	least := 100
	rapid.Check(t, func(rt *rapid.T) {
		w := simrapid.Draw(rt, rings("bug=take-any"))
		if f := w.Build(rt, scenarios.WorldOptions{}).Run().Failure; f != nil && f.Property == "ring/one-place" {
			least = min(least, len(w.Cells))
		}
	})
	if least != 2 {
		t.Errorf("the smallest world that shows the mistake has %d cells, want 2", least)
	}
}

func TestALostTokenIsMadeAnewByTheLowestName(t *testing.T) {
	three := scenarios.New("three").Cell("anna", "ring").Cell("bert", "ring").Cell("cleo", "ring").
		Link("ab", "anna:p0", "bert:p0", "delay=1ms").Link("bc", "bert:p1", "cleo:p0", "delay=1ms").
		Link("ca", "cleo:p1", "anna:p1", "delay=1ms").Expect("always: ring/one-place")
	simtest.Run(t, three, func(w *simtest.World) {
		w.Until("all(cells, .holds == 2) and cleo.token == 1", 2*time.Second)
		w.SetLink("bc", "cut=lost")
		w.For(2 * time.Second)
		w.Want("all(cells, .token == 1 and not .holding)")
		w.SetLink("bc", "cut=no")
		w.Until("all(cells, .token == 2)", 2*time.Second)
		w.Crash("anna")
		w.For(time.Second)
		w.Restart("anna")
		w.Until("all(cells, .token == 3)", 3*time.Second)
	})
}

func message(kind byte, number uint64, name string) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{kind}, number), name...)
}

func TestACellHoldsPassesAndClaims(t *testing.T) {
	bert, err := tokenring.New(tokenring.Config{Hold: 10 * time.Millisecond, Miss: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	c := celltest.New(t, bert, celltest.Options{ID: "bert", Ports: []celltest.Port{{Name: "p0"}, {Name: "p1"}}})
	c.Start()
	c.Up(0)
	c.Up(1)
	c.WantSome("it waits for a token", celltest.Arm(1, time.Second))
	c.Recv(1, message('t', 1<<32+4, ""))
	c.WantSome("it takes the token", celltest.Emit(tokenring.KindHold, 1, 4))
	c.Recv(1, message('t', 1<<32+4, ""))
	c.Recv(1, message('c', 0, "anna"))
	c.Idle("a copy, and a claim: the token is here")
	c.AdvanceToTimer()
	c.Want("on it goes", celltest.Emit(tokenring.KindPass, 1, 4), celltest.Send(0, message('t', 1<<32+5, "")))
	c.Recv(1, message('c', 0, "cleo"))
	c.Idle("of two names the lower claims")
	c.Recv(1, message('c', 0, "anna"))
	c.Want("anna is to know how far the token was", celltest.Send(0, message('c', 1<<32+4, "anna")))
	c.AdvanceToTimer()
	c.Want("silence", celltest.Send(0, message('c', 1<<32+4, "bert")), celltest.Arm(1, time.Second))
	c.Recv(1, message('c', 1<<32+4, "bert"))
	c.WantSome("nobody has it: a new one", celltest.Emit(tokenring.KindHold, 2, 0))
}
