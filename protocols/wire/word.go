package wire

// Word is a number of one to eight bytes whose bits are several values. Bit 0
// is the least significant bit of the number.
type Word[T any] struct {
	name   string
	bytes  int
	little bool
	strict bool
	parts  []*Number[T]
	named  uint64 // bits that belong to a part
}

// Bits is a word of so many bytes with its parts, big endian unless LE is asked
// for. Bits of no part are sent as 0 and ignored.
func Bits[T any](name string, bytes int, parts ...*Number[T]) *Word[T] {
	if bytes < 1 || bytes > 8 {
		panic("wire: word " + name + ": one to eight bytes")
	}
	w := &Word[T]{name: name, bytes: bytes, parts: parts}
	for _, p := range parts {
		mask := ^uint64(0) >> (64 - p.width) << p.first
		if p.bytes != 0 || p.first+p.width > uint(8*bytes) || w.named&mask != 0 {
			panic("wire: word " + name + ": part " + p.name + " does not fit, or overlaps another")
		}
		w.named |= mask
	}
	return w
}

// Part is the bits of a word from first on, width of them.
func Part[T any, V Unsigned](name string, first, width uint, at func(*T) *V) *Number[T] {
	if width < 1 || width > 64 || first > 63 {
		panic("wire: part " + name + ": one to 64 bits of a word")
	}
	n := number(name, width, at)
	n.bytes, n.first = 0, first
	return n
}

// Flag is one bit of a word.
func Flag[T any](name string, bit uint, at func(*T) *bool) *Number[T] {
	if bit > 63 {
		panic("wire: flag " + name + ": a bit of a word")
	}
	return &Number[T]{
		name: name, first: bit, width: 1, hi: 1,
		get: func(t *T) uint64 {
			if *at(t) {
				return 1
			}
			return 0
		},
		set: func(t *T, v uint64) { *at(t) = v != 0 },
	}
}

// LE sends the word little endian.
func (w *Word[T]) LE() *Word[T] { w.little = true; return w }

// Strict refuses a word in which bits of no part are set.
func (w *Word[T]) Strict() *Word[T] { w.strict = true; return w }

func (w *Word[T]) label() string    { return w.name }
func (w *Word[T]) size() (int, int) { return w.bytes, w.bytes }
func (w *Word[T]) open() bool       { return false }
func (w *Word[T]) setTail(int)      {}

func (w *Word[T]) decode(b []byte, off int, t *T) (int, fault) {
	end := off + w.bytes
	if end > len(b) {
		return 0, fault{TooShort, uint64(len(b) - off), uint64(w.bytes)}
	}
	v := load(b[off:end], w.little)
	if extra := v &^ w.named; w.strict && extra != 0 {
		return 0, fault{NotZero, extra, 0}
	}
	for _, p := range w.parts {
		x := v >> p.first & (^uint64(0) >> (64 - p.width))
		if f := p.check(x); f.bad() {
			return 0, f
		}
		p.set(t, x)
	}
	return end, fault{}
}

func (w *Word[T]) append(dst []byte, _ int, t *T) ([]byte, fault) {
	v := uint64(0)
	for _, p := range w.parts {
		x, f := p.value(t)
		if f.bad() {
			return dst, f
		}
		v |= x << p.first
	}
	return store(dst, v, w.bytes, w.little), fault{}
}

func (w *Word[T]) print(dst []byte, t *T) []byte {
	for _, p := range w.parts {
		dst = p.print(dst, t)
	}
	return dst
}

func (w *Word[T]) generate(draw Draw, t *T) {
	for _, p := range w.parts {
		p.generate(draw, t)
	}
}
