// Package playback runs again, in virtual time, what package journal has
// written down of live sites.
//
// [Play] gives one site back, from its inputs alone, and compares: what it sent,
// emitted and armed, and what each of its cells is, must be what the live site
// had at every checkpoint.
//
//	r, err := journal.Open("rec/alice.0.journal")
//	report, err := playback.Play(r, playback.Options{Make: make})
//	fmt.Println(report.Marks, report.Reproduced, report.Difference)
//
// [Merge] plays all the journals of a run together, in the order of true time,
// and finds for each frame that arrived somewhere the one that was sent: one
// stream of records of the whole world, and the delays of its links.
//
// What a trace is is left to package replay, and what a world is to scenarios.
package playback
