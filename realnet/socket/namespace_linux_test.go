package socket

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// needNamespaces skips where no network namespace can be made.
func needNamespaces(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces want root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("network namespaces want the command ip")
	}
	if _, err := os.Stat("/proc/sys/net/ipv6"); err != nil {
		t.Skip("the system has no IPv6")
	}
}

// ip runs the command, which ends at once.
func ip(t testing.TB, line string) {
	t.Helper()
	if out, err := tryIP(line); err != nil {
		t.Fatalf("ip %s: %v: %s", line, err, out)
	}
}

func tryIP(line string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ip", strings.Fields(line)...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

var namespaces atomic.Int64

// namespace makes a network namespace for the time of t.
func namespace(t testing.TB) string {
	t.Helper()
	needNamespaces(t)
	name := fmt.Sprintf("dsim%d-%d", os.Getpid(), namespaces.Add(1))
	if out, err := tryIP("netns add " + name); err != nil {
		t.Skipf("no network namespace can be made here: %v: %s", err, out)
	}
	t.Cleanup(func() { ip(t, "netns del "+name) })
	ip(t, "-n "+name+" link set lo up")
	return name
}

// cable joins interface v of two namespaces, with these link-local addresses.
func cable(t testing.TB, one, two, addrOne, addrTwo string) {
	t.Helper()
	ip(t, "link add v netns "+one+" type veth peer name v netns "+two)
	for _, end := range [][2]string{{one, addrOne}, {two, addrTwo}} {
		address(t, end[0], "v", end[1])
	}
}

// address gives an interface one link-local address, which is good at once, and
// sets it up.
func address(t testing.TB, ns, name, addr string) {
	t.Helper()
	ip(t, "-n "+ns+" link set "+name+" addrgenmode none")
	if addr != "" {
		ip(t, "-n "+ns+" -6 addr add "+addr+"/64 dev "+name+" nodad")
	}
	ip(t, "-n "+ns+" link set "+name+" up")
}

// child is a process in a namespace that talks over interface v.
type child struct {
	t   testing.TB
	in  io.WriteCloser
	out *bufio.Scanner
}

func talkIn(t testing.TB, ns string) *child {
	t.Helper()
	text, err := json.Marshal(part{Talk: &Config{Kind: "interface", Interface: "v"}})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("ip", "netns", "exec", ns, testBinary(t))
	cmd.Env = append(os.Environ(), other+"="+string(text))
	cmd.Stderr = os.Stderr
	c := &child{t: t}
	if c.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewScanner(out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.in.Close()
		late := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		defer late.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the process in %s: %v", ns, err)
		}
	})
	if !c.out.Scan() || c.out.Text() != "ready" {
		t.Fatalf("the process in %s says %q", ns, c.out.Text())
	}
	return c
}

func testBinary(t testing.TB) string {
	t.Helper()
	path, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// ask says how the child is.
func (c *child) ask() told {
	c.t.Helper()
	var k told
	if _, err := io.WriteString(c.in, "\n"); err != nil {
		c.t.Fatal(err)
	}
	if !c.out.Scan() {
		c.t.Fatal("the process has ended")
	}
	if err := json.Unmarshal(c.out.Bytes(), &k); err != nil {
		c.t.Fatalf("%s: %v", c.out.Bytes(), err)
	}
	if k.Wrong != "" {
		c.t.Fatal(k.Wrong)
	}
	return k
}

// agreed waits until both are connected and numbers go both ways, and wants the
// roles that the addresses say.
func agreed(t testing.TB, c, s *child) {
	t.Helper()
	kc, ks := c.ask(), s.ask()
	defer func() { if t.Failed() { t.Logf("%+v\n%+v", c.ask(), s.ask()) } }()
	until(t, "numbers go both ways", func() bool {
		nc, ns := c.ask(), s.ask()
		return nc.Status == "connected" && ns.Status == "connected" &&
			nc.Delivered > kc.Delivered+20 && ns.Delivered > ks.Delivered+20 && nc.Sent > kc.Sent+20 && ns.Sent > ks.Sent+20
	})
	kc, ks = c.ask(), s.ask()
	if kc.Role != "client" || ks.Role != "server" {
		t.Fatalf("roles %q and %q; %+v %+v", kc.Role, ks.Role, kc, ks)
	}
	if kc.Local != "[fe80::c%v]:55555" || kc.Remote != "[fe80::d%v]:55555" || ks.Local != kc.Remote || ks.Remote != kc.Local {
		t.Fatalf("addresses %s, %s and %s, %s", kc.Local, kc.Remote, ks.Local, ks.Remote)
	}
}

// TestNamespacesCable: the roles are found, and found again each time that the
// cable was pulled, or replaced by another one. No number is lost or doubled.
func TestNamespacesCable(t *testing.T) {
	one, two := namespace(t), namespace(t)
	cable(t, one, two, "fe80::c", "fe80::d")
	c, s := talkIn(t, one), talkIn(t, two)
	agreed(t, c, s)
	times := 5
	if *long {
		times = 50
	}
	for n := range times {
		before := c.ask().Connects
		end, name := []string{one, two}[n%2], ""
		switch n % 3 {
		case 0:
			name = "pulled"
			ip(t, "-n "+end+" link set v down")
			lost(t, c, s)
			address(t, end, "v", map[string]string{one: "fe80::c", two: "fe80::d"}[end])
		case 1:
			name = "replaced"
			ip(t, "-n "+end+" link del v")
			lost(t, c, s)
			cable(t, one, two, "fe80::c", "fe80::d")
		case 2:
			name = "replaced in a moment"
			ip(t, "-n "+end+" link del v")
			cable(t, one, two, "fe80::c", "fe80::d")
			until(t, "it is noticed", func() bool { return c.ask().Connects > before })
		}
		agreed(t, c, s)
		if k := c.ask(); k.Connects <= before {
			t.Fatalf("%s: connected %d times, as before", name, k.Connects)
		}
	}
	kc, ks := c.ask(), s.ask()
	t.Logf("%d and %d numbers over %d and %d connections", kc.Delivered, ks.Delivered, kc.Connects, ks.Connects)
}

func lost(t testing.TB, both ...*child) {
	t.Helper()
	for _, c := range both {
		until(t, "the pulled cable is noticed", func() bool { return c.ask().Status == "disconnected" })
	}
}
