package datacenter

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"example.com/dsim/cells/celltest"
	"example.com/dsim/des"
	"example.com/dsim/realnet/guard"
	"example.com/dsim/realnet/node"
)

var long = flag.Bool("long", false, "run the long forms of tests")

// asCell in the environment makes this program a cell's process, as dsim cell is.
const asCell = "DSIM_DATACENTER_TEST"

func TestMain(m *testing.M) {
	if dir := os.Getenv(asDatacenter); dir != "" {
		if err := beDatacenter(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
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
	record := f.String("record", "", "")
	if err := f.Parse(args); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "cell %s, life %d\n", *name, *life)
	root, err := des.ParseSeed(*seed)
	if err != nil {
		return err
	}
	n, err := node.New(node.Options{
		Name: *name, Make: celltest.MakeProbe, Seed: root, Start: time.Unix(0, *start), Life: uint32(*life),
		Lease: *lease, URL: *rpc, Record: *record,
	})
	if err != nil {
		return err
	}
	ctx, stop := guard.Signals(context.Background())
	defer stop()
	l, err := guard.Listen(*rpc, guard.Options{})
	if err != nil {
		return errors.Join(err, n.Close())
	}
	return n.Serve(ctx, l, guard.Options{})
}
