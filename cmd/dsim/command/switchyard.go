package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/protocols/switchyard/service"
	"example.com/dsim/realnet"
	"example.com/dsim/realnet/plain"
	"example.com/dsim/realnet/socket"
	"example.com/dsim/realnet/switchyard"
	"example.com/dsim/replay/journal"
	"example.com/dsim/replay/site"
	"example.com/dsim/scenarios"
)

// A role is something that a process can be in a Switchyard. It is a cell; its
// protocol's parameters are the subcommand's flags.
type role struct {
	use, protocol, short string
	// endpoint is the name in the fabric where none is given.
	endpoint string
	// ends are attributes: the process ends once the cell shows that one is true.
	// It has failed if given_up is not 0 then.
	ends []string
	// tries is the default of that parameter, where a client in a scenario would
	// try without end.
	tries string
}

const (
	tries   = "tries"
	done    = "done"
	givenUp = "given_up"
)

var roles = []role{
	{"echo", "switchyard-echo", "Send UDP datagrams on port 7007 back", "svc_echo", nil, ""},
	{"ping", "switchyard-ping", "Send the echo service a message, and wait for it to come back", "cli1", []string{done, givenUp}, "3"},
	{"arp", "switchyard-arp", "Answer ARP for the addresses of a table", "svc_arp", nil, ""},
	{"icmp", "switchyard-icmp", "Answer echo requests, and with --to-ip send some", "icmp", []string{done, givenUp}, "3"},
	{"ntp", "switchyard-ntp", "Say what time it is", "svc_ntp", nil, ""},
	{"ntp-client", "switchyard-ntp-client", "Ask what time it is, and how far this clock is off", "cli_ntp", []string{done, givenUp}, "3"},
	{"dhcp", "switchyard-dhcp", "Lease addresses out of a pool", "svc_dhcp", nil, ""},
	{"dhcp-client", "switchyard-dhcp-client", "Lease an address, and keep it", "cli_dhcp", nil, ""},
	{"dns", "switchyard-dns", "Know the addresses of names, and the names of addresses", "svc_dns", nil, ""},
	{"dns-client", "switchyard-dns-client", "Ask for addresses and names", "cli_dns", []string{done}, ""},
}

const fabricProtocol = "switchyard-fabric"

func (a *app) switchyardCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "switchyard",
		Short: "An Ethernet fabric on TCP, its services, and what looks into it",
		Long: `An Ethernet fabric on TCP, its services, and what looks into it.

"serve" is the fabric. The others are endpoints of one, ours or any that speaks
the protocol, version 1; --fabric says where it is. They are the cells that
scenarios run in virtual time, so what is a flag here is a parameter there.

Exit codes: 0 done, 1 a client had no answer, 2 usage, 5 the fabric cannot be
reached, or an address not be bound, 130 interrupted.`,
		Example: `  dsim switchyard serve
  dsim switchyard echo
  dsim switchyard ping`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.switchyardServe())
	for _, r := range roles {
		c.AddCommand(a.switchyardRole(r))
	}
	c.AddCommand(a.switchyardTools()...)
	return c
}

// cellOptions are the flags of every cell of a Switchyard.
type cellOptions struct {
	seed   string
	record string
	params map[string]*paramFlag // by the parameter's name
}

// flags makes a protocol's parameters the flags of a subcommand, but for those
// that are not the user's to choose.
func (o *cellOptions) flags(c *cobra.Command, protocol string, but ...string) {
	c.Flags().StringVar(&o.seed, "seed", "1", "the root of all chance: decimal, 0x hex, or 40 hex digits")
	c.Flags().StringVar(&o.record, "record", "", "write every input into a journal in this directory, for dsim replay")
	o.params = make(map[string]*paramFlag)
	for _, p := range scenarios.Default.Protocols() {
		if p.Name != protocol {
			continue
		}
		for _, q := range p.Params() {
			if slices.Contains(append(but, "bug"), q.Name) {
				continue
			}
			p := &paramFlag{list: q.List}
			o.params[q.Name] = p
			c.Flags().Var(p, q.Name, q.Doc+words(q))
		}
	}
}

// words are the type and the default of a parameter, as they stand behind what
// it is.
func words(q scenarios.ParamInfo) string {
	if q.List {
		q.Type += ", more with commas or flags"
	}
	if q.Default == "" {
		return " (" + q.Type + ")"
	}
	return " (" + q.Type + ", default " + q.Default + ")"
}

// paramFlag is a parameter as a flag. That of a list may be given several times.
type paramFlag struct {
	value       string
	list, given bool
}

func (p *paramFlag) String() string { return p.value }

// Type is what pflag shows in its place.
func (p *paramFlag) Type() string { return "string" }

// Set takes one value.
func (p *paramFlag) Set(s string) error {
	switch {
	case !p.given:
		p.value = s
	case p.list:
		p.value += "," + s
	default:
		return fmt.Errorf("it was %q before: it can be given once", p.value)
	}
	p.given = true
	return nil
}

// given are the parameters that the user has given, in the order of names.
func (o *cellOptions) given(c *cobra.Command) (list []cells.Param) {
	for name, value := range o.params {
		if c.Flags().Changed(name) {
			list = append(list, cells.Param{Name: name, Value: value.value})
		}
	}
	slices.SortFunc(list, func(a, b cells.Param) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// driver are the options of the driver of one cell.
func (o *cellOptions) driver(name string) (realnet.Options, error) {
	seed, err := des.ParseSeed(o.seed)
	if err != nil {
		return realnet.Options{}, exit(exitUsage, fmt.Errorf("seed: %w", err))
	}
	r := realnet.Options{Site: site.Config{Name: name, Seed: seed, Make: scenarios.MakeProtocol}, Start: clock.Wall()}
	if o.record == "" {
		return r, nil
	}
	if err := os.MkdirAll(o.record, 0o755); err != nil {
		return r, exit(exitEnvironment, err)
	}
	r.Journal, err = journal.Create(filepath.Join(o.record, journal.FileName(name, 0)), journal.Header{
		Site: name, Seed: seed, Build: buildInfo().String(), StartUnix: r.Start.UnixNano(),
	})
	if err != nil {
		return r, exit(exitEnvironment, err)
	}
	return r, nil
}

func (a *app) switchyardServe() *cobra.Command {
	o := &cellOptions{}
	var listen string
	var remote bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Be the fabric",
		Long: `Be the fabric: learn where addresses live, flood what is for all or for nobody
known, and let clients look, capture, replay, impair and filter.

The protocol knows no passwords. Unless --allow-remote is given, the fabric listens
to this machine alone.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			host, port, err := switchyard.SplitAddr(listen, remote)
			if err != nil {
				return exit(exitUsage, err)
			}
			opt, err := o.driver(switchyard.FabricCell)
			if err != nil {
				return err
			}
			if host == "" {
				host = "0.0.0.0" // as everywhere: all there are
			}
			d, err := switchyard.Serve(opt, o.given(c), host, port)
			if busy := (*switchyard.ListenError)(nil); errors.As(err, &busy) {
				return exit(exitEnvironment, err)
			} else if err != nil {
				return exit(exitUsage, err)
			}
			a.out.printf("switchyardd: listening on %s\n", switchyard.Addr(d))
			return a.untilDone(c.Context(), d, nil)
		},
	}
	c.Flags().StringVar(&listen, "listen", switchyard.AddrDefault, "where clients come: host:port; without a host, at every address of IPv4")
	c.Flags().BoolVar(&remote, "allow-remote", false, "let others than this machine in")
	o.flags(c, fabricProtocol, "listen")
	return c
}

func (a *app) switchyardRole(r role) *cobra.Command {
	o := &cellOptions{}
	var fabric string
	var wait time.Duration
	c := &cobra.Command{
		Use:   r.use,
		Short: r.short,
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			host, port, err := switchyard.SplitAddr(fabric, true)
			if err != nil {
				return exit(exitUsage, err)
			}
			if err := reach(c.Context(), fabric, wait); err != nil {
				return err
			}
			opt, err := o.driver(r.endpoint)
			if err != nil {
				return err
			}
			params := o.given(c)
			if r.tries != "" && !c.Flags().Changed(tries) {
				params = append(params, cells.Param{Name: tries, Value: r.tries})
			}
			if r.use == "ping" && !c.Flags().Changed("message") && os.Getenv("PING_MSG") != "" {
				params = append(params, cells.Param{Name: "message", Value: os.Getenv("PING_MSG")})
			}
			spec := cells.CellSpec{ID: cells.ID(r.endpoint), Protocol: r.protocol, Params: params}
			d, err := switchyard.Run(opt, spec, socket.Config{Kind: plain.Kind, Mode: "client", Host: host, Remote: port}, a.lines)
			if err != nil {
				return exit(exitUsage, err)
			}
			return a.untilDone(c.Context(), d, r.ends)
		},
	}
	c.Flags().StringVar(&fabric, "fabric", switchyard.AddrDefault, "where the fabric is: host:port")
	c.Flags().DurationVar(&wait, "wait-fabric", 0, "how long to wait for the fabric to be there")
	o.flags(c, r.protocol, "fabric")
	if f := c.Flags().Lookup(tries); f != nil && r.tries != "" {
		f.Usage = strings.Replace(f.Usage, "default 0)", "default "+r.tries+")", 1)
	}
	return c
}

// reach waits until a fabric answers.
func reach(ctx context.Context, addr string, wait time.Duration) error {
	err := switchyard.Reach(ctx, addr, wait)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return exit(exitInterrupted, errors.New("interrupted"))
	}
	return exit(exitEnvironment, fmt.Errorf("fabric %s: %w; dsim switchyard serve is one", addr, err))
}

// lines prints what cells of a Switchyard say to people.
func (a *app) lines(s *site.Site) {
	s.Host().Subscribe([]cells.Kind{service.KindLine}, func(_ des.Key, e cells.Emission) { a.out.printf("%s\n", e.Text) })
}

// untilDone lets a cell work until one of the attributes is true, something
// fails, or somebody says stop.
func (a *app) untilDone(ctx context.Context, d *realnet.Driver, ends []string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	watched := &watch{a: a}
	for {
		select {
		case <-ctx.Done():
			asks := shows(d, ends, func(cells.Attr) bool { return true }) // one that only answers has none
			err := d.Close()
			if asks {
				return exit(exitInterrupted, errors.Join(errors.New("interrupted"), err))
			}
			return err
		case <-tick.C:
		}
		if err := d.Err(); err != nil {
			return errors.Join(err, d.Close())
		}
		watched.look(d)
		if shows(d, ends, isTrue) {
			var err error
			if shows(d, []string{givenUp}, isTrue) {
				err = exit(exitFailed, errors.New("no answer"))
			}
			return errors.Join(err, d.Close())
		}
	}
}

// isTrue reports whether an attribute is true, or a number but 0.
func isTrue(a cells.Attr) bool { return a.Int != 0 }

// shows reports whether the one cell of a driver shows one of the attributes as
// it is asked for.
func shows(d *realnet.Driver, attrs []string, as func(cells.Attr) bool) (yes bool) {
	if len(attrs) == 0 {
		return false
	}
	d.View(func(s *site.Site) {
		for _, at := range s.Host().AppendState(0, nil) {
			if slices.Contains(attrs, at.Name) && as(at) {
				yes = true
			}
		}
	})
	return yes
}

// watch tells people, on the side, why nothing happens: the fabric is gone, or
// somebody who is looked up is not there yet.
type watch struct {
	a     *app
	ready map[string]bool // of the attributes that say so
	since time.Time       // when somebody was looked for first
	told  bool            // that somebody is
}

// fabricsOf are the attributes that say whether a connection is there, and what
// is at its other end.
var fabricsOf = map[string]string{"ready": "the fabric", "left_ready": "the fabric on the left", "right_ready": "the fabric on the right"}

// seekingFor is how long somebody is looked up before people are told.
const seekingFor = time.Second

func (w *watch) look(d *realnet.Driver) {
	var shown []cells.Attr
	d.View(func(s *site.Site) { shown = s.Host().AppendState(0, nil) })
	bridge := slices.ContainsFunc(shown, func(at cells.Attr) bool { return at.Name == "left_ready" })
	for _, at := range shown {
		fabric := fabricsOf[at.Name]
		switch yes := isTrue(at); {
		case at.Name == "looking":
			w.seeks(yes)
		case fabric == "" || bridge && at.Name == "ready" || yes == w.ready[at.Name]:
		case !yes:
			w.ready[at.Name] = false
			w.a.err.printf("%s is gone; it is dialled again\n", fabric)
		default:
			if _, again := w.ready[at.Name]; again {
				w.a.err.printf("%s is back\n", fabric)
			} else if w.ready == nil {
				w.ready = make(map[string]bool)
			}
			w.ready[at.Name] = true
		}
	}
}

func (w *watch) seeks(yes bool) {
	switch {
	case !yes:
		w.since = time.Time{}
	case w.since.IsZero():
		w.since = clock.Wall()
	case !w.told && clock.Wall().Sub(w.since) > seekingFor:
		w.told = true
		w.a.err.printf("nobody has the name that is looked up; waiting for somebody\n")
	}
}
