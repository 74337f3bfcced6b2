package page

import (
	"strings"
	"testing"
	"time"
)

// TestMuchIsSaidLessOften: neither a big status nor a slow source takes more than
// its part of the time, and none makes the page wait for ever.
func TestMuchIsSaidLessOften(t *testing.T) {
	for _, c := range []struct {
		took time.Duration
		size int
		want time.Duration
	}{
		{0, 0, time.Second},
		{time.Millisecond, 40 << 10, time.Second},
		{time.Second, 0, 4 * time.Second},
		{0, 512 << 10, 4 * time.Second},
		{time.Hour, 0, 10 * time.Second},
		{0, 1 << 30, 10 * time.Second},
	} {
		if got := pause(c.took, c.size); got != c.want {
			t.Errorf("after %s and %d bytes the source is left alone for %s, want %s", c.took, c.size, got, c.want)
		}
	}
}

// silent is a source that says nothing.
type silent struct{}

func (silent) Status() Status        { return Status{} }
func (silent) Events(uint64) []Event { return nil }

// TestSlowViewerGetsTheNewest: what a viewer did not take in time is not kept for
// it; it gets one status, the newest, and as many events as are kept.
func TestSlowViewerGetsTheNewest(t *testing.T) {
	h := newHub(silent{}, "lab")
	v := &viewer{news: make(chan struct{}, 1)}
	h.viewers[v] = true
	for n := range uint64(1000) {
		h.show(&Status{Version: n})
		h.take([]Event{{Number: n + 1}})
	}
	got := string(h.next(v))
	if n := strings.Count(got, "event: status\n"); n != 1 || !strings.Contains(got, `"version":"999"`) {
		t.Errorf("%d statuses, want the newest alone", n)
	}
	if n := strings.Count(got, `"number":`); n != eventsKept || !strings.Contains(got, "id: "+h.boot+".1000\n") {
		t.Errorf("%d events, want the last %d", n, eventsKept)
	}
	if b := h.next(v); len(b) != 0 {
		t.Errorf("told twice: %.100s", b)
	}
	if len(h.events) != eventsKept {
		t.Errorf("%d events are kept, want %d", len(h.events), eventsKept)
	}
}
