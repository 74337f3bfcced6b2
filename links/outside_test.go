package links

import (
	"bytes"
	"reflect"
	"testing"

	"example.com/dsim/cells"
	"example.com/dsim/cells/celltest"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// outsideWorld is a probe alice with a stream link "s" to bob outside, and a
// frame link "f" to carol outside; what goes out is kept.
func outsideWorld(t testing.TB, params ...cells.Param) (*Network, *[][]byte) {
	t.Helper()
	var out [][]byte
	s := des.NewScheduler(des.Config{})
	n := New(cells.NewHost(s, cells.Options{Full: true}), Options{
		Make: celltest.MakeProbe,
		Out:  func(link string, b []byte) { out = append(out, append([]byte(link+" "), b...)) },
	})
	err := n.Apply(1, []cells.Change{
		{Op: cells.AddCell, Cell: cells.CellSpec{ID: "alice", Protocol: celltest.ProbeName, Ports: []string{"p0"}}},
		{Op: cells.AddLink, Link: cells.LinkSpec{Name: "s", A: cells.Endpoint{Cell: "alice"}, B: cells.Endpoint{Cell: "bob"}, Stream: true}},
		{Op: cells.AddLink, Link: cells.LinkSpec{
			Name: "f", A: cells.Endpoint{Cell: "carol", Port: "p9"}, B: cells.Endpoint{Cell: "alice", Port: "p0"}, Both: params,
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Drain(clock.Never)
	return n, &out
}

func arrive(n *Network, link string, b []byte) (err error) {
	n.outside(func() { err = n.Arrive(link, b) })
	n.sched.Drain(clock.Time(1e15))
	return err
}

func TestFramesLeaveWhenTheyAreDue(t *testing.T) {
	n, out := outsideWorld(t, cells.Param{Name: "delay", Value: "3ms"}, cells.Param{Name: "dup", Value: "100%"})
	if _, err := n.Command("alice", []string{"send", "0", "hello"}); err != nil {
		t.Fatal(err)
	}
	n.sched.RunUntil(2_999_999)
	if len(*out) != 0 {
		t.Fatalf("left too early: %q", *out)
	}
	n.sched.RunUntil(3_000_000)
	if len(*out) != 2 || string((*out)[0]) != "f hello" {
		t.Fatalf("let out %q, want the frame and its copy", *out)
	}
	c, _ := n.Link("f")
	if c[1].Sent != 1 || c[1].Delivered != 2 || c[1].Duplicated != 1 || c[0].Sent != 0 {
		t.Errorf("counted %+v", c)
	}
	if err := arrive(n, "f", []byte("answer")); err != nil {
		t.Fatal(err)
	}
	if c, _ := n.Link("f"); c[0].Sent != 1 || c[0].Delivered != 1 {
		t.Errorf("counted %+v of what came", c[0])
	}
	if info := n.Snapshot().Cells; len(info) != 1 || info[0].Ports[0].Info.Peer != "carol:p9" {
		t.Errorf("the snapshot shows %+v", info)
	}
}

// TestAHeldLinkLetsNothingOut holds the half that is here.
func TestAHeldLinkLetsNothingOut(t *testing.T) {
	n, out := outsideWorld(t, cells.Param{Name: "delay", Value: "1ms"})
	set := func(v uint64, cut string) {
		t.Helper()
		err := n.Apply(v, []cells.Change{{Op: cells.SetLink, Link: cells.LinkSpec{Name: "f", Both: []cells.Param{{Name: "cut", Value: cut}}}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	n.Command("alice", []string{"send", "0", "one"})
	set(2, "hold")
	n.Command("alice", []string{"send", "0", "two"})
	n.sched.RunUntil(10_000_000)
	if len(*out) != 0 {
		t.Fatalf("let out %q", *out)
	}
	set(3, "no")
	n.sched.RunUntil(20_000_000)
	if len(*out) != 2 || string((*out)[0]) != "f one" || string((*out)[1]) != "f two" {
		t.Fatalf("let out %q after the release", *out)
	}
	set(4, "lost")
	n.Command("alice", []string{"send", "0", "three"})
	n.sched.RunUntil(30_000_000)
	if c, _ := n.Link("f"); len(*out) != 2 || c[1].Dropped != 1 {
		t.Errorf("a cut link let out %q and dropped %d", *out, c[1].Dropped)
	}
}

func TestWhatIsNoSegmentHarmsNothing(t *testing.T) {
	n, _ := outsideWorld(t)
	for _, b := range [][]byte{nil, {0}, {0x10, 0}, {0xff, 0, 0}, {0x12, 0, 0x80}, {0x10, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x7f}, {0, 0, 0, 1, 'x'}} {
		if err := arrive(n, "s", b); err == nil {
			t.Errorf("% x was taken for a segment", b)
		}
	}
	if err := arrive(n, "nobody", []byte("x")); err == nil {
		t.Error("a link that is not there takes frames")
	}
	if err := n.sched.Err(); err != nil {
		t.Fatal(err)
	}
}

// TestBoundsHoldForTheOutside lets the outside send more than it said it would.
func TestBoundsHoldForTheOutside(t *testing.T) {
	n, out := outsideWorld(t)
	n.Command("alice", []string{"listen", "svc"})
	syn := append([]byte{byte(segSYN) | segForward, 0, 5, 10}, "svc"...) // dial 5, 10 bytes may be queued
	if err := arrive(n, "s", syn); err != nil {
		t.Fatal(err)
	}
	data := []byte{byte(segData) | segForward, 0, 5}
	if err := arrive(n, "s", append(data, "0123456789"...)); err != nil {
		t.Errorf("as much as may be queued: %v", err)
	}
	if err := arrive(n, "s", append(data, bytes.Repeat([]byte("x"), 11)...)); err == nil {
		t.Error("more than may be queued is no error")
	}
	if last := (*out)[len(*out)-1]; last[2] != byte(segRST) {
		t.Errorf("the last segment out is % x, want a break", last)
	}
	if answer, _ := n.Command("alice", []string{"log"}); !bytes.Contains([]byte(answer), []byte("at 2 from bob")) {
		t.Errorf("alice saw\n%s", answer)
	}
}

// FuzzSegments gives a stream link what nobody has checked.
func FuzzSegments(f *testing.F) {
	f.Add([]byte{byte(segSYN) | segForward, 0, 5, 10, 's', 'v', 'c'}, []byte{byte(segData) | segForward, 0, 5, 'x'})
	f.Add([]byte{byte(segACK), 0, 0, 100}, []byte{byte(segCredit), 0, 0, 100})
	f.Add([]byte{byte(segSYN) | segForward, 0, 0, 0}, []byte{byte(segFIN) | segForward, 0, 0})
	f.Add([]byte{byte(segRST), 3, 0}, []byte{byte(segRST) | segForward, 255, 1})
	f.Fuzz(func(t *testing.T, one, two []byte) {
		n, _ := outsideWorld(t)
		n.Command("alice", []string{"listen", "svc"})
		n.Command("alice", []string{"dial", "bob:other"})
		for _, b := range [][]byte{one, two, one} {
			if s, err := ParseSegment(b); err == nil {
				if again, err := ParseSegment(s.Append(nil)); err != nil || !reflect.DeepEqual(again, s) {
					t.Errorf("% x is %+v, and written down %+v, %v", b, s, again, err)
				}
			}
			_ = arrive(n, "s", b)
		}
		if err := n.sched.Err(); err != nil {
			t.Fatal(err)
		}
		if k := n.host.FramesInUse(); k != 0 {
			t.Errorf("%d frames are held", k)
		}
	})
}
