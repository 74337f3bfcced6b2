package playback

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay/journal"
	"example.com/dsim/replay/playback/staged"
	"example.com/dsim/replay/site"
	"example.com/dsim/scenarios"
)

var long = flag.Bool("long", false, "run the long forms of tests")

// stageOf is a shipped scenario as a live run of some length.
func stageOf(t testing.TB, file string, luck uint64, until time.Duration) *staged.Play {
	t.Helper()
	src, err := scenarios.Load(filepath.Join("../../scenarios", file))
	if err != nil {
		t.Fatal(err)
	}
	seed := des.SeedOf(100 + luck)
	sc, err := src.Build(scenarios.BuildOptions{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	p := &staged.Play{
		Dir: t.TempDir(), Seed: seed, Luck: luck, Make: scenarios.MakeProtocol, Until: clock.Time(until), Ended: true, Loss: 0.03,
		Acts: []staged.Act{{Batch: sc.Initial}},
	}
	for _, a := range sc.Timeline {
		if a.Trigger.Kind != scenarios.At {
			continue
		}
		for _, s := range a.Steps {
			x := staged.Act{At: a.Trigger.From.Add(s.After), Batch: s.Changes}
			if s.Command != nil {
				x = staged.Act{At: x.At, Cell: s.Command.Cell, Args: s.Command.Args}
			}
			p.Acts = append(p.Acts, x)
		}
	}
	return p
}

func run(t testing.TB, p *staged.Play) string {
	t.Helper()
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return p.Dir
}

func play(t testing.TB, path string, opt Options) Report {
	t.Helper()
	r, err := journal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	report, err := Play(r, opt)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func journals(t testing.TB, dir string) []journal.Path {
	t.Helper()
	list, err := journal.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// wantAll plays every journal of a directory, and wants every mark of them.
func wantAll(t *testing.T, dir string) (total Report) {
	t.Helper()
	for _, p := range journals(t, dir) {
		r := play(t, p.Path, Options{Make: scenarios.MakeProtocol, Build: "staged"})
		if !r.Same() || r.Marks == 0 || len(r.Notes) > 0 || r.Failed != "" {
			t.Errorf("%s: %+v: %v", p.Path, r, r.Difference)
		}
		total.Marks += r.Marks
		total.Inputs += r.Inputs
		total.Frames += r.Frames
		total.Emitted += r.Emitted
		total.Armed += r.Armed
	}
	return total
}

func TestEveryMarkIsReproduced(t *testing.T) {
	for _, file := range []string{"abp/lossy.yaml", "abp/crash.yaml", "abp/topology.yaml", "abp/pause.yaml", "abp/clock-drift.yaml", "tree/three.yaml", "tree/transactions-under-loss.yaml", "echo/outage.yaml", "echo/reset.yaml"} {
		t.Run(file, func(t *testing.T) {
			runs := 1
			if *long {
				runs = 12
			}
			for luck := range runs {
				total := wantAll(t, run(t, stageOf(t, file, uint64(luck), 3*time.Second)))
				if total.Frames == 0 || total.Armed+total.Emitted == 0 {
					t.Errorf("nothing happened: %+v", total)
				}
			}
		})
	}
}

// killed is a run in which bob's process is killed, and another takes its place.
func killed(t testing.TB, luck uint64) *staged.Play {
	p := stageOf(t, "abp/lossy.yaml", luck, 3*time.Second)
	p.Ended = false
	p.Acts = append(p.Acts,
		staged.Act{At: clock.Time(200 * time.Millisecond), Cell: "bob", Kill: true},
		staged.Act{At: clock.Time(300 * time.Millisecond), Cell: "bob", Revive: true})
	return p
}

func TestWhatAPeerSawOfAKilledCellIsExplained(t *testing.T) {
	p := killed(t, 3)
	seen := map[string][]string{}
	p.Out = func(cell cells.ID, link string, b []byte) { seen[string(cell)] = append(seen[string(cell)], string(b)) }
	dir := run(t, p)
	wantAll(t, dir)
	var again list
	for _, p := range journals(t, dir) {
		if p.Site == "bob" {
			r := play(t, p.Path, Options{Make: scenarios.MakeProtocol, Out: &again})
			if r.Ended || r.Stop == "" || r.Life != p.Life {
				t.Errorf("%s: %+v", p.Path, r)
			}
		}
	}
	if len(seen["bob"]) < 20 || !slices.Equal(again, seen["bob"]) {
		t.Errorf("bob's processes sent %d frames, their journals give %d", len(seen["bob"]), len(again))
	}
}

type list []string

func (l *list) Out(_ string, b []byte) { *l = append(*l, string(b)) }

// bent is a protocol one of whose fields is changed by hand after some inputs.
type bent struct {
	cells.Protocol
	left *int
}

func (b *bent) AppendState(to []cells.Attr) []cells.Attr {
	at := len(to)
	to = b.Protocol.(cells.Inspector).AppendState(to)
	if *b.left <= 0 {
		to[at].Int++
	}
	return to
}

func (b *bent) Save() []byte { return b.Protocol.(cells.Durable).Save() }

func (b *bent) Restore(s []byte) error { return b.Protocol.(cells.Durable).Restore(s) }

func (b *bent) Recv(e cells.Env, p cells.Port, data []byte) {
	*b.left--
	b.Protocol.Recv(e, p, data)
}

func TestOneFieldChangedByHandFailsTheComparison(t *testing.T) {
	dir := run(t, stageOf(t, "abp/lossy.yaml", 5, 3*time.Second))
	for _, after := range []int{1, 20} {
		left := after
		r := play(t, filepath.Join(dir, "bob.0.journal"), Options{Make: func(c cells.CellSpec) (cells.Protocol, error) {
			p, err := scenarios.MakeProtocol(c)
			return &bent{p, &left}, err
		}})
		d := r.Difference
		if r.Same() || d == nil || d.Cell != "bob" || d.What != "its state" || d.After >= d.At {
			t.Errorf("after %d frames: %+v", after, d)
		}
		if after == 20 && d != nil && (r.Reproduced == 0 || !strings.Contains(d.String(), "cell bob: its state is ")) {
			t.Errorf("after %d frames: %d reproduced; %s", after, r.Reproduced, d)
		}
	}
}

func TestAJournalPlayedTwiceGivesTheSame(t *testing.T) {
	path := filepath.Join(run(t, stageOf(t, "abp/lossy.yaml", 1, time.Second)), "alice.0.journal")
	var one, two recorder
	a := play(t, path, Options{Make: scenarios.MakeProtocol, Records: &one})
	b := play(t, path, Options{Make: scenarios.MakeProtocol, Records: &two})
	if fmt.Sprint(a) != fmt.Sprint(b) || one != two || one.n == 0 {
		t.Errorf("%+v\n%+v\n%v %v", a, b, one, two)
	}
}

// recorder folds records.
type recorder struct {
	n    int
	fold des.Fold
}

func (c *recorder) Record(r *des.Record) {
	c.n++
	c.fold.Text(fmt.Sprint(r.Key, r.Cause, r.Op, r.Cell, r.Link, r.Port, r.A, r.B, r.Text))
	c.fold.Text(string(r.Data))
}

func TestAnotherBuildIsANote(t *testing.T) {
	path := filepath.Join(run(t, stageOf(t, "abp/lossy.yaml", 1, time.Second)), "alice.0.journal")
	r := play(t, path, Options{Make: scenarios.MakeProtocol, Build: "dsim v9"})
	if !r.Same() || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "staged") {
		t.Errorf("%+v", r)
	}
}

func TestADiagnosticRingIsNotPlayed(t *testing.T) {
	dir := t.TempDir()
	w, err := journal.Ring{Dir: dir, Segments: 2, SegmentBytes: 4 << 10}.Create(journal.Header{Site: "a"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		w.Input(&site.Input{At: clock.Time(i), Kind: site.Frame, Link: "ab", Data: bytes.Repeat([]byte{1}, 50)})
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	list := journals(t, dir)
	r, err := journal.Open(list[1].Path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := Play(r, Options{Make: scenarios.MakeProtocol}); !errors.Is(err, ErrDiagnostic) {
		t.Errorf("got %v", err)
	}
}

func BenchmarkPlay(b *testing.B) {
	path := filepath.Join(run(b, stageOf(b, "abp/lossy.yaml", 1, 5*time.Second)), "alice.0.journal")
	inputs := uint64(0)
	for b.Loop() {
		inputs = play(b, path, Options{Make: scenarios.MakeProtocol}).Inputs
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(inputs), "ns/input")
}
