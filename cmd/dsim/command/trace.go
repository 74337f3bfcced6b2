package command

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/des/suggest"
	"example.com/dsim/replay"
	"example.com/dsim/scenarios"
	"github.com/spf13/cobra"
)

func (a *app) traceCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "trace",
		Short: "Look into a trace file: info, path, cut, repair, export",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("trace: no subcommand %q: must be one of info, path, cut, repair, export", args[0])
			}
			return errors.New("trace: want a subcommand: info, path, cut, repair or export")
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	c.AddCommand(a.traceInfo(), a.tracePath(), a.traceCut(), a.traceRepair(), a.traceExport())
	return c
}

func (a *app) traceInfo() *cobra.Command {
	var asJSON, verify bool
	c := &cobra.Command{
		Use:               "info TRACE",
		Short:             "Say what a trace holds",
		Args:              oneTrace,
		ValidArgsFunction: completeTraces(1),
		RunE: func(_ *cobra.Command, args []string) error {
			t, err := a.openTrace(args[0])
			if err != nil {
				return err
			}
			defer t.Close()
			if verify {
				if err := t.Verify(); err != nil {
					return exit(exitFailed, err)
				}
			}
			if asJSON {
				return a.infoJSON(t)
			}
			a.info(t)
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on standard output")
	c.Flags().BoolVar(&verify, "verify", false, "read every block and check it against the index and the hash")
	return c
}

func (a *app) info(t *replay.Trace) {
	h := t.Header()
	rows := [][]string{
		{"trace", t.Name()},
		{"scenario", h.Scenario},
		{"seed", h.Seed},
		{"set", strings.Join(h.Set, " ")},
		{"build", h.Build},
		{"format", strconv.Itoa(h.Version)},
		{"level", h.Level.String()},
		{"text", h.TextHash},
	}
	if what, ok := h.Part(); ok {
		rows = append(rows, []string{"part", what + partOf(&h)})
	}
	blocks := t.Blocks()
	held := "records"
	if h.Level == replay.Choices {
		held = "marks" // checkpoints: all the records that this level has
	}
	rows = append(rows, []string{"blocks", strconv.Itoa(len(blocks))})
	if s, ok := t.Summary(); ok {
		rows = append(rows,
			[]string{held, group(s.Records)}, []string{"choices", group(s.Choices)}, []string{"events", group(s.Events)},
			[]string{"end", s.End.String()}, []string{"verdict", s.Verdict}, []string{"digest", digestText(s.Digest)}, []string{"hash", s.Hash})
	} else {
		rows = append(rows, []string{"summary", "none: the run did not end, or the file was cut; dsim trace repair mends it"})
	}
	for _, r := range rows {
		if r[1] != "" {
			a.out.printf("%-9s %s\n", r[0], r[1])
		}
	}
}

// partOf says of what a part was cut, and what of it is the whole's.
func partOf(h *replay.Header) string {
	const whole = "; events, end, verdict and digest are those of the whole run"
	if hash := h.Info["cut-of"]; hash != "" {
		return fmt.Sprintf(" of the trace with hash %.12s…", hash) + whole
	}
	return whole
}

func (a *app) infoJSON(t *replay.Trace) error {
	out := struct {
		Header  replay.Header   `json:"header"`
		Blocks  int             `json:"blocks"`
		Summary *replay.Summary `json:"summary,omitempty"`
		Damage  string          `json:"damage,omitempty"`
	}{Header: t.Header(), Blocks: len(t.Blocks())}
	if s, ok := t.Summary(); ok {
		out.Summary = &s
	}
	if d := t.Damage(); d != nil {
		out.Damage = d.Error()
	}
	return json.NewEncoder(a.out).Encode(out)
}

func (a *app) tracePath() *cobra.Command {
	var hops int
	c := &cobra.Command{
		Use:   "path TRACE LINK#N",
		Short: "Follow one frame's way through the cells",
		Long: `Follow the N-th frame of a link direction: its sending, what the link did to it,
its arrival, and what its receiver sent in answer. Directions are named after
their link: ab> from its first end to its second, ab< back.`,
		Example: "  dsim trace path lossy.trace 'ab>#12'",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("want a trace file and a frame such as ab>#12, not %d arguments", len(args))
			}
			return nil
		},
		ValidArgsFunction: completeTraces(1),
		RunE:              func(_ *cobra.Command, args []string) error { return a.path(args[0], args[1], hops) },
	}
	c.Flags().IntVar(&hops, "hops", 16, "how many links on an answer is followed")
	return c
}

func (a *app) path(file, frame string, hops int) error {
	link, num, ok := strings.Cut(frame, "#")
	n, err := strconv.ParseInt(num, 10, 64)
	if !ok || err != nil || n < 0 || !strings.HasSuffix(link, ">") && !strings.HasSuffix(link, "<") {
		return fmt.Errorf("frame %q: must be a link direction and a frame number, such as ab>#12", frame)
	}
	t, err := a.openTrace(file)
	if err != nil {
		return err
	}
	defer t.Close()
	if t.Header().Level != replay.Events {
		return fmt.Errorf("%s: holds choices only: a path needs a trace of --level events", file)
	}
	steps, err := replay.Path(t, link, n, hops)
	if err != nil {
		return err
	}
	if len(steps) == 0 {
		return fmt.Errorf("%s: no frame %s", file, frame)
	}
	for _, s := range steps {
		a.out.printf("%s%s\n", strings.Repeat("  ", s.Hop), recordLine(&s.Record))
	}
	return nil
}

func (a *app) traceCut() *cobra.Command {
	var from, to string
	var only []string
	c := &cobra.Command{
		Use:               "cut TRACE OUT",
		Short:             "Write a part of a trace as a trace",
		Example:           "  dsim trace cut run.trace part.trace --from 1s --to 2s --cell alice",
		Args:              twoFiles,
		ValidArgsFunction: completeTraces(1),
		RunE: func(_ *cobra.Command, args []string) error {
			lo, hi, err := span(from, to)
			if err != nil {
				return err
			}
			return cutError(replay.Cut(args[0], args[1], lo, hi, only...))
		},
	}
	c.Flags().StringVar(&from, "from", "", "the first instant")
	c.Flags().StringVar(&to, "to", "", "the last instant")
	c.Flags().StringArrayVar(&only, "cell", nil, "keep only what concerns this cell; may be repeated")
	return c
}

// cutError says which cell was probably meant.
func cutError(err error) error {
	var unknown *replay.UnknownCellError
	if !errors.As(err, &unknown) {
		return environment(err)
	}
	return fmt.Errorf("--cell: %w%s", err, suggest.Hint(unknown.Cell, unknown.Known))
}

func (a *app) traceRepair() *cobra.Command {
	return &cobra.Command{
		Use:               "repair TRACE OUT",
		Short:             "Mend a trace that was cut off",
		Args:              twoFiles,
		ValidArgsFunction: completeTraces(1),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := replay.Repair(args[0], args[1])
			if err != nil {
				return environment(err)
			}
			a.out.printf("%s\n", r)
			return nil
		},
	}
}

func twoFiles(_ *cobra.Command, args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("want a trace file and a file to write, not %d arguments", len(args))
	}
	return nil
}

// environment gives errors of the file system their exit code.
func environment(err error) error {
	if pe := (*os.PathError)(nil); errors.As(err, &pe) {
		return exit(exitEnvironment, err)
	}
	return err
}

func span(from, to string) (clock.Time, clock.Time, error) {
	lo, hi := clock.Time(0), clock.Never
	for _, x := range []struct {
		flag, text string
		to         *clock.Time
	}{{"--from", from, &lo}, {"--to", to, &hi}} {
		if x.text == "" {
			continue
		}
		d, err := des.ParseDuration(x.text)
		if err != nil {
			return 0, 0, fmt.Errorf("%s %w", x.flag, err)
		}
		*x.to = clock.Time(d)
	}
	return lo, hi, nil
}

func (a *app) traceExport() *cobra.Command {
	var form, from, to string
	c := &cobra.Command{
		Use:   "export TRACE OUT",
		Short: "Write a trace for other tools: JSON lines, CSV or pcapng",
		Long: `Write a trace for other tools. The form follows from the name of the file, .jsonl,
.csv or .pcapng, unless --format says it; OUT - is standard output.

In pcapng every port of a cell is an interface, times are in nanoseconds, and a
frame that a fault touched has a comment.`,
		Example:           "  dsim trace export run.trace run.pcapng\n  dsim trace export run.trace - --format jsonl",
		Args:              twoFiles,
		ValidArgsFunction: completeTraces(1),
		RunE: func(_ *cobra.Command, args []string) error {
			lo, hi, err := span(from, to)
			if err != nil {
				return err
			}
			return a.export(args[0], args[1], form, lo, hi)
		},
	}
	c.Flags().StringVar(&form, "format", "", "jsonl, csv or pcapng")
	c.Flags().StringVar(&from, "from", "", "the first instant")
	c.Flags().StringVar(&to, "to", "", "the last instant")
	complete(c, "format", "jsonl", "csv", "pcapng")
	return c
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

func (a *app) export(in, out, form string, from, to clock.Time) error {
	if form == "" {
		form = strings.TrimPrefix(filepath.Ext(out), ".")
	}
	t, err := a.openTrace(in)
	if err != nil {
		return err
	}
	defer t.Close()
	if sameFile(in, out) {
		return fmt.Errorf("export: %s would be written over the trace it is made of: give another name", out)
	}
	var write func(io.Writer) error
	switch form {
	case "jsonl", "json":
		write = func(w io.Writer) error { return replay.WriteJSONL(w, t, from, to) }
	case "csv":
		write = func(w io.Writer) error { return replay.WriteCSV(w, t, from, to) }
	case "pcapng", "pcap":
		opt := replay.PcapOptions{From: from, Port: portNames(t)}
		if to != clock.Never {
			opt.To = to
		}
		write = func(w io.Writer) error {
			n, err := replay.WritePcapng(w, t, opt)
			if err == nil && out != "-" {
				a.out.printf("%d interfaces, %d packets, %d comments\n", n.Interfaces, n.Packets, n.Comments)
			}
			return err
		}
	default:
		return fmt.Errorf("format %q: must be jsonl, csv or pcapng", form)
	}
	if out == "-" {
		b := bufio.NewWriter(a.out)
		return errors.Join(write(b), b.Flush())
	}
	return environment(writeFile(out, func(f *os.File) error {
		b := bufio.NewWriter(f)
		return errors.Join(write(b), b.Flush())
	}))
}

// exportPcap writes the frames of a trace file as pcapng.
func exportPcap(in, out string, opt replay.PcapOptions) error {
	t, err := replay.Open(in)
	if err != nil {
		return err
	}
	defer t.Close()
	opt.Port = portNames(t)
	return writeFile(out, func(f *os.File) error {
		b := bufio.NewWriter(f)
		_, err := replay.WritePcapng(b, t, opt)
		return errors.Join(err, b.Flush())
	})
}

// portNames gives the ports the names that the trace's scenario has for them.
func portNames(t *replay.Trace) func(string, uint32) replay.PcapPort {
	sc, err := scenarioOf(t, nil)
	if err != nil {
		return nil // numbers will do
	}
	ethernet := make(map[string]func() replay.PacketReader) // by protocol
	for _, p := range scenarios.Default.Protocols() {
		ethernet[p.Name] = p.Ethernet
	}
	names := make(map[string][]string)
	streams := make(map[string]func() replay.PacketReader)
	note := func(list []cells.Change) {
		for _, c := range list {
			if c.Op == cells.AddCell {
				names[string(c.Cell.ID)] = c.Cell.Ports
				streams[string(c.Cell.ID)] = ethernet[c.Cell.Protocol]
			}
		}
	}
	note(sc.Initial)
	for _, a := range sc.Timeline {
		for i := range a.Steps {
			note(a.Steps[i].Changes)
		}
	}
	return func(cell string, port uint32) replay.PcapPort {
		if list := names[cell]; int64(port) < int64(len(list)) {
			return replay.PcapPort{Name: cell + ":" + list[port]}
		}
		find := streams[cell]
		return replay.PcapPort{Ethernet: find != nil, Packets: find}
	}
}
