package tree

import (
	"slices"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// The timers of a cell.
const (
	timerGather cells.TimerID = iota // what has joined below is told
	timerExpire                      // of the transaction whose time is over first
	timerNext                        // the next transaction of the root's own
)

// cell is a cell of our reading.
type cell struct {
	config Config
	self   string
	hash   uint64 // of self, in the sums of replies
	ports  []port // by number
	trees  []*tree
	byRoot map[string]*tree // the same; looked up, never ranged over
	own    *tree            // of which the cell is the root; nil if of none

	gathering bool // timerGather is armed
	questions uint64
	pending   []*pending
	expires   clock.Time // what timerExpire is armed for; 0 if it is not
	intervals *cells.Rand
	token     token
	restored  []kept // from an earlier life
	began     bool   // an earlier life began its own transactions
	Counters
}

// Counters are what a cell has counted. A restart with kept state keeps them.
type Counters struct {
	Left uint64 // own transactions not yet begun

	Builds, Acks, Invalidations, Repairs           uint64 // sent
	Joined, Abandoned, Generations                 uint64 // trees joined, left; rebuildings of the own
	Cut                                            uint64 // lists of ports that were too long for the port
	Started, Completed, Partial, TimedOut          uint64 // transactions
	Requests, Executed, Refused, Replies, LateBack uint64
	LastCells                                      uint64
	Tokens, DataSent, DataDelivered, DataLost      uint64
	Malformed                                      uint64
}

// port is a frame port, as trees see it.
type port struct {
	up        bool // a neighbour is there
	name, own string
	peer      string
	mtu       int
}

// treesMax bounds the trees a cell knows.
const treesMax = 1 << 14

func newCell(c Config) *cell {
	p := &cell{config: c, byRoot: make(map[string]*tree)}
	p.Left = c.Transactions
	return p
}

// cellHash is what a cell adds to the sum of a reply.
func cellHash(id string) uint64 {
	var f des.Fold
	f.Text(id)
	f.Add(uint64(len(id)))
	return uint64(f)
}

// Start begins a life, and with it an instance of the own tree.
func (c *cell) Start(e cells.Env) {
	c.self = string(e.Self())
	c.hash = cellHash(c.self)
	for _, k := range c.restored {
		c.recall(k)
	}
	c.restored = nil
	if !c.config.Root {
		return
	}
	c.own = c.tree(c.self)
	c.own.epoch = epoch{instance: instance{uint64(max(e.Now(), 0)), e.Rand("instance").Uint64()}}
	c.own.valid, c.own.admitted = true, true
	c.own.started()
	c.intervals = e.Rand("interval")
	if c.Left > 0 {
		delay := c.config.Delay
		if c.began {
			delay = 0
		}
		c.began = true
		e.Arm(timerNext, delay)
	}
}

// tree finds a tree, or begins one that the cell is not in yet.
func (c *cell) tree(root string) *tree {
	if t := c.byRoot[root]; t != nil {
		return t
	}
	t := &tree{root: root, attr: "tree." + root}
	i, _ := slices.BinarySearchFunc(c.trees, root, func(t *tree, root string) int { return strings.Compare(t.root, root) })
	c.trees = slices.Insert(c.trees, i, t)
	c.byRoot[root] = t
	return t
}

// Up says that a neighbour is there: it is told of all trees.
func (c *cell) Up(e cells.Env, n cells.Port) {
	info := e.Port(n)
	if info.Stream {
		return
	}
	for len(c.ports) <= int(n) {
		c.ports = append(c.ports, port{})
	}
	c.ports[n] = port{up: true, name: info.Name, own: c.self + ":" + info.Name, peer: info.Peer, mtu: info.MTU}
	for _, t := range c.trees {
		c.tell(e, t, n)
	}
}

// Down says that a neighbour is gone, and all it has said with it.
func (c *cell) Down(e cells.Env, n cells.Port, _ error) {
	if !c.isUp(n) {
		return
	}
	c.ports[n].up = false
	for _, t := range c.trees {
		c.forget(e, t, n)
	}
	c.lost(e, n)
}

func (c *cell) isUp(n cells.Port) bool { return int64(n) < int64(len(c.ports)) && c.ports[n].up }

// Recv takes a message.
func (c *cell) Recv(e cells.Env, n cells.Port, b []byte) {
	if !c.isUp(n) {
		return
	}
	r := read(b)
	ok := false
	switch string(r.word()) {
	case wordBuild:
		ok = c.handleBuild(e, n, &r)
	case wordAck:
		ok = c.handleAck(e, n, &r)
	case wordInvalidate:
		ok = c.handleInvalidation(e, n, &r)
	case wordAdmit:
		ok = c.handleAdmit(e, n, &r)
	case wordAdmitted:
		ok = c.handleAdmitted(e, n, &r)
	case wordRequest:
		ok = c.handleRequest(e, n, &r)
	case wordReply:
		ok = c.handleReply(e, n, &r)
	case wordToken:
		ok = c.handleToken(e, n, &r)
	case wordData:
		ok = c.handleData(e, &r)
	}
	if !ok {
		c.Malformed++
	}
}

// Timer fires a timer.
func (c *cell) Timer(e cells.Env, id cells.TimerID) {
	switch id {
	case timerGather:
		c.gathered(e)
	case timerExpire:
		c.expire(e)
	case timerNext:
		c.next(e)
	}
}

// next begins the next transaction of the root's own.
func (c *cell) next(e cells.Env) {
	if c.Left == 0 {
		return
	}
	c.Left--
	_, _ = c.transact(e, nil) // as many as there may be
	if c.Left > 0 {
		e.Arm(timerNext, time.Duration(c.intervals.Sample(c.config.Interval)))
	}
}
