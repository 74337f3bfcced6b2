package main

import (
	"bytes"
	"os"
	"runtime/metrics"
	"strconv"
	"time"
)

// ticks is how many of the units in /proc/self/stat a second has on all systems
// that have it.
const ticks = 100

// used is how much processor time this process has used. Where the system does
// not say so in /proc, it is what the runtime had to its disposal when it last
// collected garbage: for a process that does one thing at a time, the time since
// it was started.
func used() time.Duration {
	text, err := os.ReadFile("/proc/self/stat")
	if d, ok := usedIn(text); err == nil && ok {
		return d
	}
	s := []metrics.Sample{{Name: "/cpu/classes/total:cpu-seconds"}}
	if metrics.Read(s); s[0].Value.Kind() != metrics.KindFloat64 {
		return 0
	}
	return time.Duration(s[0].Value.Float64() * float64(time.Second))
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
