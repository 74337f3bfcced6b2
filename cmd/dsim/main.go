// Command dsim runs protocols in virtual time, replays what happened exactly,
// and shows where two runs part.
//
//	dsim run scenarios/abp/lossy.yaml --seed 42
//	dsim replay run.trace
//	dsim diff a.trace b.trace
//
// Results go to standard output; progress and errors to standard error. The
// exit code says how it went: dsim help names the codes.
package main

import "example.com/dsim/cmd/dsim/command"

func main() { command.Main() }
