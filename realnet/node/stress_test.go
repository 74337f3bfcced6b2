package node

import (
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"example.com/dsim/cells"
	"example.com/dsim/realnet/xmlrpc"
)

var long = flag.Bool("long", false, "run the long forms of tests")

// broken is a protocol that falls over when it is told to.
type broken struct{}

func (broken) Start(cells.Env)                                    {}
func (broken) Up(cells.Env, cells.Port)                           {}
func (broken) Recv(cells.Env, cells.Port, []byte)                 {}
func (broken) Timer(cells.Env, cells.TimerID)                     {}
func (broken) Down(cells.Env, cells.Port, error)                  {}
func (broken) Command(_ cells.Env, args []string) (string, error) { panic(args[0]) }
func makeBroken(cells.CellSpec) (p cells.Protocol, err error)     { return broken{}, nil }

// A cell whose protocol has fallen over is not alive, and says why.
func TestABrokenCellIsNotAlive(t *testing.T) {
	p := start(t, Options{Name: "alice", Make: makeBroken, Cell: cells.CellSpec{ID: "alice", Protocol: "broken"}})
	p.want("alive", "heartbeat")
	p.refused("over the edge", "command", "alice", xmlrpc.Array{"over the edge"})
	p.refused("over the edge", "heartbeat")
	p.refused("over the edge", "bind_port", "p0", xmlrpc.Struct{"interface": "127.0.0.1:5000:5001"})
	if m := p.do("get_metrics").(xmlrpc.Struct); m["cell_id"] != "alice" {
		t.Errorf("its metrics can still be read: %v", m)
	}
	p.want("Shutting down...", "shutdown")
	<-p.ended
}

// Many who do not know of each other bind, unbind, break and look. Every answer is
// one of the words of the methods or a fault of theirs, and in the end all is as if
// nobody had been there.
func TestManyCallAtOnce(t *testing.T) {
	p := start(t, Options{Name: "alice", Cell: cell("alice", "abp")})
	dir := shortDir(t)
	rounds := 15
	if *long {
		rounds = 500
	}
	var all sync.WaitGroup
	for who := range 6 {
		all.Go(func() {
			c, err := xmlrpc.NewClient(p.opt.URL, xmlrpc.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			port := fmt.Sprintf("p%d", who/2) // two share one
			config := xmlrpc.Struct{"unix_socket": xmlrpc.Struct{"path": filepath.Join(dir, port), "mode": "server"}}
			for range rounds {
				for _, call := range [][]any{
					{"bind_port", port, config},
					{"inject_fault", port, "drop", xmlrpc.Struct{"drop_rate": 0.5}},
					{"get_port_stats", port},
					{"get_metrics"},
					{"event_log", port, 5},
					{"clear_fault", port},
					{"unbind_port", port},
				} {
					_, err := c.Call(t.Context(), call[0].(string), call[1:]...)
					if err != nil && (!errors.As(err, new(*xmlrpc.Fault)) || !strings.Contains(err.Error(), "not found")) {
						t.Errorf("%v: %v", call, err)
					}
				}
			}
		})
	}
	all.Wait()
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
		t.Errorf("sockets left: %v %v", left, err)
	}
	if s := p.Driver().Snapshot(); len(s.Links) > 0 || s.Version < uint64(2*rounds) {
		t.Errorf("%d links left at version %d", len(s.Links), s.Version)
	}
	if len(p.bound)+len(p.faults) > 0 {
		t.Errorf("remembered: %v %v", p.bound, p.faults)
	}
}
