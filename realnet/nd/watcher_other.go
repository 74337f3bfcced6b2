//go:build !linux

package nd

import (
	"fmt"
	"runtime"
)

// Watcher looks for the neighbour on an interface until it is closed.
type Watcher struct{}

// Watch says that it cannot.
func Watch(name string, _ Handler) (*Watcher, error) {
	return nil, fmt.Errorf("interface %s: neighbour discovery needs Linux, this is %s", name, runtime.GOOS)
}

// Close does nothing.
func (w *Watcher) Close() error { return nil }
