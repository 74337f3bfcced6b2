package explore_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"example.com/dsim/fuzz/explore"
)

// replacing is a pair of cells whose link is removed, and added again.
const replacing = `version: 1
name: a link that is replaced
cells:
  alice: {protocol: abp, role: sender, messages: 50, interval: 3ms, rto: 10ms}
  bob: {protocol: abp, role: receiver}
links:
  ab: {between: [alice:p0, bob:p0], delay: 1ms}
timeline:
  - {at: 30ms, remove-link: ab}
  - {at: 50ms, add-link: {name: ab, between: [alice:p0, bob:p0], delay: 2ms}}
expect:
  - {always: abp/exactly-once-in-order}
  - {eventually: bob.delivered == 50, within: 2s}
explore:
  faults: {loss: [20%, 40%]}
  until: UNTIL
run: {until: 4s}
`

// A link that the timeline replaces is bad before and after, and restored if it
// is there when the faults end. It is not cut or held.
func TestALinkThatIsReplacedIsBadBeforeAndAfter(t *testing.T) {
	for _, c := range []struct {
		until, edit string
		before      bool // loss can be drawn at all
		after       bool // for the link that is added
		restored    bool
	}{
		{"20ms", "", true, false, true},
		{"40ms", "", true, false, false},
		{"100ms", "", true, true, true},
		{"100ms", "every: 50ms, times: 1, add-link", false, false, false},
	} {
		text := strings.Replace(replacing, "UNTIL", c.until, 1)
		if c.edit != "" {
			text = strings.Replace(text, "at: 50ms, add-link", c.edit, 1)
		}
		opt := explore.Options{Source: parsed(t, text), First: 1, Last: 64}
		x, err := explore.New(context.Background(), opt)
		if err != nil {
			t.Fatal(err)
		}
		lossy := 0
		for n := uint64(1); n <= 100; n++ {
			w, p, err := x.Draw(n)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range []string{"cut", "hold", "one-way"} {
				if slices.Contains(p.Families, f) {
					t.Fatalf("%s %q, world %d: %s of a link that is not there all the time\n%s", c.until, c.edit, n, f, p)
				}
			}
			if !slices.Contains(p.Families, "loss") {
				continue
			}
			lossy++
			text := string(w.Text)
			if added := addition(text); strings.Contains(added, "loss: ") != c.after {
				t.Fatalf("%s %q, world %d: want loss of the link that is added: %v\n%s", c.until, c.edit, n, c.after, text)
			}
			if restored := strings.Contains(text, "set: {link: ab"); restored != c.restored {
				t.Fatalf("%s %q, world %d: want the link restored: %v\n%s", c.until, c.edit, n, c.restored, text)
			}
		}
		if (lossy > 0) != c.before {
			t.Errorf("%s %q: loss in %d of 100 worlds, want some: %v", c.until, c.edit, lossy, c.before)
		}
		if r := search(t, opt); r.Unfit > 0 || r.Failed > 0 || r.Inconclusive > 0 {
			t.Errorf("%s %q: %d unfit, %d failed, %d inconclusive: %s", c.until, c.edit, r.Unfit, r.Failed, r.Inconclusive, r.Why)
		}
	}
}

// addition is what a scenario says of the link that it adds.
func addition(text string) string {
	i := strings.Index(text, "add-link:")
	if i < 0 {
		return ""
	}
	end := strings.Index(text[i:], "\n  - ")
	if end < 0 {
		end = strings.Index(text[i:], "\nexpect")
	}
	return text[i : i+end]
}
