// Package swarm draws whole worlds of a scenario with rapid: which families of
// faults are on, where, when and how hard they act, how they end, ties and the
// seed are rapid's draws. So rapid makes a world that fails smaller like any
// other value: families go off first, then faults go, and those that are left
// become mild and early. What may be drawn is what dsim explore draws, from the
// ranges that the scenario declares under explore.
//
//	func TestAnyWorldOfMine(t *testing.T) {
//		swarm.Check(t, "testdata/mine.yaml", swarm.Options{})
//	}
//
//	func FuzzMine(f *testing.F) {
//		s, err := swarm.Load("testdata/mine.yaml", swarm.Options{})
//		if err != nil {
//			f.Fatal(err)
//		}
//		f.Fuzz(rapid.MakeFuzz(s.Hold()))
//	}
//
// A failure keeps its signature while it is made smaller, and Check leaves the
// smallest world as a repro file. Rapid's own flags say how many worlds are
// drawn (-rapid.checks), from which seed, and how long they are made smaller.
//
// Worlds of drawn topologies, and without a scenario, are left to package
// simrapid; a search that is guided by what worlds have come to, and runs some
// side by side, to package explore; worlds smaller than their plan, with chance
// by name, to package shrink.
package swarm
