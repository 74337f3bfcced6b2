package replay

import (
	"bytes"
	"io"
	"runtime"
	"testing"

	"example.com/dsim/des"
	"example.com/dsim/replay/internal/wire"
)

func TestHostileFramesTakeLittleMemory(t *testing.T) {
	// A frame that says it holds 2 GiB, and one of a single repeated byte.
	huge := []byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0x03, 0, 0, 0}
	if _, err := OpenBytes(huge); err == nil {
		t.Error("opened")
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _ = OpenBytes(huge)
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc
	if allocated > 2*BlockMax {
		t.Errorf("%d bytes were taken to refuse a frame", allocated)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(synthTrace(f, Events, 5, 10))
	f.Add(synthTrace(f, Choices, 12, 0))
	b := synthTrace(f, Events, 5, 10)
	f.Add(b[:len(b)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		tr, err := OpenBytes(b)
		if err != nil {
			return
		}
		defer tr.Close()
		_ = tr.Verify()
		var n uint64
		for e, err := range tr.Entries(allFrom, allTo) {
			if err == nil && e.Record != nil {
				n++
				_ = e.Record.Op.String()
			}
		}
		if s, ok := tr.Summary(); ok && tr.Verify() == nil && s.Records != n {
			t.Errorf("%d records, its end says %d", n, s.Records)
		}
		_ = WriteJSONL(io.Discard, tr, allFrom, allTo)
		_, _ = WritePcapng(io.Discard, tr, PcapOptions{})
	})
}

// FuzzEntries gives the decoder of a block's entries any bytes.
func FuzzEntries(f *testing.F) {
	var e encoder
	e.reset()
	recs, chos := collect(3)
	for i := range recs {
		e.record(&recs[i])
	}
	e.choice(&chos[0])
	f.Add(bytes.Clone(e.b))
	f.Fuzz(func(t *testing.T, b []byte) {
		var d decoder
		d.reset(b)
		var r des.Record
		var c des.Choice
		var again encoder
		again.reset()
		for {
			rec, cho := d.next(&r, &c)
			if !rec && !cho {
				return
			}
			if rec {
				again.record(&r)
			} else {
				again.choice(&c)
			}
		}
	})
}

// FuzzBodies gives the readers of all other blocks any bytes.
func FuzzBodies(f *testing.F) {
	h := testHeader(Events)
	f.Add(appendHeader(nil, &h))
	s := testSummary()
	f.Add(appendSummary(make([]byte, 37), &s))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := parseHeader(b); err == nil {
			if len(h.Info) > mapMax || len(h.Set) > mapMax {
				t.Errorf("%d and %d entries", len(h.Info), len(h.Set))
			}
		}
		var tr Trace
		_ = tr.parseEnd(b)
		r := wire.Reader{Most: StringMax, Rest: b}
		for len(r.Rest) > 0 {
			readInfo(&r)
		}
	})
}
