package ping

import (
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/cells/celltest"
	"example.com/dsim/des"
	"example.com/dsim/scenarios"
)

func TestAskerAsksAgainUntilThereIsAnAnswer(t *testing.T) {
	asker, err := New(Config{Asks: true, Every: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	c := celltest.New(t, asker, celltest.Options{})
	c.Start()
	c.Idle("there is no link yet")
	c.Up(0)
	c.Want("the first question", celltest.Send(0, []byte{0}), celltest.Arm(next, 100*time.Millisecond))
	c.AdvanceToTimer()
	c.Want("no answer: the same again", celltest.Send(0, []byte{0}), celltest.Arm(next, 100*time.Millisecond))
	c.Advance(30 * time.Millisecond)
	c.Recv(0, []byte{0})
	c.Want("the answer", celltest.Emit(KindAnswer, 0, int64(30*time.Millisecond)))
	c.Recv(0, []byte{0})
	c.Recv(0, nil)
	c.Idle("an old answer, and bytes that are none")
	c.AdvanceToTimer()
	c.Want("the next question", celltest.Send(0, []byte{1}), celltest.Arm(next, 100*time.Millisecond))
	if c.State("answers") != 1 {
		t.Errorf("%d answers, want 1", c.State("answers"))
	}
}

func TestAnswererSendsBackWhatItGot(t *testing.T) {
	answerer, _ := New(Config{})
	c := celltest.New(t, answerer, celltest.Options{})
	c.Start()
	c.Up(0)
	c.Idle("an answerer waits")
	c.Recv(0, []byte("abc"))
	c.Want("the same", celltest.Send(0, []byte("abc")))
}

const world = `
version: 1
name: questions over a link that loses one frame in five
cells:
  alice: {protocol: ping, asks: true, every: 50ms}
  bob: {protocol: ping}
links:
  ab: {between: [alice:p0, bob:p0], delay: 10ms, loss: 20%}
expect:
  - {eventually: alice.answers == 100}
  - {sometimes: links.ab.lost > 0}
run: {until: 60s}
`

// A registry of its own lets a test run scenarios with a protocol that dsim does
// not ship.
func TestQuestionsAreAnsweredOverALossyLink(t *testing.T) {
	reg := scenarios.NewRegistry()
	reg.RegisterProtocol(scenarios.Protocol{
		Name: "ping", Doc: "asks and answers",
		Config: func() any { return new(Config) },
		New:    func(cfg any) (cells.Protocol, error) { return New(*cfg.(*Config)) },
	})
	src, err := scenarios.Parse("ping.yaml", []byte(world))
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(100) {
		sc, err := src.Build(scenarios.BuildOptions{Seed: des.SeedOf(seed), Registry: reg})
		if err != nil {
			t.Fatal(err)
		}
		w, err := scenarios.NewWorld(sc, scenarios.WorldOptions{Registry: reg})
		if err != nil {
			t.Fatal(err)
		}
		if r := w.Run(); r.Verdict != scenarios.Pass {
			t.Fatalf("seed %d: %s", seed, r.Failure)
		}
	}
}
