package wire

import "fmt"

// Span is where a field lies in a frame.
type Span struct {
	Field      string
	Start, End int
}

// Spans tells where the fields of a frame lie, up to the first that cannot be
// decoded.
func (l *Layout[T]) Spans(frame []byte) []Span {
	spans, t, off := []Span(nil), new(T), 0
	for _, f := range l.fields {
		next, bad := f.decode(frame, off, t)
		if bad.bad() {
			break
		}
		spans = append(spans, Span{f.label(), off, next})
		off = next
	}
	return spans
}

// Corrupt gives a damaged copy of a frame that can be decoded, and says what
// was done to it: a field cut, set to an edge or changed by one or by a bit,
// bytes too many, in half of the cases with the checksums computed anew, so
// that the damage reaches what lies behind them. A few copies are still legal.
func (l *Layout[T]) Corrupt(draw Draw, frame []byte) (bad []byte, what string) {
	spans := l.Spans(frame)
	bad = append([]byte(nil), frame...)
	if len(spans) == 0 || draw(8) == 0 {
		n := 1 + draw(8)
		for range n {
			bad = append(bad, byte(draw(256)))
		}
		return bad, fmt.Sprintf("%d bytes appended", n)
	}
	s := spans[draw(uint64(len(spans)))]
	if s.Start == s.End || draw(4) == 0 {
		cut := s.Start + int(draw(uint64(s.End-s.Start)+1))
		return bad[:cut], fmt.Sprintf("cut in %s, after %d bytes", s.Field, cut)
	}
	field := bad[s.Start:s.End]
	switch draw(5) {
	case 0:
		what = "set to zeros"
		clear(field)
	case 1:
		what = "set to ones"
		for i := range field {
			field[i] = 0xff
		}
	case 2:
		i := draw(uint64(len(field)))
		field[i]++
		what = fmt.Sprintf("byte %d one more", i)
	case 3:
		i := draw(uint64(len(field)))
		field[i]--
		what = fmt.Sprintf("byte %d one less", i)
	case 4:
		bit := draw(uint64(len(field)) * 8)
		field[bit/8] ^= 1 << (bit % 8)
		what = fmt.Sprintf("bit %d flipped", bit)
	}
	what = s.Field + " " + what
	if draw(2) == 0 && l.mend(bad, spans) {
		what += ", checksums mended"
	}
	return bad, what
}

// mend computes the checksums of a frame anew, and reports whether it has any.
func (l *Layout[T]) mend(frame []byte, spans []Span) bool {
	mended := false
	for i, f := range l.fields[:len(spans)] {
		if c, ok := f.(*Checksum[T]); ok {
			_, _ = c.append(frame[:spans[i].Start:len(frame)], 0, nil)
			mended = true
		}
	}
	return mended
}
