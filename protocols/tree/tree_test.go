package tree

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/cells/celltest"
	"example.com/dsim/des"
	"example.com/dsim/protocols/internal/talk"
)

func TestTagsSayTheDefaults(t *testing.T) { talk.WantTags(t, Defaults()) }

func TestConfigsThatMakeNoSense(t *testing.T) {
	for _, c := range []struct {
		want   string
		change func(*Config)
	}{
		{"reading", func(c *Config) { c.Reading = "x" }},
		{"ttl", func(c *Config) { c.TTL = 0 }},
		{"timeout", func(c *Config) { c.Timeout = 0 }},
		{"gather", func(c *Config) { c.Gather = -1 }},
		{"delay", func(c *Config) { c.Delay = -1 }},
		{"interval", func(c *Config) { c.Interval = des.Constant(0) }},
		{"transactions", func(c *Config) { c.Reading, c.Transactions = Plain, 1 }},
		{"tolerance", func(c *Config) { c.Tolerance = 0 }},
	} {
		config := Defaults()
		c.change(&config)
		if _, err := New(config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v", c.want, err)
		}
	}
}

// neighbours of the cell m of conversations: ports p0, p1, p2.
var neighbours = celltest.Options{ID: "m", Ports: []celltest.Port{{Name: "p0", Peer: "a:p0"}, {Name: "p1", Peer: "b:p0"}, {Name: "p2", Peer: "c:p0"}}}

// newTalk begins a conversation with a cell without the link protocol: its
// ports are up when a neighbour is there.
func newTalk(t testing.TB, change func(*Config)) *celltest.Conversation {
	c := Defaults()
	c.Root = false
	if change != nil {
		change(&c)
	}
	var p cells.Protocol = newCell(c)
	if c.Reading == Plain {
		p = newPlain(c)
	}
	k := celltest.New(t, p, neighbours)
	k.Start()
	for i := range neighbours.Ports {
		k.Up(cells.Port(i))
	}
	return k
}

func recv(k *celltest.Conversation, p cells.Port, text string) { k.Recv(p, []byte(text)) }

func send(p cells.Port, text string) celltest.Effect { return celltest.Send(p, []byte(text)) }

// Instances of the root r, the older first.
const (
	i1 = "00000000000000010000000000000009"
	i2 = "00000000000000020000000000000001"
)

var gather = celltest.Arm(timerGather, 20*time.Millisecond)

// joined is a cell that is two hops from r by port 0, and has port 2's
// neighbour below it.
func joinedTalk(t testing.TB) *celltest.Conversation {
	k := newTalk(t, nil)
	recv(k, 0, "TREE_BUILD r "+i1+" 1 4")
	recv(k, 2, "TREE_BUILD_ACK r "+i1+" 3 [c:p0] 4")
	k.Advance(20 * time.Millisecond)
	recv(k, 0, "ADMITTED r "+i1+" 1 6")
	k.Take()
	return k
}

func TestACellJoinsTellsAndAsks(t *testing.T) {
	k := newTalk(t, nil)
	k.Idle("nothing is known")
	recv(k, 0, "TREE_BUILD r "+i1+" 1 4")
	k.Want("the first offer is taken, and told to all",
		celltest.EmitText(KindJoined, "r hops 2 by p0"),
		send(0, "TREE_BUILD_ACK r "+i1+" 2 [m:p0] 4"),
		send(1, "TREE_BUILD r "+i1+" 2 4"),
		send(2, "TREE_BUILD r "+i1+" 2 4"),
		gather)
	recv(k, 0, "TREE_BUILD r "+i1+" 1 4")
	recv(k, 1, "TREE_BUILD r "+i1+" 2 4")
	k.Idle("nothing new, and nothing better")
	recv(k, 2, "TREE_BUILD_ACK r "+i1+" 3 [c:p0,c:p1,d:p0] 4")
	k.Idle("who joins below is told rootward after a while")
	k.Advance(20 * time.Millisecond)
	k.Want("with each port once, and the question how many transactions there are",
		send(0, "TREE_BUILD_ACK r "+i1+" 2 [m:p0,m:p2,c:p0,c:p1,d:p0] 4"),
		send(0, "ADMIT r "+i1+" 1"))
	if got, want := k.StateText("tree.r"), "hops=2 rootward=p0 parent=a:p0 instance="+i1+" generation=4 leafward=p2"; got != want {
		t.Errorf("shows %q, want %q", got, want)
	}
	recv(k, 1, "TREE_BUILD r "+i1+" 0 4")
	k.Want("a shorter way is taken",
		celltest.EmitText(KindJoined, "r hops 1 by p1"),
		send(0, "TREE_BUILD r "+i1+" 1 4"),
		send(1, "TREE_BUILD_ACK r "+i1+" 1 [m:p1,m:p2,c:p0,c:p1,d:p0] 4"),
		send(2, "TREE_BUILD r "+i1+" 1 4"),
		gather)
}

func TestWhatCannotBeRepairedHereAsksForANewGeneration(t *testing.T) {
	k := joinedTalk(t)
	recv(k, 1, "TREE_BUILD r "+i1+" 2 4")
	k.Idle("an offer that is as far as the cell itself may come from below")
	recv(k, 0, "TREE_BUILD_INVALIDATION r "+i1+" False 4")
	k.Want("so it is not taken, when there is nothing else",
		celltest.EmitText(KindLeft, "r"),
		send(0, "TREE_BUILD_INVALIDATION r "+i1+" False 4"),
		send(1, "TREE_BUILD_INVALIDATION r "+i1+" False 4"),
		send(2, "TREE_BUILD_INVALIDATION r "+i1+" False 4"),
		send(1, "TREE_BUILD_INVALIDATION r "+i1+" True 4"))
	if k.StateText("tree.r") != noTree || k.State("trees") != 0 {
		t.Error("shows a tree that it has left")
	}
	recv(k, 2, "TREE_BUILD r "+i1+" 3 4")
	k.Idle("who was below may not be taken either")
	recv(k, 1, "TREE_BUILD r "+i1+" 2 5")
	k.Want("a new generation may",
		celltest.EmitText(KindJoined, "r hops 3 by p1"),
		send(0, "TREE_BUILD r "+i1+" 3 5"),
		send(1, "TREE_BUILD_ACK r "+i1+" 3 [m:p1] 5"),
		send(2, "TREE_BUILD r "+i1+" 3 5"))
	recv(k, 2, "TREE_BUILD_INVALIDATION r "+i1+" True 5")
	k.Want("who is in the tree passes the request on", send(1, "TREE_BUILD_INVALIDATION r "+i1+" True 5"))
	recv(k, 0, "TREE_BUILD_INVALIDATION r "+i1+" True 5")
	recv(k, 0, "TREE_BUILD_INVALIDATION r "+i1+" True 4")
	recv(k, 0, "TREE_BUILD_INVALIDATION r "+i2+" True 5")
	k.Idle("once")
	k.Take()
	recv(k, 1, "TREE_BUILD_INVALIDATION r "+i1+" False 5")
	k.WantSome("without the way rootward", celltest.EmitText(KindLeft, "r"))
	recv(k, 0, "TREE_BUILD r "+i1+" 2 5")
	k.WantSome("the request goes the new way", celltest.EmitText(KindJoined, "r hops 3 by p0"),
		send(0, "TREE_BUILD_INVALIDATION r "+i1+" True 5"))
}

func TestALostNeighbourIsForgotten(t *testing.T) {
	k := joinedTalk(t)
	recv(k, 1, "TREE_BUILD r "+i1+" 1 4")
	k.Idle("as good as what there is")
	k.Down(0, cells.ErrRemoved)
	k.Want("and taken when that is gone",
		celltest.EmitText(KindJoined, "r hops 2 by p1"),
		send(1, "TREE_BUILD_ACK r "+i1+" 2 [m:p1,m:p2,c:p0] 4"))
	k.Down(2, cells.ErrRemoved)
	k.Want("who was below is taken off the list", gather)
	k.Advance(20 * time.Millisecond)
	k.Want("later", send(1, "TREE_BUILD_ACK r "+i1+" 2 [m:p1] 4"))
	k.Up(0)
	k.Want("who is there again is told", send(0, "TREE_BUILD r "+i1+" 2 4"))
}

func TestTheLaterInstanceWins(t *testing.T) {
	k := joinedTalk(t)
	recv(k, 1, "TREE_BUILD r "+i2+" 7 0")
	k.WantSome("however far it is", celltest.EmitText(KindJoined, "r hops 8 by p1"))
	k.Take()
	recv(k, 0, "TREE_BUILD r "+i1+" 0 9")
	k.Idle("and the earlier is nothing any more")
}

// rootTalk is the root m, and its instance.
func rootTalk(t testing.TB, change func(*Config)) (*celltest.Conversation, string) {
	k := newTalk(t, func(c *Config) {
		c.Root = true
		if change != nil {
			change(c)
		}
	})
	in := field(k.StateText("tree.m"), "instance")
	if len(in) != 32 {
		t.Fatalf("shows %q", k.StateText("tree.m"))
	}
	return k, in
}

func TestARootOffersItsTreeAndBuildsItAnew(t *testing.T) {
	k, in := rootTalk(t, nil)
	k.Want("to all", send(0, "TREE_BUILD m "+in+" 0 0"), send(1, "TREE_BUILD m "+in+" 0 0"), send(2, "TREE_BUILD m "+in+" 0 0"))
	recv(k, 0, "TREE_BUILD_ACK m "+in+" 1 [a:p0,a:p1,d:p0] 0")
	recv(k, 1, "TREE_BUILD_ACK m "+in+" 1 [b:p0] 0")
	k.Idle("it has nobody to tell")
	if got, want := k.StateText("paths.m"), "m:p0,a:p0,a:p1,d:p0,m:p1,b:p0"; got != want || k.State("members") != 4 {
		t.Errorf("shows the paths %q, want %q, and %d members", got, want, k.State("members"))
	}
	recv(k, 0, "ADMIT m "+in+" 5")
	k.Want("an answer", send(0, "ADMITTED m "+in+" 5 0"))
	recv(k, 0, "TREE_BUILD_INVALIDATION m "+in+" True 0")
	k.Want("a new generation", send(0, "TREE_BUILD m "+in+" 0 1"), send(1, "TREE_BUILD m "+in+" 0 1"), send(2, "TREE_BUILD m "+in+" 0 1"))
	recv(k, 1, "TREE_BUILD_INVALIDATION m "+in+" True 0")
	k.Idle("once for all who asked")
	recv(k, 2, "TREE_BUILD m "+strings.Repeat("0", 32)+" 3 0")
	k.Idle("an earlier instance of its own")
	late := "00000000ffffffff0000000000000000"
	recv(k, 2, "TREE_BUILD m "+late+" 3 0")
	k.WantSome("one that is later than it can be is outdone", celltest.SendWhere(1, "a build", func(b []byte) bool {
		return strings.HasPrefix(string(b), "TREE_BUILD m 0000000100000000")
	}))
}

func TestTransactions(t *testing.T) {
	k, in := rootTalk(t, nil)
	recv(k, 0, "TREE_BUILD_ACK m "+in+" 1 [a:p0] 0")
	recv(k, 1, "TREE_BUILD_ACK m "+in+" 1 [b:p0] 0")
	k.Take()
	id := int64(treeHash("m", newReader(in).instance()))
	if answer, err := k.Command("transact", "what", "now"); err != nil || answer != "transaction 1" {
		t.Fatalf("%q %v", answer, err)
	}
	k.Want("a transaction goes to all who have joined",
		celltest.Emit(KindBegin, id, 1), celltest.Emit(KindExecute, id, 1),
		send(0, "REQUEST m "+in+" 1 what now"), send(1, "REQUEST m "+in+" 1 what now"),
		celltest.ArmAny(timerExpire))
	recv(k, 2, "REPLY m "+in+" 1 1 0000000000000001 True")
	recv(k, 0, "REPLY m "+in+" 1 3 0000000000000005 True")
	recv(k, 0, "REPLY m "+in+" 1 3 0000000000000005 True")
	k.Idle("one waits, and nobody counts twice")
	recv(k, 1, "REPLY m "+in+" 1 2 0000000000000006 True")
	k.Want("all have", celltest.Emit(KindCells, 6, int64(cellHash("m")+11)), celltest.Emit(KindComplete, id, 1))
	k.Command("transact")
	k.Take()
	recv(k, 0, "REPLY m "+in+" 2 3 0000000000000005 False")
	k.Down(1, cells.ErrRemoved)
	k.Want("not all", celltest.Emit(KindCells, 4, int64(cellHash("m")+5)), celltest.Emit(KindPartial, id, 2))
	k.Command("transact")
	k.Take()
	k.Advance(5 * time.Second)
	k.WantSome("in time", celltest.Emit(KindCells, 1, int64(cellHash("m"))), celltest.Emit(KindTimedOut, id, 3))
	recv(k, 0, "REPLY m "+in+" 3 3 0000000000000005 True")
	k.Idle("too late")
	if k.State("replies_late") != 3 {
		t.Errorf("%d replies were late", k.State("replies_late"))
	}
}

func TestATransactionPassesOnce(t *testing.T) {
	k := joinedTalk(t) // admitted from number 6 on
	id := int64(treeHash("r", newReader(i1).instance()))
	refused := func(number int) celltest.Effect {
		return send(0, fmt.Sprintf("REPLY r %s %d 0 0000000000000000 False", i1, number))
	}
	recv(k, 0, "REQUEST r "+i1+" 6")
	k.Want("what may have been executed in an earlier life is not, but passed on",
		send(2, "REQUEST r "+i1+" 6"), celltest.ArmAny(timerExpire))
	recv(k, 2, "REPLY r "+i1+" 6 1 0000000000000001 True")
	k.Want("and is partial", send(0, "REPLY r "+i1+" 6 1 0000000000000001 False"))
	recv(k, 0, "REQUEST r "+i1+" 7 text")
	k.Want("the next is executed", celltest.Emit(KindExecute, id, 7), send(2, "REQUEST r "+i1+" 7 text"))
	recv(k, 0, "REQUEST r "+i1+" 7 text")
	k.Want("once", refused(7))
	recv(k, 1, "REQUEST r "+i1+" 8")
	k.Want("by the rootward port only", send(1, "REPLY r "+i1+" 8 0 0000000000000000 False"))
	recv(k, 0, "REQUEST r "+i2+" 8")
	recv(k, 0, "REQUEST x "+i1+" 8")
	k.Want("of the instance it is in", send(0, "REPLY r "+i2+" 8 0 0000000000000000 False"), send(0, "REPLY x "+i1+" 8 0 0000000000000000 False"))
	recv(k, 2, "REPLY r "+i1+" 7 1 0000000000000001 True")
	k.Want("both have", send(0, fmt.Sprintf("REPLY r %s 7 2 %016x True", i1, cellHash("m")+1)))
	recv(k, 0, "REQUEST r "+i1+" 9")
	k.Take()
	k.Down(0, cells.ErrRemoved)
	k.Take()
	recv(k, 2, "REPLY r "+i1+" 9 1 0000000000000001 True")
	k.Idle("nobody wants the answer any more")
}

func TestQuestionsFromBelowGoOnAsOne(t *testing.T) {
	k := joinedTalk(t)
	recv(k, 2, "ADMIT r "+i1+" 11")
	k.Want("after a while", gather)
	recv(k, 1, "ADMIT r "+i1+" 3")
	recv(k, 1, "ADMIT r "+i2+" 4")
	k.Advance(20 * time.Millisecond)
	k.Want("as one", send(0, "ADMIT r "+i1+" 2"))
	recv(k, 0, "ADMITTED r "+i1+" 1 8")
	recv(k, 1, "ADMITTED r "+i1+" 2 8")
	recv(k, 0, "ADMITTED r "+i2+" 2 8")
	k.Idle("not the answer to it")
	recv(k, 0, "ADMITTED r "+i1+" 2 8")
	k.Want("the answer", send(2, "ADMITTED r "+i1+" 11 8"), send(1, "ADMITTED r "+i1+" 3 8"))
	recv(k, 2, "ADMIT r "+i1+" 12")
	k.Advance(20 * time.Millisecond)
	k.Take()
	recv(k, 1, "TREE_BUILD r "+i1+" 0 4")
	k.Advance(20 * time.Millisecond)
	k.WantSome("when the way has changed, again", celltest.EmitAny(KindJoined), send(1, "ADMIT r "+i1+" 4"))
	k.Down(2, cells.ErrRemoved)
	k.Up(2)
	k.Take()
	recv(k, 1, "ADMITTED r "+i1+" 4 9")
	k.Idle("who asked is another now")
}

func TestDataAndTokens(t *testing.T) {
	k := joinedTalk(t)
	data := func(to, ttl string) string {
		return `DATA_PACKET {"source_id":"x","destination_id":"` + to + `","payload":"hi","message_id":"x-1","ttl":` + ttl + `,"timestamp":5}`
	}
	recv(k, 1, data("m", "3"))
	k.Want("for this cell", celltest.EmitText(KindData, "x x-1 hi"))
	recv(k, 1, data("r", "3"))
	k.Want("rootward in its own tree", send(0, data("r", "2")))
	recv(k, 1, data("c", "3"))
	k.Want("leafward to who has joined here", send(2, data("c", "2")))
	recv(k, 1, data("elsewhere", "3"))
	k.Want("else rootward", send(0, data("elsewhere", "2")))
	recv(k, 1, data("elsewhere", "0"))
	recv(k, 1, "DATA_PACKET {}")
	recv(k, 1, "DATA_PACKET")
	k.Idle("these go nowhere")
	recv(k, 0, "RTP r False 1 7")
	k.Want("a token goes leafward", send(2, "RTP r False 2 7"))
	recv(k, 2, "RTP r True 3 7")
	k.Want("and back", send(0, "RTP r True 3 7"))
	k.Down(2, cells.ErrRemoved)
	k.Take()
	recv(k, 0, "RTP r False 1 8")
	k.Want("from a leaf", send(0, "RTP r True 2 8"))
	if k.State("malformed") != 2 {
		t.Errorf("%d were malformed", k.State("malformed"))
	}
}

func TestMalformedMessagesAreCountedAndDropped(t *testing.T) {
	k := joinedTalk(t)
	was := k.State("malformed")
	for i, s := range []string{
		"", " ", "TREE_BUILD", "TREE_BUILD r " + i1 + " 1", "TREE_BUILD r " + i1 + " 1 4 5", "TREE_BUILD r " + i1 + " 01 4",
		"TREE_BUILD r " + i1 + " 1 4 ", "TREE_BUILD  " + i1 + " 1 4", "TREE_BUILD r,s " + i1 + " 1 4", "TREE_BUILD r 12 1 4",
		"TREE_BUILD r " + strings.ToUpper("a") + i1[1:] + " 1 4", "TREE_BUILD r " + i1 + " 1234567890123456789 4",
		"TREE_BUILD_ACK r " + i1 + " 3 c:p0 4", "TREE_BUILD_ACK r " + i1 + " 3 [c:p0,,d] 4", "TREE_BUILD_ACK r " + i1 + " 3 [ 4",
		"TREE_BUILD_INVALIDATION r " + i1 + " false 4", "REPLY r " + i1 + " 1 1 1 True", "REQUEST r", "ADMIT r", "ADMITTED r " + i1 + " 1",
		"RTP r Perhaps 1 1", "HELLO",
	} {
		recv(k, 0, s)
		k.Idle(fmt.Sprintf("%q says nothing", s))
		if got := k.State("malformed") - was; got != int64(i+1) {
			t.Fatalf("%q was not counted", s)
		}
	}
}

func TestStateIsKept(t *testing.T) {
	k := joinedTalk(t)
	recv(k, 0, "REQUEST r "+i1+" 9")
	saved := k.Host().Protocol(k.Cell()).(cells.Durable).Save()
	p := newCell(Defaults())
	if err := p.Restore(saved); err != nil {
		t.Fatal(err)
	}
	k2 := celltest.New(t, p, neighbours)
	k2.Start()
	k2.Up(0)
	k2.Take()
	recv(k2, 0, "TREE_BUILD r "+i1+" 2 4")
	k2.Want("an offer from below may not be taken", send(0, "TREE_BUILD_INVALIDATION r "+i1+" True 4"))
	recv(k2, 0, "TREE_BUILD r "+i1+" 1 4")
	k2.Take()
	recv(k2, 0, "REQUEST r "+i1+" 9")
	k2.Want("nothing is executed twice", send(0, "REPLY r "+i1+" 9 0 0000000000000000 False"))
	if k2.State("requests_seen") != 2 {
		t.Error("counters are not kept")
	}
	for _, bad := range []string{"", "{", `{"Trees":[{"Root":"a b"}]}`} {
		if newCell(Defaults()).Restore([]byte(bad)) == nil {
			t.Errorf("%q was restored", bad)
		}
	}
}

func TestALongListIsCutToWhatThePortCarries(t *testing.T) {
	c := Defaults()
	c.Root = false
	k := celltest.New(t, newCell(c), celltest.Options{ID: "m", Ports: []celltest.Port{{Name: "p0", MTU: 100}, {Name: "p1"}}})
	k.Start()
	k.Up(0)
	k.Up(1)
	recv(k, 0, "TREE_BUILD r "+i1+" 1 4")
	recv(k, 1, "TREE_BUILD_ACK r "+i1+" 3 ["+strings.Repeat("x", 60)+"] 4")
	k.Take()
	k.Advance(20 * time.Millisecond)
	k.Want("the cell itself still stands there", send(0, "TREE_BUILD_ACK r "+i1+" 2 [m:p0] 4"), send(0, "ADMIT r "+i1+" 1"))
	if k.State("lists_cut") != 1 {
		t.Error("was not counted")
	}
}

func TestCommands(t *testing.T) {
	k := joinedTalk(t)
	for _, c := range []struct{ command, want string }{
		{"trees", "r: hops=2"}, {"stats", "trees=1"}, {"send c hello", "sent"},
	} {
		if got, err := k.Command(strings.Fields(c.command)...); err != nil || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q %v", c.command, got, err)
		}
	}
	for _, c := range []struct{ command, want string }{
		{"", "want transact"},
		{"tree", "want transact"},
		{"transact", "no root"},
		{"rtp", "no root"},
		{"send c", "want a cell"},
		{"send m,n x", "a cell's name"},
	} {
		if _, err := k.Command(strings.Fields(c.command)...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v", c.command, err)
		}
	}
}

func newReader(s string) *reader { return &reader{rest: []byte(s)} }

func FuzzMessages(f *testing.F) {
	f.Add("TREE_BUILD r " + i1 + " 1 4\nTREE_BUILD_ACK r " + i1 + " 3 [c:p0] 4\nREQUEST r " + i1 + " 6")
	f.Add("TREE_BUILD r " + i1 + " 1 4\nTREE_BUILD_INVALIDATION r " + i1 + " False 4\nTREE_BUILD r " + i2 + " 1 4")
	f.Add("TREE_BUILD m " + i2 + " 1 4\nADMIT m " + i1 + " 1\nADMITTED m " + i1 + " 1 1\nRTP m True 1 1")
	f.Add("DATA_PACKET {\"source_id\":\"x\",\"destination_id\":\"m\"}")
	f.Add("TREE_BUILD a:p0 x 1\nTREE_BUILD_ACK a:p0 x 1 [a,b]\nTREE_BUILD_INVALIDATION a:p0 x False\nRTP a:p0 False 1")
	f.Fuzz(func(t *testing.T, messages string) {
		for _, reading := range []string{Ours, Plain} {
			k := newTalk(t, func(c *Config) { c.Reading, c.Root = reading, true })
			i := 0
			for m := range strings.SplitSeq(messages, "\n") {
				recv(k, cells.Port(i%3), m)
				i++
			}
			k.Advance(10 * time.Second)
			k.State("trees")
		}
	})
}
