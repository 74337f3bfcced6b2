package service

import (
	"encoding/json"
	"fmt"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/switchyard"
)

// durableDHCP is a DHCP server whose leases lie in stable storage, RFC 2131,
// section 2.1: a restart that keeps them gives nobody an address that another
// has. Its connection, offers and counters are not kept.
type durableDHCP struct {
	*switchyard.Endpoint
	s *dhcpServer
}

// keptLease is one address in stable storage. Until is by the server's own
// clock, which goes on while it is down.
type keptLease struct {
	IP    string     `json:"ip"`
	MAC   string     `json:"mac,omitempty"` // none if somebody declined it
	State string     `json:"state"`
	Until clock.Time `json:"until_ns,omitempty"`
}

// keptStates are the states of leases in stable storage. An offer is not kept,
// but who it was for is: it gets the same again as long as nobody else does.
var keptStates = map[string]leaseState{"free": leaseFree, "bound": leaseBound, "declined": leaseDeclined}

// Save gives the leases.
func (d *durableDHCP) Save() []byte {
	p := d.s.pool
	list := []keptLease{}
	for i := range p.leases {
		l := &p.leases[i]
		k := keptLease{IP: p.ip(i).String()}
		switch {
		case l.state == leaseBound:
			k.State, k.MAC, k.Until = "bound", l.mac.String(), l.until
		case l.state == leaseDeclined:
			k.State, k.Until = "declined", l.until
		case p.of(l.mac) == i:
			k.State, k.MAC = "free", l.mac.String()
		default:
			continue
		}
		list = append(list, k)
	}
	b, err := json.Marshal(list)
	if err != nil {
		panic("switchyard/service: " + err.Error()) // all values are ours
	}
	return b
}

// Restore takes leases that Save gave.
func (d *durableDHCP) Restore(b []byte) error {
	var list []keptLease
	if err := json.Unmarshal(b, &list); err != nil {
		return fmt.Errorf("dhcp: kept leases: %w", err)
	}
	p := d.s.pool.fresh()
	for _, k := range list {
		if err := p.restore(k); err != nil {
			return fmt.Errorf("dhcp: kept lease of %q: %w", k.IP, err)
		}
	}
	d.s.pool = p
	return nil
}

// fresh is a pool of the same addresses, of which nothing is known.
func (p *pool) fresh() *pool {
	return &pool{first: p.first, leases: make([]lease, len(p.leases)), byMAC: make(map[eth.MAC]int), twice: p.twice}
}

func (p *pool) restore(k keptLease) error {
	ip, err := eth.ParseIP(k.IP)
	if err != nil {
		return err
	}
	i := p.index(ip)
	state, known := keptStates[k.State]
	switch {
	case i < 0:
		return fmt.Errorf("it is not of the pool")
	case !known:
		return fmt.Errorf("no state %q: want free, bound or declined", k.State)
	case p.leases[i] != lease{}:
		return fmt.Errorf("it is there twice")
	case state == leaseDeclined:
		p.decline(i, k.Until)
		return nil
	}
	mac, err := eth.ParseMAC(k.MAC)
	switch {
	case err != nil:
		return err
	case !mac.Station() || p.of(mac) >= 0:
		return fmt.Errorf("mac %s: no station's, or it has another address", mac)
	}
	p.give(i, mac, state, k.Until)
	return nil
}

// recall tells which leases a server knows of when it starts, and takes back
// what was over while it was down.
func (s *dhcpServer) recall(e cells.Env) {
	kept := false
	for i := range s.pool.leases {
		l := &s.pool.leases[i]
		kept = kept || l.state != leaseFree
		if l.state == leaseBound {
			e.Emit(KindLeased, int64(s.pool.ip(i).Uint32()), int64(l.mac.Uint64()))
		}
	}
	if kept {
		s.expire(e)
	}
}
