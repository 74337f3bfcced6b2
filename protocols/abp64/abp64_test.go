package abp64

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/protocols/internal/talk"
)

var zeros = strings.Repeat("00", 59)

// hexFrame is a frame with a value and a last byte, in hexadecimal.
func hexFrame(value, last string) string { return value + zeros + last }

func newCell(t testing.TB, role, bug string, rto time.Duration, limit uint64) *talk.Cell {
	c := Defaults()
	c.Role, c.Limit, c.Bug = role, limit, bug
	if rto != 0 {
		c.RTO = rto
	}
	cell := talk.NewCell(t, cells.ID(role))(New(c))
	peer := map[string]string{Sender: "responder:p0", Responder: "sender:p0"}[role]
	cell.Ports[0] = cells.PortInfo{Name: "p0", Peer: peer}
	return cell
}

func recv(t testing.TB, c *talk.Cell, frame string) {
	t.Helper()
	b, err := hex.DecodeString(frame)
	if err != nil {
		t.Fatal(err)
	}
	c.Recv(0, b)
}

func TestSenderConversation(t *testing.T) {
	s := newCell(t, Sender, "", 0, 5)
	s.Start()
	s.Want("nothing before the port is up")
	s.Up(0)
	first := []string{"send 0 " + hexFrame("00000001", "01"), "arm 1 9.6µs"}
	s.Want("value 0, sent as 1, bit 1", append([]string{`emit abp64-pair "responder:p0"`}, first...)...)
	s.Fire(timerRTO)
	s.Want("no answer", first...)
	recv(t, s, hexFrame("00000002", "00"))
	s.Want("the other bit is ignored")
	recv(t, s, "00000002"+strings.Repeat("00", 58)+"01")
	recv(t, s, hexFrame("00000002", "01")+"00")
	s.Want("not 64 bytes")
	recv(t, s, "00000002"+strings.Repeat("ff", 59)+"ff")
	s.Want("only the last bit counts", "emit abp64-take value=2 responder=0", "send 0 "+hexFrame("00000004", "00"), "arm 1 9.6µs")
	s.Down(0, cells.ErrRemoved)
	s.Want("down", "disarm 1")
	s.Up(0)
	s.Want("up again", `emit abp64-pair "responder:p0"`, "send 0 "+hexFrame("00000004", "00"), "arm 1 9.6µs")
	recv(t, s, hexFrame("00000005", "00"))
	s.Want("the limit", "emit abp64-take value=5 responder=0", "disarm 1")
	for name, want := range map[string]int64{"sent": 4, "taken": 2, "retransmitted": 2, "unexpected": 1, "malformed": 2, "done": 1} {
		if got := s.Attr(name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
}

func TestResponderConversation(t *testing.T) {
	r := newCell(t, Responder, "", 0, 0)
	r.Start()
	r.Up(0)
	r.Want("the responder waits", `emit abp64-pair "sender:p0"`)
	recv(t, r, hexFrame("00000001", "00"))
	r.Want("not the first bit, and no answer to repeat")
	recv(t, r, hexFrame("00000001", "01"))
	r.Want("the first", "emit abp64-take value=1 responder=1", "send 0 "+hexFrame("00000002", "01"))
	recv(t, r, hexFrame("00000001", "01"))
	r.Want("again: the answer was lost", "send 0 "+hexFrame("00000002", "01"))
	recv(t, r, hexFrame("ffffffff", "00"))
	r.Want("values wrap", "emit abp64-take value=4294967295 responder=1", "send 0 "+hexFrame("00000000", "00"))
}

func join(t testing.TB, draw func(int) int, f talk.Faults, bug string) (w *talk.World, s, r *talk.Cell) {
	w = &talk.World{Draw: draw, Faults: f, Oracle: NewOracle()}
	s, r = newCell(t, Sender, bug, 25*time.Millisecond, 50), newCell(t, Responder, bug, 0, 0)
	w.Join(s, r)
	return w, s, r
}

// Law: over a FIFO link that loses and duplicates, values are taken in turn,
// each once; once the link is good the count comes to its limit.
func TestCountsUpOverABadLink(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "draw") }
		w, s, _ := join(t, draw, talk.Faults{Loss: draw(50), Duplicate: draw(50)}, "")
		w.Run(60)
		w.Faults = talk.Faults{}
		w.Run(400)
		if w.Err != nil {
			rt.Fatal(w.Err)
		}
		if s.Attr("done") != 1 {
			rt.Fatalf("the count stands at %d", s.Attr("value"))
		}
	})
}

func TestRestartWithKeptState(t *testing.T) {
	w, s, r := join(t, nil, talk.Faults{}, "")
	for i := range 6 {
		w.Run(5)
		c := []*talk.Cell{s, r}[i%2]
		fresh, err := New(c.P.(*cell).config)
		if err := errors.Join(err, w.Restart(c, fresh, c.P.(cells.Durable).Save())); err != nil {
			t.Fatal(err)
		}
	}
	w.Run(400)
	if w.Err != nil || s.Attr("done") != 1 {
		t.Fatalf("%v, the count stands at %d", w.Err, s.Attr("value"))
	}
	for _, state := range []string{"x", `{"Expected":2}`} {
		if r.P.(cells.Durable).Restore([]byte(state)) == nil {
			t.Errorf("%q was restored", state)
		}
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
		{"corruption", talk.Faults{Corrupt: 50}, "", false},
		{"reordering", talk.Faults{Duplicate: 30, Reorder: 50}, "", false},
		{"a crash that loses the bit", talk.Faults{}, "", true},
		{IgnoreBit, talk.Faults{Duplicate: 20}, IgnoreBit, false},
	} {
		found := 0
		for seed := range uint64(50) {
			r := des.SeedOf(seed).Rand("test", 0, c.name)
			draw := func(n int) int { return int(r.N(uint64(n))) }
			w, sender, _ := join(t, draw, c.faults, c.bug)
			if c.crash {
				w.Run(5 + draw(10))
				fresh, _ := New(sender.P.(*cell).config)
				if err := w.Restart(sender, fresh, nil); err != nil {
					t.Fatal(err)
				}
			}
			if w.Run(200); w.Err != nil {
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
		`abp64: role "x": want sender or responder`:    func(c *Config) { c.Role = "x" },
		"abp64: rto 0s: must be more than 0":           func(c *Config) { c.RTO = 0 },
		"abp64: limit 4294967296: values have 32 bits": func(c *Config) { c.Limit = 1 << 32 },
		`abp64: bug "x": want ignore-bit or none`:      func(c *Config) { c.Bug = "x" },
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
	f.Add(make([]byte, 64))
	f.Add(append(make([]byte, 63), 1))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, role := range []string{Sender, Responder} {
			c := newCell(t, role, "", 0, 9)
			c.Start()
			c.Up(0)
			c.Recv(0, b)
			c.Recv(0, b)
		}
	})
}
