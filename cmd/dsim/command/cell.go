package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/realnet/guard"
	"example.com/dsim/realnet/node"
	"example.com/dsim/realnet/socket"
	"example.com/dsim/scenarios"
	"example.com/dsim/scenarios/nodefile"
)

// cellFlags are the flags of dsim cell.
type cellFlags struct {
	config      string
	rpc         string
	name        string
	protocol    string
	params      []string
	ports       []string
	seed        string
	start       int64
	life        uint32
	record      string
	ring        string
	lease       time.Duration
	late        time.Duration
	events      int
	logDir      string
	logLevel    []string
	allowRemote bool
	tokenFile   string
	parentPipe  bool
}

// rpcDefault is where the first document's first cell listens.
const rpcDefault = "127.0.0.1:9001"

func (a *app) cellCommand() *cobra.Command {
	o := &cellFlags{}
	c := &cobra.Command{
		Use:   "cell",
		Short: "Be a cell: a process on real sockets, told what to do by XML-RPC",
		Long: `Be a cell: one protocol on the wall clock, whose ports are bound to real sockets.

A controller binds ports by bind_port and unbind_port, or by prepare and commit,
over XML-RPC at --rpc; system.listMethods lists what there is. /metrics,
/status.json and /journal are served beside it. Without a protocol the process is
empty until a controller brings a cell. It ends by the method shutdown, by a
signal, or when nobody renews its lease; what it left in the file system is gone.

` + exitCodes,
		Example: `  dsim cell --config node.yaml --rpc 127.0.0.1:9001
  dsim cell --name alice --protocol abp --param messages=100 --rpc 127.0.0.1:9002
  dsim cell --name bob --protocol abp --port p0=unix:/tmp/ab.sock:server --record recordings`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.cell(c.Context(), o) },
	}
	f := c.Flags()
	f.StringVarP(&o.config, "config", "c", "", "the cell's file: protocol, ports, logs; flags come before what it says")
	f.StringVar(&o.config, "config_file", "", "the same as --config")
	f.StringVar(&o.rpc, "rpc", "", "where to listen: host:port, or unix:/path in a directory of mode 0700; default: the file's, or "+rpcDefault)
	f.StringVar(&o.name, "name", "", "the cell's name; default: the file's node_id")
	f.StringVar(&o.protocol, "protocol", "", "the cell's protocol; default: the file's; dsim list protocols lists them")
	f.StringArrayVar(&o.params, "param", nil, "a parameter of the protocol: name=value; may be repeated")
	f.StringArrayVar(&o.ports, "port", nil, "a port: name, or name=wire, such as p0=unix:/tmp/ab.sock:server, p0=127.0.0.1:5000:5001 or p0=en0; may be repeated")
	f.StringVar(&o.seed, "seed", "", "the seed: decimal, 0x hex, or 40 hex digits; default: $DSIM_SEED, the file's, or 1")
	f.Int64Var(&o.start, "start", 0, "instant 0, in nanoseconds since 1970; default: now")
	f.Uint32Var(&o.life, "life", 0, "which process of its name this is, from 0")
	f.StringVar(&o.record, "record", "", "write every input into a journal in this directory")
	f.StringVar(&o.ring, "ring", "", "keep the last inputs only, in files of bounded size in this directory")
	f.DurationVar(&o.lease, "lease", 0, "end when nobody renews the lease for so long; 0 is never")
	f.DurationVar(&o.late, "late", 0, "how late a timer or a send may be before the run proves nothing; default 100ms")
	f.IntVar(&o.events, "events", node.EventsDefault, "how many of each port's last events are kept")
	f.StringVar(&o.logDir, "log-dir", "", "write logs into a file of this directory too")
	f.StringArrayVar(&o.logLevel, "log-level", nil, "the level of a log: name=level, or a level for the cell's own; may be repeated")
	f.BoolVar(&o.allowRemote, "allow-remote", false, "let others than this machine in; takes --token-file")
	f.StringVar(&o.tokenFile, "token-file", "", "a file with the token that everybody must show, of mode 0600")
	f.BoolVar(&o.parentPipe, "parent-pipe", false, "end when standard input ends: whoever holds its other end is gone")
	c.MarkFlagsMutuallyExclusive("record", "ring")
	complete(c, "protocol", protocolNames()...)
	complete(c, "log-level", "debug", "info", "warning", "error", "critical")
	completeFolders(c, "record", "ring", "log-dir")
	return c
}

func protocolNames() (names []string) {
	for _, p := range scenarios.Default.Protocols() {
		names = append(names, p.Name)
	}
	return names
}

// cell is dsim cell.
func (a *app) cell(ctx context.Context, o *cellFlags) error {
	f := &nodefile.Config{}
	if o.config != "" {
		var err error
		if f, err = nodefile.Load(o.config, nodefile.Options{Protocol: o.protocol, Levels: node.LevelNames}); err != nil {
			return err
		}
	}
	opt, ports, err := o.options(f)
	if err != nil {
		return err
	}
	secure := guard.Options{AllowRemote: o.allowRemote}
	if o.tokenFile != "" {
		if secure.Token, err = guard.ReadToken(o.tokenFile); err != nil {
			return exit(exitEnvironment, fmt.Errorf("token: %w", err))
		}
	}
	logs, closeLogs, err := a.openLogs(o, f, opt.Name)
	if err != nil {
		return err
	}
	defer closeLogs()
	opt.Log = logs
	for _, note := range f.Notes {
		logs.Named(opt.Name).Info(note)
	}
	ctx, stop := guard.Signals(ctx)
	defer stop()
	if o.parentPipe {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin) // that it ends is all it says
			stop()
		}()
	}
	return a.serveCell(ctx, cmp.Or(o.rpc, f.RPC, rpcDefault), opt, ports, secure)
}

// serveCell listens, makes the cell, binds its ports, and serves until the end.
func (a *app) serveCell(ctx context.Context, rpc string, opt node.Options, ports []nodefile.Port, secure guard.Options) error {
	l, err := guard.Listen(rpc, secure)
	if err != nil {
		return exit(exitEnvironment, err)
	}
	opt.URL = "http://" + l.Addr().String()
	if l.Addr().Network() == "unix" {
		opt.URL = "unix:" + l.Addr().String()
	}
	n, err := node.New(opt)
	if err != nil {
		return exit(exitEnvironment, errors.Join(err, l.Close()))
	}
	for _, p := range ports {
		if p.Config == nil {
			continue
		}
		if _, err := n.Bind(p.Name, p.Config); err != nil {
			return exit(exitEnvironment, errors.Join(fmt.Errorf("%s: port %w", p.Where, err), n.Close(), l.Close()))
		}
	}
	a.out.printf("cell %s: listening at %s\n", opt.Name, opt.URL)
	if err := n.Serve(ctx, l, secure); err != nil {
		return exit(exitEnvironment, fmt.Errorf("cell %s: %w", opt.Name, err))
	}
	return nil
}

// options joins flags and file. The ports are those of both.
func (o *cellFlags) options(f *nodefile.Config) (opt node.Options, ports []nodefile.Port, err error) {
	opt = node.Options{
		Name: cmp.Or(o.name, f.NodeID), Make: scenarios.MakeProtocol, Seed: des.SeedOf(1), Life: o.life,
		Record: o.record, Ring: o.ring, Events: o.events, Lease: o.lease, Late: o.late, Build: buildInfo().String(),
	}
	if opt.Name == "" {
		return opt, nil, errors.New("a cell has a name: --name, or node_id in the file")
	}
	if err := nodefile.CheckName(opt.Name); err != nil {
		return opt, nil, fmt.Errorf("--name: %w", err)
	}
	if opt.Record == "" && opt.Ring == "" {
		opt.Record = f.Record
	}
	if o.events <= 0 {
		opt.Events = -1
	}
	if o.start != 0 {
		opt.Start = time.Unix(0, o.start)
	}
	if f.HasSeed {
		opt.Seed = f.Seed
	}
	if text := cmp.Or(o.seed, os.Getenv("DSIM_SEED")); text != "" {
		if opt.Seed, err = des.ParseSeed(text); err != nil {
			return opt, nil, err
		}
	}
	if ports, err = o.allPorts(f); err != nil {
		return opt, nil, err
	}
	opt.Cell, err = o.spec(f, cells.ID(opt.Name), ports)
	return opt, ports, err
}

// spec is the cell that the process has from the start; none without a protocol.
func (o *cellFlags) spec(f *nodefile.Config, id cells.ID, ports []nodefile.Port) (s cells.CellSpec, err error) {
	protocol := cmp.Or(o.protocol, f.Protocol)
	if protocol == "" {
		if len(o.params)+len(ports) > 0 {
			return s, errors.New("a cell with ports or parameters has a protocol: --protocol, or protocol in the file")
		}
		return s, nil
	}
	s = cells.CellSpec{ID: id, Protocol: protocol}
	if protocol == f.Protocol {
		s.Params = slices.Clone(f.Params)
	}
	for _, text := range o.params {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return s, fmt.Errorf("--param %q: want name=value", text)
		}
		s.Params = slices.DeleteFunc(s.Params, func(p cells.Param) bool { return p.Name == name })
		s.Params = append(s.Params, cells.Param{Name: name, Value: value})
	}
	for _, p := range ports {
		s.Ports = append(s.Ports, p.Name)
	}
	_, err = scenarios.MakeProtocol(s)
	return s, err
}

// allPorts are the ports of the file and those of the flags, which come before
// what the file says of a port of the same name.
func (o *cellFlags) allPorts(f *nodefile.Config) ([]nodefile.Port, error) {
	ports := slices.Clone(f.Ports)
	for _, text := range o.ports {
		name, wire, bound := strings.Cut(text, "=")
		p := nodefile.Port{Name: name, Where: "--port " + text}
		if err := nodefile.CheckName(name); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Where, err)
		}
		if bound {
			c, err := socket.Parse(wire)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.Where, err)
			}
			p.Config = wireConfig(c)
		}
		if i := slices.IndexFunc(ports, func(q nodefile.Port) bool { return q.Name == name }); i >= 0 {
			ports[i] = p
			continue
		}
		ports = append(ports, p)
	}
	for _, p := range ports {
		if p.Config == nil {
			continue
		}
		if err := node.CheckPort(p.Name, p.Config); err != nil {
			return nil, fmt.Errorf("%s: port %s: %w", p.Where, p.Name, err)
		}
	}
	return ports, nil
}

// wireConfig is a wire as bind_port takes it.
func wireConfig(c socket.Config) map[string]any {
	if c.Path == "" {
		return map[string]any{"interface": c.String()}
	}
	kind := "dgram"
	if c.Kind == "unix-stream" {
		kind = "stream"
	}
	return map[string]any{"unix_socket": map[string]any{"path": c.Path, "mode": c.Mode, "type": kind}}
}

// openLogs opens the logs: to standard error, in colour on a terminal, and to a
// file if a directory is named.
func (a *app) openLogs(o *cellFlags, f *nodefile.Config, name string) (*node.Log, func(), error) {
	levels := map[string]slog.Level{}
	set := func(name, word string) error {
		level, err := node.ParseLevel(word)
		levels[name] = level
		return err
	}
	for _, l := range f.Levels {
		if err := set(l.Name, l.Level); err != nil {
			return nil, nil, err
		}
	}
	for _, text := range o.logLevel {
		log, word, named := strings.Cut(text, "=")
		if !named {
			log, word = name, text
		}
		if err := set(log, word); err != nil {
			return nil, nil, fmt.Errorf("--log-level %s: %w", text, err)
		}
	}
	all := node.Fan{tint.NewTextHandler(a.err, &tint.Options{Level: slog.LevelDebug, TimeFormat: "15:04:05.000", NoColor: a.err.plain})}
	if !a.err.tty {
		all[0] = slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: slog.LevelDebug})
	}
	closeAll := func() {}
	if dir := cmp.Or(o.logDir, f.LogDir); dir != "" {
		file, err := node.OpenLog(dir, name)
		if err != nil {
			if o.logDir == "" {
				err = fmt.Errorf("%s: %w", f.LogDirAt, err)
			}
			return nil, nil, exit(exitEnvironment, err)
		}
		all = append(all, slog.NewTextHandler(file, &slog.HandlerOptions{Level: slog.LevelDebug}))
		closeAll = func() { file.Close() }
	}
	return node.NewLog(all, levels), closeAll, nil
}
