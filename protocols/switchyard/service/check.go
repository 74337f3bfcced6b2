package service

import (
	"fmt"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/protocols/eth"
)

// What scenarios call the oracles.
const (
	EchoOracleName   = "switchyard/echo"
	LeaseOracleName  = "switchyard/leases"
	OffsetOracleName = "switchyard/clock-offset"
)

// echoOracle holds the law of the echo service: what a client gets is what it
// sent under that number.
type echoOracle struct {
	asked map[cells.ID]cells.Emission // the last of each client
}

// NewEchoOracle gives the oracle "switchyard/echo".
func NewEchoOracle() cells.Oracle { return &echoOracle{make(map[cells.ID]cells.Emission)} }

// Kinds are the emissions the oracle reads.
func (o *echoOracle) Kinds() []cells.Kind { return []cells.Kind{KindAsked, KindAnswered} }

// Observe takes one emission.
func (o *echoOracle) Observe(_ des.Key, m cells.Emission) error {
	if m.Kind == KindAsked {
		o.asked[m.Cell] = m
		return nil
	}
	switch asked, ok := o.asked[m.Cell]; {
	case !ok || asked.A != m.A:
		return fmt.Errorf("%s: a reply to message %d, which it did not send last", m.Cell, m.A)
	case asked.B != m.B:
		return fmt.Errorf("%s: the reply to message %d is not what it sent", m.Cell, m.A)
	}
	return nil
}

// Finish finds nothing more: a reply may be lost.
func (o *echoOracle) Finish() error { return nil }

// leaseOracle holds the law of addresses: each that is given is of a pool, no
// server gives one that another station has, and no two clients are bound to one
// at the same time. A client is bound until it says otherwise, or its lease is
// over, for it may have crashed.
type leaseOracle struct {
	pools  []span
	leased map[leasedKey]int64  // the MAC that has an address, by server
	bound  map[int64]boundUntil // by address
	over   map[leasedKey]bool   // leases of clients that ended before somebody else was bound, and that the client has not given up yet
}

// span is a pool of a server.
type span struct {
	server      cells.ID
	first, last int64
}

type leasedKey struct {
	server  cells.ID // or client
	address int64
}

type boundUntil struct {
	cell  cells.ID
	until clock.Time
}

// NewLeaseOracle gives the oracle "switchyard/leases".
func NewLeaseOracle() cells.Oracle {
	return &leaseOracle{leased: make(map[leasedKey]int64), bound: make(map[int64]boundUntil), over: make(map[leasedKey]bool)}
}

// Kinds are the emissions the oracle reads.
func (o *leaseOracle) Kinds() []cells.Kind {
	return []cells.Kind{KindPool, KindLeased, KindFreed, KindBound, KindUnbound}
}

// Observe takes one emission.
func (o *leaseOracle) Observe(k des.Key, m cells.Emission) error {
	switch m.Kind {
	case KindPool:
		o.begin(m)
	case KindLeased:
		key := leasedKey{m.Cell, m.A}
		mac, taken := o.leased[key]
		if taken && mac != m.B {
			return fmt.Errorf("%s gives %s to %s, but %s has it", m.Cell, ipOf(m.A), macOf(m.B), macOf(mac))
		}
		o.leased[key] = m.B
	case KindFreed:
		key := leasedKey{m.Cell, m.A}
		if mac, taken := o.leased[key]; !taken || mac != m.B {
			return fmt.Errorf("%s takes %s back from %s, which does not have it", m.Cell, ipOf(m.A), macOf(m.B))
		}
		delete(o.leased, key)
	case KindBound:
		return o.bind(k.Time, m)
	case KindUnbound:
		key := leasedKey{m.Cell, m.A}
		switch b, ok := o.bound[m.A]; {
		case ok && b.cell == m.Cell:
			delete(o.bound, m.A)
		case o.over[key]: // it could not say so in time, as when it stood still
			delete(o.over, key)
		default:
			return fmt.Errorf("%s gives up %s, which it does not have", m.Cell, ipOf(m.A))
		}
	}
	return nil
}

// begin is a server that starts with a pool; after a crash it knows of those
// leases that it then says it has.
func (o *leaseOracle) begin(m cells.Emission) {
	for i := range o.pools {
		if p := &o.pools[i]; p.server == m.Cell {
			for a := p.first; a <= p.last; a++ {
				delete(o.leased, leasedKey{m.Cell, a})
			}
			*p = span{m.Cell, m.A, m.B}
			return
		}
	}
	o.pools = append(o.pools, span{m.Cell, m.A, m.B})
}

func (o *leaseOracle) bind(now clock.Time, m cells.Emission) error {
	inside := false
	for _, p := range o.pools {
		inside = inside || p.first <= m.A && m.A <= p.last
	}
	if !inside {
		return fmt.Errorf("%s is bound to %s, which is in no pool", m.Cell, ipOf(m.A))
	}
	b, taken := o.bound[m.A]
	taken = taken && b.cell != m.Cell
	if taken && now < b.until {
		return fmt.Errorf("%s is bound to %s, which %s has until %s", m.Cell, ipOf(m.A), b.cell, b.until)
	}
	if taken {
		o.over[leasedKey{b.cell, m.A}] = true
	}
	delete(o.over, leasedKey{m.Cell, m.A})
	o.bound[m.A] = boundUntil{m.Cell, now.Add(time.Duration(m.B))}
	return nil
}

// Finish finds nothing more: a run may end with leases.
func (o *leaseOracle) Finish() error { return nil }

func ipOf(n int64) eth.IP { return eth.IPNumbered(uint32(n)) }

func macOf(n int64) eth.MAC {
	return eth.MAC{byte(n >> 40), byte(n >> 32), byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
}

// offsetOracle holds the law of clocks: the offset that a client finds is that
// between its wall clock and the server's, within the time that the request and
// its reply took. A client whose clock was stepped in between is not judged: it
// cannot know.
type offsetOracle struct {
	asked  map[cells.ID]reading // the last request of each client
	served map[int64][]reading  // by request, as often as it came
	sample map[cells.ID]cells.Emission
}

// reading is what a wall clock showed at a true instant.
type reading struct {
	request int64
	at      clock.Time
	wall    clock.Time
}

// servedMax bounds how often one request may come; more are not kept.
const servedMax = 16

// slack is what roundings may cost, of stamps and of halves.
const slack = 10 * time.Nanosecond

// NewOffsetOracle gives the oracle "switchyard/clock-offset".
func NewOffsetOracle() cells.Oracle {
	return &offsetOracle{make(map[cells.ID]reading), make(map[int64][]reading), make(map[cells.ID]cells.Emission)}
}

// Kinds are the emissions the oracle reads.
func (o *offsetOracle) Kinds() []cells.Kind {
	return []cells.Kind{KindTimeAsked, KindTimeServed, KindTimeSample, KindTimeGot}
}

// Observe takes one emission.
func (o *offsetOracle) Observe(k des.Key, m cells.Emission) error {
	r := reading{m.A, k.Time, clock.Time(m.B)}
	switch m.Kind {
	case KindTimeAsked:
		delete(o.served, o.asked[m.Cell].request)
		o.asked[m.Cell] = r
	case KindTimeServed:
		if all := o.served[m.A]; len(all) < servedMax {
			o.served[m.A] = append(all, r)
		}
	case KindTimeSample:
		o.sample[m.Cell] = m
	case KindTimeGot:
		return o.judge(k.Time, m)
	}
	return nil
}

// judge holds a sample against what the clocks showed.
func (o *offsetOracle) judge(now clock.Time, m cells.Emission) error {
	sample, asked := o.sample[m.Cell], o.asked[m.Cell]
	if asked.request != sample.A {
		return fmt.Errorf("%s: a sample of a request that it did not send last", m.Cell)
	}
	own := reading{sample.A, now, clock.Time(m.B)}
	trip := now.Sub(asked.at)
	if went := own.wall.Sub(asked.wall); went < trip/2 || went > trip+trip/2 {
		return nil // stepped: no drift is so great
	}
	all := o.served[sample.A]
	if len(all) == 0 {
		return fmt.Errorf("%s: a sample that no server has served", m.Cell)
	}
	for _, s := range all {
		truth := s.ahead() - own.ahead()
		if e := time.Duration(sample.B) - truth; e <= trip+slack && e >= -trip-slack {
			return nil
		}
	}
	return fmt.Errorf("%s: its clock is %s behind the server's, and it found %s: the round trip took %s",
		m.Cell, all[0].ahead()-own.ahead(), time.Duration(sample.B), trip)
}

// ahead is how far a wall clock is ahead of true time.
func (r reading) ahead() time.Duration { return r.wall.Sub(r.at) }

// Finish finds nothing more.
func (o *offsetOracle) Finish() error { return nil }
