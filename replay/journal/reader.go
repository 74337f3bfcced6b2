package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"os"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/replay/internal/wire"
	"example.com/dsim/replay/site"
)

// Reader reads a journal, also one that is still written. It is not for use by
// several goroutines at once.
type Reader struct {
	name   string
	r      io.Reader
	closer io.Closer
	header Header

	buf    []byte // read and not taken, from off
	off    int
	offset int64 // in the file, of what is taken next

	names  references
	at     clock.Time
	inputs uint64
	stop   error

	input site.Input
	mark  site.Checkpoint
	note  Note
	snap  Snapshot
	end   Summary
}

// ErrMore says that the file ends here, for now: nothing more was written, or
// not all of the next record. Whoever wrote it may go on, or was killed.
var ErrMore = errors.New("the journal ends here, without an end: it is still written, or its process was killed")

// ErrDamaged says that what follows in the file cannot be a record.
var ErrDamaged = errors.New("the journal is damaged")

// Open opens a journal. The header must be whole.
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if st, err := f.Stat(); err == nil && st.IsDir() {
		_ = f.Close()
		return nil, fmt.Errorf("journal %s: is a directory", path)
	}
	r, err := newReader(path, f)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	r.closer = f
	return r, nil
}

// NewReader reads a journal that is not a file. At the end of what there is,
// r gives io.EOF; it may give more later.
func NewReader(r io.Reader) (*Reader, error) { return newReader("", r) }

func newReader(name string, from io.Reader) (*Reader, error) {
	r := &Reader{name: name, r: from}
	kind, d, err := r.record()
	if err == nil {
		if kind != recHeader {
			err = fmt.Errorf("%w: it does not begin with a header", ErrDamaged)
		} else {
			r.header, err = parseHeader(d.Rest)
		}
	}
	if err != nil {
		return nil, r.errorf(err)
	}
	return r, nil
}

func (r *Reader) errorf(err error) error {
	if r.name == "" {
		return fmt.Errorf("journal: %w", err)
	}
	return fmt.Errorf("journal %s: %w", r.name, err)
}

// Close closes the file.
func (r *Reader) Close() error {
	if r.closer == nil {
		return nil
	}
	return r.closer.Close()
}

// Name is the path the journal was opened by, empty for one that is not a file.
func (r *Reader) Name() string { return r.name }

// Header says whose life this is.
func (r *Reader) Header() *Header { return &r.header }

// Inputs is how many inputs were read.
func (r *Reader) Inputs() uint64 { return r.inputs }

// Offset is where the next record begins in the file.
func (r *Reader) Offset() int64 { return r.offset }

// Torn reports whether there are bytes behind the last whole record.
func (r *Reader) Torn() bool { return len(r.buf) > r.off }

// Next gives the next entry, valid until the next call. Its errors are io.EOF
// behind the end record, ErrMore where the file ends without one, after which
// Next may be called again, and ErrDamaged, all but the first wrapped.
func (r *Reader) Next() (Entry, error) {
	if r.stop != nil {
		return Entry{}, r.stop
	}
	offset := r.offset
	kind, d, err := r.record()
	if errors.Is(err, ErrMore) {
		return Entry{}, r.errorf(err)
	}
	var e Entry
	if err == nil {
		e, err = r.entry(kind, &d)
		if err == nil && (d.Bad || len(d.Rest) > 0) {
			err = errors.New("its fields do not fit")
		}
		if err != nil {
			err = fmt.Errorf("%w at byte %d: %w", ErrDamaged, offset, err)
		}
	}
	if err != nil {
		r.stop = r.errorf(err)
		return Entry{}, r.stop
	}
	if e.Summary != nil {
		r.stop = io.EOF
	}
	return e, nil
}

// Entries gives all entries up to the end of what there is. An end without an
// end record is no error here; [Reader.Ended] tells.
func (r *Reader) Entries() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for {
			e, err := r.Next()
			if errors.Is(err, io.EOF) || errors.Is(err, ErrMore) || !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Ended reports whether the end record was read.
func (r *Reader) Ended() bool { return errors.Is(r.stop, io.EOF) }

// record reads the next record and checks it. The body is valid until the next
// call.
func (r *Reader) record() (byte, wire.Reader, error) {
	if err := r.fill(prefixSize); err != nil {
		return 0, wire.Reader{}, err
	}
	head := r.buf[r.off:]
	size, sum := binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint32(head[4:])
	if size == 0 || size > RecordMax {
		return 0, wire.Reader{}, fmt.Errorf("%w at byte %d: a record of %d bytes: they have 1 to %d", ErrDamaged, r.offset, size, RecordMax)
	}
	if err := r.fill(prefixSize + int(size)); err != nil {
		return 0, wire.Reader{}, err
	}
	body := r.buf[r.off+prefixSize:][:size]
	if crc32.Checksum(body, castagnoli) != sum {
		return 0, wire.Reader{}, fmt.Errorf("%w at byte %d: the checksum does not match", ErrDamaged, r.offset)
	}
	r.off += prefixSize + int(size)
	r.offset += prefixSize + int64(size)
	return body[0], wire.Reader{Rest: body[1:]}, nil
}

const readSize = 64 << 10

// fill reads until there are n bytes. It takes no more memory than twice what
// the file has.
func (r *Reader) fill(n int) error {
	for len(r.buf)-r.off < n {
		if r.off > 0 && r.off == len(r.buf) || r.off >= readSize {
			r.buf = append(r.buf[:0], r.buf[r.off:]...)
			r.off = 0
		}
		if cap(r.buf)-len(r.buf) < readSize {
			r.buf = append(make([]byte, 0, 2*cap(r.buf)+readSize), r.buf...)
		}
		m, err := r.r.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf = r.buf[:len(r.buf)+m]
		if m > 0 {
			continue
		}
		if err == nil || errors.Is(err, io.EOF) {
			return ErrMore
		}
		return err
	}
	return nil
}

// entry reads what a record holds.
func (r *Reader) entry(kind byte, d *wire.Reader) (Entry, error) {
	e := Entry{Number: r.inputs}
	switch kind {
	case recInput:
		if err := r.readInput(d); err != nil {
			return e, err
		}
		r.inputs++
		e.Input, e.Number = &r.input, r.inputs
	case recCheckpoint:
		r.readCheckpoint(d)
		e.Checkpoint = &r.mark
	case recNote:
		r.note = Note{Kind: NoteKind(d.Byte()), At: r.near(d), Link: r.names.name(d), N: d.Uvarint(), Value: d.Varint(), Text: d.Text()}
		if r.note.Kind == 0 || r.note.Kind > NoteText {
			return e, errors.New("a note of no known kind")
		}
		e.Note = &r.note
	case recSnapshot:
		r.snap = Snapshot{At: r.near(d), Inputs: d.Uvarint(), Data: d.Bytes()}
		if r.inputs > 0 {
			return e, errors.New("a snapshot behind inputs")
		}
		r.inputs = r.snap.Inputs
		r.at = max(r.snap.At, 0)
		e.Snapshot, e.Number = &r.snap, r.inputs
	case recEnd:
		r.end = Summary{At: r.near(d), Inputs: d.Uvarint()}
		d.Fields(r.end.field)
		if r.end.Inputs != r.inputs && !d.Bad {
			return e, fmt.Errorf("its end tells of %d inputs, there are %d", r.end.Inputs, r.inputs)
		}
		e.Summary = &r.end
	default:
		return e, fmt.Errorf("a record of no known kind (%d)", kind)
	}
	return e, nil
}

// near is a time that is told by its distance to the last input's.
func (r *Reader) near(d *wire.Reader) clock.Time { return r.at + clock.Time(d.Varint()) }

func (r *Reader) readInput(d *wire.Reader) error {
	in := &r.input
	*in = site.Input{Kind: site.Kind(d.Byte()), Args: in.Args[:0]}
	in.At = r.at + clock.Time(d.Uvarint())
	if in.At < r.at {
		return errors.New("its time is out of range")
	}
	switch in.Kind {
	case site.Frame:
		in.Link, in.Data = r.names.name(d), d.Bytes()
	case site.Broken:
		in.Link = r.names.name(d)
	case site.Command:
		in.Cell = cells.ID(r.names.name(d))
		in.Args = readStrings(d)
	case site.Apply:
		in.Version = d.Uvarint()
		for range d.Count(partsMax) {
			c := readChange(d)
			if d.Bad {
				return nil
			}
			in.Batch = append(in.Batch, c)
		}
	case site.Mark:
	default:
		return fmt.Errorf("an input of no known kind (%d)", in.Kind)
	}
	if !d.Bad {
		r.at = in.At
	}
	return nil
}

func (r *Reader) readCheckpoint(d *wire.Reader) {
	m := &r.mark
	*m = site.Checkpoint{At: r.near(d), Inputs: d.Uvarint(), Events: d.Uvarint(), Version: d.Uvarint(), Cells: m.Cells[:0]}
	for range d.Count(partsMax) {
		c := site.CellMark{Cell: cells.ID(r.names.name(d)), Fold: d.Uint64(), State: d.Uint64()}
		if d.Bad {
			return
		}
		m.Cells = append(m.Cells, c)
	}
}
