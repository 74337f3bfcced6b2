package tree

import (
	"fmt"
	"slices"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
)

// A transaction begins at a root. Each cell that gets the request executes it,
// unless it came by before, passes it on to those that have joined by it, and
// answers when all of them have, are gone, or its time is over. A cell takes
// requests from its rootward neighbour only, with growing numbers, and nobody
// sends one twice: so it is executed at most once in each cell. Whoever did
// not answer, or would not take it, makes the answer partial.

// pending is a transaction whose answers a cell waits for.
type pending struct {
	tree     *tree
	number   uint64
	own      bool
	from     cells.Port // unless own
	waiting  []cells.Port
	cells    uint64 // that have executed it
	sum      uint64 // of their hashes
	all      bool   // nobody is missing so far
	deadline clock.Time
}

// pendingMax bounds the transactions a cell waits for at once.
const pendingMax = 1 << 12

// transact begins a transaction.
func (c *cell) transact(e cells.Env, text []byte) (uint64, error) {
	t := c.own
	switch {
	case t == nil:
		return 0, fmt.Errorf("transact: this cell is no root")
	case len(c.pending) >= pendingMax:
		return 0, fmt.Errorf("transact: %d transactions are on their way already", pendingMax)
	}
	t.last++
	c.Started++
	e.Emit(KindBegin, int64(t.hash), int64(t.last))
	c.carry(e, &pending{tree: t, number: t.last, own: true, all: true}, text)
	return t.last, nil
}

// carry executes a transaction here, and passes it on.
func (c *cell) carry(e cells.Env, p *pending, text []byte) {
	t := p.tree
	if t.admitted && p.number > t.floor {
		c.Executed++
		p.cells, p.sum = 1, c.hash
		e.Emit(KindExecute, int64(t.hash), int64(p.number))
		if c.config.Bug == ExecuteTwice {
			e.Emit(KindExecute, int64(t.hash), int64(p.number))
		}
	} else {
		p.all = false
	}
	for i := range t.ends {
		n := cells.Port(i)
		if !t.ends[i].child || !c.isUp(n) {
			continue
		}
		p.waiting = append(p.waiting, n)
		m := begin(e.Buf(), wordRequest).name(t.root).instance(t.instance).number(p.number)
		if len(text) > 0 {
			m = append(append(m, ' '), text...)
		}
		e.Send(n, m)
	}
	if len(p.waiting) == 0 {
		c.answer(e, p)
		return
	}
	// Those further from the root wait a little less, so that what they have
	// still counts.
	hops := min(t.hops, c.config.TTL)
	p.deadline = e.Now().Add(c.config.Timeout - c.config.Timeout/time.Duration(c.config.TTL)*time.Duration(hops))
	c.pending = append(c.pending, p)
	if c.expires == 0 || p.deadline < c.expires {
		c.expireAt(e, p.deadline)
	}
}

func (c *cell) expireAt(e cells.Env, at clock.Time) {
	c.expires = at
	e.Arm(timerExpire, at.Sub(e.Now()))
}

// handleRequest takes a request.
func (c *cell) handleRequest(e cells.Env, n cells.Port, r *reader) bool {
	root, in, number := r.name(), r.instance(), r.number()
	if r.bad {
		return false
	}
	text := r.text()
	c.Requests++
	t := c.byRoot[string(root)]
	if t == nil || t == c.own || !t.valid || t.instance != in || t.rootward != n || number <= t.last || len(c.pending) >= pendingMax {
		c.Refused++
		m := begin(e.Buf(), wordReply).name(string(root)).instance(in).number(number)
		e.Send(n, m.number(0).hex(0).truth(false))
		return true
	}
	t.last = number
	c.carry(e, &pending{tree: t, number: number, from: n, all: true}, text)
	return true
}

// handleReply takes an answer from below.
func (c *cell) handleReply(e cells.Env, n cells.Port, r *reader) bool {
	root, in, number, count, sum, all := r.name(), r.instance(), r.number(), r.number(), r.hex(), r.truth()
	if !r.all() {
		return false
	}
	c.Replies++
	for _, p := range c.pending {
		if p.number != number || p.tree.root != string(root) || p.tree.instance != in {
			continue
		}
		if i := slices.Index(p.waiting, n); i >= 0 {
			p.waiting = slices.Delete(p.waiting, i, i+1)
			p.cells += count
			p.sum += sum
			p.all = p.all && all
			c.maybeAnswer(e, p)
			return true
		}
	}
	c.LateBack++
	return true
}

// maybeAnswer answers if nobody is waited for.
func (c *cell) maybeAnswer(e cells.Env, p *pending) {
	if len(p.waiting) > 0 {
		return
	}
	c.pending = slices.DeleteFunc(c.pending, func(q *pending) bool { return q == p })
	c.answer(e, p)
}

// answer tells what became of a transaction: rootward, or at the root to the
// world.
func (c *cell) answer(e cells.Env, p *pending) {
	t := p.tree
	if !p.own {
		if c.isUp(p.from) {
			m := begin(e.Buf(), wordReply).name(t.root).instance(t.instance).number(p.number)
			e.Send(p.from, m.number(p.cells).hex(p.sum).truth(p.all))
		}
		return
	}
	kind := KindComplete
	switch {
	case len(p.waiting) > 0:
		kind = KindTimedOut
		c.TimedOut++
	case !p.all:
		kind = KindPartial
		c.Partial++
	default:
		c.Completed++
	}
	c.LastCells = p.cells
	e.Emit(KindCells, int64(p.cells), int64(p.sum))
	e.Emit(kind, int64(t.hash), int64(p.number))
}

// lost takes a neighbour that is gone off all that wait for it; what it waits
// for is nobody's business any more.
func (c *cell) lost(e cells.Env, n cells.Port) {
	c.pending = slices.DeleteFunc(c.pending, func(p *pending) bool { return !p.own && p.from == n })
	for _, p := range slices.Clone(c.pending) {
		if i := slices.Index(p.waiting, n); i >= 0 {
			p.waiting = slices.Delete(p.waiting, i, i+1)
			p.all = false
			c.maybeAnswer(e, p)
		}
	}
}

// expire answers what has waited for too long.
func (c *cell) expire(e cells.Env) {
	c.expires = 0
	now := e.Now()
	next := clock.Never
	kept := c.pending[:0]
	var over []*pending
	for _, p := range c.pending {
		if p.deadline <= now {
			over = append(over, p)
			continue
		}
		kept = append(kept, p)
		next = min(next, p.deadline)
	}
	clear(c.pending[len(kept):])
	c.pending = kept
	for _, p := range over {
		p.all = false
		c.answer(e, p)
	}
	if next != clock.Never {
		c.expireAt(e, next)
	}
}

// abandonOwn answers all own transactions: their instance is over.
func (c *cell) abandonOwn(e cells.Env) {
	for _, p := range slices.Clone(c.pending) {
		if p.own {
			c.pending = slices.DeleteFunc(c.pending, func(q *pending) bool { return q == p })
			p.all = false
			c.answer(e, p)
		}
	}
}
