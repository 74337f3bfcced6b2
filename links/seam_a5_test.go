package links_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/cells/celltest"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// The tests of this file are named for the points of the rules for batches,
// frames in flight, timers and streams.

const ms = time.Millisecond

// TestA5_1: a batch acts at one instant, as one event of the timeline before
// everything else at it. That a live site takes it as one recorded input, and
// the parallel engine as a barrier, is tested there.
func TestA5_1_ABatchActsAtOneInstantBeforeAllElse(t *testing.T) {
	w := newWorld(t, ways{}, protocols{"alice": &celltest.Script{OnStart: func(e cells.Env) { e.Arm(1, 10*ms) }}})
	w.apply(addCell("alice"), addCell("bob"), addLink("ab", "alice:p0", "bob:p0", "delay=10ms"))
	w.at(10*ms, func() { w.apply(removeLink("ab"), addCell("carol"), addLink("ac", "alice:p0", "carol:p0", "")) })
	w.run(0)
	w.send("bob", 0, "due at the instant of the batch")
	w.run(20 * ms)
	var ops []string
	for _, r := range w.events {
		if r.Key.Time == clock.Time(10*ms) {
			ops = append(ops, r.Op.String()+" "+r.Cell)
		}
	}
	want := []string{
		"change ", "change ", "change ", "timer alice",
		"down alice", "up alice", "down bob", "start carol", "up carol",
	}
	if !slices.Equal(ops, want) {
		t.Errorf("at the batch's instant come %q, want %q", ops, want)
	}
	w.finish()
}

// TestA5_2: everything is checked against the topology a batch leads to before
// anything changes.
func TestA5_2_AWrongBatchChangesNothing(t *testing.T) {
	w := pair(t, ways{}, "delay=1ms")
	w.send("alice", 0, "in flight")
	events, pending, digest := len(w.events), w.sched.Pending(), w.host.Digest()
	good := []cells.Change{removeLink("ab"), removeCell("bob"), addCell("carol"), setCell("alice", cells.SetRun, "crash")}
	err := w.net.Apply(2, append(slices.Clone(good), addLink("x", "alice:p0", "bob:p0", "")))
	if err == nil || !strings.Contains(err.Error(), `link "x": no cell "bob"`) {
		t.Errorf("a link to a cell that the batch removes: %v", err)
	}
	if len(w.events) != events || w.sched.Pending() != pending || w.host.Digest() != digest || w.net.Version() != 1 {
		t.Error("a batch that was refused has changed something")
	}
	if err := w.net.Apply(2, good); err != nil {
		t.Errorf("its version was used up: %v", err)
	}
	if err := w.net.Apply(2, good); err != nil {
		t.Errorf("the same version with the same batch: %v", err)
	}
	if err := w.net.Apply(2, good[:3]); !errors.Is(err, cells.ErrStale) {
		t.Errorf("the same version with another batch: %v", err)
	}
	if err := w.net.Apply(1, good); !errors.Is(err, cells.ErrStale) {
		t.Errorf("an older version: %v", err)
	}
}

// TestA5_3: no handler sees half a batch, whatever its order in the batch; all
// run as events of their own cells, one deeper than the batch.
func TestA5_3_HandlersRunAfterTheWholeChange(t *testing.T) {
	var seen []string
	w := newWorld(t, ways{}, protocols{"alice": &celltest.Script{
		OnDown: func(e cells.Env, p cells.Port, _ error) { seen = append(seen, "down to "+e.Port(p).Peer) },
		OnUp:   func(e cells.Env, p cells.Port) { seen = append(seen, "up to "+e.Port(p).Peer) },
	}})
	w.apply(addLink("ab", "alice:p0", "bob:p0", ""), addCell("bob"), addCell("alice"))
	w.run(5 * ms)
	before := len(w.events)
	w.apply(addLink("ac", "alice:p0", "carol:p0", ""), addCell("carol"), removeCell("bob"), removeLink("ab"))
	w.run(6 * ms)
	if want := []string{"up to bob:p0", "down to carol:p0", "up to carol:p0"}; !slices.Equal(seen, want) {
		t.Errorf("alice saw %q, want %q", seen, want)
	}
	act := w.events[before].Key
	var changes []string
	for _, r := range w.events[before:] {
		switch {
		case r.Op == des.OpChange:
			changes = append(changes, r.Text)
			if r.Key != act {
				t.Errorf("a change at %v, the batch at %v", r.Key, act)
			}
		case r.Op.Event():
			k := r.Key
			own := des.MakeEntity(des.Cell, uint32(w.cell(cells.ID(r.Cell))))
			if k.Time != act.Time || k.Delta != act.Delta+1 || k.Entity != own {
				t.Errorf("%s of %s is at %v, the batch at %v", r.Op, r.Cell, k, act)
			}
		}
	}
	if want := []string{"remove-link ab", "remove-cell bob", "add-cell carol", "add-link ac"}; !slices.Equal(changes, want) {
		t.Errorf("the changes act as %q, want %q", changes, want)
	}
}

func TestA5_4_RemovedLinksLoseWhatIsOnThem(t *testing.T) {
	for name, both := range map[string]string{
		"on the wire": "delay=10ms", "queued": "rate=1kbit", "held": "delay=1ms cut=hold",
	} {
		w := pair(t, ways{}, both)
		w.send("alice", 0, "1", "2", "3")
		w.send("bob", 0, "4")
		w.run(2 * ms)
		w.apply(removeLink("ab"))
		w.apply(addLink("ab", "alice:p0", "bob:p0", "delay=1ms"))
		w.run(3 * ms)
		w.send("alice", 0, "6")
		w.finish()
		w.want(name, "bob", "0s start", "0s up 0", "2ms down 0 link removed", "2ms up 0", "4ms recv 0 6")
		w.wantDrops(name, "alice", cells.ReasonRemoved, 3)
		w.wantDrops(name, "bob", cells.ReasonRemoved, 1)
	}
}

func TestA5_4_DrainLetsWhatWasSentArrive(t *testing.T) {
	w := pair(t, ways{}, "delay=10ms")
	w.send("alice", 0, "1")
	w.run(3 * ms)
	w.send("alice", 0, "2")
	w.apply(drainLink("ab"))
	w.send("alice", 0, "too late")
	if err := w.net.Apply(9, []cells.Change{addLink("x", "alice:p1", "bob:p0", "")}); err == nil {
		t.Error("a port is given away that a link drains to")
	}
	w.run(12 * ms)
	w.apply(addLink("ac", "alice:p0", "bob:p1", "")) // alice's side has nothing to wait for
	w.finish()
	w.want("the receiving end", "bob", "0s start", "0s up 0", "10ms recv 0 1", "12ms up 1", "13ms recv 0 2", "13ms down 0 link removed")
	w.want("the sending end", "alice", "0s start", "0s up 0", "3ms down 0 link removed", "12ms up 0")
	w.apply(addLink("ab", "alice:p1", "bob:p0", ""))
	w.finish()
}

func TestA5_4_RemovedCellsCutDrainingLinksShort(t *testing.T) {
	w := pair(t, ways{}, "delay=10ms")
	w.send("alice", 0, "1")
	w.send("bob", 0, "2")
	w.apply(drainLink("ab"))
	w.apply(addLink("ab", "alice:p1", "bob:p1", "")) // the name is free
	w.apply(removeCell("bob"))
	w.apply(addCell("bob"), addLink("again", "alice:p0", "bob:p0", ""))
	w.finish()
	w.want("nothing arrives", "alice", "0s start", "0s up 0", "0s up 1", "0s down 0 link removed",
		"0s down 1 link removed", "0s up 0")
	w.wantDrops("it is counted", "alice", cells.ReasonRemoved, 1)
}

func TestA5_5_RemovedCellsLeaveTheirFold(t *testing.T) {
	alice := &celltest.Script{OnStart: func(e cells.Env) { e.Arm(1, 10*ms) }}
	w := newWorld(t, ways{}, protocols{"alice": alice})
	w.apply(addCell("alice"), addCell("bob"), addLink("ab", "alice:p0", "bob:p0", "delay=10ms"))
	w.run(5 * ms)
	w.send("alice", 0, "of the removed")
	w.send("bob", 0, "to the removed")
	ref := w.cell("alice")
	w.apply(removeCell("alice"))
	fold, digest := w.host.Fold(ref), w.host.Digest()
	w.run(6 * ms)
	w.apply(addCell("alice"))
	w.finish()
	w.want("timers are cleared, and there is no last callback", "alice", "0s start", "0s up 0", "6ms start", "16ms timer 1")
	w.want("what it has sent is gone with the link", "bob", "0s start", "0s up 0", "5ms down 0 link removed")
	if again := w.cell("alice"); again == ref || w.host.Status(again).Incarnation != 1 {
		t.Errorf("the name comes back as cell %d after %d, incarnation %d", again, ref, w.host.Status(again).Incarnation)
	}
	if w.host.Fold(ref) != fold {
		t.Error("the fold of a removed cell has changed")
	}
	if digest == w.host.Digest() {
		t.Error("the digest has not changed")
	}
	var sum des.Digest
	for i := range w.host.Len() {
		sum.AddCell(string(w.host.Name(cells.CellRef(i))), w.host.Fold(cells.CellRef(i)))
	}
	if sum != w.host.Digest() || w.host.Len() != 3 {
		t.Error("the digest is not the sum over all cells ever alive")
	}
}

// streams is alice and bob with a stream link, and a listener "svc" of bob's
// as its port 3, behind two ports of its own and the stream link's.
func streams(t testing.TB, opt ways, both string) *world {
	w := newWorld(t, opt, nil)
	w.apply(addCell("alice"), addCell("bob"), addStream("ab", "alice", "bob", both))
	w.do("bob", func(e cells.Env) { e.Listen("svc") })
	w.run(0)
	return w
}

func TestA5_6_ConnectionsDieWithTheirLink(t *testing.T) {
	dial := func(e cells.Env) { e.Dial("bob:svc") }
	eof := "20ms down 4 EOF"
	for _, c := range []struct {
		name       string
		act        func(*world)
		alice, bob []string
	}{
		{
			"open", func(w *world) { w.run(40 * ms) },
			[]string{"20ms up 3", "40ms down 3 link removed"},
			[]string{"10ms up 4", "40ms down 4 link removed"},
		},
		{
			"dialling", func(w *world) { w.run(5 * ms) },
			[]string{"5ms down 3 link removed"},
			nil,
		},
		{
			"half-open", func(w *world) { w.run(15 * ms) },
			[]string{"15ms down 3 link removed"},
			[]string{"10ms up 4", "15ms down 4 link removed"},
		},
		{"half-closed", func(w *world) {
			w.run(20 * ms)
			w.do("alice", func(e cells.Env) { e.CloseWrite(3) })
			w.run(40 * ms)
		}, []string{"20ms up 3", "40ms down 3 link removed"}, []string{"10ms up 4", strings.Replace(eof, "20", "30", 1)}},
		{"closed", func(w *world) {
			w.run(20 * ms)
			w.do("alice", func(e cells.Env) { e.Close(3) })
			w.run(25 * ms)
		}, []string{"20ms up 3"}, []string{"10ms up 4", "25ms down 4 link removed"}},
	} {
		w := streams(t, ways{}, "delay=10ms")
		w.do("alice", dial)
		c.act(w)
		w.apply(removeLink("ab"))
		w.finish()
		w.want(c.name, "alice", append([]string{"0s start"}, c.alice...)...)
		w.want(c.name, "bob", append([]string{"0s start"}, c.bob...)...)
	}
}

func TestA5_6_ATargetThatIsGoneRefuses(t *testing.T) {
	w := streams(t, ways{}, "delay=10ms")
	w.do("alice", func(e cells.Env) { e.Dial("bob:svc") })
	w.run(5 * ms)
	w.apply(setCell("bob", cells.SetRun, "crash"))
	w.finish()
	w.want("SYN finds nobody", "alice", "0s start", "20ms down 3 connection refused")
}

func TestA5_6_UnknownConnectionsAreAnsweredByReset(t *testing.T) {
	w := streams(t, ways{}, "delay=10ms")
	w.do("alice", func(e cells.Env) { e.Close(e.Dial("bob:svc")) }) // ACK finds nobody
	w.run(100 * ms)
	w.want("reset", "bob", "0s start", "10ms up 4", "30ms down 4 connection reset")
	var rst int
	w.do("alice", func(e cells.Env) { e.Dial("bob:svc") })
	w.run(150 * ms)
	w.do("alice", func(e cells.Env) { e.Close(4) })
	w.run(155 * ms)
	w.do("bob", func(e cells.Env) { e.Send(5, []byte("to nobody")); e.CloseWrite(5) })
	w.finish()
	for _, r := range w.of(des.OpTransit) {
		if r.Key.Time > clock.Time(155*ms) && r.Text == "rst" {
			rst++
		}
	}
	if rst < 2 {
		t.Errorf("data and FIN for a connection nobody knows are answered by %d resets", rst)
	}
	if got := w.heard("bob"); got[len(got)-1] != "160ms down 5 EOF" {
		t.Errorf("bob hears %q", got)
	}
}

func TestA5_7_SetLinkLeavesWhatIsInFlight(t *testing.T) {
	w := pair(t, ways{}, "delay=10ms")
	w.send("alice", 0, "1")
	w.apply(setLink("ab", "delay=1ms"))
	w.send("alice", 0, "2") // may not overtake
	w.run(20 * ms)
	w.send("alice", 0, "3")
	w.finish()
	w.want("FIFO over the change", "bob", "0s start", "0s up 0", "10ms recv 0 1", "10ms recv 0 2", "21ms recv 0 3")

	w = pair(t, ways{}, "speed=8kbit") // a byte each ms
	w.send("alice", 0, "12345", "6")
	w.run(1 * ms)
	w.apply(setLink("ab", "speed=8Mbit"))
	w.send("alice", 0, "7")
	w.finish()
	w.want("what is in transmission keeps its finish", "bob",
		"0s start", "0s up 0", "5ms recv 0 12345", "6ms recv 0 6", "6.001ms recv 0 7")
}

// What a held direction has let come as far as its end is released before what
// was sent later and is due at the very instant of the release.
func TestA5_7_ReleaseKeepsTheOrder(t *testing.T) {
	for _, ties := range []des.Ties{des.TiesFIFO, des.TiesShuffled} {
		w := pair(t, ways{ties: ties}, "delay=5ms")
		w.sendLater(1*ms, "alice", 0, "1")
		w.sendLater(3*ms, "alice", 0, "2")
		w.at(5*ms, func() { w.apply(setLink("ab", "cut=hold")) })
		w.at(8*ms, func() { w.apply(setLink("ab", "cut=no")) })
		w.finish()
		w.want("in order", "bob", "0s start", "0s up 0", "8ms recv 0 1", "8ms recv 0 2")
	}
}

func TestA5_7_Cuts(t *testing.T) {
	for _, c := range []struct {
		cut  string
		want []string
		lost uint64
	}{
		{"lost", []string{"30ms recv 0 4"}, 3},
		{"drain", []string{"10ms recv 0 1", "10ms recv 0 2", "30ms recv 0 4"}, 1},
		{"hold", []string{"20ms recv 0 1", "20ms recv 0 2", "30ms recv 0 3", "30ms recv 0 4"}, 0},
	} {
		w := pair(t, ways{}, "delay=10ms")
		w.send("alice", 0, "1", "2")
		w.run(5 * ms)
		w.apply(setLink("ab", "cut="+c.cut))
		w.send("alice", 0, "3")
		w.run(20 * ms)
		w.apply(setLink("ab", "cut=no"))
		w.send("alice", 0, "4")
		w.finish()
		w.want(c.cut, "bob", append([]string{"0s start", "0s up 0"}, c.want...)...)
		w.wantDrops(c.cut, "alice", cells.ReasonCut, c.lost)
	}
}

// TestA5_7: what was held re-enters at the release with its own number, ahead
// of what is on the way still; what a cut has lost holds nobody back.
func TestA5_7_ReleaseIsInFrameOrder(t *testing.T) {
	w := pair(t, ways{}, "delay=10ms")
	w.send("alice", 0, "1")
	w.run(8 * ms)
	w.send("alice", 0, "2")
	w.apply(setLink("ab", "cut=hold"))
	w.run(12 * ms)
	w.send("alice", 0, "3")
	w.apply(setLink("ab", "cut=no"))
	w.finish()
	w.want("the first waits for none behind it", "bob",
		"0s start", "0s up 0", "12ms recv 0 1", "18ms recv 0 2", "22ms recv 0 3")
	for i, r := range w.of(des.OpRecv) {
		if r.Key.Seq != uint64(i)<<8 {
			t.Errorf("frame %d arrives as %d", i, r.Key.Seq)
		}
	}
	w = pair(t, ways{}, "delay=1h")
	w.send("alice", 0, "1")
	w.apply(setLink("ab", "cut=lost"))
	w.apply(setLink("ab", "cut=no delay=1ms"))
	w.send("alice", 0, "2")
	w.finish()
	w.want("what was lost holds nobody back", "bob", "0s start", "0s up 0", "1ms recv 0 2")
}

func TestA5_8_Crash(t *testing.T) {
	w := pair(t, ways{}, "delay=10ms")
	w.apply(addStream("s", "alice", "bob", "delay=10ms"))
	w.do("bob", func(e cells.Env) { e.Listen("svc") })
	w.do("alice", func(e cells.Env) { e.Dial("bob:svc") })
	w.run(30 * ms)
	w.send("alice", 0, "to it")
	w.send("bob", 0, "from it")
	w.do("bob", func(e cells.Env) { e.Arm(1, ms) })
	w.apply(setCell("bob", cells.SetRun, "crash"))
	w.run(50 * ms)
	w.want("what it has sent arrives, and its connections break after the link's delay", "alice",
		"0s start", "0s up 0", "20ms up 3", "40ms recv 0 from it", "40ms down 3 connection reset")
	w.wantDrops("what reaches it is lost", "alice", cells.ReasonDown, 1)
	w.apply(setCell("bob", cells.SetRun, "restart"))
	w.finish()
	w.want("restart: Start, then Up", "bob", "0s start", "0s up 0", "10ms up 4", "50ms start", "50ms up 0")
	if got := w.of(des.OpStart); got[len(got)-1].A != 1 {
		t.Errorf("the incarnation is %d", got[len(got)-1].A)
	}
}

func TestA5_8_Pause(t *testing.T) {
	w := pair(t, ways{}, "delay=10ms")
	w.do("bob", func(e cells.Env) { e.Arm(1, 12*ms) })
	w.send("alice", 0, "1")
	w.at(5*ms, func() { w.apply(setCell("bob", cells.SetRun, "pause")) })
	w.sendLater(4*ms, "alice", 0, "3")
	w.run(15 * ms)
	w.send("alice", 0, "4")
	w.at(20*ms, func() { w.apply(setCell("bob", cells.SetRun, "resume")) })
	w.finish()
	w.want("in key order, at the time of the resume", "bob", "0s start", "0s up 0",
		"20ms recv 0 1", "20ms timer 1", "20ms recv 0 3", "25ms recv 0 4")
}

// TestA5_9: a site that is told twice, or has missed a batch, takes the next.
// Prepare and commit over several sites, and the lease by which one that
// missed a commit finds out, are tested with live datacenters.
func TestA5_9_ASiteMayMissBatches(t *testing.T) {
	w := pair(t, ways{}, "")
	batch := []cells.Change{setLink("ab", "delay=5ms")}
	for range 2 {
		if err := w.net.Apply(7, batch); err != nil {
			t.Errorf("version 7 after 1, perhaps again: %v", err)
		}
	}
	if err := w.net.Apply(4, batch); !errors.Is(err, cells.ErrStale) {
		t.Errorf("version 4 after 7: %v", err)
	}
	if n := len(w.of(des.OpChange)); n != 4 {
		t.Errorf("%d changes were made, want 3 and 1", n)
	}
}

// TestA5_10: nothing but batches changes what a link is, so that what follows
// from it may be kept between them: however a run is cut into windows, it is
// the same. That lookahead and partitions are reckoned anew at batches is
// tested with the parallel engine.
func TestA5_10_WindowsDoNotMatter(t *testing.T) {
	run := func(window time.Duration) des.Digest {
		w := busy(t, ways{seed: 3, ties: des.TiesShuffled})
		w.at(30*ms, func() { w.apply(setLink("ab", "delay=1us"), removeLink("bc")) })
		for at := window; at <= 60*ms; at += window {
			w.run(at)
		}
		w.run(60 * ms)
		return w.host.Digest()
	}
	whole := run(time.Hour)
	for _, window := range []time.Duration{10 * time.Microsecond, ms, 700 * time.Microsecond, 30 * ms} {
		if got := run(window); got != whole {
			t.Errorf("in windows of %s the digest is %x, in one %x", window, got, whole)
		}
	}
}
