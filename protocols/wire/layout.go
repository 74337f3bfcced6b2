package wire

import "fmt"

// Field is one field of a layout for packets of type T, made by the functions
// of this package.
type Field[T any] interface {
	label() string
	// size is the least and greatest number of bytes the field takes.
	size() (least, most int)
	// open reports whether the field takes what the frame has left, which only
	// one field of a layout may; setTail tells it what follows it.
	open() bool
	setTail(n int)

	decode(b []byte, off int, t *T) (next int, f fault)
	append(dst []byte, start int, t *T) ([]byte, fault)
	print(dst []byte, t *T) []byte
	generate(draw Draw, t *T)
}

// Layout is the format of one packet type. It is made once, in a package
// variable, and not changed after that.
type Layout[T any] struct {
	name     string
	fields   []Field[T]
	min, max int
}

// sizeMax bounds the frames a layout can describe.
const sizeMax = 1 << 30

// NewLayout makes a layout of fields in the order of the wire. A field belongs to
// one layout. It panics if the
// table contradicts itself.
func NewLayout[T any](name string, fields ...Field[T]) *Layout[T] {
	l := &Layout[T]{name: name, fields: fields}
	for i, f := range fields {
		least, most := f.size()
		switch p, padding := f.(*Padding[T]); {
		case least < 0 || most < least || most > sizeMax-l.max:
			panic(fmt.Sprintf("wire: layout %s: %s takes %d to %d bytes", name, f.label(), least, most))
		case padding:
			l.min, l.max = max(l.min, p.upTo), max(l.max, p.limit)
		default:
			l.min, l.max = l.min+least, l.max+most
		}
		if !f.open() {
			continue
		}
		tail := 0
		for _, after := range fields[i+1:] {
			least, most := after.size()
			if least != most {
				panic(fmt.Sprintf("wire: layout %s: %s takes the rest, but the size of %s after it varies", name, f.label(), after.label()))
			}
			tail += least
		}
		f.setTail(tail)
	}
	return l
}

// Name is the layout's name.
func (l *Layout[T]) Name() string { return l.name }

// Size is the least and the greatest number of bytes of a frame.
func (l *Layout[T]) Size() (least, most int) { return l.min, l.max }

// Decode reads a frame into t, whole: bytes left over are an error. Bytes in t
// alias b. On an error, an [*Error], t may be filled in part.
func (l *Layout[T]) Decode(b []byte, t *T) error {
	off, err := l.decode(b, t)
	if err == nil && off < len(b) {
		err = &Error{Layout: l.name, Offset: off, Problem: TooLong, Got: uint64(len(b)), Want: uint64(off)}
	}
	if err != nil {
		return err
	}
	return nil
}

// DecodePrefix reads a packet from the start of b and gives what follows it.
func (l *Layout[T]) DecodePrefix(b []byte, t *T) (rest []byte, err error) {
	off, e := l.decode(b, t)
	if e != nil {
		return nil, e
	}
	return b[off:], nil
}

func (l *Layout[T]) decode(b []byte, t *T) (int, *Error) {
	off := 0
	for _, f := range l.fields {
		next, bad := f.decode(b, off, t)
		if bad.bad() {
			return 0, l.fail(f, off, bad)
		}
		off = next
	}
	return off, nil
}

func (l *Layout[T]) fail(f Field[T], off int, bad fault) *Error {
	return &Error{l.name, f.label(), off, bad.problem, bad.got, bad.want}
}

// Append encodes t at the end of dst. On an error, an [*Error], dst comes back
// as it was.
func (l *Layout[T]) Append(dst []byte, t *T) ([]byte, error) {
	start := len(dst)
	for _, f := range l.fields {
		off := len(dst) - start
		next, bad := f.append(dst, start, t)
		if bad.bad() {
			return dst[:start], l.fail(f, off, bad)
		}
		dst = next
	}
	return dst, nil
}

// Print is t in one line, without constants and checksums:
// "segment kind=data window=512 payload=5:"hello"".
func (l *Layout[T]) Print(t *T) string {
	dst := []byte(l.name)
	for _, f := range l.fields {
		dst = f.print(dst, t)
	}
	return string(dst)
}

// Generate fills t with a value that can be encoded. Edges of ranges are more
// likely than what lies between.
func (l *Layout[T]) Generate(draw Draw, t *T) {
	for _, f := range l.fields {
		f.generate(draw, t)
	}
}
