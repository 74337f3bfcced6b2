package replay

import (
	"regexp"
	"strings"
	"testing"
)

// What is printed of an event can be given back: every key in a difference, and
// in a record, is one that ParseKey reads, and no entity is left a number where
// the records name it.
func TestDifferencesNameEvents(t *testing.T) {
	tick := func(l *leaky, run, i int) {
		for p := range 4 {
			l.send(uint32((p+run*3+i)%4), []byte("hello"))
		}
	}
	h := testHeader(Events)
	d, err := Diff(leakyTrace(t, 0, h, tick), leakyTrace(t, 1, h, tick), DiffOptions{})
	if err != nil || d == nil {
		t.Fatal(d, err)
	}
	text := d.String()
	if !strings.Contains(text, "event 10000000:0:0:cell:0:2 (alice)") {
		t.Errorf("the event is not named for people and for --until:\n%s", text)
	}
	keys := regexp.MustCompile(`\d+:\d+:\d+:[a-z]+:\d+:\d+`).FindAllString(text, -1)
	if len(keys) < 5 {
		t.Errorf("%d events in\n%s", len(keys), text)
	}
	for _, k := range keys {
		if _, err := ParseKey(k); err != nil {
			t.Error(err)
		}
	}
	if m := regexp.MustCompile(`(cell|dir|timeline|input) \d+ #`).FindString(text); m != "" {
		t.Errorf("%q in\n%s", m, text)
	}
}

func TestRecordTextNamesFrames(t *testing.T) {
	recs, _ := collect(1)
	for i := range recs {
		if recs[i].Link == "" {
			continue
		}
		if text := RecordText(&recs[i]); !strings.Contains(text, " ab>#1 ") || !strings.HasSuffix(text, FormatKey(recs[i].Key)) {
			t.Errorf("%s: want the frame ab>#1, and the event %s at the end", text, FormatKey(recs[i].Key))
		}
		return
	}
	t.Error("no frame")
}

// What the headers say is the cause: guesses from the records would only
// distract from it.
func TestKnownCausesSilenceGuesses(t *testing.T) {
	tick := func(l *leaky, run, i int) {
		l.emit(wallNow+chaos(run, i)&0xffff+int64(i)<<20, 0)
		l.words([]string{"peers: bob, carol, dave", "peers: dave, bob, carol"}[run])
	}
	h := testHeader(Events)
	diff := func(other Header) *Difference {
		d, err := Diff(leakyTrace(t, 0, h, tick), leakyTrace(t, 1, other, tick), DiffOptions{})
		if err != nil || d == nil {
			t.Fatal(d, err)
		}
		return d
	}
	if d := diff(h); len(d.Also) == 0 {
		t.Fatalf("no second guess without a known cause: this test means nothing\n%s", d)
	}
	for field, change := range map[string]func(*Header){
		"seed":     func(h *Header) { h.Seed = "8" },
		"set":      func(h *Header) { h.Set = []string{"links.ab.loss=11%"} },
		"scenario": func(h *Header) { h.Text = "version: 1\n" },
		"part":     func(h *Header) { *h = h.with(infoCut, "1s..2s") },
		"build":    func(h *Header) { h.Build = "dsim other go1 linux/amd64" },
	} {
		other := h
		change(&other)
		want := Class(field)
		if field == "set" || field == "part" {
			want = ByScenario
		}
		if d := diff(other); d.Suspect.Class != want || len(d.Also) != 0 {
			t.Errorf("another %s: want it and no guess, not %s and %v", field, d.Suspect, d.Also)
		}
	}
}
