package command

import (
	"runtime/debug"
	"testing"
)

// TestBuildTellsProgramsApart: of a program that is not dsim's own, its package
// is named, and the version is that of the dsim in it.
func TestBuildTellsProgramsApart(t *testing.T) {
	for _, c := range []struct {
		why  string
		info debug.BuildInfo
		want string
	}{
		{"dsim itself", debug.BuildInfo{Path: module + "/cmd/dsim", Main: debug.Module{Path: module, Version: "v1.2.3"}}, "v1.2.3 go"},
		{"a working tree", debug.BuildInfo{Path: module + "/cmd/dsim", Main: debug.Module{Path: module, Version: "(devel)"}}, "devel go"},
		{"an example", debug.BuildInfo{Path: module + "/docs/examples/ringsim", Main: debug.Module{Path: module}}, module + "/docs/examples/ringsim devel go"},
		{"somebody's", debug.BuildInfo{
			Path: "ring.org/sim", Main: debug.Module{Path: "ring.org", Version: "v9.0.0"}, Deps: []*debug.Module{{Path: module, Version: "v1.2.3"}},
		}, "ring.org/sim v1.2.3 go"},
	} {
		b := build{Version: "devel", Go: "go"}
		if b.of(&c.info); b.String() != c.want+" " {
			t.Errorf("%s: %q, want %q", c.why, b.String(), c.want)
		}
	}
}
