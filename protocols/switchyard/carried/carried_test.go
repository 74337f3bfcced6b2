package carried

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/protocols/abp"
	"example.com/dsim/protocols/internal/talk"
	"example.com/dsim/protocols/switchyard"
)

func TestTags(t *testing.T) { talk.WantTags(t, ABPDefaults()) }

func TestConfigIsChecked(t *testing.T) {
	for want, change := range map[string]func(*ABPConfig){
		"switchyard: peer: name: want 1 to 255 bytes of text without control characters": func(c *ABPConfig) { c.Peer = "" },
		"switchyard: name: want 1 to 255 bytes of text without control characters":       func(c *ABPConfig) { c.Endpoint = "\n" },
		"switchyard: backoff -1ns: must not be negative":                                 func(c *ABPConfig) { c.Backoff = -1 },
		`abp: role "x": want sender, receiver or both`:                                   func(c *ABPConfig) { c.Role = "x" },
	} {
		c := ABPDefaults()
		c.Peer = "bob"
		change(&c)
		if _, err := NewABP(c); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := NewABP(ABPConfig{Role: abp.Both, Peer: "bob", RTO: time.Second}); err != nil {
		t.Errorf("what is left out has its defaults: %v", err)
	}
}

func TestItKeepsItsState(t *testing.T) {
	c := ABPDefaults()
	c.Peer, c.Messages = "bob", 5
	p, err := NewABP(c)
	if err != nil {
		t.Fatal(err)
	}
	alice := talk.NewCell(t, "alice")(p, nil)
	alice.Start()
	kept := p.(cells.Durable).Save()
	again, _ := NewABP(c)
	if err := again.(cells.Durable).Restore(kept); err != nil {
		t.Error(err)
	}
	if string(again.(cells.Durable).Save()) != string(kept) {
		t.Errorf("%s became %s", kept, again.(cells.Durable).Save())
	}
	if again.(cells.Durable).Restore([]byte("x")) == nil {
		t.Error("a state that is none was taken")
	}
}

// both feeds two oracles.
type both [2]cells.Oracle

func (o both) Kinds() []cells.Kind { return append(o[0].Kinds(), o[1].Kinds()...) }

func (o both) Observe(k des.Key, m cells.Emission) error {
	for _, x := range o {
		for _, kind := range x.Kinds() {
			if kind == m.Kind {
				if err := x.Observe(k, m); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (o both) Finish() error { return nil }

// Law: whatever the fabric loses and doubles, and however the streams are cut,
// interleaved and broken, messages arrive once and in order; and all of them when
// nothing breaks any more.
func TestMessagesArrive(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		draw := xorshift(rapid.Uint64Range(1, 1<<60).Draw(rt, "seed"))
		c := switchyard.FabricDefaults()
		c.Impair = []string{rapid.SampledFrom([]string{"* * drop=20%", "* * dup=30%", "alice bob drop=50%", "* * latency=1ms"}).Draw(rt, "impair")}
		w := &talk.Streams{Draw: draw, Bound: 64 << 10, Oracle: both{abp.NewOracle(), switchyard.NewOracle()}}
		w.Server = talk.NewCell(t, "fabric")(switchyard.NewFabric(c))
		w.Add(w.Server)
		messages := rapid.Uint64Range(1, 20).Draw(rt, "messages")
		var ends []*talk.Cell
		for _, name := range [][2]string{{"alice", "bob"}, {"bob", "alice"}} {
			a := ABPDefaults()
			a.Peer, a.Role, a.Messages = name[1], map[string]string{"alice": abp.Sender, "bob": abp.Receiver}[name[0]], messages
			cell := talk.NewCell(t, cells.ID(name[0]))(NewABP(a))
			w.Add(cell)
			ends = append(ends, cell)
		}
		for range rapid.IntRange(0, 8).Draw(rt, "breaks") {
			w.Run(1 + draw(200))
			w.Break()
		}
		w.Draw = func(n int) int { // and time hardly ever passes while something is on its way
			if n == 4 && draw(256) > 0 {
				return 3
			}
			return draw(n)
		}
		for i := 0; i < 3000 && ends[1].Attr("delivered") < int64(messages) && w.Err == nil; i++ {
			w.Run(10)
		}
		if w.Err != nil {
			rt.Fatal(w.Err)
		}
		if got := ends[1].Attr("delivered"); got != int64(messages) {
			rt.Fatalf("%d of %d messages arrived", got, messages)
		}
	})
}

// xorshift is a generator for many small choices.
func xorshift(x uint64) func(n int) int {
	return func(n int) int {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		return int(x % uint64(n))
	}
}
