package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/realnet/guard"
	"example.com/dsim/realnet/socket"
	"example.com/dsim/realnet/xmlrpc"
	"example.com/dsim/replay/journal"
	"example.com/dsim/replay/playback"
	"example.com/dsim/scenarios"
)

// proc is a node that is served, and a client to it.
type proc struct {
	*Node
	t     *testing.T
	call  *xmlrpc.Client
	ended chan error
}

func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// start serves a node until the test ends.
func start(t *testing.T, opt Options) *proc {
	t.Helper()
	if opt.Make == nil {
		opt.Make = scenarios.MakeProtocol
	}
	url := "unix:" + filepath.Join(shortDir(t), "rpc")
	opt.URL = url
	n, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	l, err := guard.Listen(url, guard.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := &proc{Node: n, t: t, ended: make(chan error, 1)}
	if p.call, err = xmlrpc.NewClient(url, xmlrpc.Options{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		p.ended <- n.Serve(ctx, l, guard.Options{})
		close(done)
	}()
	t.Cleanup(func() {
		p.call.Close()
		cancel()
		<-done
	})
	return p
}

// want calls a method and holds it to an answer.
func (p *proc) want(want any, method string, args ...any) {
	p.t.Helper()
	if got := p.do(method, args...); got != want {
		p.t.Errorf("%s%v: %#v, want %#v", method, args, got, want)
	}
}

func (p *proc) do(method string, args ...any) any {
	p.t.Helper()
	v, err := p.call.Call(p.t.Context(), method, args...)
	if err != nil {
		p.t.Fatalf("%s%v: %v", method, args, err)
	}
	return v
}

// refused calls a method and wants a fault with a text in it.
func (p *proc) refused(text, method string, args ...any) {
	p.t.Helper()
	v, err := p.call.Call(p.t.Context(), method, args...)
	if f := (*xmlrpc.Fault)(nil); !errors.As(err, &f) || !strings.Contains(f.Text, text) {
		p.t.Errorf("%s%v: %v, %v, want a fault with %q", method, args, v, err, text)
	}
}

// until waits for something to be so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !so(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not so after 10 s: %s", what)
		}
	}
}

func cell(id, protocol string, params ...string) cells.CellSpec {
	s := cells.CellSpec{ID: cells.ID(id), Protocol: protocol, Ports: []string{"p0"}}
	for _, p := range params {
		name, value, _ := strings.Cut(p, "=")
		s.Params = append(s.Params, cells.Param{Name: name, Value: value})
	}
	return s
}

// two starts a sender and a receiver, and binds a path between them.
func two(t *testing.T, more xmlrpc.Struct) (a, b *proc) {
	t.Helper()
	seed := des.SeedOf(7)
	a = start(t, Options{Name: "alice", Seed: seed, Cell: cell("alice", "abp", "role=sender", "messages=200", "rto=2ms")})
	b = start(t, Options{Name: "bob", Seed: seed, Cell: cell("bob", "abp", "role=receiver", "messages=200")})
	path := filepath.Join(shortDir(t), "ab")
	for i, p := range []*proc{b, a} {
		mode := []string{"server", "client"}[i]
		config := xmlrpc.Struct{"port_name": "p0", "unix_socket": xmlrpc.Struct{"path": path, "mode": mode}}
		for k, v := range more {
			config[k] = v
		}
		p.want("Bound p0 to "+path, "bind_port", "p0", config)
		p.want("Bound p0 to "+path, "bind_port", "p0", config)
	}
	return a, b
}

// state is an attribute that a node's protocol shows.
func (p *proc) state(name string) any {
	m := p.do("get_metrics").(xmlrpc.Struct)
	return m["agent"].(xmlrpc.Struct)["state"].(xmlrpc.Struct)[name]
}

func TestAnswersAreTheDocuments(t *testing.T) {
	a, b := two(t, nil)
	a.want("alive", "heartbeat")
	a.want("connected", "link_status", "p0")
	a.want("unbound", "link_status", "p1")
	until(t, "bob has all", func() bool { return b.state("done") == true })
	a.want("Unbound p0", "unbind_port", "p0")
	a.want("p0 not found", "unbind_port", "p0")
	a.want("unbound", "link_status", "p0")
	b.want("Shutting down...", "shutdown")
	if err := <-b.ended; err != nil {
		t.Errorf("after shutdown: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(strings.TrimPrefix(b.opt.URL, "unix:")), "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("files left: %v %v", left, err)
	}
}

func TestLossAndBitErrorsActInFrontOfTheSocket(t *testing.T) {
	_, b := two(t, xmlrpc.Struct{"ber": 0.0001, "loss": "10%", "delay": "100us"})
	until(t, "bob has all", func() bool { return b.state("done") == true })
	s := b.do("get_port_stats", "p0").(xmlrpc.Struct)
	if s["link_state"] != "connected" || s["params"].(xmlrpc.Struct)["loss"] != "10%" || s["drops"].(xmlrpc.Struct)["loss"] == nil {
		t.Errorf("%v", s)
	}
}

func TestMetricsHaveTheNamesOfTheFirstImplementation(t *testing.T) {
	a, b := two(t, nil)
	until(t, "bob has all", func() bool { return b.state("done") == true })
	m := a.do("get_metrics").(xmlrpc.Struct)
	for _, key := range []string{"cell_id", "uptime", "ports", "agent", "retransmission", "frames_in_flight", "lateness"} {
		if m[key] == nil {
			t.Errorf("get_metrics has no %s", key)
		}
	}
	p := m["ports"].(xmlrpc.Struct)["alice:p0"].(xmlrpc.Struct)
	for _, key := range []string{
		"name", "status", "packets_sent", "packets_received", "bytes_sent", "bytes_received", "link_state", "events", "fault_injection",
		neighbourID, "last_activity", "wire", "frames_in_flight",
	} {
		if p[key] == nil {
			t.Errorf("ports has no %s", key)
		}
	}
	wire := p["wire"].(xmlrpc.Struct)
	taken := wire["tx_frames"].(int64) + wire["refused"].(int64) + wire["full"].(int64)
	if p["packets_sent"].(int64) < 200 || taken != p["packets_sent"] || m["frames_in_flight"] != int64(0) {
		t.Errorf("port: %v", p)
	}
	agent := m["agent"].(xmlrpc.Struct)
	for _, key := range []string{"status", "trees_count", "trees", "node_id", "port_paths"} {
		if agent[key] == nil {
			t.Errorf("agent has no %s", key)
		}
	}
	if w := m["retransmission"].(xmlrpc.Struct); w["retransmitted"] == nil || w["in_flight"] != false || w["waiting"] != int64(0) {
		t.Errorf("retransmission: %v", w)
	}
	events := a.do("event_log", "p0", 3).(xmlrpc.Array)
	if len(events) != 3 || events[2].(xmlrpc.Struct)["kind"] == "" || events[0].(xmlrpc.Struct)["t"].(float64) > events[2].(xmlrpc.Struct)["t"].(float64) {
		t.Errorf("events: %v", events)
	}
	a.refused("p9 not found", "event_log", "p9")
	a.refused(`no cell "carol" here`, "get_metrics", "carol")
	for path, want := range map[string]string{"/metrics": `dsim_port_`, "/status.json": `"alice"`} {
		if text, err := a.call.Get(t.Context(), path, 1<<20); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v, want %s in it:\n%s", path, err, want, text)
		}
	}
}

func TestWhatCannotBeBoundIsRefused(t *testing.T) {
	p := start(t, Options{Name: "alice", Cell: cell("alice", "abp")})
	path := filepath.Join(shortDir(t), "x")
	bind := func(more xmlrpc.Struct) xmlrpc.Struct {
		c := xmlrpc.Struct{"unix_socket": xmlrpc.Struct{"path": path, "mode": "server"}}
		for k, v := range more {
			c[k] = v
		}
		return c
	}
	for _, c := range []struct {
		config xmlrpc.Struct
		want   string
	}{
		{bind(xmlrpc.Struct{"port_name": "p1"}), `port_name "p1": the port is "p0"`},
		{bind(xmlrpc.Struct{"ber": 1.5}), "ber"},
		{bind(xmlrpc.Struct{"ber": xmlrpc.Array{}}), "ber: want a text or a number"},
		{bind(xmlrpc.Struct{"lose": "1%"}), `no key "lose"; did you mean "loss"?`},
		{bind(xmlrpc.Struct{"log_level": "loud"}), `level "loud": want one of debug`},
		{bind(xmlrpc.Struct{"peer": ":p0"}), "want cell:port"},
		{bind(xmlrpc.Struct{"seed": 8}), "chance is the cell's"},
		{bind(xmlrpc.Struct{"interface": "en0"}), "one of them"},
		{xmlrpc.Struct{}, "neither unix_socket nor interface"},
		{xmlrpc.Struct{"unix_socket": xmlrpc.Struct{"path": "/nowhere/at/all", "mode": "server"}}, "/nowhere/at/all"},
		{xmlrpc.Struct{"unix_socket": xmlrpc.Struct{"path": path, "mode": "both"}}, "want server or client"},
	} {
		p.refused(c.want, "bind_port", "p0", c.config)
	}
	p.want("unbound", "link_status", "p0")
	p.refused("no cell", "bind_port", "carol:p0", bind(nil))
	p.want("Bound p0 to "+path, "bind_port", "p0", bind(xmlrpc.Struct{"ber": "1e-5"}))
	p.refused("is bound already", "bind_port", "p0", bind(xmlrpc.Struct{"ber": "1e-4"}))
	p.want("Unbound alice:p0", "unbind_port", "alice:p0")
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
	p.want("Bound p0 to "+path, "bind_port", "p0", bind(xmlrpc.Struct{"ber": "1e-4"}))
}

func TestFaultsAreInjectedAndPutBack(t *testing.T) {
	a, _ := two(t, xmlrpc.Struct{"delay": "1ms"})
	params := func() string {
		s := a.do("get_port_stats", "p0").(xmlrpc.Struct)
		b, _ := json.Marshal(s["params"])
		return string(b)
	}
	wantParams := func(want string) {
		t.Helper()
		if got := params(); got != want {
			t.Errorf("parameters %s, want %s", got, want)
		}
	}
	wantParams(`{"delay":"1ms"}`)
	a.want("Injected drop into p0", "inject_fault", "p0", "drop", xmlrpc.Struct{"drop_rate": 0.25})
	a.want("Injected delay into p0", "inject_fault", "p0", "delay", xmlrpc.Struct{"delay_ms": 2.5})
	a.want("Injected link into p0", "inject_fault", "p0", "link", xmlrpc.Struct{"delay": "7ms", "mtu": 1000})
	wantParams(`{"delay":"7ms","loss":"25%","mtu":"1kB"}`)
	stats := a.do("get_port_stats", "p0").(xmlrpc.Struct)["fault_injection"].(xmlrpc.Struct)
	if stats["active"] != true || stats["drop"] == nil || stats["link"] == nil {
		t.Errorf("fault_injection: %v", stats)
	}
	a.want("Cleared link from p0", "clear_fault", "p0", "link")
	wantParams(`{"delay":"7ms","loss":"25%"}`) // delay has set it too
	a.want("p0 has no fault link", "clear_fault", "p0", "link")
	a.want("Cleared delay, drop from p0", "clear_fault", "p0")
	wantParams(`{"delay":"1ms"}`)
	a.want("p0 has no fault", "clear_fault", "p0")
	a.want("Injected disconnect into p0", "inject_fault", "p0", "disconnect")
	wantParams(`{"cut":"lost","delay":"1ms"}`)
	a.want("Injected bits-per-mib into p0", "inject_fault", "p0", "bits-per-mib", xmlrpc.Struct{"value": 8})
	a.want("Cleared bits-per-mib, disconnect from p0", "clear_fault", "p0")
	wantParams(`{"delay":"1ms"}`)
	a.refused(`no fault "dorp"; did you mean "drop"?`, "inject_fault", "p0", "dorp", xmlrpc.Struct{})
	a.refused("want {drop_rate: a number}", "inject_fault", "p0", "drop", xmlrpc.Struct{})
	a.refused("loss", "inject_fault", "p0", "drop", xmlrpc.Struct{"drop_rate": 2})
	a.refused(`no parameter "dealy"; did you mean "delay"?`, "inject_fault", "p0", "link", xmlrpc.Struct{"dealy": 2})
	a.refused("p9 not found", "inject_fault", "p9", "disconnect")
}

func TestBatchesArePreparedAndCommitted(t *testing.T) {
	seed := des.SeedOf(1)
	a := start(t, Options{Name: "alice", Seed: seed, Life: 3})
	b := start(t, Options{Name: "bob", Seed: seed})
	path := filepath.Join(shortDir(t), "ab")
	link := cells.LinkSpec{Name: "ab", A: cells.Endpoint{Cell: "alice", Port: "p0"}, B: cells.Endpoint{Cell: "bob", Port: "p0"}}
	part := func(c cells.CellSpec, mode string) string {
		text, err := toJSON(Part{
			Version: 1<<40 + 1,
			Batch:   []cells.Change{{Op: cells.AddCell, Cell: c}, {Op: cells.AddLink, Link: link}},
			Wires:   map[string]socket.Config{"ab": {Kind: "unix-stream", Path: path, Mode: mode}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	a.want(true, "prepare", part(cell("alice", "abp", "role=sender", "messages=20"), "server"))
	b.want(true, "prepare", part(cell("bob", "abp", "role=receiver", "messages=20"), "client"))
	a.want(true, "abort", "1099511627777")
	a.refused("is not prepared", "commit", "1099511627777")
	a.want(true, "prepare", part(cell("alice", "abp", "role=sender", "messages=20"), "server"))
	for _, p := range []*proc{a, b} {
		p.want(true, "commit", "1099511627777")
		p.want(true, "commit", "1099511627777") // once more is no error
	}
	until(t, "bob has all", func() bool { return b.state("done") == true })
	var snap cells.Snapshot
	if err := json.Unmarshal([]byte(a.do("snapshot").(string)), &snap); err != nil || snap.Version != 1<<40+1 || snap.Cells[0].Incarnation != 3 {
		t.Errorf("%v %+v", err, snap)
	}
	if text := a.do("ports").(string); !strings.Contains(text, `"kind":"unix-stream"`) {
		t.Errorf("ports: %s", text)
	}
	if text := a.do("command", "alice", xmlrpc.Array{"stats"}).(string); !strings.Contains(text, "acked=20") {
		t.Errorf("command: %s", text)
	}
	a.refused("unknown command", "command", "alice", xmlrpc.Array{"dance", 1})
	a.refused("the batch", "prepare", `{"version": 1, "bacth": []}`)
	a.refused("want a decimal", "commit", "x")
	if i := b.do("info").(xmlrpc.Struct); i["name"] != "bob" || i["pid"] != int64(os.Getpid()) || i["url"] != b.opt.URL || i["seed"] != seed.String() {
		t.Errorf("info: %v", i)
	}
	if e := b.do("event_log", "p0").(xmlrpc.Array); len(e) == 0 {
		t.Error("the events of a port that a batch has bound are not kept")
	}
}

func TestAProcessEndsWithItsLease(t *testing.T) {
	p := start(t, Options{Name: "alice", Lease: 200 * time.Millisecond})
	p.want(true, "lease", "dc", 60)
	p.refused(`"dc" holds it`, "lease", "other", 60)
	p.refused("from 0, for none", "lease", "dc", -1)
	p.refused("has a name", "lease", "", 1)
	p.want(true, "lease", "dc", 0)
	p.want(true, "lease", "other", 0.05)
	if err := <-p.ended; !errors.Is(err, ErrLease) || !strings.Contains(err.Error(), `"other" has not renewed it for 50ms`) {
		t.Errorf("%v", err)
	}
	q := start(t, Options{Name: "bob", Lease: 20 * time.Millisecond})
	if err := <-q.ended; !errors.Is(err, ErrLease) || !strings.Contains(err.Error(), "whoever started it") {
		t.Errorf("%v", err)
	}
}

func TestLivesAreWrittenDown(t *testing.T) {
	dir := filepath.Join(shortDir(t), "made")
	p := start(t, Options{Name: "alice", Seed: des.SeedOf(9), Record: dir, Build: "test", Cell: cell("alice", "abp")})
	p.do("command", "alice", xmlrpc.Array{"stats"})
	part, err := p.call.Get(t.Context(), "/journal", 1<<20)
	if err != nil || len(part) == 0 {
		t.Errorf("/journal: %v", err)
	}
	p.do("shutdown")
	if err := <-p.ended; err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "alice.0.journal")
	whole, err := os.ReadFile(path)
	if err != nil || !bytes.HasPrefix(whole, part) {
		t.Errorf("what was served is not its beginning: %v", err)
	}
	r, err := journal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if h := r.Header(); h.Site != "alice" || h.Build != "test" || h.Seed != des.SeedOf(9) || h.MonoOf == "" && h.StartMono != 0 {
		t.Errorf("%+v", h)
	}
	for _, err := range r.Entries() {
		if err != nil {
			t.Error(err)
		}
	}
	if !r.Ended() || r.Inputs() < 2 {
		t.Errorf("ended %v after %d inputs", r.Ended(), r.Inputs())
	}
	// One of bounded size is kept likewise, and not served.
	q := start(t, Options{Name: "bob", Ring: dir, Cell: cell("bob", "abp")})
	if _, err := q.call.Get(t.Context(), "/journal", 1<<20); err == nil || !strings.Contains(err.Error(), "--record") {
		t.Errorf("/journal of a ring: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "bob.0.ring-0.journal")); err != nil {
		t.Error(err)
	}
	// A life is written down once.
	if _, err := New(Options{Name: "alice", Record: dir, Make: scenarios.MakeProtocol}); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("%v", err)
	}
}

func TestLogsHaveLevelsByName(t *testing.T) {
	var b bytes.Buffer
	h := slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	l := NewLog(Fan{h}, map[string]slog.Level{"alice": slog.LevelError, "rpc": slog.LevelDebug})
	l.SetLevel("link:ab", slog.LevelDebug)
	a, s := l.Named("alice"), l.Named("site")
	a.Info("no")
	a.Error("yes", "n", 1)
	s.Debug("no")
	s.Info("yes", "n", 2)
	s.Debug("yes", "n", 3, "link", "ab")
	s.Debug("no", "link", "ac")
	l.Named("rpc").Debug("yes", "n", 4)
	got := strings.Split(strings.TrimSpace(b.String()), "\n")
	want := []string{
		"level=ERROR msg=yes logger=alice n=1", "level=INFO msg=yes logger=site n=2",
		"level=DEBUG msg=yes logger=site n=3 link=ab", "level=DEBUG msg=yes logger=rpc n=4",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	for _, word := range []string{"debug", "INFO", "Warning", "warn", "critical", "error"} {
		if _, err := ParseLevel(word); err != nil {
			t.Error(err)
		}
	}
	if _, err := ParseLevel("loud"); err == nil {
		t.Error("loud is a level")
	}
}

func TestLogFilesNeedAPlace(t *testing.T) {
	dir := shortDir(t)
	f, err := OpenLog(filepath.Join(dir, "a/b"), "alice")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(f, "x")
	f.Close()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenLog(filepath.Join(dir, "file"), "alice"); err == nil || !strings.HasPrefix(err.Error(), "log_dir: ") {
		t.Errorf("%v", err)
	}
}

// Nobody has said who is at the other end: the link protocol finds out.
func TestNeighboursFindTheirRolesWithoutNames(t *testing.T) {
	dir := shortDir(t)
	// One of a lower and one of a higher name.
	hub := start(t, Options{Name: "m", Cell: cells.CellSpec{ID: "m", Protocol: "tree", Params: []cells.Param{{Name: "root", Value: "true"}}}})
	for i, name := range []string{"a", "z"} {
		leaf := start(t, Options{Name: name, Cell: cells.CellSpec{ID: cells.ID(name), Protocol: "tree"}})
		port := fmt.Sprintf("p%d", i)
		path := filepath.Join(dir, name)
		modes := []string{"server", "client"}
		hub.do("bind_port", port, xmlrpc.Struct{"unix_socket": xmlrpc.Struct{"path": path, "mode": modes[i]}})
		leaf.do("bind_port", "up", xmlrpc.Struct{"unix_socket": xmlrpc.Struct{"path": path, "mode": modes[1-i]}})
		until(t, name+" is connected", func() bool {
			return leaf.do("get_port_stats", "up").(xmlrpc.Struct)["link_state"] == "connected" &&
				hub.do("get_port_stats", port).(xmlrpc.Struct)["link_state"] == "connected"
		})
	}
	until(t, "the tree has all", func() bool {
		m := hub.do("get_metrics").(xmlrpc.Struct)["agent"].(xmlrpc.Struct)
		paths, _ := m["port_paths"].(xmlrpc.Struct)["m"].(string)
		return strings.Contains(paths, "a:up") && strings.Contains(paths, "z:up")
	})
}

// A stream link between two processes: dials and accepts go over one socket.
func TestStreamsGoOverPortsToo(t *testing.T) {
	spec := func(id, role string, more ...cells.Param) cells.CellSpec {
		return cells.CellSpec{ID: cells.ID(id), Protocol: "echo", Params: append(more, cells.Param{Name: "role", Value: role})}
	}
	b := start(t, Options{Name: "bob", Cell: spec("bob", "server")})
	path := filepath.Join(shortDir(t), "ab")
	bind := func(p *proc, mode, peer string) {
		p.do("bind_port", "p0", xmlrpc.Struct{
			"unix_socket": xmlrpc.Struct{"path": path, "mode": mode, "type": "stream"}, "stream": true, "peer": peer, "link": "ab",
		})
	}
	bind(b, "server", "alice:p0")
	a := start(t, Options{Name: "alice", Cell: spec("alice", "client",
		cells.Param{Name: "dial", Value: "bob:echo"}, cells.Param{Name: "redial", Value: "20ms"}, cells.Param{Name: "connections", Value: "3"})})
	bind(a, "client", "bob:p0")
	until(t, "all is sent back", func() bool { return a.state("done") == true })
	if n := a.state("finished"); n != int64(3) {
		t.Errorf("%v connections have finished, want 3", n)
	}
	a.want("connected", "link_status", "p0")
	a.want("Unbound p0", "unbind_port", "p0")
}

// What a controller of the first document has told two cells, and what faults did to
// them, is in their journals: played again, each is at every mark what it was.
func TestWhatWasToldIsPlayedAgain(t *testing.T) {
	dir, path := shortDir(t), filepath.Join(shortDir(t), "ab")
	var nodes []*proc
	for i, role := range []string{"receiver", "sender"} {
		name := []string{"bob", "alice"}[i]
		p := start(t, Options{Name: name, Seed: des.SeedOf(7), Record: dir, Cell: cell(name, "abp", "role="+role, "messages=200", "rto=2ms")})
		p.do("bind_port", "p0", xmlrpc.Struct{
			"unix_socket": xmlrpc.Struct{"path": path, "mode": []string{"server", "client"}[i]}, "loss": "5%", "ber": "0.0001",
		})
		nodes = append(nodes, p)
	}
	nodes[0].do("inject_fault", "p0", "drop", xmlrpc.Struct{"drop_rate": 0.5})
	nodes[1].do("inject_fault", "p0", "delay", xmlrpc.Struct{"delay_ms": 0.2})
	until(t, "bob has all", func() bool { return nodes[0].state("done") == true })
	nodes[0].do("clear_fault", "p0")
	nodes[1].do("unbind_port", "p0")
	for _, p := range nodes {
		p.do("shutdown")
		if err := <-p.ended; err != nil {
			t.Fatal(err)
		}
		r, err := journal.Open(p.journal)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		report, err := playback.Play(r, playback.Options{Make: scenarios.MakeProtocol})
		if err != nil || !report.Same() || report.Marks < 1 || report.Frames < 200 {
			t.Errorf("%s: %v %+v", p.opt.Name, err, report)
		}
	}
}
