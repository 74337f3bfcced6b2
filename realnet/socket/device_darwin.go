package socket

import (
	"fmt"
	"runtime"
)

func openDevice(c Config, _ Handler) (Wire, error) {
	return nil, fmt.Errorf("kind %s needs Linux, this is %s", c.Kind, runtime.GOOS)
}
