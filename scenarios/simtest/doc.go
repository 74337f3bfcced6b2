// Package simtest runs dsim's worlds inside go test.
//
//	func TestLossy(t *testing.T) { simtest.File(t, "testdata/lossy.yaml") }
//
//	func TestGreets(t *testing.T) {
//		simtest.Run(t, two, func(w *simtest.World) {
//			w.Command("alice", "send hello")
//			w.Until("bob.delivered == 1", time.Second)
//			w.SetLink("ab", "cut=lost")
//			…
//		})
//	}
//
// Each test runs under several seeds, each a subtest; a failing one ends in the
// commands that repeat it, and leaves its trace in the test's artifact
// directory (go test -artifacts keeps it). The seeds that failed once are kept
// under testdata/dsim and run first from then on, until the file is removed.
//
// Flags:
//
//	-dsim.seed N     this seed alone
//	-dsim.runs N     how many seeds, from 1; default 10, with -short 3
//	-dsim.set K=V    another value in the scenario, as --set of the command has it
//	-dsim.tell       log what happens: commands, what cells say, what links do
//	-dsim.trace L    choices (the default), events, or off
//
// Runs share nothing: tests may be parallel, shuffled, repeated, and run under
// the race detector. What a world is, and what a scenario may say, is left to
// package scenarios; worlds that are drawn and shrunk, to package simrapid.
package simtest
