package cells

import (
	"errors"
	"fmt"
	"io"
)

// DownError says why a port went down. Values compare equal in every process;
// a trace keeps the number.
type DownError uint8

// The reasons for Down, beside io.EOF.
const (
	ErrRemoved     DownError = iota + 1 // the link was removed
	ErrOverflow                         // more was sent than the stream's bound holds
	ErrUnreachable                      // no stream link leads to the address
	ErrRefused                          // nobody listens there
	ErrReset                            // the peer, or the network, broke the stream
	ErrTimeout                          // the peer did not answer in time
	ErrInUse                            // the address has a listener already
	ErrFraming                          // a frame on a stream was longer than its bound
)

const codeEOF = 255

var downErrors = [...]string{
	ErrRemoved: "link removed", ErrOverflow: "stream overflow", ErrUnreachable: "unreachable",
	ErrRefused: "connection refused", ErrReset: "connection reset", ErrTimeout: "connection timed out",
	ErrInUse: "address in use", ErrFraming: "framing violated",
}

// Error is the reason in words.
func (e DownError) Error() string {
	if int(e) < len(downErrors) && e > 0 {
		return downErrors[e]
	}
	return fmt.Sprintf("down error %d", uint8(e))
}

// DownCode is the number of a reason for Down in digests and traces: 255 for
// io.EOF, 0 for an error that is none of ours.
func DownCode(err error) uint8 {
	if errors.Is(err, io.EOF) {
		return codeEOF
	}
	var e DownError
	errors.As(err, &e)
	return uint8(e)
}

// DownOf is the reason with a number.
func DownOf(code uint8) error {
	if code == codeEOF {
		return io.EOF
	}
	return DownError(code)
}
