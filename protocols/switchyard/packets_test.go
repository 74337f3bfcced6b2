package switchyard

import (
	"slices"
	"testing"
)

func TestPacketsAreFoundHoweverTheyAreCut(t *testing.T) {
	var b []byte
	for _, m := range []Message{
		{Type: TypeHello, Payload: []byte(`{}`)},
		{Type: TypePacketOut, Endpoint: 1, Payload: []byte("one")},
		{Type: TypePacketIn, Endpoint: 1, Payload: nil},
		{Type: TypeError, Payload: []byte(`{"error": "x"}`)},
		{Type: TypeMirror, Endpoint: 2, Payload: []byte("two")},
	} {
		b = m.Append(b)
	}
	want := []string{"one", "", "two"}
	for _, size := range []int{1, 3, len(b)} {
		p := NewPackets()
		var got []string
		for chunk := range slices.Chunk(b, size) {
			p.Packets(chunk, func(frame []byte) { got = append(got, string(frame)) })
		}
		if !slices.Equal(got, want) {
			t.Errorf("in chunks of %d: %q, want %q", size, got, want)
		}
	}
	for _, bad := range [][]byte{{0, 0, 0, 3}, {0xff, 0xff, 0xff, 0xff}, {0, 0, 0, 12, 0, 9, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}} {
		p := NewPackets()
		p.Packets(bad, func([]byte) { t.Error("a packet") })
		p.Packets(b, func([]byte) { t.Errorf("a packet behind %x", bad) })
	}
}
