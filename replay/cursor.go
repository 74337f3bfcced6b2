package replay

import (
	"errors"
	"iter"
	"slices"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay/internal/wire"
)

// cursor steps through the entries of some blocks.
type cursor struct {
	t        *Trace
	f        *frames
	blocks   []BlockInfo // still to read
	from, to clock.Time
	ops      uint64 // skip blocks with none of these; 0: take all

	dec     decoder
	info    BlockInfo
	open    bool
	records uint64 // of the block, taken
	choices uint64
	rec     des.Record
	cho     des.Choice
}

func (t *Trace) cursor(from, to clock.Time, ops uint64) *cursor {
	return &cursor{t: t, f: t.frames(), blocks: t.blocks, from: from, to: to, ops: ops}
}

// all is every time there is.
const allFrom, allTo = clock.Time(-1 << 63), clock.Never

// next gives the next entry; none and no error at the end. After an error the
// next call goes on with the next block.
func (c *cursor) next() (Entry, error) {
	for {
		if !c.open {
			if len(c.blocks) == 0 {
				return Entry{}, nil
			}
			c.info, c.blocks = c.blocks[0], c.blocks[1:]
			if c.info.damaged == nil && (!c.info.overlaps(c.from, c.to) || c.ops != 0 && c.info.Ops&c.ops == 0) {
				continue
			}
			if err := c.begin(); err != nil {
				return Entry{}, c.t.errorf("%s: %w", &c.info, err)
			}
			c.open = true
		}
		record, choice := c.dec.next(&c.rec, &c.cho)
		switch {
		case record:
			c.records++
			if t := c.rec.Key.Time; t < c.from || t > c.to {
				continue
			}
			return Entry{Record: &c.rec, Number: c.info.FirstRecord + c.records - 1}, nil
		case choice:
			c.choices++
			if t := c.cho.At.Time; t < c.from || t > c.to {
				continue
			}
			return Entry{Choice: &c.cho, Number: c.info.FirstChoice + c.choices - 1}, nil
		}
		c.open = false
		if c.dec.r.Bad {
			return Entry{}, c.t.errorf("%s: entry %d does not fit the format", &c.info, c.records+c.choices)
		}
		if c.records != c.info.Records || c.choices != c.info.Choices {
			return Entry{}, c.t.errorf("%s: it has %d records and %d choices, its head says %d and %d",
				&c.info, c.records, c.choices, c.info.Records, c.info.Choices)
		}
	}
}

// begin opens the block c.info.
func (c *cursor) begin() error {
	if c.info.damaged != nil {
		return c.info.damaged
	}
	kind, body, err := c.f.block(c.info.Offset, c.info.Size)
	if err != nil {
		return err
	}
	if kind != blockEntries {
		return errors.New("not a block of entries")
	}
	r := wire.Reader{Most: StringMax, Rest: body}
	head := readInfo(&r)
	head.Offset, head.Size, head.raw = c.info.Offset, c.info.Size, c.info.raw
	if r.Bad || head != c.info {
		return errors.New("its head is not what the index says")
	}
	c.dec.reset(r.Rest)
	c.records, c.choices = 0, 0
	return nil
}

// Entries gives what the trace holds from..to, both included, in the order it
// was made. A block that cannot be read is an error; whoever goes on gets the
// blocks after it.
func (t *Trace) Entries(from, to clock.Time) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		c := t.cursor(from, to, 0)
		for {
			e, err := c.next()
			if err == nil && e.Record == nil && e.Choice == nil {
				return
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// Records gives the records from..to, both included. A record is valid until
// the next one; [Clone] keeps it. Only the blocks of the range are read.
func (t *Trace) Records(from, to clock.Time) iter.Seq2[*des.Record, error] {
	return func(yield func(*des.Record, error) bool) {
		for e, err := range t.Entries(from, to) {
			if e.Record == nil && err == nil {
				continue
			}
			if !yield(e.Record, err) {
				return
			}
		}
	}
}

// Choices gives all choices, in the order they were made. A choice is valid
// until the next one.
func (t *Trace) Choices() iter.Seq2[*des.Choice, error] {
	return func(yield func(*des.Choice, error) bool) {
		c := t.cursor(allFrom, allTo, 0)
		c.blocks = slices.DeleteFunc(slices.Clone(c.blocks), func(b BlockInfo) bool { return b.damaged == nil && b.Choices == 0 })
		for {
			e, err := c.next()
			if err == nil && e.Record == nil && e.Choice == nil {
				return
			}
			if e.Record != nil {
				continue
			}
			if !yield(e.Choice, err) {
				return
			}
		}
	}
}
