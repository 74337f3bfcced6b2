package links_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/cells/celltest"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/links"
)

// world is a virtual site whose cells do what a test wrote down for them. Its
// trace demands that the order of events is the order of their keys.
type world struct {
	t       testing.TB
	sched   *des.Scheduler
	host    *cells.Host
	net     *links.Network
	version uint64
	events  []event
	timed   []func() // of the timeline
}

// event is a record that is kept.
type event struct {
	des.Record
	data string
}

// ways are how a world runs.
type ways struct {
	seed  uint64
	ties  des.Ties
	quiet bool // without a trace
}

// protocols give the cells of a world, by name. Those that it does not name do
// nothing.
type protocols map[cells.ID]cells.Protocol

func newWorld(t testing.TB, opt ways, p protocols) *world {
	w := &world{t: t}
	w.sched = des.NewScheduler(des.Config{Causes: !opt.quiet})
	o := cells.Options{Seed: des.SeedOf(opt.seed), Ties: opt.ties, Full: true}
	if !opt.quiet {
		o.Sink = w
	}
	w.host = cells.NewHost(w.sched, o)
	w.net = newNetwork(w.host, p)
	w.sched.Handle(des.Timeline, w)
	t.Cleanup(func() {
		if err := w.sched.Err(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func newNetwork(h *cells.Host, p protocols) *links.Network {
	return links.New(h, links.Options{Make: func(s cells.CellSpec) (cells.Protocol, error) {
		if q := p[s.ID]; q != nil {
			return q, nil
		}
		return &celltest.Script{}, nil
	}})
}

// Record keeps what happens.
func (w *world) Record(r *des.Record) {
	if k := len(w.events); k > 0 && r.Key.Compare(w.events[k-1].Key) < 0 {
		w.t.Errorf("%v of %s at %v comes after %v", r.Op, r.Cell, r.Key, w.events[k-1].Key)
	}
	w.events = append(w.events, event{*r, string(r.Data)})
}

// Dispatch runs what at has put on the timeline.
func (w *world) Dispatch(e des.Event) { w.timed[e.Arg]() }

// at puts something on the timeline.
func (w *world) at(t time.Duration, f func()) {
	w.timed = append(w.timed, f)
	i := uint64(len(w.timed) - 1)
	w.sched.At(clock.Time(t), des.MakeEntity(des.Timeline, 0), 0, i, i)
}

func (w *world) apply(batch ...cells.Change) {
	w.t.Helper()
	w.version++
	if err := w.net.Apply(w.version, batch); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) run(until time.Duration) {
	w.t.Helper()
	if err := w.sched.RunUntil(clock.Time(until)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) now() time.Duration { return time.Duration(w.sched.Now()) }

// finish runs everything there is, and demands that nothing is left of it.
func (w *world) finish() {
	w.t.Helper()
	w.run(1000 * time.Hour)
	if n := w.sched.Pending(); n != 0 {
		w.t.Errorf("%d events are pending", n)
	}
	if n := w.host.FramesInUse(); n != 0 {
		w.t.Errorf("%d frames are in use when all is done", n)
	}
}

func (w *world) cell(id cells.ID) cells.CellRef {
	w.t.Helper()
	ref, ok := w.host.Find(id)
	if !ok {
		w.t.Fatalf("no cell %s", id)
	}
	return ref
}

// do runs a handler in a cell, whose protocol must be a Script.
func (w *world) do(id cells.ID, f func(cells.Env)) {
	w.t.Helper()
	p := w.host.Protocol(w.cell(id)).(*celltest.Script)
	p.OnCommand = func(e cells.Env, _ []string) (string, error) { f(e); return "", nil }
	if _, err := w.net.Command(id, nil); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) send(id cells.ID, p cells.Port, frames ...string) {
	w.t.Helper()
	w.do(id, func(e cells.Env) {
		for _, f := range frames {
			e.Send(p, []byte(f))
		}
	})
}

// sendLater is send from the timeline.
func (w *world) sendLater(at time.Duration, id cells.ID, p cells.Port, frames ...string) {
	w.at(at, func() { w.send(id, p, frames...) })
}

// heard are the events that reached a cell, a line each, such as
// "10ms recv 0 hello".
func (w *world) heard(id cells.ID) (lines []string) {
	for _, r := range w.events {
		if r.Cell == string(id) && r.Op.Event() && !(r.Op == des.OpPark || r.Op == des.OpMiss || r.Op == des.OpCommand || r.Op == des.OpDown && r.A == 0) {
			lines = append(lines, r.line())
		}
	}
	return lines
}

func (r *event) line() string {
	s := fmt.Sprintf("%s %s", r.Key.Time, r.Op)
	switch r.Op {
	case des.OpRecv:
		s += fmt.Sprintf(" %d %s", r.Port, r.data)
	case des.OpUp:
		s += fmt.Sprintf(" %d", r.Port)
	case des.OpTimer:
		s += fmt.Sprintf(" %d", r.A)
	case des.OpDown:
		s += fmt.Sprintf(" %d %s", r.Port, cells.DownOf(uint8(r.A)))
	case des.OpCredit:
		s += fmt.Sprintf(" %d %d", r.Port, r.A)
	}
	return s
}

// want compares what reached a cell since the world began.
func (w *world) want(why string, id cells.ID, lines ...string) {
	w.t.Helper()
	if got := w.heard(id); !slices.Equal(got, lines) {
		w.t.Errorf("%s: %s heard\n\t%s\nwant\n\t%s", why, id, strings.Join(got, "\n\t"), strings.Join(lines, "\n\t"))
	}
}

// of gives the records of an op.
func (w *world) of(op des.Op) (list []event) {
	for _, r := range w.events {
		if r.Op == op {
			list = append(list, r)
		}
	}
	return list
}

// drops is how often a reason hit the frames that a cell sent on a port.
func (w *world) drops(id cells.ID, p cells.Port, r cells.Reason) uint64 {
	w.t.Helper()
	ref := w.cell(id)
	for _, c := range w.host.Counters(ref, w.host.PortsOf(ref)[p]).Drops {
		if c.Reason == r.String() {
			return c.Count
		}
	}
	return 0
}

func (w *world) wantDrops(why string, id cells.ID, r cells.Reason, n uint64) {
	w.t.Helper()
	if got := w.drops(id, 0, r); got != n {
		w.t.Errorf("%s: %d frames of %s are counted as %s, want %d", why, got, id, r, n)
	}
}

// params reads "delay=10ms loss=10%".
func params(text string) (list []cells.Param) {
	for _, f := range strings.Fields(text) {
		name, value, _ := strings.Cut(f, "=")
		list = append(list, cells.Param{Name: name, Value: value})
	}
	return list
}

func addCell(id cells.ID) cells.Change {
	return cells.Change{Op: cells.AddCell, Cell: cells.CellSpec{ID: id, Ports: []string{"p0", "p1"}}}
}

func removeCell(id cells.ID) cells.Change {
	return cells.Change{Op: cells.RemoveCell, Cell: cells.CellSpec{ID: id}}
}

// ends reads "alice:p0" or "alice".
func end(text string) cells.Endpoint {
	id, port, _ := strings.Cut(text, ":")
	return cells.Endpoint{Cell: cells.ID(id), Port: port}
}

func addLink(name, a, b, both string) cells.Change {
	return cells.Change{Op: cells.AddLink, Link: cells.LinkSpec{Name: name, A: end(a), B: end(b), Both: params(both)}}
}

func addStream(name, a, b, both string) cells.Change {
	c := addLink(name, a, b, both)
	c.Link.Stream = true
	return c
}

func removeLink(name string) cells.Change {
	return cells.Change{Op: cells.RemoveLink, Link: cells.LinkSpec{Name: name}}
}

func drainLink(name string) cells.Change {
	return cells.Change{Op: cells.RemoveLink, Link: cells.LinkSpec{Name: name, Drain: true}}
}

func setLink(name, both string) cells.Change {
	return cells.Change{Op: cells.SetLink, Link: cells.LinkSpec{Name: name, Both: params(both)}}
}

func setCell(id cells.ID, name, value string) cells.Change {
	return cells.Change{Op: cells.SetCell, Cell: cells.CellSpec{ID: id, Params: []cells.Param{{Name: name, Value: value}}}}
}

// pair is alice and bob with a link "ab" between their ports p0, up.
func pair(t testing.TB, opt ways, both string) *world {
	w := newWorld(t, opt, nil)
	w.apply(addCell("alice"), addCell("bob"), addLink("ab", "alice:p0", "bob:p0", both))
	w.run(0)
	return w
}

// chatter sends a frame on each port that is up at drawn times, answers some of
// those it gets, and counts.
func chatter() *celltest.Script {
	s := &celltest.Script{}
	var r *cells.Rand
	var up []cells.Port
	s.OnStart = func(e cells.Env) { r = e.Rand("times"); e.Arm(1, 0) }
	s.OnUp = func(_ cells.Env, p cells.Port) { up = append(up, p) }
	s.OnDown = func(_ cells.Env, p cells.Port, _ error) {
		up = slices.DeleteFunc(up, func(q cells.Port) bool { return q == p })
	}
	s.OnTimer = func(e cells.Env, _ cells.TimerID) {
		for _, p := range up {
			b := e.Buf()
			for range 1 + r.N(60) {
				b = append(b, byte(r.Uint64()))
			}
			e.Send(p, b)
		}
		e.Arm(1, time.Duration(r.N(3))*time.Millisecond/2)
	}
	s.OnRecv = func(e cells.Env, p cells.Port, b []byte) {
		if r.N(3) == 0 && len(b) > 1 {
			e.Send(p, b[:len(b)/2])
		}
	}
	return s
}

// busy is a ring of alice, bob and carol that chatter over bad links.
func busy(t testing.TB, opt ways) *world {
	w := newWorld(t, opt, protocols{"alice": chatter(), "bob": chatter(), "carol": chatter()})
	bad := "delay=2ms jitter=uniform(0s,1ms) loss=5% dup=5% reorder=5% ber=1e-4 rate=1Mbit"
	w.apply(addCell("alice"), addCell("bob"), addCell("carol"), addLink("ab", "alice:p0", "bob:p0", bad),
		addLink("bc", "bob:p1", "carol:p0", bad), addLink("ca", "carol:p1", "alice:p1", bad))
	return w
}
