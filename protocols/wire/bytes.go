package wire

import "strconv"

// Array is a field of as many bytes as the struct's array has. Its bytes are
// copied both ways.
type Array[T any] struct {
	name string
	n    int
	at   func(*T) []byte
}

// Fixed is an array of bytes in the struct:
//
//	wire.Fixed("destination", func(f *Frame) []byte { return f.Destination[:] })
func Fixed[T any](name string, at func(*T) []byte) *Array[T] {
	return &Array[T]{name, len(at(new(T))), at}
}

func (a *Array[T]) label() string    { return a.name }
func (a *Array[T]) size() (int, int) { return a.n, a.n }
func (a *Array[T]) open() bool       { return false }
func (a *Array[T]) setTail(int)      {}

func (a *Array[T]) decode(b []byte, off int, t *T) (int, fault) {
	end := off + a.n
	if end > len(b) {
		return 0, fault{TooShort, uint64(len(b) - off), uint64(a.n)}
	}
	copy(a.at(t), b[off:end])
	return end, fault{}
}

func (a *Array[T]) append(dst []byte, _ int, t *T) ([]byte, fault) {
	return append(dst, a.at(t)...), fault{}
}

func (a *Array[T]) print(dst []byte, t *T) []byte {
	return appendHex(appendLabel(dst, a.name), a.at(t))
}

func (a *Array[T]) generate(draw Draw, t *T) { fill(draw, a.at(t)) }

// Run is a field of bytes whose number varies. Decoded bytes alias the frame.
type Run[T any] struct {
	name     string
	at       func(*T) *[]byte
	prefix   int // bytes of the length in front; 0: takes the rest of the frame
	little   bool
	min, max int
	tail     int // bytes of the fields that follow, where it takes the rest
}

// Counted is at most max bytes with their number in front, in one, two or four
// bytes, big endian unless LE is asked for.
func Counted[T any](name string, prefix, max int, at func(*T) *[]byte) *Run[T] {
	if prefix != 1 && prefix != 2 && prefix != 4 || max < 0 || uint64(max) > ^uint64(0)>>(64-8*prefix) {
		panic("wire: field " + name + ": a count of 1, 2 or 4 bytes that can hold the maximum")
	}
	return &Run[T]{name: name, at: at, prefix: prefix, max: max}
}

// Rest is what the frame has left, at most max bytes, up to the fields that
// follow, which have fixed sizes.
func Rest[T any](name string, max int, at func(*T) *[]byte) *Run[T] {
	return &Run[T]{name: name, at: at, max: max}
}

// LE sends the count little endian.
func (r *Run[T]) LE() *Run[T] { r.little = true; return r }

// Min asks for at least n bytes.
func (r *Run[T]) Min(n int) *Run[T] {
	if n > r.max {
		panic("wire: field " + r.name + ": minimum over maximum")
	}
	r.min = n
	return r
}

func (r *Run[T]) label() string    { return r.name }
func (r *Run[T]) size() (int, int) { return r.prefix + r.min, r.prefix + r.max }
func (r *Run[T]) open() bool       { return r.prefix == 0 }
func (r *Run[T]) setTail(n int)    { r.tail = n }

func (r *Run[T]) decode(b []byte, off int, t *T) (int, fault) {
	start, end := off, len(b)-r.tail
	if r.prefix > 0 {
		if start += r.prefix; start > len(b) {
			return 0, fault{TooShort, uint64(len(b) - off), uint64(r.prefix)}
		}
		n := load(b[off:start], r.little)
		if n > uint64(r.max) {
			return 0, fault{TooLong, n, uint64(r.max)}
		}
		end = start + int(n)
	}
	if end > len(b) || end < start {
		// Too short for what was announced, or for what must follow.
		return 0, fault{TooShort, uint64(len(b) - off), uint64(max(end, start+r.tail) - off)}
	}
	if f := r.check(end - start); f.bad() {
		return 0, f
	}
	*r.at(t) = b[start:end:end]
	return end, fault{}
}

func (r *Run[T]) check(n int) fault {
	if n < r.min {
		return fault{TooShort, uint64(n), uint64(r.min)}
	}
	if n > r.max {
		return fault{TooLong, uint64(n), uint64(r.max)}
	}
	return fault{}
}

func (r *Run[T]) append(dst []byte, _ int, t *T) ([]byte, fault) {
	b := *r.at(t)
	if f := r.check(len(b)); f.bad() {
		return dst, f
	}
	dst = store(dst, uint64(len(b)), r.prefix, r.little)
	return append(dst, b...), fault{}
}

// printed is how many bytes of a run are printed.
const printed = 32

func (r *Run[T]) print(dst []byte, t *T) []byte {
	b := *r.at(t)
	dst = strconv.AppendInt(appendLabel(dst, r.name), int64(len(b)), 10)
	dst = append(dst, ':')
	shown := b[:min(len(b), printed)]
	if isText(shown) {
		dst = strconv.AppendQuote(dst, string(shown))
	} else {
		dst = appendHex(dst, shown)
	}
	if len(b) > printed {
		dst = append(dst, "…"...)
	}
	return dst
}

func (r *Run[T]) generate(draw Draw, t *T) {
	// Most runs are short, so that a thousand values are quickly made; the
	// maximum itself comes up all the same.
	n := r.max
	if draw(8) != 0 {
		n = int(between(draw, uint64(r.min), uint64(min(r.max, r.min+64))))
	}
	b := make([]byte, n)
	fill(draw, b)
	*r.at(t) = b
}

func fill(draw Draw, b []byte) {
	for i := range b {
		b[i] = byte(draw(256))
	}
}

func isText(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

func appendLabel(dst []byte, name string) []byte {
	dst = append(dst, ' ')
	dst = append(dst, name...)
	return append(dst, '=')
}

func appendHex(dst, b []byte) []byte {
	const digits = "0123456789abcdef"
	for _, c := range b {
		dst = append(dst, digits[c>>4], digits[c&15])
	}
	return dst
}
