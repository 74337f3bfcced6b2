package replay

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"

	seekable "github.com/SaveTheRbtz/zstd-seekable-format-go/pkg"
	"github.com/klauspost/compress/zstd"

	"example.com/dsim/des"
)

// Writer writes a trace. It is a [des.Sink] and a [des.ChoiceSink]; what it is
// given keeps its order. It is not for use by several goroutines at once.
//
// The first error stays: later calls do nothing, and Err and Close give it.
type Writer struct {
	w      io.Writer
	file   *partFile // if the Writer made its file itself
	zstd   *zstd.Encoder
	table  *seekable.Encoder
	header Header

	enc   encoder
	info  BlockInfo
	infos []BlockInfo
	block []byte
	frame int // frames written
	most  int // a block is closed when it holds this much

	hash   hash.Hash
	canon  []byte
	err    error
	closed bool
}

var (
	_ des.Sink       = (*Writer)(nil)
	_ des.ChoiceSink = (*Writer)(nil)
)

var errClosed = errors.New("trace writer: closed already")

// NewWriter writes the header to w and returns a Writer that goes on there.
// Each block is one Write.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	h.Version = FormatVersion
	h.TextHash = hashText(h.Text)
	h.Set = slices.Clone(h.Set)
	h.Info = maps.Clone(h.Info)
	z, err := newEncoder()
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	table, err := seekable.NewEncoder(z)
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	t := &Writer{w: w, zstd: z, table: table, header: h, hash: sha256.New(), most: blockFirst}
	t.enc.reset()
	t.info.Number = 1
	t.block = appendHeader(beginBlock(t.block, blockHeader), &h)
	if len(t.block) > BlockMax {
		return nil, fmt.Errorf("trace header: %d bytes: at most %d are allowed", len(t.block), BlockMax)
	}
	t.writeBlock()
	return t, t.err
}

// Header is what the Writer was made with, completed.
func (w *Writer) Header() Header { return w.header }

// Err is the first error, nil if there was none.
func (w *Writer) Err() error { return w.err }

// Record takes a record. At level [Choices] only marks are kept.
func (w *Writer) Record(r *des.Record) {
	if w.err != nil || w.header.Level == Choices && r.Op != des.OpMark {
		return
	}
	if n := max(len(r.Cell), len(r.Link), len(r.Kind), len(r.Text), len(r.Data)); n > StringMax || r.Op == 0 || byte(r.Op) >= tagChoice {
		w.refuse(fmt.Errorf("trace: record %d at %s: op %d with %d bytes: want an op, and at most %d bytes a field",
			w.info.FirstRecord+w.info.Records, r.Key, r.Op, n, StringMax))
		return
	}
	w.info.note(r.Key)
	w.info.Records++
	w.info.Ops |= opBit(r.Op)
	w.enc.record(r)
	w.canon = appendCanonical(w.canon, r)
	w.maybeFlush()
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
	w.info.note(c.At)
	w.info.Choices++
	w.enc.choice(c)
	w.canon = appendCanonicalChoice(w.canon, c)
	w.maybeFlush()
}

func (w *Writer) refuse(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *Writer) maybeFlush() {
	if len(w.enc.b) >= w.most {
		w.flush()
		w.most = min(2*w.most, blockTarget)
		return
	}
	if len(w.canon) >= 32<<10 {
		w.hash.Write(w.canon)
		w.canon = w.canon[:0]
	}
}

// Flush ends the block, so that all that was taken is in the file. A live site
// does so now and then; a virtual run has no need to.
func (w *Writer) Flush() error {
	if w.closed {
		return errClosed
	}
	w.flush()
	return w.err
}

func (w *Writer) flush() {
	if w.err != nil || w.info.Records+w.info.Choices == 0 {
		return
	}
	w.block = beginBlock(w.block, blockEntries)
	w.block = appendInfo(w.block, &w.info)
	w.block = append(w.block, w.enc.b...)
	w.enc.reset()
	w.hash.Write(w.canon)
	w.canon = w.canon[:0]
	w.writeBlock()
	w.infos = append(w.infos, w.info)
	w.info = BlockInfo{
		Number:      w.info.Number + 1,
		FirstRecord: w.info.FirstRecord + w.info.Records,
		FirstChoice: w.info.FirstChoice + w.info.Choices,
	}
}

// writeBlock seals w.block and writes it as one frame.
func (w *Writer) writeBlock() {
	if w.err != nil {
		return
	}
	sealBlock(w.block)
	frame, err := w.table.Encode(w.block)
	if err == nil {
		_, err = w.w.Write(frame)
	}
	if err != nil {
		w.err = fmt.Errorf("trace: block %d: %w", w.frame, err)
	}
	w.frame++
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
	parts := 0
	for rest := w.infos; len(rest) > 0; parts++ {
		n := min(len(rest), indexPart)
		w.block = appendUvarint(beginBlock(w.block, blockIndex), uint64(n))
		for i := range rest[:n] {
			w.block = appendInfo(w.block, &rest[i])
		}
		rest = rest[n:]
		w.writeBlock()
	}
	w.block = beginBlock(w.block, blockEnd)
	w.block = appendUvarint(w.block, uint64(parts))
	w.block = appendUvarint(w.block, uint64(len(w.infos)))
	w.block = appendUvarint(w.block, w.info.FirstRecord)
	w.block = appendUvarint(w.block, w.info.FirstChoice)
	w.block = w.hash.Sum(w.block)
	if s == nil {
		w.block = append(w.block, 0)
	} else {
		w.block = appendSummary(append(w.block, 1), s)
	}
	w.writeBlock()
	if w.err == nil {
		table, err := w.table.EndStream()
		if err == nil {
			_, err = w.w.Write(table)
		}
		if err != nil {
			w.err = fmt.Errorf("trace: seek table: %w", err)
		}
	}
	_ = w.zstd.Close()
	if w.file != nil {
		if err := w.file.end(w.err == nil); err != nil {
			w.refuse(err)
		}
	}
	return w.err
}

// Hash is the hash of what was taken so far, in hex: after Close that of the
// trace.
func (w *Writer) Hash() string {
	w.hash.Write(w.canon)
	w.canon = w.canon[:0]
	return hex.EncodeToString(w.hash.Sum(nil))
}

// Abort gives the trace up. A file made by [Create] is removed.
func (w *Writer) Abort() error {
	if w.closed {
		return errClosed
	}
	w.closed = true
	w.refuse(errClosed)
	_ = w.zstd.Close()
	if w.file != nil {
		return w.file.remove()
	}
	return nil
}
