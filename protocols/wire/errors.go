package wire

import "fmt"

// Problem says what is wrong with a field.
type Problem uint8

// The problems of fields. Got and Want of an Error are what each line says.
const (
	TooShort      Problem = iota + 1 // the frame ends inside the field; got bytes, want at least
	TooLong                          // more bytes than allowed; got, want at most
	WrongConstant                    // the field has one value only; got, want
	NotZero                          // reserved and checked bits are set; got
	NotNamed                         // not one of the named values; got
	OutOfRange                       // outside the range; got, want the nearest value in it
	TooLarge                         // does not fit the field; got, want at most
	BadChecksum                      // got as received, want as computed
)

// Error says why a frame cannot be decoded, or a value not be encoded.
type Error struct {
	Layout    string
	Field     string // empty for the frame as a whole
	Offset    int    // of the field, in bytes from the start of the frame
	Problem   Problem
	Got, Want uint64 // as Problem says
}

// Error is one line: layout, field, offset, what is wrong, what is allowed.
func (e *Error) Error() string {
	where := e.Layout
	if e.Field != "" {
		where += ": " + e.Field
	}
	return fmt.Sprintf("%s at byte %d: %s", where, e.Offset, e.reason())
}

func (e *Error) reason() string {
	switch e.Problem {
	case TooShort:
		return fmt.Sprintf("%d bytes, want at least %d", e.Got, e.Want)
	case TooLong:
		return fmt.Sprintf("%d bytes, want at most %d", e.Got, e.Want)
	case WrongConstant:
		return fmt.Sprintf("%#x, want %#x", e.Got, e.Want)
	case NotZero:
		return fmt.Sprintf("%#x in reserved bits, want 0", e.Got)
	case NotNamed:
		return fmt.Sprintf("%#x is not a known value", e.Got)
	case OutOfRange:
		return fmt.Sprintf("%d is out of range, the nearest allowed is %d", e.Got, e.Want)
	case TooLarge:
		return fmt.Sprintf("%d does not fit, want at most %d", e.Got, e.Want)
	case BadChecksum:
		return fmt.Sprintf("checksum %#x, computed %#x", e.Got, e.Want)
	}
	return "problem?"
}

// fault is an Error without its place, which the layout adds. The zero fault is
// none.
type fault struct {
	problem   Problem
	got, want uint64
}

func (f fault) bad() bool { return f.problem != 0 }
