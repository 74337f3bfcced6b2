package main

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"example.com/dsim/clock"
)

var started = clock.Wall()

// ticks is how many of the units in /proc/self/stat a second has on all systems
// that have it.
const ticks = 100

// used is how much processor time this process has used. Where the system does
// not say so in /proc, it is the time since it was started: for a process that
// does one thing at a time never less.
func used() time.Duration {
	text, err := os.ReadFile("/proc/self/stat")
	if d, ok := usedIn(text); err == nil && ok {
		return d
	}
	return clock.Wall().Sub(started)
}

// usedIn reads fields 14 and 15 of /proc/self/stat, time in the program and time
// in the system. Field 2 is a name, which may hold blanks, in parentheses.
func usedIn(stat []byte) (time.Duration, bool) {
	i := bytes.LastIndexByte(stat, ')')
	if i < 0 {
		return 0, false
	}
	fields := bytes.Fields(stat[i+1:])
	const user = 14 - 3
	if len(fields) < user+2 {
		return 0, false
	}
	sum := uint64(0)
	for _, f := range fields[user : user+2] {
		n, err := strconv.ParseUint(string(f), 10, 48)
		if err != nil {
			return 0, false
		}
		sum += n
	}
	return time.Duration(sum) * time.Second / ticks, true
}
