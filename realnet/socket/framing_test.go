//go:build linux || darwin

package socket

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"
)

// cutReader gives a stream in pieces of the sizes that the first bytes say.
type cutReader struct {
	sizes, rest []byte
}

func (r *cutReader) Read(b []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := len(r.rest)
	if len(r.sizes) > 0 {
		n = min(n, int(r.sizes[0])+1)
		r.sizes = r.sizes[1:]
	}
	n = copy(b, r.rest[:n])
	r.rest = r.rest[n:]
	return n, nil
}

// FuzzFraming: a stream of any bytes, cut anywhere, gives the frames that a plain
// reading of it gives, and one error, counted if it is a violation.
func FuzzFraming(f *testing.F) {
	f.Add([]byte{}, []byte{0, 0, 0, 2, 'o', 'k', 0, 0, 0, 0, 0, 0, 0, 1, 'x'})
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0}, []byte{0, 0, 0, 2, 'o', 'k', 0, 0, 0, 3, 'e'})
	f.Add([]byte{3}, []byte{0, 0, 0, 1, 'x', 0, 0x10, 0, 1, 'y'})
	f.Add([]byte{5, 9}, []byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, sizes, bytesIn []byte) {
		h := &ear{}
		w := newStreams(Config{Kind: "unix-stream", Mode: "server"}, h)
		err := w.read(&cutReader{sizes, bytesIn})
		want, violated := plainly(bytesIn)
		got := h.heard()
		if err == nil || len(got) != len(want) || (w.Counters().BadFrames == 1) != violated {
			t.Fatalf("%d frames, want %d; %v, violated %v", len(got), len(want), err, violated)
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("frame %d: % x, want % x", i, got[i], want[i])
			}
		}
	})
}

// plainly reads a whole stream at once.
func plainly(b []byte) (frames [][]byte, violated bool) {
	for len(b) >= headerSize {
		n := int64(binary.BigEndian.Uint32(b))
		if n > FrameMax {
			return frames, true
		}
		if int64(len(b)) < headerSize+n {
			break
		}
		frames = append(frames, b[headerSize:headerSize+n])
		b = b[headerSize+n:]
	}
	return frames, false
}

// TestRing: bytes come out in the order they went in, through growth and wrap.
func TestRing(t *testing.T) {
	var r ring
	var in, out []byte
	state := uint32(7)
	for len(in) < 1<<20 {
		state = state*1664525 + 1013904223
		b := make([]byte, state>>8%3000)
		for i := range b {
			b[i] = byte(len(in) + i)
		}
		if r.n+len(b) <= 20000 {
			held := r.front()
			kept := bytes.Clone(held)
			r.put(b)
			in = append(in, b...)
			if !bytes.Equal(held, kept) {
				t.Fatal("what is being written was overwritten")
			}
		}
		f := r.front()
		n := int(state>>4) % (len(f) + 1)
		out = append(out, f[:n]...)
		r.drop(n)
	}
	for r.n > 0 {
		out = append(out, r.front()...)
		r.drop(len(r.front()))
	}
	if !bytes.Equal(in, out) || len(r.buf) > 64<<10 {
		t.Fatalf("%d bytes in, %d out, %d kept", len(in), len(out), len(r.buf))
	}
}
