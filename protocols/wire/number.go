package wire

import "strconv"

// Unsigned is any type whose values are plain unsigned numbers.
type Unsigned interface {
	~uint8 | ~uint16 | ~uint32 | ~uint64
}

// Number is an unsigned number: a field of one to eight bytes, or, made by
// [Part] or [Flag], some bits of a [Word].
type Number[T any] struct {
	name   string
	bytes  int  // as a field; 0 for a part of a word
	first  uint // as a part: its lowest bit
	width  uint // in bits
	little bool
	hex    bool
	get    func(*T) uint64
	set    func(*T, uint64)

	lo, hi uint64 // what is allowed, both included
	fixed  bool   // lo is the only value, and what is sent
	names  []Named
}

// Named is a value with its name.
type Named struct {
	Value uint64
	Name  string
}

func number[T any, V Unsigned](name string, bits uint, at func(*T) *V) *Number[T] {
	return &Number[T]{
		name: name, bytes: int(bits / 8), width: bits, hi: ^uint64(0) >> (64 - bits),
		get: func(t *T) uint64 { return uint64(*at(t)) },
		set: func(t *T, v uint64) { *at(t) = V(v) },
	}
}

// U8 is a number of one byte.
func U8[T any, V ~uint8](name string, at func(*T) *V) *Number[T] { return number(name, 8, at) }

// U16 is a number of two bytes, big endian unless LE is asked for.
func U16[T any, V ~uint16](name string, at func(*T) *V) *Number[T] { return number(name, 16, at) }

// U24 is a number of three bytes, big endian unless LE is asked for.
func U24[T any, V ~uint32](name string, at func(*T) *V) *Number[T] { return number(name, 24, at) }

// U32 is a number of four bytes, big endian unless LE is asked for.
func U32[T any, V ~uint32](name string, at func(*T) *V) *Number[T] { return number(name, 32, at) }

// U64 is a number of eight bytes, big endian unless LE is asked for.
func U64[T any, V ~uint64](name string, at func(*T) *V) *Number[T] { return number(name, 64, at) }

// LE sends the number little endian. In a Word it means nothing: the word has
// an order.
func (n *Number[T]) LE() *Number[T] { n.little = true; return n }

// Hex prints the number in hexadecimal.
func (n *Number[T]) Hex() *Number[T] { n.hex = true; return n }

// Const allows one value, which is sent whatever the struct holds.
func (n *Number[T]) Const(v uint64) *Number[T] {
	n.Range(v, v)
	n.fixed = true
	return n
}

// Range allows the values from lo to hi, both included.
func (n *Number[T]) Range(lo, hi uint64) *Number[T] {
	if lo > hi || hi > n.hi {
		panic("wire: field " + n.name + ": range does not fit")
	}
	n.lo, n.hi = lo, hi
	return n
}

// Names names the values from 0 on and allows no others. An empty name leaves
// its value out.
func (n *Number[T]) Names(names ...string) *Number[T] {
	var list []Named
	for i, s := range names {
		if s != "" {
			list = append(list, Named{uint64(i), s})
		}
	}
	return n.Enum(list...)
}

// Enum allows the named values and no others.
func (n *Number[T]) Enum(names ...Named) *Number[T] {
	if len(names) == 0 {
		panic("wire: field " + n.name + ": an enum without values")
	}
	for _, v := range names {
		if v.Value > n.hi {
			panic("wire: field " + n.name + ": value of " + v.Name + " does not fit")
		}
	}
	n.names = names
	return n
}

func (n *Number[T]) label() string { return n.name }

func (n *Number[T]) size() (int, int) {
	if n.bytes == 0 {
		return -1, -1 // a part outside a word: NewLayout refuses it
	}
	return n.bytes, n.bytes
}

func (n *Number[T]) open() bool  { return false }
func (n *Number[T]) setTail(int) {}

func (n *Number[T]) decode(b []byte, off int, t *T) (int, fault) {
	end := off + n.bytes
	if end > len(b) {
		return 0, fault{TooShort, uint64(len(b) - off), uint64(n.bytes)}
	}
	v := load(b[off:end], n.little)
	if f := n.check(v); f.bad() {
		return 0, f
	}
	n.set(t, v)
	return end, fault{}
}

func (n *Number[T]) append(dst []byte, _ int, t *T) ([]byte, fault) {
	v, f := n.value(t)
	if f.bad() {
		return dst, f
	}
	return store(dst, v, n.bytes, n.little), fault{}
}

// value is what is sent for t.
func (n *Number[T]) value(t *T) (uint64, fault) {
	if n.fixed {
		return n.lo, fault{}
	}
	v := n.get(t)
	if most := ^uint64(0) >> (64 - n.width); v > most {
		return 0, fault{TooLarge, v, most}
	}
	return v, n.check(v)
}

func (n *Number[T]) check(v uint64) fault {
	switch {
	case n.names != nil:
		if n.nameOf(v) == "" {
			return fault{NotNamed, v, 0}
		}
	case n.fixed && v != n.lo:
		return fault{WrongConstant, v, n.lo}
	case v < n.lo:
		return fault{OutOfRange, v, n.lo}
	case v > n.hi:
		return fault{OutOfRange, v, n.hi}
	}
	return fault{}
}

func (n *Number[T]) nameOf(v uint64) string {
	for i := range n.names {
		if n.names[i].Value == v {
			return n.names[i].Name
		}
	}
	return ""
}

func (n *Number[T]) print(dst []byte, t *T) []byte {
	if n.fixed {
		return dst
	}
	v := n.get(t)
	dst = append(dst, ' ')
	dst = append(dst, n.name...)
	dst = append(dst, '=')
	if s := n.nameOf(v); s != "" {
		return append(dst, s...)
	}
	if n.hex {
		return strconv.AppendUint(append(dst, "0x"...), v, 16)
	}
	return strconv.AppendUint(dst, v, 10)
}

func (n *Number[T]) generate(draw Draw, t *T) {
	if n.names != nil {
		n.set(t, n.names[draw(uint64(len(n.names)))].Value)
		return
	}
	n.set(t, between(draw, n.lo, n.hi))
}

// between draws from lo to hi, both included, the ends more often than the
// rest.
func between(draw Draw, lo, hi uint64) uint64 {
	switch draw(8) {
	case 0:
		return lo
	case 1:
		return hi
	}
	return lo + draw(hi-lo+1) // hi-lo+1 is 0 for the whole range: any number
}

func load(b []byte, little bool) uint64 {
	v := uint64(0)
	if little {
		for i := len(b) - 1; i >= 0; i-- {
			v = v<<8 | uint64(b[i])
		}
		return v
	}
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v
}

func store(dst []byte, v uint64, n int, little bool) []byte {
	for i := range n {
		shift := 8 * (n - 1 - i)
		if little {
			shift = 8 * i
		}
		dst = append(dst, byte(v>>shift))
	}
	return dst
}
