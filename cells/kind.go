package cells

import (
	"fmt"
	"slices"
	"sync"

	"example.com/dsim/des"
)

// Kind is a kind of emission, registered once with the names of its values.
// The zero Kind is none. Numbers of kinds are local to a process: files,
// digests and oracles use names.
type Kind uint16

type kindInfo struct {
	name, a, b string
	hash       uint64 // of the name, for folds
}

var unknownKind = kindInfo{name: "kind?"}

var kinds = struct {
	sync.RWMutex
	list []kindInfo
}{list: []kindInfo{{}}}

// NewKind registers a kind: its name, and what its two values are called;
// empty for a value that is not used. Call it from a package variable. The
// same name again must come with the same values.
func NewKind(name, a, b string) Kind {
	kinds.Lock()
	defer kinds.Unlock()
	if i := slices.IndexFunc(kinds.list, func(k kindInfo) bool { return k.name == name }); i > 0 {
		if k := &kinds.list[i]; k.a != a || k.b != b {
			panic(fmt.Sprintf("cells: kind %q registered twice with different values", name))
		}
		return Kind(i)
	}
	var h des.Fold
	h.Text(name)
	kinds.list = append(kinds.list, kindInfo{name, a, b, uint64(h)})
	return Kind(len(kinds.list) - 1)
}

// KindNamed finds a registered kind, 0 if there is none.
func KindNamed(name string) Kind {
	kinds.RLock()
	defer kinds.RUnlock()
	return Kind(max(0, slices.IndexFunc(kinds.list, func(k kindInfo) bool { return k.name == name })))
}

// String is the kind's name.
func (k Kind) String() string { return k.info().name }

// Values are the names of the kind's two values.
func (k Kind) Values() (a, b string) { i := k.info(); return i.a, i.b }

func (k Kind) info() kindInfo {
	kinds.RLock()
	defer kinds.RUnlock()
	if int(k) < len(kinds.list) {
		return kinds.list[k]
	}
	return unknownKind
}

// allKinds is the list of all kinds there are by now.
func allKinds() []kindInfo {
	kinds.RLock()
	defer kinds.RUnlock()
	return slices.Clip(kinds.list) // what is in it does not change
}

// Emission is one call of Emit or EmitText, as oracles and traces see it.
type Emission struct {
	Cell ID
	Kind Kind
	A, B int64
	Text string
}
