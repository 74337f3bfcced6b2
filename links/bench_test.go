package links_test

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/links"
)

// The workloads of docs/performance.md on the whole way of a frame: cell, port,
// link, counters, digest. One operation is one frame that arrives.

// pinger sends size bytes to begin with, and whenever it receives.
type pinger struct {
	celltestless
	payload []byte
	first   bool
	n       uint64
}

// celltestless is the rest of a protocol that only receives.
type celltestless struct{}

func (celltestless) Start(cells.Env)                    {}
func (celltestless) Up(cells.Env, cells.Port)           {}
func (celltestless) Timer(cells.Env, cells.TimerID)     {}
func (celltestless) Down(cells.Env, cells.Port, error)  {}
func (celltestless) Recv(cells.Env, cells.Port, []byte) {}

func (p *pinger) Up(e cells.Env, q cells.Port) {
	if p.first {
		p.send(e, q)
	}
}

func (p *pinger) Recv(e cells.Env, q cells.Port, _ []byte) { p.send(e, q) }

// send builds the frame in the host's buffer: the payload, and a number.
func (p *pinger) send(e cells.Env, q cells.Port) {
	b := append(e.Buf(), p.payload...)
	p.n++
	binary.LittleEndian.PutUint64(b, p.n)
	e.Send(q, b)
}

// Timer sends again what may have been lost.
func (p *pinger) Timer(e cells.Env, _ cells.TimerID) { p.send(e, 0) }

func duel(b *testing.B, params string) (*des.Scheduler, *links.Network) {
	s := des.NewScheduler(des.Config{})
	n := newNetwork(cells.NewHost(s, cells.Options{}), protocols{
		"alice": &pinger{payload: make([]byte, 1000), first: true},
		"bob":   &pinger{payload: make([]byte, 20)},
	})
	err := n.Apply(1, []cells.Change{addCell("alice"), addCell("bob"), addLink("ab", "alice:p0", "bob:p0", params)})
	if err != nil {
		b.Fatal(err)
	}
	return s, n
}

// runOps runs until a link has delivered so many frames more.
func runFrames(b *testing.B, s *des.Scheduler, perSecond float64) {
	b.ReportAllocs()
	b.ResetTimer()
	// Frames come evenly, so that a span of time is a number of frames.
	before := s.Executed()
	for s.Executed()-before < uint64(b.N) {
		left := uint64(b.N) - (s.Executed() - before)
		span := clock.Time(float64(left)/perSecond*1e9) + 1
		if err := s.RunUntil(s.Now() + span); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	events := float64(s.Executed() - before)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/events, "ns/event")
}

func BenchmarkPingpong(b *testing.B) {
	b.Run("plain", func(b *testing.B) {
		s, _ := duel(b, "delay=1ms rate=1Gbit")
		if err := s.RunUntil(clock.Time(time.Second)); err != nil {
			b.Fatal(err)
		}
		runFrames(b, s, 995)
	})
	// Impairments that drop nothing end no game: the loss is of bits, in frames
	// that nobody checks; a frame in 10^12 is lost.
	b.Run("faults", func(b *testing.B) {
		s, _ := duel(b, "delay=1ms rate=1Gbit loss=1/1000000000000 ber=1e-7 jitter=uniform(0us..100us)")
		if err := s.RunUntil(clock.Time(time.Second)); err != nil {
			b.Fatal(err)
		}
		runFrames(b, s, 950)
	})
	b.Run("baseline=goroutines", func(b *testing.B) {
		there, back := make(chan []byte), make(chan []byte)
		go func() {
			short := make([]byte, 20)
			for m := range there {
				_ = m
				back <- append([]byte(nil), short...)
			}
			close(back)
		}()
		long := make([]byte, 1000)
		b.ReportAllocs()
		for range b.N/2 + 1 {
			there <- append([]byte(nil), long...)
			<-back
		}
		close(there)
	})
}

// walker passes each token on to a neighbour that chance chooses.
type walker struct {
	celltestless
	tokens int
	up     int
	ports  uint64
	state  uint64
}

func (w *walker) Up(e cells.Env, p cells.Port) {
	w.up++
	w.ports = max(w.ports, uint64(p)+1)
	if w.up == 2 { // two links at least: the corner of a grid
		for range w.tokens {
			w.pass(e, append(e.Buf(), make([]byte, 100)...))
		}
	}
}

func (w *walker) Recv(e cells.Env, _ cells.Port, b []byte) { w.pass(e, b) }

func (w *walker) pass(e cells.Env, b []byte) {
	w.state ^= w.state << 13
	w.state ^= w.state >> 7
	w.state ^= w.state << 17
	e.Send(cells.Port((w.state>>32)*w.ports>>32), b)
}

// grid is w by h cells, each joined to its neighbours, made as blocks are.
func grid(tb testing.TB, w, h, tokens int, delay string, options cells.Options) (*des.Scheduler, *links.Network) {
	s := des.NewScheduler(des.Config{})
	host := cells.NewHost(s, options)
	n := links.New(host, links.Options{})
	if err := addGrid(n, w, h, func(i int) cells.Protocol {
		return &walker{tokens: tokens, state: uint64(i)*0x9e3779b97f4a7c15 + 1}
	}, delay); err != nil {
		tb.Fatal(err)
	}
	return s, n
}

func addGrid(n *links.Network, w, h int, make func(i int) cells.Protocol, delay string) error {
	// Cells of the inside, of the borders and of the corners have four, three
	// and two ports; here all have four, and those of the rim leave some alone.
	named, find := cells.Numbered("c", w*h)
	_, err := n.Host().AddBlock(cells.Block{
		Cells: w * h, Named: named, Find: find,
		Spec: cells.CellSpec{Protocol: "walker", Ports: []string{"p0", "p1", "p2", "p3"}},
		Make: func(i int) (cells.Protocol, error) { return make(i), nil },
	})
	if err != nil {
		return err
	}
	// A cell numbers its ports as its links come: to the left and up first, so
	// that those in use have the least numbers.
	before := func(x, y int) cells.Port { return cells.Port(min(x, 1) + min(y, 1)) }
	type end struct{ x, y, right int }
	ends := func(i int) end { // row by row: right, then down
		row := 2*w - 1
		y := i / row
		if y == h-1 {
			return end{i - y*row, y, 1}
		}
		at := i - y*row
		if x := at / 2; x < w-1 {
			return end{x, y, 1 - at%2}
		}
		return end{w - 1, y, 0}
	}
	name, found := cells.Numbered("l", w*(h-1)+h*(w-1))
	return n.AddBlock(links.Block{
		Links: w*(h-1) + h*(w-1),
		Named: func(i int) string { return string(name(i)) },
		Find:  func(s string) (int, bool) { return found(cells.ID(s)) },
		Ends: func(i int) (cells.CellRef, cells.Port, cells.CellRef, cells.Port) {
			e := ends(i)
			p := before(e.x, e.y)
			if e.right == 1 {
				q := cells.Port(0)
				return cells.CellRef(e.y*w + e.x), p, cells.CellRef(e.y*w + e.x + 1), q
			}
			if e.x < w-1 {
				p++
			}
			return cells.CellRef(e.y*w + e.x), p, cells.CellRef((e.y+1)*w + e.x), cells.Port(min(e.x, 1))
		},
		Params: []cells.Param{{Name: "delay", Value: delay}},
	})
}

func BenchmarkGrid(b *testing.B) {
	b.Run("32x32", func(b *testing.B) {
		s, _ := grid(b, 32, 32, 4, "1ms", cells.Options{})
		if err := s.RunUntil(clock.Time(100 * time.Millisecond)); err != nil {
			b.Fatal(err)
		}
		runFrames(b, s, 4096*1000)
	})
}

// weighed is what f makes, and by how many bytes the heap has grown with it.
func weighed(f func() (*des.Scheduler, *links.Network)) (*des.Scheduler, *links.Network, float64) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s, n := f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(s)
	return s, n, float64(int64(after.HeapAlloc) - int64(before.HeapAlloc))
}

// BenchmarkBuild makes a grid of cells with a token each, and lets it start:
// the bytes of a cell with its two links, beside its protocol's own, and all
// bytes once tokens are on their way.
func BenchmarkBuild(b *testing.B) {
	for _, side := range []int{100, 1000} {
		b.Run(fmt.Sprintf("grid=%dx%d", side, side), func(b *testing.B) {
			var per, running float64
			for b.Loop() {
				s, n, built := weighed(func() (*des.Scheduler, *links.Network) {
					return grid(b, side, side, 1, "1ms", cells.Options{})
				})
				// The events that will start the cells are the queue's, and the state
				// of their protocols is theirs.
				pending := s.Pending()
				_, _, queue := weighed(func() (*des.Scheduler, *links.Network) {
					other := des.NewScheduler(des.Config{})
					for i := range pending {
						other.At(0, des.MakeEntity(des.Cell, uint32(i)), 0, 0, 0)
					}
					return other, nil
				})
				count := float64(side * side)
				per = (built-queue)/count - float64(unsafe.Sizeof(walker{}))
				_, _, ran := weighed(func() (*des.Scheduler, *links.Network) {
					if err := s.RunUntil(clock.Time(3 * time.Millisecond)); err != nil {
						b.Fatal(err)
					}
					return s, n
				})
				running = (built + ran) / count
			}
			b.ReportMetric(per, "bytes/cell")
			b.ReportMetric(running, "running-bytes/cell")
		})
	}
}
