package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/replay"
	"example.com/dsim/replay/playback"
	"example.com/dsim/scenarios"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func (a *app) importCommand() *cobra.Command {
	var out, trace string
	c := &cobra.Command{
		Use:   "import DIR",
		Short: "Make a scenario and a trace of a recorded live run",
		Long: `Make a scenario out of the journals of a live run: its cells and links, seed,
commands, faults and changes of topology as they happened, crashes of processes,
the expectations of the scenario that was run, and for each link between two
processes the delays that were measured.

The scenario runs in virtual time as any other: run, explore, shrink and explain
work on it. Its delays are drawn from the distribution that was measured, so it
goes a similar way, not the same; what happened itself is in the trace, and each
site is given back exactly by dsim replay.

Exit code 4 says that a site was not reproduced; the files are written all the
same.

` + exitCodes,
		Example:           "  dsim import rec/ -o field.yaml --trace field.trace\n  dsim run field.yaml\n  dsim explore field.yaml",
		Args:              oneRecording,
		ValidArgsFunction: completeFolder,
		RunE:              func(_ *cobra.Command, args []string) error { return a.importRun(args[0], out, trace) },
	}
	c.Flags().StringVarP(&out, "out", "o", "", "write the scenario to this file instead of standard output")
	c.Flags().StringVar(&trace, "trace", "", "write what happened at all sites, in one order, to this trace file")
	c.Flags().SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "output" { // what it was called before the other commands had it
			name = "out"
		}
		return pflag.NormalizedName(name)
	})
	return c
}

func oneRecording(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want one directory of journals, not %d arguments", len(args))
	}
	return nil
}

func playOptions() playback.Options {
	return playback.Options{Make: scenarios.MakeProtocol, Build: buildInfo().String()}
}

func (a *app) importRun(dir, out, trace string) error {
	if st, err := os.Stat(dir); err != nil {
		return exit(exitEnvironment, err)
	} else if !st.IsDir() {
		return fmt.Errorf("%s: want a directory of journals: a scenario is made of all sites", dir)
	}
	m, err := playback.Gather(dir, playOptions())
	if err != nil {
		return err
	}
	sc, err := scenarioFrom(m, dir)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	text, err := scenarios.Encode(sc)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	text = append([]byte(preface(m)), text...)
	if _, err := scenarios.Parse(out, text); err != nil {
		return err
	}
	for _, n := range m.Notes {
		a.err.printf("dsim: %s %s\n", a.err.warn("warning:"), n)
	}
	if trace != "" {
		if err := writeMerged(m, trace, out, sc.Name, text); err != nil {
			return err
		}
	}
	if out == "" {
		if _, err := a.out.Write(text); err != nil {
			return exit(exitEnvironment, err)
		}
	} else {
		if err := os.WriteFile(out, text, 0o644); err != nil {
			return exit(exitEnvironment, err)
		}
		a.imported(m, out, trace)
	}
	for i := range m.Reports {
		if !m.Reports[i].Same() {
			return exit(exitNondeterminism, nil)
		}
	}
	return nil
}

// preface says where the scenario is from.
func preface(m *playback.Merged) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# A live run of %d processes, recorded by %s and made a scenario by\n# dsim import. What the links did by themselves is as it was set; the delays of\n", len(m.Reports), m.Build)
	b.WriteString("# real wires are in delay (the least) and jitter (what was more, as distributed).\n")
	return b.String()
}

// imported says what was found.
func (a *app) imported(m *playback.Merged, out, trace string) {
	rows := [][]string{{"link", "from", "to", "sent", "arrived", "dropped", "down", "lost", "least", "median", "99%", "most"}}
	for i := range m.Directions {
		d := &m.Directions[i]
		row := []string{d.Link, d.From, d.To, group(d.Sent), group(d.Arrived), group(d.Dropped), group(d.Down), group(d.Lost)}
		if len(d.Delays) > 0 {
			for _, share := range []float64{0, 0.5, 0.99, 1} {
				row = append(row, d.Delay(share).String())
			}
		}
		rows = append(rows, row)
		if d.Unsent > 0 {
			a.err.printf("dsim: %s link %s: %d frames reached %s that nobody is known to have sent\n", a.err.warn("warning:"), d.Link, d.Unsent, d.To)
		}
	}
	if len(rows) > 1 && len(rows) < 40 {
		a.out.table("", rows)
	}
	a.out.printf("scenario %s\n", out)
	if trace != "" {
		a.out.printf("trace %s\n", trace)
	}
}

// recorded is what a merged trace keeps of the run besides records, so that it
// can be judged by itself: in the header's info, in pieces.
type recorded struct {
	Acts    []recordedAct         `json:"acts"`
	Offsets map[string]clock.Time `json:"offsets,omitempty"` // by journal
}

// recordedAct is a batch that reached a site, or the begin or end of a life.
type recordedAct struct {
	At    clock.Time       `json:"at_ns"`
	Site  string           `json:"site"`
	Life  uint32           `json:"life,omitempty"`
	Kind  playback.ActKind `json:"kind"`
	Batch []cells.Change   `json:"batch,omitempty"`
}

// The entries of a merged trace's info: that it is one, and the pieces.
const (
	infoLive  = "live"
	infoPiece = "live.%d"
	pieceSize = 256 << 10
)

// recordedOf is what a merged trace keeps of a run.
func recordedOf(m *playback.Merged) recorded {
	rec := recorded{Offsets: m.Offsets}
	for i := range m.Acts {
		if x := &m.Acts[i]; !x.Error && (x.Input == nil || len(x.Input.Batch) > 0) {
			k := recordedAct{At: x.At, Site: x.Site, Life: x.Life, Kind: x.Kind}
			if x.Input != nil {
				k.Batch = x.Input.Batch
			}
			rec.Acts = append(rec.Acts, k)
		}
	}
	return rec
}

// liveInfo writes it into a header.
func liveInfo(m *playback.Merged, info map[string]string) error {
	text, err := json.Marshal(recordedOf(m))
	if err != nil {
		return err
	}
	n := 0
	for rest := text; len(rest) > 0; n++ {
		k := min(len(rest), pieceSize)
		info[fmt.Sprintf(infoPiece, n)] = string(rest[:k])
		rest = rest[k:]
	}
	info[infoLive] = fmt.Sprint(n)
	return nil
}

// liveOf reads it back; false if the trace is none of a live run.
func liveOf(h *replay.Header) (rec recorded, live bool, err error) {
	if h.Info[infoLive] == "" {
		return rec, false, nil
	}
	var text bytes.Buffer
	for n := 0; ; n++ {
		piece, ok := h.Info[fmt.Sprintf(infoPiece, n)]
		if !ok {
			break
		}
		text.WriteString(piece)
	}
	if err := json.Unmarshal(text.Bytes(), &rec); err != nil {
		return rec, true, fmt.Errorf("what the trace says of its live run: %w", err)
	}
	return rec, true, nil
}

// writeMerged writes what happened at all sites as one trace.
func writeMerged(m *playback.Merged, path, file, name string, text []byte) error {
	h := replay.Header{
		Level: replay.Events, Scenario: name, Text: string(text), Seed: m.Seed.String(), Build: m.Build, Limits: m.Limits,
		Info: map[string]string{"file": filepath.Base(file), "site": "live"},
	}
	if err := liveInfo(m, h.Info); err != nil {
		return err
	}
	w, err := replay.Create(path, h)
	if err != nil {
		return exit(exitEnvironment, err)
	}
	if err := mergeInto(m, w); err != nil {
		_ = w.Abort()
		return err
	}
	return nil
}

// mergeInto writes all records, and ends the trace.
func mergeInto(m *playback.Merged, w *replay.Writer) error {
	opt := playOptions()
	opt.Records, opt.Choices = w, w
	if err := m.Tell(opt); err != nil {
		return err
	}
	events := uint64(0)
	for i := range m.Reports {
		events += m.Reports[i].Events
	}
	return w.Close(replay.Summary{Verdict: "recorded", End: m.End, Events: events, Info: map[string]string{"journals": fmt.Sprint(len(m.Reports))}})
}
