//go:build linux || darwin

package socket

import (
	"path/filepath"
	"testing"
	"time"
)

// TestWhoComesLateMissesNothing: an end that has looked for the other one in vain
// for a while looks again when it has something to say, and not only when it is
// time to. Whoever knows that both ends are open loses no frame.
func TestWhoComesLateMissesNothing(t *testing.T) {
	for _, first := range []string{"server", "client"} {
		path := filepath.Join(shortFolder(t), "late")
		second := map[string]string{"server": "client", "client": "server"}[first]
		a := mustOpen(t, Config{Kind: "unix", Path: path, Mode: first}, &ear{})
		time.Sleep(4 * seekLast) // now it looks no more than ten times a second
		h := &ear{}
		mustOpen(t, Config{Kind: "unix", Path: path, Mode: second}, h)
		if err := a.Send([]byte("first")); err != nil {
			t.Errorf("from the %s: %v", first, err)
		}
		until(t, "the first frame is there", func() bool { return len(h.heard()) == 1 })
		until(t, "it says that it is connected", func() bool { return a.Status() == "connected" })
	}
}
