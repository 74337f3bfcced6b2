package laws

import (
	"fmt"
	"strings"
	"testing"
)

// floors is the house, ground floor first: each room, and the rooms it may
// import besides its own. Links and protocols never see each other; scenarios
// knows sites only through cells.Datacenter, so that virtual runs build for
// wasm; cmd/dsim alone wires everything.
var floors = []struct{ room, sees string }{
	{"clock", ""},
	{"des", "clock"},
	{"cells", "clock des"},
	{"links", "clock des cells"},
	{"protocols", "clock des cells"},
	{"replay", "clock des cells links protocols"},
	{"realnet", "clock des cells links protocols replay"},
	{"scenarios", "clock des cells links protocols replay"},
	{"fuzz", "clock des cells links protocols replay scenarios"},
	{"docs/bench", ""},
	{"docs/examples/ringsim", "cells scenarios docs/examples/tokenring cmd/dsim/command"},
	{"docs/examples", "clock des cells links protocols replay scenarios"},
	{"cmd/dsim", "clock des cells links protocols replay realnet scenarios fuzz"},
}

// owners says who alone may import a package from outside, as a prefix of
// import paths. A room stands for all packages below it. "tests" are test
// files anywhere and the packages made for them.
var owners = []struct{ outside, rooms string }{
	{"github.com/google/gopacket", "replay/internal/pcapng"},
	{"gopkg.in/yaml.v3", "scenarios/internal/yamlx"},
	{"github.com/invopop/jsonschema", "scenarios"},
	{"github.com/santhosh-tekuri/jsonschema/v6", "scenarios"},
	{"github.com/expr-lang/expr", "scenarios"},
	{"github.com/klauspost/compress", "replay"},
	{"github.com/SaveTheRbtz/zstd-seekable-format-go/pkg", "replay"},
	{"github.com/anishathalye/porcupine", "scenarios/linear"},
	{"golang.org/x/sys", "realnet"},
	{"golang.org/x/net", "realnet"},
	{"github.com/mdlayher", "realnet"},
	{"github.com/vishvananda/netlink", "realnet"},
	{"github.com/prometheus/client_golang", "realnet"},
	{"github.com/danielgtaylor/huma/v2", "realnet"},
	{"golang.org/x/term", "cmd/dsim"},
	{"github.com/spf13/cobra", "cmd/dsim"},
	{"github.com/spf13/pflag", "cmd/dsim"},
	{"github.com/jedib0t/go-pretty/v6", "cmd/dsim"},
	{"github.com/vbauerster/mpb/v8", "cmd/dsim"},
	{"github.com/lmittmann/tint", "cmd/dsim"},
	{"github.com/google/go-cmp", "tests"},
	{"github.com/rogpeppe/go-internal", "tests"},
	{"pgregory.net/rapid", "tests"},
	// Of the standard library: only realnet opens sockets. Values such as
	// netip.Addr and parsers such as net/url open none.
	{"net", "realnet"},
	{"syscall", "realnet cmd/dsim"},
	{"plugin", ""},
	{"unsafe", ""},
	{"C", ""},
}

// socketless are the packages under net that anyone may import.
var socketless = "net/netip net/url net/textproto net/mail"

// testPackages are packages that are no test files but made for tests.
var testPackages = "cells/celltest scenarios/simtest scenarios/simrapid fuzz/swarm"

// judgeImport says what is wrong with room from importing path, "" if nothing.
func judgeImport(from, path string, standard, test bool) string {
	if to, ours := strings.CutPrefix(path, module+"/"); ours {
		if test {
			return "" // a test may look down on its room from above
		}
		return judgeFloor(from, to)
	}
	for _, o := range owners {
		if !within(path, o.outside) || anyWithin(path, socketless) {
			continue
		}
		tests := test || anyWithin(from, testPackages)
		if anyWithin(from, o.rooms) || tests && (o.rooms == "tests" || standard) {
			return ""
		}
		if o.rooms == "" {
			return fmt.Sprintf("imports %s, which nobody may", path)
		}
		return fmt.Sprintf("imports %s, which is left to %s", path, o.rooms)
	}
	if !standard {
		return fmt.Sprintf("imports %s, which has no owner in the table of imports", path)
	}
	return ""
}

func judgeFloor(from, to string) string {
	for _, f := range floors {
		if !within(from, f.room) {
			continue
		}
		if within(to, f.room) || anyWithin(to, f.sees) {
			return ""
		}
		if f.sees == "" {
			return fmt.Sprintf("%s imports %s, but lies on the ground floor", from, to)
		}
		return fmt.Sprintf("%s imports %s, but %s sees only %s", from, to, f.room, f.sees)
	}
	return fmt.Sprintf("%s lies in no room of the table of floors", from)
}

func anyWithin(pkg, rooms string) bool {
	for _, r := range strings.Fields(rooms) {
		if within(pkg, r) {
			return true
		}
	}
	return false
}

// TestRoomsImportOnlyRoomsBelow holds every package to the table of floors, and
// every import from outside to the table of owners.
func TestRoomsImportOnlyRoomsBelow(t *testing.T) {
	tr := sources(t)
	var vs []violation
	for _, p := range tr.ours {
		judge := func(paths []string, test bool) {
			for _, path := range paths {
				dep := tr.packages[path]
				standard := dep != nil && dep.Standard || !strings.Contains(strings.SplitN(path, "/", 2)[0], ".")
				if text := judgeImport(p.room(), path, standard, test); text != "" {
					vs = append(vs, violation{file: p.room(), text: text})
				}
			}
		}
		judge(p.Imports, false)
		judge(p.TestImports, true)
		judge(p.XTestImports, true)
		if judgeFloor(p.room(), p.room()) != "" {
			vs = append(vs, violation{file: p.room(), text: "lies in no room of the table of floors"})
		}
	}
	report(t, vs)
}

func TestJudgeImportCatchesPlanted(t *testing.T) {
	for _, c := range []struct {
		from, path string
		test       bool
		want       string // a part of the violation, "" for none
	}{
		{"clock", module + "/des", false, "ground floor"},
		{"des", module + "/clock", false, ""},
		{"des", module + "/cells", false, "sees only clock"},
		{"links", module + "/protocols/abp", false, "links sees only"},
		{"protocols/abp", module + "/links", false, "protocols sees only"},
		{"protocols/abp", module + "/protocols/wire", false, ""},
		{"scenarios", module + "/realnet/control", false, "scenarios sees only"},
		{"replay", module + "/scenarios", false, "replay sees only"},
		{"cells", module + "/links", true, ""},
		{"cells", module + "/cmd/dsim", false, "cells sees only"},
		{"attic", module + "/clock", false, "no room"},
		{"scenarios", "gopkg.in/yaml.v3", false, "left to scenarios/internal/yamlx"},
		{"scenarios/internal/yamlx", "gopkg.in/yaml.v3", false, ""},
		{"replay", "github.com/google/gopacket/layers", false, "left to replay/internal/pcapng"},
		{"replay", "github.com/google/gopacketry", false, "no owner"},
		{"des", "pgregory.net/rapid", false, "left to tests"},
		{"des", "pgregory.net/rapid", true, ""},
		{"cells/celltest", "pgregory.net/rapid", false, ""},
		{"scenarios", "net", false, "left to realnet"},
		{"scenarios", "net/http", false, "left to realnet"},
		{"scenarios", "net/netip", false, ""},
		{"realnet/metrics", "net/http", false, ""},
		{"realnet", "unsafe", false, "nobody may"},
		{"cells", "fmt", false, ""},
	} {
		standard := !strings.Contains(strings.SplitN(c.path, "/", 2)[0], ".")
		got := judgeImport(c.from, c.path, standard, c.test)
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("judgeImport(%s, %s, test %t) = %q, want %q in it", c.from, c.path, c.test, got, c.want)
		}
	}
}
