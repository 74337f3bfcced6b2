package links

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// talk is what the calling end of a stream link does: it dials, again whenever
// a connection has ended, and writes.
type talk struct {
	dials  int // connections; each is closed once it is up, if nothing is written
	writes int // in all
	size   int // of each write
}

// call is a stream link between a caller and an answerer, and what both saw.
type call struct {
	talk
	port    cells.Port
	dialled clock.Time

	waits   []float64 // from dial to up, in ms
	refused int
	resets  int
	wrote   int
	chunks  []int // of what arrived, sizes
}

type (
	caller   struct{ *call }
	answerer struct{ *call }
)

const streamGap = 50 * time.Millisecond

func (c caller) Start(e cells.Env) { c.dial(e) }

func (c caller) dial(e cells.Env) {
	if c.dials > 0 {
		c.dials--
		c.dialled = e.Now()
		c.port = e.Dial("b:s")
	}
}

func (c caller) Up(e cells.Env, p cells.Port) {
	c.waits = append(c.waits, float64(e.Now().Sub(c.dialled))/1e6)
	if c.writes == 0 {
		e.Close(p)
		e.Arm(1, streamGap) // when what the link still owes has come
		return
	}
	e.Arm(0, streamGap)
}

func (c caller) Down(e cells.Env, _ cells.Port, err error) {
	switch err {
	case cells.ErrRefused:
		c.refused++
	case cells.ErrReset:
		c.resets++
	}
	e.Disarm(0)
	c.dial(e)
}

func (c caller) Timer(e cells.Env, id cells.TimerID) {
	if id == 1 {
		c.dial(e)
		return
	}
	if c.wrote == c.writes {
		e.Close(c.port)
		return
	}
	c.wrote++
	e.Send(c.port, make([]byte, c.size))
	e.Arm(0, streamGap)
}

func (c caller) Recv(cells.Env, cells.Port, []byte) {}

func (a answerer) Start(e cells.Env)              { e.Listen("s") }
func (a answerer) Up(cells.Env, cells.Port)       {}
func (a answerer) Timer(cells.Env, cells.TimerID) {}
func (a answerer) Recv(_ cells.Env, _ cells.Port, b []byte) {
	a.chunks = append(a.chunks, len(b))
}
func (a answerer) Down(e cells.Env, p cells.Port, _ error) { e.Close(p) }

// newCall runs a talk over a stream link with the parameters given.
func newCall(tb testing.TB, seed uint64, params string, k talk) *call {
	tb.Helper()
	c := &call{talk: k}
	s := des.NewScheduler(des.Config{})
	h := cells.NewHost(s, cells.Options{Seed: des.SeedOf(seed)})
	n := New(h, Options{Make: func(spec cells.CellSpec) (cells.Protocol, error) {
		if spec.ID == "a" {
			return caller{c}, nil
		}
		return answerer{c}, nil
	}})
	if err := n.Apply(1, []cells.Change{
		{Op: cells.AddCell, Cell: cells.CellSpec{ID: "a"}},
		{Op: cells.AddCell, Cell: cells.CellSpec{ID: "b"}},
		{Op: cells.AddLink, Link: cells.LinkSpec{
			Name: "ab", Stream: true, Both: paramList(params),
			A: cells.Endpoint{Cell: "a", Port: "s"}, B: cells.Endpoint{Cell: "b", Port: "s"},
		}},
	}); err != nil {
		tb.Fatal(err)
	}
	if err := s.RunUntil(clock.Time(100 * 365 * 24 * time.Hour)); err != nil {
		tb.Fatal(err)
	}
	if n := h.FramesInUse(); n != 0 {
		tb.Fatalf("%d frames are still in use", n)
	}
	return c
}

var streamClaims = []struct {
	name   string
	talk   talk
	params string
	biased []string
	spoil  func(*call)
	check  func(*call) error
}{
	{
		name: "refuse", talk: talk{dials: 24_000}, params: "refuse=60%", biased: []string{"refuse=63%"},
		check: func(c *call) error {
			if c.refused+len(c.waits) != 24_000 {
				return fmt.Errorf("%d refused and %d up, of 24000", c.refused, len(c.waits))
			}
			return hitRate("refused", c.refused, 24_000, 0.6)
		},
	},
	{
		name: "reset", talk: talk{dials: 24_000, writes: 24_000, size: 1}, params: "reset=60% recut=none", biased: []string{"reset=63%"},
		check: func(c *call) error {
			if c.resets+len(c.chunks) != c.wrote {
				return fmt.Errorf("%d resets and %d chunks, of %d writes", c.resets, len(c.chunks), c.wrote)
			}
			return hitRate("reset", c.resets, c.wrote, 0.6)
		},
	},
	{
		name: "connect delay", talk: talk{dials: 10_000}, params: "delay=3ms connect-delay=uniform(10ms,30ms)",
		biased: []string{"connect-delay=uniform(10.5ms,31.5ms)", "connect-delay=uniform(10ms,31.5ms)", "delay=3.15ms"},
		check: func(c *call) error {
			return followsCurve("from dial to up", c.waits, func(ms float64) float64 { return (ms - 6 - 10) / 20 })
		},
	},
	{
		name: "chunks that are cut", talk: talk{dials: 1, writes: 300, size: 40_000}, params: "recut=cut segment=1000B bound=1MiB",
		biased: []string{"segment=1050B", "segment=950B"},
		spoil: func(c *call) { // one whole segment in twenty is cut in the middle
			var chunks []int
			n := 0
			for _, k := range c.chunks {
				if k == 1000 {
					if n++; n%20 == 0 {
						chunks = append(chunks, 500)
						k = 500
					}
				}
				chunks = append(chunks, k)
			}
			c.chunks = chunks
		},
		check: cutAnywhere,
	},
	{
		name: "chunks that are joined", talk: talk{dials: 1, writes: 400, size: 200}, params: "recut=full segment=1B",
		spoil: func(c *call) { // one pair in twenty comes apart
			var chunks []int
			n := 0
			for _, k := range c.chunks {
				if k == 2 {
					if n++; n%20 == 0 {
						chunks = append(chunks, 1)
						k = 1
					}
				}
				chunks = append(chunks, k)
			}
			c.chunks = chunks
		},
		check: joinedByTwos,
	},
}

// cutAnywhere checks chunks of segments of 1000 bytes: one in eight is a single
// byte, two in eight all there is room for, the others of any size. Only what
// is not cut short by the end of a write tells.
func cutAnywhere(c *call) error {
	const most, bins = 1000, 20
	counts, p := make([]int, bins+2), make([]float64, bins+2)
	left, bytes := c.size, 0
	for _, k := range c.chunks {
		if k < 1 || k > most {
			return fmt.Errorf("a chunk of %d bytes, want 1 to %d", k, most)
		}
		if left >= most {
			switch k {
			case 1:
				counts[bins]++
			case most:
				counts[bins+1]++
			default:
				counts[(k-1)*bins/most]++
			}
		}
		bytes += k
		if left -= k; left < 0 {
			return fmt.Errorf("a chunk of %d bytes goes over the end of a write", k)
		}
		if left == 0 {
			left = c.size
		}
	}
	if bytes != c.writes*c.size {
		return fmt.Errorf("%d bytes came, want %d", bytes, c.writes*c.size)
	}
	for k := 2; k < most; k++ {
		p[(k-1)*bins/most] += 5.0 / 8 / most
	}
	p[bins] = 1.0/8 + 5.0/8/most
	p[bins+1] = 2.0/8 + 5.0/8/most
	return weighted("chunks", counts, p)
}

// joinedByTwos checks chunks of segments of one byte: one in four waits for the
// next. The last of a write, which finds none, is among those that are single.
func joinedByTwos(c *call) error {
	var joined []bool
	sum, left := 0, c.size
	for _, k := range c.chunks {
		if k != 1 && k != 2 {
			return fmt.Errorf("a chunk of %d bytes, want 1 or 2", k)
		}
		sum += k
		if left >= 2 {
			joined = append(joined, k == 2)
		}
		if left -= k; left <= 0 {
			left = c.size
		}
	}
	if sum != c.writes*c.size {
		return fmt.Errorf("%d bytes came, want %d", sum, c.writes*c.size)
	}
	return hitRate("joined", tally(joined), len(joined), 0.25)
}

func TestStreamsKeepToTheirDistributions(t *testing.T) {
	measures(t)
	seeds := uint64(1)
	if *long {
		seeds = 10
	}
	for _, c := range streamClaims {
		t.Run(c.name, func(t *testing.T) {
			for seed := uint64(1); seed <= seeds; seed++ {
				if err := c.check(newCall(t, seed, c.params, c.talk)); err != nil {
					t.Errorf("seed %d: %s: %v", seed, c.params, err)
				}
				for _, b := range c.biased {
					if c.check(newCall(t, seed, c.params+" "+b, c.talk)) == nil {
						t.Errorf("seed %d: %s passes for %s", seed, b, c.params)
					}
				}
				if c.spoil != nil {
					k := newCall(t, seed, c.params, c.talk)
					c.spoil(k)
					if c.check(k) == nil {
						t.Errorf("seed %d: %s: spoilt samples pass", seed, c.params)
					}
				}
			}
		})
	}
}

// Without recutting, a write arrives in segments as full as they can be.
func TestStreamThatIsNotRecutArrivesInFullSegments(t *testing.T) {
	c := newCall(t, 1, "recut=none segment=1000B", talk{dials: 1, writes: 3, size: 2500})
	if want := slices.Repeat([]int{1000, 1000, 500}, 3); !slices.Equal(c.chunks, want) {
		t.Errorf("chunks %v, want %v", c.chunks, want)
	}
}

// A connection is up after both ways and the delay of its answer.
func TestConnectDelayIsAddedToTheAnswer(t *testing.T) {
	c := newCall(t, 1, "delay=3ms connect-delay=7ms", talk{dials: 3})
	if want := []float64{13, 13, 13}; !slices.Equal(c.waits, want) {
		t.Errorf("waits %v ms, want %v", c.waits, want)
	}
}
