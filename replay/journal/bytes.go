package journal

import (
	"encoding/binary"
	"maps"
	"slices"
)

func appendUvarint(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

func appendVarint(b []byte, v int64) []byte { return binary.AppendVarint(b, v) }

func appendString(b []byte, s string) []byte {
	return append(appendUvarint(b, uint64(len(s))), s...)
}

// appendField writes a tagged field; an empty one is left out.
func appendField(b []byte, tag uint64, s string) []byte {
	if s == "" {
		return b
	}
	return appendString(appendUvarint(b, tag), s)
}

func appendNumber(b []byte, tag, v uint64) []byte {
	if v == 0 {
		return b
	}
	var room [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(room[:], v)
	b = appendUvarint(appendUvarint(b, tag), uint64(n))
	return append(b, room[:n]...)
}

// appendMap writes one field for each entry, in the order of the keys.
func appendMap(b []byte, tag uint64, m map[string]string) []byte {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		b = appendField(b, tag, string(appendString(appendString(nil, k), m[k])))
	}
	return b
}

// decoder takes values off the front of b. What does not fit makes it bad, and
// from then on it gives zeros.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) fail() {
	d.bad = true
	d.b = nil
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// uvarintMax is uvarint for a value with a bound.
func (d *decoder) uvarintMax(most uint64) uint64 {
	v := d.uvarint()
	if v > most {
		d.fail()
		return 0
	}
	return v
}

// count is the length of a list whose parts take a byte each, at the least.
func (d *decoder) count() int {
	v := d.uvarintMax(partsMax)
	if v > uint64(len(d.b)) {
		d.fail()
		return 0
	}
	return int(v)
}

func (d *decoder) int64To(p *int64) { *p = int64(d.uvarint()) }

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail()
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *decoder) uint64() uint64 {
	if len(d.b) < 8 {
		d.fail()
		return 0
	}
	v := binary.LittleEndian.Uint64(d.b)
	d.b = d.b[8:]
	return v
}

// bytes is a part of the record itself.
func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) string() string { return string(d.bytes()) }

// fields gives all tagged fields to take.
func (d *decoder) fields(take func(tag uint64, v *decoder)) {
	for len(d.b) > 0 {
		tag := d.uvarint()
		v := decoder{b: d.bytes()}
		if d.bad {
			return
		}
		if take(tag, &v); v.bad {
			d.fail()
		}
	}
}

// info takes one entry into a map.
func (d *decoder) info(m *map[string]string) {
	k := d.string()
	s := d.string()
	if d.bad || len(*m) >= mapMax {
		d.bad = true
		return
	}
	if *m == nil {
		*m = map[string]string{}
	}
	(*m)[k] = s
}

// references number names in the order of their first use: the first is 2.
type references struct {
	byName map[string]uint64
	names  []string
	room   int
}

// The numbers that are not a name's own.
const (
	refPlain = iota // the name follows
	refNew          // the name follows, and has the next number from here on
	refFirst
)

// add numbers a name, if there is room for one more.
func (r *references) add(s string) bool {
	if len(r.names) >= namesMax || r.room+len(s) > namesRoom {
		return false
	}
	r.room += len(s)
	r.names = append(r.names, s)
	return true
}

func (r *references) append(b []byte, s string) []byte {
	if n, ok := r.byName[s]; ok {
		return appendUvarint(b, n)
	}
	if !r.add(s) {
		return appendString(append(b, refPlain), s)
	}
	if r.byName == nil {
		r.byName = map[string]uint64{}
	}
	r.byName[s] = uint64(len(r.names)) - 1 + refFirst
	return appendString(append(b, refNew), s)
}

// name is the name that a reference stands for.
func (r *references) name(d *decoder) string {
	switch n := d.uvarint(); {
	case d.bad:
		return ""
	case n == refPlain:
		return d.string()
	case n == refNew:
		s := d.string()
		if d.bad || !r.add(s) {
			d.fail()
			return ""
		}
		return s
	case n-refFirst < uint64(len(r.names)):
		return r.names[n-refFirst]
	}
	d.fail()
	return ""
}
