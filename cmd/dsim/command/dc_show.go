package command

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/dsim/realnet/datacenter"
	"example.com/dsim/realnet/metrics"
	"github.com/spf13/cobra"
)

func (a *app) dcStatus(o *dcOptions) *cobra.Command {
	c := &cobra.Command{
		Use: "status [NAME...]", Short: "Show cells, their processes and ports, and links",
		ValidArgsFunction: o.dcNames(func(t datacenter.Topology) []string { return append(cellsOf(t), linksOf(t)...) }, 100),
	}
	return o.dcSub(c, func(ctx context.Context, dc *datacenter.Client, args []string) error {
		s, err := dc.Status(ctx)
		if err != nil {
			return err
		}
		if err := only(&s, args); err != nil {
			return err
		}
		if o.json {
			return a.printDoc(s)
		}
		a.showStatus(&s)
		return nil
	})
}

// only leaves the cells and links with some names.
func only(s *datacenter.Status, names []string) error {
	if len(names) == 0 {
		return nil
	}
	for _, n := range names {
		if !slices.ContainsFunc(s.Cells, func(c datacenter.Cell) bool { return c.ID == n }) &&
			!slices.ContainsFunc(s.Links, func(l datacenter.Link) bool { return l.Name == n }) {
			return exit(exitFailed, fmt.Errorf("no cell and no link %q", n))
		}
	}
	s.Cells = slices.DeleteFunc(s.Cells, func(c datacenter.Cell) bool { return !slices.Contains(names, c.ID) })
	s.Links = slices.DeleteFunc(s.Links, func(l datacenter.Link) bool { return !slices.Contains(names, l.Name) })
	return nil
}

func (a *app) showStatus(s *datacenter.Status) {
	a.out.printf("version %d, controller %d, up %s, %d batches applied, %d refused\n",
		s.Version, s.PID, s.Time.Sub(s.Start).Round(time.Second), s.Applied, s.Refused)
	if len(s.Cells) > 0 {
		rows := [][]string{{"cell", "protocol", "run", "life", "process", "sent", "received", "dropped", "sent/s"}}
		for i := range s.Cells {
			rows = append(rows, a.cellRow(&s.Cells[i]))
		}
		a.out.printf("\n")
		a.out.table("", rows)
	}
	if len(s.Links) > 0 {
		rows := [][]string{{"link", "ends", "state", "does"}}
		for i := range s.Links {
			l := &s.Links[i]
			state := l.State
			switch {
			case l.Cut:
				state = a.out.warn("cut")
			case state != "connected" && state != "unknown":
				state = a.out.warn(state)
			}
			rows = append(rows, []string{l.Name, l.Ends[0] + " ↔ " + l.Ends[1], state, linkDoes(l)})
		}
		a.out.printf("\n")
		a.out.table("", rows)
	}
}

func (a *app) cellRow(c *datacenter.Cell) []string {
	var tx, rx, drops uint64
	for j := range c.Ports {
		p := &c.Ports[j]
		tx, rx, drops = tx+p.TxFrames, rx+p.RxFrames, drops+dropped(p)
	}
	process := "-"
	switch {
	case c.Elsewhere:
		process = "elsewhere"
	case c.PID != 0:
		process = strconv.Itoa(c.PID)
	case c.Adopted:
		process = c.URL
	}
	run := c.Run
	switch {
	case c.Problem != "":
		run = a.out.bad(run + ": " + c.Problem)
	case c.Behind:
		run = a.out.warn(run + ", behind")
	}
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	return []string{
		c.ID, c.Protocol, run, strconv.FormatUint(uint64(c.Incarnation), 10), process,
		number(tx), number(rx), number(drops), strconv.FormatFloat(c.Rates.TxFrames, 'f', 0, 64),
	}
}

func dropped(p *metrics.PortStatus) (n uint64) {
	for _, d := range p.Drops {
		n += d.Count
	}
	return n
}

// linkDoes is what a link does, on a line.
func linkDoes(l *datacenter.Link) string {
	var words []string
	if slices.Equal(l.AB, l.BA) {
		for _, q := range l.AB {
			words = append(words, q.String())
		}
		return strings.Join(words, " ")
	}
	for _, q := range l.AB {
		words = append(words, ">"+q.String())
	}
	for _, q := range l.BA {
		words = append(words, "<"+q.String())
	}
	return strings.Join(words, " ")
}

func (a *app) dcTopology(o *dcOptions) *cobra.Command {
	c := &cobra.Command{
		Use: "topology", Short: "Print cells and links, as apply takes them", Args: cobra.NoArgs,
	}
	return o.dcSub(c, func(ctx context.Context, dc *datacenter.Client, _ []string) error {
		v, t, err := dc.Topology(ctx)
		if err != nil {
			return err
		}
		if o.json {
			return a.printDoc(struct {
				Version string `json:"version"`
				datacenter.Topology
			}{strconv.FormatUint(v, 10), t})
		}
		a.out.printf("version %d\n", v)
		for _, name := range slices.Sorted(maps.Keys(t.Cells)) {
			b := t.Cells[name]
			words := []string{"cell", name, b.Protocol, b.URL}
			if b.Elsewhere {
				words = append(words, "elsewhere")
			}
			for _, q := range slices.Sorted(maps.Keys(b.Params)) {
				words = append(words, q+"="+b.Params[q])
			}
			a.out.printf("%s\n", strings.Join(strings.Fields(strings.Join(words, " ")), " "))
		}
		for _, name := range slices.Sorted(maps.Keys(t.Links)) {
			b := t.Links[name]
			a.out.printf("link %s %s ↔ %s\n", name, b.Ends[0], b.Ends[1])
		}
		return nil
	})
}

func (a *app) dcLogs(o *dcOptions) *cobra.Command {
	lines := 100
	c := &cobra.Command{
		Use: "logs NAME", Short: "Print what a cell's process wrote to standard error last",
		Args: cobra.ExactArgs(1), ValidArgsFunction: o.dcNames(cellsOf, 1),
	}
	c.Flags().IntVarP(&lines, "lines", "n", 100, "how many lines")
	return o.dcSub(c, func(ctx context.Context, dc *datacenter.Client, args []string) error {
		list, err := dc.Logs(ctx, args[0], lines)
		if err != nil {
			return err
		}
		if o.json {
			return a.printDoc(list)
		}
		for _, l := range list {
			a.out.printf("%s\n", l)
		}
		return nil
	})
}

func (a *app) dcMetrics(o *dcOptions) *cobra.Command {
	c := &cobra.Command{
		Use: "metrics", Short: "Print what every port has counted", Args: cobra.NoArgs,
	}
	return o.dcSub(c, func(ctx context.Context, dc *datacenter.Client, _ []string) error {
		m, err := dc.Metrics(ctx)
		if err != nil {
			return err
		}
		if o.json {
			return a.printDoc(m)
		}
		rows := [][]string{{"port", "link", "state", "sent", "bytes", "received", "bytes", "dropped", "wire", "full", "refused"}}
		for i := range m.Cells {
			for j := range m.Cells[i].Ports {
				rows = append(rows, portRow(m.Cells[i].ID, &m.Cells[i].Ports[j]))
			}
		}
		if len(rows) > 1 {
			a.out.table("", rows)
		}
		return nil
	})
}

func portRow(cell string, p *metrics.PortStatus) []string {
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	row := []string{
		cell + ":" + p.Name, p.Link, p.State, number(p.TxFrames), number(p.TxBytes), number(p.RxFrames), number(p.RxBytes),
		number(dropped(p)), "-", "-", "-",
	}
	if w := p.Wire; w != nil {
		row[8], row[9], row[10] = w.Kind+" "+w.Status, number(w.Counters.Full), number(w.Counters.Refused)
	}
	return row
}

func (a *app) dcEvents(o *dcOptions) *cobra.Command {
	var follow bool
	var after uint64
	c := &cobra.Command{
		Use: "events", Short: "Print what happened, and what happens", Args: cobra.NoArgs,
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on as things happen, until interrupted")
	c.Flags().Uint64Var(&after, "after", 0, "only what came after the event of this number")
	return o.dcSub(c, func(ctx context.Context, dc *datacenter.Client, _ []string) error {
		if follow {
			return dc.Follow(ctx, after, a.showEvent(o))
		}
		list, err := dc.Events(ctx, after, 100_000)
		if err != nil {
			return err
		}
		show := a.showEvent(o)
		for _, e := range list {
			if err := show(e); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *app) showEvent(o *dcOptions) func(datacenter.Event) error {
	return func(e datacenter.Event) error {
		if o.json {
			return a.printLine(e)
		}
		words := []string{e.Time.Format("15:04:05.000"), e.Kind, string(e.Cell), e.Link, e.Text}
		words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
		a.out.printf("%s\n", strings.Join(words, " "))
		return nil
	}
}
