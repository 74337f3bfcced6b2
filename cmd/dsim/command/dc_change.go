package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"example.com/dsim/realnet/datacenter"
	"github.com/spf13/cobra"
)

func (a *app) dcAddCell(o *dcOptions) *cobra.Command {
	var b datacenter.CellBody
	c := &cobra.Command{
		Use:   "add-cell NAME [PARAMETER=VALUE...]",
		Short: "Start a cell, or take over one that runs",
		Example: `  dsim dc add-cell alice --protocol abp role=sender messages=100
  dsim dc add-cell bob --at http://127.0.0.1:9002
  dsim dc add-cell far --elsewhere`,
		Args: cobra.MinimumNArgs(1),
	}
	f := c.Flags()
	f.StringVar(&b.Protocol, "protocol", "", "its protocol; see dsim list protocols")
	f.StringSliceVar(&b.Ports, "ports", nil, "static ports, in the order of their numbers; more come with links")
	f.StringVar(&b.URL, "at", "", "the address of a running process, instead of starting one")
	f.BoolVar(&b.Elsewhere, "elsewhere", false, "it belongs to another datacenter: links lead there over wires of their own")
	f.StringVar(&b.Drift, "drift", "", "of its clock, such as 50ppm")
	f.StringVar(&b.Offset, "offset", "", "of its wall clock, such as 10ms")
	complete(c, "protocol", protocolNames()...)
	return o.dcSub(c, func(ctx context.Context, dc *datacenter.Client, args []string) (err error) {
		if b.Params, err = pairs(args[1:]); err != nil {
			return exit(exitUsage, err)
		}
		v, err := dc.AddCell(ctx, args[0], b)
		return a.changed(o, v, err, "cell %s is there", args[0])
	})
}

func (a *app) dcRemoveCell(o *dcOptions) *cobra.Command {
	c := &cobra.Command{
		Use: "remove-cell NAME", Short: "Remove a cell with its links, and end its process",
		Args: cobra.ExactArgs(1), ValidArgsFunction: o.dcNames(cellsOf, 1),
	}
	return o.dcSub(c, func(ctx context.Context, dc *datacenter.Client, args []string) error {
		v, err := dc.RemoveCell(ctx, args[0])
		return a.changed(o, v, err, "cell %s is gone", args[0])
	})
}

func (a *app) dcSetCell(o *dcOptions) *cobra.Command {
	c := &cobra.Command{
		Use:   "set-cell NAME SETTING=VALUE...",
		Short: "Crash, restart, pause or resume a cell, or set its clock",
		Long: `Set a cell: run=crash, restart, restart-kept, pause or resume; drift=50ppm,
step=1s, offset=10ms of its clock. A cell whose process is gone is started again
by run=restart.`,
		Example: "  dsim dc set-cell alice run=pause",
		Args:    cobra.MinimumNArgs(2), ValidArgsFunction: o.dcNames(cellsOf, 1),
	}
	return o.dcSub(c, func(ctx context.Context, dc *datacenter.Client, args []string) error {
		p, err := pairs(args[1:])
		if err != nil {
			return exit(exitUsage, err)
		}
		v, err := dc.SetCell(ctx, args[0], p)
		return a.changed(o, v, err, "cell %s is set: %s", args[0], strings.Join(args[1:], " "))
	})
}

func (a *app) dcKill(o *dcOptions) *cobra.Command {
	c := &cobra.Command{
		Use: "kill NAME", Short: "End a cell's process at once, as kill -9 does",
		Args: cobra.ExactArgs(1), ValidArgsFunction: o.dcNames(cellsOf, 1),
	}
	return o.dcSub(c, func(ctx context.Context, dc *datacenter.Client, args []string) error {
		if err := dc.Kill(ctx, args[0]); err != nil {
			return err
		}
		if !o.json {
			a.out.printf("cell %s is killed; dsim dc set-cell %s run=restart starts it again\n", args[0], args[0])
		}
		return nil
	})
}

func (a *app) dcCommandCell(o *dcOptions) *cobra.Command {
	c := &cobra.Command{
		Use: "command NAME WORD...", Short: "Give a cell's protocol a command, and print its answer",
		Example: "  dsim dc command alice send hello",
		Args:    cobra.MinimumNArgs(2), ValidArgsFunction: o.dcNames(cellsOf, 1),
	}
	c.Flags().SetInterspersed(false) // what follows the name is the command's
	return o.dcSub(c, func(ctx context.Context, dc *datacenter.Client, args []string) error {
		answer, err := dc.Command(ctx, args[0], args[1:])
		if err != nil {
			return err
		}
		if o.json {
			return a.printDoc(map[string]string{"answer": answer})
		}
		if answer != "" {
			a.out.printf("%s\n", strings.TrimSuffix(answer, "\n"))
		}
		return nil
	})
}

func (a *app) dcAddLink(o *dcOptions) *cobra.Command {
	var ab, ba, wires []string
	var stream bool
	c := &cobra.Command{
		Use:   "add-link NAME END END [PARAMETER=VALUE...]",
		Short: "Join two ports, or two cells by a link of streams",
		Long: `Join two ports, cell:port each; of a link of streams, two cells.

--wire says what an end is made of, once for each end, in their order; without it
a link is a UNIX socket in the run directory:
  unix:/path:server          UNIX datagrams; one end is server, the other client
  unix-stream:/path:client
  127.0.0.1:5000:5001        UDP, host:local:remote; the lower local port is the server
  tcp:127.0.0.1:5000:5001
  eth0                       the one neighbour on the interface, found by IPv6 ND
  raw:eth0, tap:tap0         Ethernet frames
An end at a cell that is elsewhere takes "-".`,
		Example: `  dsim dc add-link ab alice:p0 bob:p0 delay=10ms loss=1%
  dsim dc add-link net node:en0 far:en0 --wire eth0 --wire -`,
		Args: cobra.MinimumNArgs(3),
	}
	f := c.Flags()
	f.BoolVar(&stream, "stream", false, "it carries streams")
	f.StringArrayVar(&ab, "ab", nil, "a parameter of what goes from the first end; may be repeated")
	f.StringArrayVar(&ba, "ba", nil, "a parameter of what goes from the second end; may be repeated")
	f.StringArrayVar(&wires, "wire", nil, "what an end is made of: twice, or not at all")
	return o.dcSub(c, func(ctx context.Context, dc *datacenter.Client, args []string) error {
		b := datacenter.LinkBody{Ends: args[1:3], Stream: stream}
		var errs [3]error
		b.Both, errs[0] = pairs(args[3:])
		b.AB, errs[1] = pairs(ab)
		b.BA, errs[2] = pairs(ba)
		for _, text := range wires {
			w, err := datacenter.ParseWire(text)
			if err != nil {
				return exit(exitUsage, err)
			}
			b.Wires = append(b.Wires, w)
		}
		if err := errors.Join(errs[:]...); err != nil {
			return exit(exitUsage, err)
		}
		v, err := dc.AddLink(ctx, args[0], b)
		return a.changed(o, v, err, "link %s is there: %s ↔ %s", args[0], args[1], args[2])
	})
}

func (a *app) dcRemoveLink(o *dcOptions) *cobra.Command {
	var drain bool
	c := &cobra.Command{
		Use: "remove-link NAME", Short: "Remove a link",
		Args: cobra.ExactArgs(1), ValidArgsFunction: o.dcNames(linksOf, 1),
	}
	c.Flags().BoolVar(&drain, "drain", false, "what was sent arrives")
	return o.dcSub(c, func(ctx context.Context, dc *datacenter.Client, args []string) error {
		v, err := dc.RemoveLink(ctx, args[0], drain)
		return a.changed(o, v, err, "link %s is gone", args[0])
	})
}

func (a *app) dcSetLink(o *dcOptions) *cobra.Command {
	var ab, ba []string
	c := &cobra.Command{
		Use: "set-link NAME [PARAMETER=VALUE...]", Short: "Set what a link does to what is sent from now on",
		Example: `  dsim dc set-link ab delay=20ms --ab loss=10%
  dsim dc set-link ab cut=hold`,
		Args: cobra.MinimumNArgs(1), ValidArgsFunction: o.dcNames(linksOf, 1),
	}
	c.Flags().StringArrayVar(&ab, "ab", nil, "a parameter of what goes from the first end; may be repeated")
	c.Flags().StringArrayVar(&ba, "ba", nil, "a parameter of what goes from the second end; may be repeated")
	return o.dcSub(c, func(ctx context.Context, dc *datacenter.Client, args []string) error {
		var maps [3]map[string]string
		for i, list := range [][]string{args[1:], ab, ba} {
			var err error
			if maps[i], err = pairs(list); err != nil {
				return exit(exitUsage, err)
			}
		}
		if len(maps[0])+len(maps[1])+len(maps[2]) == 0 {
			return exit(exitUsage, errors.New("set-link: want parameters, such as delay=10ms"))
		}
		v, err := dc.SetLink(ctx, args[0], maps[0], maps[1], maps[2])
		return a.changed(o, v, err, "link %s is set", args[0])
	})
}

func (a *app) dcFault(o *dcOptions) *cobra.Command {
	f := datacenter.Fault{}
	c := &cobra.Command{
		Use:   "fault NAME cut|heal|inject|clear [PARAMETER=VALUE...]",
		Short: "Do a fault to a link, and end it",
		Long: `Do a fault to a link. Cut makes it carry nothing, and heal ends that; inject sets
parameters; clear makes the link what it was when it was added.`,
		Example: `  dsim dc fault ab cut --how hold
  dsim dc fault ab inject loss=20% --direction ab
  dsim dc fault ab clear`,
		Args: cobra.MinimumNArgs(2),
		ValidArgsFunction: func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return []string{"cut", "heal", "inject", "clear"}, cobra.ShellCompDirectiveNoFileComp
			}
			return o.dcNames(linksOf, 1)(c, args, word)
		},
	}
	c.Flags().StringVar(&f.How, "how", "", "of a cut: lost, drain or hold what is on the way")
	c.Flags().StringVar(&f.Direction, "direction", "", "ab or ba: from the first end only, or from the second; default both")
	return o.dcSub(c, func(ctx context.Context, dc *datacenter.Client, args []string) (err error) {
		f.Op = args[1]
		if f.Params, err = pairs(args[2:]); err != nil {
			return exit(exitUsage, err)
		}
		if len(f.Params) == 0 {
			f.Params = nil
		}
		v, err := dc.Fault(ctx, args[0], f)
		return a.changed(o, v, err, "link %s: %s", args[0], f.Op)
	})
}

func (a *app) dcApply(o *dcOptions) *cobra.Command {
	var version uint64
	var seed string
	var set []string
	c := &cobra.Command{
		Use:   "apply FILE",
		Short: "Make the topology what a file says, by one batch",
		Long: `Make the topology what a file says, by one batch: all of it happens, or nothing.

FILE is a scenario, whose cells and links are taken and whose timeline is not; or
JSON: {"cells": {…}, "links": {…}} as "dsim dc topology --json" prints it, or
{"changes": […]}, which are applied as they are. - is standard input, as JSON.

With --version, the version must be greater than the last; the same version with
the same changes again is no error.`,
		Example: `  dsim dc apply scenarios/abp/lossy.yaml
  dsim dc topology --json | sed s/10ms/20ms/ | dsim dc apply -`,
		Args: cobra.ExactArgs(1), ValidArgsFunction: completeTopology,
	}
	c.Flags().Uint64Var(&version, "version", 0, "of the topology; default the next")
	c.Flags().StringVar(&seed, "seed", "1", "for a scenario's drawn values")
	c.Flags().StringArrayVar(&set, "set", nil, "override a scenario's value: path=value; may be repeated")
	return o.dcSub(c, func(ctx context.Context, dc *datacenter.Client, args []string) error {
		w, err := readWanted(args[0], seed, set)
		if err != nil {
			return err
		}
		var v uint64
		if w.changes != nil {
			v, err = dc.Apply(ctx, version, w.changes)
		} else {
			v, err = dc.Declare(ctx, version, w.topology)
		}
		return a.changed(o, v, err, "%s is applied", fileWord(args[0]))
	})
}

func fileWord(name string) string {
	if name == "-" {
		return "standard input"
	}
	return fmt.Sprint(name)
}
