package realnet

import (
	"strconv"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/replay/journal"
	"example.com/dsim/replay/playback"
	"example.com/dsim/replay/site"
	"example.com/dsim/scenarios"
)

// TestARingIsReplayable runs a sender whose ring has long forgotten how it began:
// what is left of it is played from the state that it starts with.
func TestARingIsReplayable(t *testing.T) {
	dir := t.TempDir()
	header := journal.Header{Site: "alice", Seed: des.SeedOf(7)}
	messages := 3000
	alice := cells.CellSpec{ID: "alice", Protocol: "abp", Ports: []string{"p0"}, Params: []cells.Param{
		param("role", "sender"), param("messages", strconv.Itoa(messages)), param("rto", "2ms"),
	}}
	bob := cells.CellSpec{ID: "bob", Protocol: "abp", Ports: []string{"p0"}, Params: []cells.Param{param("role", "receiver")}}
	p := newTwo(t, false, alice, bob)
	d, err := New(Options{
		Site: site.Config{Name: "alice", Seed: des.SeedOf(7), Make: scenarios.MakeProtocol}, RingHeader: header,
		Ring: &journal.Ring{Dir: dir, Segments: 3, SegmentBytes: 16 << 10},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.side[0].Close()
	p.side[0] = d
	if err := d.Apply(1, []cells.Change{{Op: cells.AddCell, Cell: alice}}); err != nil {
		t.Fatal(err)
	}
	p.join(bindings(t, "unix"), param("loss", "2%"))
	p.until("all messages arrive", 60*time.Second, func() bool { return p.attr(1, "delivered") >= int64(messages) })
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	list, err := journal.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 3 || list[0].Segment == 0 {
		t.Fatalf("the ring is %+v", list)
	}
	for _, file := range list {
		r, err := journal.Open(file.Path)
		if err != nil {
			t.Fatal(err)
		}
		report, err := playback.Play(r, playback.Options{Make: scenarios.MakeProtocol})
		if err != nil {
			t.Fatalf("%s: %v", file.Path, err)
		}
		t.Logf("%s: %+v", file.Path, report)
		if report.Inputs < 50 || report.Marks == 0 || !report.Same() {
			t.Errorf("%s is not reproduced: %+v", file.Path, report)
		}
		r.Close()
	}
}
