package register

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/protocols/internal/talk"
)

func newClient(t testing.TB, change func(*Config)) *talk.Cell {
	c := Defaults()
	c.Role, c.Operations = Client, 10
	if change != nil {
		change(&c)
	}
	cell := talk.NewCell(t, "ann")(New(c))
	for q := range cells.Port(c.Replicas) {
		cell.Ports[q] = cells.PortInfo{Name: fmt.Sprintf("p%d", q), Peer: "replica"}
	}
	cell.Start()
	for q := range cells.Port(c.Replicas) {
		cell.Up(q)
	}
	cell.Take()
	return cell
}

func newReplica(t testing.TB) *talk.Cell {
	return talk.NewCell(t, "a")(New(Defaults()))
}

func bytesOf(t testing.TB, m message) []byte {
	t.Helper()
	b, err := messages.Append(nil, &m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func line(t testing.TB, q int, m message) string {
	return fmt.Sprintf("send %d %x", q, bytesOf(t, m))
}

func client1(c *talk.Cell) *client { return c.P.(*client) }

// The bytes of a query are those of the package's table.
func TestLayout(t *testing.T) {
	m := message{Kind: kindQuery, Session: 0x0102030405060708, Phase: 9, Key: 10}
	got := fmt.Sprintf("%x", bytesOf(t, m))
	want := "00" + "0102030405060708" + "00000009" + "000a" + strings.Repeat("00", 24)
	if got[:len(want)] != want || len(got) != len(want)+8 {
		t.Errorf("%s, want %s and four bytes", got, want)
	}
	if got, want := Print(bytesOf(t, m)), "register kind=query session=0x102030405060708 phase=9 key=10 stamp=0 writer=0x0 value=0x0"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := Print([]byte{1}); !strings.Contains(got, "want at least") {
		t.Error(got)
	}
}

func TestReplicaConversation(t *testing.T) {
	a := newReplica(t)
	a.Start()
	a.Up(0)
	ask := message{Kind: kindQuery, Session: 5, Phase: 1}
	answer := ask
	answer.Kind = kindValue
	a.Recv(0, bytesOf(t, ask))
	a.Want("nobody has written", line(t, 0, answer))
	put := message{Kind: kindStore, Session: 5, Phase: 2, Version: version{3, 5}, Value: 70}
	stored := put
	stored.Kind = kindStored
	a.Recv(0, bytesOf(t, put))
	a.Recv(0, bytesOf(t, put))
	a.Want("a store, and again", line(t, 0, stored), line(t, 0, stored))
	old := put
	old.Version, old.Value = version{3, 4}, 60
	stored.Version, stored.Value = old.Version, old.Value
	a.Recv(0, bytesOf(t, old))
	a.Want("an older version is answered, not taken", line(t, 0, stored))
	a.Recv(0, bytesOf(t, ask))
	answer.Version, answer.Value = version{3, 5}, 70
	a.Want("the value", line(t, 0, answer))
	bad := bytesOf(t, ask)
	bad[3] ^= 1
	a.Recv(0, bad)
	ask.Key = 1
	a.Recv(0, bytesOf(t, ask))
	a.Recv(0, bytesOf(t, stored))
	a.Want("damaged, of a key that is none, and an answer: dropped")
	for name, want := range map[string]int64{"queries": 2, "stores": 3, "taken": 1, "corrupt_dropped": 3, "value": 70, "stamp": 3} {
		if got := a.Attr(name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	saved := a.P.(cells.Durable).Save()
	b := newReplica(t)
	if err := b.P.(cells.Durable).Restore(saved); err != nil {
		t.Fatal(err)
	}
	ask.Key = 0
	b.Recv(0, bytesOf(t, ask))
	b.Want("a restart with kept state knows it too", line(t, 0, answer))
	for _, bad := range []string{"", "{", `{"Registers":[{"Key":1}]}`, `{"Registers":[{"Key":0},{"Key":0}]}`, `{"Registers":[{"Key":0,"Version":{"Stamp":18446744073709551615}}]}`} {
		if err := b.P.(cells.Durable).Restore([]byte(bad)); err == nil {
			t.Errorf("kept state %q was taken", bad)
		}
	}
}

func TestClientWrites(t *testing.T) {
	c := newClient(t, func(c *Config) { c.Writes = des.Ratio{Num: 1, Den: 1} })
	c.Fire(timerInterval)
	p := client1(c)
	s := p.out.Session
	q := message{Kind: kindQuery, Session: s, Phase: 1}
	c.Want("a write asks first", fmt.Sprintf("emit register-invoke operation=1 value=%d", p.value),
		line(t, 0, q), line(t, 1, q), line(t, 2, q), "arm 1 50ms")
	v := q
	v.Kind, v.Version, v.Value = kindValue, version{7, 2}, 44
	c.Recv(1, bytesOf(t, v))
	c.Recv(1, bytesOf(t, v))
	c.Want("one answer, twice, is no majority")
	c.Fire(timerRTO)
	c.Want("who has not answered is asked again", line(t, 0, q), line(t, 2, q), "arm 1 50ms")
	v.Version, v.Value = version{6, 9}, 33
	c.Recv(2, bytesOf(t, v))
	put := message{Kind: kindStore, Session: s, Phase: 2, Version: version{8, s}, Value: p.value}
	c.Want("a stamp greater than the greatest", line(t, 0, put), line(t, 1, put), line(t, 2, put), "arm 1 50ms")
	c.Recv(0, bytesOf(t, v))
	c.Want("an answer of the phase before")
	put.Kind = kindStored
	c.Recv(0, bytesOf(t, put))
	c.Recv(2, bytesOf(t, put))
	c.Want("done", "disarm 1", fmt.Sprintf("emit register-return operation=1 value=%d", p.value), "arm 0 0s")
	for name, want := range map[string]int64{"begun": 1, "writes": 1, "retransmitted": 2, "stale": 2, "corrupt_dropped": 0} {
		if got := c.Attr(name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
}

func TestClientReads(t *testing.T) {
	for _, reads := range []string{TwoPhase, OnePhase} {
		c := newClient(t, func(c *Config) { c.Writes, c.Reads, c.Interval = des.Ratio{}, reads, des.Constant(int64(time.Second)) })
		c.Fire(timerInterval)
		c.Take()
		v := message{Kind: kindValue, Session: client1(c).out.Session, Phase: 1, Version: version{7, 2}, Value: 44}
		c.Recv(0, bytesOf(t, v))
		v.Version.Stamp = stampMax
		c.Recv(1, bytesOf(t, v))
		c.Want("a stamp beyond which there is none is nobody's")
		v.Version, v.Value = version{}, 0
		c.Recv(2, bytesOf(t, v))
		done := []string{"disarm 1", "emit register-return operation=0 value=44", "arm 0 1s"}
		if reads == OnePhase {
			c.Want("the greatest version is the answer", done...)
			continue
		}
		put := message{Kind: kindStore, Session: v.Session, Phase: 2, Version: version{7, 2}, Value: 44}
		c.Want("what was found is stored", line(t, 0, put), line(t, 1, put), line(t, 2, put), "arm 1 50ms")
		put.Kind = kindStored
		c.Recv(1, bytesOf(t, put))
		c.Down(0, cells.ErrRemoved)
		c.Fire(timerRTO)
		put.Kind = kindStore
		c.Want("a port that is down is not asked", line(t, 2, put), "arm 1 50ms")
		put.Kind = kindStored
		c.Recv(2, bytesOf(t, put))
		c.Want("the answer", done...)
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Role = "x" }, `role "x": want client or replica`},
		{func(c *Config) { c.Replicas = 0 }, "replicas 0: from 1 to 64 are possible"},
		{func(c *Config) { c.Quorum = 4 }, "quorum 4: from 1 to the 3 replicas are possible, or 0 for a majority"},
		{func(c *Config) { c.Reads = "x" }, `reads "x": want two-phase or one-phase`},
		{func(c *Config) { c.Keys = 0 }, "keys 0: from 1 to 65536 are possible"},
		{func(c *Config) { c.RTO = 0 }, "rto 0s: must be more than 0"},
		{func(c *Config) { c.Operations = 1 << 40 }, "operations 1099511627776: at most 1073741824 are possible"},
	} {
		config := Defaults()
		c.change(&config)
		if _, err := New(config); err == nil || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// Any bytes may come, at either end and in any state.
func FuzzRecv(f *testing.F) {
	for kind := range uint8(4) {
		f.Add(bytesOf(f, message{Kind: kind, Session: 1, Phase: 1, Version: version{1, 1}, Value: 1}))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		a := newReplica(t)
		a.Start()
		a.Up(0)
		c := newClient(t, nil)
		var m message
		sound := messages.Decode(b, &m) == nil
		for _, step := range []func(){func() {}, func() { c.Fire(timerInterval) }} {
			step()
			for q := range cells.Port(3) {
				a.Recv(0, b)
				c.Recv(q, b)
			}
			if !sound {
				continue
			}
			// The same, as if it were an answer to what is asked.
			mine := m
			mine.Session, mine.Phase, mine.Key = client1(c).out.Session, client1(c).out.Phase, client1(c).out.Key
			for q := range cells.Port(3) {
				c.Recv(q, bytesOf(t, mine))
			}
		}
	})
}
