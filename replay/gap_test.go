package replay

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A trace that lost a block within is mended without it, and says where: a run
// is compared up to there, and has not parted because more is missing.
func TestMendedTraceKnowsItsGap(t *testing.T) {
	b := synthTrace(t, Events, 200, 100)
	whole := mustOpen(t, b)
	info := whole.Blocks()[3]
	b[info.Offset+info.Size/2] ^= 0x55
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.WriteFile(in, b, 0o644); err != nil {
		t.Fatal(err)
	}
	done, err := Repair(in, out)
	if err != nil || len(done.Lost) != 1 {
		t.Fatal(done, err)
	}
	mended, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer mended.Close()
	recs, chos := collect(200)
	c := NewComparer(mended)
	for i := range recs {
		c.Record(&recs[i])
	}
	for i := range chos {
		c.Choose(&chos[i])
	}
	if err := c.Finish(); err != nil {
		t.Errorf("a run like that of the trace: %v", err)
	}
	if got, want := c.Reached(), recs[info.FirstRecord-1].Key.Time; got != want {
		t.Errorf("compared to %s, want to the gap at %s", got, want)
	}
	recs[info.FirstRecord-2].A++
	c = NewComparer(mended)
	for i := range recs {
		c.Record(&recs[i])
	}
	if err := c.Finish(); !errors.Is(err, ErrDiverged) {
		t.Errorf("a run that differs before the gap: %v", err)
	}
}

func TestNothingIsWrittenOverItself(t *testing.T) {
	b := synthTrace(t, Events, 5, 0)
	path := filepath.Join(t.TempDir(), "a.trace")
	for _, name := range []string{path, path + PartSuffix} {
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Repair(name, path)
		if err == nil || !strings.Contains(err.Error(), "written over") {
			t.Errorf("repair %s: %v", name, err)
		}
		if err := Cut(name, path, 0, allTo); err == nil || !strings.Contains(err.Error(), "written over") {
			t.Errorf("cut %s: %v", name, err)
		}
		if now, err := os.ReadFile(name); err != nil || string(now) != string(b) {
			t.Errorf("%s has changed: %v", name, err)
		}
	}
	var unknown *UnknownCellError
	if err := Cut(path, path+"2", 0, allTo, "bob", "carol"); !errors.As(err, &unknown) || unknown.Cell != "carol" || strings.Join(unknown.Known, " ") != "alice bob" {
		t.Errorf("a cell that is not there: %v", err)
	}
}

// The first block of a trace is small: a process that dies soon has lost little.
func TestFirstBlocksAreSmall(t *testing.T) {
	blocks := mustOpen(t, synthTrace(t, Events, 4000, 0)).Blocks()
	if len(blocks) < 5 || blocks[0].Records*8 > blocks[len(blocks)-2].Records {
		t.Errorf("%d blocks, of %d records first and %d in the last whole one", len(blocks), blocks[0].Records, blocks[len(blocks)-2].Records)
	}
}
