package replay

import (
	"encoding/binary"
	"sort"
)

// The bounds of the format. A writer refuses what is over them, and a reader
// never takes memory for more, whatever the bytes say.
const (
	StringMax = 1 << 20 // bytes of one string or payload
	BlockMax  = 8 << 20 // bytes of one decoded block
	mapMax    = 1 << 12 // entries of a header's map, or of its list of overrides

	// An entry block is closed when it holds this much: the first early, so that
	// little is lost when a process dies soon, and each twice as much as the one
	// before, up to what compresses well.
	blockFirst  = 8 << 10
	blockTarget = 128 << 10
	indexPart   = 8192 // blocks described by one index block
)

// appendUvarint is binary.AppendUvarint, with its usual case inlined.
func appendUvarint(b []byte, v uint64) []byte {
	if v < 0x80 {
		return append(b, byte(v))
	}
	return binary.AppendUvarint(b, v)
}

func appendVarint(b []byte, v int64) []byte { return appendUvarint(b, uint64(v)<<1^uint64(v>>63)) }

func appendString(b []byte, s string) []byte {
	b = appendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// appendField adds a tagged field, unless it is empty.
func appendField(b []byte, tag uint64, s string) []byte {
	if s == "" {
		return b
	}
	return appendString(appendUvarint(b, tag), s)
}

// appendNumber adds a tagged field that holds a number, unless it is zero.
func appendNumber(b []byte, tag, v uint64) []byte {
	if v == 0 {
		return b
	}
	return appendField(b, tag, string(appendUvarint(nil, v)))
}

// appendMap adds one tagged field an entry, in the order of the keys.
func appendMap(b []byte, tag uint64, m map[string]string) []byte {
	for _, k := range sortedKeys(m) {
		b = appendField(b, tag, string(appendString(appendString(nil, k), m[k])))
	}
	return b
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// reader takes values off bytes that may be hostile. After the first that does
// not fit it is bad, and gives zeros.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) fail() {
	r.b, r.bad = nil, true
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

// uvarintMax is uvarint for a number that is at most max.
func (r *reader) uvarintMax(max uint64) uint64 {
	v := r.uvarint()
	if v > max {
		r.fail()
		return 0
	}
	return v
}

// bytes takes a length and that many bytes, which alias the reader's.
func (r *reader) bytes() []byte {
	n := r.uvarintMax(StringMax)
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) string() string { return string(r.bytes()) }

// fields calls f for each tagged field to the end.
func (r *reader) fields(f func(tag uint64, v *reader)) {
	for len(r.b) > 0 {
		tag := r.uvarint()
		v := reader{b: r.bytes()}
		if r.bad {
			return
		}
		f(tag, &v)
		if v.bad {
			r.fail()
		}
	}
}
