package socket

// ringMax bounds what waits in front of a stream. A longest frame always fits
// when nothing waits.
const ringMax = 1 << 20

// ring is bytes that wait, in order. It grows to its bound and stays.
type ring struct {
	buf  []byte
	head int
	n    int
}

// put appends b.
func (r *ring) put(b []byte) {
	if r.n+len(b) > len(r.buf) {
		r.grow(r.n + len(b))
	}
	tail := r.head + r.n
	if tail >= len(r.buf) {
		tail -= len(r.buf)
	}
	done := copy(r.buf[tail:], b)
	copy(r.buf, b[done:])
	r.n += len(b)
}

// grow moves the bytes into an array of at least size bytes. Slices that front
// has given stay what they are.
func (r *ring) grow(size int) {
	buf := make([]byte, max(size, 2*len(r.buf), 4096))
	done := copy(buf, r.front())
	copy(buf[done:], r.buf[:r.n-done])
	r.buf, r.head = buf, 0
}

// front is the longest part of the bytes that lies in one piece, from the first.
// It stays valid until it is dropped, whatever is put behind it meanwhile.
func (r *ring) front() []byte {
	return r.buf[r.head:min(r.head+r.n, len(r.buf))]
}

// drop takes the first n bytes away.
func (r *ring) drop(n int) {
	r.n -= n
	r.head += n
	if r.head >= len(r.buf) {
		r.head -= len(r.buf)
	}
	if r.n == 0 {
		r.head = 0
	}
}

func (r *ring) clear() { r.head, r.n = 0, 0 }
