package datacenter

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/cells/celltest"
	"example.com/dsim/des"
	"example.com/dsim/realnet"
	"example.com/dsim/realnet/guard"
	"example.com/dsim/realnet/metrics"
	"example.com/dsim/realnet/socket"
	"example.com/dsim/realnet/xmlrpc"
	replaysite "example.com/dsim/replay/site"
)

var long = flag.Bool("long", false, "run the long forms of tests")

// asCell in the environment makes this program a cell's process, as dsim cell is.
const asCell = "DSIM_DATACENTER_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(asCell) != "" {
		if err := beCell(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	os.Exit(m.Run())
}

// beCell is a cell's process as the controller starts it, of probes.
func beCell(args []string) error {
	f := flag.NewFlagSet("cell", flag.ContinueOnError)
	name := f.String("name", "", "")
	rpc := f.String("rpc", "", "")
	seed := f.String("seed", "1", "")
	start := f.Int64("start", 0, "")
	lease := f.Duration("lease", 0, "")
	life := f.Uint("life", 0, "")
	f.String("record", "", "")
	if err := f.Parse(args); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "cell %s, life %d\n", *name, *life)
	root, err := des.ParseSeed(*seed)
	if err != nil {
		return err
	}
	d, err := realnet.New(realnet.Options{
		Start: time.Unix(0, *start),
		Site: replaysite.Config{
			Name: *name, Seed: root, Make: celltest.MakeProbe, Lives: map[cells.ID]uint32{cells.ID(*name): uint32(*life)},
		},
	})
	if err != nil {
		return err
	}
	ctx, stop := guard.Signals(context.Background())
	defer stop()
	end := time.AfterFunc(*lease, stop)
	s := xmlrpc.NewServer(xmlrpc.Limits{})
	methods(s, d, func(span time.Duration) { end.Reset(span) }, stop)
	mux := http.NewServeMux()
	s.Register(mux)
	mux.Handle("GET /status.json", metrics.CellJSON(func() metrics.CellMetrics {
		snap := d.Snapshot()
		m := metrics.CellMetrics{Version: snap.Version, Cells: metrics.Cells(&snap, d.Start()), Links: metrics.Links(&snap)}
		for _, w := range d.Wires() {
			metrics.Attach(m.Cells, m.Links, string(w.Cell), w.Port, w.Link, &metrics.WireStatus{
				Kind: w.Config.Kind, Status: w.Status, Role: w.Role, Problem: w.Problem, Counters: w.Counters,
			})
		}
		return m
	}))
	l, err := guard.Listen(*rpc, guard.Options{})
	if err != nil {
		return err
	}
	err = guard.Serve(ctx, l, mux, guard.Options{})
	if e := d.Close(); err == nil {
		err = e
	}
	return err
}

// methods are those of a cell's process that the controller uses.
func methods(s *xmlrpc.Server, d *realnet.Driver, renew func(time.Duration), stop func()) {
	handle := func(name string, call func(args []any) (any, error)) {
		s.Handle(name, xmlrpc.Method{Call: func(_ context.Context, args []any) (any, error) { return call(args) }})
	}
	version := func(args []any) uint64 { n, _ := strconv.ParseUint(args[0].(string), 10, 64); return n }
	handle("prepare", func(args []any) (any, error) {
		var p struct {
			Version uint64
			Batch   []cells.Change
			Wires   map[string]socket.Config
		}
		if err := json.Unmarshal([]byte(args[0].(string)), &p); err != nil {
			return nil, err
		}
		return "prepared", d.Prepare(p.Version, p.Batch, p.Wires)
	})
	handle("commit", func(args []any) (any, error) { return "committed", d.Commit(version(args)) })
	handle("abort", func(args []any) (any, error) { d.Abort(version(args)); return "aborted", nil })
	handle("snapshot", func([]any) (any, error) {
		b, err := json.Marshal(d.Snapshot())
		return string(b), err
	})
	handle("command", func(args []any) (any, error) {
		var words []string
		for _, w := range args[1].(xmlrpc.Array) {
			words = append(words, w.(string))
		}
		return d.Command(cells.ID(args[0].(string)), words)
	})
	handle("lease", func(args []any) (any, error) {
		renew(time.Duration(args[1].(int64)) * time.Second)
		return "leased", nil
	})
	handle("heartbeat", func([]any) (any, error) { return "alive", nil })
	handle("link_status", func(args []any) (any, error) {
		for _, w := range d.Wires() {
			if w.Port == args[0].(string) {
				return w.Status, nil
			}
		}
		return "unbound", nil
	})
	handle("shutdown", func([]any) (any, error) { time.AfterFunc(50*time.Millisecond, stop); return "Shutting down...", nil })
}
