package switchyard

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"example.com/dsim/clock"
)

// SplitAddr reads host:port. Unless remote is set, the host must be this machine
// alone.
func SplitAddr(addr string, remote bool) (string, uint16, error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("address %q: want host:port, such as %s", addr, AddrDefault)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("address %q: port %q: want a number up to 65535", addr, text)
	}
	if ip := net.ParseIP(host); !remote && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", 0, fmt.Errorf("address %q: others can reach it: that takes --allow-remote", addr)
	}
	return host, uint16(port), nil
}

// Reach says whether a fabric answers, and waits for it a while.
func Reach(ctx context.Context, addr string, within time.Duration) error {
	until := clock.Wall().Add(within)
	for {
		d := net.Dialer{Timeout: TimeoutDefault}
		conn, err := d.DialContext(ctx, "tcp", addr)
		if err == nil {
			return conn.Close()
		}
		if ctx.Err() != nil || clock.Wall().After(until) {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(BackoffDefault):
		}
	}
}
