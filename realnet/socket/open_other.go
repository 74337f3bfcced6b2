//go:build !linux && !darwin

package socket

import (
	"fmt"
	"runtime"
)

// pathMax is that of Linux: a configuration is judged alike everywhere.
const pathMax = 107

func open(c Config, _ Handler) (Wire, error) {
	return nil, fmt.Errorf("kind %s needs Linux, this is %s", c.Kind, runtime.GOOS)
}
