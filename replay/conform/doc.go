// Package conform says whether a trace is one that the simulator could have
// produced, and if not, which event is the first that it could not.
//
// It is a second opinion: it knows the rules of cells, links, clocks and timers,
// and none of the code of the engine that obeys them. From a trace it takes what
// reached each cell, gives that to a fresh protocol, and wants exactly the
// effects that the trace has; and it follows each frame from its send to its
// arrival.
//
//	res, err := conform.Check(t, conform.Options{Make: make, Seed: seed, Changes: changes})
//	if v := res.Violation; v != nil { fmt.Println(v) }
//
// What is wanted:
//
//   - events come in the order of time, those of one entity in that of their
//     keys, none twice, and each behind what caused it;
//   - a cell does, at each of its events, what its protocol does: the same
//     effects, in the same order, with the same bytes;
//   - a timer fires at the instant at which it is due by the cell's clock, if it
//     was not disarmed, and not otherwise;
//   - a frame arrives behind its send, with the bytes that were sent but for the
//     bits that its verdict flips, once and once for each copy, in order where
//     its link keeps order, not before the link can have carried it, not if the
//     link has dropped it; one that never arrives has a reason;
//   - a link takes no frame over its maximum, and none while it is cut, and does
//     what its parameters allow.
//
// Traces of live runs are judged by the same rules, but for two: sites learn of
// a change at instants of their own, and what a real wire was given before a cut
// arrives behind it.
package conform
