package des

import "encoding/binary"

// Fold is an order-sensitive 64-bit summary of a sequence: of one cell's
// inputs and effects. Two cells that saw and did the same have the same fold.
type Fold uint64

const foldMul = 0x9e3779b97f4a7c15

// Add takes one word into the fold.
func (f *Fold) Add(x uint64) {
	h := (uint64(*f) ^ x) * foldMul
	*f = Fold(h ^ h>>29)
}

// Bytes takes the length of p and its edges: its first and last eight bytes,
// or the whole of it with full.
func (f *Fold) Bytes(p []byte, full bool) {
	f.Add(uint64(len(p)))
	if full {
		for len(p) > 8 {
			f.Add(binary.LittleEndian.Uint64(p))
			p = p[8:]
		}
	}
	if len(p) >= 8 {
		f.Add(binary.LittleEndian.Uint64(p))
		f.Add(binary.LittleEndian.Uint64(p[len(p)-8:]))
		return
	}
	var last uint64
	for i, b := range p {
		last |= uint64(b) << (8 * i)
	}
	f.Add(last)
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
