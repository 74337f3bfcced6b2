package echo

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/protocols/internal/talk"
)

func newClient(t testing.TB, change func(*Config)) *talk.Cell {
	c := Defaults()
	c.Role, c.Dial = Client, "server:echo"
	if change != nil {
		change(&c)
	}
	return talk.NewCell(t, "client")(New(c))
}

func newServer(t testing.TB, change func(*Config)) *talk.Cell {
	c := Defaults()
	if change != nil {
		change(&c)
	}
	return talk.NewCell(t, "server")(New(c))
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fnv is FNV-1a from 0, written down a second time.
func fnv(b []byte) int64 {
	h := uint64(0)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return int64(h)
}

func TestServerConversation(t *testing.T) {
	s := newServer(t, nil)
	s.Start()
	s.Want("a server listens", "listen 1 echo")
	q := s.Accept(1)
	s.Want("accepted: nothing to say", []string(nil)...)
	s.Recv(q, unhex(t, "000000"))
	s.Want("the id is not whole yet")
	s.Recv(q, unhex(t, "0000000007 68"))
	s.Want("the id, and a byte more",
		"emit echo-up connection=7 side=1",
		"emit echo-received connection=7 position=9", "emit echo-sent connection=7 position=9",
		"send 2 000000000000000768")
	s.Recv(q, unhex(t, "69"))
	s.Want("and another", "emit echo-received connection=7 position=10", "emit echo-sent connection=7 position=10", "send 2 69")
	h := fnv(unhex(t, "0000000000000007 6869"))
	s.Down(q, io.EOF)
	s.Want("the client's end is answered by the server's",
		"emit echo-down connection=7 code=255",
		"emit echo-received connection=7 position=10", fmt.Sprintf("emit echo-sum hash=%d final=1", h),
		"emit echo-sent connection=7 position=10", fmt.Sprintf("emit echo-sum hash=%d final=1", h),
		"emit echo-close connection=7 side=1", "close 2")
	q = s.Accept(1)
	s.Recv(q, unhex(t, "0000"))
	s.Down(q, cells.ErrReset)
	s.Want("broken before its id was known")
	s.Down(1, cells.ErrInUse)
	for name, want := range map[string]int64{"listening": 0, "accepted": 2, "open": 0, "ended": 1, "resets": 1, "received": 12, "sent": 10} {
		if got := s.Attr(name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
}

func TestServerClosesWhatDoesNotDrain(t *testing.T) {
	for _, impolite := range []bool{false, true} {
		s := newServer(t, func(c *Config) { c.Limit, c.Impolite = 10, impolite })
		s.Start()
		q := s.Accept(1)
		s.Recv(q, unhex(t, "0000000000000007 68"))
		s.Take()
		s.Recv(q, unhex(t, "6969"))
		got := strings.Join(s.Take(), "\n")
		if impolite != strings.HasSuffix(got, "send 2 6969") || impolite == strings.HasSuffix(got, "close 2") {
			t.Errorf("impolite %v: %s", impolite, got)
		}
	}
}

func TestClientConversation(t *testing.T) {
	c := newClient(t, func(c *Config) {
		c.Bytes, c.Chunk, c.Window, c.Pause = 25, des.Constant(10), 15, des.Constant(int64(time.Second))
	})
	c.Start()
	c.Want("a client dials", "dial 1 server:echo")
	c.Up(1)
	id := c.Emitted[0].A
	content := appendContent(nil, id, 0, 25)
	emit := func(kind string, pos int) string {
		return fmt.Sprintf("emit echo-%s connection=%d position=%d", kind, id, pos)
	}
	final := func(kind string) []string {
		return []string{emit(kind, 25), fmt.Sprintf("emit echo-sum hash=%d final=1", fnv(content))}
	}
	c.Want("up: the first chunk", fmt.Sprintf("emit echo-up connection=%d side=0", id), emit("sent", 10), fmt.Sprintf("send 1 %x", content[:10]), "arm 0 1s")
	c.Fire(0)
	c.Want("the window has no room")
	c.Recv(1, content[:5])
	c.Want("now it has", emit("received", 5), emit("sent", 20), fmt.Sprintf("send 1 %x", content[10:20]), "arm 0 1s")
	c.Recv(1, content[5:20])
	c.Want("but the pause is not over", emit("received", 20))
	c.Fire(0)
	c.Want("the last chunk, and half-close", append(append([]string{emit("sent", 25), fmt.Sprintf("send 1 %x", content[20:]), "arm 0 1s"}, final("sent")...), "closewrite 1")...)
	c.Recv(1, content[20:])
	c.Want("all is back", emit("received", 25))
	c.Down(1, io.EOF)
	c.Want("the server's end", append(append([]string{"disarm 0", fmt.Sprintf("emit echo-down connection=%d code=255", id)}, final("received")...),
		fmt.Sprintf("emit echo-close connection=%d side=0", id), "close 1")...)
	c.Recv(1, content)
	c.Up(1)
	c.Down(1, cells.ErrReset)
	c.Want("a port that is over")
	for name, want := range map[string]int64{"dialled": 1, "connected": 1, "finished": 1, "open": 0, "sent": 25, "echoed": 25, "done": 1, "resets": 0} {
		if got := c.Attr(name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
}

// What is queued holds a client back; but what the stream has not credited,
// though it all came back, must not stop it for ever.
func TestClientHeedsWhatIsQueued(t *testing.T) {
	c := newClient(t, func(c *Config) { c.Bytes, c.Chunk, c.Limit = 30, des.Constant(10), 25 })
	c.Start()
	c.Up(1)
	if got := c.Attr("sent"); got != 20 {
		t.Fatalf("sent %d bytes, 20 fit the limit", got)
	}
	content := appendContent(nil, c.Emitted[0].A, 0, 30)
	c.Recv(1, content[:10])
	if got := c.Attr("sent"); got != 20 {
		t.Fatalf("sent %d bytes, though nothing was credited", got)
	}
	c.Recv(1, content[10:20])
	if got := c.Attr("sent"); got != 30 {
		t.Fatalf("sent %d bytes, though all came back", got)
	}
}

func TestClientDialsAgain(t *testing.T) {
	c := newClient(t, func(c *Config) { c.Redial, c.Connections = time.Second, 2 })
	c.Start()
	c.Want("two connections", "dial 1 server:echo", "dial 2 server:echo")
	c.Down(1, cells.ErrRefused)
	if got := c.Take(); got[len(got)-1] != "arm 1 1s" {
		t.Errorf("refused: %q", got)
	}
	c.Fire(1)
	c.Want("again", "dial 3 server:echo")
	c.Up(2)
	first := c.Emitted[len(c.Emitted)-1].A
	c.Take()
	c.Down(2, cells.ErrReset)
	if got := c.Take(); got[len(got)-1] != "arm 3 1s" {
		t.Errorf("reset: %q", got)
	}
	c.Fire(3)
	c.Take()
	c.Up(4)
	if got := c.Emitted[len(c.Emitted)-1].A; got == first {
		t.Error("a connection has the id of the one before")
	}
	if c.Attr("failed") != 1 || c.Attr("resets") != 1 || c.Attr("done") != 0 || c.Attr("open") != 2 {
		t.Errorf("%+v", c.P.(cells.Inspector).AppendState(nil))
	}
}

func TestContentFollowsFromIdAndPosition(t *testing.T) {
	whole := appendContent(nil, 0x0102030405060708, 0, 100)
	if hex.EncodeToString(whole[:8]) != "0102030405060708" {
		t.Errorf("the id comes first, not %x", whole[:8])
	}
	for from := range 50 {
		for n := range 50 {
			if got := appendContent(nil, 0x0102030405060708, uint64(from), n); string(got) != string(whole[from:from+n]) {
				t.Fatalf("%d bytes from %d: %x", n, from, got)
			}
		}
	}
}

func xorshift(x uint64) func(n int) int {
	return func(n int) int {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		return int(x % uint64(n))
	}
}

// Law: however the streams are cut and interleaved, what comes back is what was
// sent, each connection ends in good order, and nobody overflows.
func TestEverythingComesBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		draw := xorshift(rapid.Uint64Range(1, 1<<60).Draw(rt, "seed"))
		mode := rapid.SampledFrom([]string{Half, Echoed, Full, None}).Draw(rt, "close")
		connections := rapid.IntRange(1, 4).Draw(rt, "connections")
		total := rapid.Uint64Range(8, 20_000).Draw(rt, "bytes")
		w := &talk.Streams{Draw: draw, Oracle: NewOracle(), Bound: 64 << 10, Server: newServer(t, nil)}
		c := newClient(t, func(c *Config) {
			c.Close, c.Connections, c.Bytes = mode, connections, total
			c.Chunk = des.Uniform(0, 3000)
			c.Pause = des.Constant(int64(draw(2)) * 1000)
			c.Window = 1 + draw(8000)
		})
		w.Add(w.Server)
		w.Add(c)
		w.Run(100_000)
		if w.Err != nil {
			rt.Fatal(w.Err)
		}
		all := int64(connections) * int64(total)
		if c.Attr("sent") != all || mode != Full && c.Attr("echoed") != all || w.Server.Attr("received") != all {
			rt.Fatalf("sent %d, received %d, echoed %d of %d", c.Attr("sent"), w.Server.Attr("received"), c.Attr("echoed"), all)
		}
		if done := c.Attr("finished") == int64(connections); done != (mode != None) {
			rt.Fatalf("%s: finished %d", mode, c.Attr("finished"))
		}
		if c.Attr("resets")+c.Attr("overflows")+w.Server.Attr("overruns")+w.Server.Attr("overflows") != 0 {
			rt.Fatal("a polite end was cut off")
		}
	})
}

// Law: what came back before a break is a prefix of what was sent; a client
// that dials again gets through in the end.
func TestBreaks(t *testing.T) {
	for seed := range uint64(50) {
		w := &talk.Streams{Draw: xorshift(seed*31 + 7), Oracle: NewOracle(), Bound: 64 << 10, Server: newServer(t, nil)}
		c := newClient(t, func(c *Config) { c.Connections, c.Redial, c.Bytes = 3, time.Second, 20_000 })
		w.Add(w.Server)
		w.Add(c)
		for range 10 {
			w.Run(20)
			w.Break()
		}
		w.Run(100_000)
		if w.Err != nil || c.Attr("finished") != 3 || c.Attr("done") != 1 {
			t.Fatalf("seed %d: %v, finished %d", seed, w.Err, c.Attr("finished"))
		}
	}
}

func TestImpoliteOverflows(t *testing.T) {
	w := &talk.Streams{Draw: xorshift(1), Oracle: NewOracle(), Bound: 64 << 10, Server: newServer(t, nil)}
	c := newClient(t, func(c *Config) { c.Impolite, c.Bytes = true, 1_000_000 })
	w.Add(w.Server)
	w.Add(c)
	w.Run(1000)
	if w.Err != nil || c.Attr("overflows") != 1 || w.Server.Attr("resets") != 1 {
		t.Fatalf("%v, overflows %d, resets %d", w.Err, c.Attr("overflows"), w.Server.Attr("resets"))
	}
}

func TestRefused(t *testing.T) {
	w := &talk.Streams{Draw: xorshift(1), Oracle: NewOracle(), Bound: 1000}
	c := newClient(t, nil)
	w.Add(c)
	w.Run(10)
	if w.Err != nil || c.Attr("failed") != 1 || c.Attr("done") != 1 {
		t.Fatalf("%v, failed %d", w.Err, c.Attr("failed"))
	}
}

// A network that loses a byte, and a server that does, are found.
func TestOracleFinds(t *testing.T) {
	for name, c := range map[string]struct {
		lose int
		bug  string
	}{"a byte lost by the network": {5, ""}, SkipByte: {0, SkipByte}} {
		found := 0
		for seed := range uint64(20) {
			w := &talk.Streams{Draw: xorshift(seed*31 + 7), Oracle: NewOracle(), Bound: 64 << 10, Lose: c.lose, Server: newServer(t, func(s *Config) { s.Bug = c.bug })}
			w.Add(w.Server)
			w.Add(newClient(t, nil))
			if w.Run(10_000); w.Err != nil {
				found++
			}
		}
		if found == 0 {
			t.Errorf("%s: never found", name)
		}
	}
}

func TestOracleErrors(t *testing.T) {
	type e = cells.Emission
	up := []e{{Cell: "c", Kind: KindUp, A: 7, B: 0}, {Cell: "s", Kind: KindUp, A: 7, B: 1}, {Cell: "c", Kind: KindSent, A: 7, B: 4096}, {Cell: "c", Kind: KindSum, A: 5}}
	for want, then := range map[string][]e{
		"connection 7 of c: 5000 bytes received by the server, but only 4096 sent by the client": {{Cell: "s", Kind: KindReceived, A: 7, B: 5000}},
		"connection 7 of c: 1 bytes sent by the server, but only 0 received by the server":       {{Cell: "s", Kind: KindSent, A: 7, B: 1}},
		"connection 7 of c: 4095 bytes sent by the client, after 4096 before":                    {{Cell: "c", Kind: KindSent, A: 7, B: 4095}},
		"the first 4096 bytes received by the server are not those the client sent":              {{Cell: "s", Kind: KindReceived, A: 7, B: 4096}, {Cell: "s", Kind: KindSum, A: 6}},
		"ended after 9 bytes received by the server, but 4096 were sent by the client":           {{Cell: "s", Kind: KindReceived, A: 7, B: 9}, {Cell: "s", Kind: KindSum, A: 6, B: 1}},
		"connection 7 of c: 4097 bytes sent by the client, after it ended at 4096":               {{Cell: "c", Kind: KindSum, A: 5, B: 1}, {Cell: "c", Kind: KindSent, A: 7, B: 4097}},
		"connection 7 of c: s: told twice that the peer ended":                                   {{Cell: "s", Kind: KindDown, A: 7, B: 255}, {Cell: "s", Kind: KindDown, A: 7, B: 255}},
		"connection 7 of c: s: echo-down after the connection was over there":                    {{Cell: "s", Kind: KindDown, A: 7, B: 5}, {Cell: "s", Kind: KindDown, A: 7, B: 5}},
		"connection 7 of c: c: echo-received after the connection was over there":                {{Cell: "c", Kind: KindClose, A: 7}, {Cell: "c", Kind: KindReceived, A: 7, B: 1}},
		"connection 7: x is up, s was already":                                                   {{Cell: "x", Kind: KindUp, A: 7, B: 1}},
		"connection 8: up at s, but nobody dialled it":                                           {{Cell: "s", Kind: KindUp, A: 8, B: 1}},
		"connection 7: x has none of that id":                                                    {{Cell: "x", Kind: KindSent, A: 7, B: 1}},
		"connection 9: c has none of that id":                                                    {{Cell: "c", Kind: KindSent, A: 9, B: 1}},
		"x: a sum of no connection":                                                              {{Cell: "x", Kind: KindSum}},
		"":                                                                                       {{Cell: "c", Kind: KindDown, A: 9, B: 4}, {Cell: "s", Kind: KindReceived, A: 7, B: 4096}, {Cell: "s", Kind: KindSum, A: 5}},
	} {
		o := NewOracle()
		got := ""
		for i, m := range append(append([]e{}, up...), then...) {
			if err := o.Observe(des.Key{}, m); err != nil {
				got = err.Error()
				if i < len(up)+len(then)-1 {
					got = fmt.Sprintf("emission %d: %s", i, got)
				}
			}
		}
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if err := o.Finish(); err != nil {
			t.Error(err)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	for want, change := range map[string]func(*Config){
		`echo: role "x": want client or server`:                 func(c *Config) { c.Role = "x" },
		"echo: listen: a server needs a service to listen at":   func(c *Config) { c.Listen = "" },
		"echo: dial: a client needs a server, as cell:service":  func(c *Config) { c.Role = Client },
		"echo: connections 0: from 1 to 10000 are possible":     func(c *Config) { c.Connections = 0 },
		"echo: bytes 7: from 8 to 1099511627776 are possible":   func(c *Config) { c.Bytes = 7 },
		"echo: chunk 0: must be more than 0":                    func(c *Config) { c.Chunk = des.Constant(0) },
		"echo: pause -1: must not be negative":                  func(c *Config) { c.Pause = des.Constant(-1) },
		"echo: window 0: from 1 to 16777216 bytes are possible": func(c *Config) { c.Window = 0 },
		"echo: limit 0: from 1 to 16777216 bytes are possible":  func(c *Config) { c.Limit = 0 },
		"echo: redial -1ns: must not be negative":               func(c *Config) { c.Redial = -1 },
		`echo: close "x": want half, full, echoed or none`:      func(c *Config) { c.Close = "x" },
		`echo: bug "x": want skip-byte or none`:                 func(c *Config) { c.Bug = "x" },
	} {
		c := Defaults()
		change(&c)
		if _, err := New(c); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestTagsSayWhatDefaultsSays(t *testing.T) { talk.WantTags(t, Defaults()) }

// Any bytes may come, cut anywhere: nothing panics, and the server sends back
// what it got.
func FuzzRecv(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x07hi"), uint8(3))
	f.Add([]byte{}, uint8(0))
	f.Fuzz(func(t *testing.T, b []byte, at uint8) {
		cut := min(int(at), len(b))
		s := newServer(t, nil)
		s.Start()
		q := s.Accept(1)
		s.Recv(q, b[:cut])
		s.Recv(q, b[cut:])
		if 8 <= len(b) && len(b) < 64<<10 && s.Attr("sent") != int64(len(b)) {
			t.Fatalf("%d of %d bytes came back", s.Attr("sent"), len(b))
		}
		s.Down(q, io.EOF)

		c := newClient(t, nil)
		c.Start()
		c.Recv(1, b[:cut])
		c.Up(1)
		c.Recv(1, b)
		c.Down(1, io.EOF)
	})
}
