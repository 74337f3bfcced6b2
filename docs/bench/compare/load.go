package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Above these shares of all processors the machine is called busy: before a
// round, and, of what is not ours, during one.
const (
	busyBefore = 0.10
	busyDuring = 0.05
)

// ticksPerSecond is what /proc/stat counts in, on every Linux that Go runs on.
const ticksPerSecond = 100

// Ticks are processor time since the machine began, of all processors.
type ticks struct{ busy, total int64 }

// parseStat reads the first line of /proc/stat. Time that the host of a
// virtual machine took for others is time in which we did not run: busy.
func parseStat(stat string) (ticks, error) {
	line, _, _ := strings.Cut(stat, "\n")
	f := strings.Fields(line)
	if len(f) < 9 || f[0] != "cpu" {
		return ticks{}, fmt.Errorf("/proc/stat: %q is no line of all processors", line)
	}
	var t ticks
	for i, s := range f[1:9] { // what follows is a part of user and nice
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return ticks{}, fmt.Errorf("/proc/stat: %w", err)
		}
		t.total += n
		if idle, iowait := 3, 4; i != idle && i != iowait {
			t.busy += n
		}
	}
	return t, nil
}

// share is the part of the machine that was busy from a to b with anything but
// ours, which is the processor time our own processes took.
func share(a, b ticks, ours time.Duration) (float64, error) {
	if b.total <= a.total {
		return 0, errors.New("/proc/stat stands still")
	}
	own := int64(ours) * ticksPerSecond / int64(time.Second)
	return float64(max(0, b.busy-a.busy-own)) / float64(b.total-a.total), nil
}

func readTicks() (ticks, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return ticks{}, err
	}
	return parseStat(string(b))
}

// before looks at the machine for a moment in which we do nothing.
func before() (float64, error) {
	a, err := readTicks()
	if err != nil {
		return 0, err
	}
	time.Sleep(300 * time.Millisecond)
	b, err := readTicks()
	if err != nil {
		return 0, err
	}
	return share(a, b, 0)
}
