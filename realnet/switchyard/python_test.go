package switchyard

import (
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/protocols/switchyard/service"
	"example.com/dsim/realnet"
	"example.com/dsim/realnet/socket"
	"example.com/dsim/replay/site"
	"example.com/dsim/scenarios"
)

const pythonDir = "../../docs/examples/switchyard-python/"

// script starts one of the programs in Python; it ends with the test.
func script(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed: the programs of another make cannot be tried")
	}
	args[0] = pythonDir + args[0]
	c := exec.Command(exe, args...)
	return c
}

func background(t testing.TB, c *exec.Cmd) {
	t.Helper()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
}

// demoLines are what the document says its client prints.
var demoLines = []string{"[cli] sent 10 bytes: b'marco polo'", "[cli] got reply from 10.0.0.2:7007: b'marco polo'"}

func wantLines(t *testing.T, got string) {
	t.Helper()
	for _, line := range demoLines {
		if !strings.Contains(got, line) {
			t.Errorf("printed %q, without %q", got, line)
		}
	}
}

// port is the port of an address.
func port(t testing.TB, addr string) string {
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPythonTalksToOurFabric(t *testing.T) {
	_, addr := serve(t, "")
	background(t, script(t, "svc_echo.py", "--port", port(t, addr)))
	client := script(t, "cli_udp_ping.py", "--port", port(t, addr))
	stop := time.AfterFunc(20*time.Second, func() { _ = client.Process.Kill() })
	defer stop.Stop()
	out, err := client.CombinedOutput()
	if err != nil {
		t.Errorf("the client: %v\n%s", err, out)
	}
	wantLines(t, string(out))
}

// spoken collects what cells say to people.
type spoken struct {
	mu    sync.Mutex
	lines []string
}

func (s *spoken) look(x *site.Site) {
	x.Host().Subscribe([]cells.Kind{service.KindLine}, func(_ des.Key, e cells.Emission) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lines = append(s.lines, e.Text)
	})
}

func (s *spoken) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

// role runs a service of ours at a fabric.
func role(t *testing.T, addr, name, protocol string) *spoken {
	t.Helper()
	host, p, err := SplitAddr(addr, false)
	if err != nil {
		t.Fatal(err)
	}
	s := &spoken{}
	o := realnet.Options{Site: site.Config{Name: name, Seed: des.SeedOf(1), Make: scenarios.MakeProtocol}}
	d, err := Run(o, cells.CellSpec{ID: cells.ID(name), Protocol: protocol}, socket.Config{Mode: "client", Host: host, Remote: p}, s.look)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return s
}

func TestOursTalkToPythonsFabric(t *testing.T) {
	addr := pythonDaemon(t)
	role(t, addr, "svc_echo", "switchyard-echo")
	client := role(t, addr, "cli1", "switchyard-ping")
	for end := time.Now().Add(20 * time.Second); !strings.Contains(client.text(), "got reply"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no reply: %s", client.text())
		}
	}
	wantLines(t, client.text())
	a, b := open(t, Options{Addr: addr, Name: "a"}), open(t, Options{Addr: addr, Name: "b"})
	if err := a.Send(frame(b.Identity().MAC, a.Identity().MAC, "hello")); err != nil {
		t.Fatal(err)
	}
	if got := recv(t, b); !strings.HasSuffix(string(got.Data), "hello") {
		t.Errorf("b got %q", got.Data)
	}
}

func TestTheDemoIsAllOurs(t *testing.T) {
	_, addr := serve(t, "")
	role(t, addr, "svc_echo", "switchyard-echo")
	client := role(t, addr, "cli1", "switchyard-ping")
	for end := time.Now().Add(20 * time.Second); !strings.Contains(client.text(), "got reply"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no reply: %s", client.text())
		}
	}
	wantLines(t, client.text())
}
