package node

import (
	"math"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"example.com/dsim/clock"
)

// readings is how often the two clocks are read: between the readings of a pair
// the process may be put aside, and the pair that was read fastest is kept.
const readings = 16

// monotonic is an instant, which must have a reading of the monotonic clock, by
// that clock as all processes of the machine see it, and the boot that began it;
// nothing if that is not known.
func monotonic(at time.Time) (ns int64, boot string) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return 0, ""
	}
	best := int64(math.MaxInt64)
	for range readings {
		var before, after unix.Timespec
		if unix.ClockGettime(unix.CLOCK_MONOTONIC, &before) != nil {
			return 0, ""
		}
		since := clock.Wall().Sub(at)
		if unix.ClockGettime(unix.CLOCK_MONOTONIC, &after) != nil {
			return 0, ""
		}
		if took := after.Nano() - before.Nano(); took < best {
			best, ns = took, before.Nano()+took/2-int64(since)
		}
	}
	return ns, strings.TrimSpace(string(b))
}
