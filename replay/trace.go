package replay

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	seekable "github.com/SaveTheRbtz/zstd-seekable-format-go/pkg"
	"github.com/klauspost/compress/zstd"

	"example.com/dsim/replay/internal/wire"
)

// Trace is an open trace. Its iterators read the file as they go and hold one
// block each; several may be used at a time, also by several goroutines. Close
// it when all are done.
type Trace struct {
	name    string
	r       io.ReaderAt
	size    int64
	closer  io.Closer
	dec     *zstd.Decoder
	header  Header
	blocks  []BlockInfo
	summary *Summary
	total   totals
	whole   bool // there is an end block
	gap     *gap // of a mended trace: a block is missing within
	damage  error
}

// totals are what the end block says of the trace.
type totals struct {
	parts, blocks    int
	records, choices uint64
	hash             string
}

// Open opens a trace file. One that is damaged or cut short opens too, as long
// as its header can be read: [Trace.Damage] says what is wrong, and all whole
// blocks can be read.
func Open(path string) (*Trace, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	st, err := f.Stat()
	if err == nil && st.IsDir() {
		err = fmt.Errorf("%s: is a directory", path)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("trace: %w", err)
	}
	t, err := openReader(path, f, st.Size())
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	t.closer = f
	return t, nil
}

// OpenReader is Open for a trace that is not a file.
func OpenReader(r io.ReaderAt, size int64) (*Trace, error) {
	return openReader("", r, size)
}

// OpenBytes is Open for a trace in memory.
func OpenBytes(b []byte) (*Trace, error) {
	return openReader("", bytes.NewReader(b), int64(len(b)))
}

func openReader(name string, r io.ReaderAt, size int64) (*Trace, error) {
	dec, err := newDecoder()
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	t := &Trace{name: name, r: r, size: size, dec: dec}
	f := t.frames()
	n, _, err := frameSize(r, 0, size)
	if err == nil {
		err = t.openHeader(f, n)
	} else if errors.Is(err, errNoFrame) {
		err = fmt.Errorf("not a dsim trace, or its first bytes are damaged: %w", err)
	}
	if err != nil {
		dec.Close()
		return nil, t.errorf("block 0 (header): %w", err)
	}
	if err := t.readIndex(f); err != nil {
		t.damage = t.errorf("%w", err)
		t.scan(f, n)
	}
	return t, nil
}

func (t *Trace) openHeader(f *frames, size int64) error {
	kind, body, err := f.block(0, size)
	if err != nil {
		return err
	}
	if kind != blockHeader {
		return errors.New("not a dsim trace: it does not begin with a header")
	}
	t.header, err = parseHeader(body)
	if g, ok := parseGap(t.header.Info[infoGap]); ok {
		t.gap = &g
	}
	return err
}

func (t *Trace) frames() *frames { return &frames{r: t.r, size: t.size, dec: t.dec} }

func (t *Trace) errorf(format string, args ...any) error {
	if t.name == "" {
		return fmt.Errorf("trace: "+format, args...)
	}
	return fmt.Errorf("trace "+t.quoted()+": "+format, args...)
}

// quoted is the name, fit for a format string.
func (t *Trace) quoted() string {
	return string(bytes.ReplaceAll([]byte(t.name), []byte("%"), []byte("%%")))
}

// Close closes the file.
func (t *Trace) Close() error {
	t.dec.Close()
	if t.closer == nil {
		return nil
	}
	return t.closer.Close()
}

// Name is the path the trace was opened by, empty for one that is not a file.
func (t *Trace) Name() string { return t.name }

// Header says what was run.
func (t *Trace) Header() Header { return t.header }

// Summary says how the run ended. There is none in a trace that was cut short,
// nor in one that was mended after that.
func (t *Trace) Summary() (Summary, bool) {
	if t.summary == nil {
		return Summary{}, false
	}
	return *t.summary, true
}

// Hash is the hash of the trace in hex, as its end says; empty if the end is
// missing.
func (t *Trace) Hash() string { return t.total.hash }

// Blocks are the blocks of entries, in order.
func (t *Trace) Blocks() []BlockInfo { return t.blocks }

// Damage says what opening found wrong: nil if the index could be read. A
// damaged block within is found when it is read, or by [Trace.Verify].
func (t *Trace) Damage() error { return t.damage }

const (
	seekFooter  = 9 // frames, descriptor, magic
	seekMagic   = 0x8f92eab1
	seekEntry   = 12 // with checksum
	seekPrefix  = 8
	seekChecked = 1 << 7 // the descriptor: entries have checksums, and nothing else
	seekDefects = "seek table: "
)

// readIndex finds all blocks by the seek table at the end and the index before
// it.
func (t *Trace) readIndex(f *frames) error {
	table, at, err := t.seekTable()
	if err != nil {
		return fmt.Errorf(seekDefects+"%w", err)
	}
	n := table.NumFrames()
	end, ok := table.EntryByID(n - 1)
	if !ok || n < 2 || int64(end.CompressedOffset)+int64(end.CompressedSize) != at {
		return errors.New(seekDefects + "its frames do not fill the file")
	}
	kind, body, err := f.block(int64(end.CompressedOffset), int64(end.CompressedSize))
	if err != nil {
		return fmt.Errorf("block %d (end): %w", n-1, err)
	}
	if kind != blockEnd {
		return fmt.Errorf("block %d: the last block is not an end", n-1)
	}
	if err := t.parseEnd(body); err != nil {
		return fmt.Errorf("block %d (end): %w", n-1, err)
	}
	if int64(t.total.parts)+int64(t.total.blocks)+2 != n {
		return fmt.Errorf("block %d (end): it tells of %d blocks, the file has %d", n-1, t.total.blocks+t.total.parts+2, n)
	}
	var infos []BlockInfo
	for id := n - 1 - int64(t.total.parts); id < n-1; id++ {
		e, _ := table.EntryByID(id)
		kind, body, err := f.block(int64(e.CompressedOffset), int64(e.CompressedSize))
		if err == nil && kind != blockIndex {
			err = errors.New("not an index")
		}
		if err != nil {
			return fmt.Errorf("block %d (index): %w", id, err)
		}
		r := wire.Reader{Most: StringMax, Rest: body}
		for range r.UvarintMax(indexPart) {
			i := readInfo(&r)
			if r.Bad || i.Number != len(infos)+1 {
				return fmt.Errorf("block %d (index): its rows do not fit", id)
			}
			e, ok := table.EntryByID(int64(i.Number))
			if !ok {
				return fmt.Errorf("block %d (index): more rows than blocks", id)
			}
			i.Offset, i.Size, i.raw = int64(e.CompressedOffset), int64(e.CompressedSize), e.DecompressedSize
			infos = append(infos, i)
		}
		if len(r.Rest) != 0 {
			return fmt.Errorf("block %d (index): bytes after its rows", id)
		}
	}
	if len(infos) != t.total.blocks {
		return fmt.Errorf("index: %d rows for %d blocks", len(infos), t.total.blocks)
	}
	t.blocks = infos
	return nil
}

// seekTable reads the seek table and says where it begins.
func (t *Trace) seekTable() (*seekable.SeekTable, int64, error) {
	var foot [seekFooter]byte
	if n, err := readAt(t.r, foot[:], t.size-seekFooter, t.size); err != nil || n < len(foot) || t.size < seekFooter {
		return nil, 0, errors.New("missing: the trace was cut short")
	}
	if binary.LittleEndian.Uint32(foot[5:]) != seekMagic {
		return nil, 0, errors.New("missing: the trace was cut short")
	}
	if foot[4] != seekChecked {
		return nil, 0, fmt.Errorf("its descriptor is %#x, not %#x", foot[4], seekChecked)
	}
	n := int64(binary.LittleEndian.Uint32(foot[:]))
	size := seekPrefix + n*seekEntry + seekFooter
	if size > t.size {
		return nil, 0, fmt.Errorf("%d frames do not fit into the file", n)
	}
	buf := make([]byte, size)
	if _, err := readAt(t.r, buf, t.size-size, t.size); err != nil {
		return nil, 0, err
	}
	table, err := seekable.NewSeekTable(buf)
	if err != nil {
		return nil, 0, err
	}
	return table, t.size - size, nil
}

func (t *Trace) parseEnd(body []byte) error {
	r := wire.Reader{Most: StringMax, Rest: body}
	var total totals
	total.parts = int(r.UvarintMax(1<<31 - 1))
	total.blocks = int(r.UvarintMax(1<<31 - 1))
	total.records = r.Uvarint()
	total.choices = r.Uvarint()
	if len(r.Rest) < 33 {
		return errors.New("it is too short")
	}
	total.hash = hex.EncodeToString(r.Rest[:32])
	has := r.Rest[32]
	r.Rest = r.Rest[33:]
	var s Summary
	parseSummary(&r, &s)
	if r.Bad || has > 1 {
		return errors.New("its fields do not fit")
	}
	s.Records, s.Choices, s.Hash = total.records, total.choices, total.hash
	t.total, t.whole = total, true
	if has == 1 {
		t.summary = &s
	}
	return nil
}

// scan finds the blocks by walking the frames from the first after the header,
// as far as that goes.
func (t *Trace) scan(f *frames, off int64) {
	t.blocks, t.summary, t.total, t.whole = nil, nil, totals{}, false
	number := 1
	var records, choices uint64
	for off < t.size && !t.whole {
		size, skip, err := frameSize(t.r, off, t.size)
		if err != nil {
			t.damage = fmt.Errorf("%w; block %d (at byte %d): %w", t.damage, number, off, err)
			return
		}
		if skip {
			off += size
			continue
		}
		kind, body, err := f.block(off, size)
		switch {
		case err != nil:
			info := BlockInfo{Number: number, Offset: off, Size: size, FirstRecord: records, FirstChoice: choices, damaged: err}
			t.damage = fmt.Errorf("%w; %s: %w", t.damage, &info, err)
			t.blocks = append(t.blocks, info)
		case kind == blockEntries:
			r := wire.Reader{Most: StringMax, Rest: body}
			info := readInfo(&r)
			if r.Bad {
				info.damaged = errors.New("its head does not fit")
			}
			info.Number, info.Offset, info.Size = number, off, size
			records, choices = info.FirstRecord+info.Records, info.FirstChoice+info.Choices
			t.blocks = append(t.blocks, info)
		case kind == blockEnd:
			if err := t.parseEnd(body); err != nil {
				t.damage = fmt.Errorf("%w; block %d (end): %w", t.damage, number, err)
			}
		}
		number++
		off += size
	}
}
