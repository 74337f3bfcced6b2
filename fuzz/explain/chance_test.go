package explain

import (
	"context"
	"fmt"
	"testing"

	"example.com/dsim/des"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/scenarios"

	_ "example.com/dsim/protocols/abp"
	_ "example.com/dsim/protocols/echo"
)

// everything is a link that does all that links do to frames, changes while it
// does, and goes and comes again.
const everything = `version: 1
name: everything
cells:
  alice: {protocol: abp, role: sender, messages: 3000, rto: 5ms}
  bob: {protocol: abp, role: receiver, messages: 3000}
links:
  ab:
    between: [alice:p0, bob:p0]
    delay: 1ms
    loss: 5%
    burst: {enter: 3%, leave: 30%}
    dup: 5%
    reorder: 10%
    reorder.delay: uniform(1ms, 4ms)
    ber: 2e-4
    corrupt: 3%
    jitter: uniform(0ms, 1ms)
timeline:
  - {at: 200ms, set: {link: ab, loss: 20%, ber: 1e-3}}
  - {at: 400ms, remove-link: ab}
  - {at: 420ms, add-link: {name: ab, between: [alice:p0, bob:p0], delay: 1ms, loss: 10%}}
run: {until: 1s}
`

// What is drawn anew under the world's own seed is what links have drawn: the
// two draw alike, frame by frame and bit by bit.
func TestFreshChanceIsThatOfLinks(t *testing.T) {
	texts := map[string]string{"everything": everything}
	for _, name := range []string{"echo/refused", "echo/reset", "abp/burst-loss", "abp/duplicates", "abp/drawn"} {
		src, err := scenarios.Load("../../scenarios/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(src.Text)
	}
	for name, text := range texts {
		for seed := uint64(1); seed <= 2; seed++ {
			t.Run(fmt.Sprint(name, "/", seed), func(t *testing.T) {
				w := repro.World{Name: name, Text: []byte(text), Seed: des.SeedOf(seed)}
				drawn, err := w.Run(context.Background(), repro.Options{Choices: true})
				if err != nil {
					t.Fatal(err)
				}
				s := freshFrom(nil, 0, w.Seed)
				fresh, err := w.Run(context.Background(), repro.Options{Serve: s, Records: s, Watch: s.watch})
				if err != nil {
					t.Fatal(err)
				}
				if fresh.Digest != drawn.Digest {
					t.Errorf("digest %016x of links, %016x of fresh chance", drawn.Digest, fresh.Digest)
				}
				if len(drawn.Choices) == 0 || !s.drew {
					t.Errorf("%d choices, drew %v: nothing was compared", len(drawn.Choices), s.drew)
				}
			})
		}
	}
}
