package journal

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Suffix is what the names of journals end with.
const Suffix = ".journal"

const (
	ringMark   = "ring-"
	partSuffix = ".part" // of a file of a ring that is not begun yet
)

// FileName is the name of the journal of one life of a site: "alice.0.journal".
// What a file's name had better not hold is written as %2f.
func FileName(site string, life uint32) string {
	return plainName(site) + "." + strconv.FormatUint(uint64(life), 10) + Suffix
}

// RingName is the name of one file of the ring of such a life:
// "alice.0.ring-3.journal".
func RingName(site string, life uint32, segment uint64) string {
	return fmt.Sprintf("%s.%d.%s%d%s", plainName(site), life, ringMark, segment, Suffix)
}

func plainName(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-', c == '.' && i > 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	return b.String()
}

// Path is what the name of a journal says.
type Path struct {
	Path    string
	Site    string // as it stands in the name
	Life    uint32
	Ring    bool
	Segment uint64
}

// ParsePath reads the name of a journal; false if it is not one.
func ParsePath(path string) (Path, bool) {
	p := Path{Path: path}
	rest, ok := strings.CutSuffix(filepath.Base(path), Suffix)
	if !ok {
		return p, false
	}
	i := strings.LastIndexByte(rest, '.')
	if i >= 0 && strings.HasPrefix(rest[i+1:], ringMark) {
		n, err := strconv.ParseUint(rest[i+1+len(ringMark):], 10, 64)
		if err != nil {
			return p, false
		}
		p.Ring, p.Segment = true, n
		rest = rest[:i]
		i = strings.LastIndexByte(rest, '.')
	}
	if i <= 0 {
		return p, false
	}
	life, err := strconv.ParseUint(rest[i+1:], 10, 32)
	p.Site, p.Life = rest[:i], uint32(life)
	return p, err == nil
}

// List gives the journals of a directory by site, life and file of a ring.
func List(dir string) ([]Path, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("journals: %w", err)
	}
	var list []Path
	for _, e := range entries {
		if p, ok := ParsePath(filepath.Join(dir, e.Name())); ok && !e.IsDir() {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b Path) int {
		return cmp.Or(cmp.Compare(a.Site, b.Site), cmp.Compare(a.Life, b.Life), cmp.Compare(bit(a.Ring), bit(b.Ring)), cmp.Compare(a.Segment, b.Segment))
	})
	return list, nil
}
