package replay

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay/internal/wire"
)

// The kinds of blocks: the first byte of a body.
const (
	blockHeader = iota + 1
	blockEntries
	blockIndex
	blockEnd
)

const blockPrefix = 8 // length and checksum

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// BlockInfo says what one block of entries holds and where it is.
type BlockInfo struct {
	Number      int   // from 1, the header being block 0
	Offset      int64 // of its frame in the file
	Size        int64 // of its frame, compressed
	FirstRecord uint64
	Records     uint64
	FirstChoice uint64
	Choices     uint64
	First, Last des.Key    // keys of its first and its last entry
	From, To    clock.Time // the least and the greatest time in it
	Ops         uint64     // a bit for each op in it, by number

	raw     uint32 // decoded size, as the seek table says; 0 if not known
	damaged error  // why it cannot be read, if that is known already
}

// Has reports whether the block holds a record of an op.
func (b *BlockInfo) Has(op des.Op) bool { return b.Ops&opBit(op) != 0 }

func opBit(op des.Op) uint64 { return 1 << (op & 63) }

// String names the block for errors: "block 7 (records 120..180, 1.2s..1.9s)".
func (b *BlockInfo) String() string {
	if b.Records == 0 && b.Choices == 0 {
		return fmt.Sprintf("block %d (at byte %d)", b.Number, b.Offset)
	}
	if b.Records == 0 {
		return fmt.Sprintf("block %d (choices %d..%d, %s..%s)", b.Number, b.FirstChoice, b.FirstChoice+b.Choices-1, b.From, b.To)
	}
	return fmt.Sprintf("block %d (records %d..%d, %s..%s)", b.Number, b.FirstRecord, b.FirstRecord+b.Records-1, b.From, b.To)
}

// overlaps reports whether the block has an entry from..to, both included.
func (b *BlockInfo) overlaps(from, to clock.Time) bool { return b.From <= to && b.To >= from }

// note takes one entry's key into what the block holds.
func (b *BlockInfo) note(k des.Key) {
	if b.Records+b.Choices == 0 {
		b.First, b.From, b.To = k, k.Time, k.Time
	}
	b.Last = k
	b.From = min(b.From, k.Time)
	b.To = max(b.To, k.Time)
}

// appendInfo is the head of an entry block, and its row in the index.
func appendInfo(b []byte, i *BlockInfo) []byte {
	b = wire.AppendUvarint(b, uint64(i.Number))
	b = wire.AppendUvarint(b, i.FirstRecord)
	b = wire.AppendUvarint(b, i.Records)
	b = wire.AppendUvarint(b, i.FirstChoice)
	b = wire.AppendUvarint(b, i.Choices)
	b = appendKey(b, i.First)
	b = appendKey(b, i.Last)
	b = wire.AppendVarint(b, int64(i.From))
	b = wire.AppendVarint(b, int64(i.To))
	return wire.AppendUvarint(b, i.Ops)
}

func readInfo(r *wire.Reader) BlockInfo {
	var i BlockInfo
	i.Number = int(r.UvarintMax(1<<31 - 1))
	i.FirstRecord = r.Uvarint()
	i.Records = r.Uvarint()
	i.FirstChoice = r.Uvarint()
	i.Choices = r.Uvarint()
	i.First = readKey(r)
	i.Last = readKey(r)
	i.From = clock.Time(r.Varint())
	i.To = clock.Time(r.Varint())
	i.Ops = r.Uvarint()
	return i
}

func readKey(r *wire.Reader) des.Key {
	if len(r.Rest) < 24 {
		r.Fail()
		return des.Key{}
	}
	k := des.Key{
		Time:   clock.Time(binary.LittleEndian.Uint64(r.Rest)),
		Delta:  binary.LittleEndian.Uint16(r.Rest[8:]),
		Rank:   binary.LittleEndian.Uint16(r.Rest[10:]),
		Entity: des.Entity(binary.LittleEndian.Uint32(r.Rest[12:])),
		Seq:    binary.LittleEndian.Uint64(r.Rest[16:]),
	}
	r.Rest = r.Rest[24:]
	return k
}

// beginBlock leaves room for the prefix, which sealBlock fills in.
func beginBlock(b []byte, kind byte) []byte {
	b = append(b[:0], make([]byte, blockPrefix)...)
	return append(b, kind)
}

func sealBlock(b []byte) {
	body := b[blockPrefix:]
	binary.LittleEndian.PutUint32(b, uint32(len(body)))
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(body, castagnoli))
}

var (
	errChecksum = errors.New("checksum does not match")
	errShort    = errors.New("length does not match")
)

// openBlock checks a decoded block and gives its kind and the rest of its body.
func openBlock(b []byte) (kind byte, body []byte, err error) {
	if len(b) <= blockPrefix {
		return 0, nil, errShort
	}
	body = b[blockPrefix:]
	if uint64(binary.LittleEndian.Uint32(b)) != uint64(len(body)) {
		return 0, nil, errShort
	}
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[4:]) {
		return 0, nil, errChecksum
	}
	return body[0], body[1:], nil
}
