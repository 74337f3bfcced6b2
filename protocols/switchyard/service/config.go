package service

import (
	"fmt"
	"time"

	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/switchyard"
)

// ends are the parameters that all endpoints have.
type ends struct {
	fabric, name, mac, ip string
	silent, promisc       bool
	wait, retry           time.Duration
}

// host makes the configuration of a host of the parameters.
func (x ends) host() (hostConfig, error) {
	c := hostConfig{
		endpoint: switchyard.EndpointConfig{Fabric: x.fabric, Name: x.name, Promisc: x.promisc, Wait: x.wait, Retry: x.retry},
		silent:   x.silent,
	}
	var err error
	if x.mac != "" {
		if c.endpoint.MAC, err = eth.ParseMAC(x.mac); err != nil {
			return c, err
		}
	}
	if x.ip != "" {
		if c.ip, err = eth.ParseIP(x.ip); err != nil {
			return c, err
		}
	}
	return c, nil
}

// port checks the number of a UDP port.
func port(name string, n int) (uint16, error) {
	if n < 1 || n > 0xffff {
		return 0, fmt.Errorf("%s %d: from 1 to 65535 are possible", name, n)
	}
	return uint16(n), nil
}

// positive checks a span that must be.
func positive(name string, d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("%s %s: must be more than 0", name, d)
	}
	return nil
}

// first is the first error there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
