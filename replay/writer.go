package replay

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"example.com/dsim/des"
	"example.com/dsim/replay/internal/wire"
)

// Writer writes a trace. It is a [des.Sink] and a [des.ChoiceSink]; what it is
// given keeps its order. It is not for use by several goroutines at once.
//
// Who gives a record only pays for copying it: encoding, hashing and
// compressing are done beside the run, in order, so that the same run gives the
// same bytes. A run that is faster than its trace waits for it, now and then.
//
// The first error stays: later calls do nothing, and Err and Close give it. That
// a block cannot be written shows some records later, at Flush at the latest.
type Writer struct {
	file   *partFile // if the Writer made its file itself
	header Header
	taken  uint64 // records
	batch  *batch // what was taken last
	err    error
	closed bool

	batches *line[*batch]
	spare   stock[*batch]
	enc     encoding
	hasher  hasher
	packer  packer
}

var (
	_ des.Sink       = (*Writer)(nil)
	_ des.ChoiceSink = (*Writer)(nil)
)

var errClosed = errors.New("trace writer: closed already")

// NewWriter writes the header to w and returns a Writer that goes on there.
// Each block is one Write, by a goroutine of the Writer's own.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	h.Version = FormatVersion
	h.TextHash = hashText(h.Text)
	h.Set = slices.Clone(h.Set)
	h.Info = maps.Clone(h.Info)
	t := &Writer{header: h, batch: new(batch)}
	if err := t.packer.open(w); err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	t.hasher.open()
	t.enc.open(&t.hasher, &t.packer)
	t.batches = newLine(batchesMost, t.encode)
	block := appendHeader(beginBlock(nil, blockHeader), &h)
	if len(block) > BlockMax {
		return nil, fmt.Errorf("trace header: %d bytes: at most %d are allowed", len(block), BlockMax)
	}
	t.packer.pack(block)
	return t, t.Err()
}

// Header is what the Writer was made with, completed.
func (w *Writer) Header() Header { return w.header }

// Err is the first error, nil if there was none.
func (w *Writer) Err() error {
	if w.err == nil {
		w.err = w.packer.failed()
	}
	return w.err
}

// Record takes a record. At level [Choices] only marks are kept.
func (w *Writer) Record(r *des.Record) {
	if w.err != nil || w.header.Level == Choices && r.Op != des.OpMark {
		return
	}
	if len(r.Cell)|len(r.Link)|len(r.Kind)|len(r.Text)|len(r.Data) >= StringMax || r.Op == 0 || byte(r.Op) >= tagChoice {
		if !w.fits(r) {
			return
		}
	}
	w.taken++
	if w.batch.record(r) {
		w.send()
	}
}

func (w *Writer) fits(r *des.Record) bool {
	n := max(len(r.Cell), len(r.Link), len(r.Kind), len(r.Text), len(r.Data))
	if n <= StringMax && r.Op != 0 && byte(r.Op) < tagChoice {
		return true
	}
	w.refuse(fmt.Errorf("trace: record %d at %s: op %d with %d bytes: want an op, and at most %d bytes a field",
		w.taken, r.Key, r.Op, n, StringMax))
	return false
}

// Choose takes a choice. Choices are kept at every level.
func (w *Writer) Choose(c *des.Choice) {
	if w.err != nil {
		return
	}
	if n := max(len(c.What), len(c.Where), len(c.Value)); n > StringMax {
		w.refuse(fmt.Errorf("trace: choice %s %.40s #%d: %d bytes: at most %d a field are allowed", c.What, c.Where, c.N, n, StringMax))
		return
	}
	if w.batch.choice(c) {
		w.send()
	}
}

func (w *Writer) refuse(err error) {
	if w.err == nil {
		w.err = err
	}
}

// send gives the batch away to be encoded.
func (w *Writer) send() {
	w.batches.put(w.batch)
	if w.batch = w.spare.take(); w.batch == nil {
		w.batch = new(batch)
	}
	_ = w.Err() // looked at, so that the rest is not taken for nothing
}

// encode is done beside the run.
func (w *Writer) encode(b *batch) {
	w.enc.take(b)
	b.reset()
	w.spare.give(b)
}

// settle returns when all that was taken is encoded.
func (w *Writer) settle() {
	if len(w.batch.records) > 0 {
		w.send()
	}
	w.batches.wait()
}

// Flush ends the block, so that all that was taken is in the file. A live site
// does so now and then; a virtual run has no need to.
func (w *Writer) Flush() error {
	if w.closed {
		return errClosed
	}
	w.flush()
	return w.Err()
}

func (w *Writer) flush() {
	if w.err != nil {
		w.batches.wait()
	} else {
		w.settle()
		w.enc.cut()
	}
	w.packer.line.wait()
}

// Close writes the index and the summary and ends the trace. A file made by
// [Create] gets its name now.
func (w *Writer) Close(s Summary) error {
	if err := checkInfo("trace summary", s.Info); err != nil {
		w.refuse(err)
	}
	if len(s.Verdict) > StringMax/2 {
		s.Verdict = s.Verdict[:StringMax/2]
	}
	return w.finish(&s)
}

// finish is Close; with no summary the trace says that it has none.
func (w *Writer) finish(s *Summary) error {
	if w.closed {
		return errClosed
	}
	w.flush()
	w.closed = true
	if w.Err() == nil {
		w.end(s)
	}
	w.refuse(w.packer.close())
	if w.file != nil {
		if err := w.file.end(w.err == nil); err != nil {
			w.refuse(err)
		}
	}
	return w.err
}

// end writes the index and the last block.
func (w *Writer) end(s *Summary) {
	parts := 0
	var block []byte
	for rest := w.enc.infos; len(rest) > 0; parts++ {
		n := min(len(rest), indexPart)
		block = wire.AppendUvarint(beginBlock(block, blockIndex), uint64(n))
		for i := range rest[:n] {
			block = appendInfo(block, &rest[i])
		}
		rest = rest[n:]
		w.packer.pack(block)
	}
	block = beginBlock(block, blockEnd)
	block = wire.AppendUvarint(block, uint64(parts))
	block = wire.AppendUvarint(block, uint64(len(w.enc.infos)))
	block = wire.AppendUvarint(block, w.enc.info.FirstRecord)
	block = wire.AppendUvarint(block, w.enc.info.FirstChoice)
	block = w.hasher.sum(block)
	if s == nil {
		block = append(block, 0)
	} else {
		block = appendSummary(append(block, 1), s)
	}
	w.packer.pack(block)
	w.packer.end()
}

// Hash is the hash of what was taken so far, in hex: after Close that of the
// trace.
func (w *Writer) Hash() string {
	w.settle()
	w.enc.hashed()
	return hex.EncodeToString(w.hasher.sum(nil))
}

// Abort gives the trace up. A file made by [Create] is removed.
func (w *Writer) Abort() error {
	if w.closed {
		return errClosed
	}
	w.closed = true
	w.refuse(errClosed)
	w.batches.wait()
	w.packer.line.wait()
	_ = w.packer.close()
	if w.file != nil {
		return w.file.remove()
	}
	return nil
}
