package replay

import (
	"bytes"
	"encoding/csv"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

var update = flag.Bool("update", false, "write the golden files of this format version anew")

func TestATraceGivesBackWhatItWasGiven(t *testing.T) {
	recs, chos := collect(500)
	tr := mustOpen(t, synthTrace(t, Events, 500, 100))
	if err := tr.Verify(); err != nil {
		t.Fatal(err)
	}
	if len(tr.Blocks()) < 10 {
		t.Fatalf("%d blocks: want more than 10 for this test to mean something", len(tr.Blocks()))
	}
	gotRecs, gotChos := readAll(t, tr)
	if d := cmp.Diff(recs, gotRecs); d != "" {
		t.Errorf("records (-given +read):\n%s", d)
	}
	if d := cmp.Diff(chos, gotChos); d != "" {
		t.Errorf("choices (-given +read):\n%s", d)
	}
	want := testHeader(Events)
	want.Version, want.TextHash = 1, hashText(want.Text)
	if d := cmp.Diff(want, tr.Header()); d != "" {
		t.Errorf("header (-given +read):\n%s", d)
	}
	sum, ok := tr.Summary()
	wantSum := testSummary()
	wantSum.Records, wantSum.Choices, wantSum.Hash = uint64(len(recs)), uint64(len(chos)), tr.Hash()
	if d := cmp.Diff(wantSum, sum); d != "" || !ok {
		t.Errorf("summary, %v (-given +read):\n%s", ok, d)
	}
}

func TestAtLevelChoicesMarksAndChoicesStay(t *testing.T) {
	recs, chos := collect(50)
	tr := mustOpen(t, synthTrace(t, Choices, 50, 0))
	gotRecs, gotChos := readAll(t, tr)
	var marks []des.Record
	for _, r := range recs {
		if r.Op == des.OpMark {
			marks = append(marks, r)
		}
	}
	if d := cmp.Diff(marks, gotRecs); d != "" || len(marks) == 0 {
		t.Errorf("marks (-given +read):\n%s", d)
	}
	if d := cmp.Diff(chos, gotChos); d != "" {
		t.Errorf("choices (-given +read):\n%s", d)
	}
	i := 0
	for c, err := range tr.Choices() {
		if err != nil || *c != chos[i] {
			t.Fatalf("choice %d: %v, %v, want %v", i, c, err, chos[i])
		}
		i++
	}
}

// Property: any record and choice survives, whatever is in its fields.
func TestAnyEntrySurvives(t *testing.T) {
	key := rapid.Custom(func(t *rapid.T) des.Key {
		return des.Key{
			Time: clock.Time(rapid.Int64().Draw(t, "time")), Delta: rapid.Uint16().Draw(t, "delta"), Rank: rapid.Uint16().Draw(t, "rank"),
			Entity: des.Entity(rapid.Uint32().Draw(t, "entity")), Seq: rapid.Uint64().Draw(t, "seq"),
		}
	})
	text := rapid.OneOf(rapid.SampledFrom([]string{"", "ab>", "alice", "\xff\x00"}), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		var recs []des.Record
		var chos []des.Choice
		var buf bytes.Buffer
		w, err := NewWriter(&buf, Header{Level: Events})
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 20).Draw(t, "entries") {
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				c := des.Choice{At: key.Draw(t, "at"), What: text.Draw(t, "what"), Where: text.Draw(t, "where"), N: rapid.Uint64().Draw(t, "n"), Value: text.Draw(t, "value")}
				chos = append(chos, c)
				w.Choose(&c)
			case 1:
				_ = w.Flush()
			default:
				r := des.Record{
					Key: key.Draw(t, "key"), Op: des.Op(rapid.Uint8Range(1, tagChoice-1).Draw(t, "op")), Cell: text.Draw(t, "cell"), Link: text.Draw(t, "link"),
					Port: rapid.Uint32().Draw(t, "port"), Kind: text.Draw(t, "kind"), A: rapid.Int64().Draw(t, "a"), B: rapid.Int64().Draw(t, "b"), Text: text.Draw(t, "text"),
				}
				if rapid.Bool().Draw(t, "caused") {
					r.Cause = key.Draw(t, "cause")
				}
				if p := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "data"); len(p) > 0 {
					r.Data = p
				}
				recs = append(recs, r)
				w.Record(&r)
			}
		}
		if err := w.Close(Summary{}); err != nil {
			t.Fatal(err)
		}
		tr, err := OpenBytes(buf.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if err := tr.Verify(); err != nil {
			t.Fatal(err)
		}
		var gotRecs []des.Record
		var gotChos []des.Choice
		for e, err := range tr.Entries(allFrom, allTo) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Record != nil {
				gotRecs = append(gotRecs, Clone(e.Record))
			} else {
				gotChos = append(gotChos, *e.Choice)
			}
		}
		if d := cmp.Diff(recs, gotRecs); d != "" {
			t.Fatalf("records (-given +read):\n%s", d)
		}
		if d := cmp.Diff(chos, gotChos); d != "" {
			t.Fatalf("choices (-given +read):\n%s", d)
		}
	})
}

func TestTheSameRunGivesTheSameBytes(t *testing.T) {
	if !bytes.Equal(synthTrace(t, Events, 3000, 0), synthTrace(t, Events, 3000, 0)) {
		t.Error("two traces of one run differ")
	}
}

func TestTheHashDoesNotKnowBlocks(t *testing.T) {
	a, b := mustOpen(t, synthTrace(t, Events, 100, 0)), mustOpen(t, synthTrace(t, Events, 100, 7))
	if a.Hash() != b.Hash() || a.Hash() == "" {
		t.Errorf("hashes %s and %s of one run in other blocks", a.Hash(), b.Hash())
	}
	if c := mustOpen(t, synthTrace(t, Events, 101, 0)); c.Hash() == a.Hash() {
		t.Error("another run has the same hash")
	}
}

// readCounter counts what is read, to see that a range reads its blocks only.
type readCounter struct {
	io.ReaderAt
	n int64
}

func (r *readCounter) ReadAt(p []byte, off int64) (int, error) {
	r.n += int64(len(p))
	return r.ReaderAt.ReadAt(p, off)
}

func TestARangeReadsItsBlocksOnly(t *testing.T) {
	b := synthTrace(t, Events, 2000, 50)
	rc := &readCounter{ReaderAt: bytes.NewReader(b)}
	tr, err := OpenReader(rc, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	rc.n = 0
	recs, _ := collect(2000)
	want := 0
	from, to := 5000*ms, 5100*ms
	for _, r := range recs {
		if r.Key.Time >= from && r.Key.Time <= to {
			want++
		}
	}
	got := 0
	for r, err := range tr.Records(from, to) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Key.Time < from || r.Key.Time > to {
			t.Errorf("record at %s: not in the range", r.Key.Time)
		}
		got++
	}
	if got != want || want == 0 {
		t.Errorf("%d records in the range, want %d", got, want)
	}
	if rc.n > int64(len(b))/20 {
		t.Errorf("read %d of %d bytes for a hundredth of the time", rc.n, len(b))
	}
}

func TestCutAnywhereItReadsToTheLastWholeBlock(t *testing.T) {
	b := synthTrace(t, Events, 30, 20)
	recs, _ := collect(30)
	whole := mustOpen(t, b)
	first := whole.Blocks()[0].Offset
	for cut := range len(b) {
		tr, err := OpenBytes(b[:cut])
		if int64(cut) < first {
			if err == nil {
				t.Fatalf("cut at %d, within the header: opened", cut)
			}
			continue
		}
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if tr.Damage() == nil || tr.Verify() == nil {
			t.Fatalf("cut at %d: no damage was found", cut)
		}
		want := 0
		for _, i := range whole.Blocks() {
			if i.Offset+i.Size <= int64(cut) {
				want = int(i.FirstRecord + i.Records)
			}
		}
		n := 0
		for e, err := range tr.Entries(allFrom, allTo) {
			if err != nil {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			if e.Record == nil {
				continue
			}
			if !Equal(e.Record, &recs[n]) {
				t.Fatalf("cut at %d: record %d is another", cut, n)
			}
			n++
		}
		if n != want {
			t.Fatalf("cut at %d: %d records, want the %d of the whole blocks", cut, n, want)
		}
		_ = tr.Close()
	}
}

func TestAFlippedByteIsFoundAndNamesItsBlock(t *testing.T) {
	b := synthTrace(t, Events, 30, 20)
	whole := mustOpen(t, b)
	wantRecs, wantChos := readAll(t, whole)
	named := 0
	for i := range b {
		c := bytes.Clone(b)
		c[i] ^= 1 << (i % 8)
		tr, err := OpenBytes(c)
		if err != nil {
			if int64(i) >= whole.Blocks()[0].Offset {
				t.Fatalf("byte %d, behind the header: %v", i, err)
			}
			continue
		}
		err = tr.Verify()
		if err == nil {
			if n := len(b) - i; n <= seekPrefix+seekFooter+seekEntry*(len(whole.Blocks())+3) {
				t.Fatalf("byte %d, in the seek table: not found", i)
			}
			// Some bits of a zstd frame mean nothing. Then nothing may have changed.
			recs, chos := readAll(t, tr)
			if !cmp.Equal(recs, wantRecs) || !cmp.Equal(chos, wantChos) || tr.Hash() != whole.Hash() {
				t.Fatalf("byte %d: changed what is read, and no error", i)
			}
			continue
		}
		for _, info := range whole.Blocks() {
			if int64(i) >= info.Offset && int64(i) < info.Offset+info.Size {
				if !strings.Contains(err.Error(), info.String()) {
					t.Fatalf("byte %d in %s: error does not name it: %v", i, &info, err)
				}
				named++
			}
		}
		_ = tr.Close()
	}
	if named < 100 {
		t.Errorf("%d flips within blocks were seen: too few for this test to mean something", named)
	}
}

func TestReadingGoesOnBehindADamagedBlock(t *testing.T) {
	b := synthTrace(t, Events, 30, 20)
	whole := mustOpen(t, b)
	bad := whole.Blocks()[2]
	b = bytes.Clone(b)
	b[bad.Offset+bad.Size/2] ^= 0xff
	var errs, n uint64
	for _, err := range mustOpen(t, b).Records(allFrom, allTo) {
		if err != nil {
			errs++
			continue
		}
		n++
	}
	if sum, _ := whole.Summary(); errs != 1 || n != sum.Records-bad.Records {
		t.Errorf("%d errors and %d records: want 1 and all but the block's", errs, n)
	}
}

func TestCreateNamesTheFileWhenItIsWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.trace")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	w, err := Create(path, testHeader(Events))
	if err != nil {
		t.Fatal(err)
	}
	s := synth{out: w.Record, cho: w.Choose}
	s.run(100)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if old, _ := os.ReadFile(path); string(old) != "old" {
		t.Error("the old file was touched before Close")
	}
	part, err := Open(path + PartSuffix) // as after a crash
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := part.Summary(); ok || part.Damage() == nil {
		t.Error("an unfinished trace says it is whole")
	}
	if recs, _ := readAll(t, part); len(recs) == 0 {
		t.Error("nothing to read in an unfinished trace")
	}
	_ = part.Close()
	if err := w.Close(testSummary()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(testSummary()); err == nil {
		t.Error("closed twice without an error")
	}
	tr, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	if err := tr.Verify(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path + PartSuffix); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the unfinished file is still there: %v", err)
	}
}

func TestATraceThatLacksItsSeekTableHasItsSummary(t *testing.T) {
	b := synthTrace(t, Events, 30, 20)
	tr := mustOpen(t, b[:len(b)-1])
	if s, ok := tr.Summary(); !ok || s.Verdict != "ok" || tr.Damage() == nil {
		t.Errorf("summary %+v, %v, damage %v", s, ok, tr.Damage())
	}
}

func TestATraceThatWentWrongDoesNotGetItsName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.trace")
	w, err := Create(path, testHeader(Events))
	if err != nil {
		t.Fatal(err)
	}
	w.Record(&des.Record{}) // no op
	if err := w.Close(testSummary()); err == nil {
		t.Error("closed without an error")
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file has its name: %v", err)
	}
}

func TestACutKeepsTheLinksOfItsCells(t *testing.T) {
	k := keeper{cells: []string{"alice"}, links: map[string]bool{}}
	key := func(n uint64) des.Key { return des.Key{Time: 1, Seq: n} }
	for i, c := range []struct {
		r    des.Record
		want bool
	}{
		{des.Record{Key: key(1), Op: des.OpTransit, Link: "ab>"}, false},
		{des.Record{Key: key(2), Op: des.OpTimer, Cell: "alice"}, true},
		{des.Record{Key: key(2), Op: des.OpSend, Cell: "alice", Link: "ab>"}, true},
		{des.Record{Key: key(3), Op: des.OpTransit, Link: "ab>"}, true},
		{des.Record{Key: key(4), Op: des.OpTransit, Link: "cd>"}, false},
		{des.Record{Key: key(5), Op: des.OpRecv, Cell: "bob", Link: "ab>"}, false},
		{des.Record{Key: key(5), Op: des.OpEmit, Cell: "bob"}, false},
		{des.Record{Key: key(6), Op: des.OpTimeline, Text: "cut ab"}, true},
		{des.Record{Key: key(6), Op: des.OpState, Cell: "bob", Text: "crash"}, true}, // an effect of what is kept
		{des.Record{Key: key(7), Op: des.OpMark}, true},
		{des.Record{Key: key(7), Op: des.OpMark, Cell: "bob"}, false},
	} {
		if got := k.record(&c.r); got != c.want {
			t.Errorf("record %d, %s of %q: kept %v, want %v", i, c.r.Op, c.r.Cell, got, c.want)
		}
	}
}

func TestATraceIsReadBySeveral(t *testing.T) {
	tr := mustOpen(t, synthTrace(t, Events, 200, 50))
	recs, _ := collect(200)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			n := 0
			for r, err := range tr.Records(allFrom, allTo) {
				if err != nil || !Equal(r, &recs[n]) {
					t.Errorf("record %d: %v, %v", n, r, err)
					return
				}
				n++
			}
		})
	}
	wait.Wait()
}

func TestCSVHasALineARecord(t *testing.T) {
	tr := mustOpen(t, synthTrace(t, Events, 20, 0))
	recs, _ := collect(20)
	var buf bytes.Buffer
	if err := WriteCSV(&buf, tr, allFrom, allTo); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&buf).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(recs)+1 || rows[0][4] != "op" {
		t.Fatalf("%d rows for %d records, first %v", len(rows), len(recs), rows[0])
	}
	for i, r := range recs {
		if k, err := ParseKey(rows[i+1][2]); err != nil || k != r.Key || rows[i+1][4] != r.Op.String() || rows[i+1][11] != r.Text {
			t.Errorf("row %v for record %v", rows[i+1], r)
		}
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(filepath.Join(dir, "x.trace"), testHeader(Events))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestRepairMakesAWholeTrace(t *testing.T) {
	dir := t.TempDir()
	b := synthTrace(t, Events, 60, 20)
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.WriteFile(in, b[:len(b)*2/3], 0o644); err != nil {
		t.Fatal(err)
	}
	done, err := Repair(in, out)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	if err := tr.Verify(); err != nil {
		t.Error(err)
	}
	if _, ok := tr.Summary(); ok || done.Summary {
		t.Error("a mended trace has a summary that was lost")
	}
	recs, _ := readAll(t, tr)
	want, _ := collect(60)
	if len(recs) == 0 || uint64(len(recs)) != done.Records || !cmp.Equal(recs, want[:len(recs)]) {
		t.Errorf("%d records (%s): not the beginning of the run", len(recs), done)
	}
	if tr.Header().Info["repaired"] == "" || tr.Header().Seed != "7" {
		t.Errorf("header %+v: want the old one with a note", tr.Header())
	}
}

func TestCutIsAValidTrace(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.WriteFile(in, synthTrace(t, Events, 60, 20), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Cut(in, out, 100*ms, 200*ms, "bob"); err != nil {
		t.Fatal(err)
	}
	tr, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	if err := tr.Verify(); err != nil {
		t.Error(err)
	}
	recs, chos := readAll(t, tr)
	all, _ := collect(60)
	want := 0
	for _, r := range all {
		if r.Key.Time >= 100*ms && r.Key.Time <= 200*ms && (r.Cell == "bob" || r.Op == des.OpMark && r.Cell == "") {
			want++
		}
	}
	if len(recs) != want || want == 0 {
		t.Errorf("%d records, want %d", len(recs), want)
	}
	if len(chos) == 0 || chos[0].What != "option" {
		t.Errorf("choices %v: want those before the run first", chos)
	}
	if err := Cut(in, out, 2, 1); err == nil || !strings.Contains(err.Error(), "before the beginning") {
		t.Errorf("an empty range: %v", err)
	}
}

func TestGoldenV1(t *testing.T) {
	trace, lines := filepath.Join("testdata", "v1.trace"), filepath.Join("testdata", "v1.jsonl")
	if *update {
		if err := os.WriteFile(trace, synthTrace(t, Events, 25, 20), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tr, err := Open(trace)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	if err := tr.Verify(); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := WriteJSONL(&got, tr, 0, clock.Never); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(lines, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(lines)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got.String()); d != "" {
		t.Errorf("a trace of format version 1 reads otherwise than it did (-want +got):\n%s", d)
	}
}

func TestZstdDecodesTheWholeFile(t *testing.T) {
	zstd, err := exec.LookPath("zstd")
	if err != nil {
		t.Skip("the zstd command is not installed")
	}
	path := filepath.Join(t.TempDir(), "x.trace")
	b := synthTrace(t, Events, 100, 20)
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(zstd, "-dc", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	for len(out) > 0 {
		n := blockPrefix + int(le32(out))
		if _, _, err := openBlock(out[:n]); err != nil {
			t.Fatalf("block %d: %v", blocks, err)
		}
		out = out[n:]
		blocks++
	}
	if want := len(mustOpen(t, b).Blocks()) + 3; blocks != want {
		t.Errorf("%d blocks, want %d", blocks, want)
	}
}

func TestWhatIsTooMuchIsRefused(t *testing.T) {
	big := strings.Repeat("x", StringMax+1)
	for _, h := range []Header{{Text: big}, {Seed: big}, {Build: big}, {Set: []string{big}}, {Level: 7}, {Features: 1}, {Info: map[string]string{"a": big}}} {
		if _, err := NewWriter(io.Discard, h); err == nil {
			t.Errorf("level %d, features %d, text %d: taken", h.Level, h.Features, len(h.Text))
		}
	}
	w, err := NewWriter(io.Discard, Header{Level: Events})
	if err != nil {
		t.Fatal(err)
	}
	w.Record(&des.Record{Op: des.OpSend, Data: []byte(big)})
	if w.Err() == nil || w.Close(Summary{}) == nil {
		t.Error("a payload over the bound was taken")
	}
}
