package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"example.com/dsim/clock"
	"example.com/dsim/replay/site"
)

func TestARingKeepsTheLastFilesAndEachBeginsWithTheState(t *testing.T) {
	for _, durable := range []bool{true, false} {
		t.Run(fmt.Sprintf("durable %v", durable), func(t *testing.T) {
			dir := t.TempDir()
			var now clock.Time
			var inputs uint64
			ring := Ring{Dir: dir, Segments: 3, SegmentBytes: 4 << 10, Snapshot: func() ([]byte, clock.Time, error) {
				if !durable {
					return nil, now, errors.New("protocol abp cannot be saved")
				}
				return fmt.Appendf(nil, "after %d", inputs), now, nil
			}}
			w, err := ring.Create(header())
			if err != nil {
				t.Fatal(err)
			}
			const total = 2000
			for range total {
				now += 10
				inputs++
				w.Input(&site.Input{At: now, Kind: site.Frame, Link: "ab", Data: make([]byte, 100)})
				if err := w.Flush(); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(Summary{At: now}); err != nil {
				t.Fatal(err)
			}
			wantRing(t, dir, durable, total)
		})
	}
}

func wantRing(t *testing.T, dir string, durable bool, total uint64) {
	t.Helper()
	list, err := List(dir)
	if err != nil || len(list) != 3 {
		t.Fatalf("%v, %v", list, err)
	}
	var after uint64
	for i, p := range list {
		r, err := Open(p.Path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		h := r.Header()
		if !h.Ring || h.Segment != p.Segment || h.Segment != list[0].Segment+uint64(i) || (h.Diagnostic == "") != durable {
			t.Errorf("%s: header %+v", p.Path, h)
		}
		entries := read(t, r)
		s := entries[0].Snapshot
		if s == nil || s.At != clock.Time(s.Inputs)*10 || i > 0 && s.Inputs != after {
			t.Fatalf("%s begins with %+v, the file before ended behind input %d", p.Path, s, after)
		}
		if want := fmt.Sprintf("after %d", s.Inputs); durable && string(s.Data) != want || !durable && len(s.Data) > 0 {
			t.Errorf("%s: the snapshot is %q", p.Path, s.Data)
		}
		for _, e := range entries[1:] {
			if e.Input != nil && e.Input.At != clock.Time(e.Number)*10 {
				t.Fatalf("%s: input %d is of %s", p.Path, e.Number, e.Input.At)
			}
			after = e.Number
		}
	}
	if after != total {
		t.Errorf("the last input is %d of %d", after, total)
	}
	if parts, _ := filepath.Glob(filepath.Join(dir, "*"+partSuffix)); len(parts) > 0 {
		t.Errorf("left behind: %v", parts)
	}
}

func TestARingThatIsTooSmallIsRefused(t *testing.T) {
	if _, err := (Ring{Dir: t.TempDir(), Segments: 1, SegmentBytes: 1 << 20}).Create(header()); err == nil {
		t.Error("made")
	}
}
