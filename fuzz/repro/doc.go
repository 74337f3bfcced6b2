// Package repro keeps failures: a world that can be run anywhere, what went
// wrong in it, and a text file of both that outlives changes of the code.
//
//	w := repro.World{Name: "lossy.yaml", Text: text, Seed: des.SeedOf(7)}
//	out, err := w.Run(ctx, repro.Options{Choices: true})
//	for _, f := range out.Failures {
//		fmt.Println(f.Signature) // abp/exactly-once-in-order | <abp receiver> delivers … | abp receiver
//	}
//
//	_, out, err = repro.Serve(ctx, out, out.Failures[0], repro.Options{}) // chance by name
//	file := repro.Keep(out, out.Failures[0], build)
//	err = file.Save("testdata/dsim/twice.repro") // atomically
//
//	file, err := repro.Load("testdata/dsim/twice.repro")
//	report, err := file.Check(ctx, repro.Options{}) // reproduced, fixed, flaky or does not apply
//
// # What makes two failures one
//
// A failure is known by its [Signature]: the property, the place that tells of
// it with names of cells replaced by their roles and without numbers, and the
// roles of those concerned. Neither seed nor time nor digest is part of it, so
// that a smaller world, or the same one in another build, fails likewise.
//
// # What keeps a repro from rotting
//
// A file holds the scenario whole, and chance by name: the verdict on frame 12
// of ab>, not the twelfth draw of a generator. A world that serves its choices
// takes every frame they do not name for delivered plainly. A draw, a log line
// or a cell more in the program leaves all that where it is. Where a choice does
// not apply any more, Check looks for the frame it was made for by its bytes and
// its time, and says what it moved.
//
// Running worlds is left to package scenarios, searching to explore.
package repro
