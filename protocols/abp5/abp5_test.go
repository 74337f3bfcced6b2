package abp5

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/protocols/internal/talk"
)

func newCell(t testing.TB, name cells.ID, role, bug string, limit uint64) *talk.Cell {
	c := Defaults()
	c.Role, c.Limit, c.Bug = role, limit, bug
	cell := talk.NewCell(t, name)(New(c))
	peer := map[string]string{Client: "server:p0", Server: "client:p0"}[role]
	cell.Ports[0] = cells.PortInfo{Name: "p0", Peer: peer}
	return cell
}

func recv(t testing.TB, c *talk.Cell, literal string) {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(literal, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	c.Recv(0, b)
}

func TestClientConversation(t *testing.T) {
	c := newCell(t, "client", Client, "", 5)
	c.Start()
	c.Want("nothing before the port is up")
	c.Up(0)
	c.Want("the client begins", `emit abp5-pair "server:p0"`, "send 0 0000000000", "arm 1 1s")
	recv(t, c, "00000001 00")
	c.Want("the expected bit", "emit abp5-take value=1 server=0", "send 0 0000000201", "arm 1 1s")
	recv(t, c, "00000001 00")
	c.Want("a duplicate is answered all the same", "send 0 0000000201", "arm 1 1s")
	recv(t, c, "00000003 07")
	c.Want("a bit that is none is not expected", "send 0 0000000201", "arm 1 1s")
	recv(t, c, "00000003 01")
	c.Want("the other bit", "emit abp5-take value=3 server=0", "send 0 0000000400", "arm 1 1s")
	c.Fire(timerSilence)
	c.Want("silence: back to the start", "emit abp5-reset value=4", "send 0 0000000000", "arm 1 1s")
	for _, s := range []string{"", "00000005", "00000005 00 00"} {
		recv(t, c, s)
		c.Want("not five bytes")
	}
	c.Down(0, cells.ErrRemoved)
	c.Want("down", "disarm 1")
	c.Up(0)
	c.Want("up again", `emit abp5-pair "server:p0"`, "send 0 0000000000", "arm 1 1s")
	recv(t, c, "00000005 00")
	c.Want("the limit", "emit abp5-take value=5 server=0", "disarm 1")
	recv(t, c, "00000007 01")
	c.Want("done")
	for name, want := range map[string]int64{"sent": 7, "taken": 3, "repeated": 2, "resets": 1, "malformed": 3, "done": 1} {
		if got := c.Attr(name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
}

func TestServerConversation(t *testing.T) {
	s := newCell(t, "server", Server, "", 0)
	s.Start()
	s.Up(0)
	s.Want("the server waits", `emit abp5-pair "client:p0"`)
	recv(t, s, "00000000 01")
	s.Want("not expected: the first packet", "send 0 0000000001")
	recv(t, s, "00000000 00")
	s.Want("the client's first", "emit abp5-take value=0 server=1", "send 0 0000000100")
	recv(t, s, "ffffffff 01")
	s.Want("values wrap", "emit abp5-take value=4294967295 server=1", "send 0 0000000001")
}

func join(t testing.TB, draw func(int) int, f talk.Faults, bug string) (w *talk.World, client, server *talk.Cell) {
	w = &talk.World{Draw: draw, Faults: f, Oracle: NewOracle()}
	client, server = newCell(t, "client", Client, bug, 41), newCell(t, "server", Server, bug, 0)
	w.Join(client, server)
	return w, client, server
}

// Law: over a FIFO link that loses, values are taken in turn, each once; once
// the link is good the count comes to its limit.
func TestCountsUpOverALossyLink(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "draw") }
		w, client, _ := join(t, draw, talk.Faults{Loss: draw(50)}, "")
		w.Run(60)
		w.Faults = talk.Faults{}
		w.Run(300)
		if w.Err != nil {
			rt.Fatal(w.Err)
		}
		if client.Attr("done") != 1 {
			rt.Fatalf("the count stands at %d", client.Attr("value"))
		}
	})
}

func TestRestartWithKeptState(t *testing.T) {
	w, client, server := join(t, nil, talk.Faults{}, "")
	for i := range 6 {
		w.Run(5)
		c := []*talk.Cell{client, server}[i%2]
		config := c.P.(*cell).config
		fresh, err := New(config)
		if err := errors.Join(err, w.Restart(c, fresh, c.P.(cells.Durable).Save())); err != nil {
			t.Fatal(err)
		}
	}
	w.Run(300)
	if w.Err != nil || client.Attr("done") != 1 {
		t.Fatalf("%v, the count stands at %d", w.Err, client.Attr("value"))
	}
	if err := server.P.(cells.Durable).Restore([]byte("x")); err == nil {
		t.Error("no state was restored")
	}
}

// What the package says it cannot survive, the oracle finds.
func TestOracleFinds(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults talk.Faults
		bug    string
		crash  bool
	}{
		{"corruption", talk.Faults{Corrupt: 20}, "", false},
		{"a crash that loses the state", talk.Faults{}, "", true},
		{IgnoreBit, talk.Faults{Duplicate: 20}, IgnoreBit, false},
	} {
		found := 0
		for seed := range uint64(50) {
			r := des.SeedOf(seed).Rand("test", 0, c.name)
			draw := func(n int) int { return int(r.N(uint64(n))) }
			w, _, server := join(t, draw, c.faults, c.bug)
			if c.crash {
				w.Run(5 + draw(10))
				fresh, _ := New(Defaults())
				if err := w.Restart(server, fresh, nil); err != nil {
					t.Fatal(err)
				}
			}
			if w.Run(150); w.Err != nil {
				found++
			}
		}
		if found == 0 {
			t.Errorf("%s: never found", c.name)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	for want, change := range map[string]func(*Config){
		`abp5: role "x": want client or server`:       func(c *Config) { c.Role = "x" },
		"abp5: timeout 0s: must be more than 0":       func(c *Config) { c.Timeout = 0 },
		"abp5: limit 4294967296: values have 32 bits": func(c *Config) { c.Limit = 1 << 32 },
		`abp5: bug "x": want ignore-bit or none`:      func(c *Config) { c.Bug = "x" },
	} {
		c := Defaults()
		change(&c)
		if _, err := New(c); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestTagsSayWhatDefaultsSays(t *testing.T) { talk.WantTags(t, Defaults()) }

// Any bytes may come: nothing panics.
func FuzzRecv(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, role := range []string{Client, Server} {
			c := newCell(t, cells.ID(role), role, "", 9)
			c.Start()
			c.Up(0)
			c.Recv(0, b)
			c.Recv(0, b)
		}
	})
}
