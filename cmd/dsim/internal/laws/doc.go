// Package laws holds the sources of the project to its laws. It has tests
// only: they read every Go file of the module, with its types, and every other
// text file, and name each line that breaks a law.
//
//   - imports_test.go: which room may import which, and which room alone may
//     use a module from outside;
//   - bans_test.go: what must not stand in the rooms that decide events, since
//     it could make a run depend on more than its build, scenario and seed;
//   - tidy_test.go: how the house looks;
//   - book_test.go: every test that docs/laws.md names exists.
//
// A ban has two exceptions, and both want a reason:
//
//	for k := range m { //dsim:sorted only counted, so the order is not seen
//	//dsim:report a figure for people; no event reads it
//
// The first allows one range over a map. The second, in the comment of a
// declaration or on a line, allows floats there. An exception that is not
// needed, or gives no reason, is a violation itself.
//
// Each check is itself checked against planted violations: files in
// testdata/planted say on the line what must be caught, and nothing else may be.
package laws
