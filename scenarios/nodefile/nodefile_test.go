package nodefile

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

var levels = []string{"debug", "info", "warning", "error", "critical"}

// The file of the first document, as it stands there.
func TestTheDocumentsFileIsRead(t *testing.T) {
	c, err := Load("testdata/document.yaml", Options{Levels: levels})
	if err != nil {
		t.Fatal(err)
	}
	port := func(name string, line string) Port {
		return Port{name, "document.yaml:" + line + ":5", map[string]any{"interface": name}}
	}
	want := &Config{
		NodeID: "sahas", Protocol: "tree", LogDir: "/opt/hermes/logs", LogDirAt: "document.yaml:3:12",
		Levels: []Level{{"websocket_server", "info"}, {"alice", "info"}, {"charlie", "info"}},
		Ports:  []Port{port("en2", "10"), port("en3", "12"), port("en4", "14")},
	}
	if diff := cmp.Diff(want, c, cmp.Comparer(func(a, b des.Seed) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestAllThatAFileMaySay(t *testing.T) {
	c, err := Load("testdata/whole.yaml", Options{Levels: levels})
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		NodeID: "sahas", Protocol: "abp", LogDir: "/var/log/dsim", LogDirAt: "whole.yaml:12:12",
		Params: []cells.Param{{Name: "role", Value: "both"}, {Name: "messages", Value: "1000"}, {Name: "rto", Value: "2ms"}},
		Seed:   des.SeedOf(42), HasSeed: true, RPC: "unix:/run/dsim/sahas.rpc", Record: "/var/lib/dsim",
		Levels: []Level{{"sahas", "INFO"}, {"rpc", "warning"}, {"site", "debug"}},
		Ports: []Port{
			{"p0", "whole.yaml:16:5", map[string]any{
				"unix_socket": map[string]any{"path": "/tmp/link_sahas_alice.sock", "mode": "server", "type": "stream"},
				"ber":         "0.01", "loss": "10%", "peer": "alice:p0", "link": "ab", "log_level": "error",
			}},
			{"p1", "whole.yaml:23:5", map[string]any{"interface": "127.0.0.1:5000:5001"}},
			{"p2", "whole.yaml:25:5", nil},
		},
		Notes: []string{"whole.yaml:14:20: web_socket_port: does nothing: what a cell shows is at /metrics and /status.json of its rpc address"},
	}
	if diff := cmp.Diff(want, c, cmp.Comparer(func(a, b des.Seed) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsWrongHasItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"ports: []":                          "x.yaml:1:1: config: is missing",
		"[]":                                 "x.yaml:1:1: the file: want a map",
		"config: {}\nprots: []":              `x.yaml:2:1: the file: no key "prots"; did you mean "ports"?`,
		"config: {protocol: abq}":            `x.yaml:1:20: protocol "abq": there is none of that name; did you mean "abp"?`,
		"config: {protokol: abp}":            `x.yaml:1:10: config: no key "protokol"; did you mean "protocol"?`,
		"config: {protocol: }":               "x.yaml:1:20: protocol: want a value",
		"config: {node_id: a b}":             `x.yaml:1:19: node_id: name "a b": want letters`,
		"config: {node_id: [a]}":             "x.yaml:1:19: node_id: want a value",
		"config: {seed: red}":                "x.yaml:1:16: seed",
		"config: {log_level: {alice: loud}}": `x.yaml:1:29: log_level.alice: no level "loud"; one of debug`,
		"config: {log_level: {alice: inof}}": `did you mean "info"?`,
		"config: {log_level: info}":          "x.yaml:1:21: log_level: want a map",
		"config: {log_level: {websocket: info, webscket_server: info}}":             `x.yaml:1:39: log_level: no log "webscket_server"; did you mean "websocket_server"?`,
		"config: {log_level: {a/b: info}}":                                          `x.yaml:1:22: log_level: name "a/b"`,
		"config: {web_socket_port: 70000}":                                          "x.yaml:1:27: web_socket_port",
		"config: {protocol: abp, params: {role: sendr}}":                            `x.yaml:1:33: protocol abp: cell cell: role "sendr": not allowed; did you mean "sender"?`,
		"config: {protocol: abp, params: {rloe: sender}}":                           `no parameter "rloe"; did you mean "role"?`,
		"config: {protocol: abp, protocol: abp}":                                    "is there already",
		"config: {}\nports: {}":                                                     "x.yaml:2:8: ports: want a list",
		"config: {}\nports: [{interface: en0}]":                                     "x.yaml:2:9: a port: name is missing",
		"config: {}\nports: [{name: a}, {name: a}]":                                 "x.yaml:2:27: port a: is there already",
		"config: {}\nports: [{name: a, lose: 1%}]":                                  `x.yaml:2:19: a port: no key "lose"; did you mean "loss"?`,
		"config: {}\nports: [{name: a, interface: b, loss: 200%}]":                  "x.yaml:2:39: loss",
		"config: {}\nports: [{name: a, loss: 1%}]":                                  "x.yaml:2:9: port a: neither interface nor unix_socket",
		"config: {}\nports: [{name: a, unix_socket: /tmp/x}]":                       "x.yaml:2:32: unix_socket: want a map",
		"config: {}\nports: [{name: a, unix_socket: {path: /tmp/x, moed: server}}]": `x.yaml:2:47: unix_socket: no key "moed"; did you mean "mode"?`,
		"config: {}\nports: [{name: a, interface: en0, log_level: 7}]":              `no level "7"`,
		"a: b: c": "not YAML",
		"":        "empty",
	} {
		_, err := Parse("x.yaml", []byte(text), Options{Levels: levels})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n\t%v\nwant\n\t%s", text, err, want)
		}
	}
	if _, err := Parse("x.yaml", []byte("config: {protocol: tree, params: {role: sender}}"), Options{Protocol: "abp"}); err != nil {
		t.Errorf("with another protocol: %v", err)
	}
	if _, err := Load("testdata/none.yaml", Options{}); err == nil {
		t.Error("a file that is not there was read")
	}
	for _, bad := range []string{"", "-a", "a.b", "ä", strings.Repeat("a", 64)} {
		if CheckName(bad) == nil {
			t.Errorf("%q is a name", bad)
		}
	}
}

// The handbook's file is one.
func TestTheHandbooksFileIsRead(t *testing.T) {
	page, err := os.ReadFile("../../docs/handbook/cells.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(page), "```yaml\n")
	text, _, whole := strings.Cut(text, "```")
	if !found || !whole {
		t.Fatal("the page has no file")
	}
	c, err := Parse("cells.md", []byte(text), Options{Levels: levels})
	if err != nil || c.NodeID != "sahas" || len(c.Ports) != 3 {
		t.Errorf("%v %+v", err, c)
	}
}
