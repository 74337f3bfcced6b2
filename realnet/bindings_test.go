package realnet

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/realnet/socket"
	"example.com/dsim/replay/journal"
	"example.com/dsim/replay/site"
	"example.com/dsim/scenarios"
)

var long = flag.Bool("long", false, "run the long forms of tests")

// two is a sender and a receiver, each on a site of its own.
type two struct {
	t    testing.TB
	side [2]*Driver
	ids  [2]cells.ID
}

func newTwo(t testing.TB, record bool, specs ...cells.CellSpec) *two {
	t.Helper()
	p := &two{t: t}
	start := time.Now()
	for k, spec := range specs {
		o := Options{Site: site.Config{Name: string(spec.ID), Seed: des.SeedOf(7), Make: scenarios.MakeProtocol}, Start: start}
		if record {
			j, err := journal.Create(filepath.Join(t.TempDir(), journal.FileName(string(spec.ID), 0)), journal.Header{Site: string(spec.ID), Seed: des.SeedOf(7)})
			if err != nil {
				t.Fatal(err)
			}
			o.Journal = j
		}
		d, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
		p.side[k], p.ids[k] = d, spec.ID
		if err := d.Apply(1, []cells.Change{{Op: cells.AddCell, Cell: spec}}); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// join lays a link between the two cells' p0, with a socket behind each end.
func (p *two) join(configs [2]socket.Config, params ...cells.Param) {
	p.t.Helper()
	link := cells.LinkSpec{Name: "ab", A: cells.Endpoint{Cell: p.ids[0], Port: "p0"}, B: cells.Endpoint{Cell: p.ids[1], Port: "p0"}, Both: params}
	for k, d := range p.side {
		if err := d.Prepare(2, []cells.Change{{Op: cells.AddLink, Link: link}}, map[string]socket.Config{"ab": configs[k]}); err != nil {
			p.t.Fatal(err)
		}
	}
	for _, d := range p.side {
		if err := d.Commit(2); err != nil {
			p.t.Fatal(err)
		}
	}
}

// attr is a number that a cell shows.
func (p *two) attr(k int, name string) int64 {
	for _, a := range p.side[k].Snapshot().Cells[0].State {
		if a.Name == name {
			return a.Int
		}
	}
	p.t.Fatalf("%s shows no %q", p.ids[k], name)
	return 0
}

func (p *two) until(why string, within time.Duration, so func() bool) {
	p.t.Helper()
	for end := time.Now().Add(within); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("%s: not within %s; %+v\n%+v", why, within, p.side[0].Snapshot(), p.side[1].Wires())
		}
	}
}

// shortDir is a directory whose path leaves room for a socket's name.
func shortDir(t testing.TB) string {
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// freePorts are two ports of the loopback that nobody has right now.
func freePorts(t testing.TB, base int) (uint16, uint16) {
	port := base + os.Getpid()%2000*2
	return uint16(port), uint16(port + 1)
}

// bindings are the configurations of the two ends of a link, by kind.
func bindings(t testing.TB, kind string) (c [2]socket.Config) {
	for k := range c {
		c[k] = socket.Config{Kind: kind, Mode: [2]string{"server", "client"}[k]}
		switch kind {
		case "unix", "unix-stream":
			c[k].Path = "" // below
		case "udp", "tcp":
			a, b := freePorts(t, map[string]int{"udp": 21000, "tcp": 26000}[kind])
			c[k].Mode, c[k].Host, c[k].Local, c[k].Remote = "", "127.0.0.1", a, b
			if k == 1 {
				c[k].Local, c[k].Remote = b, a
			}
		}
	}
	if strings.HasPrefix(kind, "unix") {
		path := filepath.Join(shortDir(t), "ab")
		c[0].Path, c[1].Path = path, path
	}
	return c
}

func param(name, value string) cells.Param { return cells.Param{Name: name, Value: value} }

// TestABPOverEveryBinding sends messages over each kind of socket, with loss and
// bit errors in front of it: each arrives once, in order.
func TestABPOverEveryBinding(t *testing.T) {
	messages := 1000
	if *long {
		messages = 10_000
	}
	for _, kind := range []string{"unix", "unix-stream", "udp", "tcp"} {
		t.Run(kind, func(t *testing.T) {
			began := time.Now()
			p := newTwo(
				t, true,
				cells.CellSpec{ID: "alice", Protocol: "abp", Ports: []string{"p0"}, Params: []cells.Param{
					param("role", "sender"), param("messages", strconv.Itoa(messages)), param("rto", "2ms"),
				}},
				cells.CellSpec{ID: "bob", Protocol: "abp", Ports: []string{"p0"}, Params: []cells.Param{param("role", "receiver")}},
			)
			check := p.watch("abp/exactly-once-in-order")
			p.join(bindings(t, kind), param("loss", "10%"), param("ber", "1e-5"))
			p.until("all messages arrive", 100*time.Second, func() bool { return p.attr(1, "delivered") >= int64(messages) })
			p.until("the last is acknowledged", 10*time.Second, func() bool { return p.attr(0, "acked") >= int64(messages) })
			if got := p.attr(1, "delivered"); got != int64(messages) {
				t.Errorf("%d delivered of %d", got, messages)
			}
			if err := check(); err != nil {
				t.Error(err)
			}
			t.Logf("%d messages over %s in %v, %d sent again", messages, kind, time.Since(began).Round(time.Millisecond), p.attr(0, "retransmitted"))
		})
	}
}

// watch feeds an oracle with what both cells emit, as it happens; the function
// it gives says what the oracle found.
func (p *two) watch(property string) func() error {
	known, ok := scenarios.Default.Property(property)
	if !ok {
		p.t.Fatalf("no property %q", property)
	}
	var mu sync.Mutex
	var found error
	oracle := known.New()
	for _, d := range p.side {
		d.View(func(s *site.Site) {
			s.Host().Subscribe(oracle.Kinds(), func(k des.Key, e cells.Emission) {
				mu.Lock()
				defer mu.Unlock()
				if err := oracle.Observe(k, e); err != nil && found == nil {
					found = fmt.Errorf("%s at %s: %w", e.Cell, k.Time, err)
				}
			})
		})
	}
	return func() error {
		mu.Lock()
		defer mu.Unlock()
		return found
	}
}
