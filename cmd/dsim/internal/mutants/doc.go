// Package mutants plants mistakes into the trees and the link protocol, one at
// a time, and wants the property tests of package simrapid to catch each.
//
// A mistake is an edit of the sources that is applied when the tests are built,
// with -overlay: the sources stay as they are, and the package's test fails when
// the place of an edit is gone. Each is one that the conversations of the unit
// tests do not show, nor the shipped scenarios of trees under seed 42. A drawn
// world must show it, and rapid must shrink that world to a few cells, since a
// world of twelve explains nothing.
//
// All of it is in the package's tests. Two mistakes are tried normally, all with
// -long.
package mutants
