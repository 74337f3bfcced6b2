package playback

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay"
	"example.com/dsim/replay/journal"
	"example.com/dsim/scenarios"
)

// story keeps records.
type story []des.Record

func (s *story) Record(r *des.Record) { *s = append(*s, replay.Clone(r)) }

func merge(t testing.TB, dir string) (*Merged, story) {
	t.Helper()
	var s story
	m, err := Merge(dir, Options{Make: scenarios.MakeProtocol, Records: &s})
	if err != nil {
		t.Fatal(err)
	}
	return m, s
}

// wantStory wants records in an order that a world's can have: sends before what
// they lead to, no key twice, all of one event together.
func wantStory(t *testing.T, s story, held bool) (crossed int) {
	t.Helper()
	type frame struct {
		link string
		n    int64
	}
	sent := map[frame]des.Key{}
	done := map[des.Key]bool{}
	var last des.Key
	for i, r := range s {
		if r.Key != last {
			if done[r.Key] {
				t.Fatalf("record %d: the event %s comes a second time", i, r.Key)
			}
			done[r.Key], last = true, r.Key
		}
		if r.Op.Event() && !r.Cause.IsZero() && !done[r.Cause] {
			t.Fatalf("record %d, %s %s of %s: what caused it, %s, is not before it", i, r.Op, r.Key, r.Cell, r.Cause)
		}
		switch r.Op {
		case des.OpSend:
			sent[frame{r.Link, r.A}] = r.Key
		case des.OpRecv:
			if strings.HasSuffix(r.Link, "<") || strings.HasSuffix(r.Link, ">") {
				if k, ok := sent[frame{r.Link, r.A}]; !ok || k != r.Cause && !held {
					t.Fatalf("record %d: frame %d of %s arrives, caused by %s, and was sent by %s", i, r.A, r.Link, r.Cause, k)
				}
				crossed++
			}
		}
	}
	return crossed
}

func TestSitesArePutTogetherInTheOrderOfTime(t *testing.T) {
	for _, file := range []string{"abp/lossy.yaml", "abp/pause.yaml", "abp/hold.yaml", "abp/duplicates.yaml", "tree/three.yaml"} {
		t.Run(file, func(t *testing.T) {
			dir := run(t, stageOf(t, file, 4, 3*time.Second))
			m, s := merge(t, dir)
			for i := 1; i < len(s); i++ {
				if s[i].Key.Time < s[i-1].Key.Time {
					t.Fatalf("record %d is of %s, the one before of %s", i, s[i].Key.Time, s[i-1].Key.Time)
				}
			}
			crossed := wantStory(t, s, file == "abp/hold.yaml")
			if crossed < 20 {
				t.Errorf("%d frames arrived", crossed)
			}
			wantDirections(t, m)
		})
	}
}

func wantDirections(t *testing.T, m *Merged) {
	t.Helper()
	if len(m.Directions) == 0 {
		t.Error("no directions")
	}
	for _, d := range m.Directions {
		if d.Lost > 0 || d.Unsent > 0 || d.Late > 0 || d.Sent != d.Arrived+d.Dropped+d.Down || d.Down > 3 { // on the way at the end
			d.Delays = nil
			t.Errorf("%+v", d)
		}
		if len(d.Delays) > 0 && (d.Delay(0) < 20*time.Microsecond || d.Delay(1) > 2*time.Millisecond) {
			t.Errorf("%s to %s took %s to %s", d.Link, d.To, d.Delay(0), d.Delay(1))
		}
	}
	for i := range m.Reports {
		if !m.Reports[i].Same() {
			t.Errorf("%+v", m.Reports[i])
		}
	}
}

func TestEachSiteKeepsItsOrderInTheWhole(t *testing.T) {
	dir := run(t, stageOf(t, "abp/lossy.yaml", 4, time.Second))
	_, s := merge(t, dir)
	for _, id := range []string{"alice", "bob"} {
		var alone story
		play(t, filepath.Join(dir, id+".0.journal"), Options{Make: scenarios.MakeProtocol, Records: &alone})
		line := func(r *des.Record) string {
			return fmt.Sprintf("%d %s %s %d %x", r.Key.Time, r.Op, r.Kind, r.Port, r.Data)
		}
		var all []string
		for i := range s {
			if s[i].Cell == id {
				all = append(all, line(&s[i]))
			}
		}
		k := 0
		for i := range alone {
			if alone[i].Cell != id {
				continue
			}
			if k >= len(all) || all[k] != line(&alone[i]) {
				t.Fatalf("record %d of %s: %s alone, %s in the whole", k, id, line(&alone[i]), all[min(k, len(all)-1)])
			}
			k++
		}
		if k != len(all) || k == 0 {
			t.Errorf("%s has %d records alone, %d in the whole", id, k, len(all))
		}
	}
}

func TestClocksThatAreOffAreAmended(t *testing.T) {
	for _, skew := range []time.Duration{-300 * time.Microsecond, 300 * time.Microsecond, -2 * time.Second} {
		p := stageOf(t, "abp/lossy.yaml", 9, 2*time.Second)
		p.Skew = skew
		m, s := merge(t, run(t, p))
		if crossed := wantStory(t, s, false); crossed < 20 {
			t.Errorf("skew %s: %d frames arrived", skew, crossed)
		}
		for _, d := range m.Directions {
			if d.Unsent > 0 || d.Delay(0) < 0 {
				t.Errorf("skew %s: %s to %s: %d are not known to be sent, least delay %s", skew, d.Link, d.To, d.Unsent, d.Delay(0))
			}
		}
	}
}

func TestAKilledProcessIsPutTogetherWithItsNextLife(t *testing.T) {
	m, s := merge(t, run(t, killed(t, 2)))
	wantStory(t, s, false)
	var ends []string
	for _, a := range m.Acts {
		switch a.Kind {
		case Began, Ended, Killed:
			ends = append(ends, fmt.Sprintf("%s.%d %d", a.Site, a.Life, a.Kind))
		}
	}
	want := "alice.0 1, bob.0 1, bob.0 4, bob.1 1, alice.0 4, bob.1 4"
	if got := strings.Join(ends, ", "); got != want {
		t.Errorf("lives: %s, want %s", got, want)
	}
	starts := 0
	for _, r := range s {
		if r.Op == des.OpStart && r.Cell == "bob" {
			starts++
			if (r.A == 1) != (starts == 2) {
				t.Errorf("bob's start %d is of incarnation %d", starts, r.A)
			}
		}
	}
	if starts != 2 {
		t.Errorf("bob starts %d times", starts)
	}
}

func TestIdenticalFramesAreMatchedWithTheLatest(t *testing.T) {
	a, b := &trail{header: header("x"), path: "a"}, &trail{header: header("x"), path: "b"}
	b.acts, b.report.End = []Act{{Kind: Began}}, 1000
	at := func(t *trail, list ...int) (out []*crossing) {
		for _, x := range list {
			out = append(out, &crossing{at: clock.Time(x), hash: 1, trail: t})
		}
		return out
	}
	// The first of four equal frames is lost without a word.
	w := &wire{takers: []*trail{b}, outs: at(a, 100, 200, 300, 400), arrived: at(b, 210, 310, 405)}
	d := w.match()
	if d.Lost != 1 || d.Delay(0) != 5 || d.Delay(1) != 10 {
		t.Errorf("%+v %v", d, d.Delays)
	}
	// One that overtakes is found, one that nobody sent is said to be so.
	w = &wire{takers: []*trail{b}, outs: at(a, 100, 200), arrived: at(b, 205, 207, 208)}
	w.outs[0].hash, w.arrived[1].hash, w.arrived[2].hash = 2, 2, 9
	d = w.match()
	if d.Late != 1 || d.Unsent != 1 || d.Lost != 0 {
		t.Errorf("%+v", d)
	}
}

func TestJournalsOfOtherRunsAreRefused(t *testing.T) {
	p := stageOf(t, "abp/lossy.yaml", 1, 100*time.Millisecond)
	run(t, p)
	q := stageOf(t, "abp/lossy.yaml", 2, 100*time.Millisecond)
	q.Dir = p.Dir
	for i := range q.Acts[0].Batch {
		c := &q.Acts[0].Batch[i]
		for _, id := range []*cells.ID{&c.Cell.ID, &c.Link.A.Cell, &c.Link.B.Cell} {
			if *id != "" {
				*id += "2"
			}
		}
	}
	q.Acts = q.Acts[:1]
	run(t, q)
	if _, err := Merge(p.Dir, Options{Make: scenarios.MakeProtocol}); err == nil || !strings.Contains(err.Error(), "not of one run") {
		t.Errorf("got %v", err)
	}
	if _, err := Merge(t.TempDir(), Options{Make: scenarios.MakeProtocol}); err == nil {
		t.Error("an empty directory is merged")
	}
}

func header(boot string) *journal.Header { return &journal.Header{Site: "a", MonoOf: boot} }
