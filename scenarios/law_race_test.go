//go:build race

package scenarios

// raced says that the race detector is on: everything takes ten times as long.
const raced = true
