// Package controller holds the example of this directory to what it says.
package controller

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"example.com/dsim/realnet/xmlrpc"
)

// python finds Python 3.
func python(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed: the document's controller is not tried")
	}
	if runtime.GOOS == "windows" {
		t.Skip("there are no UNIX sockets here that Python can use")
	}
	return path
}

// begin starts a program that says in its first line where it listens, and gives
// the last word of that line.
func begin(t *testing.T, name string, args ...string) (cmd *exec.Cmd, where string) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s has said nothing: %v, %v", name, err, cmd.Wait())
	}
	words := strings.Fields(line)
	return cmd, words[len(words)-1]
}

// shortDir is a directory whose name leaves room for a socket's.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// built is where the command lies once build has been called.
var built string

// build builds the command, once.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		return "", err
	}
	built = filepath.Join(dir, "dsim")
	if out, err := exec.Command("go", "build", "-o", built, "example.com/dsim/cmd/dsim").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return built, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		os.RemoveAll(filepath.Dir(built))
	}
	os.Exit(code)
}

// two starts a sender and a receiver.
func two(t *testing.T) (cells []*exec.Cmd, urls []string) {
	t.Helper()
	dsim, err := build()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []string{"sahas role=sender messages=100 rto=5ms", "alice role=receiver"} {
		words := strings.Fields(c)
		args := []string{"cell", "--name", words[0], "--protocol", "abp", "--rpc", "127.0.0.1:0", "--log-level", "error"}
		for _, p := range words[1:] {
			args = append(args, "--param", p)
		}
		cmd, url := begin(t, dsim, args...)
		cells, urls = append(cells, cmd), append(urls, url)
	}
	return cells, urls
}

// ended holds cells to having ended well, with no socket left.
func ended(t *testing.T, cells []*exec.Cmd, sock string) {
	t.Helper()
	for _, c := range cells {
		if err := c.Wait(); err != nil {
			t.Errorf("a cell that was shut down: %v", err)
		}
	}
	if left, err := filepath.Glob(sock + "*"); err != nil || len(left) > 0 {
		t.Errorf("sockets left: %v %v", left, err)
	}
}

// The document's controller drives cells of dsim.
func TestPythonController(t *testing.T) {
	py := python(t)
	cells, urls := two(t)
	sock := filepath.Join(shortDir(t), "sahas_alice.sock")
	out, err := exec.CommandContext(t.Context(), py, "-B", "example.py", urls[0], urls[1], sock).CombinedOutput()
	want := `[DC] Added cell sahas
[DC] Added cell alice
[DC] Added link link_1: sahas:en0 ↔ alice:en1
alive
{'endpoints': [('sahas', 'en0'), ('alice', 'en1')], 'status': ['connected', 'connected']}
{'cells': ['sahas', 'alice'], 'links': {'link_1': {'endpoints': ['sahas:en0', 'alice:en1']}}}
acknowledged 100 received
[DC] Removed link link_1
[DC] Removed cell sahas
[DC] Removed cell alice
`
	if err != nil || string(out) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, out, want)
	}
	ended(t, cells, sock)
}

// The handbook's lines do what it says.
func TestPythonOfTheHandbook(t *testing.T) {
	py := python(t)
	page, err := os.ReadFile("../../handbook/cells.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(page), "```python\n")
	text, _, whole := strings.Cut(text, "```")
	if !found || !whole {
		t.Fatal("the page has no lines of Python")
	}
	cells, urls := two(t)
	sock := filepath.Join(shortDir(t), "x.sock")
	for from, to := range map[string]string{"http://localhost:9001": urls[0], "http://localhost:9002": urls[1], "/tmp/sahas_alice.sock": sock} {
		if !strings.Contains(text, from) {
			t.Errorf("%s is not in it any more", from)
		}
		text = strings.ReplaceAll(text, from, to)
	}
	out, err := exec.CommandContext(t.Context(), py, "-c", text).CombinedOutput()
	if want := "Bound en0 to " + sock + "\nBound en1 to " + sock + "\nconnected {"; err != nil || !strings.HasPrefix(string(out), want) {
		t.Errorf("%v\n%s\nwant\n%s", err, out, want)
	}
	ended(t, cells, sock)
}

// Our client drives a cell that is written in Python.
func TestPythonCell(t *testing.T) {
	cmd, port := begin(t, python(t), "-B", "cell.py", "0")
	c, err := xmlrpc.NewClient("http://127.0.0.1:"+port, xmlrpc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(shortDir(t), "ab.sock")
	config := xmlrpc.Struct{"port_name": "en0", "unix_socket": xmlrpc.Struct{"path": path, "mode": "server"}, "ber": 0.01}
	for _, call := range []struct {
		want, method string
		args         []any
	}{
		{"alive", "heartbeat", nil},
		{"unbound", "link_status", []any{"en0"}},
		{"Bound en0 to " + path, "bind_port", []any{"en0", config}},
		{"connected", "link_status", []any{"en0"}},
		{"Unbound en0", "unbind_port", []any{"en0"}},
		{"en0 not found", "unbind_port", []any{"en0"}},
		{"Shutting down...", "shutdown", nil},
	} {
		if v, err := c.Call(t.Context(), call.method, call.args...); err != nil || v != call.want {
			t.Errorf("%s: %v %v, want %q", call.method, v, err, call.want)
		}
	}
	_, err = c.Call(t.Context(), "get_metrics")
	if fault := (*xmlrpc.Fault)(nil); !errors.As(err, &fault) || !strings.Contains(fault.Text, "not supported") {
		t.Errorf("a method that Python's cell does not have: %v", err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after shutdown: %v", err)
	}
}
