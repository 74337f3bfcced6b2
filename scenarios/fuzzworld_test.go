package scenarios

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"example.com/dsim/des"
	"example.com/dsim/replay"
)

// worldBytes decides a short world, byte by byte; after the last one all is 0.
type worldBytes []byte

func (w *worldBytes) next(n int) int {
	if len(*w) == 0 {
		return 0
	}
	b := int((*w)[0])
	*w = (*w)[1:]
	return b % n
}

// linkParams are those of a link, of both directions.
func (w *worldBytes) linkParams(stream bool) []string {
	list := []string{fmt.Sprintf("delay=%dms", w.next(8))}
	if stream {
		return append(list, fmt.Sprintf("recut=%s", []string{"full", "cut", "none"}[w.next(3)]),
			fmt.Sprintf("refuse=%d%%", w.next(60)), fmt.Sprintf("reset=%d%%", w.next(6)), fmt.Sprintf("bound=%dB", 64+w.next(256)*16))
	}
	for _, p := range []struct {
		name string
		most int
	}{{"loss", 80}, {"dup", 80}, {"reorder", 80}, {"corrupt", 60}} {
		if n := w.next(p.most); n > 0 {
			list = append(list, fmt.Sprintf("%s=%d%%", p.name, n))
		}
	}
	if n := w.next(12); n > 0 {
		list = append(list, fmt.Sprintf("jitter=uniform(0ms, %dms)", n))
	}
	if n := w.next(4); n > 0 {
		list = append(list, fmt.Sprintf("rate=%dMbit", n))
	}
	return list
}

// world is a scenario of one of the shipped protocols.
func (w *worldBytes) world() *Builder {
	b := New("fuzzed")
	var links, names []string
	link := func(name, one, two string) {
		b.Link(name, one, two, w.linkParams(false)...)
		links = append(links, name)
	}
	switch w.next(4) {
	case 0:
		names = []string{"alice", "bob"}
		b.Cell("alice", "abp", "role=both", fmt.Sprintf("messages=%d", w.next(40)), fmt.Sprintf("rto=%dms", 1+w.next(20)))
		b.Cell("bob", "abp", "role=both", fmt.Sprintf("messages=%d", w.next(40)), fmt.Sprintf("size=%dB", 16+w.next(256)*8))
		link("ab", "alice:p0", "bob:p0")
		b.Expect("sometimes: bob.delivered > 0")
	case 1:
		names = []string{"client", "server"}
		b.Cell("client", "echo", "role=client", "dial=server:echo", fmt.Sprintf("bytes=%dB", 8+w.next(256)*64), fmt.Sprintf("redial=%dms", 1+w.next(50)))
		b.Cell("server", "echo", "role=server")
		b.Stream("ab", "client", "server", w.linkParams(true)...)
		links = append(links, "ab")
		b.Expect("always: echo/prefix")
	case 2:
		names = []string{"a", "b", "c"}
		for _, n := range names {
			b.Cell(n, "tree", "root=true")
		}
		link("ab", "a:p0", "b:p0")
		link("bc", "b:p1", "c:p0")
		if w.next(2) == 1 {
			link("ca", "c:p1", "a:p1")
		}
		b.Expect("always: tree/at-most-once")
		b.Do(time.Duration(w.next(200))*time.Millisecond, "a: transact hello")
	case 3:
		names = []string{"ann", "x", "y", "z"}
		b.Cell("ann", "register", "role=client", fmt.Sprintf("operations=%d", w.next(30)), fmt.Sprintf("quorum=%d", w.next(4)))
		for _, n := range names[1:] {
			b.Cell(n, "register")
			link("ann-"+n, "ann:"+n, n+":ann")
		}
		b.Expect("sometimes: ann.returned > 0")
	}
	for range w.next(6) {
		at, what, l, c := time.Duration(w.next(250))*time.Millisecond, w.next(5), links[w.next(len(links))], names[w.next(len(names))]
		b.Do(at, []string{
			"cut: " + l + ", for: 40ms", "hold: " + l + ", for: 30ms", "crash: " + c + ", for: 50ms", "pause: " + c + ", for: 20ms", "set: {link: " + l + ", delay: 3ms}",
		}[what])
	}
	b.Run([]string{"ties: fifo", "ties: shuffled"}[w.next(2)])
	b.Run("events: 20000")
	return b.Until(300 * time.Millisecond)
}

// A short world of any bytes does not panic, ends, and goes the same way twice;
// served the verdicts of the first time, it goes that way a third time.
func FuzzWorld(f *testing.F) {
	for _, s := range []string{"", "\x00\x14\x05\x14\x08\x02\x1e\x1e\x1e\x05\x03\x01", "\x01\x40\x05\x02\x00\x0a\x01\x20\x02\x30\x02\x00\x01", "\x02\x02\x10\x10\x10\x05", "\x03\x10\x02"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		w := worldBytes(b)
		source, err := w.world().Source()
		if err != nil {
			t.Fatal(err)
		}
		sc, err := source.Build(BuildOptions{Seed: des.SeedOf(uint64(len(b)))})
		if err != nil {
			t.Fatalf("%v\n%s", err, source.Text)
		}
		list := &choiceList{}
		first := fuzzedRun(t, sc, WorldOptions{Choices: list})
		if r := first.Failure; r != nil && r.Property == PropertyPanic {
			t.Fatalf("%s\n%s", r, source.Text)
		}
		again := fuzzedRun(t, sc, WorldOptions{})
		served := fuzzedRun(t, sc, WorldOptions{Serve: replay.Serve(list.choices)})
		if again.Digest != first.Digest || served.Digest != first.Digest || again.Events != first.Events {
			t.Fatalf("digests %016x, again %016x, served %016x\n%s", uint64(first.Digest), uint64(again.Digest), uint64(served.Digest), bytes.TrimSpace(source.Text))
		}
	})
}

func fuzzedRun(t *testing.T, sc *Scenario, opt WorldOptions) *Result {
	t.Helper()
	w, err := NewWorld(sc, opt)
	if err != nil {
		t.Fatal(err)
	}
	return w.Run()
}

// choiceList keeps verdicts.
type choiceList struct{ choices []des.Choice }

// Choose takes a choice.
func (l *choiceList) Choose(c *des.Choice) {
	if c.What == "verdict" {
		l.choices = append(l.choices, *c)
	}
}
