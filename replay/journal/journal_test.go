package journal

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay/site"
)

var _ = flag.Bool("long", false, "run the long forms of tests")

// memory is a file that counts the writes to it.
type memory struct {
	bytes.Buffer
	writes int
	closed bool
}

func (m *memory) Write(b []byte) (int, error) { m.writes++; return m.Buffer.Write(b) }
func (m *memory) Close() error                { m.closed = true; return nil }

func header() Header {
	return Header{
		Version: FormatVersion, Site: "alice", Seed: des.SeedOf(7), Ties: des.TiesShuffled,
		Limits: des.Limits{Events: 100, Grain: 5, Time: 1e15, Delta: 9}, Build: "dsim test",
		StartUnix: 1_700_000_000_123_456_789, StartMono: -5, MonoOf: "boot", Life: 3,
		Lives: map[cells.ID]uint32{"alice": 2, "bob": 0, "\xff": 1},
		Info:  map[string]string{"scenario": "version: 1\n", "": "odd"},
	}
}

func changes() []cells.Change {
	return []cells.Change{
		{Op: cells.AddCell, Cell: cells.CellSpec{
			ID: "alice", Protocol: "abp", Ports: []string{"p0", "p1"},
			Params: []cells.Param{{Name: "rto", Value: "50ms"}}, Clock: cells.ClockSpec{Drift: -40_000, Offset: -1e9},
		}},
		{Op: cells.AddLink, Link: cells.LinkSpec{
			Name: "ab", A: cells.Endpoint{Cell: "alice", Port: "p0"}, B: cells.Endpoint{Cell: "bob\xfe", Port: ""}, Stream: true,
			Both: []cells.Param{{Name: "delay", Value: "10ms"}}, AB: []cells.Param{{Name: "loss", Value: "1%"}}, BA: []cells.Param{{}},
		}},
		{Op: cells.RemoveLink, Link: cells.LinkSpec{Name: "ab", Drain: true}},
		{Op: cells.SetCell, Cell: cells.CellSpec{ID: "alice", Params: []cells.Param{{Name: "run", Value: "crash"}}}},
		{Op: cells.RemoveCell, Cell: cells.CellSpec{ID: "alice"}},
		{Op: cells.SetLink, Link: cells.LinkSpec{Name: "ab"}},
	}
}

// things are entries of every kind, in an order in which they may come.
func things() []Entry {
	return []Entry{
		{Number: 1, Input: &site.Input{Kind: site.Apply, Version: 1 << 40, Batch: changes()}},
		{Number: 2, Input: &site.Input{At: 5, Kind: site.Frame, Link: "ab", Data: []byte("hello")}},
		{Number: 2, Note: &Note{Kind: NoteDrop, At: 3, Link: "ab", N: 12, Text: "the socket's queue is full"}},
		{Number: 3, Input: &site.Input{At: 5, Kind: site.Frame, Link: "ab", Data: nil}},
		{Number: 4, Input: &site.Input{At: 1 << 50, Kind: site.Command, Cell: "alice", Args: []string{"send", "", "m\x00"}}},
		{Number: 4, Checkpoint: &site.Checkpoint{At: 1<<50 + 4, Inputs: 4, Events: 99, Version: 1, Cells: []site.CellMark{{Cell: "alice", Fold: 1, State: 1 << 63}, {Cell: "x", Fold: ^uint64(0)}}}},
		{Number: 5, Input: &site.Input{At: 1<<50 + 9, Kind: site.Broken, Link: "ba"}},
		{Number: 6, Input: &site.Input{At: 1<<50 + 9, Kind: site.Mark}},
		{Number: 6, Note: &Note{Kind: NoteLate, At: 1 << 49, Value: -7}},
		{Number: 6, Summary: &Summary{At: 1<<50 + 10, Reason: "shutdown", Inputs: 6, Info: map[string]string{"late": "0"}}},
	}
}

func write(t testing.TB, f File, list []Entry) *Writer {
	t.Helper()
	w, err := NewWriter(f, header())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		switch {
		case e.Input != nil:
			w.Input(e.Input)
		case e.Checkpoint != nil:
			w.Checkpoint(*e.Checkpoint)
		case e.Note != nil:
			w.Note(*e.Note)
		case e.Summary != nil:
			s := *e.Summary
			s.Inputs = 0 // counted by the writer
			if err := w.Close(s); err != nil {
				t.Fatal(err)
			}
			return w
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// keep is a copy of an entry that stays.
func keep(e Entry) Entry {
	switch {
	case e.Input != nil:
		c := *e.Input
		c.Data, c.Args, c.Batch = bytes.Clone(c.Data), slices.Clone(c.Args), slices.Clone(c.Batch)
		e.Input = &c
	case e.Checkpoint != nil:
		c := *e.Checkpoint
		c.Cells = slices.Clone(c.Cells)
		e.Checkpoint = &c
	case e.Note != nil:
		c := *e.Note
		e.Note = &c
	case e.Snapshot != nil:
		c := *e.Snapshot
		c.Data = bytes.Clone(c.Data)
		e.Snapshot = &c
	case e.Summary != nil:
		c := *e.Summary
		e.Summary = &c
	}
	return e
}

// read gives all entries there are.
func read(t testing.TB, r *Reader) (list []Entry) {
	t.Helper()
	for e, err := range r.Entries() {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, keep(e))
	}
	return list
}

func wantEntries(t *testing.T, got, want []Entry) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("read back (-written +read):\n%s", d)
	}
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	var m memory
	want := things()
	write(t, &m, want)
	if m.writes != 1+len(want) || !m.closed {
		t.Errorf("%d writes for a header and %d flushes, closed %v", m.writes, len(want), m.closed)
	}
	r, err := NewReader(bytes.NewReader(m.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(header(), *r.Header(), cmp.AllowUnexported(des.Seed{})); d != "" {
		t.Errorf("the header (-written +read):\n%s", d)
	}
	wantEntries(t, read(t, r), want)
	if _, err := r.Next(); err != io.EOF || !r.Ended() || r.Torn() {
		t.Errorf("behind the end: %v, ended %v, torn %v", err, r.Ended(), r.Torn())
	}
}

func TestAJournalThatEndsAnywhereGivesItsWholeRecords(t *testing.T) {
	var m memory
	want := things()
	ends := []int{}
	w, err := NewWriter(&m, header())
	if err != nil {
		t.Fatal(err)
	}
	ends = append(ends, m.Len())
	for _, e := range want[:5] {
		if e.Input != nil {
			w.Input(e.Input)
		} else {
			w.Note(*e.Note)
		}
		_ = w.Flush()
		ends = append(ends, m.Len())
	}
	for n := range m.Len() {
		r, err := NewReader(bytes.NewReader(m.Bytes()[:n]))
		whole, _ := slices.BinarySearch(ends, n+1) // records within the first n bytes
		if whole == 0 {
			if !errors.Is(err, ErrMore) {
				t.Fatalf("%d bytes, not a whole header: %v", n, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		wantEntries(t, read(t, r), want[:whole-1])
		if _, err := r.Next(); !errors.Is(err, ErrMore) || r.Ended() {
			t.Errorf("%d bytes: %v", n, err)
		}
		if torn := ends[whole-1] != n; r.Torn() != torn {
			t.Errorf("%d bytes: torn %v", n, r.Torn())
		}
	}
}

func TestAJournalIsReadWhileItIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.0.journal")
	w, err := Create(path, header())
	if err != nil {
		t.Fatal(err)
	}
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i := range 300 {
		if _, err := r.Next(); !errors.Is(err, ErrMore) {
			t.Fatalf("before input %d: %v", i, err)
		}
		in := site.Input{At: clock.Time(i), Kind: site.Frame, Link: "ab", Data: bytes.Repeat([]byte{byte(i)}, i*7)}
		w.Input(&in)
		if _, err := r.Next(); !errors.Is(err, ErrMore) {
			t.Fatalf("input %d is read before it was flushed: %v", i, err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		e, err := r.Next()
		if err != nil || e.Input.At != in.At || !bytes.Equal(e.Input.Data, in.Data) {
			t.Fatalf("input %d: %v, %v", i, e.Input, err)
		}
	}
	if err := w.Close(Summary{At: 300}); err != nil {
		t.Fatal(err)
	}
	if e, err := r.Next(); err != nil || e.Summary == nil || e.Summary.Inputs != 300 {
		t.Errorf("at the end: %v, %v", e, err)
	}
}

func TestADamagedByteIsFound(t *testing.T) {
	var m memory
	write(t, &m, things())
	whole := m.Bytes()
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 0x10
		r, err := NewReader(bytes.NewReader(b))
		if err == nil {
			for _, err = range r.Entries() {
				if err != nil {
					break
				}
			}
			if err == nil {
				_, err = r.Next()
			}
		}
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrMore) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
}

func TestARefusedInputSaysWhy(t *testing.T) {
	for want, in := range map[string]site.Input{
		"input 2 (mark) is of 2ns, the one before of 3ns": {At: 2, Kind: site.Mark},
		"input 2 is of no known kind (77)":                {At: 3, Kind: 77},
		"a record of 67108875 bytes: at most 67108864":    {At: 3, Kind: site.Frame, Link: "ab", Data: make([]byte, RecordMax)},
	} {
		w, err := NewWriter(new(memory), header())
		if err != nil {
			t.Fatal(err)
		}
		w.Input(&site.Input{At: 3, Kind: site.Mark})
		w.Input(&in)
		if err := w.Flush(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := NewWriter(new(memory), Header{}); err == nil {
		t.Error("a header without a site's name is written")
	}
}

type broken struct{ memory }

func (b *broken) Write(p []byte) (int, error) {
	if b.Len() > 0 {
		return 0, io.ErrShortWrite
	}
	return b.memory.Write(p)
}

func TestAnErrorOfTheFileStays(t *testing.T) {
	w, err := NewWriter(new(broken), header())
	if err != nil {
		t.Fatal(err)
	}
	w.Input(&site.Input{Kind: site.Mark})
	if err := w.Flush(); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("Flush: %v", err)
	}
	if err := w.Close(Summary{}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("Close: %v", err)
	}
}

func TestALifeIsWrittenOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName("a", 0))
	w, err := Create(path, header())
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Close(Summary{})
	if _, err := Create(path, header()); err == nil || !strings.Contains(err.Error(), "a life is written down once") {
		t.Errorf("a second time: %v", err)
	}
}

func TestAnInputAllocatesNothing(t *testing.T) {
	w, err := NewWriter(discard{}, header())
	if err != nil {
		t.Fatal(err)
	}
	in := site.Input{Kind: site.Frame, Link: "ab", Data: make([]byte, 1000)}
	one := func() {
		in.At++
		w.Input(&in)
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	one()
	if n := testing.AllocsPerRun(1000, one); n != 0 {
		t.Errorf("%v allocations an input", n)
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) Close() error                { return nil }

func TestNames(t *testing.T) {
	for _, c := range []struct {
		site    string
		life    uint32
		ring    bool
		segment uint64
		want    string
	}{
		{"alice", 0, false, 0, "alice.0.journal"},
		{"a.b", 12, false, 0, "a.b.12.journal"},
		{"../x y", 1, false, 0, "%2e.%2fx%20y.1.journal"},
		{"n[3]", 1, true, 44, "n%5b3%5d.1.ring-44.journal"},
	} {
		name := FileName(c.site, c.life)
		if c.ring {
			name = RingName(c.site, c.life, c.segment)
		}
		p, ok := ParsePath("/tmp/" + name)
		if name != c.want || !ok || p.Life != c.life || p.Ring != c.ring || p.Segment != c.segment {
			t.Errorf("%q: %q, want %q; parsed %+v %v", c.site, name, c.want, p, ok)
		}
	}
	for _, s := range []string{"x", "a.journal", "a.b.journal", ".0.journal", "a.0.ring-x.journal", "a.-1.journal", "a.0.journal.part"} {
		if p, ok := ParsePath(s); ok {
			t.Errorf("%q is read as %+v", s, p)
		}
	}
}

func TestListIsInOrder(t *testing.T) {
	dir := t.TempDir()
	names := []string{"a.2.journal", "a.10.journal", "a.10.ring-9.journal", "a.10.ring-10.journal", "b.0.journal"}
	for _, n := range append([]string{"notes.txt", "c.0.journal.part"}, names...) {
		if err := os.WriteFile(filepath.Join(dir, n), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := List(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range list {
		got = append(got, filepath.Base(p.Path))
	}
	if !slices.Equal(got, names) {
		t.Errorf("got %v, want %v", got, names)
	}
}

// TestKilledWriter runs itself as a process that writes and is killed: all it
// said it had flushed is in its journal.
func TestKilledWriter(t *testing.T) {
	if path := os.Getenv("JOURNAL_TEST_PATH"); path != "" {
		w, err := Create(path, header())
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		for i := 1; ; i++ {
			w.Input(&site.Input{At: clock.Time(i), Kind: site.Frame, Link: "ab", Data: make([]byte, i%3000)})
			if w.Flush() != nil {
				os.Exit(1)
			}
			fmt.Println(i)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.0.journal")
	cmd := exec.Command(exe, "-test.run=^TestKilledWriter$")
	cmd.Env = append(os.Environ(), "JOURNAL_TEST_PATH="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said uint64
	for said < 2000 {
		if _, err := fmt.Fscan(out, &said); err != nil {
			t.Fatal(err)
		}
	}
	_ = cmd.Process.Kill()
	for {
		var n uint64
		if _, err := fmt.Fscan(out, &n); err != nil {
			break
		}
		said = n
	}
	_ = cmd.Wait()
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	list := read(t, r)
	if n := uint64(len(list)); n < said || n > said+2 {
		t.Errorf("%d inputs are in the journal, the process said %d", n, said)
	}
	if r.Ended() {
		t.Error("the journal of a killed process has an end")
	}
}

func BenchmarkInput(b *testing.B) {
	for _, size := range []int{20, 1000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			w, err := Create(filepath.Join(b.TempDir(), "a.0.journal"), header())
			if err != nil {
				b.Fatal(err)
			}
			in := site.Input{Kind: site.Frame, Link: "ab", Data: make([]byte, size)}
			b.ReportAllocs()
			for b.Loop() {
				in.At += 50_000
				w.Input(&in)
				if err := w.Flush(); err != nil {
					b.Fatal(err)
				}
			}
			_ = w.Close(Summary{})
		})
	}
}
