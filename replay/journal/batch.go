package journal

import (
	"example.com/dsim/cells"
	"example.com/dsim/clock"
)

// A batch is written field by field, as it was: names may be any bytes.

func appendChange(b []byte, c *cells.Change) []byte {
	b = append(b, byte(c.Op))
	switch c.Op {
	case cells.AddCell, cells.RemoveCell, cells.SetCell:
		b = appendString(b, string(c.Cell.ID))
		b = appendString(b, c.Cell.Protocol)
		b = appendParams(b, c.Cell.Params)
		b = appendUvarint(b, uint64(len(c.Cell.Ports)))
		for _, p := range c.Cell.Ports {
			b = appendString(b, p)
		}
		b = appendVarint(b, int64(c.Cell.Clock.Drift))
		return appendVarint(b, int64(c.Cell.Clock.Offset))
	}
	l := &c.Link
	b = appendString(b, l.Name)
	for _, e := range [...]*cells.Endpoint{&l.A, &l.B} {
		b = appendString(appendString(b, string(e.Cell)), e.Port)
	}
	b = append(b, bit(l.Stream)|bit(l.Drain)<<1)
	for _, p := range [...][]cells.Param{l.Both, l.AB, l.BA} {
		b = appendParams(b, p)
	}
	return b
}

func bit(on bool) byte {
	if on {
		return 1
	}
	return 0
}

func appendParams(b []byte, list []cells.Param) []byte {
	b = appendUvarint(b, uint64(len(list)))
	for i := range list {
		b = appendString(appendString(b, list[i].Name), list[i].Value)
	}
	return b
}

func (d *decoder) change() (c cells.Change) {
	c.Op = cells.ChangeOp(d.byte())
	switch c.Op {
	case cells.AddCell, cells.RemoveCell, cells.SetCell:
		c.Cell.ID = cells.ID(d.string())
		c.Cell.Protocol = d.string()
		c.Cell.Params = d.params()
		c.Cell.Ports = d.strings()
		c.Cell.Clock.Drift = clock.Drift(d.varint())
		c.Cell.Clock.Offset = clock.Time(d.varint())
	case cells.RemoveLink, cells.SetLink, cells.AddLink:
		l := &c.Link
		l.Name = d.string()
		for _, e := range [...]*cells.Endpoint{&l.A, &l.B} {
			e.Cell = cells.ID(d.string())
			e.Port = d.string()
		}
		flags := d.byte()
		if flags > 3 {
			d.fail()
		}
		l.Stream, l.Drain = flags&1 != 0, flags&2 != 0
		for _, p := range [...]*[]cells.Param{&l.Both, &l.AB, &l.BA} {
			*p = d.params()
		}
	default:
		d.fail()
	}
	return c
}

func (d *decoder) params() (list []cells.Param) {
	for range d.count() {
		p := cells.Param{Name: d.string(), Value: d.string()}
		if d.bad {
			return nil
		}
		list = append(list, p)
	}
	return list
}

func (d *decoder) strings() (list []string) {
	for range d.count() {
		s := d.string()
		if d.bad {
			return nil
		}
		list = append(list, s)
	}
	return list
}
