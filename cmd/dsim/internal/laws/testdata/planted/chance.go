package planted

import (
	crypto "crypto/rand" // want `imports crypto/rand`
	"hash/maphash"       // want `imports hash/maphash`
	old "math/rand"      // want `imports math/rand`
	"math/rand/v2"       // want `imports math/rand/v2`
)

func chance() uint64 {
	var h maphash.Hash
	b := make([]byte, 8)
	_, _ = crypto.Read(b)
	return h.Sum64() + rand.Uint64() + old.Uint64()
}
