package realnet

import (
	"path/filepath"
	"testing"
	"time"

	"example.com/dsim/replay/journal"
	"example.com/dsim/replay/playback"
	"example.com/dsim/replay/site"
	"example.com/dsim/scenarios"
)

// left keeps what a played site lets out.
type left struct{ list []string }

func (l *left) Out(_ string, b []byte) { l.list = append(l.list, string(b)) }

// TestLawAKilledSiteIsExplained kills a process in the middle of its work, again
// and again: whatever its peer has received of it, its journal sends too.
func TestLawAKilledSiteIsExplained(t *testing.T) {
	times := 3
	if *long {
		times = 30
	}
	for i := range times {
		dir := shortDir(t)
		_, kill := startKillable(t, "lossy", dir)
		alice, err := bouncer(dir, "alice", "lossy", 0)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(20+37*i) * time.Millisecond) // any moment will do
		kill()
		if err := alice.Close(); err != nil {
			t.Fatal(err)
		}
		got := received(t, filepath.Join(dir, "alice.0.journal"))
		sent := &left{}
		report := play(t, filepath.Join(dir, "bob.0.journal"), sent)
		if report.Ended || !report.Same() {
			t.Errorf("the journal of the killed process: %+v", report)
		}
		next := 0
		for k, frame := range got {
			for next < len(sent.list) && sent.list[next] != frame {
				next++ // the socket had no room for it
			}
			if next == len(sent.list) {
				t.Fatalf("frame %d of the %d that came is none of the %d that the journal explains", k, len(got), len(sent.list))
			}
			next++
		}
		if len(got) == 0 {
			t.Error("nothing came")
		}
		t.Logf("killed after %d frames had come; the journal explains %d", len(got), len(sent.list))
	}
}

// received are the frames that a journal says have come.
func received(t *testing.T, path string) (frames []string) {
	r, err := journal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for e, err := range r.Entries() {
		if err != nil {
			t.Fatal(err)
		}
		if e.Input != nil && e.Input.Kind == site.Frame {
			frames = append(frames, string(e.Input.Data))
		}
	}
	return frames
}

func play(t *testing.T, path string, out site.Outlet) playback.Report {
	r, err := journal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	report, err := playback.Play(r, playback.Options{Make: scenarios.MakeProtocol, Out: out})
	if err != nil {
		t.Fatal(err)
	}
	return report
}
