package replay

import (
	"sort"

	"example.com/dsim/replay/internal/wire"
)

// The bounds of the format. A writer refuses what is over them, and a reader
// never takes memory for more, whatever the bytes say.
const (
	StringMax = 1 << 20     // bytes of one string or payload
	BlockMax  = 8 << 20     // bytes of one decoded block
	mapMax    = wire.MapMax // entries of a header's map, or of its list of overrides

	// An entry block is closed when it holds this much: the first early, so that
	// little is lost when a process dies soon, and each twice as much as the one
	// before, up to what compresses well.
	blockFirst  = 8 << 10
	blockTarget = 128 << 10
	indexPart   = 8192 // blocks described by one index block
)

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
