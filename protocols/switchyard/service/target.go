package service

import (
	"fmt"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/switchyard"
)

// The ways in which a client learns its server's MAC.
const (
	ByARP    = "arp"
	ByLookup = "lookup"
)

// timerSeek is a client's timer for the next attempt to reach its server.
const timerSeek cells.TimerID = 1

// target is a server, and how a client gets to it: first its endpoint is looked
// up, until it is there, then its MAC is asked for.
type target struct {
	name string // of the endpoint; empty: it is not looked up
	ip   eth.IP
	by   string // ByARP or ByLookup
	mac  eth.MAC
	ok   bool
}

func newTarget(name, ip, by string) (target, error) {
	a, err := eth.ParseIP(ip)
	switch {
	case err != nil:
		return target{}, err
	case by != ByARP && by != ByLookup:
		return target{}, fmt.Errorf("resolve %q: want %s or %s", by, ByARP, ByLookup)
	case by == ByLookup && name == "":
		return target{}, fmt.Errorf("to: a server that is resolved by look-up needs the name of an endpoint")
	}
	return target{name: name, ip: a, by: by}, nil
}

// seeker is a client that seeks its server.
type seeker interface {
	application
	// reached says that the server's MAC is known.
	reached(cells.Env)
}

// client is an application that has a server.
type client struct {
	nothing
	self   seeker
	target target
	retry  time.Duration // after a server that did not answer ARP
	missed uint64
}

// seek begins to look for the server. What was known of it is forgotten.
func (c *client) seek(e cells.Env) {
	c.target.ok = false
	c.host.forget(c.target.ip)
	if c.target.name != "" {
		if err := c.host.ep.Lookup(e, c.target.name); err != nil {
			c.line(e, "[cli] %v", err)
		}
		return
	}
	c.askFor(e)
}

func (c *client) ready(e cells.Env) { c.seek(e) }

func (c *client) lost(e cells.Env) {
	c.target.ok = false
	e.Disarm(timerSeek)
}

func (c *client) found(e cells.Env, _ string, who switchyard.Identity, err error) {
	switch {
	case err != nil:
		c.missed++
		c.line(e, "[cli] %v", err)
		e.Arm(timerSeek, c.retry)
	case c.target.by == ByLookup:
		c.reach(e, who.MAC)
	default:
		c.askFor(e)
	}
}

func (c *client) askFor(e cells.Env) {
	if mac, ok := c.host.neighbour(e, c.target.ip); ok {
		c.reach(e, mac)
	}
}

func (c *client) resolved(e cells.Env, ip eth.IP, mac eth.MAC, ok bool) {
	switch {
	case ip != c.target.ip || c.target.ok:
	case ok:
		c.reach(e, mac)
	default:
		c.missed++
		c.line(e, "[cli] no ARP reply from %s", ip)
		e.Arm(timerSeek, c.retry)
	}
}

func (c *client) reach(e cells.Env, mac eth.MAC) {
	c.target.mac, c.target.ok = mac, true
	e.Disarm(timerSeek)
	c.self.reached(e)
}

// at is the server's port.
func (c *client) at(port uint16) eth.Host {
	return eth.Host{MAC: c.target.mac, IP: c.target.ip, Port: port}
}
