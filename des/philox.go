package des

import "math/bits"

// philox is Philox-4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random
// numbers: as easy as 1, 2, 3" (SC11): a bijection of 128-bit counters for each
// 64-bit key. Being a function of the counter, any draw can be had without
// those before it.
func philox(c [4]uint32, k0, k1 uint32) [4]uint32 {
	const (
		m0 = 0xd2511f53
		m1 = 0xcd9e8d57
		w0 = 0x9e3779b9 // the golden ratio
		w1 = 0xbb67ae85 // sqrt(3) - 1
	)
	c0, c1, c2, c3 := c[0], c[1], c[2], c[3]
	for range 10 {
		h0, l0 := bits.Mul32(m0, c0)
		h1, l1 := bits.Mul32(m1, c2)
		c0, c1, c2, c3 = h1^c1^k0, l1, h0^c3^k1, l0
		k0 += w0
		k1 += w1
	}
	return [4]uint32{c0, c1, c2, c3}
}
