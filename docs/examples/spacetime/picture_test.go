package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay"
	"example.com/dsim/scenarios"
)

// record runs the scenario of the README's picture and gives its trace.
func record(t *testing.T, level replay.Level) *replay.Trace {
	t.Helper()
	src, err := scenarios.Load("../../../scenarios/abp/lossy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	sc, err := src.Build(scenarios.BuildOptions{Seed: des.SeedOf(42)})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "run.trace")
	w, err := replay.Create(name, replay.Header{Level: level, Scenario: sc.Name, Text: string(sc.Text), Seed: "42"})
	if err != nil {
		t.Fatal(err)
	}
	world, err := scenarios.NewWorld(sc, scenarios.WorldOptions{Records: w, Choices: w})
	if err != nil {
		t.Fatal(err)
	}
	world.Advance(clock.Time(time.Second), 0)
	if err := w.Close(replay.Summary{}); err != nil {
		t.Fatal(err)
	}
	trace, err := replay.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = trace.Close() })
	return trace
}

const (
	from = clock.Time(236 * time.Millisecond)
	to   = clock.Time(426 * time.Millisecond)
)

func TestPictureOfTheReadmeIsThatOfTheRun(t *testing.T) {
	p, err := read(record(t, replay.Events), from, to, "alice", "bob")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../lossy.svg")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(p.draw(), want) {
		t.Errorf("docs/lossy.svg is not what the run draws; make it anew: go generate ./docs/examples/spacetime")
	}
}

func TestPictureShowsWhatHappened(t *testing.T) {
	p, err := read(record(t, replay.Events), from, to, "alice", "bob")
	if err != nil {
		t.Fatal(err)
	}
	words := p.words()
	for _, w := range []string{" frames, ", "1 of them lost", "1 with flipped bits", "2 sent again"} {
		if !strings.Contains(words, w) {
			t.Errorf("%q: no %q", words, w)
		}
	}
	if len(p.waits) != 2 {
		t.Errorf("%d waits, want 2", len(p.waits))
	}
	d := xml.NewDecoder(bytes.NewReader(p.draw()))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatCannotBeDrawnIsSaid(t *testing.T) {
	if _, err := read(record(t, replay.Choices), from, to, "alice", "bob"); err == nil || !strings.Contains(err.Error(), "want events") {
		t.Error(err)
	}
	for want, args := range map[string][3]string{
		"want one trace": {"", "0", "1s"}, "from \"x\"": {"a", "x", "1s"}, "must be after": {"a", "1s", "1s"}, "no such file": {"none.trace", "0", "1s"},
	} {
		var files []string
		if args[0] != "" {
			files = args[:1]
		}
		if err := run(files, args[1], args[2], "alice", "bob", "-"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
