package suggest

import "testing"

func TestNearest(t *testing.T) {
	choices := []string{"delay", "jitter", "loss", "burst.enter", "alice", "p0", "p1"}
	for word, want := range map[string]string{
		"dealy": "delay", "Delay": "delay", "lose": "loss", "burst.entr": "burst.enter",
		"alise": "alice", "px": "p0", "q7": "", "bob": "", "x": "", "": "", "latency": "", "jiter": "jitter",
	} {
		if got, _ := Nearest(word, choices); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
