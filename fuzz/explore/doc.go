// Package explore draws worlds from a scenario and runs them, to find those in
// which something fails.
//
//	x, err := explore.New(ctx, explore.Options{Source: src, First: 1, Last: 10_000, Jobs: 2})
//	report, err := x.Run(ctx)
//	for _, f := range report.Found {
//		err = f.File.Save(filepath.Join("testdata", f.File.Signature.Slug()+repro.Ext))
//	}
//
// # A world
//
// World n is the scenario under seed n, with faults. Which families of faults
// are on is drawn first: none in some worlds, one in many, each with an even
// chance in the others; then where, when and how hard, from the ranges that the
// scenario declares under explore, or those of the families. In some worlds what
// would end a fault, a heal or a restart, is left out. Ties are shuffled, unless
// the scenario says how they go. All of that is written into the world's
// scenario, see [Fold]: a world is a file that needs neither this package nor
// its state to run again.
//
// # When faults end
//
// Drawn faults act before one time, the budget of safety. Then they end: all
// that was harmed is healed, or a core of the cells and what lies between them,
// or nothing is, and only no more faults come (freeze). Of the cells outside of
// a declared core some are lost for good then. See [Liveness]. From there on what must
// come to hold has its time, the budget of progress. A world in which that was
// too short is inconclusive, and not passed.
//
// Conditions that read what links count speak of the links as the scenario has
// them. They are judged in worlds without drawn faults. That something happens
// sometimes is asked of all worlds together.
//
// # What it is guided by
//
// A world covers places of a [Table]: the state of a cell as its protocol
// declares it, the event that reached the cell in it, and the fault that had
// touched that event. Half of the worlds are drawn anew; the others change one
// thing of a world that came to a new place. What has been seen counts from one
// batch to the next, and batches have a fixed size and are put together in the
// order of worlds: what is found does not depend on how many jobs there are.
//
// Running and keeping worlds is left to package repro, making them smaller to
// others.
package explore
