// Package fuzz is the search: it finds the world in which a protocol fails,
// makes it small, and writes it down. It judges nothing by itself; what must
// hold is said by scenarios and their oracles.
//
// Its packages, in the order in which a failure meets them:
//
//	explore     draws worlds from a scenario and runs them, favouring those that
//	            reach what no world before has reached
//	swarm       lets rapid draw them, inside go test, and make those that fail
//	            smaller
//	systematic  goes through all runs of a small world, within bounds
//	repro       a world that can be run, the signature of what went wrong in it,
//	            and the small text file that keeps both
//	shrink      the smallest world that fails in the same way, and the nearest
//	            ones that pass
//	explain     why it fails: which faults mattered, what led to it, and when it
//	            was decided
//
// A drawn world is a [example.com/dsim/fuzz/repro.World]: a scenario whose every
// value is written out, a seed, and, where wanted, the verdicts of links that
// mattered. Everything that searches takes such worlds and gives such worlds.
package fuzz
