package socket

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/dsim/realnet/nd"
)

var long = flag.Bool("long", false, "run the long forms of tests")

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
	defer func() {
		if t.Failed() {
			t.Logf("%+v\n%+v", c.ask(), s.ask())
		}
	}()
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
	t.Parallel()
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

// problem waits until a child is kept from its neighbour by something.
func (c *child) problem(what string) {
	c.t.Helper()
	last := ""
	defer func() {
		if c.t.Failed() {
			c.t.Logf("problem: %q", last)
		}
	}()
	until(c.t, what, func() bool { last = c.ask().Problem; return strings.Contains(last, what) })
}

// TestNamespacesManyNeighbours: with a third on the wire there is no link, and
// when it is gone there is one again.
func TestNamespacesManyNeighbours(t *testing.T) {
	t.Parallel()
	hub := namespace(t)
	ends := []string{namespace(t), namespace(t), namespace(t)}
	if out, err := tryIP("-n " + hub + " link add name br0 type bridge mcast_snooping 0"); err != nil {
		t.Skipf("no bridge can be made here: %v: %s", err, out)
	}
	address(t, hub, "br0", "")
	addrs := []string{"fe80::c", "fe80::d", "fe80::e"}
	for i, end := range ends {
		port := fmt.Sprintf("p%d", i)
		ip(t, "link add v netns "+end+" type veth peer name "+port+" netns "+hub)
		ip(t, "-n "+hub+" link set "+port+" master br0")
		address(t, hub, port, "")
		if i < 2 {
			address(t, end, "v", addrs[i])
		}
	}
	c, s := talkIn(t, ends[0]), talkIn(t, ends[1])
	agreed(t, c, s)
	address(t, ends[2], "v", addrs[2])
	c.problem("more than one neighbour: fe80::d, fe80::e")
	s.problem("more than one neighbour: fe80::c, fe80::e")
	ip(t, "-n "+ends[2]+" link set v down")
	agreed(t, c, s)
}

// TestNamespacesDuplicate: two ends with one address cannot be told apart.
func TestNamespacesDuplicate(t *testing.T) {
	t.Parallel()
	one, two := namespace(t), namespace(t)
	cable(t, one, two, "fe80::c", "fe80::c")
	c, s := talkIn(t, one), talkIn(t, two)
	c.problem("duplicate address: somebody else has fe80::c")
	s.problem("duplicate address: somebody else has fe80::c")
	ip(t, "-n "+two+" -6 addr del fe80::c/64 dev v")
	s.problem("interface v: has no link-local address")
	ip(t, "-n "+two+" -6 addr add fe80::d/64 dev v nodad")
	agreed(t, c, s)
}

// inside runs the test itself in a namespace, in another process, and reports
// whether this is it.
func inside(t *testing.T) bool {
	t.Helper()
	const mark = "DSIM_SOCKET_TEST_INSIDE"
	if os.Getenv(mark) != "" {
		return true
	}
	t.Parallel()
	ns := namespace(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ip", "netns", "exec", ns, testBinary(t), "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), mark+"=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("in namespace %s: %v", ns, err)
	}
	return false
}

// TestNamespacesUnable: an interface on which neighbours cannot be found says so,
// and what can be done.
func TestNamespacesUnable(t *testing.T) {
	if !inside(t) {
		return
	}
	// A dummy where the kernel has them, else what makes one unable.
	dummy := "(dummy, NOARP)"
	if _, err := tryIP("link add name dum type dummy"); err != nil {
		dummy = "(veth, NOARP)"
		ip(t, "link add name dum type veth peer name dumber")
		ip(t, "link set dum arp off")
	}
	ip(t, "tuntap add dev tun7 mode tun")
	ip(t, "link add v type veth peer name w")
	ip(t, "link set v addrgenmode none")
	for name, want := range map[string]string{
		"lo":    "cannot do neighbour discovery: it is the loopback",
		"dum":   "cannot do neighbour discovery: it does not resolve addresses " + dummy,
		"tun7":  "cannot do neighbour discovery: it is point to point (tuntap)",
		"en999": "there is no such interface",
	} {
		if _, err := Open(Config{Kind: "interface", Interface: name}, &ear{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", name, err, want)
		}
	}
	w := mustOpen(t, Config{Kind: "interface", Interface: "v"}, &ear{})
	wants := func(want string) {
		t.Helper()
		until(t, want, func() bool { p := w.Problem(); return p != nil && strings.Contains(p.Error(), want) })
	}
	wants("interface v: is down: ip link set v up")
	ip(t, "link set v up")
	wants("interface v: has no carrier")
	ip(t, "link set w up")
	wants("interface v: has no link-local address: ip link set v addrgenmode eui64")
	for _, addr := range []string{"fe80::b", "fe80::a", "fe80::c"} {
		ip(t, "-6 addr add "+addr+"/64 dev v nodad")
	}
	if l, err := nd.Look("v"); err != nil || l.Problem != nil || l.Local.String() != "fe80::a" {
		t.Errorf("of three addresses: %+v, %v", l, err)
	}
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/v/disable_ipv6", []byte("1"), 0); err != nil {
		t.Logf("cannot disable IPv6 here: %v", err)
	} else {
		wants("IPv6 is disabled: sysctl net.ipv6.conf.v.disable_ipv6=0")
	}
	if err := w.Send([]byte("x")); err != ErrNotConnected || w.Role() != "" || w.Status() != "handshaking" {
		t.Errorf("%v, role %q, %s", err, w.Role(), w.Status())
	}
}
