package des

// philox is Philox-4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random
// numbers: as easy as 1, 2, 3" (SC11): a bijection of 128-bit counters for each
// 64-bit key. Being a function of the counter, any draw can be had without
// those before it.
func philox(c0, c1, c2, c3, k0, k1 uint32) (_, _, _, _ uint32) {
	const (
		m0 = 0xd2511f53
		m1 = 0xcd9e8d57
		w0 = 0x9e3779b9 // the golden ratio
		w1 = 0xbb67ae85 // sqrt(3) - 1
	)
	for range 5 { // two rounds each, so that no word has to move
		p, q := uint64(c0)*m0, uint64(c2)*m1
		d0, d2 := uint32(q>>32)^c1^k0, uint32(p>>32)^c3^k1
		k0 += w0
		k1 += w1
		r, s := uint64(d0)*m0, uint64(d2)*m1
		c0, c1 = uint32(s>>32)^uint32(q)^k0, uint32(s)
		c2, c3 = uint32(r>>32)^uint32(p)^k1, uint32(r)
		k0 += w0
		k1 += w1
	}
	return c0, c1, c2, c3
}
