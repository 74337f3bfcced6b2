package echo

import (
	"encoding/binary"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// What an echo cell emits. Side is 0 at the client, 1 at the server.
var (
	KindUp       = cells.NewKind("echo-up", "connection", "side")
	KindSent     = cells.NewKind("echo-sent", "connection", "position")
	KindReceived = cells.NewKind("echo-received", "connection", "position")
	// KindSum is a hash of all bytes up to the position in the emission before
	// it: at each multiple of Block, and, with final, where the direction ends in
	// good order.
	KindSum   = cells.NewKind("echo-sum", "hash", "final")
	KindDown  = cells.NewKind("echo-down", "connection", "code")
	KindClose = cells.NewKind("echo-close", "connection", "side")
)

// Block is the distance of the positions at which sums are emitted.
const Block = 4096

// headerSize is the bytes of the id in front of a connection.
const headerSize = 8

// The sides of a connection.
const (
	clientSide = 0
	serverSide = 1
)

// track follows one direction of a connection at one end: how many bytes, and
// their hash.
type track struct {
	kind cells.Kind // KindSent or KindReceived
	pos  uint64
	sum  uint64
}

// advance takes bytes that were sent or received, and emits how far it came.
// Bytes are hashed one by one, so that it does not matter how they were cut.
func (t *track) advance(e cells.Env, id int64, b []byte) {
	for len(b) > 0 {
		n := min(uint64(len(b)), Block-t.pos%Block)
		for _, c := range b[:n] {
			t.sum = (t.sum ^ uint64(c)) * 0x100000001b3 // FNV-1a
		}
		t.pos += n
		b = b[n:]
		if t.pos%Block == 0 {
			t.emit(e, id, 0)
		}
	}
	if t.pos%Block != 0 {
		e.Emit(t.kind, id, int64(t.pos))
	}
}

// end says that the direction ends here, in good order.
func (t *track) end(e cells.Env, id int64) { t.emit(e, id, 1) }

func (t *track) emit(e cells.Env, id, final int64) {
	e.Emit(t.kind, id, int64(t.pos))
	e.Emit(KindSum, int64(t.sum), final)
}

// appendContent appends the n bytes of a connection from a position on: its id,
// then bytes that follow from id and position.
func appendContent(dst []byte, id int64, pos uint64, n int) []byte {
	var word [8]byte
	for n > 0 {
		i := pos / 8
		w := uint64(id)
		if i > 0 {
			f := des.Fold(id)
			f.Add(i)
			w = uint64(f)
		}
		binary.BigEndian.PutUint64(word[:], w)
		part := word[pos%8:]
		part = part[:min(n, len(part))]
		dst = append(dst, part...)
		pos += uint64(len(part))
		n -= len(part)
	}
	return dst
}
