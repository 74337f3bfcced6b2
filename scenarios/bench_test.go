package scenarios

import (
	"fmt"
	"testing"

	"example.com/dsim/des"
)

// small is a world as fuzzing and many seeds run it: two cells and twenty
// messages over a link that loses some.
const small = `version: 1
name: small
cells:
  alice: {protocol: abp, role: sender, messages: 20, rto: 5ms}
  bob: {protocol: abp, role: receiver, messages: 20}
links:
  ab: {between: [alice:p0, bob:p0], delay: 1ms, loss: {uniform: [0%, 20%]}}
expect:
  - {always: abp/exactly-once-in-order}
  - {eventually: bob.delivered == 20, within: 10s}
run: {until: 10s}
`

// runSmall runs the world of one seed, as `dsim run --seeds` does.
func runSmall(src *Source, seed uint64) (uint64, error) {
	sc, err := src.Build(BuildOptions{Seed: des.SeedOf(seed)})
	if err != nil {
		return 0, err
	}
	w, err := NewWorld(sc, WorldOptions{})
	if err != nil {
		return 0, err
	}
	r := w.Run()
	if r.Verdict != Pass {
		return 0, fmt.Errorf("seed %d: %s", seed, r.Verdict)
	}
	return r.Events, nil
}

func smallSource(b *testing.B) *Source {
	src, err := Parse("small.yaml", []byte(small))
	if err != nil {
		b.Fatal(err)
	}
	return src
}

// BenchmarkWorlds runs whole small worlds, one seed after the other. One
// operation is one world, from its scenario to its result.
func BenchmarkWorlds(b *testing.B) {
	src := smallSource(b)
	b.ReportAllocs()
	seed, events := uint64(0), uint64(0)
	for b.Loop() {
		seed++
		n, err := runSmall(src, seed)
		if err != nil {
			b.Fatal(err)
		}
		events += n
	}
	b.ReportMetric(float64(seed)/b.Elapsed().Seconds(), "worlds/s")
	b.ReportMetric(float64(events)/float64(seed), "events/world")
}

// BenchmarkWorldsParts are the steps of which a small world consists.
func BenchmarkWorldsParts(b *testing.B) {
	src := smallSource(b)
	sc, err := src.Build(BuildOptions{Seed: des.SeedOf(1)})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("build", func(b *testing.B) {
		b.ReportAllocs()
		seed := uint64(0)
		for b.Loop() {
			seed++
			if _, err := src.Build(BuildOptions{Seed: des.SeedOf(seed)}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("world", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := NewWorld(sc, WorldOptions{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("world+run", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w, err := NewWorld(sc, WorldOptions{})
			if err != nil {
				b.Fatal(err)
			}
			w.Run()
		}
	})
}

// BenchmarkJobs runs the same worlds several at a time, as --jobs does: worlds
// share their source and nothing else.
func BenchmarkJobs(b *testing.B) {
	for _, jobs := range []int{1, 2} {
		b.Run(fmt.Sprintf("n=%d", jobs), func(b *testing.B) {
			src := smallSource(b)
			b.ReportAllocs()
			b.ResetTimer()
			Many(b.Context(), jobs, uint64(b.N), func(i uint64) error {
				_, err := runSmall(src, i+1)
				return err
			}, func(_ uint64, err error) bool {
				if err != nil {
					b.Error(err)
				}
				return err == nil
			})
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "worlds/s")
		})
	}
}
