package node

import (
	"encoding/json"
	"testing"

	"example.com/dsim/cells"
	"example.com/dsim/replay/site"
	"example.com/dsim/scenarios"
)

// FuzzPrepare holds that no batch, as JSON brings it, breaks a node: it is refused,
// or prepared and committed. Sockets are left out: fuzzing is not to make files.
func FuzzPrepare(f *testing.F) {
	for _, p := range []Part{
		{Version: 1, Batch: []cells.Change{{Op: cells.AddCell, Cell: cell("alice", "abp", "role=sender", "messages=3")}}},
		{Version: 2, Batch: []cells.Change{
			{Op: cells.AddCell, Cell: cell("bob", "echo")},
			{Op: cells.AddLink, Link: cells.LinkSpec{
				Name: "ab", A: cells.Endpoint{Cell: "bob"}, B: cells.Endpoint{Cell: "carol"}, Stream: true, Both: []cells.Param{{Name: "delay", Value: "1ms"}},
			}},
			{Op: cells.SetLink, Link: cells.LinkSpec{Name: "ab", AB: []cells.Param{{Name: "cut", Value: "hold"}}}},
			{Op: cells.SetCell, Cell: cells.CellSpec{ID: "base", Params: []cells.Param{{Name: "run", Value: "crash"}}}},
			{Op: cells.RemoveLink, Link: cells.LinkSpec{Name: "out", Drain: true}},
			{Op: cells.RemoveCell, Cell: cells.CellSpec{ID: "base"}},
		}},
	} {
		text, err := toJSON(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var p Part
		if len(text) > 1<<16 || json.Unmarshal([]byte(text), &p) == nil && len(p.Wires) > 0 {
			return
		}
		n, err := New(Options{Name: "base", Make: scenarios.MakeProtocol, Cell: cell("base", "abp")})
		if err != nil {
			t.Fatal(err)
		}
		out := cells.LinkSpec{Name: "out", A: cells.Endpoint{Cell: "base", Port: "p0"}, B: cells.Endpoint{Cell: "far", Port: "p0"}}
		if err := n.driver.Apply(n.version()+1, []cells.Change{{Op: cells.AddLink, Link: out}}); err != nil {
			t.Fatal(err)
		}
		if n.prepare(text) == nil {
			if err := n.commit(p.Version); err != nil {
				t.Fatalf("prepared, and not committed: %v", err)
			}
			if err := n.driver.Err(); err != nil {
				t.Fatalf("the site has failed: %v", err)
			}
		}
		n.driver.View(func(s *site.Site) { _ = s.Network().Snapshot() })
		n.Metrics()
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzPort holds that no configuration of a port and no fault, as JSON brings them,
// breaks their readers.
func FuzzPort(f *testing.F) {
	f.Add("p0", `{"unix_socket": {"path": "/tmp/x", "mode": "server"}, "ber": 0.01, "loss": "10%", "log_level": "error"}`)
	f.Add("delay", `{"delay_ms": 10}`)
	f.Add("link", `{"interface": "127.0.0.1:5000:5001", "peer": "a:b", "stream": true, "seed": "1"}`)
	f.Fuzz(func(_ *testing.T, name, text string) {
		var config map[string]any
		if json.Unmarshal([]byte(text), &config) != nil {
			return
		}
		_ = CheckPort(name, config) // refused or not
		_, _ = faultParams(name, config)
	})
}
