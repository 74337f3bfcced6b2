package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.com/dsim/realnet/datacenter"
	"github.com/spf13/cobra"
)

const dcLong = `A datacenter runs cells as processes and keeps the links between them: over
sockets of this machine, or over its network. "dsim dc serve" is the controller;
the other subcommands talk to it, as do programs over HTTP and XML-RPC.

Where it is: --url, or the environment's DSIM_DC, or the socket in the default run
directory. An address is unix:/path/dc.sock or http://host:port; one with
user:token@ before the host carries a token.

Exit codes: 0 done, 1 the datacenter refused, 2 usage, 5 no datacenter answers, or
the machine does not allow it.`

// dcOptions are what the clients of a datacenter share.
type dcOptions struct {
	url   string
	token string
	json  bool
}

func (a *app) dcCommand() *cobra.Command {
	o := &dcOptions{}
	c := &cobra.Command{
		Use:   "dc",
		Short: "Run cells as processes under a datacenter, and change what is there",
		Long:  dcLong,
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	f := c.PersistentFlags()
	f.StringVar(&o.url, "url", "", "where the datacenter answers; default $DSIM_DC, or the socket in the default run directory")
	f.StringVar(&o.token, "token-file", "", "a file with the token to show, or of serve: to ask for")
	f.BoolVar(&o.json, "json", false, "answers as JSON")
	c.AddCommand(
		a.dcServe(o), a.dcDown(o),
		a.dcAddCell(o), a.dcRemoveCell(o), a.dcSetCell(o), a.dcKill(o), a.dcCommandCell(o),
		a.dcAddLink(o), a.dcRemoveLink(o), a.dcSetLink(o), a.dcFault(o), a.dcApply(o),
		a.dcStatus(o), a.dcTopology(o), a.dcLogs(o), a.dcMetrics(o), a.dcEvents(o),
	)
	for _, sub := range c.Commands() {
		sub.DisableAutoGenTag = true
	}
	return c
}

// address is where the datacenter is.
func (o *dcOptions) address() string {
	if o.url != "" {
		return o.url
	}
	if env := os.Getenv("DSIM_DC"); env != "" {
		return env
	}
	return "unix:" + filepath.Join(datacenter.DefaultDir(), "dc.sock")
}

// client is a client of the datacenter.
func (o *dcOptions) client() (*datacenter.Client, error) {
	token := ""
	if o.token != "" {
		var err error
		if token, err = readToken(o.token); err != nil {
			return nil, exit(exitEnvironment, err)
		}
	}
	return datacenter.NewClient(o.address(), token)
}

// ask calls the datacenter.
func (o *dcOptions) ask(ctx context.Context, do func(context.Context, *datacenter.Client) error) error {
	c, err := o.client()
	if err != nil {
		return err
	}
	defer c.Close()
	return dcError(do(ctx, c))
}

// dcError gives an error of the datacenter its exit code.
func dcError(err error) error {
	var refused *datacenter.Refused
	var mine *exitError
	switch {
	case err == nil || errors.As(err, &mine):
		return err
	case errors.Is(err, context.Canceled):
		return exit(exitInterrupted, nil)
	case errors.Is(err, datacenter.ErrNobody):
		return exit(exitEnvironment, fmt.Errorf("%w; dsim dc serve starts one", err))
	case errors.As(err, &refused):
		return exit(exitFailed, err)
	}
	return exit(exitEnvironment, err)
}

// changed tells that a change was made.
func (a *app) changed(o *dcOptions, version uint64, err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	if o.json {
		return a.printDoc(map[string]any{"version": fmt.Sprint(version)})
	}
	a.out.printf("%s (version %d)\n", fmt.Sprintf(format, args...), version)
	return nil
}

// printDoc prints JSON that a person may read.
func (a *app) printDoc(v any) error {
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// pairs reads "name=value" words.
func pairs(words []string) (map[string]string, error) {
	m := make(map[string]string, len(words))
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("parameter %q: want name=value, such as delay=10ms", w)
		}
		if _, twice := m[name]; twice {
			return nil, fmt.Errorf("parameter %q is given twice", name)
		}
		m[name] = value
	}
	return m, nil
}

// dcNames completes the names of what is there.
func (o *dcOptions) dcNames(which func(datacenter.Topology) []string, most int) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(c.Context(), 2*time.Second)
		defer cancel()
		var names []string
		_ = o.ask(ctx, func(ctx context.Context, dc *datacenter.Client) error {
			_, t, err := dc.Topology(ctx)
			names = which(t)
			return err
		})
		slices.Sort(names)
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

func cellsOf(t datacenter.Topology) (names []string) {
	for name := range t.Cells {
		names = append(names, name)
	}
	return names
}

func linksOf(t datacenter.Topology) (names []string) {
	for name := range t.Links {
		names = append(names, name)
	}
	return names
}

// dcSub is a subcommand that asks the datacenter.
func (o *dcOptions) dcSub(c *cobra.Command, do func(ctx context.Context, dc *datacenter.Client, args []string) error) *cobra.Command {
	c.RunE = func(c *cobra.Command, args []string) error {
		return o.ask(c.Context(), func(ctx context.Context, dc *datacenter.Client) error { return do(ctx, dc, args) })
	}
	return c
}

// printLine prints JSON on one line.
func (a *app) printLine(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
