package links_test

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/links"
	"example.com/dsim/replay"
	"example.com/dsim/scenarios"
)

// What it costs to keep what happens, on the two usual loads: the pair of cells
// that most scenarios are, with losses, and the grid, where all that a record
// says differs from the record before it. One operation is one event.

//
// thread-ns/event is the processor time of the run's own thread: what is left of
// a trace's cost where another processor encodes, hashes and compresses it.

// watched is a world under a trace of one level.
type watched struct {
	sched *des.Scheduler
	trace *replay.Writer
	size  func() int64
	data  *int64 // bytes of payloads
}

// unpaid takes records without their bytes.
type unpaid struct{ w *replay.Writer }

func (u unpaid) Record(r *des.Record) {
	data := r.Data
	r.Data = nil
	u.w.Record(r)
	r.Data = data
}

// paid takes records with their bytes, and counts these.
type paid struct {
	w *replay.Writer
	n *int64
}

func (p paid) Record(r *des.Record) {
	*p.n += int64(len(r.Data))
	p.w.Record(r)
}

// sinks are what keeps a run at a level, in a file.
func sinks(b *testing.B, level string) (records des.Sink, w *replay.Writer, size func() int64, data *int64) {
	if level == "off" {
		return nil, nil, func() int64 { return 0 }, new(int64)
	}
	path := filepath.Join(b.TempDir(), "run.trace")
	h := replay.Header{Level: replay.Events}
	if level == "choices" {
		h.Level = replay.Choices
	}
	w, err := replay.Create(path, h)
	if err != nil {
		b.Fatal(err)
	}
	size = func() int64 {
		s, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		return s.Size()
	}
	switch level {
	case "events":
		return unpaid{w}, w, size, new(int64)
	case "payloads":
		n := new(int64)
		return paid{w, n}, w, size, n
	}
	return nil, w, size, new(int64)
}

func watchedPair(b *testing.B, level string) watched {
	const text = `version: 1
name: pair
cells:
  alice: {protocol: abp, role: sender, messages: 100000000, rto: 5ms}
  bob: {protocol: abp, role: receiver, messages: 100000000}
links:
  ab: {between: [alice:p0, bob:p0], delay: 1ms, loss: 5%}
run: {until: 10000000s, events: 1000000000000}
`
	source, err := scenarios.Parse("pair.yaml", []byte(text))
	if err != nil {
		b.Fatal(err)
	}
	sc, err := source.Build(scenarios.BuildOptions{Seed: des.SeedOf(1)})
	if err != nil {
		b.Fatal(err)
	}
	records, trace, size, data := sinks(b, level)
	opt := scenarios.WorldOptions{Records: records}
	if trace != nil {
		opt.Choices, opt.Marks = trace, trace
	}
	w, err := scenarios.NewWorld(sc, opt)
	if err != nil {
		b.Fatal(err)
	}
	return watched{w.Scheduler(), trace, size, data}
}

func watchedGrid(b *testing.B, level string) watched {
	records, trace, size, data := sinks(b, level)
	s := des.NewScheduler(des.Config{Causes: records != nil})
	var lo links.Options
	if trace != nil {
		lo.Choices = trace
	}
	n := links.New(cells.NewHost(s, cells.Options{Sink: records}), lo)
	err := addGrid(n, 32, 32, func(i int) cells.Protocol {
		return &walker{tokens: 4, state: uint64(i)*0x9e3779b97f4a7c15 + 1}
	}, "1ms")
	if err != nil {
		b.Fatal(err)
	}
	return watched{s, trace, size, data}
}

func benchmarkTrace(b *testing.B, world func(*testing.B, string) watched) {
	for _, level := range []string{"off", "choices", "events", "payloads"} {
		b.Run("level="+level, func(b *testing.B) {
			w := world(b, level)
			if err := w.sched.RunUntil(clock.Time(100 * time.Millisecond)); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			runtime.LockOSThread()
			*w.data = 0
			before, spent := w.sched.Executed(), threadTime()
			w.sched.Run(math.MaxInt64-1, uint64(b.N))
			spent = threadTime() - spent
			runtime.UnlockOSThread()
			if w.trace != nil {
				// Waits until the last block is in the file.
				if err := w.trace.Flush(); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			if *w.data > 0 {
				b.ReportMetric(float64(*w.data)/1e6/b.Elapsed().Seconds(), "MB/s")
			}
			if err := w.sched.Err(); err != nil {
				b.Fatal(err)
			}
			events := float64(w.sched.Executed() - before)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/events, "ns/event")
			if spent > 0 {
				b.ReportMetric(float64(spent.Nanoseconds())/events, "thread-ns/event")
			}
			if w.trace != nil {
				if err := w.trace.Close(replay.Summary{}); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(w.size())/events, "bytes/event")
			}
		})
	}
}

func BenchmarkTrace(b *testing.B) { benchmarkTrace(b, watchedPair) }

// BenchmarkDigest is what the digest takes of a hop: a world cannot run without
// it, so its share is judged by this. A frame is folded where it is sent and
// where it arrives.
func BenchmarkDigest(b *testing.B) {
	frame := make([]byte, 100)
	var from, to des.Fold
	for i := 0; b.Loop(); i++ {
		frame[0] = byte(i)
		from.Frame(uint64(des.OpSend)<<56, 0, frame, false)
		to.Frame(uint64(des.OpRecv)<<56, uint64(i), frame, false)
	}
	if from == to {
		b.Error("both folds are the same")
	}
}

func BenchmarkTraceGrid(b *testing.B) { benchmarkTrace(b, watchedGrid) }
