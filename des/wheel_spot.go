package des

import "math/bits"

// A wheel has levels of 64 slots each, one level for every six bits of a time,
// so that it reaches from one nanosecond to the end of time and nothing lies
// outside it. A time t goes to the level of the highest bit in which it
// differs from the wheel's base, and there to the slot of its own six bits:
// everything on a level is earlier than everything on the next, and on one
// level slots are in the order of time. So the lowest slot of the lowest level
// in use is the earliest, and nothing ticks.
const (
	levelBits = 6
	levels    = 11 // of 6 bits: all 63 of a time
	spots     = levels << levelBits
)

// spot is a place on a wheel: level<<levelBits | slot.
type spot uint

// spotOf is where t goes; t must not lie before base.
func spotOf(base, t uint64) spot {
	level := uint(bits.Len64((base^t)|1)-1) / levelBits
	return spot(level<<levelBits | uint(t>>(level*levelBits&63))&63)
}

func (s spot) level() uint { return uint(s) >> levelBits }

// span gives the first and the last time that belong to the spot.
func (s spot) span(base uint64) (first, last uint64) {
	shift := s.level() * levelBits
	above := ^uint64(0) << (shift + levelBits)
	first = base&above | uint64(s&63)<<shift
	return first, first | (1<<shift - 1)
}

// spotSet is a set of spots whose least member is found in two steps.
type spotSet struct {
	used  uint32 // levels with a slot in use
	slots [levels]uint64
}

func (u *spotSet) empty() bool { return u.used == 0 }

func (u *spotSet) put(s spot) {
	u.used |= 1 << s.level()
	u.slots[s.level()] |= 1 << (s & 63)
}

func (u *spotSet) drop(s spot) {
	l := s.level()
	if u.slots[l] &^= 1 << (s & 63); u.slots[l] == 0 {
		u.used &^= 1 << l
	}
}

// least is the earliest spot in use; there must be one.
func (u *spotSet) least() spot {
	l := uint(bits.TrailingZeros32(u.used))
	return spot(l<<levelBits | uint(bits.TrailingZeros64(u.slots[l])))
}
