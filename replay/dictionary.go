package replay

import (
	"encoding/binary"
	"math/bits"
)

// dictionary numbers the strings of a block, from 1, in the order in which they
// came. It is a map that is quick to clear, and that takes no memory for a
// string it has.
type dictionary struct {
	slots []uint32 // numbers, found by hash; 0 is free
	words []word
}

// word is a string, or a payload that lies in the block already: it is not kept
// a second time.
type word struct {
	hash     uint64
	text     string
	from, to int
}

func (d *dictionary) reset() {
	clear(d.slots)
	clear(d.words)
	d.words = d.words[:0]
}

// text is the number of a string, and whether it is a new one.
func (d *dictionary) text(s string) (n uint32, fresh bool) {
	h := hashString(s)
	i := d.slot(h)
	for ; d.slots[i] != 0; i = d.after(i) {
		if w := &d.words[d.slots[i]-1]; w.hash == h && w.text == s {
			return d.slots[i], false
		}
	}
	return d.add(i, word{hash: h, text: s}), true
}

// bytes is the number of a payload, and whether it is a new one: then placed
// must say where it was put.
func (d *dictionary) bytes(p, block []byte) (n uint32, fresh bool) {
	h := hashBytes(p)
	i := d.slot(h)
	for ; d.slots[i] != 0; i = d.after(i) {
		if w := &d.words[d.slots[i]-1]; w.hash == h && string(block[w.from:w.to]) == string(p) {
			return d.slots[i], false
		}
	}
	return d.add(i, word{hash: h}), true
}

// placed says where in the block the payload lies that came last.
func (d *dictionary) placed(from, to int) {
	w := &d.words[len(d.words)-1]
	w.from, w.to = from, to
}

// slot is where the search for a hash begins. There is always a free slot.
func (d *dictionary) slot(h uint64) int {
	if 2*len(d.words) >= len(d.slots) {
		d.slots = make([]uint32, max(64, 2*len(d.slots)))
		for k := range d.words {
			i := int(d.words[k].hash) & (len(d.slots) - 1)
			for d.slots[i] != 0 {
				i = d.after(i)
			}
			d.slots[i] = uint32(k + 1)
		}
	}
	return int(h) & (len(d.slots) - 1)
}

func (d *dictionary) after(i int) int { return (i + 1) & (len(d.slots) - 1) }

func (d *dictionary) add(slot int, w word) uint32 {
	d.words = append(d.words, w)
	d.slots[slot] = uint32(len(d.words))
	return d.slots[slot]
}

const (
	hashA = 0xa0761d6478bd642f
	hashB = 0xe7037ed1a0b428db
)

func hashMix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^hashA, b^hashB)
	return hi ^ lo
}

// hashBytes is for finding things only: no trace holds it.
func hashBytes(p []byte) uint64 {
	h := uint64(len(p))
	for len(p) > 16 {
		h = hashMix(binary.LittleEndian.Uint64(p)^h, binary.LittleEndian.Uint64(p[8:]))
		p = p[16:]
	}
	if len(p) >= 8 {
		return hashMix(binary.LittleEndian.Uint64(p)^h, binary.LittleEndian.Uint64(p[len(p)-8:]))
	}
	var last uint64
	for _, c := range p {
		last = last<<8 | uint64(c)
	}
	return hashMix(last^h, uint64(len(p)))
}

// hashString is hashBytes for strings.
func hashString(s string) uint64 {
	h := uint64(len(s))
	for len(s) > 16 {
		h = hashMix(wordAt(s, 0)^h, wordAt(s, 8))
		s = s[16:]
	}
	if len(s) >= 8 {
		return hashMix(wordAt(s, 0)^h, wordAt(s, len(s)-8))
	}
	var last uint64
	for i := range len(s) {
		last = last<<8 | uint64(s[i])
	}
	return hashMix(last^h, uint64(len(s)))
}

func wordAt(s string, i int) uint64 {
	s = s[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
