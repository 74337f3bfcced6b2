package replay

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/dsim/des"
)

func TestCausesLeadBackToTheStart(t *testing.T) {
	tr := mustOpen(t, synthTrace(t, Events, 30, 15))
	recs, _ := collect(30)
	last := recs[0]
	for _, r := range recs {
		if r.Op == des.OpRecv && r.Cell == "alice" {
			last = r
		}
	}
	chain, err := Causes(tr, last.Key, 100)
	if err != nil {
		t.Fatal(err)
	}
	if chain[0].Op != des.OpRecv || chain[1].Cell != "bob" || chain[2].Op != des.OpTimer {
		t.Errorf("chain begins with %v, %v, %v: want arrival at alice, at bob, alice's timer", chain[0], chain[1], chain[2])
	}
	if end := chain[len(chain)-1]; end.Op != des.OpStart || end.Cell != "alice" {
		t.Errorf("chain ends with %v: want alice's start", end)
	}
	if few, _ := Causes(tr, last.Key, 2); len(few) != 2 {
		t.Errorf("%d causes, want at most 2", len(few))
	}
	x, err := NewCausalIndex(tr, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(chain); i++ {
		if k, ok := x.Cause(chain[i].Key); !ok || k != chain[i+1].Key {
			t.Errorf("index: cause of %s is %s, want %s", chain[i].Key, k, chain[i+1].Key)
		}
	}
	events := 0
	for _, r := range recs {
		if r.Op.Event() {
			events++
		}
	}
	after, err := Consequences(tr, recs[0].Key, 1_000_000)
	if err != nil || len(after) != events-1 {
		t.Errorf("alice's start led to %d events, %v: want all but bob's start, %d", len(after), err, events-1)
	}
	if small, err := NewCausalIndex(tr, 3); err != nil || !small.Full() || x.Full() {
		t.Errorf("an index of 3 events does not say that it is full: %v", err)
	}
	if n := len(x.Next(recs[0].Key)); n != 1 {
		t.Errorf("alice's start scheduled %d events, want 1", n)
	}
}

func TestPathFollowsAFrameAndItsAnswer(t *testing.T) {
	tr := mustOpen(t, synthTrace(t, Events, 10, 15))
	recs, _ := collect(10)
	lost, whole := int64(0), int64(0)
	arrived := map[int64]bool{}
	for _, r := range recs {
		if r.Op == des.OpRecv && r.Link == "ab>" {
			arrived[r.A] = true
		}
		if r.Op == des.OpVerdict && r.Text == "drop:loss" && r.Link == "ab>" {
			lost = r.A
		}
	}
	for n := int64(1); whole == 0; n++ {
		if arrived[n] {
			whole = n
		}
	}
	ops := func(n int64, hops int) (out []string) {
		steps, err := Path(tr, "ab>", n, hops)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range steps {
			out = append(out, s.Record.Op.String()+" "+s.Record.Link)
		}
		return out
	}
	if d := cmp.Diff([]string{"send ab>", "recv ab>", "send ab<", "recv ab<"}, ops(whole, 5)); d != "" {
		t.Errorf("frame %d (-want +got):\n%s", whole, d)
	}
	if d := cmp.Diff([]string{"send ab>", "recv ab>"}, ops(whole, 0)); d != "" {
		t.Errorf("frame %d, no hop on (-want +got):\n%s", whole, d)
	}
	if lost == 0 {
		t.Fatal("no frame was lost: the test means nothing")
	}
	if d := cmp.Diff([]string{"send ab>", "verdict ab>"}, ops(lost, 5)); d != "" {
		t.Errorf("frame %d, lost (-want +got):\n%s", lost, d)
	}
}

func TestKeysAsWords(t *testing.T) {
	for _, k := range []des.Key{{}, {Time: -5, Delta: 3, Rank: 9, Entity: des.MakeEntity(des.Direction, 7), Seq: 256}, {Time: 1, Entity: des.MakeEntity(des.Input, des.IndexMax), Seq: 1<<64 - 1}} {
		got, err := ParseKey(FormatKey(k))
		if err != nil || got != k {
			t.Errorf("%s: %v, %v", FormatKey(k), got, err)
		}
	}
	for _, s := range []string{"", "1:2:3", "1:0:0:moon:3:4", "x:0:0:dir:3:4", "1:70000:0:dir:3:4", "1:0:0:dir:4000000000:4"} {
		if _, err := ParseKey(s); err == nil {
			t.Errorf("%q: taken", s)
		}
	}
}

func TestServedChoices(t *testing.T) {
	tr := mustOpen(t, synthTrace(t, Choices, 50, 0))
	_, chos := collect(50)
	s, err := tr.Serve()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range chos[1:] {
		if v, ok := s.Lookup(c.What, c.Where, c.N); !ok || v != c.Value {
			t.Errorf("%s: %q, %v", ChoiceText(&c), v, ok)
		}
	}
	if _, ok := s.Lookup("verdict", "ab>", 1<<40); ok {
		t.Error("a choice nobody made was served")
	}
	if d := cmp.Diff(chos[:1], s.Unused()); d != "" {
		t.Errorf("unused (-want +got):\n%s", d)
	}
	two := Serve([]des.Choice{{What: "verdict", Where: "x", Value: "a"}, {What: "verdict", Where: "x", Value: "b"}})
	for i, want := range []string{"a", "b", "b"} {
		if v, _ := two.Lookup("verdict", "x", 0); v != want {
			t.Errorf("question %d: %q, want %q", i, v, want)
		}
		if i == 0 && len(two.Unused()) != 1 {
			t.Errorf("after one question %v is unused: want the second value", two.Unused())
		}
	}
}
