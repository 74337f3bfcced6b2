package cells

import "slices"

// Frame is a reference to bytes held in a [Frames] pool. 0 is none.
type Frame uint32

// Frames is a pool of byte buffers with counted references. Whoever holds a
// reference may read; nobody writes once a second reference exists. Buffers
// are reused, so that frames cost no allocation in steady state.
//
// Buffers come in a few sizes, so that many small frames lie close together.
type Frames struct {
	list  []frame // by number; 0 is none
	free  [len(frameRooms)][]Frame
	large []Frame              // free, of more than the largest room
	made  [len(frameRooms)]int // bytes of buffers
}

// frame is 32 bytes.
type frame struct {
	buf  []byte // its capacity is what the buffer was made with
	refs int32
	room int8 // in frameRooms; -1 is larger
}

// frameRooms are the sizes of buffers: short control frames, those of the time
// when links were slow, one Ethernet frame and then some.
var frameRooms = [...]int{128, 576, frameRoom}

// frameRoom is the room of the frame that Buf gives.
const frameRoom = 2048

// slab is how many bytes of buffers are made at once at most, and slabFirst how
// many at first: a small world has a handful of frames on the way.
const (
	slab      = 1 << 14
	slabFirst = 1 << 10
)

// New gives a frame of n bytes, whose content is whatever was there before,
// with one reference.
func (s *Frames) New(n int) Frame {
	switch {
	case n <= frameRooms[0]:
		return s.ofRoom(0, n)
	case n <= frameRooms[1]:
		return s.ofRoom(1, n)
	case n <= frameRooms[2]:
		return s.ofRoom(2, n)
	}
	for i := len(s.large) - 1; i >= 0 && i >= len(s.large)-4; i-- {
		if f := s.large[i]; cap(s.list[f].buf) >= n {
			s.large = append(s.large[:i], s.large[i+1:]...)
			return s.take(f, n)
		}
	}
	f := s.add(make([]byte, n), -1)
	return s.take(f, n)
}

// ofRoom gives a frame of n bytes from the buffers of one size.
func (s *Frames) ofRoom(room, n int) Frame {
	k := len(s.free[room])
	if k == 0 {
		s.grow(room)
		k = len(s.free[room])
	}
	f := s.free[room][k-1]
	s.free[room] = s.free[room][:k-1]
	e := &s.list[f]
	e.buf = e.buf[:n]
	e.refs = 1
	return f
}

func (s *Frames) take(f Frame, n int) Frame {
	e := &s.list[f]
	e.buf = e.buf[:n]
	e.refs = 1
	return f
}

func (s *Frames) grow(room int) {
	size := frameRooms[room]
	n := max(min(max(slabFirst, s.made[room]), slab)/size, 1)
	s.made[room] += n * size
	s.list = slices.Grow(s.list, n+1)
	s.free[room] = slices.Grow(s.free[room], n)
	for all := make([]byte, n*size); len(all) > 0; {
		s.free[room] = append(s.free[room], s.add(all[:0:size], int8(room)))
		all = all[size:]
	}
}

func (s *Frames) add(buf []byte, room int8) Frame {
	if len(s.list) == 0 {
		s.list = append(s.list, frame{})
	}
	s.list = append(s.list, frame{buf: buf, room: room})
	return Frame(len(s.list) - 1)
}

// Copy gives a new frame with the content of p.
func (s *Frames) Copy(p []byte) Frame {
	f := s.New(len(p))
	copy(s.list[f].buf, p)
	return f
}

// Bytes is the content of f.
func (s *Frames) Bytes(f Frame) []byte { return s.list[f].buf }

// Retain adds a reference.
func (s *Frames) Retain(f Frame) { s.list[f].refs++ }

// Release gives a reference back; with the last one the buffer may be reused.
func (s *Frames) Release(f Frame) {
	e := &s.list[f]
	if e.refs--; e.refs <= 0 {
		s.giveBack(f, e)
	}
}

func (s *Frames) giveBack(f Frame, e *frame) {
	switch {
	case e.refs < 0:
		panic("cells: a frame released twice")
	case e.room >= 0:
		s.free[e.room] = append(s.free[e.room], f)
	case len(s.large) < 64:
		s.large = append(s.large, f)
	default:
		// Large buffers are rare; the room of the rest goes back.
		e.room = int8(len(frameRooms) - 1)
		e.buf = make([]byte, 0, frameRooms[e.room])
		s.free[e.room] = append(s.free[e.room], f)
	}
}

// Private gives a frame with the content of f that nobody else refers to,
// taking over the caller's reference of f.
func (s *Frames) Private(f Frame) Frame {
	if s.list[f].refs == 1 {
		return f
	}
	c := s.Copy(s.list[f].buf)
	s.Release(f)
	return c
}

// InUse is the number of frames with references, for leak tests.
func (s *Frames) InUse() int {
	n := 0
	for i := range s.list {
		if s.list[i].refs > 0 {
			n++
		}
	}
	return n
}
