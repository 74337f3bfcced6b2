package switchyard

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/realnet"
)

var long = flag.Bool("long", false, "run the long forms of tests")

// asCrowd in the environment makes this program a crowd of clients that send
// nothing: the address of a fabric, and how many. They are another process, for
// both ends of so many connections are more descriptors than one may have.
const asCrowd = "DSIM_SWITCHYARD_CROWD"

func TestMain(m *testing.M) {
	if text := os.Getenv(asCrowd); text != "" {
		if err := crowd(text); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	os.Exit(m.Run())
}

// The text for who says nothing.
const saidNothing = "expected HELLO, got nothing"

// crowd connects, says so, and then what became of the connections.
func crowd(text string) error {
	addr, number, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	all := make([]net.Conn, n)
	for i := range all {
		if all[i], err = net.Dial("tcp", addr); err != nil {
			return fmt.Errorf("connection %d: %w", i+1, err)
		}
	}
	fmt.Println("connected", n)
	outcomes := make(chan error, n)
	for _, c := range all {
		go func() {
			defer c.Close()
			outcomes <- errors.Join(wantError(c, saidNothing), wantEnd(c))
		}()
	}
	for range all {
		if err := <-outcomes; err != nil {
			return err
		}
	}
	fmt.Println("hung up", n)
	_, _ = io.Copy(io.Discard, os.Stdin)
	return nil
}

// used is what the process has on its heap and its stacks, garbage apart.
func used() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what a pool holds goes with the second
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// The bounds of memory: for a connection that sends nothing, with the goroutines
// and the buffer that read it, and for what is left of one that is gone.
const (
	silentMax = 48 << 10
	goneMax   = 1 << 10
	usedSlack = 4 << 20 // what the bystanders and the test need
)

// Clients that connect and send nothing harm nobody: two others go on, new ones
// get in, the fabric's memory is bounded, and when their time is over the crowd
// is told, and hung up on.
func TestACrowdThatSaysNothing(t *testing.T) {
	n, hello := 1000, "2s"
	if *long {
		n, hello = 10_000, "12s"
	}
	d, addr := serve(t, "", cells.Param{Name: "hello", Value: hello})
	stop, exchanged := bystanders(t, addr)
	progress(t, exchanged, 100)
	before := used()
	began := time.Now()
	tell, out := startCrowd(t, addr, n)
	out(fmt.Sprint("connected ", n))
	awaitCount(t, d, "accepted", int64(n)+2)
	t.Logf("%d clients were there after %v", n, time.Since(began).Round(time.Millisecond))
	if got := count(d, "connections"); got != int64(n)+2 {
		t.Errorf("%d connections, want those of two and of %d: hello is too short, or they were not let in", got, n)
	}
	grown := used() - before
	t.Logf("memory: %d bytes for a client that says nothing; the bound is %d", grown/int64(n), silentMax)
	if grown > int64(n)*silentMax+usedSlack {
		t.Errorf("%d silent clients need %d bytes, want at most %d for each", n, grown, silentMax)
	}
	progress(t, exchanged, 100)
	for i := range 10 {
		e := open(t, Options{Addr: addr, Name: fmt.Sprint("new", i), Backoff: -1})
		if who, err := e.Lookup(t.Context(), "ann"); err != nil || who.Endpoint != 1 {
			t.Errorf("a new client does not find ann: %+v, %v", who, err)
		}
		e.Close()
	}
	out(fmt.Sprint("hung up ", n))
	t.Logf("all were hung up on after %v, with a hello of %s", time.Since(began).Round(time.Millisecond), hello)
	awaitCount(t, d, "hung_up", int64(n))
	progress(t, exchanged, 100)
	awaitUsed(t, d, before+int64(n)*goneMax+usedSlack)
	tell()
	stop()
	if got := count(d, "connections"); got != 2 {
		t.Errorf("%d connections are left, want those of two", got)
	}
}

// awaitUsed waits until no more memory is used: sockets are closed a little after
// the fabric has forgotten their connections.
func awaitUsed(t *testing.T, d *realnet.Driver, most int64) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		now := used()
		if now <= most && count(d, "connections") == 2 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d bytes are used by those who are gone, want at most %d", now, most)
		}
	}
}

// startCrowd starts the other process. Out wants its next line.
func startCrowd(t *testing.T, addr string, n int) (tell func(), out func(want string)) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), exe)
	c.Env = append(os.Environ(), asCrowd+"="+addr+" "+strconv.Itoa(n))
	c.Stderr = os.Stderr
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	background(t, c)
	lines := bufio.NewScanner(stdout)
	return func() { stdin.Close() }, func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("the crowd says %q, want %q", lines.Text(), want)
		}
	}
}
