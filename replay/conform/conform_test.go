package conform

import (
	"bytes"
	"flag"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay"
	"example.com/dsim/replay/journal"
	"example.com/dsim/replay/playback"
	"example.com/dsim/replay/playback/staged"
	"example.com/dsim/scenarios"
)

var long = flag.Bool("long", false, "run the long forms of tests")

func build(t testing.TB, file string, seed uint64) *scenarios.Scenario {
	t.Helper()
	src, err := scenarios.Load(filepath.Join("../../scenarios", file))
	if err != nil {
		t.Fatal(err)
	}
	sc, err := src.Build(scenarios.BuildOptions{Seed: des.SeedOf(seed)})
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

// virtual is the trace of a scenario in virtual time, and what to judge it by.
func virtual(t testing.TB, file string, seed uint64, until time.Duration) (*replay.Trace, Options) {
	t.Helper()
	sc := build(t, file, seed)
	var b bytes.Buffer
	w, err := replay.NewWriter(&b, replay.Header{Level: replay.Events, Seed: sc.Seed.String()})
	if err != nil {
		t.Fatal(err)
	}
	world, err := scenarios.NewWorld(sc, scenarios.WorldOptions{Records: w, Choices: w})
	if err != nil {
		t.Fatal(err)
	}
	for !world.Done() && !world.Advance(min(sc.Run.Until, clock.Time(until)), 1<<20) {
	}
	if err := w.Close(replay.Summary{End: world.Now()}); err != nil {
		t.Fatal(err)
	}
	return open(t, b.Bytes()), Options{Make: scenarios.MakeProtocol, Seed: sc.Seed, Changes: []Change{{Batch: sc.Initial}}, Resolve: resolver(sc)}
}

func open(t testing.TB, b []byte) *replay.Trace {
	t.Helper()
	tr, err := replay.OpenBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tr.Close() })
	return tr
}

// resolver finds what a record of the timeline did.
func resolver(sc *scenarios.Scenario) func(string, cells.Snapshot) ([]cells.Change, bool) {
	steps := map[string]*scenarios.Step{}
	for i := range sc.Timeline {
		a := &sc.Timeline[i]
		for j := range a.Steps {
			steps[a.Path+": "+a.Steps[j].String()] = &a.Steps[j]
		}
	}
	return func(text string, now cells.Snapshot) ([]cells.Change, bool) {
		s := steps[text]
		if s == nil {
			return nil, false
		}
		return s.Resolve(now), true
	}
}

// live is the trace of a staged live run, and what to judge it by.
func live(t testing.TB, file string, luck uint64, until time.Duration, kill cells.ID) (*replay.Trace, Options) {
	t.Helper()
	sc := build(t, file, 100+luck)
	p := &staged.Play{
		Dir: t.TempDir(), Seed: sc.Seed, Luck: luck, Make: scenarios.MakeProtocol, Until: clock.Time(until), Ended: luck%2 == 0, Loss: 0.03,
		Acts: []staged.Act{{Batch: sc.Initial}},
	}
	for _, a := range sc.Timeline {
		for _, s := range a.Steps {
			if a.Trigger.Kind == scenarios.At && s.Select == nil {
				x := staged.Act{At: a.Trigger.From.Add(s.After), Batch: s.Changes}
				if s.Command != nil {
					x = staged.Act{At: x.At, Cell: s.Command.Cell, Args: s.Command.Args}
				}
				p.Acts = append(p.Acts, x)
			}
		}
	}
	if kill != "" {
		p.Acts = append(p.Acts, staged.Act{At: p.Until / 3, Cell: kill, Kill: true}, staged.Act{At: p.Until / 2, Cell: kill, Revive: true})
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	m, err := playback.Gather(p.Dir, playback.Options{Make: scenarios.MakeProtocol})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := replay.NewWriter(&b, replay.Header{Level: replay.Events, Seed: sc.Seed.String()})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Tell(playback.Options{Make: scenarios.MakeProtocol, Records: w, Choices: w}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(replay.Summary{End: m.End}); err != nil {
		t.Fatal(err)
	}
	return open(t, b.Bytes()), Options{Make: scenarios.MakeProtocol, Seed: sc.Seed, Live: true, Changes: changes(m)}
}

// changes is what a live run was told, site by site.
func changes(m *playback.Merged) (list []Change) {
	homes := map[string]map[cells.ID]bool{}
	for _, a := range m.Acts {
		home := homes[a.Site]
		if home == nil {
			home = map[cells.ID]bool{}
			homes[a.Site] = home
		}
		x := Change{At: a.At, Cells: home, Offset: m.Offsets[journal.FileName(a.Site, a.Life)]}
		switch {
		case a.Kind == playback.Ended || a.Kind == playback.Killed:
			x.Ends = true
		case a.Kind == playback.Given && !a.Error && len(a.Input.Batch) > 0:
			x.Batch = a.Input.Batch
			for _, c := range x.Batch {
				if c.Op == cells.AddCell {
					home[c.Cell.ID] = true
				}
			}
		default:
			continue
		}
		list = append(list, x)
	}
	return list
}

func wantConform(t *testing.T, tr *replay.Trace, opt Options) Result {
	t.Helper()
	res, err := Check(tr, opt)
	if err != nil {
		t.Fatal(err)
	}
	if res.Violation != nil {
		t.Errorf("%s (record %d)", res.Violation, res.Violation.Record)
	}
	return res
}

func TestVirtualTracesConform(t *testing.T) {
	for _, dir := range []string{"abp", "abp5", "abp64", "tree", "echo", "register", "topology"} {
		files, err := filepath.Glob(filepath.Join("../../scenarios", dir, "*.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			file := filepath.Join(dir, filepath.Base(path))
			t.Run(file, func(t *testing.T) {
				until := 2 * time.Second
				switch {
				case *long:
					until = 30 * time.Second
				case strings.Contains(file, "thousand"):
					until = 100 * time.Millisecond
				}
				tr, opt := virtual(t, file, 3, until)
				wantConform(t, tr, opt)
			})
		}
	}
}

func TestLiveTracesConform(t *testing.T) {
	n := 0
	for _, c := range []struct {
		file string
		kill cells.ID
	}{
		{"abp/lossy.yaml", ""},
		{"abp/lossy.yaml", "bob"},
		{"abp/lossy.yaml", "alice"},
		{"abp/duplicates.yaml", ""},
		{"abp/reordering.yaml", ""},
		{"abp/hold.yaml", ""},
		{"abp/pause.yaml", ""},
		{"abp/clock-drift.yaml", ""},
		{"abp/topology.yaml", ""},
		{"abp/mtu.yaml", ""},
		{"abp/frame-check.yaml", ""},
		{"abp/queue.yaml", ""},
		{"tree/three.yaml", ""},
		{"tree/three.yaml", "bert"},
		{"tree/transactions-under-loss.yaml", ""},
		{"echo/outage.yaml", ""},
		{"echo/reset.yaml", ""},
		{"echo/recut.yaml", ""},
		{"echo/half-close.yaml", ""},
		{"abp/both-ways.yaml", ""},
	} {
		t.Run(c.file+string(c.kill), func(t *testing.T) {
			tr, opt := live(t, c.file, uint64(n), 2*time.Second, c.kill)
			res := wantConform(t, tr, opt)
			if res.Effects == 0 {
				t.Errorf("nothing was compared: %+v", res)
			}
		})
		n++
	}
	if n < 20 {
		t.Errorf("%d traces, want 20", n)
	}
}
