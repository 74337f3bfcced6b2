package service

import (
	"fmt"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/protocols/eth"
)

// PoolMax bounds the addresses of a pool.
const PoolMax = 4096

// pool is the addresses a DHCP server gives, and who has them. Times are those
// of the server's own clock.
type pool struct {
	first  uint32
	leases []lease         // by address
	byMAC  map[eth.MAC]int // looked up, never ranged over
	twice  bool            // the mistake: an address that is leased counts as free
}

// lease is what is known of one address.
type lease struct {
	mac   eth.MAC // the last one it was offered or given to; zero if it was declined
	state leaseState
	until clock.Time
}

type leaseState uint8

const (
	leaseFree leaseState = iota
	leaseOffered
	leaseBound
	leaseDeclined // somebody else uses it
)

// parsePool reads "10.0.0.100-10.0.0.199".
func parsePool(s string) (*pool, error) {
	a, b, ok := strings.Cut(s, "-")
	if !ok {
		b = a
	}
	low, err := eth.ParseIP(a)
	high, err2 := eth.ParseIP(b)
	if err = first(err, err2); err != nil {
		return nil, fmt.Errorf("pool: %w", err)
	}
	n := int64(high.Uint32()) - int64(low.Uint32()) + 1
	if n < 1 || n > PoolMax || low == (eth.IP{}) {
		return nil, fmt.Errorf("pool %s: has %d addresses, from 1 to %d are possible", s, n, PoolMax)
	}
	return &pool{first: low.Uint32(), leases: make([]lease, n), byMAC: make(map[eth.MAC]int)}, nil
}

func (p *pool) ip(i int) eth.IP { return eth.IPNumbered(p.first + uint32(i)) }

// index is the place of an address, -1 if it is not in the pool.
func (p *pool) index(a eth.IP) int {
	if i := int64(a.Uint32()) - int64(p.first); i >= 0 && i < int64(len(p.leases)) {
		return int(i)
	}
	return -1
}

// of is the lease that a station has or had, -1 if there is none.
func (p *pool) of(mac eth.MAC) int {
	if i, ok := p.byMAC[mac]; ok && p.leases[i].mac == mac {
		return i
	}
	return -1
}

// open reports whether an address may be given to a station.
func (p *pool) open(i int, mac eth.MAC) bool {
	l := &p.leases[i]
	return l.state == leaseFree || l.mac == mac && l.state != leaseDeclined || p.twice && l.state == leaseBound
}

// choose finds an address for a station, RFC 2131, section 4.3.1: the one it
// has or had, the one it asks for, one that nobody had, and any that is free;
// -1 if there is none.
func (p *pool) choose(mac eth.MAC, asked eth.IP) int {
	for _, i := range []int{p.of(mac), p.index(asked)} {
		if i >= 0 && p.open(i, mac) {
			return i
		}
	}
	used := -1
	for i := range p.leases {
		switch {
		case !p.open(i, mac):
		case p.leases[i].mac == eth.MAC{} || p.twice:
			return i
		case used < 0:
			used = i
		}
	}
	return used
}

// give takes down that a station has an address, or that it was offered.
func (p *pool) give(i int, mac eth.MAC, s leaseState, until clock.Time) {
	if old := p.of(mac); old >= 0 && old != i {
		p.free(old)
	}
	p.leases[i] = lease{mac, s, until}
	p.byMAC[mac] = i
}

// decline takes an address out of use for a while, of which a station says that
// somebody else has it. It is that station's no more.
func (p *pool) decline(i int, until clock.Time) {
	p.leases[i] = lease{state: leaseDeclined, until: until}
}

// free takes an address back. Who had it is remembered, so that it gets the same
// again as long as nobody else does.
func (p *pool) free(i int) { p.leases[i].state = leaseFree }

// expire takes back what is over, and calls each for every lease that was
// bound; it gives when the next is over, [clock.Never] if none will be.
func (p *pool) expire(now clock.Time, each func(i int)) clock.Time {
	next := clock.Never
	for i := range p.leases {
		l := &p.leases[i]
		switch {
		case l.state == leaseFree:
		case l.until > now:
			next = min(next, l.until)
		default:
			bound := l.state == leaseBound
			p.free(i)
			if bound {
				each(i)
			}
		}
	}
	return next
}

// count is how many addresses are in a state.
func (p *pool) count(s leaseState) int64 {
	n := int64(0)
	for i := range p.leases {
		if p.leases[i].state == s {
			n++
		}
	}
	return n
}

// What DHCP servers and clients emit. Addresses and MACs are numbers.
var (
	KindPool     = cells.NewKind("switchyard-pool", "first", "last") // of a server that begins; those leases follow that it has kept
	KindLeased   = cells.NewKind("switchyard-leased", "address", "mac")
	KindFreed    = cells.NewKind("switchyard-freed", "address", "mac")
	KindBound    = cells.NewKind("switchyard-bound", "address", "span") // by a client, for so many nanoseconds from now
	KindUnbound  = cells.NewKind("switchyard-unbound", "address", "why")
	KindStarving = cells.NewKind("switchyard-starving", "mac", "") // the pool has nothing for it
)

// Why a client has an address no more.
const (
	unboundReleased = iota
	unboundExpired
	unboundRefused
)

// seconds is a span as DHCP writes it: rounded up, so that no lease is for
// nothing, and for ever if it does not fit.
func seconds(d time.Duration) uint32 {
	s := int64(d / time.Second)
	if d%time.Second > 0 {
		s++
	}
	return uint32(min(max(s, 1), 0xffffffff))
}
