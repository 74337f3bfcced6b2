package replay

import "example.com/dsim/des"

const (
	batchMost   = 512      // entries of a batch
	batchBytes  = 64 << 10 // and of their payloads, if one alone is not more
	batchesMost = 4        // batches that may wait to be encoded
	keptBytes   = 1 << 20  // of a batch's room for payloads, which is used again
)

// batch is entries as they were taken: what the thread of a run has to do for
// its trace is to put them here.
type batch struct {
	records []des.Record // Op 0: the next of the choices instead
	choices []des.Choice
	datas   []byte // of the records
}

// record takes a record and reports whether the batch is full.
func (b *batch) record(r *des.Record) bool {
	b.records = append(b.records, *r)
	if len(r.Data) > 0 {
		// Should datas move as it grows, the records before keep what they had.
		from := len(b.datas)
		b.datas = append(b.datas, r.Data...)
		b.records[len(b.records)-1].Data = b.datas[from:]
	}
	return len(b.records) >= batchMost || len(b.datas) >= batchBytes
}

// choice takes a choice and reports whether the batch is full.
func (b *batch) choice(c *des.Choice) bool {
	b.choices = append(b.choices, *c)
	b.records = append(b.records, des.Record{})
	return len(b.records) >= batchMost
}

// reset empties the batch. What the entries point to is let go as others take
// their place.
func (b *batch) reset() {
	b.records, b.choices, b.datas = b.records[:0], b.choices[:0], b.datas[:0]
	if cap(b.datas) > keptBytes {
		b.datas = nil
	}
}
