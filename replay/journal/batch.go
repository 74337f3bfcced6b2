package journal

import (
	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/replay/internal/wire"
)

// A batch is written field by field, as it was: names may be any bytes.

func appendChange(b []byte, c *cells.Change) []byte {
	b = append(b, byte(c.Op))
	switch c.Op {
	case cells.AddCell, cells.RemoveCell, cells.SetCell:
		b = wire.AppendString(b, string(c.Cell.ID))
		b = wire.AppendString(b, c.Cell.Protocol)
		b = appendParams(b, c.Cell.Params)
		b = wire.AppendUvarint(b, uint64(len(c.Cell.Ports)))
		for _, p := range c.Cell.Ports {
			b = wire.AppendString(b, p)
		}
		b = wire.AppendVarint(b, int64(c.Cell.Clock.Drift))
		return wire.AppendVarint(b, int64(c.Cell.Clock.Offset))
	}
	l := &c.Link
	b = wire.AppendString(b, l.Name)
	for _, e := range [...]*cells.Endpoint{&l.A, &l.B} {
		b = wire.AppendString(wire.AppendString(b, string(e.Cell)), e.Port)
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
	b = wire.AppendUvarint(b, uint64(len(list)))
	for i := range list {
		b = wire.AppendString(wire.AppendString(b, list[i].Name), list[i].Value)
	}
	return b
}

func readChange(d *wire.Reader) (c cells.Change) {
	c.Op = cells.ChangeOp(d.Byte())
	switch c.Op {
	case cells.AddCell, cells.RemoveCell, cells.SetCell:
		c.Cell.ID = cells.ID(d.Text())
		c.Cell.Protocol = d.Text()
		c.Cell.Params = readParams(d)
		c.Cell.Ports = readStrings(d)
		c.Cell.Clock.Drift = clock.Drift(d.Varint())
		c.Cell.Clock.Offset = clock.Time(d.Varint())
	case cells.RemoveLink, cells.SetLink, cells.AddLink:
		l := &c.Link
		l.Name = d.Text()
		for _, e := range [...]*cells.Endpoint{&l.A, &l.B} {
			e.Cell = cells.ID(d.Text())
			e.Port = d.Text()
		}
		flags := d.Byte()
		if flags > 3 {
			d.Fail()
		}
		l.Stream, l.Drain = flags&1 != 0, flags&2 != 0
		for _, p := range [...]*[]cells.Param{&l.Both, &l.AB, &l.BA} {
			*p = readParams(d)
		}
	default:
		d.Fail()
	}
	return c
}

func readParams(d *wire.Reader) (list []cells.Param) {
	for range d.Count(partsMax) {
		p := cells.Param{Name: d.Text(), Value: d.Text()}
		if d.Bad {
			return nil
		}
		list = append(list, p)
	}
	return list
}

func readStrings(d *wire.Reader) (list []string) {
	for range d.Count(partsMax) {
		s := d.Text()
		if d.Bad {
			return nil
		}
		list = append(list, s)
	}
	return list
}
