package cells

import (
	"bytes"
	"testing"
)

func TestFramesAreReusedAndCounted(t *testing.T) {
	var s Frames
	a, b := s.Copy([]byte("first")), s.New(3000)
	s.Retain(a)
	s.Release(a)
	if s.InUse() != 2 || string(s.Bytes(a)) != "first" || len(s.Bytes(b)) != 3000 {
		t.Errorf("%d in use, %q", s.InUse(), s.Bytes(a))
	}
	s.Release(a)
	s.Release(b)
	if c := s.Copy([]byte("second")); c != a {
		t.Error("a small frame is not reused")
	}
	if c := s.New(2500); c != b {
		t.Error("a large frame is not reused")
	}
	if c := s.New(2500); c == b {
		t.Error("a frame is given out twice")
	}
	for range 200 { // more large frames at once than are kept
		defer s.Release(s.New(4000))
	}
}

func TestPrivateFramesAreSharedByNobody(t *testing.T) {
	var s Frames
	a := s.Copy([]byte("shared"))
	if s.Private(a) != a {
		t.Error("a frame with one reference is copied")
	}
	s.Retain(a)
	p := s.Private(a)
	s.Bytes(p)[0] = 'S'
	if p == a || !bytes.Equal(s.Bytes(a), []byte("shared")) || s.InUse() != 2 {
		t.Errorf("the shared frame became %q", s.Bytes(a))
	}
	s.Release(a)
	s.Release(p)
	defer func() {
		if recover() == nil {
			t.Error("a frame can be released twice")
		}
	}()
	s.Release(a)
}
