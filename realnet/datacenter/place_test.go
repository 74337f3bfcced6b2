package datacenter

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/realnet/metrics"
	"example.com/dsim/realnet/socket"
)

// running starts a process of a cell that belongs to no controller, and gives its
// address.
func running(t *testing.T, name string) (url string, pid int) {
	t.Helper()
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	url = "unix:" + dir + "/x.rpc"
	cmd := exec.Command(os.Args[0], "--name", name, "--rpc", url)
	cmd.Env = append(os.Environ(), asCell+"=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	until(t, "it listens", func() bool { _, err := os.Stat(dir + "/x.rpc"); return err == nil })
	return url, cmd.Process.Pid
}

func TestARunningCellIsTakenOverAndLetGo(t *testing.T) {
	url, pid := running(t, "bob")
	c := start(t)
	b := Batch{
		Version: 4, Changes: []cells.Change{probeCell("alice"), probeCell("bob"), joinChange("ab", "alice:p0", "bob:p0")},
		Places: map[cells.ID]Place{"bob": {URL: url}},
	}
	if err := c.ApplyBatch(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	talk(t, c, "alice", "bob", "hello")
	other := b
	other.Places = nil
	if err := c.ApplyBatch(t.Context(), other); !errors.Is(err, cells.ErrStale) {
		t.Errorf("the same batch at another place: %v", err)
	}
	if err := c.ApplyBatch(t.Context(), b); err != nil {
		t.Errorf("the same batch again: %v", err)
	}
	if err := c.Kill("bob"); err == nil || !strings.Contains(err.Error(), "not ours") {
		t.Errorf("killing what is not ours: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if !alive(pid) {
		t.Fatal("it was ended with the controller")
	}
	// Another controller finds it as it is: with its cell, at its version.
	d := start(t)
	take := Batch{Changes: []cells.Change{{Op: cells.AddCell, Cell: cells.CellSpec{ID: "robert"}}}, Places: map[cells.ID]Place{"robert": {URL: url}}}
	if _, err := d.Next(t.Context(), take); err != nil {
		t.Fatal(err)
	}
	next(t, d, probeCell("carol"), joinChange("rc", "robert:p1", "carol:p0"))
	until(t, "it talks under another name", func() bool {
		if _, err := d.Command("robert", []string{"send", "1", "renamed"}); err != nil {
			t.Fatal(err)
		}
		log, err := d.Command("carol", []string{"log"})
		return err == nil && strings.Contains(log, "recv 0 renamed")
	})
	if x := d.Snapshot().Cells[1]; x.ID != "robert" || x.Protocol != "probe" {
		t.Errorf("it shows as %+v", x)
	}
	next(t, d, removeCellChange("robert"))
	until(t, "it is shut down", func() bool {
		_, err := os.Stat(strings.TrimPrefix(url, "unix:"))
		return err != nil
	})
}

// freePorts are two UDP ports that nobody has.
func freePorts(t *testing.T) (a, b uint16) {
	t.Helper()
	var ports [2]uint16
	for i := range ports {
		l, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports[i] = uint16(l.LocalAddr().(*net.UDPAddr).Port)
	}
	return ports[0], ports[1]
}

// Two datacenters of one cell each, as two machines are: each has the other's cell
// as one that is elsewhere.
func TestALinkMayLeadToAnotherDatacenter(t *testing.T) {
	p, q := freePorts(t)
	both := []cells.Change{probeCell("alice"), probeCell("bob"), joinChange("ab", "alice:p0", "bob:p0", cells.Param{Name: "delay", Value: "1ms"})}
	one, two := start(t), start(t)
	for k, c := range []*Controller{one, two} {
		b := Batch{Version: 1, Changes: both, Places: map[cells.ID]Place{[]cells.ID{"bob", "alice"}[k]: {Elsewhere: true}}}
		if err := c.ApplyBatch(context.Background(), b); err == nil || !strings.Contains(err.Error(), "elsewhere") {
			t.Errorf("without a wire: %v", err)
		}
		w := socket.Config{Kind: "udp", Host: "127.0.0.1", Local: p, Remote: q}
		b.Wires = map[string][2]socket.Config{"ab": {w, {}}}
		if k == 1 {
			w.Local, w.Remote = q, p
			b.Wires["ab"] = [2]socket.Config{{}, w}
		}
		if err := c.ApplyBatch(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "it arrives in the other datacenter", func() bool {
		if _, err := one.Command("alice", []string{"send", "0", "over there"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond)
		log, err := two.Command("bob", []string{"log"})
		return err == nil && strings.Contains(log, "recv 0 over there")
	})
	if _, err := one.Command("bob", []string{"log"}); err == nil || !strings.Contains(err.Error(), "elsewhere") {
		t.Errorf("a command to a cell elsewhere: %v", err)
	}
	next(t, one, removeCellChange("bob"))
}

// A file in a socket's place that is not ours is left alone, and its link refused;
// a stale socket of a killed cell is replaced.
func TestSocketFilesAreReplacedOnlyIfStaleAndOurs(t *testing.T) {
	c := start(t)
	next(t, c, probeCell("alice"), probeCell("bob"))
	path := c.run.Dir() + "/mine.sock"
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	wires := [2]socket.Config{{Kind: "unix", Path: path, Mode: "server"}, {Kind: "unix", Path: path, Mode: "client"}}
	b := Batch{Changes: []cells.Change{joinChange("ab", "alice:p0", "bob:p0")}, Wires: map[string][2]socket.Config{"ab": wires}}
	if _, err := c.Next(t.Context(), b); err == nil || !strings.Contains(err.Error(), `link "ab"`) {
		t.Errorf("in the place of a file: %v", err)
	}
	if text, err := os.ReadFile(path); string(text) != "precious" || err != nil {
		t.Errorf("the file holds %q, %v", text, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Next(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	talk(t, c, "alice", "bob", "one")
	for _, id := range []cells.ID{"alice", "bob"} { // server and client
		if err := c.Kill(id); err != nil {
			t.Fatal(err)
		}
		next(t, c, runChange(id, "restart"))
		talk(t, c, "alice", "bob", "after "+string(id))
		talk(t, c, "bob", "alice", "too "+string(id))
	}
	next(t, c, cells.Change{Op: cells.RemoveLink, Link: cells.LinkSpec{Name: "ab"}})
	until(t, "its sockets are gone", func() bool { _, err := os.Lstat(path); return err != nil })
}

// A peer that takes nothing fills its socket's queue: what does not fit is dropped
// and counted, and nothing stands still.
func TestAFullSocketQueueHoldsNobodyUp(t *testing.T) {
	c := start(t)
	next(t, c, probeCell("alice"), probeCell("bob"), joinChange("ab", "alice:p0", "bob:p0"))
	until(t, "they are joined", c.joined)
	if _, err := c.Command("alice", []string{"send", "0", "hello"}); err != nil {
		t.Fatal(err)
	}
	stop(t, c, "bob")
	status := func(id string) metrics.CellStatus {
		s, err := c.site(cells.ID(id))
		if err != nil {
			t.Fatal(err)
		}
		m, err := s.rpc.report(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return m.Cells[0]
	}
	text := strings.Repeat("more", 4000)
	sent, full := uint64(1), func() uint64 { return status("alice").Ports[0].Wire.Counters.Full }
	until(t, "a full queue is counted", func() bool {
		for range 50 {
			if _, err := c.Command("alice", []string{"send", "0", text}); err != nil {
				t.Fatal(err)
			}
			sent++
		}
		return full() > 0
	})
	resume(t, c, "bob")
	until(t, "all that was not dropped arrives", func() bool { return status("bob").Ports[0].RxFrames == sent-full() })
	before := status("bob").Ports[0].RxFrames
	until(t, "and what comes after", func() bool {
		if _, err := c.Command("alice", []string{"send", "0", "again"}); err != nil {
			t.Fatal(err)
		}
		return status("bob").Ports[0].RxFrames > before
	})
	t.Logf("%d frames sent to a process that was stopped, %d dropped", sent, full())
}

func TestWiresAreParsed(t *testing.T) {
	for text, want := range map[string]socket.Config{
		"unix:/run/a.sock:server": {Kind: "unix", Path: "/run/a.sock", Mode: "server"},
		"127.0.0.1:5000:5001":     {Kind: "udp", Host: "127.0.0.1", Local: 5000, Remote: 5001},
		"-":                       {},
	} {
		if got, err := ParseWire(text); err != nil || got != want {
			t.Errorf("%s is %+v, %v", text, got, err)
		}
	}
	if _, err := ParseWire("unix:/x:both"); err == nil || !strings.Contains(err.Error(), "wire") {
		t.Errorf("no mode: %v", err)
	}
	c := start(t)
	next(t, c, probeCell("alice"), probeCell("bob"))
	w := socket.Config{Kind: "unix", Path: "/run/a.sock", Mode: "both"}
	b := Batch{Changes: []cells.Change{joinChange("ab", "alice:p0", "bob:p0")}, Wires: map[string][2]socket.Config{"ab": {w, w}}}
	if _, err := c.Next(t.Context(), b); err == nil || !strings.Contains(err.Error(), `link "ab": wire: mode "both"`) {
		t.Errorf("a wire that is none: %v", err)
	}
	b.Wires["ab"] = [2]socket.Config{{Kind: "unix", Path: "/run/a.sock", Mode: "server"}, {}}
	if _, err := c.Next(t.Context(), b); err == nil || !strings.Contains(err.Error(), "both need one") {
		t.Errorf("one wire: %v", err)
	}
}
