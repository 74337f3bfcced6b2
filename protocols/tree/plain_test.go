package tree

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"example.com/dsim/cells"
	"example.com/dsim/cells/celltest"
	"example.com/dsim/clock"
)

func plainTalk(t testing.TB) *celltest.Conversation {
	return newTalk(t, func(c *Config) { c.Reading = Plain })
}

func TestPlainIsTheTable(t *testing.T) {
	k := plainTalk(t)
	k.Idle("no root, and nothing known")
	recv(k, 0, "TREE_BUILD a:p0 x1 0")
	k.Want("joined, acknowledged, passed on to all others",
		celltest.EmitText(KindJoined, "a:p0 hops 1 by p0"),
		send(0, "TREE_BUILD_ACK a:p0 x1 1 [m:p0]"),
		send(1, "TREE_BUILD a:p0 x1 1"), send(2, "TREE_BUILD a:p0 x1 1"))
	recv(k, 1, "TREE_BUILD a:p0 x1 0")
	k.Idle("a known tree")
	recv(k, 1, "TREE_BUILD_ACK a:p0 x1 2 [b:p0]")
	k.Want("leafward from now on, and on rootward", send(0, "TREE_BUILD_ACK a:p0 x1 2 [m:p1,b:p0]"))
	if got, want := k.StateText("tree.a:p0"), "hops=1 rootward=p0 parent=a:p0 instance=x1 leafward=p1"; got != want {
		t.Errorf("shows %q, want %q", got, want)
	}
	recv(k, 0, "RTP a:p0 False 0")
	k.Want("a token leafward", send(1, "RTP a:p0 False 1"))
	recv(k, 1, "RTP a:p0 True 2")
	k.Want("and rootward", send(0, "RTP a:p0 True 2"))
	recv(k, 2, "TREE_BUILD a:p0 x2 4")
	k.Want("another instance replaces, and is not passed on",
		celltest.EmitText(KindJoined, "a:p0 hops 5 by p2"),
		send(2, "TREE_BUILD_ACK a:p0 x2 5 [m:p2]"))
	recv(k, 0, "RTP a:p0 False 0")
	k.Want("from a leaf", send(2, "RTP a:p0 True 1"))
	recv(k, 1, "TREE_BUILD_ACK a:p0 x2 6 [b:p0]")
	k.Take()
	recv(k, 2, "TREE_BUILD_INVALIDATION a:p0 x2 False")
	k.Want("left, and passed on leafward", celltest.EmitText(KindLeft, "a:p0"), send(1, "TREE_BUILD_INVALIDATION a:p0 x2 False"))
	recv(k, 2, "TREE_BUILD_INVALIDATION a:p0 x2 False")
	k.Idle("it is in it no more")
}

func TestPlainInvalidatesOnlyNextToTheRoot(t *testing.T) {
	for hops, want := range [][]celltest.Effect{
		{celltest.EmitText(KindLeft, "a:p0"), send(1, "TREE_BUILD_INVALIDATION a:p0 x1 False")},
		{celltest.EmitText(KindLeft, "a:p0")},
	} {
		k := plainTalk(t)
		recv(k, 0, fmt.Sprintf("TREE_BUILD a:p0 x1 %d", hops))
		recv(k, 1, "TREE_BUILD_ACK a:p0 x1 2 [b:p0]")
		k.Take()
		k.Down(0, errors.New("silent"))
		k.Want("the rootward port is lost", want...)
	}
}

func TestPlainRootsATreeAtEachPort(t *testing.T) {
	k := newTalk(t, func(c *Config) { c.Reading, c.Root = Plain, true })
	in := field(k.StateText("tree.m:p1"), "instance")
	k.Want("three", celltest.SendAny(0), send(1, "TREE_BUILD m:p1 "+in+" 0"), celltest.SendAny(2))
	recv(k, 0, "TREE_BUILD m:p1 "+in+" 4")
	k.Idle("which are not joined")
	recv(k, 1, "TREE_BUILD_ACK m:p1 "+in+" 1 [b:p0]")
	recv(k, 1, "TREE_BUILD_ACK m:p1 "+in+" 2 [b:p1,c:p0]")
	recv(k, 1, "TREE_BUILD_ACK m:p1 other 2 [b:p1,d:p0]")
	k.Idle("nobody to tell")
	if got, want := k.StateText("paths.m:p1"), "m:p1,b:p0,b:p1,c:p0"; got != want {
		t.Errorf("shows %q, want %q", got, want)
	}
	recv(k, 0, "TREE_BUILD a:p0 x 0")
	k.Take()
	k.Down(1, cells.ErrRemoved)
	k.Up(1)
	k.Want("a new instance, and the trees it knows", celltest.SendAny(1), send(1, "TREE_BUILD a:p0 x 1"))
	if field(k.StateText("tree.m:p1"), "instance") == in {
		t.Error("the instance is the old one")
	}
	k.Command("rtp")
	k.Want("a token for each", send(0, "RTP m:p0 False 0"), send(1, "RTP m:p1 False 0"), send(2, "RTP m:p2 False 0"))
	recv(k, 1, "RTP m:p1 True 3")
	k.Want("back", celltest.Emit(KindToken, 3, 0))
}

// plainWorld is a ring of cells of the plain reading.
func plainWorld(t *testing.T, seed uint64, n int, params string) *world {
	w := newWorldOf(seed, func(cells.ID) Config {
		c := Defaults()
		c.Reading = Plain
		return c
	})
	var batch []cells.Change
	for i := range n {
		batch = append(batch, addCell(cellName(i)))
	}
	for i := range n {
		batch = append(batch, addLink(min(i, (i+1)%n), max(i, (i+1)%n), params))
	}
	if err := w.apply(batch...); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestPlainSpansAWorldWithoutFaultsAndFailsUnderLoss(t *testing.T) {
	fails := 0
	const worlds = 40
	for seed := range uint64(worlds) {
		n := 3 + int(seed%6)
		w := plainWorld(t, seed, n, "delay=5ms")
		if err := w.until(clock.Time(5e9)); err != nil {
			t.Fatal(err)
		}
		if err := w.structure(); err != nil {
			t.Errorf("without a fault: %v\n%s", err, w.show())
		}
		w = plainWorld(t, seed, n, "delay=5ms loss=20%")
		if err := w.until(clock.Time(5e9)); err != nil {
			t.Fatal(err)
		}
		if w.structure() != nil {
			fails++
		}
	}
	if fails < worlds*9/10 {
		t.Errorf("the plain reading fails under loss in %d of %d worlds only", fails, worlds)
	}
}

// A cut leaves cells of the plain reading in trees that have no root: only the
// cell next to the root tells.
func TestPlainKeepsDeadTreesAfterACut(t *testing.T) {
	w := newWorldOf(1, func(cells.ID) Config {
		c := Defaults()
		c.Reading = Plain
		return c
	})
	batch := []cells.Change{addCell("a"), addCell("b"), addCell("c"), addCell("d")}
	for i := range 3 {
		batch = append(batch, addLink(i, i+1, "delay=1ms"))
	}
	if err := w.apply(batch...); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		until int64
		link  string
		want  string
	}{{3e9, "bc", ""}, {6e9, "", "cannot be reached"}} {
		if err := w.until(clock.Time(step.until)); err != nil {
			t.Fatal(err)
		}
		err := w.structure()
		if got := fmt.Sprint(err); err == nil != (step.want == "") || !strings.Contains(got, step.want) {
			t.Fatalf("at %d ns: %v", step.until, err)
		}
		if step.link != "" {
			if err := w.apply(setLink(step.link, "cut=lost")); err != nil {
				t.Fatal(err)
			}
		}
	}
}
