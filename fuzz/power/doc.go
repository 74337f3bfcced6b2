// Power measures how well dsim finds mistakes. The folder corpus holds planted
// bugs, each of which gets past the tests of its package and the scenarios that
// are shipped. For each of them this command builds a program with the bug in
// it, gives that program a calm scenario and some seconds of processor time,
// and reports
//
//   - whether a world was found that fails, in how many worlds and seconds;
//   - how small that world was made: cells, links, faults, and events from what
//     comes from outside to the failure; and the nearest world that passes;
//   - how often the Go test that came of it fails with the bug, and passes without;
//   - what became of it in plain worlds: the same scenario under one seed after
//     another, without faults that are drawn, and without shrinking.
//
// A few minutes each, in the module's folder:
//
//	go run ./fuzz/power --bugs 'abp-ack*'
//	go run ./fuzz/power --out power.jsonl            # all; may be interrupted, and taken up again
//	go run ./fuzz/power --out power.jsonl --update   # and write RESULTS.md
//
// What runs with a bug in it runs in a process of its own: this very command,
// built with the bug, see [task]. So what the bug does to it, if it hangs or
// panics, is an outcome like others.
//
// How worlds are drawn and made small is left to packages explore and shrink,
// what a planted bug is to package corpus.
package main
