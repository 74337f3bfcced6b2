// Package register is an atomic register that several replicas keep together:
// clients read and write it, and as long as a majority of the replicas is
// there, each operation looks as if it happened at one instant. It is the
// algorithm of Attiya, Bar-Noy and Dolev ("Sharing memory robustly in
// message-passing systems", JACM 1995), with several writers as by Lynch and
// Shvartsman (1997). It works over links that lose, duplicate and reorder.
//
// A message is
//
//	byte 0    kind: 0 query, 1 value, 2 store, 3 stored
//	session   u64, drawn by the client at each start
//	phase     u32, counted by the client: an operation has two
//	key       u16, which register
//	stamp     u64, and writer u64: the version of the value, in this order
//	value     u64; 0 is what nobody has written
//	trailer   CRC-32 (IEEE) of all before it; all big endian
//
// The client, one operation at a time:
//
//	state    event                     action                                  next
//	idle     interval over             emit invoke; send query to all, arm     asking
//	asking   values of a quorum        read: take the greatest version         storing
//	                                   write: own value, stamp one greater;
//	                                   send store to all, arm
//	storing  a quorum has stored       emit return; arm interval               idle
//	asking   rto                       send query to who has not answered      asking
//	storing  rto                       send store to who has not answered      storing
//	any      answer of another phase   count it as stale                       same
//
// A replica answers a query with what it has, and a store with stored, after
// taking what is of a greater version than its own. Both may be done twice
// without harm, so it keeps no table of who asked.
//
// Any two majorities share a replica. With a smaller quorum, or with one-phase
// reads, which do not store what they found, the register is a weak one: some
// histories of it have no order that explains them. Neither is a mistake of the
// program: they are what systems offer that want to answer sooner, and the
// oracle, register/linearizable, tells them apart. A replica that comes back
// without its state breaks its word too. There is no compare-and-swap: no
// register of this kind can offer it without consensus.
//
// All ports of a client are links to replicas, and all of a replica to clients.
// Whether a history is linearizable is left to package scenarios/linear.
package register

import (
	"fmt"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// Config is what a cell of a register is made of.
type Config struct {
	Role       string        `dsim:"role" doc:"what the cell does" oneof:"client,replica" default:"replica"`
	Replicas   int           `dsim:"replicas" doc:"how many replicas there are: the first ports of a client lead to them" default:"3"`
	Quorum     int           `dsim:"quorum" doc:"how many replicas must answer; 0 is a majority, and fewer make a weak register" default:"0"`
	Reads      string        `dsim:"reads" doc:"whether a read stores what it found before it returns; one-phase reads make a weak register" oneof:"two-phase,one-phase" default:"two-phase"`
	Operations uint64        `dsim:"operations" doc:"how many operations a client does" default:"0"`
	Writes     des.Ratio     `dsim:"writes" doc:"how many of them are writes" default:"50%"`
	Keys       int           `dsim:"keys" doc:"how many registers there are" default:"1"`
	Interval   des.Sampler   `dsim:"interval" doc:"time from an operation's end to the next one" unit:"duration" default:"0s"`
	RTO        time.Duration `dsim:"rto" doc:"time after which replicas that have not answered are asked again" default:"50ms"`
}

// The roles of a cell, and the kinds of reads.
const (
	Client   = "client"
	Replica  = "replica"
	TwoPhase = "two-phase"
	OnePhase = "one-phase"
)

// Bounds of a Config.
const (
	ReplicasMax   = 64
	KeysMax       = 1 << 16
	OperationsMax = 1 << 30
)

// Defaults is the Config that the tags describe.
func Defaults() Config {
	return Config{Role: Replica, Replicas: 3, Reads: TwoPhase, Writes: des.Ratio{Num: 1, Den: 2}, Keys: 1, Interval: des.Constant(0), RTO: 50 * time.Millisecond}
}

// KindInvoke and KindReturn say that a client's operation begins and ends. The
// operation is twice the key, and one more for a write; the value is what is
// written, or what was read, 0 when a read begins.
var (
	KindInvoke = cells.NewKind("register-invoke", "operation", "value")
	KindReturn = cells.NewKind("register-return", "operation", "value")
)

// Operation takes the first number of KindInvoke and KindReturn apart.
func Operation(a int64) (key int64, write bool) { return a >> 1, a&1 == 1 }

func (c *Config) check() error {
	if c.Interval == nil {
		c.Interval = des.Constant(0)
	}
	switch {
	case c.Role != Client && c.Role != Replica:
		return fmt.Errorf("role %q: want %s or %s", c.Role, Client, Replica)
	case c.Replicas < 1 || c.Replicas > ReplicasMax:
		return fmt.Errorf("replicas %d: from 1 to %d are possible", c.Replicas, ReplicasMax)
	case c.Quorum < 0 || c.Quorum > c.Replicas:
		return fmt.Errorf("quorum %d: from 1 to the %d replicas are possible, or 0 for a majority", c.Quorum, c.Replicas)
	case c.Reads != TwoPhase && c.Reads != OnePhase:
		return fmt.Errorf("reads %q: want %s or %s", c.Reads, TwoPhase, OnePhase)
	case c.Operations > OperationsMax:
		return fmt.Errorf("operations %d: at most %d are possible", c.Operations, OperationsMax)
	case c.Keys < 1 || c.Keys > KeysMax:
		return fmt.Errorf("keys %d: from 1 to %d are possible", c.Keys, KeysMax)
	case c.Interval.Max() < 0:
		return fmt.Errorf("interval %s: must not be negative", c.Interval)
	case c.RTO <= 0:
		return fmt.Errorf("rto %s: must be more than 0", c.RTO)
	}
	return nil
}

// New makes a cell of a register.
func New(c Config) (cells.Protocol, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	if c.Role == Replica {
		return &replica{config: c}, nil
	}
	if c.Quorum == 0 {
		c.Quorum = c.Replicas/2 + 1
	}
	return &client{config: c, up: make([]bool, c.Replicas), answered: make([]bool, c.Replicas)}, nil
}
