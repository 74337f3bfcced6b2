// Package shrink makes a world that fails small: the smallest one that fails in
// the same way, which a person can read.
//
//	r, err := shrink.Run(ctx, file.World, file.Signature, shrink.Options{})
//	os.Stdout.Write(r.Scenario())                     // a file that a person would have written
//	err = r.File(build).Save("testdata/x-small.repro") // the same, kept
//	test := r.Test("abp_test", "x-small.repro")        // a Go test of at most 30 lines
//	for _, n := range r.Neighbours {
//		fmt.Println(n) // links.ab.loss: 3% passes, 4% fails
//	}
//
// # How
//
// Parts are taken away, by halves, quarters and one by one: expectations, time,
// entries of the timeline, verdicts of links, cells, links, parameters. What is
// left is made plain: numbers become few and round, verdicts simple, ties go in
// order. That is repeated until nothing more can go, or a budget is used up. Only
// what was executed is there to begin with: chance is served by name, so that a
// verdict is a part like any other.
//
// At last each of these forms of chance is tried: verdicts by name, a probability
// with a seed, and cuts of a link for a moment. The one with the fewest faults
// stays; of equal ones the one that a scenario file alone can say.
//
// # What stays the same
//
// A smaller world counts only if it has a failure with the very signature that was
// asked for. Two failures of one world are two tasks, and neither becomes the
// other.
//
// A failure that is about something not happening could be had for nothing, by a
// world in which it cannot happen. So for these faults are not left open that were
// ended, time for progress is not taken away, and a world must come out well
// without its faults if the first one did; if that one did not, nothing is changed
// that the condition is about.
//
// Running worlds, and what makes two failures one, is left to package repro.
package shrink
