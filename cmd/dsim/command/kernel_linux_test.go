package command

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// kernelMark says to a process of this test which part of it it is.
const kernelMark = "DSIM_KERNEL_TEST"

// TestNamespacesKernel lets a kernel talk with simulated services, in a network
// namespace of its own, with the command as users start it.
func TestNamespacesKernel(t *testing.T) {
	switch part := os.Getenv(kernelMark); {
	case part == "":
		inNamespaces(t)
	case strings.HasPrefix(part, "near "):
		k := newKernel(t, strings.TrimPrefix(part, "near "))
		k.Run("answers", k.answers)
		k.Run("tap", k.tap)
		k.Run("two kernels", k.two)
		k.Run("raw", k.raw)
		k.Run("refused", k.refused)
		k.end()
	case part == "far":
		echoTCP(t)
	}
}

// needKernel skips where none can be asked.
func needKernel(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces want root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("network namespaces want the command ip")
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skip("the system has no TAP devices")
	}
	if out, err := exec.CommandContext(t.Context(), "unshare", "-n", "true").CombinedOutput(); err != nil {
		t.Skipf("no network namespace can be made here: %v: %s", err, out)
	}
}

// inNamespaces makes two namespaces, and runs this test in the first.
func inNamespaces(t *testing.T) {
	needKernel(t)
	t.Parallel()
	names := []string{fmt.Sprintf("dsimsy%d-near", os.Getpid()), fmt.Sprintf("dsimsy%d-far", os.Getpid())}
	for _, name := range names {
		ip(t, "netns add "+name)
		t.Cleanup(func() { ip(t, "netns del "+name) })
		ip(t, "-n "+name+" link set lo up")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ip", "netns", "exec", names[0], ourselves(t), "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), kernelMark+"=near "+names[1])
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("in namespace %s: %v", names[0], err)
	}
}

func ourselves(t testing.TB) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// ip runs the command, which ends at once.
func ip(t testing.TB, line string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ip", strings.Fields(line)...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v: %s", line, err, out)
	}
	return strings.TrimSpace(string(out))
}

// daemon is a process that works until it is told to stop.
type daemon struct {
	t    testing.TB
	line string
	cmd  *exec.Cmd
	ends chan struct{} // closed when it has ended
	out  spoken
	err  spoken
}

// spoken are what a process says.
type spoken struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *spoken) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(b)
}

func (w *spoken) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// start runs dsim switchyard until the end of t, if not stopped before.
func start(t testing.TB, line string) *daemon {
	t.Helper()
	return launch(t, line, exec.Command("dsim", append([]string{"switchyard"}, strings.Fields(line)...)...))
}

func launch(t testing.TB, line string, cmd *exec.Cmd) *daemon {
	t.Helper()
	d := &daemon{t: t, line: line, cmd: cmd, ends: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &d.out, &d.err
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(d.ends)
		_ = cmd.Wait() // its exit code is asked for below
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-d.ends
		if t.Failed() {
			t.Logf("%s:\n%s%s", line, d.out.String(), d.err.String())
		}
	})
	return d
}

// stop ends it, and wants it to have gone well and, but for a bridge's figures,
// in silence.
func (d *daemon) stop() {
	d.t.Helper()
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	d.exits(0)
	// That the fabric was gone for a while is said to people, and no complaint.
	text := strings.ReplaceAll(d.err.String(), "the fabric is gone; it is dialled again\nthe fabric is back\n", "")
	if text != "" && !strings.HasPrefix(d.line, "tap") {
		d.t.Errorf("%s: complains: %s", d.line, text)
	}
}

// exits waits for it to end by itself.
func (d *daemon) exits(code int) {
	d.t.Helper()
	select {
	case <-d.ends:
	case <-time.After(20 * time.Second):
		d.t.Fatalf("%s: does not end", d.line)
	}
	if got := d.cmd.ProcessState.ExitCode(); got != code {
		d.t.Errorf("%s: exit code %d, want %d: %s", d.line, got, code, d.err.String())
	}
}

// until waits for what must come.
func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	for over := clockAfter(20 * time.Second); !f(); time.Sleep(10 * time.Millisecond) {
		if over() {
			t.Fatalf("waited for %s", what)
		}
	}
}

// says waits until it has said something.
func (d *daemon) says(text string) {
	d.t.Helper()
	until(d.t, d.line+" to say "+text, func() bool { return strings.Contains(d.out.String()+d.err.String(), text) })
}

// dsim runs dsim switchyard to its end.
func dsim(t testing.TB, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "dsim", append([]string{"switchyard"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// How long an echo is waited for: one that must come, one that may be lost, and
// one that must not come.
const (
	surely = 5 * time.Second
	maybe  = 500 * time.Millisecond
)

// echoes sends a UDP datagram and wants it back from where it went; the kernel
// gives up none whose checksums are wrong.
func echoes(t testing.TB, to string, size int, within time.Duration) bool {
	t.Helper()
	c, err := net.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	want := make([]byte, size)
	for i := range want {
		want[i] = byte(i * 7)
	}
	if _, err := c.Write(want); err != nil {
		return false
	}
	c.SetReadDeadline(time.Now().Add(within))
	got := make([]byte, 1<<16)
	n, err := c.Read(got)
	if err == nil && !bytes.Equal(got[:n], want) {
		t.Errorf("%d bytes came back as %d others", size, n)
	}
	return err == nil
}

// echoTCP is the other kernel's service: what comes goes back.
func echoTCP(t *testing.T) {
	l, err := net.Listen("tcp", "10.0.0.10:7")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fmt.Println("listening")
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b := make([]byte, 1<<16)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		if _, err := c.Write(b[:n]); err != nil {
			return
		}
	}
}

// TestNamespacesKernelExample runs the example of the handbook.
func TestNamespacesKernelExample(t *testing.T) {
	needKernel(t)
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "../../../docs/examples/switchyard-kernel/demo.sh")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{"tap sy0 is endpoint ", "udp: the kernel got marco polo", "10.0.0.2 lladdr 02:53:59:00:00:0", "is at 02:53:59:"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	ns := fmt.Sprintf("dsim-kernel-%d", cmd.Process.Pid)
	if got := ip(t, "netns list"); strings.Contains(got, ns) {
		t.Errorf("namespace %s is still there: %s", ns, got)
	}
}
