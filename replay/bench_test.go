package replay

import (
	"bytes"
	"io"
	"testing"
)

func BenchmarkWrite(b *testing.B) {
	recs, chos := collect(1000)
	for _, l := range []Level{Choices, Events} {
		b.Run(l.String(), func(b *testing.B) {
			b.ReportAllocs()
			w, err := NewWriter(io.Discard, Header{Level: l})
			if err != nil {
				b.Fatal(err)
			}
			i := 0
			for b.Loop() {
				w.Record(&recs[i%len(recs)])
				if i%16 == 0 {
					w.Choose(&chos[i/16%len(chos)])
				}
				i++
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	tr, err := OpenReader(bytes.NewReader(synthTrace(b, Events, 20_000, 0)), int64(len(synthTrace(b, Events, 20_000, 0))))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for r, err := range tr.Records(allFrom, allTo) {
			if err != nil || r == nil {
				b.Fatal(err)
			}
			n++
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/record")
}
