package socket

import "fmt"

func openDevice(c Config, _ Handler) (Wire, error) {
	return nil, fmt.Errorf("kind %s", c.Kind)
}
