package des

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// rngVersion names the generator: the way streams are keyed, Philox-4x32-10,
// the use of its words and the tables of the samplers. It is frozen. What would
// change any draw needs another name here, and test vectors of its own beside
// testdata/rng-v1.txt.
const rngVersion = "dsim rng v1"

// Seed is the root of all chance of a run: a number of 64 bits or a commit of
// 40 hexadecimal digits. Seeds compare with ==; the zero Seed is seed 0. A
// commit never equals a number.
type Seed struct {
	root   [20]byte // a number stands big-endian in the last eight
	commit bool
}

// SeedOf gives the seed that is a number.
func SeedOf(n uint64) Seed {
	var s Seed
	binary.BigEndian.PutUint64(s.root[12:], n)
	return s
}

// ParseSeed reads a seed: a decimal number, 0x and up to 16 hexadecimal
// digits, or exactly 40 hexadecimal digits, which are a commit.
func ParseSeed(s string) (Seed, error) {
	if len(s) == 40 {
		var c Seed
		c.commit = true
		if _, err := hex.Decode(c.root[:], []byte(s)); err == nil {
			return c, nil
		}
	}
	digits, base := s, 10
	if rest, ok := strings.CutPrefix(s, "0x"); ok {
		digits, base = rest, 16
	}
	n, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		return Seed{}, fmt.Errorf("seed %s: want a decimal number, 0x and hexadecimal digits (both up to 64 bits), or the 40 hexadecimal digits of a commit", quote(s))
	}
	return SeedOf(n), nil
}

// String prints the seed as ParseSeed reads it: a number in decimal, a commit
// in lower case.
func (s Seed) String() string {
	if s.commit {
		return hex.EncodeToString(s.root[:])
	}
	return strconv.FormatUint(binary.BigEndian.Uint64(s.root[12:]), 10)
}

// MarshalText is String.
func (s Seed) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is ParseSeed.
func (s *Seed) UnmarshalText(text []byte) error {
	p, err := ParseSeed(string(text))
	if err == nil {
		*s = p
	}
	return err
}

// Rand gives the stream of an entity for one purpose. The incarnation counts
// the restarts of a cell, so that a cell restarted without its state does not
// draw the same "random" names again. Streams of different names have nothing
// to do with each other; asking twice gives the same stream, from its
// beginning.
func (s Seed) Rand(entity string, incarnation uint32, purpose string) Rand {
	var room [256]byte
	b := s.prefix(room[:0])
	b = appendPart(b, entity)
	b = binary.BigEndian.AppendUint32(b, 4)
	b = binary.BigEndian.AppendUint32(b, incarnation)
	b = appendPart(b, purpose)
	sum := sha256.Sum256(b)
	return Rand{
		key0: binary.LittleEndian.Uint32(sum[0:]),
		key1: binary.LittleEndian.Uint32(sum[4:]),
		lane: binary.LittleEndian.Uint32(sum[8:]) &^ addressed,
	}
}

// Hash is a number that depends on the seed and the parts, each for itself:
// ("ab", "c") and ("a", "bc") differ. It is what ties are ranked by.
func (s Seed) Hash(parts ...string) uint64 {
	var room [256]byte
	b := s.prefix(room[:0])
	for _, p := range parts {
		b = appendPart(b, p)
	}
	sum := sha256.Sum256(b)
	return binary.LittleEndian.Uint64(sum[16:]) // a stream's key has none of these bytes
}

// prefix appends what all keys of the seed begin with.
func (s Seed) prefix(b []byte) []byte {
	b = appendPart(b, rngVersion)
	root := s.root[:]
	if !s.commit {
		root = root[12:]
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(root)))
	return append(b, root...)
}

// appendPart appends a string after its length, so that no two lists of parts
// give the same bytes.
func appendPart(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

// quote puts s into a message; what is too long is cut.
func quote(s string) string {
	const room = 64
	if len(s) > room {
		return strconv.Quote(s[:room]) + "…"
	}
	return strconv.Quote(s)
}
