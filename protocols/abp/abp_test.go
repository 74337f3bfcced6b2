package abp

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/protocols/internal/talk"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Datagrams from literal bytes: messages "hi" of stream 1.
const (
	ack0  = "0100 58c223be"
	ack1  = "0101 2fc51328"
	data0 = "0000 0000000000000001 0000000000000002 6869 5495a870"
	data1 = "0001 0000000000000001 0000000000000003 6869 82b5421f"
)

func newCell(t testing.TB, name cells.ID, change func(*Config)) *talk.Cell {
	c := Defaults()
	change(&c)
	return talk.NewCell(t, name)(New(c))
}

func sender(t testing.TB, change func(*Config)) *talk.Cell {
	return newCell(t, "alice", func(c *Config) {
		c.Role = Sender
		if change != nil {
			change(c)
		}
	})
}

func receiver(t testing.TB, change func(*Config)) *talk.Cell {
	return newCell(t, "bob", func(c *Config) {
		c.Role = Receiver
		if change != nil {
			change(c)
		}
	})
}

// text is the effects of accepting and sending a text for the first time.
func text(alice *talk.Cell, bit uint8, number uint64, s string) []string {
	p := alice.P.(*cell)
	payload, _ := messages.Append(nil, &message{p.Stream, number, []byte(s)})
	frame, _ := datagrams.Append(nil, &datagram{kindData, bit, payload})
	return []string{
		fmt.Sprintf("emit abp-content stream=%d hash=%d", int64(p.Stream), contentHash(payload)),
		fmt.Sprintf("emit accept message=%d bytes=%d", number, len(payload)),
		fmt.Sprintf("send 0 %x", frame),
		"arm 1 50ms",
	}
}

func TestReceiverDeliversTheExpectedBitAndAcksAny(t *testing.T) {
	bob := receiver(t, nil)
	bob.Start()
	bob.Up(0)
	bob.Want("a receiver waits")
	deliver := func(literal string, number int) []string {
		payload := unhex(t, literal)[2:20]
		return []string{
			fmt.Sprintf("emit abp-content stream=1 hash=%d", contentHash(payload)),
			fmt.Sprintf("emit deliver message=%d bytes=18", number),
		}
	}
	bob.Recv(0, unhex(t, data1))
	bob.Want("the other bit is an old message, which is acknowledged again", "send 0 01012fc51328")
	bob.Recv(0, unhex(t, data0))
	bob.Want("the expected bit", append(deliver(data0, 2), "send 0 010058c223be")...)
	bob.Recv(0, unhex(t, data0))
	bob.Want("a duplicate", "send 0 010058c223be")
	bob.Down(0, cells.ErrRemoved)
	bob.Up(0)
	bob.Recv(0, unhex(t, data0))
	bob.Want("the bit survives the link", "send 0 010058c223be")
	bob.Recv(0, unhex(t, data1))
	bob.Want("the other bit, which is now expected", append(deliver(data1, 3), "send 0 01012fc51328")...)
	bob.Recv(0, unhex(t, ack0))
	bob.Want("an acknowledgement is not for a receiver")
	if bob.Attr("delivered") != 2 || bob.Attr("duplicates") != 3 || bob.Attr("stray") != 1 || bob.Attr("acks_sent") != 5 {
		t.Error(bob.P.(*cell).stats())
	}
}

func TestDamagedDatagramsAreCountedAndDropped(t *testing.T) {
	bob := receiver(t, nil)
	bob.Start()
	bob.Up(0)
	n := int64(0)
	for _, c := range []struct{ what, frame string }{
		{"nothing", ""},
		{"only a kind", "00"},
		{"a flipped payload bit", "0000 0000000000000001 0000000000000002 6868 5495a870"},
		{"a flipped checksum bit", "0000 0000000000000001 0000000000000002 6869 5495a871"},
		{"an unknown kind", "0200 73ef707d"},
		{"a bit of 2", "0102 b6cc4292"},
		{"a payload without a number", "00000000000000000001 948d58e0"},
	} {
		b := unhex(t, c.frame)
		bob.Recv(0, b)
		bob.Want(c.what, fmt.Sprintf("emit corrupt bytes=%d", len(b)))
		if n++; bob.Attr("corrupt_dropped") != n {
			t.Errorf("%s was not counted", c.what)
		}
	}
	bob.Recv(7, unhex(t, data0))
	bob.Want("a port that is not the protocol's")
}

func TestSenderConversation(t *testing.T) {
	alice := sender(t, nil)
	alice.Start()
	alice.Want("the first message waits for its delay", "arm 2 0s")
	if _, err := alice.P.(cells.Commander).Command(alice, []string{"send", "m0"}); err != nil {
		t.Fatal(err)
	}
	alice.Want("nothing is accepted while the port is down")
	alice.Up(0)
	m0 := text(alice, 0, 0, "m0")
	alice.Want("the first message has bit 0", m0...)
	alice.Recv(0, unhex(t, ack1))
	alice.Want("an acknowledgement of the other bit is stale")
	alice.Fire(timerRTO)
	alice.Want("rto", "emit retransmit message=0 try=2", m0[2], "arm 1 50ms")
	alice.Fire(timerRTO)
	alice.Want("rto again", "emit retransmit message=0 try=3", m0[2], "arm 1 50ms")
	alice.Down(0, cells.ErrRemoved)
	alice.Want("down: no use in trying", "disarm 1")
	if _, err := alice.P.(cells.Commander).Command(alice, []string{"send", "m1", "and", "more"}); err != nil {
		t.Fatal(err)
	}
	alice.Want("one message at a time")
	alice.Up(0)
	alice.Want("up: at once again, with the same bit", "emit retransmit message=0 try=4", m0[2], "arm 1 50ms")
	alice.Time += 30e6
	alice.Recv(0, unhex(t, ack0))
	alice.Want("acknowledged: the next has the other bit", append([]string{"disarm 1"}, text(alice, 1, 1, "m1 and more")...)...)
	if alice.Attr("rtt_max_ns") != 0 {
		t.Error("a round trip was taken of a message sent several times")
	}
	alice.Recv(0, unhex(t, ack0))
	alice.Want("the acknowledgement's duplicate")
	alice.Time += 20e6
	alice.Recv(0, unhex(t, ack1))
	alice.Want("acknowledged, nothing left", "disarm 1")
	alice.Recv(0, unhex(t, ack1))
	alice.Recv(0, unhex(t, data0))
	alice.Want("idle: an acknowledgement is stale, data is not for a sender")
	for name, want := range map[string]int64{
		"accepted": 2, "acked": 2, "sent": 5, "retransmitted": 3, "stale_acks": 3,
		"stray": 1, "bit": 0, "in_flight": 0, "done": 1, "rtt_ns": 20e6, "rtt_min_ns": 20e6,
	} {
		if got := alice.Attr(name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
}

func TestOwnMessagesKeepTheirInterval(t *testing.T) {
	alice := sender(t, func(c *Config) {
		c.Messages, c.Interval, c.Delay = 2, des.Constant(int64(time.Second)), 3*time.Second
		c.Size = des.Constant(20)
	})
	alice.Start()
	alice.Up(0)
	alice.Want("the delay", "arm 2 3s")
	alice.Fire(timerInterval)
	if got := alice.Take(); len(got) != 5 || got[0] != "arm 2 1s" || got[2] != "emit accept message=0 bytes=20" {
		t.Fatalf("the first message: %q", got)
	}
	alice.Recv(0, unhex(t, ack0))
	alice.Want("acknowledged early", "disarm 1")
	alice.Fire(timerInterval)
	if got := alice.Take(); got[0] != "arm 2 1s" || got[2] != "emit accept message=1 bytes=20" {
		t.Fatalf("the second message: %q", got)
	}
	alice.Fire(timerInterval)
	alice.Recv(0, unhex(t, ack1))
	alice.Want("no third", "disarm 1")
}

func TestSizesKeepToThePort(t *testing.T) {
	alice := sender(t, func(c *Config) { c.Messages, c.Size = 1, des.Constant(1000) })
	alice.Ports[0] = cells.PortInfo{MTU: 100}
	alice.Start()
	alice.Up(0)
	alice.Fire(timerInterval)
	if got := alice.Take(); got[2] != "emit accept message=0 bytes=94" || len(got[3]) != len("send 0 ")+200 {
		t.Errorf("%q", got)
	}
	if _, err := alice.P.(cells.Commander).Command(alice, []string{"send", strings.Repeat("x", 79)}); err == nil || err.Error() != "send: a message of 95 bytes, at most 94 are possible" {
		t.Error(err)
	}
}

func TestCommands(t *testing.T) {
	alice, bob := sender(t, nil), receiver(t, nil)
	alice.Start()
	for _, c := range []struct {
		cell *talk.Cell
		args string
		want string
	}{
		{alice, "", "no command: want send or stats"},
		{alice, "sned x", `unknown command "sned": want send or stats; did you mean send?`},
		{alice, "reboot", `unknown command "reboot": want send or stats`},
		{alice, "send", "send: want a text, or how many messages"},
		{bob, "send x", "send: this cell is a receiver"},
		{alice, "send 9223372036854775807", "send 9223372036854775807: too many messages wait"},
	} {
		_, err := c.cell.P.(cells.Commander).Command(c.cell, strings.Fields(c.args))
		if err == nil || err.Error() != c.want {
			t.Errorf("%q: %v, want %s", c.args, err, c.want)
		}
	}
	if answer, err := alice.P.(cells.Commander).Command(alice, []string{"send", "3"}); answer != "3 messages more" || err != nil || alice.Attr("waiting") != 3 {
		t.Error(answer, err)
	}
	for range TextsMax {
		alice.P.(cells.Commander).Command(alice, []string{"send", "x"})
	}
	if _, err := alice.P.(cells.Commander).Command(alice, []string{"send", "x"}); err == nil {
		t.Error("texts wait without bound")
	}
	answer, err := bob.P.(cells.Commander).Command(bob, []string{"stats"})
	if want := "role=receiver up=false done=true expected_bit=0 delivered=0 duplicates=0 acks_sent=0 corrupt_dropped=0 stray=0"; answer != want || err != nil {
		t.Errorf("%s, %v", answer, err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for want, change := range map[string]func(*Config){
		`abp: role "sendr": want sender, receiver or both`:                               func(c *Config) { c.Role = "sendr" },
		"abp: rto 0s: must be more than 0":                                               func(c *Config) { c.RTO = 0 },
		"abp: delay -1ns: must not be negative":                                          func(c *Config) { c.Delay = -1 },
		"abp: size 15: from 16 to 60000 bytes are possible":                              func(c *Config) { c.Size = des.Constant(15) },
		"abp: interval -1: must not be negative":                                         func(c *Config) { c.Interval = des.Constant(-1) },
		`abp: bug "x": want ignore-bit, ignore-ack-bit, no-checksum or give-up, or none`: func(c *Config) { c.Bug = "x" },
	} {
		c := Defaults()
		change(&c)
		if _, err := New(c); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// The tags are read by the scenario loader: they must say what Defaults says.
func TestTagsSayWhatDefaultsSays(t *testing.T) { talk.WantTags(t, Defaults()) }

// pair joins alice and bob over a link with faults.
func pair(t testing.TB, draw func(n int) int, f talk.Faults, messages uint64, bug string) (w *talk.World, alice, bob *talk.Cell) {
	change := func(c *Config) { c.Messages, c.Size, c.Bug = messages, des.Uniform(16, 60), bug }
	w = &talk.World{Draw: draw, Faults: f, Oracle: NewOracle()}
	alice, bob = sender(t, change), receiver(t, change)
	w.Join(alice, bob)
	return w, alice, bob
}

// xorshift is chance enough for tests that need no shrinking.
func xorshift(x uint64) func(n int) int {
	return func(n int) int {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		return int(x % uint64(n))
	}
}

// Law: over a FIFO link that loses, duplicates and corrupts, messages are
// delivered exactly once and in order; once the link is good, all of them.
func TestExactlyOnceInOrderOverABadLink(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "draw") }
		f := talk.Faults{Loss: draw(60), Duplicate: draw(60), Corrupt: draw(60)}
		w, alice, bob := pair(t, draw, f, 10, "")
		w.Run(200)
		w.Faults = talk.Faults{}
		w.Run(1000)
		if w.Err != nil {
			rt.Fatal(w.Err)
		}
		if bob.Attr("delivered") != 10 || alice.Attr("done") != 1 || bob.Attr("done") != 1 {
			rt.Fatalf("%v: delivered %d of 10", f, bob.Attr("delivered"))
		}
		if err := w.Oracle.Finish(); err != nil {
			rt.Fatal(err)
		}
	})
}

// Law: a restart with kept state, of either end at any moment, is survived.
func TestRestartWithKeptState(t *testing.T) {
	for seed := range uint64(100) {
		draw := xorshift(seed*977 + 1)
		w, alice, bob := pair(t, draw, talk.Faults{Loss: 20, Duplicate: 20}, 20, "")
		for range 10 {
			w.Run(draw(20))
			c, config := alice, Config{Role: Sender}
			if draw(2) == 0 {
				c, config = bob, Config{Role: Receiver}
			}
			config.Messages, config.RTO, config.Size = 20, 50*time.Millisecond, des.Uniform(16, 60)
			fresh, err := New(config)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Restart(c, fresh, c.P.(cells.Durable).Save()); err != nil {
				t.Fatal(err)
			}
		}
		w.Run(3000)
		if w.Err != nil || bob.Attr("delivered") != 20 {
			t.Fatalf("seed %d: %v, delivered %d", seed, w.Err, bob.Attr("delivered"))
		}
	}
}

func TestRestoreRefusesWhatIsNoState(t *testing.T) {
	for _, s := range []string{"", "x", `{"Bit":2}`, `{"Expected":2}`, `{"InFlight":true}`, `{"InFlight":true,"Payload":"AAAA","Accepted":1}`} {
		if receiver(t, nil).P.(cells.Durable).Restore([]byte(s)) == nil {
			t.Errorf("%q was taken", s)
		}
	}
}

// What the protocol does not survive, and the mistakes of the canaries, are
// found by the oracle: within a hundred seeds each.
func TestOracleFinds(t *testing.T) {
	bad := talk.Faults{Loss: 20, Duplicate: 20, Corrupt: 10}
	for _, c := range []struct {
		name   string
		faults talk.Faults
		bug    string
		crash  bool
	}{
		{"reordering", talk.Faults{Loss: 10, Duplicate: 20, Reorder: 50}, "", false},
		{"a crash that loses the bit", bad, "", true},
		{IgnoreBit, bad, IgnoreBit, false},
		{IgnoreAckBit, bad, IgnoreAckBit, false},
		{NoChecksum, bad, NoChecksum, false},
		{GiveUp, bad, GiveUp, false},
	} {
		found := 0
		for seed := range uint64(100) {
			draw := xorshift(seed*7919 + 13)
			w, _, bob := pair(t, draw, c.faults, 50, c.bug)
			if c.crash {
				w.Run(20 + draw(20))
				fresh, _ := New(Config{Role: Receiver, RTO: 1})
				if err := w.Restart(bob, fresh, nil); err != nil {
					t.Fatal(err)
				}
			}
			if w.Run(500); w.Err != nil {
				found++
			}
		}
		if found == 0 {
			t.Errorf("%s: never found", c.name)
		}
	}
}

// Several pairs in one world do not disturb one another, also where one
// restarts its stream.
func TestSeveralPairs(t *testing.T) {
	draw := xorshift(5)
	w := &talk.World{Draw: draw, Faults: talk.Faults{Loss: 20}, Oracle: NewOracle()}
	for i := range 5 {
		config := Defaults()
		config.Messages = 20
		a := talk.NewCell(t, cells.ID(fmt.Sprint("a", i)))(New(config))
		b := talk.NewCell(t, cells.ID(fmt.Sprint("b", i)))(New(config))
		w.Join(a, b)
	}
	w.Run(5000)
	if w.Err != nil {
		t.Fatal(w.Err)
	}
}

func TestOracleErrors(t *testing.T) {
	key := des.Key{Time: 1, Seq: 1}
	say := func(o cells.Oracle, cell cells.ID, k cells.Kind, number, bytes, stream, hash int64) error {
		key.Seq++
		if err := o.Observe(key, cells.Emission{Cell: cell, Kind: KindContent, A: stream, B: hash}); err != nil {
			return err
		}
		return o.Observe(key, cells.Emission{Cell: cell, Kind: k, A: number, B: bytes})
	}
	for _, c := range []struct {
		stream, number, bytes, hash int64
		want                        string
	}{
		{7, 1, 16, 101, ""},
		{7, 0, 16, 100, "bob delivers message 0 of alice again, the next is 1"},
		{7, 2, 16, 102, "bob delivers message 2 of alice, but message 1 was not delivered"},
		{7, 3, 16, 103, "bob delivers message 3 of alice, who has accepted only 3"},
		{7, 1, 16, 102, "bob delivers message 1 of alice with other content: 16 bytes, hash 0x66; accepted were 16, 0x65"},
		{8, 1, 16, 101, "bob delivers message 1 of a stream that nobody sends (0x8)"},
	} {
		o := NewOracle()
		for i := range int64(3) {
			if err := say(o, "alice", KindAccept, i, 16, 7, 100+i); err != nil {
				t.Fatal(err)
			}
		}
		if err := say(o, "bob", KindDeliver, 0, 16, 7, 100); err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := say(o, "bob", KindDeliver, c.number, c.bytes, c.stream, c.hash); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
		if err := o.Observe(key, cells.Emission{Cell: "other", Kind: KindDeliver, A: 99}); err != nil {
			t.Errorf("another protocol's emission: %v", err)
		}
	}
}

func TestPrint(t *testing.T) {
	for in, want := range map[string]string{
		data1: `abp kind=data bit=1 stream=0x1 number=3 body=2:"hi"`,
		ack0:  `abp kind=ack bit=0 payload=0:""`,
		"00":  "abp: bit at byte 1: 0 bytes, want at least 1",
	} {
		if got := Print(unhex(t, in)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// Any bytes may come: nothing panics, and what is answered can be decoded.
func FuzzRecv(f *testing.F) {
	for _, s := range []string{"", ack0, ack1, data0, data1} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, bug := range []string{"", NoChecksum} {
			c := newCell(t, "x", func(c *Config) { c.Messages, c.Bug = 2, bug })
			c.Start()
			c.Up(0)
			c.Fire(timerInterval)
			for range 3 {
				c.Recv(0, b)
			}
		}
	})
}
