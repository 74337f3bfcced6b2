package xmlrpc

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

// FuzzCall holds that no body breaks a server's reader, and that what it
// understood can be written and means the same.
func FuzzCall(f *testing.F) {
	f.Add([]byte(specCall))
	f.Fuzz(func(t *testing.T, body []byte) {
		name, args, err := ParseCall(body, Limits{Bytes: 1 << 16, Elements: 4096})
		if err != nil {
			if !errors.As(err, new(*Fault)) {
				t.Fatalf("an error that is no fault: %v", err)
			}
			return
		}
		b, err := AppendCall(nil, name, args...)
		if err != nil {
			if beyond(args) {
				return
			}
			t.Fatalf("%v cannot be written: %v", args, err)
		}
		again, back, err := ParseCall(b, Limits{})
		if err != nil || again != name || !reflect.DeepEqual(back, args) {
			t.Fatalf("%s %#v came back as %s %#v, %v", name, args, again, back, err)
		}
	})
}

// FuzzResult is the same for a client's reader.
func FuzzResult(f *testing.F) {
	f.Add([]byte(specFault))
	f.Add(result("<struct><member><name>a</name><value><double>1e-5</double></value></member></struct>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		v, err := ParseResult(body, Limits{Bytes: 1 << 16, Elements: 4096})
		var fault *Fault
		switch {
		case errors.As(err, &fault):
			if _, err := ParseResult(AppendFault(nil, fault), Limits{}); err == nil || err.Error() != fault.Error() {
				t.Fatalf("fault %q came back as %q", fault, err)
			}
		case err == nil:
			b, err := AppendResult(nil, v)
			if err != nil {
				if beyond(v) {
					return
				}
				t.Fatalf("%#v cannot be written: %v", v, err)
			}
			back, err := ParseResult(b, Limits{})
			if err != nil || !reflect.DeepEqual(back, v) {
				t.Fatalf("%#v came back as %#v, %v", v, back, err)
			}
		}
	})
}

// FuzzAnswer holds that a server answers any body with a body that a client
// understands.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(specCall))
	s := testServer()
	f.Fuzz(func(t *testing.T, body []byte) {
		out := s.Answer(t.Context(), body)
		if _, err := ParseResult(out, Limits{}); err != nil && !errors.As(err, new(*Fault)) {
			t.Fatalf("%v: %s", err, out)
		}
		if !bytes.HasPrefix(out, []byte(header)) {
			t.Fatalf("no answer: %s", out)
		}
	})
}

// beyond reports whether a value holds what is read and never written: integers
// of 64 bits, and times of the year 0 or moved out of range by their zone.
func beyond(v any) bool {
	switch v := v.(type) {
	case int64:
		return v != int64(int32(v))
	case Array:
		for _, x := range v {
			if beyond(x) {
				return true
			}
		}
	case Struct:
		for _, x := range v {
			if beyond(x) {
				return true
			}
		}
	case interface{ Year() int }:
		return v.Year() < 1 || v.Year() > 9999
	}
	return false
}
