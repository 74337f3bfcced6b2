package wire

import "hash/crc32"

// Filler is bytes that carry no value: a literal that marks the packet, or
// reserved bytes.
type Filler[T any] struct {
	name    string
	bytes   string
	checked bool
	zero    bool
}

// Literal is bytes that are always the same, and checked.
func Literal[T any](name, bytes string) *Filler[T] {
	return &Filler[T]{name: name, bytes: bytes, checked: true}
}

// Reserved is n bytes that are sent as 0 and ignored; with Checked, refused
// unless 0.
func Reserved[T any](name string, n int) *Filler[T] {
	return &Filler[T]{name: name, bytes: string(make([]byte, n)), zero: true}
}

// Checked refuses reserved bytes that are not 0.
func (f *Filler[T]) Checked() *Filler[T] { f.checked = true; return f }

func (f *Filler[T]) label() string    { return f.name }
func (f *Filler[T]) size() (int, int) { return len(f.bytes), len(f.bytes) }
func (f *Filler[T]) open() bool       { return false }
func (f *Filler[T]) setTail(int)      {}

func (f *Filler[T]) decode(b []byte, off int, _ *T) (int, fault) {
	end := off + len(f.bytes)
	if end > len(b) {
		return 0, fault{TooShort, uint64(len(b) - off), uint64(len(f.bytes))}
	}
	if f.checked && string(b[off:end]) != f.bytes {
		for i, c := range b[off:end] {
			if want := f.bytes[i]; c != want && f.zero {
				return 0, fault{NotZero, uint64(c), 0}
			} else if c != want {
				return 0, fault{WrongConstant, uint64(c), uint64(want)}
			}
		}
	}
	return end, fault{}
}

func (f *Filler[T]) append(dst []byte, _ int, _ *T) ([]byte, fault) {
	return append(dst, f.bytes...), fault{}
}

func (f *Filler[T]) print(dst []byte, _ *T) []byte { return dst }
func (f *Filler[T]) generate(Draw, *T)             {}

// Padding fills a frame up to a size; see Pad.
type Padding[T any] struct {
	upTo  int // bytes from the start of the frame
	limit int // where what is skipped ends at the latest
	with  byte
	tail  int
}

// Pad fills the frame with zeros, or With's byte, until it has n bytes, fields
// that follow not counted. On decoding, what lies there is skipped whatever it
// is, up to limit bytes from the start of the frame. The fields before it must
// say themselves where they end.
func Pad[T any](n, limit int) *Padding[T] {
	if n < 0 || limit < n {
		panic("wire: padding: limit under size")
	}
	return &Padding[T]{upTo: n, limit: limit}
}

// With pads with another byte than 0.
func (p *Padding[T]) With(b byte) *Padding[T] { p.with = b; return p }

func (p *Padding[T]) label() string    { return "padding" }
func (p *Padding[T]) size() (int, int) { return 0, p.limit }
func (p *Padding[T]) open() bool       { return true }
func (p *Padding[T]) setTail(n int)    { p.tail = n }

func (p *Padding[T]) decode(b []byte, off int, _ *T) (int, fault) {
	end := len(b) - p.tail
	if end < max(off, p.upTo) {
		return 0, fault{TooShort, uint64(max(end, 0)), uint64(max(off, p.upTo))}
	}
	if end > max(off, p.limit) {
		return 0, fault{TooLong, uint64(end), uint64(max(off, p.limit))}
	}
	return end, fault{}
}

func (p *Padding[T]) append(dst []byte, start int, _ *T) ([]byte, fault) {
	for len(dst)-start < p.upTo {
		dst = append(dst, p.with)
	}
	return dst, fault{}
}

func (p *Padding[T]) print(dst []byte, _ *T) []byte { return dst }
func (p *Padding[T]) generate(Draw, *T)             {}

// Checksum is a number computed from all bytes of the frame before it.
type Checksum[T any] struct {
	name    string
	bytes   int
	little  bool
	ignored bool
	of      func([]byte) uint64
}

// CRC32 is the CRC-32 of IEEE 802.3 of all bytes before it, in four bytes, big
// endian unless LE is asked for.
func CRC32[T any](name string) *Checksum[T] {
	return Sum[T](name, 4, func(b []byte) uint64 { return uint64(crc32.ChecksumIEEE(b)) })
}

// Sum is a checksum of so many bytes that is computed by a function of all
// bytes before it.
func Sum[T any](name string, bytes int, of func(before []byte) uint64) *Checksum[T] {
	return &Checksum[T]{name: name, bytes: bytes, of: of}
}

// LE sends the checksum little endian.
func (c *Checksum[T]) LE() *Checksum[T] { c.little = true; return c }

// Ignored sends the checksum and does not look at what arrives.
func (c *Checksum[T]) Ignored() *Checksum[T] { c.ignored = true; return c }

func (c *Checksum[T]) label() string    { return c.name }
func (c *Checksum[T]) size() (int, int) { return c.bytes, c.bytes }
func (c *Checksum[T]) open() bool       { return false }
func (c *Checksum[T]) setTail(int)      {}

func (c *Checksum[T]) decode(b []byte, off int, _ *T) (int, fault) {
	end := off + c.bytes
	if end > len(b) {
		return 0, fault{TooShort, uint64(len(b) - off), uint64(c.bytes)}
	}
	if c.ignored {
		return end, fault{}
	}
	if got, want := load(b[off:end], c.little), c.of(b[:off]); got != want {
		return 0, fault{BadChecksum, got, want}
	}
	return end, fault{}
}

func (c *Checksum[T]) append(dst []byte, start int, _ *T) ([]byte, fault) {
	return store(dst, c.of(dst[start:]), c.bytes, c.little), fault{}
}

func (c *Checksum[T]) print(dst []byte, _ *T) []byte { return dst }
func (c *Checksum[T]) generate(Draw, *T)             {}
