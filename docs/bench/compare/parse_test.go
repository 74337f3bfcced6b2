package main

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// printed is what test binaries print, with all that may stand between.
const printed = `goos: linux
goarch: amd64
pkg: example.com/dsim/des
cpu: AMD EPYC
BenchmarkHold/dist=exp/n=100-2         	 4512342	        41.55 ns/op	       0 B/op	       0 allocs/op
BenchmarkHold/dist=exp/n=10000
a line that the benchmark printed
    1000	       100 ns/op	        25.00 ns/event	  3 allocs/op
--- BENCH: BenchmarkHold/dist=exp/n=10000
    bench_test.go:12: 7 events
BenchmarkBroken
--- FAIL: BenchmarkBroken
BenchmarkBuild/grid=1000x1000-2        	       1	1234567890 ns/op	       68.5 bytes/cell
PASS
`

func TestParseBench(t *testing.T) {
	got := parseBench(printed, 2)
	want := []struct {
		name   string
		ns     float64
		unit   string
		metric float64
	}{
		{"BenchmarkHold/dist=exp/n=100", 41.55, "allocs/op", 0},
		{"BenchmarkHold/dist=exp/n=10000", 25, "allocs/op", 3},
		{"BenchmarkBuild/grid=1000x1000", 1234567890, "bytes/cell", 68.5},
	}
	if len(got) != len(want) {
		t.Fatalf("found %d results, want %d: %v", len(got), len(want), got)
	}
	for i, w := range want {
		m, ok := got[i].metrics[w.unit]
		if got[i].name != w.name || got[i].ns != w.ns || !ok || m != w.metric {
			t.Errorf("result %d is %v, want %v", i, got[i], w)
		}
	}
}

// A name may itself end in a hyphen and the number of processors, which is
// added only when there is more than one.
func TestParseBenchKeepsNamesOfOneProcessor(t *testing.T) {
	got := parseBench("BenchmarkX/level-1 \t 10 \t 5 ns/op\n", 1)
	if len(got) != 1 || got[0].name != "BenchmarkX/level-1" {
		t.Errorf("found %v", got)
	}
}

func TestChooseTakesTheFirstAlternative(t *testing.T) {
	found := []sample{{name: "BenchmarkA/plain", ns: 2}, {name: "BenchmarkA/digest", ns: 3}}
	if s, ok := choose(found, "BenchmarkA BenchmarkA/digest BenchmarkA/plain"); !ok || s.ns != 3 {
		t.Errorf("chose %v, %t", s, ok)
	}
	if _, ok := choose(found, "BenchmarkA"); ok {
		t.Error("a parent was chosen by a name that only its children have")
	}
}

// The pattern must match what it names, each part as testing.B matches it.
func TestBenchPattern(t *testing.T) {
	got := benchPattern([]string{"BenchmarkHold/dist=*/n=100", "BenchmarkGrid/32x32"})
	if want := "^BenchmarkHold$/^dist=.*$/^n=100$|^BenchmarkGrid$/^32x32$"; got != want {
		t.Fatalf("pattern %s, want %s", got, want)
	}
	parts := strings.Split(benchPattern([]string{"BenchmarkX/a.b(c)"}), "/")
	if ok, err := regexp.MatchString(parts[1], "a.b(c)"); !ok || err != nil {
		t.Errorf("%s does not match a.b(c): %v", parts[1], err)
	}
	if ok, _ := regexp.MatchString(parts[1], "axb(c)"); ok {
		t.Errorf("%s takes a dot for anything", parts[1])
	}
}

func TestParseNS3(t *testing.T) {
	s, err := parseNS3("workload=grid n=128 sched=pq ns=3763.32 events=10000 clock=5006089 rss-kib=201608 bytes=11586\n")
	if err != nil || s.ns != 3763.32 || s.metrics["bytes/cell"] != 11586 || s.metrics["clock"] != 5006089 {
		t.Errorf("%v, %v", s, err)
	}
	for _, bad := range []string{"", "workload=hold n=100\n", "Segmentation fault\n", "workload=hold ns=0\n"} {
		if s, err := parseNS3(bad); err == nil {
			t.Errorf("%q gives %v", bad, s)
		}
	}
}

func TestParseStat(t *testing.T) {
	//                user nice system idle iowait irq softirq steal guest guest_nice
	a, err := parseStat("cpu  100 10 40 800 50 1 2 7 90 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n")
	if err != nil || a.busy != 160 || a.total != 1010 {
		t.Fatalf("%+v, %v: want 160 busy of 1010", a, err)
	}
	b := ticks{busy: a.busy + 60, total: a.total + 200}
	for _, c := range []struct {
		ours time.Duration
		want float64
	}{{0, 0.3}, {400 * time.Millisecond, 0.1}, {time.Second, 0}} {
		if got, err := share(a, b, c.ours); err != nil || got != c.want {
			t.Errorf("others took %v with %v ours, want %v: %v", got, c.ours, c.want, err)
		}
	}
	if _, err := share(a, a, 0); err == nil {
		t.Error("a machine whose clock stands still has a load")
	}
	for _, bad := range []string{"", "cpu0 1 2 3 4 5 6 7 8\n", "cpu 1 2 3\n", "cpu 1 2 x 4 5 6 7 8\n"} {
		if got, err := parseStat(bad); err == nil {
			t.Errorf("%q gives %v", bad, got)
		}
	}
}

func TestLastLine(t *testing.T) {
	if got := lastLine([]byte("a\n\n  b\nc\nFAIL\nexit status 2\n"), 2); got != "b; c" {
		t.Errorf("%q", got)
	}
}
