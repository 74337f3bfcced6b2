// Package tree is tree-structured routing: every cell that roots a tree has
// the cells around it join that tree, each by the port over which it was first
// asked, so that the tree spans all cells that can be reached. Requests travel
// from the root to the leaves, and replies come back as one. The link protocol
// is under it; see package neighbour.
//
// Messages are text, with one blank between fields. There are two readings.
//
// The plain one, in plain.go, is the first that was written: each *port* roots
// a tree, messages are sent once, and a cell joins whatever it hears of first.
//
//	TREE_BUILD tree instance hops
//	TREE_BUILD_ACK tree instance hops [portid,portid,…]
//	TREE_BUILD_INVALIDATION tree instance False
//	RTP tree True|False hops
//
// Ours, the default, has the same words, and converges to shortest paths
// whatever was lost, cut or crashed before. Each *cell* roots a tree. All is
// sent over reliable sessions: repeated until acknowledged, in order, and
// forgotten with the session. Fields that are added are last:
//
//	TREE_BUILD root instance hops generation
//	    to a neighbour: I am in this tree, so many hops from its root; join it by me
//	TREE_BUILD_ACK root instance hops [portid,portid,…] generation
//	    to the neighbour that is rootward: I have joined by you, and so have those
//	    below me. Each link of the tree stands there with both its ports, first
//	    that nearer to the root, after that of the link it hangs on
//	TREE_BUILD_INVALIDATION root instance False generation
//	    to a neighbour: I am not in this tree any more
//	TREE_BUILD_INVALIDATION root instance True generation
//	    rootward: somebody cannot join this generation, let there be a new one
//	RTP root False hops number, RTP root True hops number
//	    a token on its way to the leaves, and back
//	DATA_PACKET {"source_id": …}
//	    for one cell, along its tree
//	ADMIT root instance question, ADMITTED root instance question number
//	    rootward: how many transactions are there? leafward: so many
//	REQUEST root instance number text
//	    leafward: a transaction
//	REPLY root instance number cells sum True|False
//	    rootward: so many cells have executed it; the sum of their hashes; whether
//	    that is all of them
//
// An instance is 32 hexadecimal digits: 16 of the root's clock when it began,
// so that of two instances the later is known, and 16 drawn. A generation is
// the root's count of rebuildings; see distance.go for what they are for.
//
// # Time to stabilise
//
// After the last fault, a dead neighbour is noticed within the link protocol's
// silence, (tolerance + 1/2) heartbeats; a live one is found again within the
// same, the retry, an ask and one and a half round trips. Then a chain of
// invalidations, a request for repair, and a rebuilding each cross the
// component once, of n hops; the list of ports comes back with a pause of
// gather at each, and so do the questions of admission, before they are answered. With a greatest delay d
// per link and at most k losses of any one frame in a row,
//
//	2·(tolerance + 1/2)·heartbeat + retry + ask + (6n + 3)·(d + k·rto) + 2n·gather
//
// is enough, since losses delay what they hit and nothing else. With the
// defaults, ten hops of 10 ms and no loss, that is 4.3 s.
//
// What a transaction means is left to who sends it; links and their faults
// are left to package links.
package tree

import (
	"fmt"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/protocols/neighbour"
)

// The readings.
const (
	Ours  = neighbour.Ours
	Plain = neighbour.Plain
)

// Config is what a cell is made of.
type Config struct {
	Reading      string        `dsim:"reading" doc:"ours converges whatever happens, plain is the first that was written" oneof:"ours,plain" default:"ours"`
	Root         bool          `dsim:"root" doc:"whether the cell roots a tree" default:"true"`
	TTL          uint64        `dsim:"ttl" doc:"ours: the most cells on a way from root to leaf; at least the number of cells" default:"1024"`
	Heartbeat    time.Duration `dsim:"heartbeat" doc:"from one heartbeat of a link to the next" default:"250ms"`
	Tolerance    uint64        `dsim:"tolerance" doc:"ours: how many heartbeats in a row may be missed" default:"3"`
	Ask          time.Duration `dsim:"ask" doc:"from one question for a neighbour to the next" default:"500ms"`
	GiveUp       time.Duration `dsim:"give-up" doc:"how long the questions are repeated" default:"10s"`
	Retry        time.Duration `dsim:"retry" doc:"how long a port that was given up, or lost, is left alone" default:"1s"`
	RTO          time.Duration `dsim:"rto" doc:"ours: time after which what was not acknowledged is sent again; more than a round trip" default:"100ms"`
	Gather       time.Duration `dsim:"gather" doc:"ours: how long a cell collects what has joined below it before it tells" default:"20ms"`
	Transactions uint64        `dsim:"transactions" doc:"ours: how many transactions a root begins by itself" default:"0"`
	Delay        time.Duration `dsim:"delay" doc:"time from the start to the first of them" default:"0s"`
	Interval     des.Sampler   `dsim:"interval" doc:"time from one to the next" unit:"duration" default:"1s"`
	Timeout      time.Duration `dsim:"timeout" doc:"ours: after which a root answers with what it has" default:"5s"`
	Bug          string        `dsim:"bug" doc:"ours: a mistake to be found by a test of the tests; never for anything else" oneof:",execute-twice,far-hops,short-list" default:""`
}

// The mistakes a canary can be given.
const (
	ExecuteTwice = "execute-twice" // a transaction is executed twice
	FarHops      = "far-hops"      // a cell says it is a hop further from the root than it is
	ShortList    = "short-list"    // a cell does not tell which ports are below it
)

// Defaults is the Config that the tags describe.
func Defaults() Config {
	n := neighbour.Defaults()
	return Config{
		Reading: Ours, Root: true, TTL: 1024,
		Heartbeat: n.Heartbeat, Tolerance: n.Tolerance, Ask: n.Ask, GiveUp: n.GiveUp, Retry: n.Retry, RTO: n.RTO,
		Gather: 20 * time.Millisecond, Interval: des.Constant(int64(time.Second)), Timeout: 5 * time.Second,
	}
}

// TTLMax bounds the way from root to leaf.
const TTLMax = 1 << 20

func (c *Config) check() error {
	if c.Interval == nil {
		c.Interval = des.Constant(int64(time.Second))
	}
	switch {
	case c.Reading != Ours && c.Reading != Plain:
		return fmt.Errorf("reading %q: want %s or %s", c.Reading, Ours, Plain)
	case c.TTL < 1 || c.TTL > TTLMax:
		return fmt.Errorf("ttl %d: must be from 1 to %d", c.TTL, TTLMax)
	case c.Gather < 0 || c.Gather > neighbour.TimeMax:
		return fmt.Errorf("gather %s: must be from 0 to %s", c.Gather, neighbour.TimeMax)
	case c.Delay < 0:
		return fmt.Errorf("delay %s: must not be negative", c.Delay)
	case c.Timeout < time.Microsecond || c.Timeout > neighbour.TimeMax:
		return fmt.Errorf("timeout %s: must be from 1us to %s", c.Timeout, neighbour.TimeMax)
	case c.Interval.Min() < int64(time.Microsecond):
		return fmt.Errorf("interval %s: must be at least 1us", c.Interval)
	case c.Bug != "" && c.Bug != ExecuteTwice && c.Bug != FarHops && c.Bug != ShortList:
		return fmt.Errorf("bug %q: want %s, %s or %s", c.Bug, ExecuteTwice, FarHops, ShortList)
	case c.Reading == Plain && c.Transactions > 0:
		return fmt.Errorf("transactions %d: the plain reading has none", c.Transactions)
	}
	return nil
}

// link is the Config of the link protocol under the cell.
func (c *Config) link() neighbour.Config {
	return neighbour.Config{
		Reading: c.Reading, Reliable: c.Reading == Ours,
		Heartbeat: c.Heartbeat, Tolerance: c.Tolerance, Ask: c.Ask, GiveUp: c.GiveUp, Retry: c.Retry, RTO: c.RTO,
	}
}

// What a cell emits. A transaction is named by the tree, which is a hash of
// root and instance, and a number.
var (
	KindJoined = cells.NewKind("tree-joined", "", "")
	KindLeft   = cells.NewKind("tree-left", "", "")

	KindBegin    = cells.NewKind("tree-begin", "tree", "transaction")
	KindExecute  = cells.NewKind("tree-execute", "tree", "transaction")
	KindCells    = cells.NewKind("tree-cells", "cells", "sum") // of the next emission
	KindComplete = cells.NewKind("tree-complete", "tree", "transaction")
	KindPartial  = cells.NewKind("tree-partial", "tree", "transaction")
	KindTimedOut = cells.NewKind("tree-timed-out", "tree", "transaction")

	KindData  = cells.NewKind("tree-data", "", "")
	KindToken = cells.NewKind("tree-token", "hops", "ns")
)

// New makes a cell, with the link protocol under it.
func New(c Config) (cells.Protocol, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("tree: %w", err)
	}
	var upper cells.Protocol
	if c.Reading == Plain {
		upper = newPlain(c)
	} else {
		upper = newCell(c)
	}
	p, err := neighbour.New(c.link(), upper)
	if err != nil {
		return nil, fmt.Errorf("tree: %w", err)
	}
	return p, nil
}
