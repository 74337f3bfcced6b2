package command

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/dsim/clock"
	protocol "example.com/dsim/protocols/switchyard"
	"example.com/dsim/protocols/switchyard/service"
	"example.com/dsim/realnet/socket"
	"example.com/dsim/realnet/switchyard"
	"example.com/dsim/replay"
)

// asking is what the tools that ask a fabric have in common.
type asking struct {
	fabric string
	name   string
	wait   time.Duration
	json   bool
}

func (q *asking) flags(c *cobra.Command, name string) {
	c.Flags().StringVar(&q.fabric, "fabric", switchyard.AddrDefault, "where the fabric is: host:port")
	c.Flags().StringVar(&q.name, "name", name, "as which the fabric is asked")
	c.Flags().DurationVar(&q.wait, "wait-fabric", 0, "how long to wait for the fabric to be there")
	c.Flags().BoolVar(&q.json, "json", false, "print JSON")
}

func (q *asking) open(ctx context.Context, o switchyard.Options) (*switchyard.Endpoint, error) {
	o.Addr, o.Name, o.Wait = q.fabric, q.name, q.wait
	e, err := switchyard.Open(ctx, o)
	if err != nil {
		return nil, exit(exitEnvironment, fmt.Errorf("%w; dsim switchyard serve is a fabric", err))
	}
	return e, nil
}

// ask asks one thing.
func (q *asking) ask(ctx context.Context, kind, want protocol.Type, body any) (json.RawMessage, error) {
	e, err := q.open(ctx, switchyard.Options{Backoff: -1, Asks: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = e.Close() }()
	return askOn(ctx, e, kind, want, body)
}

func askOn(ctx context.Context, e *switchyard.Endpoint, kind, want protocol.Type, body any) (json.RawMessage, error) {
	payload, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	m, err := e.Ask(ctx, protocol.Message{Type: kind, Payload: payload}, want)
	if err != nil {
		return nil, exit(exitFailed, err)
	}
	return m.Payload, nil
}

func (a *app) switchyardTools() []*cobra.Command {
	return []*cobra.Command{
		a.switchyardSniff(), a.switchyardCapture(), a.switchyardReplay(), a.switchyardImpair(), a.switchyardFilter(),
		a.switchyardStats(), a.switchyardTAP(), a.switchyardBridge(),
	}
}

// frames writes frames as lines, and into a capture if there is a file for it.
type frames struct {
	a       *app
	json    bool
	capture *replay.Capture
	buf     *bufio.Writer
}

func (a *app) frames(file *os.File, asJSON bool) (*frames, error) {
	f := &frames{a: a, json: asJSON}
	if file == nil {
		return f, nil
	}
	f.buf = bufio.NewWriter(file)
	var err error
	f.capture, err = replay.NewCapture(f.buf, "frames of a Switchyard", replay.PcapPort{Name: "fabric", Ethernet: true})
	return f, errors.Join(err, f.buf.Flush())
}

// shownFrame is a frame as JSON. Number and Endpoint are known of those that a
// fabric keeps.
type shownFrame struct {
	Number   uint64    `json:"number,omitempty"`
	Time     time.Time `json:"time"`
	Endpoint uint32    `json:"endpoint_id,omitempty"`
	Line     string    `json:"line"`
	Frame    []byte    `json:"frame"`
}

// frame shows one frame.
func (f *frames) frame(at time.Time, x capturedFrame) error {
	frame := x.Frame
	if f.json {
		line, err := json.Marshal(shownFrame{x.Number, at.UTC(), x.Endpoint, service.Line(frame), frame})
		if err != nil {
			return err
		}
		f.a.out.printf("%s\n", line)
	} else {
		number := ""
		if x.Number > 0 {
			number = fmt.Sprintf("%6d ", x.Number)
		}
		f.a.out.printf("%s%s %s\n", number, f.a.out.faint(at.Format("15:04:05.000000")), service.Line(frame))
	}
	if f.capture == nil {
		return nil
	}
	if err := f.capture.Frame(0, at, "", frame); err != nil {
		return err
	}
	return f.buf.Flush()
}

func (a *app) switchyardSniff() *cobra.Command {
	q := &asking{}
	var write string
	var most uint64
	c := &cobra.Command{
		Use:   "sniff",
		Short: "See every frame that enters the fabric, as lines or in a pcapng file",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			e, err := q.open(c.Context(), switchyard.Options{
				Promisc: true, Queue: 1 << 14,
				Lost:  func(err error) { a.err.printf("the fabric is gone: %v\n", err) },
				Ready: func(protocol.Identity) { a.err.printf("the fabric is back\n") },
			})
			if err != nil {
				return err
			}
			defer func() { _ = e.Close() }()
			var file *os.File // whoever ends this by force keeps what was seen
			if write != "" {
				if file, err = os.Create(write); err != nil {
					return exit(exitEnvironment, err)
				}
				defer func() { err = errors.Join(err, file.Close()) }()
			}
			f, err := a.frames(file, q.json)
			if err != nil {
				return err
			}
			for n := uint64(0); most == 0 || n < most; n++ {
				in, err := e.Recv(c.Context())
				if err != nil {
					break // interrupted
				}
				if err := f.frame(clock.Wall(), capturedFrame{Frame: in.Data}); err != nil {
					return err
				}
			}
			if s := e.Stats(); s.Dropped > 0 {
				a.err.printf("%d frames came faster than they could be shown\n", s.Dropped)
			}
			return nil
		},
	}
	q.flags(c, "sniffer")
	c.Flags().Lookup("name").Usage = "of this tool's endpoint"
	c.Flags().StringVarP(&write, "write", "w", "", "write frames into this pcapng file too")
	c.Flags().Uint64VarP(&most, "count", "n", 0, "end after so many frames; 0 is never")
	return c
}

// capturedFrame is a frame of the fabric's ring, as CAPTURE_DATA has it.
type capturedFrame struct {
	Number   uint64 `json:"number"`
	Time     int64  `json:"time_ns"`
	Endpoint uint32 `json:"endpoint_id"`
	Frame    []byte `json:"frame"`
}

// kept shows what a fabric keeps, from a number on.
func (f *frames) kept(ctx context.Context, e *switchyard.Endpoint, from uint64) error {
	for next := max(from, 1); next != 0; {
		answer, err := askOn(ctx, e, protocol.TypeCaptureGet, protocol.TypeCaptureData, map[string]uint64{"from": next})
		if err != nil {
			return err
		}
		var data struct {
			Frames []capturedFrame `json:"frames"`
			Next   uint64          `json:"next"`
		}
		if err := json.Unmarshal(answer, &data); err != nil {
			return exit(exitFailed, fmt.Errorf("the fabric's answer: %w", err))
		}
		for _, x := range data.Frames { // times count from the fabric's start
			if err := f.frame(time.Unix(0, x.Time).UTC(), x); err != nil {
				return err
			}
		}
		next = data.Next
	}
	return nil
}

func (a *app) switchyardCapture() *cobra.Command {
	q := &asking{}
	var write string
	var from uint64
	c := &cobra.Command{
		Use:   "capture",
		Short: "Print the last frames that the fabric keeps, or write them into a pcapng file",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			e, err := q.open(c.Context(), switchyard.Options{Backoff: -1, Asks: true})
			if err != nil {
				return err
			}
			defer func() { _ = e.Close() }()
			show := func(file *os.File) error {
				f, err := a.frames(file, q.json)
				if err != nil {
					return err
				}
				return f.kept(c.Context(), e, from)
			}
			if write == "" {
				return show(nil)
			}
			return environment(writeFile(write, show))
		},
	}
	q.flags(c, "capture")
	c.Flags().StringVarP(&write, "write", "w", "", "write frames into this pcapng file too")
	c.Flags().Uint64Var(&from, "from", 1, "the number of the first frame")
	return c
}

func (a *app) switchyardReplay() *cobra.Command {
	q := &asking{}
	var scale string
	var from, to uint64
	c := &cobra.Command{
		Use:   "replay",
		Short: "Let frames that the fabric keeps come again, as far apart as they were, or scaled",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			body := map[string]any{"scale": scale, "from": from}
			if to != 0 {
				body["to"] = to
			}
			answer, err := q.ask(c.Context(), protocol.TypeReplay, protocol.TypeOK, body)
			if err != nil {
				return err
			}
			return a.answer(q.json, answer, func() {
				var done struct{ Frames int }
				_ = json.Unmarshal(answer, &done) // the fabric's own numbers
				a.out.printf("%d frames come again\n", done.Frames)
			})
		},
	}
	q.flags(c, "replay")
	c.Flags().StringVar(&scale, "scale", "original", "times the spacing they had: original, 2, 1/10, or 0 for all at once")
	c.Flags().Uint64Var(&from, "from", 1, "the number of the first frame")
	c.Flags().Uint64Var(&to, "to", 0, "the number of the last frame; 0 is all there are")
	return c
}

// answer prints what a fabric answered.
func (a *app) answer(asJSON bool, answer json.RawMessage, people func()) error {
	if asJSON {
		a.out.printf("%s\n", answer)
		return nil
	}
	people()
	return nil
}

func (a *app) switchyardImpair() *cobra.Command {
	q := &asking{}
	c := &cobra.Command{
		Use:   "impair FROM TO [WHAT...]",
		Short: "Say what happens to frames from one endpoint to another; without WHAT, nothing more",
		Long: `Say what happens to frames from one endpoint to another: drop=10%, dup=1%,
reorder=5%, gap=2ms, latency=5ms, jitter=1ms. * is any endpoint. Without WHAT
nothing more happens to them.`,
		Example: "  dsim switchyard impair cli1 svc_echo drop=10% latency=5ms\n  dsim switchyard impair cli1 svc_echo",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := protocol.ParseImpairment(strings.Join(args[2:], " ")); err != nil {
				return exit(exitUsage, err)
			}
			body := map[string]string{"from": args[0], "to": args[1], "set": strings.Join(args[2:], " ")}
			answer, err := q.ask(c.Context(), protocol.TypeImpairSet, protocol.TypeOK, body)
			if err != nil {
				return err
			}
			return a.answer(q.json, answer, func() {
				what := strings.Join(args[2:], " ")
				if what == "" {
					what = "nothing"
				}
				a.out.printf("%s -> %s: %s\n", args[0], args[1], what)
			})
		},
	}
	q.flags(c, "impair")
	return c
}

func (a *app) switchyardFilter() *cobra.Command {
	q := &asking{}
	var version uint64
	c := &cobra.Command{
		Use:   "fw ENDPOINT [RULE...]",
		Short: "Give an endpoint the rules that its frames meet; without any, none",
		Long: `Give an endpoint the rules that frames for it meet, in their order: accept and drop
end the search, count and mirror=ENDPOINT go on. A rule says what a frame must be
like: src=MAC dst=MAC ether=arp|ipv4|ipv6|0x.... proto=udp|icmp|tcp|N from=PREFIX to=PREFIX
sport=N-M dport=N-M. Who can apply them does; for others the fabric does.

Versions only grow; without --version the machine's clock gives one.`,
		Example: `  dsim switchyard fw svc_echo "accept proto=udp from=10.0.0.0/24 dport=7007" "accept ether=arp" drop`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if version == 0 {
				version = uint64(clock.Wall().UnixMilli())
			}
			if _, err := protocol.ParseRules(args[1:]); err != nil {
				return exit(exitUsage, err)
			}
			body := map[string]any{"endpoint": args[0], "version": version, "rules": append([]string{}, args[1:]...)}
			answer, err := q.ask(c.Context(), protocol.TypeRuleSet, protocol.TypeOK, body)
			if err != nil {
				return err
			}
			return a.answer(q.json, answer, func() { a.out.printf("%s has %d rules, version %d\n", args[0], len(args)-1, version) })
		},
	}
	q.flags(c, "fw")
	c.Flags().Uint64Var(&version, "version", 0, "of the rules; greater than the last")
	return c
}

// statistics are what a fabric has counted, and what it does to pairs.
type statistics struct {
	Counters    map[string]any   `json:"counters"`
	Endpoints   []map[string]any `json:"endpoints"`
	Impairments []string         `json:"impairments,omitempty"`
	LeftOut     int              `json:"impairments_left_out,omitempty"`
}

func (a *app) switchyardStats() *cobra.Command {
	q := &asking{}
	c := &cobra.Command{
		Use:   "stats",
		Short: "Print what the fabric and its endpoints have counted, and what is impaired",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			e, err := q.open(c.Context(), switchyard.Options{Backoff: -1, Asks: true})
			if err != nil {
				return err
			}
			defer func() { _ = e.Close() }()
			all := statistics{}
			for next := uint64(1); next != 0; {
				answer, err := askOn(c.Context(), e, protocol.TypeStatsGet, protocol.TypeStats, map[string]uint64{"from": next})
				if err != nil {
					return err
				}
				part := struct {
					statistics
					Next uint64 `json:"next"`
				}{}
				if err := json.Unmarshal(answer, &part); err != nil {
					return exit(exitFailed, fmt.Errorf("the fabric's answer: %w", err))
				}
				all.Counters, next = part.Counters, part.Next
				all.Endpoints = append(all.Endpoints, part.Endpoints...)
				all.Impairments, all.LeftOut = append(all.Impairments, part.Impairments...), all.LeftOut+part.LeftOut
			}
			answer, err := json.Marshal(all)
			if err != nil {
				return err
			}
			return a.answer(q.json, answer, func() { a.stats(&all) })
		},
	}
	q.flags(c, "stats")
	return c
}

// stats are tables of what a fabric has counted, zeros left out.
func (a *app) stats(all *statistics) {
	defer a.impaired(all)
	counters, endpoints := all.Counters, all.Endpoints
	rows := [][]string{{"counter", "value"}}
	for _, name := range sorted(counters) {
		if v := fmt.Sprint(counters[name]); v != "0" {
			rows = append(rows, []string{name, v})
		}
	}
	a.out.table("", rows)
	if len(endpoints) == 0 {
		return
	}
	head := sorted(endpoints[0])
	rows = [][]string{head}
	for _, p := range endpoints {
		row := make([]string, len(head))
		for i, name := range head {
			row[i] = fmt.Sprint(p[name])
		}
		rows = append(rows, row)
	}
	a.out.printf("\n")
	a.out.table("", rows)
}

// impaired lists the pairs that a fabric impairs.
func (a *app) impaired(all *statistics) {
	if len(all.Impairments) > 0 {
		a.out.printf("\nimpaired\n")
	}
	for _, line := range all.Impairments {
		a.out.printf("%s\n", line)
	}
	if all.LeftOut > 0 {
		a.out.printf("and %d pairs more\n", all.LeftOut)
	}
}

func (a *app) switchyardBridge() *cobra.Command {
	o := &cellOptions{}
	var left, right string
	var wait time.Duration
	c := &cobra.Command{
		Use:   "bridge",
		Short: "Join two fabrics: what reaches the bridge on one it sends on the other",
		Long: `Join two fabrics: what reaches the bridge on one it sends on the other. Fabrics give
the same addresses unless one is told otherwise: dsim switchyard serve --first-mac. A
second bridge between the same two is a loop, in which a broadcast goes round for ever.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var ends [2]socket.Config
			for k, addr := range []string{left, right} {
				host, port, err := switchyard.SplitAddr(addr, true)
				if err != nil {
					return exit(exitUsage, err)
				}
				ends[k] = socket.Config{Mode: "client", Host: host, Remote: port}
			}
			if ends[0] == ends[1] {
				return exit(exitUsage, fmt.Errorf("bridge: %s is on both sides: frames would go round for ever", left))
			}
			for _, addr := range []string{left, right} {
				if err := reach(c.Context(), addr, wait); err != nil {
					return err
				}
			}
			opt, err := o.driver("bridge")
			if err != nil {
				return err
			}
			d, err := switchyard.RunBridge(opt, o.given(c), ends[0], ends[1], a.lines)
			if err != nil {
				return exit(exitUsage, err)
			}
			a.out.printf("bridge: %s and %s\n", left, right)
			return a.untilDone(c.Context(), d, nil)
		},
	}
	c.Flags().StringVar(&left, "left", switchyard.AddrDefault, "one fabric: host:port")
	c.Flags().StringVar(&right, "right", "127.0.0.1:"+strconv.Itoa(9998), "the other: host:port")
	c.Flags().DurationVar(&wait, "wait-fabric", 0, "how long to wait for each of them to be there")
	o.flags(c, "switchyard-bridge", "left", "right")
	return c
}

func sorted(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
