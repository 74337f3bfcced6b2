package des
// Rand placeholder.
type Rand struct{}
