package leaks

import (
	"example.com/dsim/fuzz/overlay"
	"example.com/dsim/replay"
)

// how a leak is found.
type how uint8

const (
	twice     how = iota // two runs of one process
	processes            // traces of two processes
	machines             // traces of two families of processors
)

// leak is one leak and what must be said of it.
type leak struct {
	name  string
	how   how
	file  string // of the sources
	edits []overlay.Edit
	cells string       // where it shows first: the difference names one of these
	class replay.Class // the right guess
	again []string     // variables of the second process's environment
}

const (
	abpFile      = "protocols/abp/abp.go"
	abpSender    = "protocols/abp/sender.go"
	abp5File     = "protocols/abp5/abp5.go"
	abp64File    = "protocols/abp64/abp64.go"
	echoClient   = "protocols/echo/client.go"
	echoServer   = "protocols/echo/server.go"
	network      = "links/lane.go"
	verdicts     = "links/verdict.go"
	cellsEffects = "cells/effects.go"
	model        = "scenarios/model.go"
)

// planted are the leaks, in rooms from the ground up.
var planted = []leak{
	{
		name: "effects are sorted by address", file: cellsEffects, cells: "alice bob carol dave erin frank gina hugo", class: replay.ByOrder,
		edits: []overlay.Edit{
			overlay.Imports(`"fmt"`),
			{Anchor: "func (l *Lane) drain() {\n", After: `	boxes := make([]*effect, 0, 8)
	for i := range l.effects {
		f := l.effects[i]
		boxes = append(boxes, &f)
	}
	slices.SortFunc(boxes, func(a, b *effect) int {
		x, y := fmt.Sprintf("%p", a), fmt.Sprintf("%p", b)
		if x < y {
			return -1
		}
		return 1
	})
	for i, f := range boxes {
		l.effects[i] = *f
	}
`},
		},
	},
	{
		name: "a link is slower while the machine is busy", file: network, cells: "alice bob carol dave gina hugo", class: replay.ByWall,
		edits: []overlay.Edit{
			{Anchor: "func (l *lane) send(p cells.PortRef, q *cells.PortRecord, plan *plan, num uint64, f cells.Frame) {\n", After: "\tbegan := time.Now()\n"},
			{Anchor: "	at, reason, ok := l.pass(q, x, plan, len(data), &plan.params.Queue)\n", After: "\tat = at.Add(time.Since(began))\n"},
		},
	},
	{
		name: "losses are drawn from math/rand/v2", file: verdicts, cells: "alice bob carol dave gina hugo", class: replay.ByRandom,
		edits: []overlay.Edit{
			overlay.Imports(`randv2 "math/rand/v2"`),
			{Anchor: "p.Loss.Hit(c.loss.At(n, 0))", With: "p.Loss.Hit(randv2.Uint64())"},
		},
	},
	{
		name: "a map is ranged over to send", file: abpFile, cells: "alice bob", class: replay.ByOrder,
		edits: []overlay.Edit{
			{Anchor: "	p.up = true\n", After: `	for name, n := range map[string]int64{"up": 1, "mtu": 2, "peer": 3, "limit": 4} {
		e.Emit(KindCorrupt, n, int64(len(name)))
	}
`},
		},
	},
	{
		name: "messages carry the time of day", file: abpSender, cells: "alice bob", class: replay.ByWall,
		edits: []overlay.Edit{
			{Anchor: "	p.Payload, _ = messages.Append(p.Payload[:0], &p.message) // only a body can be too long\n", After: `	now := uint64(time.Now().UnixNano())
	for i := range 8 {
		p.Payload = append(p.Payload, byte(now>>(56-8*i)))
	}
`},
		},
	},
	{
		name: "timeouts jitter by math/rand", file: abpSender, cells: "alice", class: replay.ByRandom,
		edits: []overlay.Edit{
			overlay.Imports(`"math/rand"`),
			{Anchor: "	e.Arm(timerRTO, p.config.RTO)\n", With: "	e.Arm(timerRTO, p.config.RTO+time.Duration(rand.Int63n(5_000_000)))\n"},
		},
	},
	{
		name: "a goroutine prepares what a timer uses", file: abpSender, cells: "alice", class: replay.ByGoroutine,
		edits: []overlay.Edit{
			overlay.Imports(`"sync/atomic"`),
			{Anchor: "func (p *cell) transmit(e cells.Env) {\n", After: `	if p.Sent == 0 {
		ready := new(atomic.Bool)
		worker = ready
		go func() {
			sum := 0
			for i := range 200_000 {
				sum += i
			}
			ready.Store(sum > 0)
		}()
	}
	if worker != nil && worker.Load() {
		worker = nil
		e.Emit(KindCorrupt, 0, 0)
	}
`},
			{Anchor: "// triesOfGiveUp is", With: "var worker *atomic.Bool\n\n// triesOfGiveUp is"},
		},
	},
	{
		name: "a select has two ready cases", file: echoServer, cells: "frank", class: replay.ByOrder,
		edits: []overlay.Edit{
			{Anchor: "	p.accepted++\n", After: `	one, two := make(chan int64, 1), make(chan int64, 1)
	one <- 1
	two <- 2
	for range 2 {
		select {
		case n := <-one:
			e.Emit(KindUp, n, serverSide)
		case n := <-two:
			e.Emit(KindUp, n, serverSide)
		}
	}
`},
		},
	},
	{
		name: "connections are named by crypto/rand", file: echoClient, cells: "erin", class: replay.ByRandom,
		edits: []overlay.Edit{
			overlay.Imports(`"crypto/rand"`, `"encoding/binary"`),
			{Anchor: "	c := &p.calls[i]\n	*c = call{", With: `	var nonce [8]byte
	rand.Read(nonce[:])
	c := &p.calls[i]
	*c = call{`},
			{Anchor: "int64(p.ids.Uint64() >> 1)", With: "int64(binary.BigEndian.Uint64(nonce[:]) >> 1)"},
		},
	},
	{
		name: "a count lives in the package", file: abp5File, cells: "carol dave", class: replay.ByShared,
		edits: []overlay.Edit{
			{Anchor: "func (p *cell) Up(e cells.Env, q cells.Port) {\n", After: "	sessions++\n	e.Emit(KindTake, sessions, 0)\n"},
			{Anchor: "// New makes an abp5 cell.\n", With: "var sessions int64\n\n// New makes an abp5 cell.\n"},
		},
	},
	{
		name: "a pool gives back what others left in it", file: abp64File, cells: "gina hugo", class: replay.ByShared,
		edits: []overlay.Edit{
			overlay.Imports(`"sync"`),
			{Anchor: "	p.Sent++\n	b, err := frames.Append(e.Buf(), &p.Current)\n", With: `	p.Sent++
	scratch := pool.Get().(*[64]byte)
	defer pool.Put(scratch)
	b, err := frames.Append(e.Buf(), &p.Current)
	copy(b[56:63], scratch[:])
	copy(scratch[:], fmt.Sprintf("%s %d", e.Self(), p.Sent))
`},
			{Anchor: "// New makes an abp64 cell.\n", With: "var pool = sync.Pool{New: func() any { return new([64]byte) }}\n\n// New makes an abp64 cell.\n"},
		},
	},
	{
		name: "a partition begins with whichever link comes first", file: model, cells: "alice bob carol dave erin frank", class: replay.ByOrder,
		edits: []overlay.Edit{
			{Anchor: "	for _, l := range now.Links {\n", With: `	byName := make(map[string]cells.LinkStatus)
	for _, l := range now.Links {
		byName[l.Name] = l
	}
	for _, l := range byName {
		if len(out) == 2 {
			break
		}
`},
		},
	},
	{
		name: "messages carry the process's number", how: processes, file: abpFile, cells: "alice bob", class: replay.ByPlace,
		edits: []overlay.Edit{
			overlay.Imports(`"os"`),
			{Anchor: "func (p *cell) Start(e cells.Env) {\n", After: "	e.Emit(KindCorrupt, int64(os.Getpid()), 0)\n"},
		},
	},
	{
		name: "hashes are seeded by the process", how: processes, file: abpSender, cells: "alice bob", class: replay.ByRandom,
		edits: []overlay.Edit{
			overlay.Imports(`"hash/maphash"`),
			{Anchor: "	e.Emit(KindContent, int64(p.Stream), contentHash(p.Payload))\n", With: "	e.Emit(KindContent, int64(p.Stream), int64(maphash.Bytes(hashSeed, p.Payload)>>1))\n"},
			{Anchor: "// triesOfGiveUp is", With: "var hashSeed = maphash.MakeSeed()\n\n// triesOfGiveUp is"},
		},
	},
	{
		name: "a deviation of round trips is a float", how: machines, file: abpSender, cells: "alice", class: replay.ByFloat,
		edits: []overlay.Edit{
			overlay.Imports(`"math"`),
			{Anchor: "	e.Arm(timerRTO, p.config.RTO)\n", With: `	ms, sum, squares, n := float64(p.RTT.Last)/1e6, 0.0, 0.0, float64(p.RTT.Count)
	for range p.RTT.Count {
		sum += ms
		squares += ms * ms
	}
	rto := p.config.RTO
	if mean := sum / n; n > 1 {
		rto = time.Duration((mean*1.5 + 4*math.Sqrt(max(0, squares/n-mean*mean))) * 1e6)
	}
	e.Arm(timerRTO, rto)
`},
		},
	},
}
