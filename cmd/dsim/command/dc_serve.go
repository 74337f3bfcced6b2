package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"example.com/dsim/des"
	"example.com/dsim/realnet/datacenter"
	"example.com/dsim/realnet/guard"
	"example.com/dsim/realnet/page"
	"example.com/dsim/scenarios"
	"github.com/spf13/cobra"
)

// serveOptions are those of dsim dc serve.
type serveOptions struct {
	run, record, seed, log string
	node                   string
	http, set              []string
	remote                 bool
	lease                  time.Duration
}

func (a *app) dcServe(o *dcOptions) *cobra.Command {
	s := &serveOptions{}
	c := &cobra.Command{
		Use:   "serve [FILE]",
		Short: "Be a datacenter until told to end",
		Long: `Be a datacenter until interrupted, or told to end by "dsim dc down". Cells and
links of FILE, a scenario or JSON as apply takes it, are there from the start; or,
with --node, the one cell of a physical node.

It answers on the socket dc.sock in its run directory, and at each --http address:
XML-RPC at / and /RPC2, JSON below /api, described by /api/openapi.json, numbers for
Prometheus at /metrics, and for a browser, at /, what there is and what flows, live.
An address that others can reach takes --allow-remote and --token-file.

A run directory is of mode 0700 and belongs to one datacenter. What a killed one
left there, processes and files, is ended and removed first.

What the document's controller prints goes to standard output: "[DC] Added cell x".`,
		Example: `  dsim dc serve
  dsim dc serve scenarios/abp/lossy.yaml --http 127.0.0.1:9000 --record journals`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: completeTopology,
		RunE: func(c *cobra.Command, args []string) error { return a.serve(c.Context(), o, s, args) },
	}
	f := c.Flags()
	f.StringVar(&s.run, "run", "", "the run directory; default "+`$XDG_RUNTIME_DIR/dsim, or a folder of the user's own among temporary files`)
	f.StringArrayVar(&s.http, "http", nil, "an address to serve at, such as 127.0.0.1:9000; may be repeated")
	f.BoolVar(&s.remote, "allow-remote", false, "addresses may be reached by others; takes --token-file")
	f.StringVar(&s.node, "node", "", "a physical node's file, as dsim cell --config takes it: one cell, bound to its interfaces")
	f.StringVar(&s.record, "record", "", "a folder where every cell writes its journal")
	f.StringVar(&s.seed, "seed", "1", "the root of all chance")
	f.StringArrayVar(&s.set, "set", nil, "override a scenario's value: path=value; may be repeated")
	f.DurationVar(&s.lease, "lease", datacenter.LeaseDefault, "how long cells run on when the controller is silent")
	f.StringVar(&s.log, "log-level", "warn", "of what is told on standard error: debug, info, warn or error")
	complete(c, "log-level", "debug", "info", "warn", "error")
	completeFolders(c, "run", "record")
	c.MarkFlagsMutuallyExclusive("node", "set")
	return c
}

// first is what is to be there from the start. A node's file may say more.
func (s *serveOptions) first(args []string) (w wanted, err error) {
	switch {
	case s.node != "" && len(args) > 0:
		return w, exit(exitUsage, errors.New("either a node or a file"))
	case s.node == "" && len(args) == 0:
		return w, nil
	case s.node == "":
		return readWanted(args[0], s.seed, s.set)
	}
	w, f, err := readNode(s.node)
	if err != nil {
		return w, err
	}
	if f.HasSeed {
		s.seed = f.Seed.String()
	}
	s.record = cmp.Or(s.record, f.Record)
	return w, nil
}

func (a *app) serve(ctx context.Context, o *dcOptions, s *serveOptions, args []string) (err error) {
	ctx, stop := guard.Signals(ctx)
	defer stop()
	first, err := s.first(args)
	if err != nil {
		return err
	}
	seed, err := des.ParseSeed(s.seed)
	if err != nil {
		return err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.log)); err != nil {
		return fmt.Errorf("log level %q: must be debug, info, warn or error", s.log)
	}
	opt := guard.Options{AllowRemote: s.remote, Log: slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: level}))}
	if o.token != "" {
		if opt.Token, err = readToken(o.token); err != nil {
			return exit(exitEnvironment, err)
		}
	}
	if s.run == "" {
		s.run = datacenter.DefaultDir()
	}
	run, err := datacenter.OpenRun(s.run)
	if err != nil {
		return exit(exitEnvironment, err)
	}
	c, err := datacenter.New(datacenter.Options{
		Run: run, Make: scenarios.MakeProtocol, Seed: seed, Record: s.record, Lease: s.lease, Lines: a.out, Log: opt.Log,
	})
	if err != nil {
		return exit(exitEnvironment, errors.Join(err, run.Close()))
	}
	defer func() {
		if e := c.Close(); err == nil && e != nil {
			err = exit(exitEnvironment, e)
		}
	}()
	if err := begin(ctx, c, &first); err != nil {
		return err
	}
	return a.serveAt(ctx, c, run, s, opt)
}

// begin applies what is to be there from the start.
func begin(ctx context.Context, c *datacenter.Controller, first *wanted) error {
	var err error
	if first.changes != nil {
		_, err = c.ApplyBodies(ctx, 0, first.changes)
	} else {
		_, err = c.Declare(ctx, 0, first.topology)
	}
	if err != nil {
		return exit(exitFailed, err)
	}
	return nil
}

func (a *app) serveAt(ctx context.Context, c *datacenter.Controller, run *datacenter.Run, s *serveOptions, opt guard.Options) error {
	server := datacenter.NewServer(c)
	p := page.Mount(server, c, page.Options{Name: "datacenter", Build: buildInfo().String()})
	defer context.AfterFunc(ctx, p.Close)() // its streams would be waited for
	addresses := append([]string{"unix:" + run.Socket()}, s.http...)
	err := server.Serve(ctx, addresses, opt, func(at []string) {
		for _, x := range at {
			a.err.printf("dsim dc: serving %s\n", x)
		}
	})
	if err != nil {
		return exit(exitEnvironment, err)
	}
	return nil
}

// readToken reads a token from a file.
func readToken(path string) (string, error) {
	token, err := guard.ReadToken(path)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	return token, nil
}

func (a *app) dcDown(o *dcOptions) *cobra.Command {
	run := ""
	c := &cobra.Command{
		Use:   "down",
		Short: "End a datacenter, or take away what a killed one left",
		Long: `End a datacenter and all processes that it started. If it is dead, what it left in
its run directory is taken away: processes that are provably its own, and files.
It is no error if there is nothing.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.down(c.Context(), o, run) },
	}
	c.Flags().StringVar(&run, "run", "", "the run directory; default that of dsim dc serve")
	return c
}

func (a *app) down(ctx context.Context, o *dcOptions, run string) error {
	if run == "" {
		run = datacenter.DefaultDir()
	} else if o.url == "" {
		o.url = "unix:" + run + "/dc.sock"
	}
	err := o.ask(ctx, func(ctx context.Context, dc *datacenter.Client) error { return dc.End(ctx) })
	if err != nil && !errors.Is(err, datacenter.ErrNobody) {
		return err
	}
	if err == nil {
		return a.awaitEnd(ctx, run)
	}
	done, err := datacenter.Reap(run)
	if err != nil {
		return exit(exitEnvironment, err)
	}
	for _, line := range done {
		a.out.printf("%s\n", line)
	}
	return nil
}

// awaitEnd waits until the datacenter of a run directory is gone.
func (a *app) awaitEnd(ctx context.Context, run string) error {
	const most = 30 * time.Second
	end := time.NewTimer(most)
	defer end.Stop()
	for {
		if _, alive := datacenter.Owner(run); !alive {
			return nil
		}
		select {
		case <-ctx.Done():
			return exit(exitInterrupted, nil)
		case <-end.C:
			return exit(exitEnvironment, fmt.Errorf("the datacenter in %s has not ended within %v", run, most))
		case <-time.After(20 * time.Millisecond):
		}
	}
}
