package des

import (
	"encoding/binary"
	"math/bits"
)

// Fold is an order-sensitive 64-bit summary of a sequence: of one cell's
// inputs and effects. Two cells that saw and did the same have the same fold.
//
// Its one operation is a 64-by-64-bit product whose halves are added without
// carry, as in the wyhash family: two words go in at the price of one
// multiplication.
type Fold uint64

// Odd constants with as many ones as zeros, so that words of zeros mix too.
const (
	foldA = 0xa0761d6478bd642f
	foldB = 0xe7037ed1a0b428db
	foldC = 0x8ebc6af09c88c6e3
	foldD = 0x589965cc75374cc3
)

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// Add takes one word into the fold.
func (f *Fold) Add(x uint64) { *f = Fold(mix(x^foldA, uint64(*f)^foldB)) }

// Add2 takes two words into the fold, in order.
func (f *Fold) Add2(x, y uint64) { *f = Fold(mix(x^foldA, y^uint64(*f)^foldC)) }

// Frame takes two words and bytes into the fold: of the bytes their length and
// edges, the first and last eight, or with full the whole.
func (f *Fold) Frame(x, y uint64, p []byte, full bool) {
	var first, last uint64
	n := len(p)
	if n >= 8 {
		first, last = binary.LittleEndian.Uint64(p), binary.LittleEndian.Uint64(p[n-8:])
	} else {
		first = word(p)
	}
	edges := mix(first^foldD, last^bits.RotateLeft64(uint64(n), 32)^foldB)
	*f = Fold(mix(x^foldA, y+edges^uint64(*f)^foldC))
	if full {
		f.all(p)
	}
}

func (f *Fold) all(p []byte) {
	for len(p) > 8 {
		f.Add(binary.LittleEndian.Uint64(p))
		p = p[8:]
	}
	f.Add(word(p))
}

// word is up to eight bytes as a number, little end first.
func word(p []byte) (w uint64) {
	for i, b := range p {
		w |= uint64(b) << (8 * i)
	}
	return w
}

// Text takes a string into the fold, whole.
func (f *Fold) Text(s string) {
	f.Add(uint64(len(s)))
	for len(s) >= 8 {
		f.Add(uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56)
		s = s[8:]
	}
	var last uint64
	for i := range len(s) {
		last |= uint64(s[i]) << (8 * i)
	}
	f.Add(last)
}

// Digest is the summary of a world: a sum over all cells that were ever alive
// of a mix of the cell's name and its fold. Being a sum, it needs no order
// between cells.
type Digest uint64

// AddCell takes a cell into the digest.
func (d *Digest) AddCell(name string, f Fold) {
	var h Fold
	h.Text(name)
	h.Add(uint64(f))
	h.Add(0x64736967) // one more round, so that the last word is mixed too
	*d += Digest(h)
}
