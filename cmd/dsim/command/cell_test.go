package command

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"example.com/dsim/realnet/xmlrpc"
)

// cellProcess is a dsim cell that runs.
type cellProcess struct {
	*exec.Cmd
	t     *testing.T
	stdin io.Closer
	out   *bufio.Reader
	url   string
}

// startCell starts this very program as dsim cell, and waits until it listens.
func startCell(t *testing.T, args ...string) *cellProcess {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &cellProcess{Cmd: exec.CommandContext(t.Context(), exe, append([]string{"cell", "--log-level", "error"}, args...)...), t: t}
	p.Args[0] = "dsim"
	if p.stdin, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	p.Stderr = os.Stderr
	stdout, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(stdout)
	line, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatalf("dsim cell has said nothing: %v, %v", err, p.Wait())
	}
	words := strings.Fields(line)
	p.url = words[len(words)-1]
	return p
}

func (p *cellProcess) call(opt xmlrpc.Options, method string, args ...any) (any, error) {
	p.t.Helper()
	c, err := xmlrpc.NewClient(p.url, opt)
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.Close()
	return c.Call(p.t.Context(), method, args...)
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

// A killed cell leaves files, which the next one of its name takes over; one that
// ends by itself leaves none.
func TestCellsLeaveNothingBehind(t *testing.T) {
	dir := shortDir(t)
	wire := "p0=unix-stream:" + filepath.Join(dir, "ab") + ":server"
	begin := func(more ...string) *cellProcess {
		return startCell(t, append([]string{"--name", "a", "--protocol", "abp", "--port", wire, "--rpc", "unix:" + filepath.Join(dir, "rpc")}, more...)...)
	}
	files := func() []string {
		list, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	p := begin()
	if v, err := p.call(xmlrpc.Options{}, "link_status", "p0"); err != nil || v != "connected" {
		t.Errorf("%v %v", v, err)
	}
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err == nil || len(files()) != 2 {
		t.Errorf("killed: %v, files %v", err, files())
	}
	for _, end := range []func(*cellProcess) error{
		func(p *cellProcess) error { return p.Process.Signal(syscall.SIGTERM) },
		func(p *cellProcess) error { return p.Process.Signal(os.Interrupt) },
		func(p *cellProcess) error { return p.stdin.Close() },
		func(p *cellProcess) error { _, err := p.call(xmlrpc.Options{}, "shutdown"); return err },
	} {
		p := begin("--parent-pipe")
		if err := end(p); err != nil {
			t.Error(err)
		}
		if err := p.Wait(); err != nil || len(files()) > 0 {
			t.Errorf("ended: %v, files %v", err, files())
		}
	}
}

func TestCellsAskForTheirToken(t *testing.T) {
	const token = "a token of enough characters"
	path := filepath.Join(shortDir(t), "token")
	secret := strings.ReplaceAll(token, " ", "-")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startCell(t, "--name", "a", "--rpc", "0.0.0.0:0", "--allow-remote", "--token-file", path)
	p.url = "http://127.0.0.1:" + p.url[strings.LastIndexByte(p.url, ':')+1:]
	if _, err := p.call(xmlrpc.Options{}, "heartbeat"); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("without a token: %v", err)
	}
	if v, err := p.call(xmlrpc.Options{Token: secret}, "heartbeat"); err != nil || v != "alive" {
		t.Errorf("with it: %v %v", v, err)
	}
	p.url = strings.Replace(p.url, "http://", "http://dsim:"+secret+"@", 1)
	if python, err := exec.LookPath("python3"); err == nil {
		script := "import sys, xmlrpc.client; print(xmlrpc.client.ServerProxy(sys.argv[1]).heartbeat())"
		if out, err := exec.CommandContext(t.Context(), python, "-c", script, p.url).CombinedOutput(); err != nil || string(out) != "alive\n" {
			t.Errorf("Python, with it in the address: %v %s", err, out)
		}
	}
	if v, err := p.call(xmlrpc.Options{}, "shutdown"); err != nil || v != "Shutting down..." {
		t.Errorf("with it in the address: %v %v", v, err)
	}
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
}

// A page of another site cannot reach a cell through its reader's browser.
func TestCellsRefuseOtherSites(t *testing.T) {
	p := startCell(t, "--name", "a", "--rpc", "127.0.0.1:0", "--parent-pipe")
	body, err := xmlrpc.AppendCall(nil, "shutdown")
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Origin": "http://evil.example", "Sec-Fetch-Site": "same-site", "Content-Type": "text/plain", "Host": "evil.example"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url, strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "text/xml")
		r.Header.Set(name, value)
		if name == "Host" {
			r.Host = value
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode/100 != 4 {
			t.Errorf("%s %s: status %d", name, value, resp.StatusCode)
		}
	}
	if v, err := p.call(xmlrpc.Options{}, "heartbeat"); err != nil || v != "alive" {
		t.Errorf("afterwards: %v %v", v, err)
	}
	if _, err := p.call(xmlrpc.Options{}, "no_such_method"); !errors.As(err, new(*xmlrpc.Fault)) {
		t.Errorf("%v, want a fault", err)
	}
	p.stdin.Close()
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
}
