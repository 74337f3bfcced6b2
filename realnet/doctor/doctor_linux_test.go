package doctor

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestExamine: whatever the machine, each finding says what it is, and what
// helps where it is not as it should be.
func TestExamine(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	before := len(interfaceNames(t))
	r := Examine()
	topics := map[string]bool{}
	for _, f := range r.Findings {
		if f.Topic == "" || f.Found == "" || f.For == "" || topics[f.Topic] {
			t.Errorf("%+v", f)
		}
		topics[f.Topic] = true
		if f.Level != OK && len(f.Do) == 0 && !strings.HasPrefix(f.Topic, "interface ") {
			t.Errorf("nothing to do about %+v", f)
		}
		if f.Level == OK && len(f.Do) > 0 {
			t.Errorf("something to do about %+v", f)
		}
	}
	for _, want := range []string{"UNIX sockets", "UDP and TCP", "open files", "processes", "user namespaces", "network namespaces", "raw Ethernet", "raw ICMPv6", "TAP devices", "IPv6", "clock", "timers"} {
		if !topics[want] {
			t.Errorf("nothing about %s", want)
		}
	}
	if !strings.HasPrefix(r.System, "linux/") || r.Processors < 1 {
		t.Errorf("%s, %d processors", r.System, r.Processors)
	}
	if n := r.Count(OK) + r.Count(Limited) + r.Count(Missing); n != len(r.Findings) {
		t.Errorf("%d of %d findings have a level", n, len(r.Findings))
	}
	if left, _ := filepath.Glob(dir + "/*"); len(left) > 0 || len(interfaceNames(t)) != before {
		t.Errorf("left behind: %v", left)
	}
}

func interfaceNames(t *testing.T) []net.Interface {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestUnixSocketsWithoutFolder: a folder that cannot be used is named.
func TestUnixSocketsWithoutFolder(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
	f := unixSockets()[0]
	if f.Level != Missing || !strings.Contains(f.Found, os.Getenv("TMPDIR")) || len(f.Do) == 0 {
		t.Fatalf("%+v", f)
	}
}

func TestLongFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("p", 40))
	t.Setenv("TMPDIR", dir)
	if f := paths(); f.Level != Limited || !strings.Contains(f.Found, dir) {
		t.Fatalf("%+v", f)
	}
	t.Setenv("TMPDIR", "/tmp")
	if f := paths(); f.Level != OK || f.Found != "at most 107 bytes, of which /tmp leaves 102" {
		t.Fatalf("%+v", f)
	}
}

func TestQueue(t *testing.T) {
	for waiting, want := range map[int]Level{11: Limited, 63: Limited, 64: OK, 513: OK} {
		if f := queue(waiting); f.Level != want {
			t.Errorf("%d: %+v", waiting, f)
		}
	}
	path := filepath.Join(os.TempDir(), "q"+filepath.Base(t.TempDir()))
	defer os.Remove(path)
	defer os.Remove(path + "2")
	longest, waiting, err := tryDatagrams(path)
	qlen, ok := setting("net/unix/max_dgram_qlen")
	if err != nil || longest < 64<<10 || ok && int64(waiting) != min(qlen+1, 10_000) && waiting < 200 {
		t.Fatalf("%d bytes, %d waiting with a queue of %d, %v", longest, waiting, qlen, err)
	}
}

func TestTried(t *testing.T) {
	f := Finding{Topic: "raw", Level: OK}
	if got := tried(f, -1, unix.EPERM, "CAP_NET_RAW"); got.Level != Missing || !strings.Contains(got.Found, "CAP_NET_RAW is missing") || !strings.Contains(got.Do[0], "setcap cap_net_raw+ep") {
		t.Fatalf("%+v", got)
	}
	if got := tried(f, -1, unix.EAFNOSUPPORT, "CAP_NET_RAW"); got.Level != Missing || strings.Contains(got.Found, "CAP") || len(got.Do) == 0 {
		t.Fatalf("%+v", got)
	}
}

func TestInterfaces(t *testing.T) {
	if f := oneInterface("lo"); f.Level != Limited || !strings.HasPrefix(f.Found, "cannot do neighbour discovery: it is the loopback") {
		t.Fatalf("%+v", f)
	}
	if f := oneInterface("en999"); f.Level != Limited || f.Found != "there is no such interface" {
		t.Fatalf("%+v", f)
	}
	if got := advice("interface v: is down: ip link set v up", "interface v: "); len(got) != 1 || got[0] != "ip link set v up" {
		t.Fatal(got)
	}
}
