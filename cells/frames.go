package cells

// Frame is a reference to bytes held in a [Frames] pool. 0 is none.
type Frame uint32

// Frames is a pool of byte buffers with counted references. Whoever holds a
// reference may read; nobody writes once a second reference exists. Buffers
// are reused, so that frames cost no allocation in steady state.
type Frames struct {
	bufs  [][]byte // cap is what the buffer was made with
	refs  []int32
	small []Frame // free, of frameRoom bytes
	large []Frame // free, of more
}

// frameRoom is the room of a fresh frame: one Ethernet frame and then some.
const frameRoom = 2048

// New gives a frame of n bytes, whose content is whatever was there before,
// with one reference.
func (s *Frames) New(n int) Frame {
	if n <= frameRoom {
		if k := len(s.small); k > 0 {
			f := s.small[k-1]
			s.small = s.small[:k-1]
			return s.take(f, n)
		}
		return s.grow(n, frameRoom)
	}
	for i := len(s.large) - 1; i >= 0 && i >= len(s.large)-4; i-- {
		if f := s.large[i]; cap(s.bufs[f-1]) >= n {
			s.large = append(s.large[:i], s.large[i+1:]...)
			return s.take(f, n)
		}
	}
	return s.grow(n, n)
}

func (s *Frames) take(f Frame, n int) Frame {
	s.bufs[f-1] = s.bufs[f-1][:n]
	s.refs[f-1] = 1
	return f
}

func (s *Frames) grow(n, room int) Frame {
	s.bufs = append(s.bufs, make([]byte, n, room))
	s.refs = append(s.refs, 1)
	return Frame(len(s.bufs))
}

// Copy gives a new frame with the content of p.
func (s *Frames) Copy(p []byte) Frame {
	f := s.New(len(p))
	copy(s.bufs[f-1], p)
	return f
}

// Bytes is the content of f.
func (s *Frames) Bytes(f Frame) []byte { return s.bufs[f-1] }

// Retain adds a reference.
func (s *Frames) Retain(f Frame) { s.refs[f-1]++ }

// Release gives a reference back; with the last one the buffer may be reused.
func (s *Frames) Release(f Frame) {
	r := &s.refs[f-1]
	*r--
	switch {
	case *r > 0:
		return
	case *r < 0:
		panic("cells: a frame released twice")
	case cap(s.bufs[f-1]) <= frameRoom:
		s.small = append(s.small, f)
	case len(s.large) < 64:
		s.large = append(s.large, f)
	default:
		// Large buffers are rare; the room of the rest goes back.
		s.bufs[f-1] = make([]byte, 0, frameRoom)
		s.small = append(s.small, f)
	}
}

// Private gives a frame with the content of f that nobody else refers to,
// taking over the caller's reference of f.
func (s *Frames) Private(f Frame) Frame {
	if s.refs[f-1] == 1 {
		return f
	}
	c := s.Copy(s.bufs[f-1])
	s.Release(f)
	return c
}

// InUse is the number of frames with references, for leak tests.
func (s *Frames) InUse() int {
	n := 0
	for _, r := range s.refs {
		if r > 0 {
			n++
		}
	}
	return n
}
