package replay

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"sync"

	seekable "github.com/SaveTheRbtz/zstd-seekable-format-go/pkg"
	"github.com/klauspost/compress/zstd"
)

// What becomes of a batch, in three steps that are done side by side: encoding
// turns it into the entries of a block, hasher takes the same into the trace's
// hash, and packer compresses and writes blocks.

// encoding makes blocks out of batches.
type encoding struct {
	enc    encoder
	info   BlockInfo
	infos  []BlockInfo
	most   int // a block is closed when it holds this much
	canon  []byte
	hasher *hasher
	packer *packer
}

func (e *encoding) open(h *hasher, p *packer) {
	e.hasher, e.packer, e.most = h, p, blockFirst
	e.enc.reset()
	e.info.Number = 1
}

func (e *encoding) take(b *batch) {
	choices := b.choices
	for i := range b.records {
		if r := &b.records[i]; r.Op != 0 {
			e.info.note(r.Key)
			e.info.Records++
			e.info.Ops |= opBit(r.Op)
			e.enc.record(r)
			e.canon = appendCanonical(e.canon, r)
		} else {
			c := &choices[0]
			choices = choices[1:]
			e.info.note(c.At)
			e.info.Choices++
			e.enc.choice(c)
			e.canon = appendCanonicalChoice(e.canon, c)
		}
		if len(e.enc.b) >= e.most {
			e.cut()
			e.most = min(2*e.most, blockTarget)
		} else if len(e.canon) >= canonMost {
			e.hashed()
		}
	}
}

const canonMost = 32 << 10

// hashed gives what there is away to be hashed.
func (e *encoding) hashed() {
	if len(e.canon) > 0 {
		e.hasher.line.put(e.canon)
		e.canon = e.hasher.spare.take()
	}
}

// cut ends the block.
func (e *encoding) cut() {
	if e.info.Records+e.info.Choices == 0 {
		return
	}
	block := beginBlock(e.packer.spare.take(), blockEntries)
	block = appendInfo(block, &e.info)
	block = append(block, e.enc.b...)
	e.enc.reset()
	e.hashed()
	e.packer.line.put(block)
	e.infos = append(e.infos, e.info)
	e.info = BlockInfo{
		Number:      e.info.Number + 1,
		FirstRecord: e.info.FirstRecord + e.info.Records,
		FirstChoice: e.info.FirstChoice + e.info.Choices,
	}
}

// hasher makes the hash of a trace.
type hasher struct {
	hash  hash.Hash
	line  *line[[]byte]
	spare stock[[]byte]
}

func (h *hasher) open() {
	h.hash = sha256.New()
	h.line = newLine(4, func(b []byte) {
		h.hash.Write(b)
		h.spare.give(b[:0])
	})
}

// sum appends the hash of all that was put.
func (h *hasher) sum(b []byte) []byte {
	h.line.wait()
	return h.hash.Sum(b)
}

// packer writes blocks, each as a frame.
type packer struct {
	w      io.Writer
	zstd   *zstd.Encoder
	table  *seekable.Encoder
	out    []byte // the last frame, reused
	frames int    // written
	line   *line[[]byte]
	spare  stock[[]byte]

	mu  sync.Mutex
	err error // the first
}

func (p *packer) open(w io.Writer) (err error) {
	p.w = w
	if p.zstd, err = newEncoder(); err != nil {
		return err
	}
	if p.table, err = seekable.NewEncoder(p); err != nil {
		return err
	}
	p.line = newLine(2, func(b []byte) {
		p.pack(b)
		p.spare.give(b[:0])
	})
	return nil
}

// EncodeAll is what the table of frames has its frames made by. They are
// written before the next is asked for, so they may all lie at one place.
func (p *packer) EncodeAll(src, _ []byte) []byte {
	p.out = p.zstd.EncodeAll(src, p.out[:0])
	return p.out
}

// pack seals a block and writes it as one frame, unless something failed.
func (p *packer) pack(block []byte) {
	if p.failed() != nil {
		return
	}
	sealBlock(block)
	frame, err := p.table.Encode(block)
	if err == nil {
		_, err = p.w.Write(frame)
	}
	if err != nil {
		p.fail(fmt.Errorf("trace: block %d: %w", p.frames, err))
	}
	p.frames++
}

// end writes the table of frames.
func (p *packer) end() {
	if p.failed() != nil {
		return
	}
	table, err := p.table.EndStream()
	if err == nil {
		_, err = p.w.Write(table)
	}
	if err != nil {
		p.fail(fmt.Errorf("trace: seek table: %w", err))
	}
}

// close gives the first error.
func (p *packer) close() error {
	_ = p.zstd.Close()
	return p.failed()
}

func (p *packer) failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *packer) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
}
