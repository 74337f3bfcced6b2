package scenarios

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAxesAreRead(t *testing.T) {
	for text, want := range map[string]Axis{
		"links.ab.loss=0%,5%, 10%":              {"links.ab.loss", []string{"0%", "5%", "10%"}},
		"links.ab.loss=0%..10%/5%":              {"links.ab.loss", []string{"0%", "5%", "10%"}},
		"cells.alice.rto=20ms..100ms/40ms,1s":   {"cells.alice.rto", []string{"20ms", "60ms", "100ms", "1s"}},
		"a.b=1..6/2":                            {"a.b", []string{"1", "3", "5"}},
		"a.b=7":                                 {"a.b", []string{"7"}},
		"l.jitter=uniform(0ms, 5ms),none":       {"l.jitter", []string{"uniform(0ms, 5ms)", "none"}},
		`l.x={choose: [1, 2]},"a,b"`:            {"l.x", []string{"{choose: [1, 2]}", `"a,b"`}},
		"links.ab.rate=500kbit..1500kbit/1Mbit": {"links.ab.rate", []string{"500kbit", "1500kbit"}},
	} {
		got, err := ParseAxis(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	for text, want := range map[string]string{
		"":               "want path=value",
		"a.b":            "want path=value",
		"a.b=":           "want path=value",
		"=5":             "want path=value",
		"a=1,1":          `"1" is there twice`,
		"a=1..5":         "wants a step",
		"a=1..5/0":       "step 0: must be greater than 0",
		"a=1..5/-1":      "must be greater than 0",
		"a=5..1/1":       "a range goes up",
		"a=1ms..5/1":     "want numbers of one unit",
		"a=0..1000000/1": "more than 10000 values",
		"a=-9223372036854775808..9223372036854775807/1": "more than 10000 values",
	} {
		if _, err := ParseAxis(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s in it", text, err, want)
		}
	}
}
