package replay

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// A frame holds one block. Its bytes may come from a stranger: nothing here
// takes more memory than a block may have.

func newEncoder() (*zstd.Encoder, error) {
	// The level is fixed and nothing is done side by side, so that the same
	// run gives the same bytes.
	return zstd.NewWriter(nil,
		zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderCRC(true))
}

func newDecoder() (*zstd.Decoder, error) {
	return zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxMemory(BlockMax),
		zstd.WithDecoderMaxWindow(BlockMax))
}

// frameMax is the greatest compressed size of a block: incompressible blocks
// grow by three bytes for each 128 KiB, and by the frame's own.
const frameMax = BlockMax + BlockMax>>10 + 64

var (
	errFrameSize = errors.New("frame is larger than a block can be")
	errNoFrame   = errors.New("no zstd frame begins here")
	errCut       = errors.New("the file ends within the frame")
)

const (
	skippableMagic = 0x184d2a50
	skippableMask  = 0xfffffff0
)

// frameSize gives the size of the frame at off by walking the headers of its
// blocks, without decoding it. skip is true for a skippable frame.
func frameSize(r io.ReaderAt, off, end int64) (size int64, skip bool, err error) {
	var buf [zstd.HeaderMaxSize]byte
	n, err := readAt(r, buf[:], off, end)
	if err != nil {
		return 0, false, err
	}
	if n >= 8 && binary.LittleEndian.Uint32(buf[:])&skippableMask == skippableMagic {
		size = 8 + int64(binary.LittleEndian.Uint32(buf[4:]))
		if size > end-off {
			return 0, true, errCut
		}
		return size, true, nil
	}
	var h zstd.Header
	if err := h.Decode(buf[:n]); err != nil {
		if n < len(buf) {
			return 0, false, errCut
		}
		return 0, false, errNoFrame
	}
	at := off + int64(h.HeaderSize)
	for {
		if at-off > frameMax {
			return 0, false, errFrameSize
		}
		var head [3]byte
		n, err := readAt(r, head[:], at, end)
		if err != nil {
			return 0, false, err
		}
		if n < 3 {
			return 0, false, errCut
		}
		word := uint32(head[0]) | uint32(head[1])<<8 | uint32(head[2])<<16
		length := int64(word >> 3)
		if kind := word >> 1 & 3; kind == 1 { // one byte, repeated
			length = 1
		} else if kind == 3 {
			return 0, false, errNoFrame
		}
		at += 3 + length
		if word&1 != 0 {
			break
		}
	}
	if h.HasCheckSum {
		at += 4
	}
	if at > end {
		return 0, false, errCut
	}
	return at - off, false, nil
}

// readAt reads as much of p as the file has.
func readAt(r io.ReaderAt, p []byte, off, end int64) (int, error) {
	if off >= end {
		return 0, nil
	}
	if room := end - off; room < int64(len(p)) {
		p = p[:room]
	}
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return n, nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// frames reads and decodes frames, one at a time, into buffers it keeps.
type frames struct {
	r    io.ReaderAt
	size int64
	dec  *zstd.Decoder
	in   []byte
	out  []byte
}

// block decodes the frame of size bytes at off and opens the block in it. The
// body is valid until the next call.
func (f *frames) block(off, size int64) (kind byte, body []byte, err error) {
	if size <= 0 || size > frameMax || off < 0 || off > f.size-size {
		return 0, nil, errFrameSize
	}
	if int64(cap(f.in)) < size {
		f.in = make([]byte, size)
	}
	f.in = f.in[:size]
	n, err := readAt(f.r, f.in, off, f.size)
	if err != nil {
		return 0, nil, err
	}
	if int64(n) < size {
		return 0, nil, errCut
	}
	f.out, err = f.dec.DecodeAll(f.in, f.out[:0])
	if err != nil {
		if errors.Is(err, zstd.ErrCRCMismatch) {
			err = errChecksum
		}
		return 0, nil, fmt.Errorf("cannot be decoded: %w", err)
	}
	return openBlock(f.out)
}
