package scenarios

import (
	"fmt"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/des/parallel"
	"example.com/dsim/links"
)

// roamer passes each token on to a neighbour that its own chance chooses.
type roamer struct {
	fake
	state uint64
	first cells.Port // of those that have a link, which lie together
	total uint32
	up    uint32
	begin uint32 // tokens
}

func (w *roamer) Up(e cells.Env, _ cells.Port) {
	if w.up++; w.up == w.total {
		for range w.begin {
			w.pass(e, append(e.Buf(), make([]byte, 100)...))
		}
	}
}

func (w *roamer) Recv(e cells.Env, _ cells.Port, b []byte) { w.pass(e, b) }

func (w *roamer) pass(e cells.Env, b []byte) {
	w.state ^= w.state << 13
	w.state ^= w.state >> 7
	w.state ^= w.state << 17
	e.Send(w.first+cells.Port((w.state>>32)*uint64(w.total)>>32), b)
}

// roamed is a network of roamers. Each link goes from a port of a later cell to
// one of an earlier; links come in the order of the later.
func roamed(b *testing.B, count int, tokens uint32, ports []string, list []edge) (*des.Scheduler, *links.Network) {
	b.Helper()
	made := make([]*roamer, count)
	for i := range made {
		made[i] = &roamer{state: uint64(i)*0x9e3779b97f4a7c15 + 1, first: cells.Port(len(ports)), begin: tokens}
	}
	for _, e := range list {
		for _, end := range [2]struct {
			cell int
			port cells.Port
		}{{e.from, e.out}, {e.to, e.in}} {
			r := made[end.cell]
			r.first = min(r.first, end.port)
			r.total++
		}
	}
	s := des.NewScheduler(des.Config{Limits: des.Limits{Grain: time.Millisecond}})
	n := links.New(cells.NewHost(s, cells.Options{}), links.Options{})
	named, find := cells.Numbered("c", count)
	_, err := n.Host().AddBlock(cells.Block{
		Cells: count, Named: named, Find: find, Spec: cells.CellSpec{Protocol: "roamer", Ports: ports},
		Make: func(i int) (cells.Protocol, error) { return made[i], nil },
	})
	if err != nil {
		b.Fatal(err)
	}
	name, found := cells.Numbered("l", len(list))
	err = n.AddBlock(links.Block{
		Links: len(list), Params: []cells.Param{{Name: "delay", Value: "1ms"}},
		Named: func(i int) string { return string(name(i)) },
		Find:  func(s string) (int, bool) { return found(cells.ID(s)) },
		Ends: func(i int) (cells.CellRef, cells.Port, cells.CellRef, cells.Port) {
			e := list[i]
			return cells.CellRef(e.from), e.out, cells.CellRef(e.to), e.in
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	return s, n
}

// edge joins a port of one cell to one of another.
type edge struct {
	from, to int
	out, in  cells.Port
}

// gridEdges are those of w by h cells, whose ports are left, up, right and down.
// A torus, so that all ports of all cells have links.
func gridEdges(w, h int) (list []edge) {
	for i := range w * h {
		x, y := i%w, i/w
		list = append(list, edge{i, y*w + (x+1)%w, 2, 0}, edge{i, (y+1)%h*w + x, 3, 1})
	}
	return list
}

// treeEdges are those of a tree in which cells have so many children, on the
// ports after that to the parent.
func treeEdges(n, children int) (list []edge) {
	for i := 1; i < n; i++ {
		list = append(list, edge{i, (i - 1) / children, 0, cells.Port(1 + (i-1)%children)})
	}
	return list
}

// BenchmarkParallel is the same world, run by one scheduler and by two side by
// side. One operation is one frame that arrives. The digests are told so that
// they can be compared: after equal times they are equal.
func BenchmarkParallel(b *testing.B) {
	for _, c := range []struct {
		topo   string
		count  int
		tokens uint32
		list   []edge
	}{{"grid", 1024, 4, gridEdges(32, 32)}, {"tree", 100_000, 1, treeEdges(100_000, 3)}} {
		for _, lanes := range []int{1, 2} {
			var s *des.Scheduler
			var n *links.Network
			var e *parallel.Engine
			var digest des.Digest
			run := func(to clock.Time) {
				if e != nil {
					e.Run(to, 0)
				} else {
					s.Run(to, 0)
				}
			}
			b.Run(fmt.Sprintf("topo=%s/n=%d", c.topo, lanes), func(b *testing.B) {
				if s == nil { // once for all lengths of the benchmark
					s, n = roamed(b, c.count, c.tokens, []string{"p0", "p1", "p2", "p3"}, c.list)
					if lanes > 1 {
						e = sharedOut(b, s, n, lanes)
					}
					run(clock.Time(20 * time.Millisecond))
					digest = n.Host().Digest()
				}
				begun := s.Executed()
				b.ReportAllocs()
				b.ResetTimer()
				run(s.Last().Time + clock.Time(time.Millisecond)*clock.Time(b.N/(c.count*int(c.tokens))+1))
				b.StopTimer()
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(s.Executed()-begun), "ns/event")
				b.ReportMetric(float64(uint32(digest)), "digest")
				if e != nil && e.Stats().Alone {
					b.Error("the partitions took turns")
				}
			})
		}
	}
}

func sharedOut(b *testing.B, s *des.Scheduler, n *links.Network, lanes int) *parallel.Engine {
	of, used, window := n.Partition(lanes, time.Millisecond)
	if used != lanes || window != time.Millisecond {
		b.Fatalf("%d partitions, %s", used, window)
	}
	var on []*des.Scheduler
	for range lanes {
		on = append(on, des.NewScheduler(des.Config{}))
	}
	n.Divide(of, on, func(int) des.Sink { return nil }, func(int, des.Key, cells.Emission) {}, func(int) des.ChoiceSink { return nil })
	return parallel.New(parallel.Site{
		Main: s, Lanes: on, Window: window,
		Turn: n.Turn, Receive: n.Receive, Sent: n.Sent, Merge: func(bool, clock.Time, des.Key) {},
	})
}
