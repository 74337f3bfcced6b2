package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"example.com/dsim/realnet/xmlrpc"
)

// The first document's config file, as it stands, makes cells on real interfaces:
// each finds its one neighbour, whom nobody has named, on each of three.
func TestCellsOfTheDocumentsFileOnInterfaces(t *testing.T) {
	for _, tool := range []string{"unshare", "nsenter", "ip"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: cells on interfaces are not tried", tool)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "unshare", "-rn", "ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1").CombinedOutput(); err != nil {
		t.Skipf("this machine allows no network namespaces: cells on interfaces are not tried: %s", out)
	}
	dir := shortDir(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(exe, filepath.Join(dir, "dsim")); err != nil {
		t.Fatal(err)
	}
	config, err := filepath.Abs("../../../scenarios/nodefile/testdata/document.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "-rn", "sh", "testdata/physical.sh", dir, config)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var cells [2]*xmlrpc.Client
	for i, name := range []string{"sahas", "zoe"} {
		if cells[i], err = xmlrpc.NewClient("unix:"+filepath.Join(dir, name), xmlrpc.Options{}); err != nil {
			t.Fatal(err)
		}
		defer cells[i].Close()
	}
	for i, c := range cells {
		for end := clockAfter(30 * time.Second); !joined(t, c); time.Sleep(20 * time.Millisecond) {
			if end() {
				v, err := c.Call(t.Context(), "get_metrics")
				t.Fatalf("cell %d has not found its neighbour: %v %v", i, v, err)
			}
		}
	}
	for _, c := range cells {
		if _, err := c.Call(t.Context(), "shutdown"); err != nil {
			t.Error(err)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// joined reports whether a cell's ports are all connected and its tree has both
// cells.
func joined(t *testing.T, c *xmlrpc.Client) bool {
	v, err := c.Call(t.Context(), "get_metrics")
	m, ok := v.(xmlrpc.Struct)
	if err != nil || !ok {
		return false // not up yet
	}
	for _, p := range m["ports"].(xmlrpc.Struct) {
		if p.(xmlrpc.Struct)["link_state"] != "connected" {
			return false
		}
	}
	agent := m["agent"].(xmlrpc.Struct)
	return len(m["ports"].(xmlrpc.Struct)) == 3 && agent["trees_count"] == int64(2) && agent["state"].(xmlrpc.Struct)["members"] == int64(2)
}

// clockAfter reports whether so much time has gone by.
func clockAfter(d time.Duration) (over func() bool) {
	end := time.Now().Add(d)
	return func() bool { return time.Now().After(end) }
}
