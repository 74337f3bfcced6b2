// Package systematic goes through all runs of a small world, within bounds, and
// writes down what it has covered.
//
//	cert, err := systematic.Search(ctx, systematic.Options{
//		Source: src, Seed: des.SeedOf(1), Faults: 1, Depth: 10,
//	})
//	fmt.Println(cert) // executions, classes, verdicts, and whether that is all
//
// # What a run is here
//
// The choices of a run are steps. Each is of one cell: one of the frames on the
// way to it arrives next, or its own next event comes first: a timer, a command,
// a crash. Or it is a fault: a frame is lost, arrives twice, or with a bit
// flipped. The first Depth steps are chosen in all possible ways, with at most
// so many faults; what is on the way after them, or is sent then, arrives
// without further delay, and the run goes on to its end and is judged.
//
// A frame takes at least its link's delay, and any time longer. A chosen arrival
// happens as soon as the order at its cell allows: at the frame's earliest time,
// or a nanosecond after the event before it. So every run is one of the virtual
// network, under the verdicts "late:…", "drop:loss", "dup:1" and "flip:…", and
// each verdict of a certificate is kept as a repro that anybody can run.
//
// # Reduction
//
// Steps of different cells, and losses, commute: in either order they lead to
// the same verdicts of links, so to the same run, event by event. Sleep sets
// (Godefroid, "Partial-Order Methods for the Verification of Concurrent
// Systems", 1996) leave out what only reorders such steps; all steps of one cell
// depend on each other. Brute force goes through all orders; both reach the same
// classes of runs, where a class is a digest.
//
// # What is not covered
//
// Time is as short as the order allows. Where a protocol looks at the time that
// passed, or the timers of two cells run against each other, a delay that
// changes no order at the frame's own cell may matter, and is not tried. Which
// of two events of different cells comes first by the clock is not varied
// either; an oracle that asks for it judges one of the two. The second copy of a
// frame follows right behind the first. Bits flip as listed, and chance within
// a protocol is that of the seed.
package systematic
