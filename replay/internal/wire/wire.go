// Package wire is how traces and journals write values down: numbers as varints,
// texts behind their length, and tagged fields, of which those that say nothing
// are left out. What is read may be hostile: nothing is taken that is not there.
package wire

import (
	"encoding/binary"
	"maps"
	"slices"
)

// MapMax is how many entries a map has at most.
const MapMax = 1 << 12

// AppendUvarint is binary.AppendUvarint, with its usual case inlined.
func AppendUvarint(b []byte, v uint64) []byte {
	if v < 0x80 {
		return append(b, byte(v))
	}
	return binary.AppendUvarint(b, v)
}

// AppendVarint is binary.AppendVarint.
func AppendVarint(b []byte, v int64) []byte { return AppendUvarint(b, uint64(v)<<1^uint64(v>>63)) }

// AppendString adds a text behind its length.
func AppendString(b []byte, s string) []byte {
	b = AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// AppendField adds a tagged field, unless it is empty.
func AppendField(b []byte, tag uint64, s string) []byte {
	if s == "" {
		return b
	}
	return AppendString(AppendUvarint(b, tag), s)
}

// AppendNumber adds a tagged field that holds a number, unless it is zero.
func AppendNumber(b []byte, tag, v uint64) []byte {
	if v == 0 {
		return b
	}
	var room [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(room[:], v)
	b = AppendUvarint(AppendUvarint(b, tag), uint64(n))
	return append(b, room[:n]...)
}

// AppendMap adds one tagged field an entry, in the order of the keys.
func AppendMap(b []byte, tag uint64, m map[string]string) []byte {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		b = AppendField(b, tag, string(AppendString(AppendString(nil, k), m[k])))
	}
	return b
}

// Reader takes values off the front of Rest. The first that does not fit makes
// it bad, and from then on it gives zeros.
type Reader struct {
	Rest []byte
	Bad  bool
	Most uint64 // bytes of one text; 0 is no bound but the end
}

// Fail makes the reader bad.
func (r *Reader) Fail() { r.Rest, r.Bad = nil, true }

// Byte takes one byte.
func (r *Reader) Byte() byte {
	if len(r.Rest) == 0 {
		r.Fail()
		return 0
	}
	c := r.Rest[0]
	r.Rest = r.Rest[1:]
	return c
}

// Uvarint takes a number.
func (r *Reader) Uvarint() uint64 {
	v, n := binary.Uvarint(r.Rest)
	if n <= 0 {
		r.Fail()
		return 0
	}
	r.Rest = r.Rest[n:]
	return v
}

// Varint takes a number with a sign.
func (r *Reader) Varint() int64 {
	v, n := binary.Varint(r.Rest)
	if n <= 0 {
		r.Fail()
		return 0
	}
	r.Rest = r.Rest[n:]
	return v
}

// UvarintMax is Uvarint for a number that is at most most.
func (r *Reader) UvarintMax(most uint64) uint64 {
	v := r.Uvarint()
	if v > most {
		r.Fail()
		return 0
	}
	return v
}

// Uint64 takes eight bytes, the least first.
func (r *Reader) Uint64() uint64 {
	if len(r.Rest) < 8 {
		r.Fail()
		return 0
	}
	v := binary.LittleEndian.Uint64(r.Rest)
	r.Rest = r.Rest[8:]
	return v
}

// Count takes the length of a list that has at most most parts, each of at least
// one byte.
func (r *Reader) Count(most uint64) int {
	v := r.UvarintMax(most)
	if v > uint64(len(r.Rest)) {
		r.Fail()
		return 0
	}
	return int(v)
}

// Bytes takes a length and that many bytes, which alias the reader's.
func (r *Reader) Bytes() []byte {
	n := r.Uvarint()
	if n > uint64(len(r.Rest)) || r.Most > 0 && n > r.Most {
		r.Fail()
		return nil
	}
	p := r.Rest[:n:n]
	r.Rest = r.Rest[n:]
	return p
}

// Text takes a text.
func (r *Reader) Text() string { return string(r.Bytes()) }

// Fields calls take for each tagged field to the end. A field that it makes bad
// makes the reader bad.
func (r *Reader) Fields(take func(tag uint64, v *Reader)) {
	for len(r.Rest) > 0 {
		tag := r.Uvarint()
		v := Reader{Rest: r.Bytes(), Most: r.Most}
		if r.Bad {
			return
		}
		if take(tag, &v); v.Bad {
			r.Fail()
		}
	}
}

// Entry takes one entry into a map.
func (r *Reader) Entry(m *map[string]string) {
	k := r.Text()
	s := r.Text()
	if r.Bad || len(*m) >= MapMax {
		r.Bad = true
		return
	}
	if *m == nil {
		*m = make(map[string]string)
	}
	(*m)[k] = s
}
