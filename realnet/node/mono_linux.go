package node

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"example.com/dsim/clock"
)

// monotonic is an instant by the machine's monotonic clock, and the boot that
// began it; nothing if that is not known.
func monotonic(at time.Time) (ns int64, boot string) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	var now unix.Timespec
	if err != nil || unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) != nil {
		return 0, ""
	}
	return now.Nano() - int64(clock.Wall().Sub(at)), strings.TrimSpace(string(b))
}
