// Package leaks plants leaks of the outside world into the simulator, one at a
// time, and wants each to be found: a map whose order shows, the wall's clock,
// chance without a seed, goroutines, addresses, floats, what an earlier run has
// left behind, the machine itself.
//
// A leak is an edit of the sources that is applied when the command is built,
// with go build -overlay: the sources stay as they are. Each edit says at which
// line it stands, and the test fails when that line is gone, so that leaks do
// not rot. The built command is then run as its users run it:
//
//	dsim run world.yaml --seeds 1-100 --check-determinism
//
// must find that two runs of one process differ, name the cell, and guess the
// kind of cause. What differs between processes only is found by dsim diff of
// two traces, and rounding by traces of two families of processors.
//
// All of it is in the package's tests.
package leaks
