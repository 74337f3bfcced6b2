package replay

import (
	"bytes"
	"encoding/binary"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay/internal/wire"
)

// Entry is one thing in a trace: a record or a choice. What it points to is
// valid until the next is taken; [Clone] keeps a record.
type Entry struct {
	Record *des.Record // or nil
	Choice *des.Choice // or nil
	Number uint64      // of the record among records, of the choice among choices, from 0
}

// Clone is a copy of r that shares nothing with it.
func Clone(r *des.Record) des.Record {
	c := *r
	c.Data = bytes.Clone(r.Data)
	return c
}

// Equal reports whether two records say the same.
func Equal(a, b *des.Record) bool {
	return a.Key == b.Key && a.Cause == b.Cause && a.Op == b.Op && a.Port == b.Port &&
		a.A == b.A && a.B == b.B && a.Cell == b.Cell && a.Link == b.Link &&
		a.Kind == b.Kind && a.Text == b.Text && bytes.Equal(a.Data, b.Data)
}

// An entry begins with a tag: the op of a record, or tagChoice. Flags say which
// of a record's fields follow; they are part of the format.
const tagChoice = 0xc0

const (
	hasKey    = 1 << iota // a new key; else the one before
	hasCause              // a cause of its own; else the one before
	zeroCause             // no cause
	hasCell               // another cell than the record before
	hasLink
	hasPort
	hasKind
	hasA
	hasB
	hasText
	hasData
	flagsMax = 1<<iota - 1
)

// delta is what encoder and decoder of a block both know from the entries
// before: it begins anew with each block.
type delta struct {
	key   des.Key
	cause des.Key
	cell  string
	seqs  [256]uint64 // the last sequence seen, by a hash of the entity
}

func (d *delta) seq(e des.Entity) *uint64 { return &d.seqs[uint32(e)*0x9e3779b1>>24] }

// encoder makes the entries of one block.
type encoder struct {
	delta
	b       []byte
	strings dictionary
	datas   dictionary
}

func (e *encoder) reset() {
	e.delta = delta{}
	e.b = e.b[:0]
	e.strings.reset()
	e.datas.reset()
}

// string writes a reference: 0 for the empty string, else its number in the
// block's dictionary from 1; a number not given yet is followed by the string.
func (e *encoder) string(s string) {
	if s == "" {
		e.b = append(e.b, 0)
		return
	}
	n, fresh := e.strings.text(s)
	e.b = wire.AppendUvarint(e.b, uint64(n))
	if fresh {
		e.b = wire.AppendString(e.b, s)
	}
}

// data is string for payloads, which have a dictionary of their own.
func (e *encoder) data(p []byte) {
	n, fresh := e.datas.bytes(p, e.b)
	e.b = wire.AppendUvarint(e.b, uint64(n))
	if fresh {
		e.b = wire.AppendUvarint(e.b, uint64(len(p)))
		from := len(e.b)
		e.b = append(e.b, p...)
		e.datas.placed(from, len(e.b))
	}
}

// key writes a key as the difference to from's time and to the last sequence of
// its entity.
func (e *encoder) putKey(k des.Key, from clock.Time) {
	e.b = wire.AppendVarint(e.b, int64(k.Time)-int64(from))
	e.b = wire.AppendUvarint(e.b, uint64(k.Delta))
	e.b = wire.AppendUvarint(e.b, uint64(k.Rank))
	e.b = wire.AppendUvarint(e.b, uint64(k.Entity))
	e.b = wire.AppendVarint(e.b, int64(k.Seq-*e.seq(k.Entity)))
}

func (e *encoder) record(r *des.Record) {
	flags := uint64(0)
	set := func(on bool, f uint64) {
		if on {
			flags |= f
		}
	}
	set(r.Key != e.key, hasKey)
	if r.Cause != e.cause {
		set(r.Cause.IsZero(), zeroCause)
		set(!r.Cause.IsZero(), hasCause)
	}
	set(r.Cell != e.cell, hasCell)
	set(r.Link != "", hasLink)
	set(r.Port != 0, hasPort)
	set(r.Kind != "", hasKind)
	set(r.A != 0, hasA)
	set(r.B != 0, hasB)
	set(r.Text != "", hasText)
	set(len(r.Data) != 0, hasData)
	e.b = append(e.b, byte(r.Op))
	e.b = wire.AppendUvarint(e.b, flags)
	if flags&hasKey != 0 {
		e.putKey(r.Key, e.key.Time)
		e.key = r.Key
		*e.seq(r.Key.Entity) = r.Key.Seq
	}
	if flags&hasCause != 0 {
		e.putKey(r.Cause, r.Key.Time)
	}
	e.cause = r.Cause
	if flags&hasCell != 0 {
		e.string(r.Cell)
		e.cell = r.Cell
	}
	if flags&hasLink != 0 {
		e.string(r.Link)
	}
	if flags&hasPort != 0 {
		e.b = wire.AppendUvarint(e.b, uint64(r.Port))
	}
	if flags&hasKind != 0 {
		e.string(r.Kind)
	}
	if flags&hasA != 0 {
		e.b = wire.AppendVarint(e.b, r.A)
	}
	if flags&hasB != 0 {
		e.b = wire.AppendVarint(e.b, r.B-deadline(r.Op, r.Key.Time))
	}
	if flags&hasText != 0 {
		e.string(r.Text)
	}
	if flags&hasData != 0 {
		e.data(r.Data)
	}
}

// deadline is what B is told relative to: a timer's deadline is near its time.
func deadline(op des.Op, t clock.Time) int64 {
	if op == des.OpArm || op == des.OpTimer {
		return int64(t)
	}
	return 0
}

func (e *encoder) choice(c *des.Choice) {
	e.b = append(e.b, tagChoice)
	if c.At != e.key {
		e.b = append(e.b, hasKey)
		e.putKey(c.At, e.key.Time)
		e.key = c.At
		*e.seq(c.At.Entity) = c.At.Seq
	} else {
		e.b = append(e.b, 0)
	}
	e.string(c.What)
	e.string(c.Where)
	e.b = wire.AppendUvarint(e.b, c.N)
	e.string(c.Value)
}

// decoder takes the entries of one block apart.
type decoder struct {
	delta
	r       wire.Reader
	strings []string
	datas   [][]byte
}

func (d *decoder) reset(b []byte) {
	d.delta = delta{}
	d.r = wire.Reader{Most: StringMax, Rest: b}
	d.strings = d.strings[:0]
	d.datas = d.datas[:0]
}

func (d *decoder) string() string {
	n := d.r.Uvarint()
	have := uint64(len(d.strings))
	switch {
	case n == 0:
		return ""
	case n <= have:
		return d.strings[n-1]
	case n == have+1:
		s := d.r.Text()
		if !d.r.Bad {
			d.strings = append(d.strings, s)
		}
		return s
	}
	d.r.Fail()
	return ""
}

func (d *decoder) data() []byte {
	n := d.r.Uvarint()
	have := uint64(len(d.datas))
	switch {
	case n == 0:
		d.r.Fail()
		return nil
	case n <= have:
		return d.datas[n-1]
	case n == have+1:
		p := d.r.Bytes()
		if !d.r.Bad {
			d.datas = append(d.datas, p)
		}
		return p
	}
	d.r.Fail()
	return nil
}

func (d *decoder) takeKey(from clock.Time) des.Key {
	var k des.Key
	k.Time = from + clock.Time(d.r.Varint())
	k.Delta = uint16(d.r.UvarintMax(1<<16 - 1))
	k.Rank = uint16(d.r.UvarintMax(1<<16 - 1))
	k.Entity = des.Entity(d.r.UvarintMax(1<<32 - 1))
	k.Seq = *d.seq(k.Entity) + uint64(d.r.Varint())
	return k
}

// next takes one entry: into r, or into c. It reports false for both at the
// end and when the bytes are not what the format says; r.Bad tells which.
func (d *decoder) next(r *des.Record, c *des.Choice) (record, choice bool) {
	if len(d.r.Rest) == 0 {
		return false, false
	}
	tag := d.r.Byte()
	if tag == tagChoice {
		flags := d.r.Byte()
		if flags > hasKey {
			d.r.Fail()
		}
		if flags&hasKey != 0 {
			d.key = d.takeKey(d.key.Time)
			*d.seq(d.key.Entity) = d.key.Seq
		}
		*c = des.Choice{At: d.key}
		c.What = d.string()
		c.Where = d.string()
		c.N = d.r.Uvarint()
		c.Value = d.string()
		return false, !d.r.Bad
	}
	// Ops that this build does not know are kept: they print as "op?".
	if tag == 0 || tag > tagChoice {
		d.r.Fail()
		return false, false
	}
	flags := d.r.UvarintMax(flagsMax)
	if flags&hasCause != 0 && flags&zeroCause != 0 {
		d.r.Fail()
	}
	if flags&hasKey != 0 {
		d.key = d.takeKey(d.key.Time)
		*d.seq(d.key.Entity) = d.key.Seq
	}
	if flags&hasCause != 0 {
		d.cause = d.takeKey(d.key.Time)
	}
	if flags&zeroCause != 0 {
		d.cause = des.Key{}
	}
	if flags&hasCell != 0 {
		d.cell = d.string()
	}
	*r = des.Record{Key: d.key, Cause: d.cause, Op: des.Op(tag), Cell: d.cell}
	if flags&hasLink != 0 {
		r.Link = d.string()
	}
	if flags&hasPort != 0 {
		r.Port = uint32(d.r.UvarintMax(1<<32 - 1))
	}
	if flags&hasKind != 0 {
		r.Kind = d.string()
	}
	if flags&hasA != 0 {
		r.A = d.r.Varint()
	}
	if flags&hasB != 0 {
		r.B = d.r.Varint() + deadline(r.Op, r.Key.Time)
	}
	if flags&hasText != 0 {
		r.Text = d.string()
	}
	if flags&hasData != 0 {
		r.Data = d.data()
	}
	return !d.r.Bad, false
}

// appendCanonical is the form of a record that a trace's hash is taken over. It
// depends on nothing before it.
func appendCanonical(b []byte, r *des.Record) []byte {
	b = append(b, byte(r.Op))
	b = appendKey(b, r.Key)
	b = appendKey(b, r.Cause)
	b = wire.AppendString(b, r.Cell)
	b = wire.AppendString(b, r.Link)
	b = binary.LittleEndian.AppendUint32(b, r.Port)
	b = wire.AppendString(b, r.Kind)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.A))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.B))
	b = wire.AppendString(b, r.Text)
	b = wire.AppendUvarint(b, uint64(len(r.Data)))
	return append(b, r.Data...)
}

func appendCanonicalChoice(b []byte, c *des.Choice) []byte {
	b = append(b, tagChoice)
	b = appendKey(b, c.At)
	b = wire.AppendString(b, c.What)
	b = wire.AppendString(b, c.Where)
	b = binary.LittleEndian.AppendUint64(b, c.N)
	return wire.AppendString(b, c.Value)
}

func appendKey(b []byte, k des.Key) []byte {
	var w [keySize]byte
	binary.LittleEndian.PutUint64(w[:], uint64(k.Time))
	binary.LittleEndian.PutUint16(w[8:], k.Delta)
	binary.LittleEndian.PutUint16(w[10:], k.Rank)
	binary.LittleEndian.PutUint32(w[12:], uint32(k.Entity))
	binary.LittleEndian.PutUint64(w[16:], k.Seq)
	return append(b, w[:]...)
}

// keySize is how many bytes a key takes that is told whole.
const keySize = 24
