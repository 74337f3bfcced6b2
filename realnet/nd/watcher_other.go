//go:build !linux

package nd

import (
	"fmt"
	"runtime"
)

// Watcher looks for the neighbour on an interface until it is closed.
type Watcher struct{}

// Look says that it cannot.
func Look(name string) (Link, error) {
	return Link{}, fmt.Errorf("interface %s: neighbour discovery needs Linux, this is %s", name, runtime.GOOS)
}

// Watch says that it cannot.
func Watch(name string, _ Handler) (*Watcher, error) {
	_, err := Look(name)
	return nil, err
}

// Close does nothing.
func (w *Watcher) Close() error { return nil }
