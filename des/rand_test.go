package des

import (
	"bytes"
	"fmt"
	"math"
	"math/bits"
	"testing"

	"pgregory.net/rapid"
)

func TestRandWordsAreEven(t *testing.T) {
	for _, way := range []struct {
		name string
		word func(r *Rand) func() uint64
	}{
		{"stream", func(r *Rand) func() uint64 { return r.Uint64 }},
		{"occurrences", func(r *Rand) func() uint64 {
			n := uint64(0)
			return func() uint64 { n++; return r.At(n, 0) }
		}},
		{"slots", func(r *Rand) func() uint64 {
			k := uint32(0)
			return func() uint64 { k++; return r.At(7, k) }
		}},
		{"seeds", func(*Rand) func() uint64 {
			s := uint64(0)
			return func() uint64 { s++; r := SeedOf(s).Rand("a", 0, "p"); return r.Uint64() }
		}},
		{"incarnations", func(*Rand) func() uint64 {
			k := uint32(0)
			return func() uint64 { k++; r := SeedOf(1).Rand("a", k, "p"); return r.Uint64() }
		}},
		{"entities", func(*Rand) func() uint64 {
			k := 0
			return func() uint64 { k++; r := SeedOf(1).Rand(fmt.Sprint("a", k), 0, "p"); return r.Uint64() }
		}},
	} {
		word := way.word(testRand(t))
		const n = 20_000
		var bytes [8][256]int
		ones := [64]int{}
		var last uint64
		flips := 0
		for i := range n {
			w := word()
			for b := range bytes {
				bytes[b][byte(w>>(8*b))]++
			}
			for b := range ones {
				ones[b] += int(w >> b & 1)
			}
			if i > 0 {
				flips += bits.OnesCount64(w ^ last)
			}
			last = w
		}
		for b := range bytes {
			wantGreen(t, fmt.Sprint(way.name, ": byte ", b), even(bytes[b][:]))
		}
		for b, k := range ones {
			if d := math.Abs(float64(k) - n/2); d > sigmas*math.Sqrt(n)/2 {
				t.Errorf("%s: bit %d is set in %d of %d words", way.name, b, k, n)
			}
		}
		const pairs = 64 * (n - 1)
		if d := math.Abs(float64(flips) - pairs/2); d > sigmas*math.Sqrt(pairs)/2 {
			t.Errorf("%s: neighbours differ in %d of %d bits", way.name, flips, pairs)
		}
	}

	r := testRand(t)
	skewed := make([]int, 256)
	for range 400_000 {
		w := r.Uint64()
		if w>>56 < 128 && r.N(20) == 0 {
			w |= 1 << 63
		}
		skewed[w>>56]++
	}
	wantRed(t, "bytes", even(skewed))
}

func TestSiblingStreamsAreUnrelated(t *testing.T) {
	var streams []Rand
	var names []string
	add := func(s Seed, entity string, incarnation uint32, purpose string) {
		streams = append(streams, s.Rand(entity, incarnation, purpose))
		names = append(names, fmt.Sprintf("%s %s.%d %s", s, entity, incarnation, purpose))
	}
	for n := range uint64(6) {
		add(SeedOf(n), "a", 0, "p")
	}
	for i := uint32(1); i < 6; i++ {
		add(SeedOf(1), "a", i, "p")
		add(SeedOf(1), fmt.Sprint("a", i), 0, "p")
		add(SeedOf(1), "a", 0, fmt.Sprint("p", i))
	}
	add(SeedOf(1), "", 0, "ap")
	add(SeedOf(1), "ap", 0, "")
	for i := range streams {
		for j := range i {
			a, b := streams[i], streams[j]
			wantGreen(t, names[i]+" and "+names[j], unrelated(4096, a.Uint64, b.Uint64))
		}
	}

	a, b, pick := streams[0], streams[1], streams[2]
	var drawn uint64
	wantRed(t, "streams", unrelated(100_000,
		func() uint64 { drawn = a.Uint64(); return drawn },
		func() uint64 {
			w := b.Uint64()
			if pick.N(20) == 0 {
				return drawn
			}
			return w
		}))
}

func TestOneStreamsWordsAreUnrelatedToItsNext(t *testing.T) {
	a := *testRand(t)
	for lag := 1; lag <= 4; lag++ {
		x, y := a, a
		for range lag {
			y.Uint64()
		}
		wantGreen(t, fmt.Sprint("lag ", lag), unrelated(50_000, x.Uint64, y.Uint64))
	}
	n, m := uint64(0), uint64(0)
	wantGreen(t, "slots of one occurrence", unrelated(50_000,
		func() uint64 { n++; return a.At(n, 0) },
		func() uint64 { m++; return a.At(m, 1) }))
}

// Law: what is drawn elsewhere moves nothing.
func TestDrawsElsewhereMoveNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := SeedOf(rapid.Uint64().Draw(t, "seed"))
		alone := s.Rand("a", 0, "p")
		a, b := s.Rand("a", 0, "p"), s.Rand("b", 0, "p")
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				if x, y := a.Uint64(), alone.Uint64(); x != y {
					t.Fatalf("draw %d: %#x, alone %#x", a.Drawn(), x, y)
				}
			case 1:
				b.Uint64()
			case 2:
				n, k := rapid.Uint64Range(0, 3).Draw(t, "n"), rapid.Uint32Range(0, 3).Draw(t, "slot")
				fresh := s.Rand("a", 0, "p")
				if x, y := a.At(n, k), fresh.At(n, k); x != y {
					t.Fatalf("At(%d, %d) after %d draws: %#x, at first %#x", n, k, a.Drawn(), x, y)
				}
			case 3:
				copied := a
				copied.Uint64()
			}
		}
		if a.Drawn() != alone.Drawn() {
			t.Fatalf("%d words drawn, alone %d", a.Drawn(), alone.Drawn())
		}
	})
}

func TestStreamAndAddressesNeverMeet(t *testing.T) {
	r := testRand(t)
	seen := make(map[uint64]string)
	claim := func(w uint64, who string) {
		if o, ok := seen[w]; ok {
			t.Fatalf("%s and %s are both %#x", who, o, w)
		}
		seen[w] = who
	}
	for n := range uint64(2000) {
		claim(r.Uint64(), fmt.Sprint("draw ", n))
		for k := range uint32(4) {
			claim(r.At(n, k), fmt.Sprintf("At(%d, %d)", n, k))
		}
		claim(r.At((n+1)<<32, 0), fmt.Sprintf("At(%d<<32, 0)", n+1))
	}
}

// Every draw takes a fixed number of words, so that options drawn in a row do
// not depend on each other's bounds.
func TestDrawsTakeFixedWords(t *testing.T) {
	r := testRand(t)
	one := func(what string, f func()) {
		t.Helper()
		before := r.Drawn()
		if f(); r.Drawn() != before+1 {
			t.Errorf("%s took %d words, want 1", what, r.Drawn()-before)
		}
	}
	one("N(1)", func() { r.N(1) })
	one("N(2^63+1)", func() { r.N(1<<63 + 1) })
	one("Int64", func() { r.Int64(3, 3) })
	one("Int64 of all", func() { r.Int64(math.MinInt64, math.MaxInt64) })
	one("Hit(0)", func() { r.Hit(Ratio{}) })
	one("Hit(1)", func() { r.Hit(Ratio{1, 1}) })
	for _, s := range someSamplers {
		one(s.String(), func() { r.Sample(s) })
	}
	one("Bytes(1)", func() { r.Bytes(make([]byte, 1)) })
	one("Bytes(8)", func() { r.Bytes(make([]byte, 8)) })
	before := r.Drawn()
	r.Bytes(nil)
	r.Bytes(make([]byte, 17))
	if got := r.Drawn() - before; got != 3 {
		t.Errorf("17 bytes took %d words, want 3", got)
	}
}

func TestBytesAreWordsLeastFirst(t *testing.T) {
	a, b := *testRand(t), *testRand(t)
	got := make([]byte, 11)
	a.Bytes(got)
	var want []byte
	for range 2 {
		w := b.Uint64()
		for i := range 8 {
			want = append(want, byte(w>>(8*i)))
		}
	}
	if !bytes.Equal(got, want[:11]) {
		t.Errorf("got %x, want %x", got, want[:11])
	}
}

func TestNIsEven(t *testing.T) {
	r := testRand(t)
	for _, n := range []uint64{1, 2, 3, 7, 10, 97} {
		counts := make([]int, n)
		for range 60_000 {
			counts[r.N(n)]++
		}
		if n > 1 {
			wantGreen(t, fmt.Sprint("N(", n, ")"), even(counts))
		}
	}
	counts := make([]int, 7)
	for range 60_000 {
		counts[r.Int64(-3, 3)+3]++
	}
	wantGreen(t, "Int64(-3, 3)", even(counts))

	biased := make([]int, 10)
	for range 60_000 {
		x := r.N(10)
		if x < 5 && r.N(20) == 0 {
			x += 5
		}
		biased[x]++
	}
	wantRed(t, "N(10)", even(biased))
}

func TestInt64ReachesItsBounds(t *testing.T) {
	for _, c := range []struct{ lo, hi int64 }{
		{0, 0}, {-5, 5}, {math.MinInt64, math.MaxInt64}, {math.MinInt64, 0}, {0, math.MaxInt64}, {-1, math.MaxInt64},
	} {
		if got := between(0, c.lo, c.hi); got != c.lo {
			t.Errorf("least of [%d, %d] is %d", c.lo, c.hi, got)
		}
		if got := between(math.MaxUint64, c.lo, c.hi); got != c.hi {
			t.Errorf("greatest of [%d, %d] is %d", c.lo, c.hi, got)
		}
	}
}

func TestBrokenPromisesPanic(t *testing.T) {
	r := testRand(t)
	for name, f := range map[string]func(){
		"N(0)":                func() { r.N(0) },
		"Int64(1, 0)":         func() { r.Int64(1, 0) },
		"Uniform(1, 0)":       func() { Uniform(1, 0) },
		"Exponential(-1)":     func() { Exponential(-1) },
		"Normal(0, -1)":       func() { Normal(0, -1) },
		"Pareto(-1, 1, 0)":    func() { Pareto(-1, Ratio{1, 1}, 0) },
		"Pareto(1, 0, 0)":     func() { Pareto(1, Ratio{}, 0) },
		"Pareto(2, 1, 1)":     func() { Pareto(2, Ratio{1, 1}, 1) },
		"Empirical()":         func() { Empirical() },
		"Empirical(2^64)":     func() { Empirical(Weighted{math.MaxUint64, 1}, Weighted{1, 2}) },
		"Empirical(weight 0)": func() { Empirical(Weighted{0, 1}) },
	} {
		func() {
			defer func() {
				if got, _ := recover().(string); len(got) < 5 || got[:5] != "des: " {
					t.Errorf("%s panics with %q, want the package's name", name, got)
				}
			}()
			f()
		}()
	}
}

func BenchmarkRand(b *testing.B) {
	b.Run("Uint64", func(b *testing.B) {
		r := testRand(b)
		b.ReportAllocs()
		for b.Loop() {
			r.Uint64()
		}
	})
	b.Run("At", func(b *testing.B) {
		r := testRand(b)
		n := uint64(0)
		b.ReportAllocs()
		for b.Loop() {
			n++
			r.At(n, 1)
		}
	})
	b.Run("key", func(b *testing.B) {
		s := SeedOf(1)
		b.ReportAllocs()
		for b.Loop() {
			s.Rand("alice", 0, "backoff")
		}
	})
	b.Run("Clear", func(b *testing.B) {
		r, g := testRand(b), NewGeometric(Ratio{1, 1_000_000})
		b.ReportAllocs()
		for b.Loop() {
			g.Clear(r.Uint64(), 12_000)
		}
	})
	for _, s := range someSamplers {
		b.Run(s.String(), func(b *testing.B) {
			r := testRand(b)
			b.ReportAllocs()
			for b.Loop() {
				r.Sample(s)
			}
		})
	}
}
