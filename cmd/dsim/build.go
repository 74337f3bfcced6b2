package main

import (
	"runtime"
	"runtime/debug"
	"strings"

	"example.com/dsim/replay"
)

// version is set by release builds: -ldflags "-X main.version=v1.2.3".
var version = ""

// build is what made this binary.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Dirty    bool   `json:"dirty,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Trace    int    `json:"trace_format"`
}

func buildInfo() build {
	b := build{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Trace: replay.FormatVersion}
	info, ok := debug.ReadBuildInfo()
	if ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		b.Version = info.Main.Version
	}
	if version != "" {
		b.Version = version
	}
	if ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Revision = s.Value
			case "vcs.modified":
				b.Dirty = s.Value == "true"
			}
		}
	}
	return b
}

// String is the build on one line, as traces keep it.
func (b build) String() string {
	parts := []string{b.Version}
	if b.Revision != "" {
		r := b.Revision[:min(12, len(b.Revision))]
		if b.Dirty {
			r += "+dirty"
		}
		parts = append(parts, r)
	}
	return strings.Join(append(parts, b.Go, b.Platform), " ")
}
