package replay

import (
	"crypto/sha256"
	"encoding/hex"
	"io"

	seekable "github.com/SaveTheRbtz/zstd-seekable-format-go/pkg"
)

// Verify reads the whole trace and says the first thing that is wrong with it:
// what opening found, a block that cannot be read, counts that do not add up, a
// hash or a seek table that is not that of the blocks. A trace without an end
// is damaged by that alone.
func (t *Trace) Verify() error {
	if t.damage != nil {
		return t.damage
	}
	h := sha256.New()
	var canon []byte
	var records, choices uint64
	c := t.cursor(allFrom, allTo, 0)
	for {
		e, err := c.next()
		switch {
		case err != nil:
			return err
		case e.Record != nil:
			if e.Number != records {
				return t.errorf("%s: record %d follows record %d", &c.info, e.Number, int64(records)-1)
			}
			records++
			canon = appendCanonical(canon[:0], e.Record)
		case e.Choice != nil:
			if e.Number != choices {
				return t.errorf("%s: choice %d follows choice %d", &c.info, e.Number, int64(choices)-1)
			}
			choices++
			canon = appendCanonicalChoice(canon[:0], e.Choice)
		default:
			if records != t.total.records || choices != t.total.choices {
				return t.errorf("%d records and %d choices: its end says %d and %d", records, choices, t.total.records, t.total.choices)
			}
			if got := hex.EncodeToString(h.Sum(nil)); got != t.total.hash {
				return t.errorf("hash of the records is %s: its end says %s", got, t.total.hash)
			}
			return t.verifyTable()
		}
		h.Write(canon)
	}
}

// verifyTable reads the file as any reader of the seekable format would, which
// checks what the seek table says of sizes and contents.
func (t *Trace) verifyTable() error {
	r, err := seekable.NewReader(io.NewSectionReader(t.r, 0, t.size), t.dec)
	if err == nil {
		_, err = io.Copy(io.Discard, r)
		if e := r.Close(); err == nil {
			err = e
		}
	}
	if err != nil {
		return t.errorf("seek table: %w", err)
	}
	return nil
}
