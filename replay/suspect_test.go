package replay

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// leaky is a run of one cell whose handler may leak. Each tick is a timer
// event; the leak adds the tick's effects.
type leaky struct {
	w    *Writer
	key  des.Key
	last des.Key
	link map[string]int64
}

func (l *leaky) event(t clock.Time, e des.Entity, seq uint64, r des.Record) {
	l.last = l.key
	l.key = des.Key{Time: t, Entity: e, Seq: seq}
	l.put(r)
}

func (l *leaky) put(r des.Record) {
	r.Key, r.Cause = l.key, l.last
	if r.Cell == "" {
		r.Cell = "alice"
	}
	l.w.Record(&r)
}

func (l *leaky) send(port uint32, data []byte) {
	link := fmt.Sprintf("l%d>", port)
	l.link[link]++
	l.put(des.Record{Op: des.OpSend, Port: port, Link: link, A: l.link[link], Data: data})
}

func (l *leaky) emit(a, b int64)   { l.put(des.Record{Op: des.OpEmit, Kind: "k", A: a, B: b}) }
func (l *leaky) words(text string) { l.put(des.Record{Op: des.OpEmit, Kind: "k", Text: text}) }
func (l *leaky) arm(d int64)       { l.put(des.Record{Op: des.OpArm, A: 1, B: int64(l.key.Time) + d}) }

// chaos is what differs from run to run. It is fixed, so that the test is not
// what it tests.
func chaos(run, i int) int64 {
	x := uint64(run*1_000_003+i) + 0x9e3779b97f4a7c15
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return int64(x ^ x>>31)
}

func leakyTrace(t testing.TB, run int, h Header, tick func(l *leaky, run, i int)) *Trace {
	t.Helper()
	var buf bytes.Buffer
	h.Level = Events
	w, err := NewWriter(&buf, h)
	if err != nil {
		t.Fatal(err)
	}
	l := &leaky{w: w, link: map[string]int64{}}
	l.event(0, aliceCell, 1, des.Record{Op: des.OpStart, A: 1})
	for i := range 20 {
		l.event(clock.Time(i+1)*10*ms, aliceCell, uint64(i+2), des.Record{Op: des.OpTimer, A: 1, B: int64(i+1) * int64(10*ms)})
		l.emit(7, 7)
		tick(l, run, i)
		l.arm(int64(10 * ms))
	}
	if err := w.Close(testSummary()); err != nil {
		t.Fatal(err)
	}
	return mustOpen(t, buf.Bytes())
}

func u64(v uint64) []byte { return binary.BigEndian.AppendUint64([]byte("hdr."), v) }

const wallNow = 1_790_000_000_123_456_789

// leaks are what is planted, and what it must be taken for.
var leaks = []struct {
	name string
	want Class
	tick func(l *leaky, run, i int)
}{
	{"a range over a map of ports", ByOrder, func(l *leaky, run, i int) {
		for p := range 4 {
			l.send(uint32((p+run*3+i)%4), []byte("hello"))
		}
	}},
	{"a range over a map that sends all on one port", ByOrder, func(l *leaky, run, i int) {
		for p := range 4 {
			l.send(0, []byte(fmt.Sprint("route ", (p+run+i)%4)))
		}
	}},
	{"a select over two ready channels", ByOrder, func(l *leaky, run, i int) {
		a := chaos(run, i) & 1
		l.emit(1+a, 0)
		l.emit(2-a, 0)
	}},
	{"a map printed into a payload", ByOrder, func(l *leaky, run, i int) {
		p := []byte{1, 0, 9, 8, 1, 7, 6, 1, 5, 4}
		if run == 1 {
			p = []byte{1, 0, 7, 6, 1, 5, 4, 1, 9, 8}
		}
		l.send(0, p)
	}},
	{"a map printed into words", ByOrder, func(l *leaky, run, i int) {
		l.words([]string{"peers: bob, carol, dave", "peers: dave, bob, carol"}[run])
	}},
	{"an address in words", ByOrder, func(l *leaky, run, i int) { l.words(fmt.Sprintf("conn 0xc0000%05x", chaos(run, 0)&0xfffff)) }},
	{"a queue filled from a map", ByOrder, func(l *leaky, run, i int) { l.emit(int64((i%5*(run+2)+run)%5)*1009+int64(i/5), 0) }},
	{"the time of day in a payload", ByWall, func(l *leaky, run, i int) {
		l.send(0, u64(wallNow+uint64(run)*3_000_000_000+uint64(i)*12_345))
	}},
	{"the time of day, little endian", ByWall, func(l *leaky, run, i int) {
		l.send(0, binary.LittleEndian.AppendUint64([]byte{1, 2, 3}, wallNow+uint64(run)*3_000_000_000+uint64(i)*12_345))
	}},
	{"unix seconds in four bytes", ByWall, func(l *leaky, run, i int) {
		l.send(0, binary.BigEndian.AppendUint32([]byte("x"), uint32(1_790_000_000+3*run)))
	}},
	{"the time of day as a value", ByWall, func(l *leaky, run, i int) { l.emit(wallNow+int64(run)*1e9+int64(i)*777, 0) }},
	{"the time of day in words", ByWall, func(l *leaky, run, i int) {
		l.words(time.Unix(1_790_000_000+int64(run), 0).UTC().Format(time.RFC3339))
	}},
	{"the time since the start of the process", ByWall, func(l *leaky, run, i int) {
		l.emit(50_000+int64(i)*31_007+chaos(run, i)&0xfff, 0)
	}},
	{"a timer corrected by the time the handler took", ByWall, func(l *leaky, run, i int) {
		l.arm(int64(50*ms) - 300 - chaos(run, i)&0x3fff)
	}},
	{"words with a span", ByWall, func(l *leaky, run, i int) { l.words(fmt.Sprintf("took %dµs", chaos(run, i)&0xff)) }},
	{"the time of day in a payload whose hash comes first", ByWall, func(l *leaky, run, i int) {
		l.emit(chaos(run, i), chaos(run, -i))
		l.send(0, u64(wallNow+uint64(run)*3_000_000_000+uint64(i)*12_345))
	}},
	{"a package variable in a payload whose hash comes first", ByShared, func(l *leaky, run, i int) {
		l.emit(chaos(run, i), chaos(run, -i))
		l.send(0, binary.BigEndian.AppendUint16([]byte{9, 9}, uint16(i+20*run)))
	}},
	{"a global random number in a payload", ByRandom, func(l *leaky, run, i int) { l.send(0, u64(uint64(chaos(run, i)))) }},
	{"a random byte in a payload", ByRandom, func(l *leaky, run, i int) { l.send(0, []byte{1, 2, byte(chaos(run, i)), 3, 4, 5}) }},
	{"a global random number as a value", ByRandom, func(l *leaky, run, i int) { l.emit(int64(uint64(chaos(run, i))%1000), 0) }},
	{"a random back-off", ByRandom, func(l *leaky, run, i int) { l.arm(int64(uint64(chaos(run, i))%50) * int64(ms)) }},
	{"a random back-off in nanoseconds", ByRandom, func(l *leaky, run, i int) { l.arm(int64(uint64(chaos(run, i)) % uint64(50*ms))) }},
	{"a random identifier in words", ByRandom, func(l *leaky, run, i int) { l.words(fmt.Sprintf("id %016x", uint64(chaos(run, 0)))) }},
	{"a random peer", ByRandom, func(l *leaky, run, i int) { l.send(uint32(uint64(chaos(run, i))%5), []byte("gossip")) }},
	{"a random decision to send", ByRandom, func(l *leaky, run, i int) {
		if uint64(chaos(run, i))%100 < 50 {
			l.send(0, []byte("maybe"))
		}
	}},
	{"a hash with a seed of the process", ByRandom, func(l *leaky, run, i int) { l.emit(chaos(run, 3)^chaos(9, i), 0) }},
	{"a sum of floats in another order", ByFloat, func(l *leaky, run, i int) {
		l.send(0, u64(math.Float64bits(1234.5678912345*float64(i+1))+uint64(run)))
	}},
	{"a float as a value", ByFloat, func(l *leaky, run, i int) {
		l.emit(int64(math.Float64bits(math.Sqrt(float64(i+2))))+int64(run), 0)
	}},
	{"a float in words", ByFloat, func(l *leaky, run, i int) { l.words([]string{"rtt 0.30000000000000004", "rtt 0.3"}[run]) }},
	{"a deadline rounded from a float", ByFloat, func(l *leaky, run, i int) { l.arm(int64(33_333_333 + run)) }},
	{"a float cut to a whole number", ByFloat, func(l *leaky, run, i int) {
		l.emit(5000+int64(i*7919%1000)+int64(bit(i%3 == 0))*int64(run), 0)
	}},
	{"a goroutine whose effect comes when it comes", ByGoroutine, func(l *leaky, run, i int) {
		if i >= 3 && (i+run)%2 == 0 {
			l.send(0, []byte(fmt.Sprint("job ", (i-4+run)/2)))
		}
	}},
	{"a goroutine that counts", ByGoroutine, func(l *leaky, run, i int) { l.emit(int64(3*i)+chaos(run, i)&1, 0) }},
	{"a package variable that counts", ByShared, func(l *leaky, run, i int) { l.emit(int64(i+20*run), 0) }},
	{"a package variable that numbers frames", ByShared, func(l *leaky, run, i int) {
		l.send(0, binary.BigEndian.AppendUint16([]byte{9, 9}, uint16(i+20*run)))
	}},
	{"a package variable in words", ByShared, func(l *leaky, run, i int) { l.words(fmt.Sprint("msg-", i+20*run)) }},
	{"a package variable that counts runs", ByShared, func(l *leaky, run, i int) { l.emit(int64(1+run), 0) }},
	{"a random decision about a frame with a number", ByRandom, func(l *leaky, run, i int) {
		if chaos(run, i)&1 == 0 {
			l.send(0, []byte(fmt.Sprint("gossip ", i)))
		}
	}},
	{"a time-out learnt in the last run", ByShared, func(l *leaky, run, i int) { l.arm(int64(100*ms) >> run) }},
	{"a cache that remembers the last run", ByShared, func(l *leaky, run, i int) {
		if run == 0 {
			l.send(0, []byte("who has?"))
		}
	}},
	{"a buffer with something left in it", ByShared, func(l *leaky, run, i int) {
		p := make([]byte, 12)
		p[0] = byte(i)
		if run == 1 {
			copy(p[4:], "left")
		}
		l.send(0, p)
	}},
	{"events at one instant in another order", ByTie, func(l *leaky, run, i int) {
		l.arm(int64(10 * ms))
		for k := range 2 {
			dir := (k + run) % 2
			l.event(clock.Time(i+1)*10*ms+ms, des.MakeEntity(des.Direction, uint32(dir)), uint64(i+1),
				des.Record{Op: des.OpRecv, Cell: []string{"alice", "bob"}[dir], A: int64(i)})
		}
	}},
	{"a delay of a link drawn elsewhere", ByRandom, func(l *leaky, run, i int) {
		l.send(0, []byte("x"))
		l.event(clock.Time(i+1)*10*ms+ms+clock.Time(uint64(chaos(run, i))%8_000_000), abDir, uint64(i+1), des.Record{Op: des.OpRecv, Cell: "bob", A: int64(i)})
	}},
}

func TestLeaksAreNamed(t *testing.T) {
	for _, l := range leaks {
		t.Run(l.name, func(t *testing.T) {
			a, b := leakyTrace(t, 0, Header{}, l.tick), leakyTrace(t, 1, Header{}, l.tick)
			d, err := Diff(a, b, DiffOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if d == nil {
				t.Fatal("no difference: the leak is not planted")
			}
			if d.Suspect.Class != l.want {
				t.Errorf("taken for %s, want %s\n%s", d.Suspect.Class, l.want, d)
			}
			if same, err := Diff(a, leakyTrace(t, 0, Header{}, l.tick), DiffOptions{}); same != nil || err != nil {
				t.Errorf("a run differs from itself: %v, %v", same, err)
			}
			// The other way round the class is the same, but for what knows
			// which run came first.
			if d, _ := Diff(b, a, DiffOptions{}); d.Suspect.Class != l.want {
				t.Errorf("the other way round taken for %s, want %s\n%s", d.Suspect.Class, l.want, d)
			}
		})
	}
}

func TestHeadersExplainFirst(t *testing.T) {
	random := func(l *leaky, run, i int) { l.emit(chaos(run, i), 0) }
	float := func(l *leaky, run, i int) { l.words([]string{"rtt 0.30000000000000004", "rtt 0.3"}[run]) }
	for _, c := range []struct {
		a, b Header
		tick func(*leaky, int, int)
		want Class
	}{
		{Header{Seed: "1"}, Header{Seed: "2", Build: "other"}, random, BySeed},
		{Header{Set: []string{"x=1"}}, Header{Set: []string{"x=2"}}, random, ByScenario},
		{Header{Text: "a"}, Header{Text: "b"}, random, ByScenario},
		{Header{Build: "v1 linux/amd64"}, Header{Build: "v2 linux/amd64"}, random, ByBuild},
		{Header{Build: "v1 linux/amd64"}, Header{Build: "v1 linux/arm64"}, float, ByFloat},
		{Header{Info: map[string]string{"GOMAXPROCS": "1"}}, Header{Info: map[string]string{"GOMAXPROCS": "4"}}, random, ByRandom},
	} {
		d, err := Diff(leakyTrace(t, 0, c.a, c.tick), leakyTrace(t, 1, c.b, c.tick), DiffOptions{})
		if err != nil || d == nil {
			t.Fatalf("%v, %v", d, err)
		}
		if d.Suspect.Class != c.want {
			t.Errorf("taken for %s, want %s\n%s", d.Suspect.Class, c.want, d)
		}
		if same, err := Diff(leakyTrace(t, 0, c.a, c.tick), leakyTrace(t, 0, c.b, c.tick), DiffOptions{}); same != nil || err != nil {
			t.Errorf("headers alone made a difference: %v, %v", same, err)
		}
	}
}

// bent is synthTrace with one record and one choice bent.
func bent(t testing.TB, l Level, rounds int, rec func(n int, r *des.Record) bool, cho func(n int, c *des.Choice) bool) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := NewWriter(&buf, testHeader(l))
	if err != nil {
		t.Fatal(err)
	}
	nr, nc := 0, 0
	s := synth{out: func(r *des.Record) {
		c := Clone(r)
		if rec == nil || rec(nr, &c) {
			w.Record(&c)
		}
		nr++
	}, cho: func(c *des.Choice) {
		k := *c
		if cho == nil || cho(nc, &k) {
			w.Choose(&k)
		}
		nc++
	}}
	s.run(rounds)
	if err := w.Close(testSummary()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestDiffNamesThePlace(t *testing.T) {
	a := mustOpen(t, bent(t, Events, 30, nil, nil))
	n := 40
	b := mustOpen(t, bent(t, Events, 30, func(i int, r *des.Record) bool { r.Port += uint32(bit(i == n)); return true }, nil))
	recs, _ := collect(30)
	d, err := Diff(a, b, DiffOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if d.What != "record" || d.Number != uint64(n) || d.Cell != recs[n].Cell || d.At != recs[n].Key.Time {
		t.Errorf("%s %d of %q at %s, want record %d of %q at %s", d.What, d.Number, d.Cell, d.At, n, recs[n].Cell, recs[n].Key.Time)
	}
	if len(d.A.Before) != 10 || d.A.Before[9].N != uint64(n-1) || !Equal(&d.A.Before[9].Record, &recs[n-1]) {
		t.Errorf("before: %+v", d.A.Before)
	}
	if len(d.A.Causes) < 2 || d.A.Causes[0].Key != recs[n].Key || d.A.Causes[1].Key != recs[n].Cause {
		t.Errorf("causes: %v", d.A.Causes)
	}
	text := d.String()
	for _, want := range []string{"suspected cause", "caused by", "then b", recs[n].Cell} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	var back map[string]any
	out, err := json.Marshal(d)
	if err != nil || json.Unmarshal(out, &back) != nil || back["n"] != float64(n) {
		t.Errorf("as JSON: %s, %v", out, err)
	}
}

func TestDiffOfChoicesNamesTheStream(t *testing.T) {
	for _, l := range []Level{Choices, Events} {
		a := mustOpen(t, bent(t, l, 100, nil, nil))
		_, chos := collect(100)
		b := mustOpen(t, bent(t, l, 100, nil, func(n int, c *des.Choice) bool { return n != 5 }))
		d, err := Diff(a, b, DiffOptions{})
		if err != nil {
			t.Fatal(err)
		}
		c := chos[5]
		if d == nil || d.What != "choice" || d.Choice.Where != c.Where || d.Choice.N != c.N || *d.Choice.A != c.Value || d.Choice.B != nil {
			t.Fatalf("%s: %+v, want choice %s missing in b", l, d, ChoiceText(&c))
		}
		if d.Suspect.Class != ByRandom || !strings.Contains(d.String(), c.Where+" #"+utoa(c.N)) {
			t.Errorf("%s", d)
		}
	}
	// What comes first is named: here a choice, long before a record.
	late := func(n int, r *des.Record) bool { r.Port += uint32(bit(n == 300)); return true }
	x, y := mustOpen(t, bent(t, Events, 100, nil, nil)), mustOpen(t, bent(t, Events, 100, late, func(n int, _ *des.Choice) bool { return n != 5 }))
	if d, err := Diff(x, y, DiffOptions{}); err != nil || d.What != "choice" || d.Number != 300 {
		t.Errorf("a choice and then a record: %v, %v", d, err)
	}
	a := mustOpen(t, bent(t, Choices, 30, nil, nil))
	b := mustOpen(t, bent(t, Choices, 30, nil, func(n int, c *des.Choice) bool {
		if n == 2 {
			c.What = "tie"
		}
		return true
	}))
	if d, _ := Diff(b, a, DiffOptions{}); d == nil || d.Suspect.Class != ByTie {
		t.Errorf("a tie: %s", d)
	}
}

func TestDiffOfMarksNamesTheCells(t *testing.T) {
	late := func(cell string) func(int, *des.Record) bool {
		return func(_ int, r *des.Record) bool {
			if r.Op == des.OpMark && r.Cell == cell && r.Key.Time >= 300*ms {
				r.A++
			}
			return true
		}
	}
	a, b := mustOpen(t, bent(t, Choices, 60, nil, nil)), mustOpen(t, bent(t, Choices, 60, late("bob"), nil))
	d, err := Diff(a, b, DiffOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if d.What != "mark" || d.Cell != "bob" || len(d.Cells) != 1 || d.Since != 200*ms || d.At != 300*ms {
		t.Errorf("%+v\nwant bob, between 200ms and 300ms", d)
	}
	// A trace with events and one with choices are compared by their marks.
	if d, _ := Diff(mustOpen(t, bent(t, Events, 60, nil, nil)), b, DiffOptions{}); d == nil || d.Cell != "bob" {
		t.Errorf("events against choices: %v", d)
	}
}

func TestDiffOfASummary(t *testing.T) {
	a := mustOpen(t, synthTrace(t, Choices, 5, 0))
	var buf bytes.Buffer
	w, err := NewWriter(&buf, testHeader(Choices))
	if err != nil {
		t.Fatal(err)
	}
	s := synth{out: w.Record, cho: w.Choose}
	s.run(5)
	sum := testSummary()
	sum.Digest++
	if err := w.Close(sum); err != nil {
		t.Fatal(err)
	}
	if d, err := Diff(a, mustOpen(t, buf.Bytes()), DiffOptions{}); err != nil || d == nil || d.What != "summary" {
		t.Errorf("%v, %v: want a difference of the ends", d, err)
	}
}

func TestComparerFollowsARun(t *testing.T) {
	for _, l := range []Level{Choices, Events} {
		b := synthTrace(t, l, 60, 20)
		c := NewComparer(mustOpen(t, b))
		s := synth{out: c.Record, cho: c.Choose}
		s.run(60)
		if err := c.Finish(); err != nil || c.Divergence() != nil {
			t.Errorf("%s: the same run: %v", l, err)
		}
		for _, rounds := range []int{40, 80} { // it stops early, or goes on
			c := NewComparer(mustOpen(t, b))
			s := synth{out: c.Record, cho: c.Choose}
			s.run(rounds)
			if err := c.Finish(); !errors.Is(err, ErrDiverged) {
				t.Errorf("%s: a run of %d rounds against 60: %v", l, rounds, err)
			}
		}
		cut := mustOpen(t, b[:len(b)*2/3])
		c = NewComparer(cut)
		s = synth{out: c.Record, cho: c.Choose}
		s.run(60)
		if err := c.Finish(); err != nil {
			t.Errorf("%s: against a trace that was cut short: %v", l, err)
		}
	}
}

func TestComparerNamesTheFirstDifference(t *testing.T) {
	tr := mustOpen(t, synthTrace(t, Events, 60, 20))
	c := NewComparer(tr)
	h := testHeader(Events)
	h.Build = "another"
	c.Against(h)
	n := 0
	s := synth{out: func(r *des.Record) {
		if n++; n == 51 {
			r.A += 5
		}
		c.Record(r)
	}, cho: c.Choose}
	s.run(60)
	if err := c.Finish(); !errors.Is(err, ErrDiverged) {
		t.Fatal(err)
	}
	d := c.Divergence()
	if d.Number != 50 || d.Suspect.Class != ByBuild || len(d.B.Causes) < 2 || len(d.A.Causes) != len(d.B.Causes) {
		t.Errorf("%s", d)
	}
	c = NewComparer(tr)
	k := 0
	s = synth{out: c.Record, cho: func(x *des.Choice) {
		if k++; k == 4 {
			x.Value = "dup:1"
		}
		c.Choose(x)
	}}
	s.run(60)
	if err := c.Finish(); !errors.Is(err, ErrDiverged) || c.Divergence().What != "choice" || *c.Divergence().Choice.B != "dup:1" {
		t.Errorf("another choice: %v", err)
	}
}
