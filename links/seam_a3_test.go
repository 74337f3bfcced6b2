package links_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/cells/celltest"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// The tests of this file are named for the rules of the key. That key order is
// the order of execution, every world of these tests demands.

func TestA3_ClassesAtOneInstant(t *testing.T) {
	w := newWorld(t, ways{}, protocols{"bob": &celltest.Script{OnStart: func(e cells.Env) { e.Arm(1, 10*ms) }}})
	w.apply(addCell("alice"), addCell("bob"), addLink("ab", "alice:p0", "bob:p0", "delay=10ms"))
	w.run(0)
	w.send("alice", 0, "frame")
	w.at(10*ms, func() { w.apply(addCell("carol")) })
	var got []string
	w.sched.Handle(des.Input, input(func() { got = append(got, "input") }))
	w.sched.At(clock.Time(10*ms), des.MakeEntity(des.Input, 0), 0, 1, 0)
	w.run(10 * ms)
	for _, r := range w.events {
		if r.Key.Time == clock.Time(10*ms) && r.Key.Delta == 0 {
			got = append(got, r.Op.String())
		}
	}
	if want := []string{"input", "change", "timer", "recv"}; !slices.Equal(got, want) {
		t.Errorf("in the order of classes come %q, want %q", got, want)
	}
}

type input func()

func (f input) Dispatch(des.Event) { f() }

func TestA3_DeliveriesBelongToTheirDirection(t *testing.T) {
	w := pair(t, ways{}, "delay=1ms dup=100% dup.copies=2")
	w.send("alice", 0, "a", "b")
	w.finish()
	var got []string
	dir := des.Entity(0)
	for _, r := range w.of(des.OpRecv) {
		if r.Key.Entity.Class() != des.Direction || r.Link != "ab>" {
			t.Errorf("%s is an event of %v on %s", r.data, r.Key.Entity, r.Link)
		}
		dir = r.Key.Entity
		got = append(got, fmt.Sprintf("%s %d.%d", r.data, r.Key.Seq>>8, r.Key.Seq&255))
		if int64(r.Key.Seq>>8) != r.A || int64(r.Key.Seq&255) != r.B {
			t.Errorf("frame %d, copy %d has sequence %d", r.A, r.B, r.Key.Seq)
		}
	}
	if want := []string{"a 0.0", "a 0.1", "a 0.2", "b 1.0", "b 1.1", "b 1.2"}; !slices.Equal(got, want) {
		t.Errorf("frames arrive as %q, want %q", got, want)
	}
	if name := w.net.EntityName(dir); name != "link ab>" {
		t.Errorf("the direction's name is %q", name)
	}
}

func TestA3_StartIsAnEvent(t *testing.T) {
	w := newWorld(t, ways{}, nil)
	w.apply(addCell("bob"), addCell("alice"))
	if len(w.of(des.OpStart)) != 0 {
		t.Error("Start runs inside the batch")
	}
	w.run(0)
	for i, r := range w.of(des.OpStart) {
		want := des.Key{Delta: 1, Entity: des.MakeEntity(des.Cell, uint32(i))}
		if r.Key != want {
			t.Errorf("Start of %s is at %v, want %v", r.Cell, r.Key, want)
		}
	}
}

func TestA3_ArmingTakesANewSequence(t *testing.T) {
	for _, ties := range []des.Ties{des.TiesFIFO, des.TiesShuffled} {
		w := newWorld(t, ways{ties: ties}, nil)
		w.apply(addCell("alice"))
		w.run(0)
		w.do("alice", func(e cells.Env) {
			e.Arm(1, ms)
			e.Arm(2, ms)
			e.Arm(1, ms) // again: now behind 2, also at the same time
			e.Arm(3, ms)
			e.Disarm(3)
		})
		w.finish()
		var seqs []uint64
		ids := map[int64]uint64{}
		for _, r := range w.of(des.OpTimer) {
			seqs = append(seqs, r.Key.Seq)
			ids[r.A] = r.Key.Seq
		}
		slices.Sort(seqs)
		if !slices.Equal(seqs, []uint64{2, 3}) || ids[2] != 2 || ids[1] != 3 {
			t.Errorf("ties %d: timers fire with sequences %v", ties, ids)
		}
		if ties == des.TiesFIFO {
			w.want("in the order of the last Arm", "alice", "0s start", "1ms timer 2", "1ms timer 1")
		}
	}
}

func TestA3_ShuffledTiesKeepEachLinkInOrder(t *testing.T) {
	orders := map[string]bool{}
	for seed := range uint64(20) {
		w := newWorld(t, ways{seed: seed, ties: des.TiesShuffled}, nil)
		w.apply(addCell("alice"), addCell("bob"), addCell("carol"), addLink("ab", "alice:p0", "bob:p0", "delay=1ms"),
			addLink("ac", "alice:p1", "carol:p0", "delay=1ms"))
		w.run(0)
		w.do("alice", func(e cells.Env) {
			for i := range 4 {
				e.Send(0, []byte{'0' + byte(i)})
				e.Send(1, []byte{'0' + byte(i)})
			}
			for i := range 4 {
				e.Arm(cells.TimerID(i), 2*ms)
			}
		})
		w.finish()
		w.want("in order", "bob", "0s start", "0s up 0", "1ms recv 0 0", "1ms recv 0 1", "1ms recv 0 2", "1ms recv 0 3")
		w.want("in order", "carol", "0s start", "0s up 0", "1ms recv 0 0", "1ms recv 0 1", "1ms recv 0 2", "1ms recv 0 3")
		order := w.of(des.OpRecv)[0].Cell
		for _, r := range w.of(des.OpTimer) {
			order += fmt.Sprint(" ", r.A)
		}
		orders[order] = true
	}
	if len(orders) < 10 {
		t.Errorf("20 seeds give only the orders %v", orders)
	}
}

func TestA3_ActsFromOutsideComeAfterWhatHasRun(t *testing.T) {
	w := pair(t, ways{}, "") // no delay
	alice := w.host.Protocol(w.cell("alice")).(*celltest.Script)
	alice.OnRecv = func(e cells.Env, p cells.Port, b []byte) {
		if len(b) > 1 {
			e.Send(p, b[1:])
		}
	}
	bob := w.host.Protocol(w.cell("bob")).(*celltest.Script)
	bob.OnRecv = alice.OnRecv
	w.run(5 * ms)
	last := des.Key{}
	for range 5 {
		w.send("bob", 0, "12345")
		act := w.sched.Current()
		if act.Time == last.Time && act.Delta <= last.Delta {
			t.Errorf("an act at %v after %v", act, last)
		}
		w.run(5 * ms)
		last = w.sched.Current()
		if last.Delta != act.Delta+5 {
			t.Errorf("five hops without delay lead from %v to %v", act, last)
		}
	}
	w.finish()
}

func TestA3_ZeroDelayCyclesAreNamed(t *testing.T) {
	forward := func() *celltest.Script {
		return &celltest.Script{OnRecv: func(e cells.Env, p cells.Port, b []byte) { e.Send(p, b) }}
	}
	s := des.NewScheduler(des.Config{Limits: des.Limits{Delta: 50}})
	h := cells.NewHost(s, cells.Options{})
	n := newNetwork(h, protocols{"alice": forward(), "bob": forward()})
	if err := n.Apply(1, []cells.Change{addCell("alice"), addCell("bob"), addLink("ab", "alice:p0", "bob:p0", "")}); err != nil {
		t.Fatal(err)
	}
	alice, _ := h.Find("alice")
	h.Protocol(alice).(*celltest.Script).OnTimer = func(e cells.Env, _ cells.TimerID) { e.Send(0, []byte("x")) }
	h.Protocol(alice).(*celltest.Script).OnCommand = func(e cells.Env, _ []string) (string, error) {
		e.Arm(1, time.Second)
		return "", nil
	}
	if _, err := n.Command("alice", nil); err != nil {
		t.Fatal(err)
	}
	err := s.RunUntil(clock.Never)
	if _, ok := err.(*des.ZeroDelayError); !ok {
		t.Errorf("a frame that goes round without time passing ends with %v", err)
	}
	if err := n.Apply(2, nil); err == nil {
		t.Error("a run that has ended takes a batch")
	}
}

func TestA3_NumbersAreNeverUsedAgain(t *testing.T) {
	w := pair(t, ways{}, "")
	refs := []cells.CellRef{w.cell("alice"), w.cell("bob")}
	for range 3 {
		w.apply(removeCell("bob"))
		w.apply(addCell("bob"), addLink("ab", "alice:p0", "bob:p0", ""))
		w.run(w.now() + ms)
		refs = append(refs, w.cell("bob"))
	}
	if !slices.Equal(refs, []cells.CellRef{0, 1, 2, 3, 4}) {
		t.Errorf("cells are numbered %v", refs)
	}
	w.do("alice", func(e cells.Env) {
		l := e.Listen("a")
		e.Close(l)
		if m := e.Listen("a"); l != 2 || m != 3 {
			t.Errorf("listeners are ports %d and %d", l, m)
		}
	})
}
