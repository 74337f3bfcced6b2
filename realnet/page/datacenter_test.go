package page_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"

	"example.com/dsim/cells"
	"example.com/dsim/realnet/datacenter"
	"example.com/dsim/realnet/node"
	"example.com/dsim/realnet/page"
	"example.com/dsim/scenarios"
)

// process is a cell's process in this one, and gives its address.
func process(t *testing.T, name, role string) string {
	t.Helper()
	n, err := node.New(node.Options{Name: name, Make: scenarios.MakeProtocol, Cell: cells.CellSpec{
		ID: cells.ID(name), Protocol: "abp", Ports: []string{"p0"}, Params: []cells.Param{{Name: "role", Value: role}, {Name: "messages", Value: "100"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(n.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return server.URL
}

// TestMountedOnADatacenter: the page shows what a controller says, and what is
// done through the controller's API shows, there and to Prometheus.
func TestMountedOnADatacenter(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("datacenters need Linux")
	}
	dir, err := os.MkdirTemp("", "d") // short: paths of sockets are
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	run, err := datacenter.OpenRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := datacenter.New(datacenter.Options{Run: run, Make: scenarios.MakeProtocol})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := c.ApplyBodies(t.Context(), 0, []datacenter.ChangeBody{
		{Op: "add-cell", Name: "alice", Cell: &datacenter.CellBody{URL: process(t, "alice", "sender")}},
		{Op: "add-cell", Name: "bob", Cell: &datacenter.CellBody{URL: process(t, "bob", "receiver")}},
		{Op: "add-link", Name: "ab", Link: &datacenter.LinkBody{Ends: []string{"alice:p0", "bob:p0"}, Both: map[string]string{"loss": "10%"}}},
	}); err != nil {
		t.Fatal(err)
	}
	s := datacenter.NewServer(c)
	p := page.Mount(s, c, page.Options{Name: "lab"})
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Cleanup(p.Close)

	f := follow(t, server.URL, "")
	_, data := f.want("status", holds(`"state":"connected"`))
	for _, want := range []string{`"run":"running"`, `"adopted":true`, `"ends":["alice:p0","bob:p0"]`, `"ab":[{"name":"loss","value":"10%"}]`} {
		if !strings.Contains(data, want) {
			t.Errorf("the status has no %s: %s", want, data)
		}
	}
	r, err := http.Post(server.URL+"/api/links/ab/fault", "application/json", strings.NewReader(`{"op":"cut","direction":"ba"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if b, err := io.ReadAll(r.Body); err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("cut: %s %s, %v", r.Status, b, err)
	}
	f.want("events", holds(`"link-cut"`))
	f.want("status", holds(`"cut":true`))
	r, err = http.Get(server.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`dsim_cell_up{cell="alice"} 1`, `dsim_wire_up{cell="bob",link="ab",port="p0"} 1`, `dsim_link_cut{link="ab"} 1`, "dsim_datacenter_viewers 1", "dsim_topology_version 2"} {
		if !strings.Contains(string(b), want+"\n") {
			t.Errorf("/metrics has no %s", want)
		}
	}
}
