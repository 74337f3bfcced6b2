package wire

import "example.com/dsim/des"

// Draw is a source of chance: it gives a number below n, and any number if n
// is 0. Values and corruptions that are generated depend on nothing else.
type Draw func(n uint64) uint64

// DrawFrom draws from a named stream of chance.
func DrawFrom(r *des.Rand) Draw {
	return func(n uint64) uint64 {
		if n == 0 {
			return r.Uint64()
		}
		return r.N(n)
	}
}
