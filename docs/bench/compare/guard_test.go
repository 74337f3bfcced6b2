package main

import (
	"os"
	"strings"
	"testing"
)

func TestParseFloors(t *testing.T) {
	fs, err := parseFloors("f", "# all\n\nmost ./des BenchmarkA/n=* allocs/op 0 # none\n? least ./des BenchmarkA BenchmarkB 1.5\n")
	if err != nil || len(fs) != 2 {
		t.Fatalf("%v, %v", fs, err)
	}
	if want := (floor{line: 3, pkg: "./des", name: "BenchmarkA/n=*", unit: "allocs/op"}); fs[0] != want {
		t.Errorf("%+v, want %+v", fs[0], want)
	}
	if want := (floor{line: 4, maybe: true, pkg: "./des", name: "BenchmarkA", baseline: "BenchmarkB", limit: 1.5}); fs[1] != want {
		t.Errorf("%+v, want %+v", fs[1], want)
	}
	for text, want := range map[string]string{
		"most ./des BenchmarkA allocs/op":         "f:1: want most",
		"\nfewest ./des BenchmarkA allocs/op 0":   "f:2: want most",
		"most ./des BenchmarkA allocs/op few":     `limit "few"`,
		"most ./des BenchmarkA allocs/op -1":      `limit "-1"`,
		"least ./des BenchmarkA BenchmarkB NaN":   `limit "NaN"`,
		"most ./des BenchmarkA/[ allocs/op 0":     "syntax error",
		"most ./des BenchmarkA/n=1 allocs/op 0 0": "f:1: want most",
	} {
		if _, err := parseFloors("f", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want %q in it", text, err, want)
		}
	}
}

// The committed list is one that can be read.
func TestFloorsOfTheHouse(t *testing.T) {
	text, err := os.ReadFile("../floors.txt")
	if err != nil {
		t.Fatal(err)
	}
	fs, err := parseFloors("floors.txt", string(text))
	if err != nil || len(fs) == 0 {
		t.Errorf("%d floors, %v", len(fs), err)
	}
}

func TestFloorJudge(t *testing.T) {
	found := []sample{
		{name: "BenchmarkHold/dist=exp/n=1", ns: 40, metrics: map[string]float64{"allocs/op": 0}},
		{name: "BenchmarkHold/dist=const/n=1", ns: 20, metrics: map[string]float64{"allocs/op": 1}},
		{name: "BenchmarkHold/dist=exp/n=1/baseline=heap4", ns: 100, metrics: map[string]float64{"allocs/op": 9}},
	}
	for _, c := range []struct {
		floor string
		want  string // a letter a finding: ok, bad, lost
	}{
		{"most ./des BenchmarkHold/dist=*/n=1 allocs/op 0", "ob"},
		{"most ./des BenchmarkHold/dist=exp/n=1 allocs/op 0", "o"},
		{"most ./des BenchmarkHold/dist=exp/n=1 bytes/cell 0", "b"},
		{"most ./des BenchmarkHold/dist=exp/n=2 allocs/op 0", "b"},
		{"? most ./des BenchmarkHold/dist=exp/n=2 allocs/op 0", "l"},
		{"least ./des BenchmarkHold/dist=exp/n=1 BenchmarkHold/dist=exp/n=1/baseline=heap4 2.5", "o"},
		{"least ./des BenchmarkHold/dist=exp/n=1 BenchmarkHold/dist=exp/n=1/baseline=heap4 2.6", "b"},
		{"least ./des BenchmarkHold/dist=exp/n=1 BenchmarkHold/baseline=gone 1", "b"},
		{"? least ./des BenchmarkHold/dist=exp/n=1 BenchmarkHold/baseline=gone 1", "l"},
	} {
		fs, err := parseFloors("f", c.floor)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range fs[0].judge(found) {
			switch {
			case f.bad:
				got += "b"
			case f.lost:
				got += "l"
			default:
				got += "o"
			}
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.floor, got, c.want)
		}
	}
}
