package datacenter

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"example.com/dsim/realnet/xmlrpc"
)

// serve gives a controller's server an address of its own.
func serve(t *testing.T, c *Controller) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &http.Server{Handler: NewServer(c)}
	go h.Serve(l)
	t.Cleanup(func() { _ = h.Close() })
	return "http://" + l.Addr().String()
}

// documentCells starts two cells in Python. end ends them and gives what they were
// told.
func documentCells(t *testing.T) (urls [2]string, end func() string) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed: cells of the document are not tried")
	}
	cmd := exec.CommandContext(t.Context(), python, "testdata/cells.py")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	for i := range urls {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		urls[i] = strings.TrimSpace(line)
	}
	return urls, func() string {
		_ = in.Close()
		rest, _ := io.ReadAll(r)
		_ = cmd.Wait()
		return string(rest)
	}
}

func TestTheDocumentsExampleFromPython(t *testing.T) {
	var printed bytes.Buffer
	c := start(t, func(o *Options) { o.Lines = &printed })
	url := serve(t, c)
	cellURLs, end := documentCells(t)
	path := c.run.Dir() + "/sahas_alice.sock"
	out, err := exec.CommandContext(t.Context(), "python3", "testdata/drive.py", url, cellURLs[0], cellURLs[1], path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := `alive
unreachable
{'endpoints': [['sahas', 'en0'], ['alice', 'en1']], 'status': ['connected', 'connected']}
unknown
{'cells': ['sahas', 'alice'], 'links': {'link_1': {'endpoints': ['sahas:en0', 'alice:en1']}}}
batch 8: link "link_3": port sahas:en0 has a link already
batch 8: cell "sahas": link "link_3": Error binding en5: no such luck
cell "sahas": knows only the document's methods: it takes no commands
{'cells': [], 'links': {}}
`
	if string(out) != want {
		t.Errorf("Python was told\n%s\nwant\n%s", out, want)
	}
	want = `[DC] Added cell sahas
[DC] Added cell alice
[DC] Added cell alice
[DC] Added link link_1: sahas:en0 ↔ alice:en1
[DC] Added link link_2: sahas:en2 ↔ alice:en3
[DC] Removed link link_2
[DC] Added link link_2: sahas:en2 ↔ alice:en3
[DC] Removed link link_2
[DC] Link link_9 not found
[DC] Cell nobody not found
[DC] Removed link link_1
[DC] Removed cell sahas
[DC] Removed cell alice
`
	if printed.String() != want {
		t.Errorf("printed was\n%s\nwant\n%s", &printed, want)
	}
	told := end()
	for _, line := range []string{
		"first bind en0 [('port_name', 'en0'), ('unix_socket', {'mode': 'server', 'path': '" + path + "'})]",
		"second bind en1 [('port_name', 'en1'), ('unix_socket', {'mode': 'client', 'path': '" + path + "'})]",
		"first bind en2 [('ber', '0.25'), ('port_name', 'en2'),", "first unbind en0", "second unbind en1", "first shutdown", "second shutdown",
	} {
		if !strings.Contains(told, line) {
			t.Errorf("the cells were told\n%s\nnot %q", told, line)
		}
	}
}

// A batch that one plain cell cannot do is taken back at the other.
func TestPlainCellsAreLeftAsTheyWere(t *testing.T) {
	c := start(t)
	urls, end := documentCells(t)
	defer end()
	face := c.Face()
	call := func(method string, args ...any) (any, error) {
		body, err := xmlrpc.AppendCall(nil, method, args...)
		if err != nil {
			t.Fatal(err)
		}
		return xmlrpc.ParseResult(face.Answer(t.Context(), body), xmlrpc.Limits{})
	}
	for i, id := range []string{"a", "b"} {
		if _, err := call("add_cell", id, urls[i]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := call("add_link", "l", "a", "p", "b", "p", "", xmlrpc.Struct{"delay": "1ms"}); err == nil || !strings.Contains(err.Error(), "none but ber") {
		t.Errorf("a parameter that they do not know: %v", err)
	}
	for _, id := range []string{"a", "b"} {
		s, err := c.site(ParseEnd(id).Cell)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.rpc.linkStatus(t.Context(), "p"); got != "unbound" || err != nil {
			t.Errorf("the port of %s is %s, %v", id, got, err)
		}
	}
	if _, err := call("add_link", "l", "a", "p", "b", "p"); err != nil {
		t.Fatal(err)
	}
	if _, err := call("update_links", int64(0), xmlrpc.Struct{"set": xmlrpc.Struct{"l": xmlrpc.Struct{"both": xmlrpc.Struct{"loss": "1%"}}}}); err == nil || !strings.Contains(err.Error(), "document") {
		t.Errorf("setting their link: %v", err)
	}
	if _, err := call("add_cell", "c", "http://127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), `cell "c"`) {
		t.Errorf("a cell that is not there: %v", err)
	}
}

func TestMethodsRefuseWhatIsNotTheirs(t *testing.T) {
	c := start(t)
	face := c.Face()
	for _, q := range []struct {
		method string
		args   []any
		want   string
	}{
		{"add_cell", nil, "cell_id is missing"},
		{"add_cell", []any{"a", "http://x", "more"}, "at most 2"},
		{"add_cell", []any{"a"}, "must be probe"},
		{"add_cell", []any{"a", xmlrpc.Struct{"colour": "red"}}, "colour"},
		{"add_link", []any{"l", "a", "p"}, "cell2_id is missing"},
		{"add_link", []any{xmlrpc.Struct{"link_id": "l", "cell1_id": "a", "port1": "p", "cell2_id": "b", "port2": "p", "speed": "9"}}, "none of its arguments"},
		{"add_link", []any{"l", "a", "p", "b", "p"}, `no cell "a"`},
		{"get_link_status", []any{int64(7)}, "want a string"},
		{"apply_topology", []any{"x"}, "version"},
		{"apply_topology", []any{int64(-1)}, "version"},
		{"command", []any{"a", xmlrpc.Array{int64(1)}}, "a word is a string"},
		{"command", []any{"a", xmlrpc.Array{"x"}}, `no cell "a"`},
		{"get_topology", []any{"x"}, "arguments"},
	} {
		body, err := xmlrpc.AppendCall(nil, q.method, q.args...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := xmlrpc.ParseResult(face.Answer(t.Context(), body), xmlrpc.Limits{}); err == nil || !strings.Contains(err.Error(), q.want) {
			t.Errorf("%s%v: %v, want %q in it", q.method, q.args, err, q.want)
		}
	}
}

func TestTopologiesAreApplied(t *testing.T) {
	c := start(t)
	face := c.Face()
	call := func(method string, args ...any) any {
		t.Helper()
		body, err := xmlrpc.AppendCall(nil, method, args...)
		if err != nil {
			t.Fatal(err)
		}
		v, err := xmlrpc.ParseResult(face.Answer(t.Context(), body), xmlrpc.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	probe := xmlrpc.Struct{"protocol": "probe", "ports": xmlrpc.Array{"p0", "p1"}}
	link := func(delay string) xmlrpc.Struct {
		return xmlrpc.Struct{"ends": xmlrpc.Array{"a:p0", "b:p0"}, "both": xmlrpc.Struct{"delay": delay}}
	}
	top := func(l xmlrpc.Struct, names ...string) xmlrpc.Struct {
		cells := xmlrpc.Struct{}
		for _, n := range names {
			cells[n] = probe
		}
		return xmlrpc.Struct{"cells": cells, "links": xmlrpc.Struct{"ab": l}}
	}
	if v := call("apply_topology", int64(5), top(link("1ms"), "a", "b", "c")); v != int64(5) {
		t.Errorf("version %v", v)
	}
	first := c.Process("a")
	if v := call("apply_topology", int64(0), top(link("1ms"), "a", "b", "c")); v != int64(5) {
		t.Errorf("the same again made version %v", v)
	}
	call("apply_topology", int64(6), top(link("2ms"), "a", "b"))
	if c.Process("a") != first {
		t.Error("a cell that stays was started again")
	}
	if got := c.Topology(); len(got.Cells) != 2 || got.Links["ab"].Both["delay"] != "2ms" {
		t.Errorf("there is %+v", got)
	}
	call("update_links", int64(7), xmlrpc.Struct{
		"remove": xmlrpc.Array{"ab"}, "add": xmlrpc.Struct{"x": xmlrpc.Struct{"ends": xmlrpc.Array{"a:p1", "b:p1"}}},
	})
	if got := c.Topology(); len(got.Links) != 1 || got.Links["x"].Ends[1] != "b:p1" {
		t.Errorf("there is %+v", got.Links)
	}
	// A cell that is to be another takes its links along.
	other := top(link("1ms"), "b")
	other["cells"].(xmlrpc.Struct)["a"] = xmlrpc.Struct{"protocol": "probe", "ports": xmlrpc.Array{"p0"}}
	call("apply_topology", int64(0), other)
	if c.Process("a") == first {
		t.Error("a cell that is to be another is the same")
	}
	talk(t, c, "a", "b", "hello")
}
