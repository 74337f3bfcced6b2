package wire_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"example.com/dsim/protocols/wire"
)

func Example() {
	type Segment struct {
		Kind    uint8
		Window  uint16
		Payload []byte
	}
	layout := wire.NewLayout("segment",
		wire.U8("kind", func(s *Segment) *uint8 { return &s.Kind }).Names("data", "ack"),
		wire.U16("window", func(s *Segment) *uint16 { return &s.Window }),
		wire.Rest("payload", 1500, func(s *Segment) *[]byte { return &s.Payload }),
		wire.CRC32[Segment]("crc"),
	)
	frame, err := layout.Append(nil, &Segment{Window: 512, Payload: []byte("hello")})
	fmt.Printf("%x %v\n", frame, err)

	var s Segment
	fmt.Println(layout.Decode(frame, &s), layout.Print(&s))
	frame[0] = 7
	fmt.Println(layout.Decode(frame, &s))
	// Output:
	// 00020068656c6c6f028f9fdb <nil>
	// <nil> segment kind=data window=512 payload=5:"hello"
	// segment: kind at byte 0: 0x7 is not a known value
}

// unhex reads bytes as they stand in specifications.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// both checks that bytes mean a value, and a value these bytes.
func both[T any](t *testing.T, l *wire.Layout[T], literal string, want T, line string) {
	t.Helper()
	frame := unhex(t, literal)
	var got T
	if err := l.Decode(frame, &got); err != nil {
		t.Fatalf("%s: %v", literal, err)
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(want), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (-want +got):\n%s", literal, d)
	}
	back, err := l.Append([]byte("kept"), &want)
	if err != nil || !bytes.Equal(back, append([]byte("kept"), frame...)) {
		t.Errorf("encoded %x, %v; want %x behind what was there", back, err, frame)
	}
	if p := l.Print(&want); p != line {
		t.Errorf("printed %q, want %q", p, line)
	}
}

// The header bytes were seen between two DECnet nodes: a connect initiate of
// node 1.1 to node 1.2.
func TestDECnetShortHeader(t *testing.T) {
	both(t, short, "0a 02 04 01 04 00 68 69",
		header{ReturnRequested: true, DestinationArea: 1, Destination: 2, SourceArea: 1, Source: 1, Segment: []byte("hi")},
		`short rqr=1 rts=0 destination=2 area=1 source=1 area=1 visits=0 segment=2:"hi"`)
}

func TestPaddedFrame(t *testing.T) {
	both(t, onLAN, "ab0000030000 aa0004000104 6003 0300 050104"+strings.Repeat("42", 41),
		lan{[6]byte{0xab, 0, 0, 3}, [6]byte{0xaa, 0, 4, 0, 1, 4}, []byte{5, 1, 4}},
		"lan destination=ab0000030000 source=aa0004000104 message=3:050104")
}

func TestEveryField(t *testing.T) {
	both(t, all, "03 0001 beef 000102 78563412 0102030405060708 8004 0000 00 0161 7f000001 00ff bd118720 f89d",
		every{3, 0x100, 0xbeef, 258, 0x12345678, 0x0102030405060708, 2, true, []byte("a"), [4]byte{127, 0, 0, 1}, []byte{0, 255}},
		`every byte=3 kind=many three=258 long=0x12345678 huge=72623859790382856 mode=fast on=1 name=1:"a" address=7f000001 body=2:00ff`)
}

func TestErrorsSayWhereAndWhat(t *testing.T) {
	good := "03 0001 beef 000102 78563412 0102030405060708 8004 0000 00 0161 7f000001 00ff bd118720 f89d"
	for _, c := range []struct {
		at   int
		to   string
		want wire.Error
		says string
	}{
		{0, "02", wire.Error{Layout: "every", Field: "byte", Offset: 0, Problem: wire.OutOfRange, Got: 2, Want: 3}, "every: byte at byte 0: 2 is out of range, the nearest allowed is 3"},
		{0, "c9", wire.Error{Layout: "every", Field: "byte", Offset: 0, Problem: wire.OutOfRange, Got: 201, Want: 200}, ""},
		{1, "02", wire.Error{Layout: "every", Field: "kind", Offset: 1, Problem: wire.NotNamed, Got: 0x102}, "every: kind at byte 1: 0x102 is not a known value"},
		{3, "00", wire.Error{Layout: "every", Field: "word", Offset: 3, Problem: wire.WrongConstant, Got: 0xef, Want: 0xbeef}, "every: word at byte 3: 0xef, want 0xbeef"},
		{21, "00", wire.Error{Layout: "every", Field: "bits", Offset: 20, Problem: wire.NotNamed}, ""},
		{24, "09", wire.Error{Layout: "every", Field: "zero", Offset: 24, Problem: wire.NotZero, Got: 9}, "every: zero at byte 24: 0x9 in reserved bits, want 0"},
		{25, "15", wire.Error{Layout: "every", Field: "name", Offset: 25, Problem: wire.TooLong, Got: 21, Want: 20}, "every: name at byte 25: 21 bytes, want at most 20"},
		{25, "14", wire.Error{Layout: "every", Field: "name", Offset: 25, Problem: wire.TooShort, Got: 14, Want: 21}, "every: name at byte 25: 14 bytes, want at least 21"},
		{25, "04", wire.Error{Layout: "every", Field: "body", Offset: 34, Problem: wire.TooShort, Got: 5, Want: 6}, ""},
		{31, "01", wire.Error{Layout: "every", Field: "crc", Offset: 33, Problem: wire.BadChecksum}, ""},
	} {
		frame := unhex(t, good)
		copy(frame[c.at:], unhex(t, c.to))
		var e every
		err := all.Decode(frame, &e)
		var got *wire.Error
		if !errors.As(err, &got) {
			t.Fatalf("byte %d %s: %v", c.at, c.to, err)
		}
		if got.Problem == wire.BadChecksum {
			got.Got, got.Want = 0, 0
		}
		if *got != c.want || c.says != "" && got.Error() != c.says {
			t.Errorf("byte %d %s: %v (%+v), want %+v", c.at, c.to, got, *got, c.want)
		}
	}
	var l lan
	for n, want := range map[int]string{
		5:    "lan: destination at byte 0: 5 bytes, want at least 6",
		15:   "lan: message at byte 14: 1 bytes, want at least 2",
		59:   "lan: padding at byte 19: 59 bytes, want at least 60",
		1515: "lan: padding at byte 19: 1515 bytes, want at most 1514",
	} {
		frame := make([]byte, 1515)
		copy(frame, unhex(t, "ab0000030000 aa0004000104 6003 0300 050104"))
		if err := onLAN.Decode(frame[:n], &l); err == nil || err.Error() != want {
			t.Errorf("%d bytes: %v, want %s", n, err, want)
		}
	}
	if err := short.Decode(unhex(t, "8a 0204 0104 00"), new(header)); err == nil || !strings.Contains(err.Error(), "flags at byte 0: 0x80 in reserved bits") {
		t.Errorf("strict word: %v", err)
	}
}

func TestAppendRefusesWhatCannotBeSent(t *testing.T) {
	ok := every{3, 1, 0, 0, 0, 0, 1, false, nil, [4]byte{}, []byte{1}}
	if _, err := all.Append(nil, &ok); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		spoil func(*every)
		want  string
	}{
		{func(e *every) { e.Byte = 0 }, "every: byte at byte 0: 0 is out of range, the nearest allowed is 3"},
		{func(e *every) { e.Kind = 0 }, "every: kind at byte 1: 0x0 is not a known value"},
		{func(e *every) { e.Three = 1 << 24 }, "every: three at byte 5: 16777216 does not fit, want at most 16777215"},
		{func(e *every) { e.Mode = 17 }, "every: bits at byte 20: 17 does not fit, want at most 15"},
		{func(e *every) { e.Name = make([]byte, 21) }, "every: name at byte 25: 21 bytes, want at most 20"},
		{func(e *every) { e.Body = nil }, "every: body at byte 30: 0 bytes, want at least 1"},
	} {
		e := ok
		c.spoil(&e)
		b, err := all.Append([]byte("kept"), &e)
		if err == nil || err.Error() != c.want || string(b) != "kept" {
			t.Errorf("%v and %q, want %s", err, b, c.want)
		}
	}
}

func TestDecodePrefixGivesTheRest(t *testing.T) {
	var v struct{ A uint8 }
	l := wire.NewLayout("one", wire.U8("a", func(s *struct{ A uint8 }) *uint8 { return &s.A }))
	rest, err := l.DecodePrefix([]byte{1, 2, 3}, &v)
	if err != nil || v.A != 1 || !bytes.Equal(rest, []byte{2, 3}) {
		t.Errorf("%v, %x, %v", v, rest, err)
	}
	if err := l.Decode([]byte{1, 2, 3}, &v); err == nil || err.Error() != "one at byte 1: 3 bytes, want at most 1" {
		t.Errorf("whole: %v", err)
	}
}

func TestLayoutsThatContradictThemselvesPanic(t *testing.T) {
	type s struct {
		A uint8
		B []byte
	}
	a := func(v *s) *uint8 { return &v.A }
	b := func(v *s) *[]byte { return &v.B }
	for name, f := range map[string]func(){
		"two rests":        func() { wire.NewLayout("x", wire.Rest("a", 9, b), wire.Rest("b", 9, b)) },
		"rest, counted":    func() { wire.NewLayout("x", wire.Rest("a", 9, b), wire.Counted("b", 1, 9, b)) },
		"part alone":       func() { wire.NewLayout[s]("x", wire.Part("a", 0, 3, a)) },
		"parts overlap":    func() { wire.Bits("w", 1, wire.Part("a", 0, 3, a), wire.Part("b", 2, 3, a)) },
		"part outside":     func() { wire.Bits("w", 1, wire.Part("a", 6, 3, a)) },
		"whole as a part":  func() { wire.Bits("w", 1, wire.U8("a", a)) },
		"count too small":  func() { wire.Counted("b", 1, 256, b) },
		"constant too big": func() { wire.U8("a", a).Const(256) },
		"name too big":     func() { wire.U8("a", a).Enum(wire.Named{Value: 256, Name: "x"}) },
		"min over max":     func() { wire.Rest("b", 3, b).Min(4) },
		"giant":            func() { wire.NewLayout("x", wire.Counted("b", 4, 1<<30, b)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func draws(t *rapid.T) wire.Draw {
	return func(n uint64) uint64 {
		if n == 0 {
			return rapid.Uint64().Draw(t, "any")
		}
		return rapid.Uint64Range(0, n-1).Draw(t, "below")
	}
}

// Law: what Generate gives can be encoded, and comes back the same; its size is
// within the layout's.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		roundTrip(t, all, draws(t))
		roundTrip(t, short, draws(t))
		roundTrip(t, onLAN, draws(t))
	})
}

func roundTrip[T any](t *rapid.T, l *wire.Layout[T], draw wire.Draw) {
	var v, back T
	l.Generate(draw, &v)
	frame, err := l.Append(nil, &v)
	if err != nil {
		t.Fatal(err)
	}
	least, most := l.Size()
	if len(frame) < least || len(frame) > most {
		t.Fatalf("%s: %d bytes, layout says %d to %d", l.Name(), len(frame), least, most)
	}
	if err := l.Decode(frame, &back); err != nil {
		t.Fatalf("%v: %x", err, frame)
	}
	if d := cmp.Diff(v, back, cmpopts.EquateEmpty()); d != "" {
		t.Fatal(d)
	}
	again, err := l.Append(nil, &back)
	if err != nil || !bytes.Equal(again, frame) {
		t.Fatalf("%x, then %x, %v", frame, again, err)
	}
}

// Law: a corruption changes the frame, leaves the original alone and never
// makes Decode panic; mended ones get past the checksums.
func TestCorruptionsReachEveryProblem(t *testing.T) {
	x := uint64(1)
	draw := func(n uint64) uint64 { // xorshift: enough for a test
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		if n == 0 {
			return x
		}
		return x % n
	}
	seen := map[wire.Problem]int{}
	for range 5000 {
		var v, back every
		all.Generate(draw, &v)
		frame, err := all.Append(nil, &v)
		if err != nil {
			t.Fatal(err)
		}
		was := bytes.Clone(frame)
		bad, what := all.Corrupt(draw, frame)
		if !bytes.Equal(frame, was) || what == "" {
			t.Fatalf("%s: the original changed", what)
		}
		if err := all.Decode(bad, &back); err != nil {
			var e *wire.Error
			errors.As(err, &e)
			seen[e.Problem]++
		} else {
			seen[0]++
		}
	}
	for _, p := range []wire.Problem{0, wire.TooShort, wire.TooLong, wire.WrongConstant, wire.NotZero, wire.NotNamed, wire.OutOfRange, wire.BadChecksum} {
		if seen[p] == 0 {
			t.Errorf("problem %d never came up: %v", p, seen)
		}
	}
}

func TestDecodeAndAppendDoNotAllocate(t *testing.T) {
	var v, back every
	v = every{3, 1, 0, 0, 0, 0, 1, false, []byte("name"), [4]byte{}, []byte{1, 2, 3}}
	frame, err := all.Append(nil, &v)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]byte, 0, 200)
	if n := testing.AllocsPerRun(100, func() {
		if all.Decode(frame, &back) != nil {
			t.Fatal("decode")
		}
		if _, err := all.Append(dst, &v); err != nil {
			t.Fatal("append")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if &back.Body[0] != &frame[len(frame)-9] {
		t.Error("decoded bytes do not alias the frame")
	}
}

// Decode takes any bytes; what it accepts can be sent again, and means the same.
func FuzzDecode(f *testing.F) {
	f.Add(unhex(f, "0a020401040068 69"))
	f.Add(unhex(f, "030001beef000102785634120102030405060708800400000001617f00000100ffbd118720f89d"))
	f.Fuzz(func(t *testing.T, b []byte) {
		fuzzOne(t, all, b)
		fuzzOne(t, short, b)
		fuzzOne(t, onLAN, b)
	})
}

func fuzzOne[T any](t *testing.T, l *wire.Layout[T], b []byte) {
	var v, back T
	if l.Decode(b, &v) != nil {
		return
	}
	l.Print(&v)
	frame, err := l.Append(nil, &v)
	if err != nil {
		t.Fatalf("%s: decoded, but %v", l.Name(), err)
	}
	if err := l.Decode(frame, &back); err != nil || !cmp.Equal(v, back, cmpopts.EquateEmpty()) {
		t.Fatalf("%s: %+v, then %+v, %v", l.Name(), v, back, err)
	}
}

func BenchmarkDecode(b *testing.B) {
	v, back := every{3, 1, 0, 0, 0, 0, 1, false, []byte("name"), [4]byte{}, []byte{1, 2, 3}}, every{}
	frame, err := all.Append(nil, &v)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := all.Decode(frame, &back); err != nil {
			b.Fatal(err)
		}
	}
}
