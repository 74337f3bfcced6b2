package stream_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"example.com/dsim/protocols/stream"
)

func Example() {
	split := stream.NewSplitter(stream.Prefix32(1000))
	for _, chunk := range []string{"\x00\x00", "\x00\x05hel", "lo\x00\x00\x00\x02hi\x00"} {
		split.Feed([]byte(chunk))
		for frame, ok := split.Next(); ok; frame, ok = split.Next() {
			fmt.Printf("%s\n", frame)
		}
	}
	fmt.Println(split.Pending(), "byte of the next")
	// Output:
	// hello
	// hi
	// 1 byte of the next
}

// station is SchemeStation's framing: a 16-byte destination and a length, and
// behind a length of 0 four bytes of control.
var station = stream.Sized(20, 1000, func(h []byte) int64 {
	if n := int64(binary.BigEndian.Uint32(h[16:])); n > 0 {
		return 20 + n
	}
	return 24
})

var framings = map[string]stream.Framing{
	"prefix32":  stream.Prefix32(300),
	"prefix16":  stream.Prefix16(300),
	"station":   station,
	"delimited": stream.Delimited(0, 300),
	"lines":     stream.Lines(300),
}

var names = []string{"prefix32", "prefix16", "station", "delimited", "lines"}

// collect feeds the chunks and copies what comes out.
func collect(s *stream.Splitter, chunks ...[]byte) (frames [][]byte) {
	for _, c := range chunks {
		given := bytes.Clone(c)
		s.Feed(given)
		for f, ok := s.Next(); ok; f, ok = s.Next() {
			frames = append(frames, bytes.Clone(f))
		}
		for i := range given { // what was handed over is no longer valid
			given[i] = 0xdb
		}
	}
	return frames
}

func equal(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }

func TestLiteralStreams(t *testing.T) {
	to := "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02"
	for _, c := range []struct {
		framing, in string
		want        []string
		problem     stream.Problem
		pending     int
	}{
		{"prefix32", "\x00\x00\x00\x00\x00\x00\x00\x01a", []string{"", "a"}, 0, 0},
		{"prefix32", "\x00\x00\x00\x02a", nil, 0, 5},
		{"prefix32", "\x00\x00\x01\x2d", nil, stream.TooLong, 0},
		{"prefix32", "\x00\x00\x00\x01a\xff\xff\xff\xff", []string{"a"}, stream.TooLong, 0},
		{"prefix16", "\x00\x02hi\x00\x00", []string{"hi", ""}, 0, 0},
		{"station", to + "\x00\x00\x00\x02hi" + to + "\x00\x00\x00\x00\x00\x01\x00\x00", []string{to + "\x00\x00\x00\x02hi", to + "\x00\x00\x00\x00\x00\x01\x00\x00"}, 0, 0},
		{"station", to + "\x00\x00\x03\xd5", nil, stream.TooLong, 0},
		{"delimited", "a\x00\x00b\x00c", []string{"a", "", "b"}, 0, 1},
		{"lines", "a\r\n\nb\rc\n\r\n", []string{"a", "", "b\rc", ""}, 0, 0},
	} {
		s := stream.NewSplitter(framings[c.framing])
		var got []string
		for _, f := range collect(s, []byte(c.in)) {
			got = append(got, string(f))
		}
		var problem stream.Problem
		if e := (*stream.Error)(nil); errors.As(s.Err(), &e) {
			problem = e.Problem
		}
		if !slices.Equal(got, c.want) || problem != c.problem || s.Pending() != c.pending {
			t.Errorf("%s %q: %q, %v, %d pending; want %q, %v, %d", c.framing, c.in, got, s.Err(), s.Pending(), c.want, c.problem, c.pending)
		}
	}
}

func TestBounds(t *testing.T) {
	body := bytes.Repeat([]byte("x"), 301)
	for _, name := range []string{"prefix32", "prefix16", "delimited", "lines"} {
		f := framings[name]
		atMost, err := f.Append(nil, body[:300])
		if err != nil {
			t.Fatal(err)
		}
		if s := stream.NewSplitter(f); len(collect(s, atMost)) != 1 || s.Err() != nil {
			t.Errorf("%s: a frame of the greatest size did not pass: %v", name, s.Err())
		}
		if _, err := f.Append(nil, body); err == nil || err.Error() != "frame of 301 bytes: at most 300 are allowed" {
			t.Errorf("%s: one byte more was framed: %v", name, err)
		}
	}
	// Without a delimiter in sight the line ends the stream at its bound, not
	// when memory does.
	s := stream.NewSplitter(stream.Lines(300))
	for range 301 {
		collect(s, []byte("x"))
	}
	if s.Err() != nil {
		t.Errorf("301 bytes may still be a line and a carriage return: %v", s.Err())
	}
	collect(s, []byte("x"))
	if s.Err() == nil {
		t.Error("302 bytes without an end are too long")
	}
	collect(s, []byte("\nlater\n"))
	if got := collect(s, []byte("later\n")); got != nil {
		t.Errorf("after an error came %q", got)
	}
	s.Reset()
	if got := collect(s, []byte("again\n")); !equal(got, [][]byte{[]byte("again")}) {
		t.Errorf("after Reset came %q", got)
	}
}

// Law: however a stream is cut, the same frames come out of it, the same error
// and the same remainder.
func TestAnyCutGivesTheSameFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := framings[rapid.SampledFrom(names).Draw(t, "framing")]
		var in []byte
		for range rapid.IntRange(0, 5).Draw(t, "frames") {
			frame := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "frame")
			if next, err := f.Append(in, frame); err == nil {
				in = next
			}
		}
		in = append(in, rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(t, "rest")...)
		whole := stream.NewSplitter(f)
		want := collect(whole, in)

		cut := stream.NewSplitter(f)
		var got [][]byte
		for rest := in; len(rest) > 0; {
			n := rapid.IntRange(0, min(len(rest), 9)).Draw(t, "cut")
			if n == 0 {
				got = append(got, collect(cut, nil)...)
				n = 1
			}
			got = append(got, collect(cut, rest[:n])...)
			rest = rest[n:]
		}
		if !equal(got, want) {
			t.Fatalf("cut: %q, whole: %q", got, want)
		}
		if (cut.Err() == nil) != (whole.Err() == nil) {
			t.Fatalf("cut: %v, whole: %v", cut.Err(), whole.Err())
		}
		if cut.Err() == nil && cut.Pending() != whole.Pending() {
			t.Fatalf("cut: %d pending, whole: %d", cut.Pending(), whole.Pending())
		}
	})
}

// Law: frames that were framed come out as they went in.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := framings[rapid.SampledFrom(names).Draw(t, "framing")]
		var in []byte
		var want [][]byte
		for range rapid.IntRange(0, 8).Draw(t, "frames") {
			frame := rapid.SliceOfN(rapid.Byte(), 0, 301).Draw(t, "frame")
			if next, err := f.Append(in, frame); err == nil {
				in, want = next, append(want, frame)
			} else if !bytes.Equal(next, in) {
				t.Fatal("an error left something behind")
			}
		}
		s := stream.NewSplitter(f)
		if got := collect(s, in); !equal(got, want) || s.Err() != nil || s.Pending() != 0 {
			t.Fatalf("%q, %v, %d pending; want %q", got, s.Err(), s.Pending(), want)
		}
	})
}

func TestFeedingTooEarlyPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	s := stream.NewSplitter(stream.Lines(10))
	s.Feed([]byte("a\nb\n"))
	s.Next()
	s.Feed([]byte("c\n"))
}

func TestNoAllocationInTheLongRun(t *testing.T) {
	f := stream.Prefix32(1000)
	var in []byte
	for range 20 {
		in, _ = f.Append(in, make([]byte, 100))
	}
	s := stream.NewSplitter(f)
	frames := 0
	if n := testing.AllocsPerRun(50, func() {
		for rest := in; len(rest) > 0; {
			n := min(len(rest), 77)
			s.Feed(rest[:n])
			for _, ok := s.Next(); ok; _, ok = s.Next() {
				frames++
			}
			rest = rest[n:]
		}
	}); n != 0 || frames != 51*20 {
		t.Errorf("%v allocations, %d frames", n, frames)
	}
}

// A frame that is announced long but does not come costs no memory.
func TestAnnouncedLengthIsNotReserved(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	collect(stream.NewSplitter(stream.Prefix32(stream.FrameMax)), []byte("\x3f\xff\xff\xff"))
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes for four", n)
	}
}

// Any bytes, cut once anywhere: no panic, and the same frames as uncut.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x05hello\x00\x00"), uint8(7))
	f.Add([]byte("a\r\nb\n\r"), uint8(2))
	f.Fuzz(func(t *testing.T, in []byte, at uint8) {
		cut := min(int(at), len(in))
		for _, name := range names {
			whole, parts := stream.NewSplitter(framings[name]), stream.NewSplitter(framings[name])
			want, got := collect(whole, in), collect(parts, in[:cut], in[cut:])
			if !equal(want, got) || (whole.Err() == nil) != (parts.Err() == nil) {
				t.Fatalf("%s: whole %q %v, cut %q %v", name, want, whole.Err(), got, parts.Err())
			}
		}
	})
}
