package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/realnet"
	"example.com/dsim/realnet/guard"
	"example.com/dsim/realnet/metrics"
	"example.com/dsim/realnet/xmlrpc"
	"example.com/dsim/replay/journal"
	"example.com/dsim/replay/site"
)

// EventsDefault is how many of a port's last events are kept where nothing is
// said.
const EventsDefault = 256

// shutdownWait is how long a process goes on after it was told to shut down: the
// answer is to arrive, and whoever asks once more is still told.
const shutdownWait = 500 * time.Millisecond

// Options are what a Node is made of.
type Options struct {
	Name string // of the site and of the process
	// Cell is the cell it has from the start; none if its ID is empty.
	Cell cells.CellSpec
	Make func(cells.CellSpec) (cells.Protocol, error)
	Seed des.Seed
	// Start is instant 0, now if zero.
	Start time.Time
	// Life is which process of its name this is, from 0: the first incarnation of
	// its cell.
	Life uint32
	// Record is the directory for the journal; none is written if it is empty.
	Record string
	// Ring is the directory for a journal of bounded size, where Record is empty.
	Ring string
	// Events is how many of a port's last events are kept; EventsDefault if zero,
	// none if negative.
	Events int
	// Lease is how long the process goes on until somebody holds its lease; zero
	// is for ever.
	Lease time.Duration
	Late  time.Duration // see realnet.Options
	Build string        // what this program is
	URL   string        // where it is served
	Log   *Log          // nil for none
}

// Node is a cell's process. Its methods may be called from any goroutine.
type Node struct {
	opt     Options
	log     *slog.Logger
	driver  *realnet.Driver
	journal string // its file, or the directory of a ring
	begun   time.Time

	change sync.Mutex // held over a batch, so that versions follow each other
	events map[cells.PortRef]bool
	bound  map[string]portConfig // by link: those that bind_port has bound

	mu     sync.Mutex        // never held while anything is waited for
	faults map[string]*fault // by link

	lease lease
	over  context.Context // when the process is to end
	end   context.CancelCauseFunc
	once  sync.Once
}

// ErrShutdown says that a node was told to shut down, which is no failure.
var ErrShutdown = errors.New("told to shut down")

// New gives a node, whose clock runs, with its cell if it has one.
func New(opt Options) (*Node, error) {
	if opt.Log == nil {
		opt.Log = NewLog(slog.DiscardHandler, nil)
	}
	if opt.Events == 0 {
		opt.Events = EventsDefault
	}
	if opt.Start.IsZero() {
		opt.Start = clock.Wall()
	}
	// An instant that came as a number gets its place on the monotonic clock here,
	// once: driver and journal must mean the same by it.
	now := clock.Wall()
	opt.Start = now.Add(opt.Start.Sub(now))
	n := &Node{
		opt: opt, log: opt.Log.Named(opt.Name), begun: clock.Wall(),
		events: make(map[cells.PortRef]bool), bound: make(map[string]portConfig), faults: make(map[string]*fault),
	}
	n.over, n.end = context.WithCancelCause(context.Background())
	lives := map[cells.ID]uint32{}
	if opt.Life > 0 {
		lives[cells.ID(opt.Name)] = opt.Life
	}
	config := site.Config{Name: opt.Name, Seed: opt.Seed, Make: opt.Make, Lives: lives}
	options := realnet.Options{Site: config, Start: opt.Start, Late: opt.Late, Log: opt.Log.Named("site")}
	if err := n.openJournal(&options); err != nil {
		return nil, err
	}
	var err error
	if n.driver, err = realnet.New(options); err != nil {
		return nil, err
	}
	if opt.Cell.ID != "" {
		err = n.driver.Apply(1, []cells.Change{{Op: cells.AddCell, Cell: opt.Cell}})
		if err != nil {
			return nil, errors.Join(err, n.driver.Close())
		}
	}
	n.lease.init(func(why error) { n.end(why) })
	if opt.Lease > 0 {
		err = n.lease.hold("", opt.Lease)
	}
	return n, err
}

// Driver is what the node drives, for those who wire it into something else.
func (n *Node) Driver() *realnet.Driver { return n.driver }

// openJournal begins the journal of this life, or its ring.
func (n *Node) openJournal(o *realnet.Options) error {
	h := journal.Header{
		Site: n.opt.Name, Seed: n.opt.Seed, Build: n.opt.Build, StartUnix: n.opt.Start.UnixNano(),
		Life: n.opt.Life, Lives: o.Site.Lives,
	}
	h.StartMono, h.MonoOf = monotonic(n.opt.Start)
	dir := cmp.Or(n.opt.Record, n.opt.Ring)
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if n.opt.Record == "" {
		n.journal = dir // its files come and go
		o.Ring, o.RingHeader = &journal.Ring{Dir: dir, Segments: ringFiles, SegmentBytes: ringBytes}, h
		return nil
	}
	n.journal = filepath.Join(dir, journal.FileName(h.Site, h.Life))
	var err error
	o.Journal, err = journal.Create(n.journal, h)
	return err
}

// A ring keeps so many files of so many bytes.
const (
	ringFiles = 4
	ringBytes = 4 << 20
)

// Serve serves the node until it is told to end: by ctx, by shutdown, or by a
// lease that ran out. Then its ports are closed, and what they left in the file
// system is gone. The error says why it ended, nil if it was told to.
func (n *Node) Serve(ctx context.Context, l net.Listener, opt guard.Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	context.AfterFunc(n.over, cancel)
	opt.Log = n.opt.Log.Named("rpc")
	err := guard.Serve(ctx, l, n.Handler(), opt)
	why := context.Cause(n.over)
	if errors.Is(why, ErrShutdown) {
		why = nil
	}
	return errors.Join(err, why, n.Close())
}

// Close ends the site, its sockets and its journal.
func (n *Node) Close() (err error) {
	n.once.Do(func() {
		n.lease.stop()
		err = n.driver.Close()
		if err != nil {
			n.log.Error("closing", "error", err)
		}
	})
	return err
}

// Handler is the node's face: XML-RPC, and what it shows over HTTP.
func (n *Node) Handler() http.Handler {
	mux := http.NewServeMux()
	s := xmlrpc.NewServer(xmlrpc.Limits{})
	s.Log = n.opt.Log.Named("rpc")
	n.register(s)
	s.Register(mux)
	mux.Handle("GET /metrics", metrics.Cell(n.Metrics))
	mux.Handle("GET /status.json", metrics.CellJSON(n.Metrics))
	mux.HandleFunc("GET /journal", n.serveJournal)
	return mux
}

// serveJournal serves the journal as far as it is written. Ranges may be asked
// for, so that it can be followed.
func (n *Node) serveJournal(w http.ResponseWriter, r *http.Request) {
	if n.opt.Record == "" {
		http.Error(w, "no journal is written: start the cell with --record", http.StatusNotFound)
		return
	}
	f, err := os.Open(n.journal)
	if err != nil {
		http.Error(w, "the journal cannot be read", http.StatusInternalServerError)
		return
	}
	defer f.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "no-store")
	http.ServeContent(w, r, "", time.Time{}, f)
}

// Shutdown closes the ports and ends the process a little later.
func (n *Node) Shutdown() {
	n.log.Info("shutting down")
	go func() {
		_ = n.Close() // it is told by the log; Serve has nothing left to close
	}()
	time.AfterFunc(shutdownWait, func() { n.end(ErrShutdown) })
}
