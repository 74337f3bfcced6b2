// Package stream finds frames in a stream of bytes and puts them there.
//
// A [Framing] says how frames are told apart: by a length in front, or by a
// delimiter behind. A [Splitter] takes the chunks of a stream, cut anywhere,
// and gives whole frames:
//
//	split.Feed(chunk)
//	for frame, ok := split.Next(); ok; frame, ok = split.Next() {
//		…
//	}
//	if split.Err() != nil {
//		env.Close(port)
//	}
//
// A frame longer than the framing allows is an error that stays: there is no
// way to find the next frame, so the caller breaks the stream. What frames mean
// is left to the protocols and to package wire.
package stream

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Framing says how frames lie in a stream. Make one with [Prefix32],
// [Prefix16], [Sized], [Delimited] or [Lines].
type Framing struct {
	kind   kind
	max    int // the longest frame, without prefix or delimiter
	header int // bytes that tell the size of what follows
	size   func(header []byte) int64
	end    byte // the delimiter
}

type kind uint8

const (
	prefixed kind = iota + 1 // a length, then the frame
	sized                    // the frame starts with a header that tells its size
	ended                    // the frame, then a delimiter
	lines                    // the same, and a carriage return before it is dropped
)

// FrameMax is the longest frame a framing can be made for.
const FrameMax = 1 << 30

// Prefix32 is frames of at most max bytes, each with its length in front in
// four bytes, big endian: dsim's own framing.
func Prefix32(max int) Framing {
	return framing(Framing{kind: prefixed, max: max, header: 4})
}

// Prefix16 is the same with a length of two bytes.
func Prefix16(max int) Framing {
	return framing(Framing{kind: prefixed, max: min(max, 0xffff), header: 2})
}

// Sized is frames whose first bytes, header of them, tell the size of the whole
// frame, header included. Frames come with their header. A size below header,
// or above max, violates the framing.
func Sized(header, max int, size func(header []byte) int64) Framing {
	if header < 1 || header > max {
		panic("stream: a header of at least one byte that fits the frame")
	}
	return framing(Framing{kind: sized, max: max, header: header, size: size})
}

// Delimited is frames of at most max bytes, each followed by end, which they do
// not contain.
func Delimited(end byte, max int) Framing {
	return framing(Framing{kind: ended, max: max, end: end})
}

// Lines is text lines of at most max bytes, each followed by a newline. A
// carriage return before the newline is dropped.
func Lines(max int) Framing {
	return framing(Framing{kind: lines, max: max, end: '\n'})
}

func framing(f Framing) Framing {
	if f.max < 1 || f.max > FrameMax {
		panic(fmt.Sprintf("stream: frames of at most %d bytes: 1 to %d are possible", f.max, FrameMax))
	}
	return f
}

// Error says that a stream violates its framing, or that a frame cannot be
// put into it.
type Error struct {
	Problem Problem
	Size    int64 // of the frame; of what has come of it, where its end is not known
	Max     int
}

// Problem says what is wrong with a frame.
type Problem uint8

const (
	TooLong      Problem = iota + 1 // longer than the framing allows
	BadSize                         // the header tells a size below its own
	HasDelimiter                    // a frame that contains its delimiter
	WrongSize                       // a frame whose header does not tell its size
)

// Error is one line.
func (e *Error) Error() string {
	switch e.Problem {
	case TooLong:
		return fmt.Sprintf("frame of %d bytes: at most %d are allowed", e.Size, e.Max)
	case BadSize:
		return fmt.Sprintf("frame header tells %d bytes, which is less than the header", e.Size)
	case HasDelimiter:
		return fmt.Sprintf("frame of %d bytes contains its delimiter", e.Size)
	case WrongSize:
		return fmt.Sprintf("frame of %d bytes: its header tells another size", e.Size)
	}
	return "framing problem?"
}

// Append puts a frame at the end of dst as it goes into the stream. On an
// error, an [*Error], dst comes back as it was.
func (f Framing) Append(dst, frame []byte) ([]byte, error) {
	if len(frame) > f.max {
		return dst, &Error{TooLong, int64(len(frame)), f.max}
	}
	switch f.kind {
	case prefixed:
		if f.header == 2 {
			dst = binary.BigEndian.AppendUint16(dst, uint16(len(frame)))
		} else {
			dst = binary.BigEndian.AppendUint32(dst, uint32(len(frame)))
		}
		return append(dst, frame...), nil
	case sized:
		if len(frame) < f.header || f.size(frame[:f.header]) != int64(len(frame)) {
			return dst, &Error{WrongSize, int64(len(frame)), f.max}
		}
		return append(dst, frame...), nil
	}
	if bytes.IndexByte(frame, f.end) >= 0 || f.kind == lines && len(frame) > 0 && frame[len(frame)-1] == '\r' {
		return dst, &Error{HasDelimiter, int64(len(frame)), f.max}
	}
	return append(append(dst, frame...), f.end), nil
}

// Max is the longest frame.
func (f Framing) Max() int { return f.max }
