package journal

import "example.com/dsim/replay/internal/wire"

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
		return wire.AppendUvarint(b, n)
	}
	if !r.add(s) {
		return wire.AppendString(append(b, refPlain), s)
	}
	if r.byName == nil {
		r.byName = map[string]uint64{}
	}
	r.byName[s] = uint64(len(r.names)) - 1 + refFirst
	return wire.AppendString(append(b, refNew), s)
}

// name is the name that a reference stands for.
func (r *references) name(d *wire.Reader) string {
	switch n := d.Uvarint(); {
	case d.Bad:
		return ""
	case n == refPlain:
		return d.Text()
	case n == refNew:
		s := d.Text()
		if d.Bad || !r.add(s) {
			d.Fail()
			return ""
		}
		return s
	case n-refFirst < uint64(len(r.names)):
		return r.names[n-refFirst]
	}
	d.Fail()
	return ""
}
