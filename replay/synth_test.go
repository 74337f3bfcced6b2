package replay

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// synth makes a stream of records as a run makes them: two cells, alice and
// bob, with a link between them. A timer of alice sends a frame, a link's fault
// may befall it, bob answers.
type synth struct {
	out  func(*des.Record)
	cho  func(*des.Choice)
	seqs map[des.Entity]uint64
	n    [2]int64
	rand uint64
}

const ms = clock.Time(1_000_000)

var (
	aliceCell = des.MakeEntity(des.Cell, 0)
	bobCell   = des.MakeEntity(des.Cell, 1)
	abDir     = des.MakeEntity(des.Direction, 0)
	baDir     = des.MakeEntity(des.Direction, 1)
)

func (s *synth) key(t clock.Time, e des.Entity) des.Key {
	s.seqs[e]++
	return des.Key{Time: t, Entity: e, Seq: s.seqs[e]}
}

func (s *synth) draw(n uint64) uint64 {
	s.rand = s.rand*6364136223846793005 + 1442695040888963407
	return s.rand >> 33 % n
}

// run makes rounds of timer, send, arrival, answer, arrival.
func (s *synth) run(rounds int) {
	s.seqs = map[des.Entity]uint64{}
	s.rand = 1
	s.cho(&des.Choice{What: "option", Where: "links.ab.loss", Value: "10%"})
	start := s.key(0, aliceCell)
	s.out(&des.Record{Key: start, Op: des.OpStart, Cell: "alice", A: 1})
	s.out(&des.Record{Key: start, Op: des.OpArm, Cell: "alice", A: 1, B: int64(10 * ms)})
	s.out(&des.Record{Key: s.key(0, bobCell), Op: des.OpStart, Cell: "bob", A: 1})
	cause := start
	for i := range rounds {
		at := clock.Time(i+1) * 10 * ms
		timer := s.key(at, aliceCell)
		s.out(&des.Record{Key: timer, Cause: cause, Op: des.OpTimer, Cell: "alice", A: 1, B: int64(at)})
		payload := append([]byte("frame "), byte(i), byte(i>>8), 0, 1, 2, 3)
		got := s.send(timer, cause, 0, "alice", payload)
		s.out(&des.Record{Key: timer, Cause: cause, Op: des.OpEmit, Cell: "alice", Kind: "sent", A: int64(i), Text: fmt.Sprint("round ", i%7)})
		s.out(&des.Record{Key: timer, Cause: cause, Op: des.OpArm, Cell: "alice", A: 1, B: int64(at + 10*ms)})
		if got {
			arrive := s.key(at+ms+clock.Time(s.draw(1000)), abDir)
			s.out(&des.Record{Key: arrive, Cause: timer, Op: des.OpRecv, Cell: "bob", Link: "ab>", A: s.n[0], Data: payload})
			if s.send(arrive, timer, 1, "bob", []byte("ack")) {
				s.out(&des.Record{Key: s.key(arrive.Time+ms, baDir), Cause: arrive, Op: des.OpRecv, Cell: "alice", Link: "ab<", A: s.n[1], Data: []byte("ack")})
			}
		}
		if i%10 == 9 {
			var f des.Fold
			f.Add(s.rand)
			for _, c := range []string{"alice", "bob", ""} {
				s.out(&des.Record{Key: timer, Op: des.OpMark, Cell: c, A: int64(f)})
			}
		}
		cause = timer
	}
}

// send sends a frame and reports whether it arrives.
func (s *synth) send(key, cause des.Key, dir int, cell string, data []byte) bool {
	link := []string{"ab>", "ab<"}[dir]
	s.n[dir]++
	n := s.n[dir]
	s.out(&des.Record{Key: key, Cause: cause, Op: des.OpSend, Cell: cell, Link: link, A: n, Data: data})
	verdict := ""
	switch s.draw(10) {
	case 0:
		verdict = "drop:loss"
	case 1:
		verdict = "flip:3,77 late:5ms"
	}
	if verdict == "" {
		return true
	}
	s.cho(&des.Choice{At: key, What: "verdict", Where: link, N: uint64(n), Value: verdict})
	s.out(&des.Record{Key: key, Cause: cause, Op: des.OpVerdict, Cell: cell, Link: link, A: n, Text: verdict})
	return verdict != "drop:loss"
}

func testHeader(l Level) Header {
	return Header{
		Level: l, Rng: 1, Scenario: "lossy", Text: "version: 1\nname: lossy\n", Seed: "7",
		Set: []string{"links.ab.loss=10%"}, Build: "dsim test go1 linux/amd64",
		Limits: des.Limits{Events: 1000, Time: 5 * ms, Delta: 10}, Info: map[string]string{"ties": "fifo", "a": "b"},
	}
}

func testSummary() Summary {
	return Summary{Verdict: "ok", Digest: 0xdeadbeef, End: 99 * ms, Events: 12, Info: map[string]string{"x": "y"}}
}

// synthTrace is a trace of so many rounds, in blocks of so many records (0: as
// the writer does).
func synthTrace(t testing.TB, l Level, rounds, block int) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := NewWriter(&buf, testHeader(l))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	s := synth{out: func(r *des.Record) {
		w.Record(r)
		if n++; block > 0 && n%block == 0 {
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}, cho: w.Choose}
	s.run(rounds)
	if err := w.Close(testSummary()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// collect is what a run of so many rounds gives.
func collect(rounds int) (recs []des.Record, chos []des.Choice) {
	s := synth{
		out: func(r *des.Record) { recs = append(recs, Clone(r)) },
		cho: func(c *des.Choice) { chos = append(chos, *c) },
	}
	s.run(rounds)
	return recs, chos
}

func mustOpen(t testing.TB, b []byte) *Trace {
	t.Helper()
	tr, err := OpenBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tr.Close() })
	return tr
}

func readAll(t testing.TB, tr *Trace) (recs []des.Record, chos []des.Choice) {
	t.Helper()
	for e, err := range tr.Entries(allFrom, allTo) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Record != nil {
			recs = append(recs, Clone(e.Record))
		} else {
			chos = append(chos, *e.Choice)
		}
	}
	return recs, chos
}

func le32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
