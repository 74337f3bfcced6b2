// Package explain says why a world failed: what led to the failure, which of
// the faults mattered, and from when on it could hardly be averted.
//
//	file, err := repro.Load("testdata/lossy-in-time-1a2b.repro")
//	x, err := explain.Explain(ctx, file, explain.Options{})
//	err = x.Text(os.Stdout) // or x.SVG(w) for the curve; x itself is JSON
//
// # The chain
//
// Records say which event scheduled which. The chain goes from the event at
// which the failure was seen back to its roots, and is shown with what was sent
// and emitted on the way. A frame that was lost has no successor, so it is in
// no chain: at each timer that fired, the frames are named that were removed
// while it ran, and with what must come and did not, those that were removed
// around the cells it was asked of.
//
// # Twins
//
// A twin is the same world without one fault: an entry of the timeline with
// what ends it, a parameter of a link, the verdicts of a kind on one direction,
// one verdict. If nothing fails in the twin, the fault was decisive; if the
// same fails, it was harmless. One that makes the world fail even alone is the
// culprit. Where no fault is decisive by itself, pairs are left out.
//
// # The curve
//
// From a point of the run on, chance is drawn anew, many times: in how many of
// these runs does the same fail? What is drawn anew are the verdicts of links,
// from the parameters that they have in the world, and the times of those faults
// of the timeline that have not begun. Jitter, ties and what cells draw stay.
// Points lie between the instants at which frames are sent or the timeline acts;
// at the steepest rise, the cliff, they are set closer until one is left.
//
// All of it follows from the repro: fresh seeds are made of its seed, and the
// number of jobs changes nothing.
//
// Running worlds is left to package repro, records to replay, and making a
// world smaller to others.
package explain
