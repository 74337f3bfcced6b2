package realnet

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/realnet/socket"
	"example.com/dsim/replay/journal"
	"example.com/dsim/replay/site"
	"example.com/dsim/scenarios"
)

// The other process of a benchmark is this binary again, told by its
// environment what to be.
const childEnv = "DSIM_REALNET_CHILD"

func TestMain(m *testing.M) {
	if what := os.Getenv(childEnv); what != "" {
		if err := child(strings.Fields(what)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child answers until its standard input ends.
func child(args []string) error {
	kind, dir := args[0], args[1]
	var end func() error
	if kind == "bare" {
		c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: dir + "/server", Net: "unixgram"})
		if err != nil {
			return err
		}
		go bareEcho(c)
		end = c.Close
	} else {
		d, err := bouncer(dir, "bob", kind, 1)
		if err != nil {
			return err
		}
		end = d.Close
	}
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	return end()
}

// bareEcho is what a round trip costs without dsim.
func bareEcho(c *net.UnixConn) {
	b := make([]byte, 2048)
	for {
		n, from, err := c.ReadFromUnix(b)
		if err != nil {
			return
		}
		if _, err := c.WriteToUnix(b[:n], from); err != nil {
			return
		}
	}
}

// bounce sends back what it gets; the one that serves begins, and counts.
type bounce struct {
	serves bool
	trips  *atomic.Uint64
}

func (b *bounce) Start(cells.Env) {}

func (b *bounce) Up(e cells.Env, p cells.Port) {
	if b.serves {
		b.Timer(e, 1)
	}
}

func (b *bounce) Timer(e cells.Env, _ cells.TimerID) { // until the other is there
	if b.trips.Load() == 0 {
		e.Send(0, make([]byte, 64))
		e.Arm(1, 10*time.Millisecond)
	}
}

func (b *bounce) Recv(e cells.Env, p cells.Port, data []byte) {
	if b.serves {
		b.trips.Add(1)
	}
	e.Send(p, data)
}

func (*bounce) Down(cells.Env, cells.Port, error) {}

// trips are counted in one process of the two.
var trips atomic.Uint64

// bouncer is one end: side 0 serves. Kind is "driver", "journal", "abp", or "lossy"
// for alternating bits both ways over a link that loses, with a journal.
func bouncer(dir, name, kind string, side int) (*Driver, error) {
	link := cells.LinkSpec{Name: "ab", A: cells.Endpoint{Cell: "alice", Port: "p0"}, B: cells.Endpoint{Cell: "bob", Port: "p0"}}
	make := func(spec cells.CellSpec) (cells.Protocol, error) { return &bounce{side == 0, &trips}, nil }
	spec := cells.CellSpec{ID: cells.ID(name), Protocol: "bounce", Ports: []string{"p0"}}
	if kind == "abp" {
		make, spec.Protocol = scenarios.MakeProtocol, "abp"
		spec.Params = []cells.Param{{Name: "role", Value: [2]string{"sender", "receiver"}[side]}, {Name: "rto", Value: "1s"}}
		if side == 0 {
			spec.Params = append(spec.Params, cells.Param{Name: "messages", Value: "1000000000"})
		}
	}
	if kind == "lossy" {
		make, spec.Protocol = scenarios.MakeProtocol, "abp"
		spec.Params = []cells.Param{{Name: "messages", Value: "1000000"}, {Name: "rto", Value: "1ms"}}
		link.Both = []cells.Param{{Name: "loss", Value: "10%"}, {Name: "delay", Value: "20us"}, {Name: "ber", Value: "1e-4"}, {Name: "dup", Value: "5%"}}
	}
	o := Options{Site: site.Config{Name: name, Seed: des.SeedOf(7), Make: make}}
	if kind == "journal" || kind == "lossy" {
		j, err := journal.Create(filepath.Join(dir, journal.FileName(name, 0)), journal.Header{Site: name, Seed: des.SeedOf(7)})
		if err != nil {
			return nil, err
		}
		o.Journal = j
	}
	d, err := New(o)
	if err != nil {
		return nil, err
	}
	wires := map[string]socket.Config{"ab": {Kind: "unix", Path: dir + "/ab", Mode: [2]string{"server", "client"}[side]}}
	batch := []cells.Change{{Op: cells.AddCell, Cell: spec}, {Op: cells.AddLink, Link: link}}
	if err := d.Prepare(1, batch, wires); err != nil {
		return nil, err
	}
	return d, d.Commit(1)
}

// BenchmarkRoundTrips compares round trips over UNIX datagrams between two
// processes with those of a bare echo, in one run: first a while of the one,
// then of the other, in turns. x/bare is the ratio of their rates.
func BenchmarkRoundTrips(b *testing.B) {
	for _, kind := range []string{"driver", "journal", "abp"} {
		b.Run(kind, func(b *testing.B) {
			dir, bareDir := shortDir(b), shortDir(b)
			stop := startChild(b, kind, dir)
			d, err := bouncer(dir, "alice", kind, 0)
			if err != nil {
				b.Fatal(err)
			}
			stopBare := startChild(b, "bare", bareDir)
			client, err := net.DialUnix("unixgram", &net.UnixAddr{Name: bareDir + "/client", Net: "unixgram"}, &net.UnixAddr{Name: bareDir + "/server", Net: "unixgram"})
			if err != nil {
				b.Fatal(err)
			}
			count := func() uint64 { return trips.Load() }
			if kind == "abp" {
				count = func() (n uint64) {
					d.View(func(s *site.Site) {
						ref, _ := s.Host().Find("alice")
						for _, a := range s.Host().AppendState(ref, nil) {
							if a.Name == "acked" {
								n = uint64(a.Int)
							}
						}
					})
					return n
				}
			}
			for count() == 0 { // both are there
				time.Sleep(time.Millisecond)
			}
			var ours, bare, oursTime, bareTime float64
			buf := make([]byte, 64)
			for b.Loop() {
				before, began := count(), time.Now()
				time.Sleep(20 * time.Millisecond)
				n, spent := count()-before, time.Since(began)
				ours, oursTime = ours+float64(n), oursTime+spent.Seconds()
				d.mu.Lock() // ours stands still
				began = time.Now()
				for n = 0; time.Since(began) < 20*time.Millisecond; n++ {
					if _, err := client.Write(buf); err != nil {
						b.Fatal(err)
					}
					if _, err := client.Read(buf); err != nil {
						b.Fatal(err)
					}
				}
				spent = time.Since(began)
				d.mu.Unlock()
				bare, bareTime = bare+float64(n), bareTime+spent.Seconds()
			}
			b.ReportMetric(ours/oursTime, "trips/s")
			b.ReportMetric(bare/bareTime, "bare/s")
			b.ReportMetric(ours/oursTime/(bare/bareTime), "x/bare")
			b.ReportMetric(bare/bareTime/(ours/oursTime), "bare/x") // for a limit from above
			client.Close()
			d.Close()
			stop()
			stopBare()
			trips.Store(0)
		})
	}
}

// startChild starts the other process; the function it gives ends it.
func startChild(b testing.TB, kind, dir string) func() {
	stop, _ := startKillable(b, kind, dir)
	return stop
}

// startKillable also gives what ends it without asking it.
func startKillable(b testing.TB, kind, dir string) (stop, kill func()) {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childEnv+"="+kind+" "+dir, "GOMAXPROCS="+strconv.Itoa(2))
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		b.Fatalf("the other process said %q", line)
	}
	stop = func() {
		in.Close()
		if err := c.Wait(); err != nil {
			b.Error(err)
		}
	}
	kill = func() {
		if err := c.Process.Kill(); err != nil {
			b.Error(err)
		}
		_ = c.Wait() // it was killed
		in.Close()
	}
	return stop, kill
}
