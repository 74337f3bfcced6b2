package switchyard

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

func TestImpairmentsThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"lose=1":                   `no impairment "lose=1"`,
		"drop":                     `no impairment "drop"`,
		"latency=-1ms":             "want 0 to 1h0m0s",
		"latency=2h":               "want 0 to 1h0m0s",
		"jitter=normal(0ms,1ms)":   "want times from 0 to 1h0m0s",
		"jitter=uniform(1ms, 0ms)": "jitter",
		"gap=x":                    "gap",
		"drop=1% drop=2%":          "drop stands there twice",
	} {
		if _, err := ParseImpairment(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	m, err := ParseImpairment(" drop=10%   jitter=uniform(0ms, 2ms) ")
	if err != nil || m.String() != "drop=10% jitter=uniform(0ms,2ms)" {
		t.Errorf("%q, %v", m.String(), err)
	}
	if m, err = ParseImpairment("jitter=1ms..3ms"); err != nil || m.Jitter.Min() != 1e6 || m.Jitter.Max() != 3e6 {
		t.Errorf("%v, %v", m.Jitter, err)
	}
}

// What holds for a pair is what is said of the two, then of the one it goes to,
// then of where it comes from, then of all.
func TestTheNearestImpairmentHolds(t *testing.T) {
	f := newFabric(t, nil).P.(*fabric)
	ends := [2]*endpoint{{name: "a"}, {name: "b"}}
	for _, text := range []string{"* * latency=1ms", "a * latency=2ms", "* b latency=3ms", "a b latency=4ms"} {
		if err := f.impairText(text); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"latency=4ms", "latency=3ms", "latency=2ms", "latency=1ms"} {
		if got := f.impairment(ends[0], ends[1]); got.String() != want {
			t.Errorf("%s, want %s", got, want)
		}
		for k, m := range f.impaired {
			if m.String() == want {
				if err := f.setImpairment(k, ""); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if f.impairment(ends[0], ends[1]) != nil {
		t.Error("nothing is said, and something holds")
	}
}

// The verdicts follow from the pair's own stream, at the addresses the doc
// names, whatever happens to other pairs.
func TestVerdictsAreAddressed(t *testing.T) {
	run := func(noise bool) (lines []string) {
		f := newFabric(t, func(c *FabricConfig) { c.Impair = []string{"* * drop=20% dup=20%"} })
		a, _ := enter(t, f, "a", 0)
		b, _ := enter(t, f, "b", 0)
		c, _ := enter(t, f, "c", 0)
		for i := range 50 {
			if noise {
				f.Recv(c, packet(3, frameOf(t, all, mac3, "noise")))
				f.Take()
			}
			f.Recv(a, packet(1, frameOf(t, mac2, mac1, fmt.Sprint(i))))
			lines = append(lines, said(t, f)...)
		}
		_ = b
		return lines
	}
	quiet, noisy := run(false), run(true)
	if strings.Join(quiet, "\n") != strings.Join(noisy, "\n") {
		t.Error("verdicts on a pair depend on others")
	}
	r := des.SeedOf(1).Rand("fabric", 0, "impair a>b")
	p := des.Ratio{Num: 1, Den: 5}
	want := 0
	for n := range uint64(50) {
		if !p.Hit(r.At(n, 0)) {
			want++
			if p.Hit(r.At(n, 1)) {
				want++
			}
		}
	}
	if len(quiet) != want || want == 50 {
		t.Errorf("%d copies arrived, want %d", len(quiet), want)
	}
}

// Copies of a pair keep their order, unless they are reordered.
func TestLateCopies(t *testing.T) {
	f := newFabric(t, func(c *FabricConfig) { c.Impair = []string{"a b latency=10ms jitter=0ms..9ms dup=30%"} })
	a, _ := enter(t, f, "a", 0)
	enter(t, f, "b", 0)
	tap, _ := enter(t, f, "tap", Promisc)
	var want int
	at := f.Time
	for i := range 40 {
		f.Time = at.Add(time.Duration(i) * time.Millisecond)
		hi := frameOf(t, mac2, mac1, fmt.Sprintf("%02d", i))
		f.Recv(a, packet(1, hi))
		got := said(t, f)
		if len(got) == 0 || got[len(got)-1] != in(tap, 3, 1, hi) && got[0] != in(tap, 3, 1, hi) {
			t.Fatalf("who sees everything sees it at once: %q", got)
		}
	}
	want = int(f.Attr("waiting"))
	if want <= 40 || want != int(f.Attr("delayed")) {
		t.Errorf("%d wait", want)
	}
	last := ""
	for len(f.P.(*fabric).later) > 0 {
		f.Fire(timerLater)
		for _, line := range said(t, f) {
			if strings.Contains(line, "PACKET_IN") {
				if line < last {
					t.Errorf("%s after %s", line, last)
				}
				last = line
				want--
			}
		}
	}
	if want != 0 || f.Attr("waiting") != 0 {
		t.Errorf("%d never came", want)
	}
	f.Recv(a, control(TypeImpairSet, `{"from": "a", "to": "b", "set": "reorder=50% gap=1ms"}`))
	wantSaid(t, f, "said", `2: OK endpoint=0 flags=0x0 "{}"`)
	for i := range 20 {
		f.Recv(a, packet(1, frameOf(t, mac2, mac1, fmt.Sprintf("%02d", i))))
	}
	if n := f.Attr("reordered"); n < 3 || n > 17 || f.Attr("waiting") != n {
		t.Errorf("%d are reordered, %d wait", n, f.Attr("waiting"))
	}
	f.Recv(a, control(TypeImpairSet, `{"set": "x"}`))
	if got := said(t, f); !strings.Contains(got[len(got)-1], "bad IMPAIR_SET: no impairment") {
		t.Errorf("%q", got)
	}
}

// A late copy for an endpoint that is gone vanishes; one for an endpoint that has
// the name by then is not meant.
func TestLateCopiesForEndpointsThatAreGone(t *testing.T) {
	f := newFabric(t, func(c *FabricConfig) { c.Impair, c.Reap = []string{"* * latency=5ms dup=100%"}, true })
	a, _ := enter(t, f, "a", 0)
	b, _ := enter(t, f, "b", 0)
	f.Recv(a, packet(1, frameOf(t, mac2, mac1, "hi")))
	f.Down(b, cells.ErrReset)
	f.Take()
	b, _ = enter(t, f, "b", 0)
	f.Fire(timerLater)
	wantSaid(t, f, "nobody gets it")
	if f.Attr("vanished") != 2 || f.Attr("waiting") != 0 || b == 0 {
		t.Errorf("%d vanished, %d wait", f.Attr("vanished"), f.Attr("waiting"))
	}
}
