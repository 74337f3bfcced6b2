package stream

import (
	"bytes"
	"encoding/binary"
)

// Splitter finds the frames of one stream. It keeps the beginning of a frame
// whose end has not come, no more than what has arrived of it, and copies each
// byte at most once: a frame that lies whole in a chunk is not copied. Its
// buffer is kept from frame to frame, so that in the long run nothing is
// allocated.
type Splitter struct {
	framing Framing
	chunk   []byte // what Next has not looked at yet
	kept    []byte // the beginning of a frame, from chunks before
	given   bool   // kept was given out as a frame, and is free again
	err     *Error
}

// NewSplitter gives a splitter for a stream from its beginning.
func NewSplitter(f Framing) *Splitter {
	if f.kind == 0 {
		panic("stream: the zero Framing is none")
	}
	return &Splitter{framing: f}
}

// Reset makes the splitter ready for another stream.
func (s *Splitter) Reset() { *s = Splitter{framing: s.framing, kept: s.kept[:0]} }

// Feed takes the next chunk of the stream. Next must be called until it has no
// frame more before the chunk becomes invalid, and before the next Feed.
func (s *Splitter) Feed(chunk []byte) {
	if len(s.chunk) > 0 {
		panic("stream: Feed before Next was asked for all frames of the last chunk")
	}
	if s.err == nil {
		s.chunk = chunk
	}
}

// Next gives the next whole frame, without length or delimiter, false if there
// is none. It is valid until the next call of Next or Feed's chunk is invalid.
func (s *Splitter) Next() ([]byte, bool) {
	if s.given {
		s.given, s.kept = false, s.kept[:0]
	}
	if s.err != nil {
		return nil, false
	}
	if s.framing.header == 0 {
		return s.nextEnded()
	}
	return s.nextSized()
}

// Err is what violates the framing, an [*Error], nil if nothing does. Once
// there, it stays, and no more frames come.
func (s *Splitter) Err() error {
	if s.err == nil {
		return nil
	}
	return s.err
}

// Pending is the number of bytes of a frame that is not whole: what is lost if
// the stream ends here.
func (s *Splitter) Pending() int {
	if s.given {
		return len(s.chunk)
	}
	return len(s.kept) + len(s.chunk)
}

func (s *Splitter) fail(p Problem, size int64) ([]byte, bool) {
	s.err = &Error{p, size, s.framing.max}
	s.chunk = nil
	return nil, false
}

// nextSized is Next where a header tells the size of what follows.
func (s *Splitter) nextSized() ([]byte, bool) {
	f := &s.framing
	if len(s.kept) > 0 {
		if !s.keep(f.header) {
			return nil, false
		}
		size, ok := s.size(s.kept[:f.header])
		if !ok || !s.keep(size) {
			return nil, false
		}
		s.given = true
		return s.frame(s.kept), true
	}
	if len(s.chunk) < f.header {
		return s.keepAll()
	}
	size, ok := s.size(s.chunk[:f.header])
	if !ok {
		return nil, false
	}
	if len(s.chunk) < size {
		return s.keepAll()
	}
	whole := s.chunk[:size:size]
	s.chunk = s.chunk[size:]
	return s.frame(whole), true
}

// size is the number of bytes of the frame in the stream, header included.
func (s *Splitter) size(header []byte) (int, bool) {
	f := &s.framing
	var n, most int64
	switch {
	case f.kind == sized:
		if n, most = f.size(header), int64(f.max); n < int64(f.header) {
			s.fail(BadSize, n)
			return 0, false
		}
	case f.header == 2:
		n, most = int64(binary.BigEndian.Uint16(header)), int64(f.max)
	default:
		n, most = int64(binary.BigEndian.Uint32(header)), int64(f.max)
	}
	if n > most {
		s.fail(TooLong, n)
		return 0, false
	}
	if f.kind == prefixed {
		n += int64(f.header)
	}
	return int(n), true
}

// frame is what is given of the bytes of a frame.
func (s *Splitter) frame(whole []byte) []byte {
	if s.framing.kind == prefixed {
		return whole[s.framing.header:]
	}
	return whole
}

// keep moves bytes from the chunk to kept until there are n of them, and
// reports whether there are.
func (s *Splitter) keep(n int) bool {
	if missing := n - len(s.kept); missing > 0 {
		take := min(missing, len(s.chunk))
		s.kept = append(s.kept, s.chunk[:take]...)
		s.chunk = s.chunk[take:]
	}
	return len(s.kept) >= n
}

func (s *Splitter) keepAll() ([]byte, bool) {
	s.kept = append(s.kept, s.chunk...)
	s.chunk = nil
	return nil, false
}

// nextEnded is Next where frames end with a delimiter. No byte is looked at
// twice: what is kept has none.
func (s *Splitter) nextEnded() ([]byte, bool) {
	f := &s.framing
	i := bytes.IndexByte(s.chunk, f.end)
	size := len(s.kept) + i
	if i < 0 {
		size = len(s.kept) + len(s.chunk)
	}
	// A carriage return at the end may still turn out to be none of the line's.
	most := f.max
	if f.kind == lines {
		most++
	}
	if size > most {
		return s.fail(TooLong, int64(size))
	}
	if i < 0 {
		return s.keepAll()
	}
	line := s.chunk[:i:i]
	if len(s.kept) > 0 {
		s.kept = append(s.kept, line...)
		line = s.kept
		s.given = true
	}
	s.chunk = s.chunk[i+1:]
	if f.kind == lines && len(line) > 0 && line[len(line)-1] == '\r' {
		line = line[:len(line)-1]
	}
	if len(line) > f.max {
		return s.fail(TooLong, int64(len(line)))
	}
	return line, true
}
