package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"

	"example.com/dsim/clock"
	"example.com/dsim/replay/internal/wire"
	"example.com/dsim/replay/site"
)

// File is where a Writer writes to: one Write for each Flush, of whole records.
type File interface {
	Write(b []byte) (int, error)
	Close() error
}

// Writer writes a journal. It is not for use by several goroutines at once.
//
// The first error stays: later calls do nothing, and Err, Flush and Close give
// it.
type Writer struct {
	file   File
	buf    []byte // whole records that are not written yet
	names  references
	at     clock.Time // of the last input
	inputs uint64
	err    error
	closed bool
	ring   *ring // nil for a plain journal
}

// bufferMost is how much is kept for the next Flush: more is written at once.
const bufferMost = 1 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errClosed = errors.New("journal: closed already")

// Create makes the file of one life and writes its header. A file of that name
// must not exist: a life is written down once.
func Create(path string, h Header) (*Writer, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o644)
	if errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("journal %s: exists: a life is written down once, so record into another directory or remove it", path)
	} else if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	w, err := NewWriter(f, h)
	if err != nil {
		_ = f.Close()
		_ = os.Remove(path)
		return nil, err
	}
	return w, nil
}

// NewWriter writes the header to f and returns a Writer that goes on there.
func NewWriter(f File, h Header) (*Writer, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	w := &Writer{file: f}
	w.header(&h)
	return w, w.Flush()
}

func (w *Writer) header(h *Header) {
	at := w.begin(recHeader)
	w.buf = appendHeader(w.buf, h)
	w.end(at)
}

// begin makes room for what stands before a record, and says where.
func (w *Writer) begin(kind byte) int {
	at := len(w.buf)
	w.buf = append(w.buf, 0, 0, 0, 0, 0, 0, 0, 0, kind)
	return at
}

// end completes the record that begins at a place.
func (w *Writer) end(at int) {
	body := w.buf[at+prefixSize:]
	if len(body) > RecordMax {
		w.refuse(fmt.Errorf("journal: a record of %d bytes: at most %d are allowed", len(body), RecordMax))
		w.buf = w.buf[:at]
		return
	}
	binary.LittleEndian.PutUint32(w.buf[at:], uint32(len(body)))
	binary.LittleEndian.PutUint32(w.buf[at+4:], crc32.Checksum(body, castagnoli))
	if len(w.buf) >= bufferMost {
		w.write()
	}
}

// prefixSize is the length and the checksum of a body.
const prefixSize = 8

func (w *Writer) refuse(err error) {
	if w.err == nil {
		w.err = err
	}
}

// ready reports whether there is any use in writing.
func (w *Writer) ready() bool {
	if w.closed {
		w.refuse(errClosed)
	}
	return w.err == nil
}

// Err is the first error, nil if there was none.
func (w *Writer) Err() error { return w.err }

// Inputs is how many inputs were taken.
func (w *Writer) Inputs() uint64 { return w.inputs }

// Input takes an input, before it is run. Times must not go back.
func (w *Writer) Input(in *site.Input) {
	if !w.ready() {
		return
	}
	if in.At < w.at {
		w.refuse(fmt.Errorf("journal: input %d (%s) is of %s, the one before of %s: an input is taken at max(wall, now)", w.inputs+1, in.Kind, in.At, w.at))
		return
	}
	at := w.begin(recInput)
	b := append(w.buf, byte(in.Kind))
	b = wire.AppendUvarint(b, uint64(in.At-w.at))
	switch in.Kind {
	case site.Frame:
		b = w.names.append(b, in.Link)
		b = append(wire.AppendUvarint(b, uint64(len(in.Data))), in.Data...)
	case site.Broken:
		b = w.names.append(b, in.Link)
	case site.Command:
		b = w.names.append(b, string(in.Cell))
		b = wire.AppendUvarint(b, uint64(len(in.Args)))
		for _, a := range in.Args {
			b = wire.AppendString(b, a)
		}
	case site.Apply:
		b = wire.AppendUvarint(b, in.Version)
		b = wire.AppendUvarint(b, uint64(len(in.Batch)))
		for i := range in.Batch {
			b = appendChange(b, &in.Batch[i])
		}
	case site.Mark:
	default:
		w.buf = b[:at]
		w.refuse(fmt.Errorf("journal: input %d is of no known kind (%d)", w.inputs+1, in.Kind))
		return
	}
	w.buf = b
	w.at = in.At
	w.inputs++
	w.end(at)
}

// Checkpoint takes the state that the site has after the inputs taken so far.
func (w *Writer) Checkpoint(c site.Checkpoint) {
	if !w.ready() {
		return
	}
	at := w.begin(recCheckpoint)
	b := wire.AppendVarint(w.buf, int64(c.At-w.at))
	b = wire.AppendUvarint(b, c.Inputs)
	b = wire.AppendUvarint(b, c.Events)
	b = wire.AppendUvarint(b, c.Version)
	b = wire.AppendUvarint(b, uint64(len(c.Cells)))
	for i := range c.Cells {
		m := &c.Cells[i]
		b = w.names.append(b, string(m.Cell))
		b = binary.LittleEndian.AppendUint64(b, m.Fold)
		b = binary.LittleEndian.AppendUint64(b, m.State)
	}
	w.buf = b
	w.end(at)
}

// Note takes an observation.
func (w *Writer) Note(n Note) {
	if !w.ready() {
		return
	}
	at := w.begin(recNote)
	b := append(w.buf, byte(n.Kind))
	b = wire.AppendVarint(b, int64(n.At-w.at))
	b = w.names.append(b, n.Link)
	b = wire.AppendUvarint(b, n.N)
	b = wire.AppendVarint(b, n.Value)
	w.buf = wire.AppendString(b, n.Text)
	w.end(at)
}

func (w *Writer) snapshot(s *Snapshot) {
	at := w.begin(recSnapshot)
	b := wire.AppendVarint(w.buf, int64(s.At-w.at))
	b = wire.AppendUvarint(b, s.Inputs)
	w.buf = append(wire.AppendUvarint(b, uint64(len(s.Data))), s.Data...)
	w.end(at)
}

// Flush gives all that was taken to the kernel, by one write.
func (w *Writer) Flush() error {
	if !w.ready() {
		return w.err
	}
	w.write()
	if w.ring != nil {
		w.ring.maybeTurn(w)
	}
	return w.err
}

func (w *Writer) write() {
	if len(w.buf) == 0 || w.err != nil {
		return
	}
	n, err := w.file.Write(w.buf)
	if err == nil && n < len(w.buf) {
		err = fmt.Errorf("%d of %d bytes were written", n, len(w.buf))
	}
	if err != nil {
		w.refuse(fmt.Errorf("journal: %w", err))
	}
	if w.ring != nil {
		w.ring.size += int64(len(w.buf))
	}
	if w.buf = w.buf[:0]; cap(w.buf) > 2*bufferMost {
		w.buf = nil
	}
}

// Close says how the life ended, and closes the file.
func (w *Writer) Close(s Summary) error {
	if w.closed {
		return errClosed
	}
	if len(s.Info) > mapMax {
		w.refuse(fmt.Errorf("journal: the summary has %d entries of info: at most %d are allowed", len(s.Info), mapMax))
	}
	if w.err == nil {
		at := w.begin(recEnd)
		b := wire.AppendVarint(w.buf, int64(s.At-w.at))
		b = wire.AppendUvarint(b, w.inputs)
		w.buf = appendSummary(b, &s)
		w.end(at)
	}
	w.write()
	w.closed = true
	if err := w.file.Close(); err != nil {
		w.refuse(fmt.Errorf("journal: %w", err))
	}
	return w.err
}
