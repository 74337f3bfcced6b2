package command

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/dsim/realnet/switchyard"
)

// terminal is a dsim switchyard that runs as in a terminal of its own.
type terminal struct {
	*exec.Cmd
	t  *testing.T
	mu sync.Mutex
	b  bytes.Buffer
}

// Write takes what it prints.
func (x *terminal) Write(b []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.Write(b)
}

// printed is what it has printed.
func (x *terminal) printed() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.String()
}

// inTerminal starts dsim switchyard with words, and variables of the environment
// in front of them.
func inTerminal(t *testing.T, words ...string) *terminal {
	t.Helper()
	x := &terminal{t: t}
	env := os.Environ()
	for ; strings.Contains(words[0], "="); words = words[1:] {
		env = append(env, words[0])
	}
	x.Cmd = exec.CommandContext(t.Context(), "dsim", append([]string{"switchyard"}, words...)...)
	x.Env, x.Stdout, x.Stderr = env, x, os.Stderr
	x.begin()
	return x
}

// begin starts it, and has it end with the test: one that lived on would keep what
// the tests print open.
func (x *terminal) begin() {
	x.t.Helper()
	if err := x.Start(); err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(func() {
		_ = x.Process.Kill()
		_ = x.Wait()
	})
}

// await waits until it has printed so many lines with a text, and gives the last.
func (x *terminal) await(text string, number int) string {
	x.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		n := 0
		for line := range strings.Lines(x.printed()) {
			if strings.Contains(line, text) && strings.HasSuffix(line, "\n") {
				n++
			}
			if n == number {
				return strings.TrimSuffix(line, "\n")
			}
		}
		if time.Now().After(end) {
			x.t.Fatalf("%s: printed %q, not %d lines with %q", x.Args, x.printed(), number, text)
		}
	}
}

// ends waits for its end, which is a good one.
func (x *terminal) ends() {
	x.t.Helper()
	stop := time.AfterFunc(30*time.Second, func() { _ = x.Process.Kill() })
	defer stop.Stop()
	if err := x.Wait(); err != nil {
		x.t.Fatalf("%s: %v, printed %q", x.Args, err, x.printed())
	}
}

// interrupt does what Ctrl-C does.
func (x *terminal) interrupt() {
	x.t.Helper()
	if err := x.Process.Signal(os.Interrupt); err != nil {
		x.t.Error(err)
	}
	x.ends()
}

// fabric is a fabric on a free port.
func fabric(t *testing.T) (x *terminal, addr string) {
	t.Helper()
	x = inTerminal(t, "serve", "--listen", "127.0.0.1:0")
	const says = "switchyardd: listening on "
	return x, strings.TrimPrefix(x.await(says, 1), says)
}

// awaitEndpoint waits until a name is in a fabric, as a person does who looks at
// the second terminal before the third.
func awaitEndpoint(t *testing.T, addr, name string) {
	t.Helper()
	e, err := switchyard.Open(t.Context(), switchyard.Options{Addr: addr, Name: "looker", Wait: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, err := e.Lookup(t.Context(), name); err != nil {
		t.Fatal(err)
	}
}

// What the document says its client prints, and nothing else.
const (
	demoPrints  = "[cli] sent 10 bytes: b'marco polo'\n[cli] got reply from 10.0.0.2:7007: b'marco polo'\n"
	helloPrints = "[cli] sent 5 bytes: b'hello'\n[cli] got reply from 10.0.0.2:7007: b'hello'\n"
)

func wantPrinted(t *testing.T, x *terminal, want string) {
	t.Helper()
	x.ends()
	if got := x.printed(); got != want {
		t.Errorf("%s printed\n%swant\n%s", x.Args, got, want)
	}
}

// The three terminals of the document, as three processes: in its order, again
// against the same fabric, with another message, and with the service last.
func TestTheDemoPrintsWhatTheDocumentSays(t *testing.T) {
	daemon, addr := fabric(t)
	early := inTerminal(t, "ping", "--fabric", addr, "--endpoint", "early", "--ip", "10.0.0.9", "--tries", "0")
	time.Sleep(50 * time.Millisecond) // it finds nobody, mostly, and asks again
	echo := inTerminal(t, "echo", "--fabric", addr)
	wantPrinted(t, early, demoPrints)
	awaitEndpoint(t, addr, "svc_echo")
	for range 2 {
		wantPrinted(t, inTerminal(t, "ping", "--fabric", addr), demoPrints)
	}
	wantPrinted(t, inTerminal(t, "PING_MSG=hello", "ping", "--fabric", addr), helloPrints)
	wantPrinted(t, inTerminal(t, "ping", "--fabric", addr, "--message", `it's "5" \`),
		"[cli] sent 10 bytes: b'it\\'s \"5\" \\\\'\n[cli] got reply from 10.0.0.2:7007: b'it\\'s \"5\" \\\\'\n")
	wantPrinted(t, inTerminal(t, "ping", "--fabric", addr, "--resolve", "lookup"), demoPrints)
	echo.interrupt()
	daemon.interrupt()
}

// The same to the letter of the document: no flags, so it takes the port.
func TestTheDemoWithoutFlags(t *testing.T) {
	l, err := net.Listen("tcp", switchyard.AddrDefault)
	if err != nil {
		t.Skipf("the default address is somebody else's: %v", err)
	}
	l.Close()
	daemon := inTerminal(t, "serve")
	if got := daemon.await("listening", 1); got != "switchyardd: listening on 127.0.0.1:9999" {
		t.Errorf("the fabric says %q", got)
	}
	echo := inTerminal(t, "echo")
	awaitEndpoint(t, switchyard.AddrDefault, "svc_echo")
	wantPrinted(t, inTerminal(t, "ping"), demoPrints)
	echo.interrupt()
	daemon.interrupt()
}

// packet is what tshark makes of a frame.
type packet struct {
	protocols, malformed, ip, udp, icmp, length, expert string
}

// dissect opens a capture with tshark, which looks at all checksums.
func dissect(t *testing.T, tshark, path string) (list []packet) {
	t.Helper()
	c := exec.CommandContext(t.Context(), tshark, "-r", path,
		"-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", // ICMP's always is
		"--disable-protocol", "rx", // which lays claim to port 7007
		"-T", "fields", "-E", "separator=|", "-E", "occurrence=a",
		"-e", "frame.protocols", "-e", "_ws.malformed", "-e", "ip.checksum.status", "-e", "udp.checksum.status",
		"-e", "icmp.checksum.status", "-e", "frame.len", "-e", "_ws.expert.message")
	var problems bytes.Buffer
	c.Stderr = &problems
	out, err := c.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, &problems)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), "|", 7)
		if len(f) != 7 {
			t.Fatalf("tshark: %q", line)
		}
		list = append(list, packet{f[0], f[1], f[2], f[3], f[4], f[5], f[6]})
	}
	return list
}

// wantWhole holds that a frame is dissected to its top, with checksums that are right.
func (p packet) wantWhole(t *testing.T) (top string) {
	t.Helper()
	const good = "1"
	words := strings.Split(p.protocols, ":")
	top = words[len(words)-1]
	for layer, status := range map[string]string{"ip": p.ip, "udp": p.udp, "icmp": p.icmp} {
		if has := slices.Contains(words, layer); has && status != good || !has && status != "" {
			t.Errorf("%+v: the checksum of %s is %q", p, layer, status)
		}
	}
	if p.malformed != "" || strings.Contains(p.protocols, "_ws") || strings.Contains(strings.ToLower(p.expert), "checksum") {
		t.Errorf("%+v", p)
	}
	return top
}

// Everything that goes over a fabric of ours is what tshark takes it for: all the
// services and their clients as processes, the sniffer's capture and the fabric's.
func TestTsharkReadsTheSwitchyard(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed; `apt-get install tshark` runs this test")
	}
	daemon, addr := fabric(t)
	dir := t.TempDir()
	sniffed, kept := filepath.Join(dir, "sniffed.pcapng"), filepath.Join(dir, "kept.pcapng")
	at := func(words ...string) *terminal { return inTerminal(t, append(words, "--fabric", addr)...) }
	sniffer := at("sniff", "--write", sniffed)
	awaitFile(t, sniffed)
	services := []*terminal{at("echo"), at("ntp"), at("dhcp"), at("dns", "--table", "www=10.0.0.9,www=2001:db8::9")}
	wantPrinted(t, at("ping"), demoPrints)
	at("icmp", "--to-ip", "10.0.0.2", "--to", "svc_echo", "--requests", "3", "--every", "10ms", "--size", "33").ends()
	at("ntp-client", "--samples", "3", "--every", "10ms").ends()
	at("dns-client", "--ask", "A www,AAAA www,PTR 10.0.0.9,svc_echo,A nobody", "--every", "10ms").ends()
	tenant := at("dhcp-client")
	sniffer.await(":67", 4) // DISCOVER, OFFER, REQUEST, ACK
	tenant.interrupt()
	at("capture", "--write", kept).ends()
	for _, x := range append(services, sniffer, daemon) {
		x.interrupt()
	}
	got := dissect(t, tshark, sniffed)
	tops := make(map[string]int)
	for _, p := range got {
		tops[p.wantWhole(t)]++
	}
	t.Logf("%d frames: %v", len(got), tops)
	for top, least := range map[string]int{"arp": 8, "data": 2 + 6, "ntp": 6, "dns": 10, "dhcp": 4} {
		if tops[top] < least {
			t.Errorf("%d frames of %s, want %d at least", tops[top], top, least)
		}
		delete(tops, top)
	}
	if len(tops) > 0 {
		t.Errorf("frames of nobody here: %v", tops)
	}
	if again := dissect(t, tshark, kept); !slices.Equal(got, again) {
		t.Errorf("the fabric has kept %d frames, the sniffer has seen %d, or others", len(again), len(got))
	}
}

// awaitFile waits until there is something in a file.
func awaitFile(t *testing.T, path string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the sniffer does not begin")
		}
	}
}

// A virtual run leaves the same kind of capture: every port of an endpoint or of
// a fabric is an interface of Ethernet frames.
func TestTsharkReadsAVirtualSwitchyard(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed; `apt-get install tshark` runs this test")
	}
	for file, want := range map[string][]string{
		"demo": {"arp", "data"}, "dhcp-exhausted": {"arp", "dhcp"}, "dns-names": {"arp", "dns"}, "ntp-skewed": {"arp", "ntp"},
	} {
		path := filepath.Join(t.TempDir(), "run.pcapng")
		if code := Run([]string{"run", "../../../scenarios/switchyard/" + file + ".yaml", "--pcap", path}, new(bytes.Buffer), os.Stderr); code != exitOK {
			t.Fatalf("%s: exit code %d", file, code)
		}
		tops := make(map[string]int)
		for _, p := range dissect(t, tshark, path) {
			tops[p.wantWhole(t)]++
		}
		t.Logf("%s: %v", file, tops)
		for _, top := range want {
			if tops[top] == 0 {
				t.Errorf("%s: no frame of %s", file, top)
			}
			delete(tops, top)
		}
		if len(tops) > 0 {
			t.Errorf("%s: frames of nobody here: %v", file, tops)
		}
	}
}
