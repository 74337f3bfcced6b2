package journal

import (
	"bytes"
	"testing"

	"example.com/dsim/clock"
)

func FuzzReader(f *testing.F) {
	var m memory
	write(f, &m, things())
	f.Add(m.Bytes())
	f.Add(m.Bytes()[:m.Len()/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := NewReader(bytes.NewReader(b))
		if err != nil {
			return
		}
		var inputs uint64
		var last clock.Time
		for e, err := range r.Entries() {
			if err != nil {
				break
			}
			if e.Snapshot != nil {
				inputs = e.Snapshot.Inputs
				last = 0
			}
			if in := e.Input; in != nil {
				inputs++
				if in.At < last || e.Number != inputs {
					t.Fatalf("input %d of %s after %s", e.Number, in.At, last)
				}
				last = in.At
			}
		}
	})
}

// FuzzEntries gives any bytes to what reads a record, behind a right checksum,
// and writes again what was read.
func FuzzEntries(f *testing.F) {
	var m memory
	write(f, &m, things())
	r, err := NewReader(bytes.NewReader(m.Bytes()))
	if err != nil {
		f.Fatal(err)
	}
	for {
		kind, d, err := r.record()
		if err != nil {
			break
		}
		f.Add(kind, d.Rest)
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		var m memory
		w, err := NewWriter(&m, header())
		if err != nil {
			t.Fatal(err)
		}
		at := w.begin(kind)
		w.buf = append(w.buf, body...)
		w.end(at)
		_ = w.Flush()
		r, err := NewReader(bytes.NewReader(m.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		e, err := r.Next()
		if err != nil || e.Input == nil {
			return
		}
		first := keep(e)
		var again memory
		write(t, &again, []Entry{first})
		r, err = NewReader(bytes.NewReader(again.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		wantEntries(t, read(t, r), []Entry{first})
	})
}
