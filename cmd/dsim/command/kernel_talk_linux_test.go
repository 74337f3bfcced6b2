package command

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/eth/dhcp"
)

// kernel is the kernel of a namespace, with a fabric in it that everything here
// shares, and the name of the namespace of another kernel.
type kernel struct {
	*testing.T
	far      string
	fabric   *daemon
	services []*daemon
	sy0      *daemon
}

// newKernel starts a fabric with services, and gives the kernel an interface.
func newKernel(t *testing.T, far string) *kernel {
	k := &kernel{T: t, far: far, fabric: start(t, "serve")}
	k.fabric.says("listening on 127.0.0.1:9999")
	k.services = []*daemon{
		start(t, "echo"), start(t, "icmp"),
		start(t, "dns --table www.example=10.0.0.80,www.example=fd00::80"),
		start(t, "dhcp --pool 10.0.0.100-10.0.0.110 --router 10.0.0.1"),
		start(t, "arp --table 10.0.0.66=svc_echo"),
	}
	k.sy0 = start(t, "tap --tap sy0")
	k.sy0.says("tap sy0 is endpoint ")
	k.sy0.says("of 127.0.0.1:9999, MTU 1500")
	ip(t, "addr add 10.0.0.9/24 dev sy0")
	until(t, "the echo service", func() bool { return echoes(t, "10.0.0.2:7007", 10, maybe) })
	return k
}

// end stops all that is left.
func (k *kernel) end() {
	for _, d := range k.services {
		d.stop()
	}
	k.fabric.stop()
}

// answers: what the kernel knows and is answered.
func (k *kernel) answers(t *testing.T) {
	t.Run("ARP", func(t *testing.T) {
		if got := ip(t, "neigh show 10.0.0.2 dev sy0"); !regexp.MustCompile(`lladdr 02:53:59:00:00:0\d (REACHABLE|DELAY)`).MatchString(got) {
			t.Errorf("the kernel's neighbour is %q", got)
		}
		pings(t, "10.0.0.20", 0, 1) // the first asks for the address
		if got := ip(t, "neigh show 10.0.0.20 dev sy0"); !strings.Contains(got, "lladdr 02:53:59:") {
			t.Errorf("the kernel's neighbour is %q", got)
		}
		_ = echoes(t, "10.0.0.66:7", 1, maybe) // another answers for the echo service
		svc := strings.Fields(ip(t, "neigh show 10.0.0.2 dev sy0"))
		until(t, "an ARP answer by proxy", func() bool {
			proxy := strings.Fields(ip(t, "neigh show 10.0.0.66 dev sy0"))
			return len(proxy) > 2 && proxy[1] == "lladdr" && proxy[2] == svc[2]
		})
	})
	t.Run("ICMP", func(t *testing.T) {
		for n, size := range []int{0, 1, 56, 1472} {
			pings(t, "10.0.0.20", size, uint16(n))
			pings(t, "10.0.0.2", size, uint16(n))
		}
	})
	t.Run("UDP", func(t *testing.T) {
		for _, size := range []int{0, 1, 2, 55, 56, 1471, 1472} {
			if !echoes(t, "10.0.0.2:7007", size, surely) {
				t.Errorf("no echo of %d bytes", size)
			}
		}
	})
	t.Run("DNS", asksNames)
	t.Run("DHCP", asksAddress)
	t.Run("asked", isAsked)
	for _, counter := range []string{"Icmp InCsumErrors", "Udp InCsumErrors", "Ip InHdrErrors"} {
		if n := snmp(t, counter); n != "0" {
			t.Errorf("the kernel has refused packets: %s %s", counter, n)
		}
	}
}

// pings sends an echo request of ICMP, and wants its answer.
func pings(t testing.TB, to string, size int, sequence uint16) {
	t.Helper()
	c, err := net.Dial("ip4:icmp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b := append([]byte{8, 0, 0, 0, 0xd5, 0x1f}, 0, 0)
	binary.BigEndian.PutUint16(b[6:], sequence)
	b = append(b, bytes.Repeat([]byte{0xa5}, size)...)
	binary.BigEndian.PutUint16(b[2:], checksum(b))
	want := append([]byte{0, 0, 0, 0}, b[4:]...)
	binary.BigEndian.PutUint16(want[2:], checksum(want))
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	for got := make([]byte, 1<<16); ; {
		n, err := c.Read(got)
		if err != nil {
			t.Fatalf("ping %s with %d bytes: %v", to, size, err)
		}
		head := int(got[0]&15) * 4 // Go gives the header of IPv4 as well, or not
		if bytes.Equal(got[:n], want) || n > head && bytes.Equal(got[head:n], want) {
			return
		}
	}
}

// checksum is that of RFC 1071, over what has an even length but for its end.
func checksum(b []byte) uint16 {
	s := uint32(0)
	for i, x := range b {
		s += uint32(x) << (8 * (1 - i%2))
	}
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return ^uint16(s)
}

// asksNames uses Go's own resolver, which is a stranger to our format.
func asksNames(t *testing.T) {
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", "10.0.0.5:53")
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, ask := range []struct{ network, name, want string }{
		{"ip4", "svc_echo.", "10.0.0.2"},
		{"ip4", "www.example.", "10.0.0.80"},
		{"ip6", "www.example.", "fd00::80"},
	} {
		got, err := r.LookupNetIP(ctx, ask.network, ask.name)
		if err != nil || len(got) != 1 || got[0].Unmap().String() != ask.want {
			t.Errorf("%s of %s is %v, %v; want %s", ask.network, ask.name, got, err, ask.want)
		}
	}
	if got, err := r.LookupAddr(ctx, "10.0.0.80"); err != nil || len(got) != 1 || got[0] != "www.example." {
		t.Errorf("10.0.0.80 is %v, %v", got, err)
	}
	none := (*net.DNSError)(nil)
	if _, err := r.LookupHost(ctx, "nobody."); err == nil || !errors.As(err, &none) || !none.IsNotFound {
		t.Errorf("nobody: %v", err)
	}
}

// asksAddress leases an address over a socket of the kernel.
func asksAddress(t *testing.T) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if cerr := c.Control(func(fd uintptr) { err = syscall.BindToDevice(int(fd), "sy0") }); cerr != nil {
			return cerr
		}
		return err
	}}
	c, err := config.ListenPacket(t.Context(), "udp4", ":68")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ask := dhcp.Message{Op: 1, ID: 0x5359, Broadcast: true, MAC: eth.MAC{2, 0, 0, 0, 0, 7}, Type: dhcp.Discover}
	offer := exchange(t, c, &ask, dhcp.Offer)
	ask.Type, ask.Asked, ask.Server = dhcp.Request, offer.Yours, offer.Server
	ack := exchange(t, c, &ask, dhcp.Ack)
	if got := ack.Yours.String(); got != "10.0.0.100" || ack.Router.String() != "10.0.0.1" || ack.Lease != 3600 || ack.Server.String() != "10.0.0.4" {
		t.Errorf("the lease is %+v", ack)
	}
}

func exchange(t *testing.T, c net.PacketConn, ask *dhcp.Message, want dhcp.Type) (m dhcp.Message) {
	t.Helper()
	b, err := ask.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.WriteTo(b, &net.UDPAddr{IP: net.IPv4bcast, Port: dhcp.ServerPort}); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	in := make([]byte, 2048)
	n, _, err := c.ReadFrom(in)
	if err != nil {
		t.Fatalf("no answer to %s: %v", ask.Type, err)
	}
	if err := m.Parse(in[:n]); err != nil || m.Type != want || m.ID != ask.ID {
		t.Fatalf("%s was answered %+v, %v", ask.Type, m, err)
	}
	return m
}

// isAsked lets simulated clients ask the kernel.
func isAsked(t *testing.T) {
	if out, errs, code := dsim(t, "icmp", "--endpoint", "asker", "--ip", "10.0.0.21", "--to-ip", "10.0.0.9", "--requests", "2", "--every", "50ms"); code != 0 ||
		strings.Count(out, "64 bytes from 10.0.0.9") != 2 {
		t.Errorf("the kernel was asked: exit code %d: %s%s", code, out, errs)
	}
	c, err := net.ListenPacket("udp4", "10.0.0.9:7007")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() {
		b := make([]byte, 2048)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return // the test is over
			}
			_, _ = c.WriteTo(b[:n], from)
		}
	}()
	if out, errs, code := dsim(t, "ping", "--to", "", "--to-ip", "10.0.0.9"); code != 0 || !strings.Contains(out, "got reply from 10.0.0.9:7007: b'marco polo'") {
		t.Errorf("a socket of the kernel was asked: exit code %d: %s%s", code, out, errs)
	}
}

// snmp is one of the kernel's counters, as "Udp InErrors".
func snmp(t testing.TB, counter string) string {
	t.Helper()
	text, err := os.ReadFile("/proc/net/snmp")
	if err != nil {
		t.Fatal(err)
	}
	group, name, _ := strings.Cut(counter, " ")
	var names []string
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || f[0] != group+":":
		case names == nil:
			names = f
		default:
			for i := range f {
				if names[i] == name {
					return f[i]
				}
			}
		}
	}
	return "0" // systems before it was counted
}

// tap: lengths, noise, and a fabric that goes and comes.
func (k *kernel) tap(t *testing.T) {
	t.Run("lengths", func(t *testing.T) {
		if echoes(t, "10.0.0.2:7007", 3000, maybe) {
			t.Error("a host that takes no fragments has answered them")
		}
		ip(t, "link set sy0 mtu 9000")
		if !echoes(t, "10.0.0.2:7007", 8972, surely) {
			t.Error("no echo of a long frame")
		}
		ip(t, "link set sy0 mtu 65521")
		before := fabricCount(t, "full")
		if echoes(t, "10.0.0.2:7007", 65000, maybe) || fabricCount(t, "full") <= before {
			t.Error("a frame that has no room in any queue came through, or is not counted")
		}
		ip(t, "link set sy0 mtu 1500")
		if !echoes(t, "10.0.0.2:7007", 1472, surely) {
			t.Error("no echo after a frame that was too long")
		}
	})
	t.Run("noise", func(t *testing.T) {
		if _, err := os.Stat("/proc/sys/net/ipv6/conf/sy0"); err != nil {
			t.Skip("the system has no IPv6")
		}
		groups, err := net.ListenMulticastUDP("udp6", interfaceOf(t, "sy0"), &net.UDPAddr{IP: net.ParseIP("ff02::5359"), Port: 5359})
		if err != nil {
			t.Fatal(err)
		}
		defer groups.Close() // MLD, twice
		ip(t, "link set sy0 down")
		k.sy0.says("interface sy0: is down: ip link set sy0 up")
		ip(t, "link set sy0 up") // an address, and who may have it; routers
		k.sy0.says("interface sy0: works again")
		until(t, "frames of IPv6", func() bool {
			out, _, _ := dsim(t, "capture")
			return strings.Contains(out, "33:33:")
		})
		until(t, "an echo in the noise", func() bool { return echoes(t, "10.0.0.2:7007", 100, maybe) })
	})
	t.Run("restart", func(t *testing.T) {
		k.fabric.stop()
		k.sy0.says("the fabric is gone")
		until(t, "no carrier", func() bool { return strings.Contains(ip(t, "link show sy0"), "NO-CARRIER") })
		if got := ip(t, "neigh show dev sy0"); strings.Contains(got, "lladdr 02:53:59") {
			t.Errorf("the kernel knows its neighbours still: %s", got)
		}
		k.fabric = start(k.T, "serve")
		k.sy0.says("the fabric is back: tap sy0 is endpoint ")
		until(t, "an echo", func() bool { return echoes(t, "10.0.0.2:7007", 1000, maybe) })
		if got := ip(t, "addr show sy0"); !strings.Contains(got, "10.0.0.9/24") || strings.Contains(got, "NO-CARRIER") {
			t.Errorf("the interface is %s", got)
		}
	})
}

func interfaceOf(t testing.TB, name string) *net.Interface {
	t.Helper()
	i, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// fabricCount is one of the fabric's counters.
func fabricCount(t testing.TB, name string) uint64 {
	t.Helper()
	out, errs, _ := dsim(t, "stats", "--json")
	var told struct{ Counters map[string]uint64 }
	if err := json.Unmarshal([]byte(out), &told); err != nil {
		t.Fatalf("%v: %s%s", err, out, errs)
	}
	return told.Counters[name]
}

// two kernels talk TCP through the fabric. The other's TAP device is made here,
// and put into its namespace.
func (k *kernel) two(t *testing.T) {
	sy1 := start(t, "tap --tap sy1 --json")
	sy1.says("tap sy1 is endpoint ")
	ip(t, "link set sy1 netns "+k.far)
	ip(t, "-n "+k.far+" addr add 10.0.0.10/24 dev sy1")
	ip(t, "-n "+k.far+" link set sy1 up")
	cmd := exec.Command("ip", "netns", "exec", k.far, ourselves(t), "-test.run=^TestNamespacesKernel$")
	cmd.Env = append(os.Environ(), kernelMark+"=far")
	echo := launch(t, "the other kernel's service", cmd)
	echo.says("listening")
	c, err := net.DialTimeout("tcp", "10.0.0.10:7", 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(30 * time.Second))
	want := make([]byte, 1<<20)
	for i := range want {
		want[i] = byte(i >> 3 * 31)
	}
	go func() { _, _ = c.Write(want) }()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes there and back: %v", len(want), err)
	}
	c.Close()
	echo.exits(0)
	sy1.stop()
	var told struct{ In, Out uint64 }
	if text := sy1.out.String(); json.Unmarshal([]byte(text[strings.Index(text, "{"):]), &told) != nil || told.In < 100 || told.Out < 100 {
		t.Errorf("the other's interface says %s", text)
	}
}

// raw: an Ethernet interface, whose driver has left the checksums to hardware
// that is not there.
func (k *kernel) raw(t *testing.T) {
	ip(t, "link add sy2 type veth peer name sy3")
	for _, name := range []string{"sy2", "sy3"} {
		ip(t, "link set "+name+" up")
	}
	ip(t, "addr add 10.1.0.9/24 dev sy3")
	echo := start(t, "echo --endpoint echo2 --ip 10.1.0.2")
	bridge := start(t, "tap --raw sy2")
	bridge.says("raw sy2 is endpoint ")
	until(t, "an echo", func() bool { return echoes(t, "10.1.0.2:7007", 10, maybe) })
	for _, size := range []int{0, 1, 1472} {
		pings(t, "10.1.0.2", size, 1)
		if !echoes(t, "10.1.0.2:7007", size, surely) {
			t.Errorf("no echo of %d bytes", size)
		}
	}
	if got := ip(t, "neigh show 10.1.0.2 dev sy3"); !strings.Contains(got, "lladdr 02:53:59:") {
		t.Errorf("the kernel's neighbour is %q", got)
	}
	if n := snmp(t, "Udp InCsumErrors"); n != "0" {
		t.Errorf("the kernel has refused datagrams: %s", n)
	}
	ip(t, "link del sy3") // and with it the other end
	bridge.exits(exitEnvironment)
	bridge.says("interface sy2: is gone")
	echo.stop()
}

// refused: what cannot be joined says why in one line, and how devices end.
func (k *kernel) refused(t *testing.T) {
	one := func(want string, args ...string) {
		t.Helper()
		_, errs, code := dsim(t, append([]string{"tap"}, args...)...)
		if code == 0 || !strings.Contains(errs, want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: exit code %d: %s; want %q in one line", args, code, errs, want)
		}
	}
	one("another process has the device", "--tap", "sy0", "--name", "other")
	one("it is no TAP device", "--tap", "lo")
	one("there is no such interface", "--raw", "sy77")
	one("want either --tap or --raw", "--raw", "sy77", "--tap", "sy78")
	one("connection refused; dsim switchyard serve is one", "--tap", "sy77", "--fabric", "127.0.0.1:9998")
	if setpriv, err := exec.LookPath("setpriv"); err == nil {
		for device, want := range map[string]string{"--tap=sy9": "TAP needs CAP_NET_ADMIN", "--raw=sy0": "raw Ethernet needs CAP_NET_RAW"} {
			cmd := exec.CommandContext(t.Context(), setpriv, "--bounding-set=-all", "--inh-caps=-all", "dsim", "switchyard", "tap", device, "--name", "other")
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), want) || strings.Count(string(out), "\n") != 1 {
				t.Errorf("%s without rights: %v: %s", device, err, out)
			}
		}
	}
	killed := start(t, "tap --tap sy7")
	killed.says("tap sy7 is endpoint ")
	_ = killed.cmd.Process.Kill()
	<-killed.ends
	if _, err := net.InterfaceByName("sy7"); err == nil {
		t.Error("the device outlives its process")
	}
	taken := start(t, "tap --tap sy8")
	taken.says("tap sy8 is endpoint ")
	ip(t, "link del sy8")
	taken.exits(exitEnvironment)
	taken.says("interface sy8: is gone")
	k.sy0.stop()
	k.sy0.says(" frames in, ")
	if _, err := net.InterfaceByName("sy0"); err == nil {
		t.Error("the device outlives its process")
	}
}
