package command

import (
	"runtime"
	"runtime/debug"
	"strings"

	"example.com/dsim/replay"
)

// version is set by release builds: -ldflags "-X example.com/dsim/cmd/dsim/command.version=v1.2.3".
var version = ""

// module is what this is a package of.
const module = "example.com/dsim"

// build is what made this binary.
type build struct {
	Program  string `json:"program,omitempty"` // its package, if that is not dsim's own
	Version  string `json:"version"`           // of dsim
	Revision string `json:"revision,omitempty"`
	Dirty    bool   `json:"dirty,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Trace    int    `json:"trace_format"`
}

func buildInfo() build {
	b := build{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Trace: replay.FormatVersion}
	info, ok := debug.ReadBuildInfo()
	if ok {
		b.of(info)
	}
	if version != "" {
		b.Version = version
	}
	return b
}

// of takes what the Go command has noted. In a program of somebody else's, dsim is
// one of its modules, and the revision is the program's.
func (b *build) of(info *debug.BuildInfo) {
	dsim := &info.Main
	if info.Path != module+"/cmd/dsim" && !strings.HasSuffix(info.Path, ".test") {
		b.Program = info.Path
	}
	for _, m := range info.Deps {
		if m.Path == module {
			dsim = m
		}
	}
	if dsim.Version != "" && dsim.Version != "(devel)" {
		b.Version = dsim.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Dirty = s.Value == "true"
		}
	}
}

// String is the build on one line, as traces keep it.
func (b build) String() string {
	var parts []string
	if b.Program != "" {
		parts = append(parts, b.Program)
	}
	parts = append(parts, b.Version)
	if b.Revision != "" {
		r := b.Revision[:min(12, len(b.Revision))]
		if b.Dirty {
			r += "+dirty"
		}
		parts = append(parts, r)
	}
	return strings.Join(append(parts, b.Go, b.Platform), " ")
}
