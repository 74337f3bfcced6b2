package des

import (
	"encoding/binary"
	"math/bits"
)

// Rand is one named stream of chance: Philox-4x32-10 under a key that follows
// from the stream's name (see [Seed.Rand]). It is drawn from in order, with
// Uint64 and what is built on it, or by address, with At; the two never meet.
// Every draw takes a fixed number of words, so that the n-th draw of a stream
// depends on n alone.
//
// A Rand is a value without pointers: a copy goes on from the same position.
// It is not safe for concurrent use.
type Rand struct {
	key0, key1 uint32
	lane       uint32 // 31 more bits of the key, in the counter's last word
	drawn      uint64
	spare      uint64 // the second word of the block begun, if drawn is odd
}

// addressed is the bit of the counter's last word that sets addressed draws
// apart from the stream.
const addressed = 1 << 31

// Uint64 is the next word of the stream.
func (r *Rand) Uint64() uint64 {
	n := r.drawn
	r.drawn++
	if n&1 != 0 {
		return r.spare
	}
	n >>= 1
	w0, w1, w2, w3 := philox(uint32(n), uint32(n>>32), 0, r.lane, r.key0, r.key1)
	r.spare = uint64(w3)<<32 | uint64(w2)
	return uint64(w1)<<32 | uint64(w0)
}

// At is the word for occurrence n and slot: the n-th frame of a direction, say,
// and which of the questions about it. The same address gives the same word
// whatever else was drawn; the stream does not move.
func (r *Rand) At(n uint64, slot uint32) uint64 {
	w0, w1, _, _ := philox(uint32(n), uint32(n>>32), slot, r.lane|addressed, r.key0, r.key1)
	return uint64(w1)<<32 | uint64(w0)
}

// Skip goes to where n words of the stream have been drawn.
func (r *Rand) Skip(n uint64) {
	if r.drawn = n; n&1 != 0 {
		r.drawn--
		r.Uint64()
	}
}

// Drawn is how many words of the stream have been drawn.
func (r *Rand) Drawn() uint64 { return r.drawn }

// N is uniform in [0, n), from one word: the upper half of its product with n,
// whose bias is below n/2⁶⁴. N(0) panics.
func (r *Rand) N(n uint64) uint64 {
	if n == 0 {
		panic("des: Rand.N(0): there is no number below 0")
	}
	x, _ := bits.Mul64(r.Uint64(), n)
	return x
}

// Int64 is uniform in [lo, hi], both included, from one word. It panics if hi
// is below lo.
func (r *Rand) Int64(lo, hi int64) int64 {
	if hi < lo {
		panic("des: Rand.Int64: hi is below lo")
	}
	return between(r.Uint64(), lo, hi)
}

// Hit is true with probability p, from one word.
func (r *Rand) Hit(p Ratio) bool { return p.Hit(r.Uint64()) }

// Sample draws from a distribution, with one word.
func (r *Rand) Sample(s Sampler) int64 { return s.Sample(r.Uint64()) }

// Bytes fills p: eight bytes a word, least significant first, and one word for
// what is left.
func (r *Rand) Bytes(p []byte) {
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, r.Uint64())
		p = p[8:]
	}
	if len(p) > 0 {
		var last [8]byte
		binary.LittleEndian.PutUint64(last[:], r.Uint64())
		copy(p, last[:])
	}
}

// between scales a word to [lo, hi].
func between(word uint64, lo, hi int64) int64 {
	span := uint64(hi) - uint64(lo) + 1
	if span == 0 { // all of int64
		return int64(word + 1<<63)
	}
	x, _ := bits.Mul64(word, span)
	return int64(uint64(lo) + x)
}
