// Package doctor finds out what this machine allows of what live runs need, by
// trying it, and says what can be done where it does not. It leaves nothing
// behind, and changes nothing.
package doctor

import (
	"runtime"
)

// Level is how good something is.
type Level string

// The levels, from best to worst.
const (
	OK      Level = "ok"      // as live runs like it
	Limited Level = "limited" // works, within bounds that may be met
	Missing Level = "missing" // does not work
)

// Finding is one thing that was looked at.
type Finding struct {
	Topic string   `json:"topic"`
	Level Level    `json:"level"`
	Found string   `json:"found"`        // what is there
	For   string   `json:"for"`          // what needs it
	Do    []string `json:"do,omitempty"` // what helps, if it is not ok
}

// Report is all of it.
type Report struct {
	System     string    `json:"system"` // such as "linux/amd64 6.1.0"
	Processors int       `json:"processors"`
	Findings   []Finding `json:"findings"`
}

// Examine tries everything. It takes about a second.
func Examine() Report {
	system := runtime.GOOS + "/" + runtime.GOARCH
	if r := release(); r != "" {
		system += " " + r
	}
	return Report{System: system, Processors: runtime.GOMAXPROCS(0), Findings: examine()}
}

// Count says how many findings have a level.
func (r Report) Count(l Level) int {
	n := 0
	for _, f := range r.Findings {
		if f.Level == l {
			n++
		}
	}
	return n
}
