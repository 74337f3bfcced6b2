// Package simrapid draws worlds with rapid: topologies, link parameters, fault
// schedules, commands and seeds are rapid's draws, so that rapid shrinks a
// failing world like any other value, keeps it in a fail file, and fuzzes it
// with MakeFuzz.
//
//	func TestAnyWorld(t *testing.T) {
//		rapid.Check(t, func(rt *rapid.T) {
//			w := simrapid.Draw(rt, simrapid.Plan{
//				Cells: [2]int{2, 12},
//				Cell:  func(rt *rapid.T, i int) (string, []string) { return "tree", nil },
//				Link:  simrapid.Loss(0, 20),
//				Faults: simrapid.AnyFaults, Stop: 10 * time.Second, Until: 30 * time.Second,
//				Expect: []string{"always: tree/at-most-once", "settled: tree/spanning, within: 10s, after: faults"},
//			})
//			simrapid.Run(rt, w)
//		})
//	}
//
// Smaller draws are simpler worlds: fewer cells, a line of them, no loss, no
// faults, earlier times. State machines over a running world are rapid's own
// Repeat with the actions of [Machine].
package simrapid
