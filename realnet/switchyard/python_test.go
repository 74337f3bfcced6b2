package switchyard

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/switchyard"
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
	r := interpose(t, addr)
	background(t, script(t, "svc_echo.py", "--port", port(t, r.addr)))
	r.await(t, 1, switchyard.TypeSubscribed, 1)
	client := script(t, "cli_udp_ping.py", "--port", port(t, r.addr))
	stop := time.AfterFunc(patience, func() { _ = client.Process.Kill() })
	defer stop.Stop()
	out, err := client.CombinedOutput()
	if err != nil {
		t.Errorf("the client: %v\n%s", err, out)
	}
	wantLines(t, string(out))
	r.await(t, 2, 0, 2)
	wantTranscript(t, pythonAtOurs, "The programs in Python at our fabric: 1 is svc_echo.py, 2 is cli_udp_ping.py.\n"+legend, r.all())
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
func role(t *testing.T, addr, name, protocol string) (*realnet.Driver, *spoken) {
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
	return d, s
}

// count is one of the numbers that a driver's cell shows.
func count(d *realnet.Driver, name string) (n int64) {
	d.View(func(s *site.Site) {
		for _, at := range s.Host().AppendState(0, nil) {
			if at.Name == name {
				n = at.Int
			}
		}
	})
	return n
}

// awaitCount waits until a number is as great as wanted.
func awaitCount(t *testing.T, d *realnet.Driver, name string, want int64) {
	t.Helper()
	for end := time.Now().Add(patience); count(d, name) < want; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s is %d, want %d", name, count(d, name), want)
		}
	}
}

// demo runs our service and then our client at a fabric, until the client has
// its reply and is gone. What is said there is in r. The client comes only when
// the fabric has handled what the service says to all, or it would hear of it,
// or not. Settled, which may be nil, waits for that.
func demo(t *testing.T, addr string, r *record, settled func()) {
	t.Helper()
	role(t, addr, "svc_echo", "switchyard-echo")
	r.await(t, 1, switchyard.TypePacketOut, 1)
	if settled != nil {
		settled()
	}
	d, client := role(t, addr, "cli1", "switchyard-ping")
	for end := time.Now().Add(patience); !strings.Contains(client.text(), "got reply"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no reply: %s\n%s", client.text(), render("so far", r.all()))
		}
	}
	wantLines(t, client.text())
	d.Close()
	r.await(t, 2, 0, 2)
}

// endpoints are programs that use the endpoint of this package, at a fabric: two
// that exchange frames, one that wants a name which is taken, one that takes it
// over, and questions that a fabric refuses.
func endpoints(t *testing.T, addr string, r *record, _ func()) {
	t.Helper()
	a := open(t, Options{Addr: addr, Name: "a", Backoff: -1})
	b := open(t, Options{Addr: addr, Name: "b", MAC: eth.MAC{2, 0, 0, 0, 0, 0xb}, Client: "another", Backoff: -1})
	who, err := a.Lookup(t.Context(), "b")
	if err != nil || who != b.Identity() {
		t.Errorf("b is %+v, %v", who, err)
	}
	exchange := func(from, to *Endpoint, dst eth.MAC, text string) {
		t.Helper()
		want := frame(dst, from.Identity().MAC, text)
		if err := from.Send(want); err != nil {
			t.Fatal(err)
		}
		if got := recv(t, to); !bytes.Equal(got.Data, want) {
			t.Errorf("got %x, want %x", got.Data, want)
		}
	}
	exchange(a, b, who.MAC, "hello")
	exchange(b, a, eth.Broadcast, "hello, all")
	exchange(a, b, eth.MAC{2, 0, 0, 0, 0, 0xc}, "hello, nobody")
	exchange(a, a, a.Identity().MAC, "hello, me")
	var said *FabricError
	for _, x := range []struct {
		m    switchyard.Message
		want string
	}{
		{switchyard.Message{Type: 99}, "unknown message type: 99"},
		{switchyard.Message{Type: switchyard.TypeEndpointLookup, Payload: payload("name", "nobody")}, "no such endpoint: nobody"},
		{switchyard.Message{Type: switchyard.TypeSubscribe, Endpoint: 9, Payload: payload()}, "subscribe: unknown endpoint_id 9"},
		{switchyard.Message{Type: switchyard.TypeEndpointCreate, Payload: payload("name", "x", "mac", "02:53:59:00:00:01")}, "endpoint mac already exists: 02:53:59:00:00:01"},
		{switchyard.Message{Type: switchyard.TypeEndpointCreate, Payload: payload()}, "bad ENDPOINT_CREATE: name is missing"},
	} {
		if _, err := b.Ask(t.Context(), x.m, x.m.Type); !errors.As(err, &said) || said.Text != x.want {
			t.Errorf("%s: %v, want %q", x.m, err, x.want)
		}
	}
	if _, err := Open(t.Context(), Options{Addr: addr, Name: "a", Exclusive: true}); !errors.As(err, &said) || said.Text != "endpoint name already exists: a" {
		t.Errorf("a name that is taken: %v", err)
	}
	r.await(t, 3, 0, 2)
	a.Close()
	r.await(t, 1, 0, 2)
	again := open(t, Options{Addr: addr, Name: "a", Backoff: -1})
	if again.Identity() != a.Identity() {
		t.Errorf("taken over was %+v, not %+v", again.Identity(), a.Identity())
	}
	exchange(b, again, again.Identity().MAC, "welcome back")
	again.Close()
	r.await(t, 4, 0, 2)
}

func TestOursTalkToPythonsFabric(t *testing.T) {
	r := interpose(t, pythonDaemon(t))
	// The daemon takes turns: who connects from now on comes behind what is there.
	demo(t, r.addr, &r.record, nil)
	wantTranscript(t, oursAtPython, "Our service and our client at the daemon in Python: 1 is svc_echo, 2 is cli1.\n"+legend, r.all())
}

func TestOurEndpointsTalkToPythonsFabric(t *testing.T) {
	r := interpose(t, pythonDaemon(t))
	endpoints(t, r.addr, &r.record, nil)
	wantTranscript(t, endpointsAtPython, "Endpoints of package realnet/switchyard at the daemon in Python.\n"+legend, r.all())
}

func TestTheDemoIsAllOurs(t *testing.T) {
	d, addr := serve(t, "")
	r := interpose(t, addr)
	demo(t, r.addr, &r.record, func() { awaitCount(t, d, "frames", 1) })
	wantTranscript(t, allOurs, "The demo, all ours: 1 is svc_echo, 2 is cli1.\n"+legend, r.all())
}

// The transcripts of testdata.
const (
	pythonAtOurs      = "python-at-our-fabric.txt"
	oursAtPython      = "ours-at-python-fabric.txt"
	endpointsAtPython = "endpoints-at-python-fabric.txt"
	allOurs           = "demo.txt"
)

const legend = "> is said by the client of a connection, < by the fabric. In hexadecimal: length, version,\n" +
	"type, endpoint and flags, then the payload. go test ./realnet/switchyard -update writes it anew."

// What clients were recorded to say gets from our fabric what the fabric of the
// recording answered: to the byte where that was ours, and in other blanks where
// it was the daemon in Python. No Python is needed.
func TestOurFabricAnswersAsRecorded(t *testing.T) {
	for file, same := range map[string]func(got, want []byte) error{
		pythonAtOurs: sameBytes, allOurs: sameBytes, oursAtPython: sameMeaning, endpointsAtPython: sameMeaning,
	} {
		for _, cut := range []int{1, 7, 1 << 20} {
			t.Run(fmt.Sprintf("%s/%d", file, cut), func(t *testing.T) {
				d, _ := serve(t, "")
				speak(t, d, committed(t, file), cut, same)
			})
		}
	}
}

// Our clients say to a fabric that knows only its recorded part what they said
// when it was recorded. No Python is needed.
func TestOursSpeakAsRecorded(t *testing.T) {
	for file, talk := range map[string]func(*testing.T, string, *record, func()){oursAtPython: demo, allOurs: demo, endpointsAtPython: endpoints} {
		t.Run(file, func(t *testing.T) {
			s := perform(t, committed(t, file))
			talk(t, s.addr, &s.record, nil)
			if err := <-s.done; err != nil {
				t.Error(err)
			}
		})
	}
}
