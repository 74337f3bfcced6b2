package corpus

import "strings"

// Family is a family of protocols and what a bug in it has to get past.
type Family struct {
	Name     string
	Main     string   // the main scenario, below the module's root
	Packages []string // whose unit tests are run
	Random   []string // tests among them that draw their worlds, and are no unit tests
}

// Families are all of them, in the order of names.
var Families = []Family{
	{
		"abp", "scenarios/abp/lossy.yaml",
		[]string{"./protocols/abp", "./protocols/wire"},
		[]string{"TestExactlyOnceInOrderOverABadLink", "TestRestartWithKeptState"},
	},
	{
		"abp5", "scenarios/abp5/counter.yaml",
		[]string{"./protocols/abp5", "./protocols/wire"},
		[]string{"TestCountsUpOverALossyLink"},
	},
	{
		"abp64", "scenarios/abp64/counter.yaml",
		[]string{"./protocols/abp64", "./protocols/wire"},
		[]string{"TestCountsUpOverABadLink"},
	},
	{
		"echo", "scenarios/echo/delay.yaml",
		[]string{"./protocols/echo"},
		[]string{"TestEverythingComesBack", "TestBreaks"},
	},
	{
		"plain", "fuzz/power/corpus/calm/plain.yaml",
		[]string{"./protocols/tree", "./protocols/neighbour"},
		[]string{"TestPlainSpansAWorldWithoutFaultsAndFailsUnderLoss", "TestRandomWorldsConverge"},
	},
	{
		"switchyard", "scenarios/switchyard/demo.yaml",
		[]string{"./protocols/switchyard", "./protocols/switchyard/service", "./protocols/stream"},
		[]string{"TestAnyCutGivesTheSameFrames", "TestChunksOfAFabricDoNotMatter", "TestChunksOfAnEndpointDoNotMatter", "TestFramesComeInOrder"},
	},
	{
		"tree", "scenarios/tree/ring-cut-twice.yaml",
		[]string{"./protocols/tree", "./protocols/neighbour"},
		[]string{"TestRandomWorldsConverge"},
	},
}

func find(name string) *Family {
	for i := range Families {
		if Families[i].Name == name {
			return &Families[i]
		}
	}
	return nil
}

// Skip is the pattern of go test's -skip for what is no unit test: tests that
// draw worlds or values by the hundred do what the search does, in small.
func (f *Family) Skip() string {
	return "^(" + strings.Join(append([]string{"TestOracleFinds", "TestRoundTrip", "Fuzz.*"}, f.Random...), "|") + ")$"
}
