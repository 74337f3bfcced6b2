package scenarios

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay"
)

// Law 1, in one process: a second run gives what the first gave, and another
// seed gives another digest.
func TestSameSeedGivesTheSameDigest(t *testing.T) {
	cases := lawCases(t)
	first := lawLines(t, cases, WorldOptions{})
	wantSame(t, "the second run", first, lawLines(t, cases, WorldOptions{}))
	for _, file := range shippedFiles(t) {
		if a, b := runLaw(t, lawCase{file, 42}, WorldOptions{}), runLaw(t, lawCase{file, 43}, WorldOptions{}); a == b {
			t.Logf("%s: seeds 42 and 43 give the same outcome: nothing in it is drawn", file)
		}
	}
	for _, file := range []string{"abp/lossy.yaml", "testdata/laws/frames.yaml", "testdata/laws/streams.yaml"} {
		seen := map[des.Digest]uint64{}
		for seed := range uint64(20) {
			d := lawWorld(t, lawCase{file, seed}, WorldOptions{}).Run().Digest
			if other, ok := seen[d]; ok {
				t.Errorf("%s: seeds %d and %d give one digest", file, other, seed)
			}
			seen[d] = seed
		}
	}
}

// The two forms of the digest differ, so that each is tested.
func TestDigestOfWholePayloadsIsAnother(t *testing.T) {
	c := lawCase{"testdata/laws/frames.yaml", 1}
	if a, b := runLaw(t, c, WorldOptions{}), runLaw(t, c, WorldOptions{Full: true}); a == b {
		t.Errorf("with edges and with whole payloads: %s", a)
	}
}

// Law 2: the order of runs does not matter: a run leaves nothing behind.
func TestDigestAfterManyOtherSeeds(t *testing.T) {
	cases := lawCases(t)
	want := lawLines(t, cases, WorldOptions{})
	const others = 200
	for seed := range others {
		runLaw(t, lawCase{cases[seed%15].file, 1000 + uint64(seed)}, WorldOptions{})
	}
	wantSame(t, fmt.Sprintf("after %d other seeds", others), want, lawLines(t, cases, WorldOptions{}))
}

// Law 2: any number of worlds run side by side.
func TestDigestInParallelWithItself(t *testing.T) {
	cases := lawCases(t)
	want := lawLines(t, cases, WorldOptions{})
	got := make([]string, 4)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() { got[i] = lawLines(t, cases, WorldOptions{}) })
	}
	wg.Wait()
	for i := range got {
		wantSame(t, "one of four at a time", want, got[i])
	}
}

// Law 2: a Source is shared by worlds of many seeds; building does not change
// it.
func TestDigestOfASharedSource(t *testing.T) {
	src := lawSource(t, "testdata/laws/drawn.yaml")
	run := func(seed uint64) string {
		sc, err := src.Build(BuildOptions{Seed: des.SeedOf(seed)})
		if err != nil {
			t.Error(err)
			return ""
		}
		w, err := NewWorld(sc, WorldOptions{})
		if err != nil {
			t.Error(err)
			return ""
		}
		return outcome(w.Run())
	}
	got := make([]string, 8)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() { got[i] = run(uint64(i)) })
	}
	wg.Wait()
	for i := range got {
		wantSame(t, fmt.Sprint("seed ", i), run(uint64(i)), got[i])
	}
}

// Law 2: the number of processors does not matter.
func TestDigestOnAnyNumberOfProcessors(t *testing.T) {
	cases := lawCases(t)
	want := lawLines(t, cases, WorldOptions{})
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, n := range []int{1, 8} {
		runtime.GOMAXPROCS(n)
		wantSame(t, fmt.Sprint("GOMAXPROCS ", n), want, lawLines(t, cases, WorldOptions{}))
	}
}

// teller prints every record, as a log does.
type teller struct{ log *slog.Logger }

func (x teller) Record(r *des.Record) {
	x.log.Debug(r.Op.String(), "key", r.Key, "cell", r.Cell, "link", r.Link, "text", r.Text, "data", r.Data)
}

// both hands records to several sinks.
type both []des.Sink

func (x both) Record(r *des.Record) {
	for _, s := range x {
		s.Record(r)
	}
}

// Laws 2 and 9: observers cannot change a run. Traces of both levels, marks as
// often as there are events, a log of every record, and all of them at once.
func TestDigestDoesNotKnowItsObservers(t *testing.T) {
	open := func(w *World, level replay.Level) *replay.Writer {
		h := replay.Header{Scenario: w.Scenario.Name, Text: string(w.Scenario.Text), Seed: w.Scenario.Seed.String(), Rng: 1, Level: level}
		f, err := replay.NewWriter(io.Discard, h)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	verbose := teller{slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	for _, c := range someCases(t) {
		bare := lawWorld(t, c, WorldOptions{})
		want := outcome(bare.Run())
		choices, events := open(bare, replay.Choices), open(bare, replay.Events)
		for what, opt := range map[string]WorldOptions{
			"trace of choices": {Choices: choices, Marks: choices},
			"trace of events":  {Records: events, Choices: events, Marks: events},
			"verbose":          {Records: verbose},
			"marks at each":    {Marks: verbose, MarkEvery: 1},
		} {
			wantSame(t, fmt.Sprintf("%s, %s", c, what), want, runLaw(t, c, opt))
		}
		all := open(bare, replay.Events)
		opt := WorldOptions{Records: both{all, verbose}, Choices: all, Marks: all, MarkEvery: 7}
		wantSame(t, c.String()+", all at once", want, runLaw(t, c, opt))
		for _, f := range []*replay.Writer{choices, events, all} {
			if err := f.Err(); err != nil {
				t.Error(err)
			}
		}
	}
}

// Law 2: a run that is driven in steps, looked at in between, and asked for
// snapshots gives what a run in one go gives.
func TestDigestDoesNotDependOnTheStepsOfTheDriver(t *testing.T) {
	for _, c := range lawCases(t) {
		want := runLaw(t, c, WorldOptions{})
		w := lawWorld(t, c, WorldOptions{})
		for step := clock.Time(1); !w.Done(); step = step*3 + 1 {
			w.Advance(w.Now()+step, uint64(step%5))
			w.Network().Snapshot()
			w.Host().Digest()
			w.attrsOf()
		}
		wantSame(t, c.String(), want, outcome(w.Run()))
	}
}

// Law 2: a scenario is its text, wherever the file lies.
func TestDigestDoesNotDependOnThePlaceOfTheFile(t *testing.T) {
	for _, file := range shippedFiles(t) {
		text, err := lawFiles.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		elsewhere := filepath.Join(t.TempDir(), "another name.yaml")
		if err := os.WriteFile(elsewhere, text, 0o600); err != nil {
			t.Fatal(err)
		}
		src, err := Load(elsewhere)
		if err != nil {
			t.Fatal(err)
		}
		sc, err := src.Build(BuildOptions{Seed: des.SeedOf(42), Set: []string{lawBound}})
		if err != nil {
			t.Fatal(err)
		}
		w, err := NewWorld(sc, WorldOptions{})
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, file, runLaw(t, lawCase{file, 42}, WorldOptions{}), outcome(w.Run()))
	}
}
