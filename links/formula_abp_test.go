package links

import (
	"fmt"
	"math"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/protocols/abp"
)

// talkABP runs an alternating bit sender with messages to send over a link, and
// gives when the last was acknowledged, and how often one was sent again.
func talkABP(t *testing.T, params string, messages uint64, rto time.Duration, size int64) (took time.Duration, again int) {
	t.Helper()
	s := des.NewScheduler(des.Config{})
	h := cells.NewHost(s, cells.Options{Seed: des.SeedOf(1)})
	n := New(h, Options{Make: func(spec cells.CellSpec) (cells.Protocol, error) {
		c := abp.Defaults()
		c.Role, c.RTO, c.Size, c.Messages = spec.Protocol, rto, des.Constant(size), messages
		if c.Role == abp.Receiver {
			c.Messages = 0
		}
		return abp.New(c)
	}})
	delivered := uint64(0)
	h.Subscribe([]cells.Kind{abp.KindDeliver, abp.KindRetransmit}, func(_ des.Key, e cells.Emission) {
		if e.Kind == abp.KindRetransmit {
			again++
			return
		}
		if uint64(e.A) != delivered {
			t.Fatalf("delivered message %d, want %d", e.A, delivered)
		}
		delivered++
	})
	link := linkAB(params)
	if err := n.Apply(1, []cells.Change{
		{Op: cells.AddCell, Cell: cells.CellSpec{ID: "a", Protocol: abp.Sender, Ports: []string{"p"}}},
		{Op: cells.AddCell, Cell: cells.CellSpec{ID: "b", Protocol: abp.Receiver, Ports: []string{"p"}}},
		link,
	}); err != nil {
		t.Fatal(err)
	}
	for next := s.Next(); next != clock.Never; next = s.Next() {
		if err := s.RunUntil(next); err != nil {
			t.Fatal(err)
		}
	}
	if delivered != messages {
		t.Fatalf("delivered %d of %d messages", delivered, messages)
	}
	return s.Now().Sub(0), again
}

// The alternating bit protocol over a link with delay D each way and a channel
// of rate R sends a datagram of n bytes, 6 more than its payload, and hears 6
// bytes back after the round trip
//
//	RTT = 2 D + 8 n / R + 8·6 / R
//
// if both arrive: with chance s, (1-loss)² over a link that loses, and
// (1-ber)^(8 (n+6)) over one that flips bits. Otherwise it tries again after
// the retransmission time, RTO > RTT. The number of tries is geometric, with
// mean 1/s and variance (1-s)/s²; only the last takes the round trip:
//
//	E[T] = RTT + RTO (1-s)/s,   goodput = 1 / E[T]
//
// and of N messages the mean has the standard error RTO sqrt((1-s)/N) / s.
func TestAlternatingBitGoodputIsThatOfItsFormula(t *testing.T) {
	measures(t)
	for _, c := range []struct {
		params string
		s      float64
		rtt    time.Duration
		rto    time.Duration
		off    string
	}{
		{"delay=10ms", 1, 20 * time.Millisecond, 50 * time.Millisecond, "delay=10.5ms"},
		{"delay=10ms loss=20%", 0.64, 20 * time.Millisecond, 50 * time.Millisecond, "loss=21%"},
		{"delay=2ms loss=40%", 0.36, 4 * time.Millisecond, 5 * time.Millisecond, "loss=42%"},
		{"delay=80ms loss=30%", 0.49, 160 * time.Millisecond, 161 * time.Millisecond, "loss=31.5%"},
		// 100 + 6 + 6 bytes at 1 Mbit/s are 0.896 ms.
		{"delay=1ms rate=1Mbit loss=30%", 0.49, 2896 * time.Microsecond, 3 * time.Millisecond, "loss=31.5%"},
		{"delay=1ms ber=1e-3", math.Pow(1-1e-3, 8*112), 2 * time.Millisecond, 3 * time.Millisecond, "ber=1.05e-3"},
	} {
		check := func(params string) error {
			const n = 16_000
			took, again := talkABP(t, params, n, c.rto, 100)
			if exact := n*c.rtt + time.Duration(again)*c.rto; took != exact {
				return fmt.Errorf("%d messages sent %d times again took %s, want %s", n, again, took, exact)
			}
			want := float64(c.rtt) + float64(c.rto)*(1-c.s)/c.s
			stderr := float64(c.rto) * math.Sqrt((1-c.s)/n) / c.s
			// Goodput is 1/T, so its part of an error is that of T.
			return agree("goodput", float64(n)/took.Seconds(), 1e9/want, 1e9/want*stderr/want+1e-9)
		}
		if err := check(c.params); err != nil {
			t.Errorf("%s: %v", c.params, err)
		}
		if check(c.params+" "+c.off) == nil {
			t.Errorf("%s passes for %s", c.off, c.params)
		}
	}
}

// A sender that does not wait for the round trip, RTO < RTT, sends k+1 times
// before it hears, k = ceil(RTT/RTO) - 1, and over a link that loses nothing no
// slower: acknowledgements of the further copies are stale.
func TestAlternatingBitHastySenderIsAsFast(t *testing.T) {
	const n = 500
	took, again := talkABP(t, "delay=10ms", n, 8*time.Millisecond, 64)
	if again != 2*n {
		t.Errorf("sent %d times again, want %d", again, 2*n)
	}
	// The last copy, sent 4 ms before its message's answer, is answered 16 ms after.
	if want := n*20*time.Millisecond + 16*time.Millisecond; took != want {
		t.Errorf("took %s, want %s", took, want)
	}
}
