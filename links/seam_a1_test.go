package links_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/dsim/cells"
	"example.com/dsim/cells/celltest"
	"example.com/dsim/des"
)

// The tests of this file are named for the rules of back-pressure.

// connected is a world of streams with a connection: port 3 of alice, port 4 of
// bob, who listens on 3. It is up at both ends at 20 ms.
func connected(t testing.TB, opt ways, both string) *world {
	w := streams(t, opt, both)
	w.do("alice", func(e cells.Env) { e.Dial("bob:svc") })
	w.run(20 * ms)
	return w
}

func (w *world) queued(id cells.ID, p cells.Port) (n int) {
	w.t.Helper()
	w.do(id, func(e cells.Env) { n = e.Queued(p) })
	return n
}

func (w *world) wantQueued(why string, n int) {
	w.t.Helper()
	if got := w.queued("alice", 3); got != n {
		w.t.Errorf("at %s, %s: %d bytes are queued, want %d", w.sched.Now(), why, got, n)
	}
}

// write sends n bytes from alice in one piece.
func (w *world) write(n int) { w.t.Helper(); w.send("alice", 3, strings.Repeat("x", n)) }

// got is all that a cell has received on a port.
func (w *world) got(id cells.ID, p cells.Port) string {
	var b strings.Builder
	for _, r := range w.of(des.OpRecv) {
		if r.Cell == string(id) && r.Port == uint32(p) {
			b.WriteString(r.data)
		}
	}
	return b.String()
}

func TestA1_QueuedIsWhatWasAcceptedMinusWhatWasCredited(t *testing.T) {
	w := connected(t, ways{}, "delay=10ms bound=1000B recut=none")
	w.wantQueued("nothing was sent", 0)
	w.do("alice", func(e cells.Env) {
		e.Send(3, make([]byte, 300))
		e.Send(3, make([]byte, 300))
		if n := e.Queued(3); n != 600 {
			t.Errorf("inside the handler %d bytes are queued, want 600", n)
		}
	})
	w.run(39 * ms)
	w.wantQueued("that it has arrived is not known here", 600)
	w.run(40 * ms)
	w.wantQueued("credited", 0)
	credits := w.of(des.OpCredit)
	if len(credits) != 2 || credits[0].A != 300 || credits[0].Cell != "alice" {
		t.Errorf("credits are %v", credits)
	}
	for _, r := range credits {
		if r.Key.Entity.Class() != des.Direction {
			t.Errorf("a credit is an event of the link, not of %v", r.Key)
		}
	}
	w.finish()
}

func TestA1_CreditComesAtAQuarterOfTheBound(t *testing.T) {
	w := connected(t, ways{}, "delay=10ms bound=1000B recut=none")
	w.write(249)
	w.run(100 * ms)
	w.wantQueued("below a quarter stays counted", 249)
	w.write(1)
	w.run(200 * ms)
	w.wantQueued("a quarter is credited, all of it at once", 0)
	if n := len(w.of(des.OpCredit)); n != 1 {
		t.Errorf("%d credits came", n)
	}
}

func TestA1_BoundsAreThoseTheConnectionWasMadeWith(t *testing.T) {
	w := connected(t, ways{}, "delay=10ms bound=1000B recut=none")
	w.apply(setLink("ab", "bound=1MiB"))
	w.write(900)
	w.run(100 * ms)
	w.wantQueued("a greater bound must not hold credits back", 0)
}

func TestA1_SendIsWholeOrNothing(t *testing.T) {
	for _, ties := range []des.Ties{des.TiesFIFO, des.TiesShuffled} {
		w := connected(t, ways{ties: ties}, "delay=10ms bound=1000B recut=none")
		down := false
		alice := w.host.Protocol(w.cell("alice")).(*celltest.Script)
		alice.OnDown = func(e cells.Env, p cells.Port, err error) {
			down = true
			if err != cells.ErrOverflow || e.Queued(p) != 0 {
				t.Errorf("down with %v, %d queued", err, e.Queued(p))
			}
		}
		var sender des.Key
		w.do("alice", func(e cells.Env) {
			sender = w.sched.Current()
			e.Send(3, []byte(strings.Repeat("a", 600)))
			e.Send(3, []byte(strings.Repeat("b", 401))) // one too many
			if s := e.Port(3).State; s != cells.PortDown || e.Queued(3) != 600 || down {
				t.Errorf("after it the port is %s with %d queued", s, e.Queued(3))
			}
			e.Send(3, []byte("c")) // there would be room
		})
		w.finish()
		w.want("reset", "bob", append(append([]string{"0s start", "10ms up 4"}, recvs(w, "bob")...), "30ms down 4 connection reset")...)
		if got, sent := w.got("bob", 4), strings.Repeat("a", 600); got != sent {
			t.Errorf("bob got %d bytes, want the 600 that were accepted before", len(got))
		}
		var own []des.Key
		for _, r := range w.of(des.OpDown) {
			if r.Cell == "alice" && r.A != 0 {
				own = append(own, r.Key)
			}
		}
		want := des.MakeEntity(des.Cell, uint32(w.cell("alice")))
		if len(own) != 1 || own[0].Time != sender.Time || own[0].Delta != sender.Delta+1 || own[0].Entity != want {
			t.Errorf("Down(ErrOverflow) comes at %v after a Send at %v", own, sender)
		}
	}
}

func recvs(w *world, id cells.ID) (lines []string) {
	for _, l := range w.heard(id) {
		if strings.Contains(l, " recv ") {
			lines = append(lines, l)
		}
	}
	return lines
}

func TestA1_CloseSendsWhatWasAcceptedThenFIN(t *testing.T) {
	w := connected(t, ways{}, "delay=10ms bound=1000B rate=80kbit recut=none segment=100B")
	w.do("alice", func(e cells.Env) {
		e.Send(3, []byte(strings.Repeat("a", 900)))
		e.Close(3) // Queued need not reach 0
		e.Send(3, []byte("never"))
		if s := e.Port(3).State; s != cells.PortDown {
			t.Errorf("after Close the port is %s", s)
		}
	})
	w.finish()
	got := w.heard("bob")
	if all := w.got("bob", 4); len(all) != 900 || got[len(got)-1] != "120ms down 4 EOF" {
		t.Errorf("bob got %d bytes, then %q", len(all), got[len(got)-1])
	}
	w.want("no event follows Close", "alice", "0s start", "20ms up 3")
	if n := w.drops("alice", 3, cells.ReasonClosed); n != 1 {
		t.Errorf("%d pieces are counted as sent after Close", n)
	}
}

func TestA1_CloseWriteIsHalfOfClose(t *testing.T) {
	w := connected(t, ways{}, "delay=10ms recut=none")
	w.do("alice", func(e cells.Env) {
		e.Send(3, []byte("request"))
		e.CloseWrite(3)
		e.Send(3, []byte("never"))
		if n := e.Queued(3); n != 7 {
			t.Errorf("after CloseWrite %d bytes are queued, want 7", n)
		}
	})
	w.run(30 * ms)
	w.do("bob", func(e cells.Env) {
		if s := e.Port(4).State; s != cells.PortEOF {
			t.Errorf("at the end of the peer's half the port is %s", s)
		}
		e.Send(4, []byte("answer"))
		e.Close(4)
	})
	w.finish()
	w.want("one half", "bob", "0s start", "10ms up 4", "30ms recv 4 request", "30ms down 4 EOF")
	w.want("the other", "alice", "0s start", "20ms up 3", "40ms recv 3 answer", "40ms down 3 EOF")
}

func TestA1_DrainedComesOnceFromOverHalfToAQuarter(t *testing.T) {
	w := connected(t, ways{}, "delay=10ms bound=1000B recut=none segment=100B")
	drained := func() (n int) { return len(w.of(des.OpDrained)) }
	w.write(500)
	w.run(100 * ms)
	if n := drained(); n != 0 {
		t.Errorf("drained %d times after half of the bound", n)
	}
	w.write(501)
	w.run(200 * ms)
	if n := drained(); n != 1 {
		t.Errorf("drained %d times after more than half", n)
	}
	var at []string
	alice := w.host.Protocol(w.cell("alice")).(*celltest.Script)
	alice.OnDrained = func(e cells.Env, p cells.Port) { at = append(at, fmt.Sprint(p, " ", e.Queued(p))) }
	base := w.queued("alice", 3)
	w.write(1000 - base)
	w.run(300 * ms)
	if len(at) != 1 || w.queued("alice", 3) > 250 {
		t.Errorf("drained at %v", at)
	}
}

func TestA1_FramePortsDropAndCountAndNeverGoDown(t *testing.T) {
	w := pair(t, ways{}, "mtu=10B speed=8kbit queue.frames=2")
	w.send("alice", 0, "12345678901", "1", "2", "3", "4")
	w.send("alice", 1, "no link")
	w.send("alice", 7, "no port")
	w.run(100 * ms)
	w.apply(setCell("bob", cells.SetRun, "crash"))
	w.send("alice", 0, "no peer")
	w.finish()
	w.wantDrops("over the MTU", "alice", cells.ReasonMTU, 1)
	w.wantDrops("the queue is full", "alice", cells.ReasonQueue, 2)
	w.wantDrops("nobody there", "alice", cells.ReasonDown, 1)
	if n := w.drops("alice", 1, cells.ReasonNoLink); n != 1 {
		t.Errorf("%d frames are counted without a link", n)
	}
	w.want("never Down", "alice", "0s start", "0s up 0")
	c := w.host.Counters(w.cell("alice"), w.host.PortsOf(w.cell("alice"))[0])
	if c.TxFrames != 6 || c.TxBytes != 11+4+7 {
		t.Errorf("sent are %d frames, %d bytes", c.TxFrames, c.TxBytes)
	}
	counts, _ := w.net.Link("ab")
	if k := counts[0]; k.Sent != 6 || k.Delivered != 2 || k.Dropped != 4 {
		t.Errorf("the link counts %+v", k)
	}
}

func TestA1_ASlowReaderHoldsItsWriterBack(t *testing.T) {
	w := connected(t, ways{}, "delay=10ms bound=1000B recut=none")
	w.apply(setCell("bob", cells.SetRun, "pause"))
	w.write(1000)
	w.run(100 * ms)
	w.wantQueued("a paused reader credits nothing", 1000)
	w.apply(setCell("bob", cells.SetRun, "resume"))
	w.run(110 * ms)
	w.wantQueued("until it has read", 0)
	if l := w.heard("alice"); slices.ContainsFunc(l, func(s string) bool { return strings.Contains(s, "down") }) {
		t.Errorf("alice heard %q", l)
	}
}
