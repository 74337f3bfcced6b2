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

// The timers of a client.
const (
	timerSeek  cells.TimerID = iota + 1 // the next attempt to reach its server
	timerReply                          // the answer is late
	timerNext                           // time for the next question
)

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

// seeker is a client that seeks its server, and asks it something.
type seeker interface {
	application
	// reached says that the server's MAC is known, unreached that it did not say.
	reached(cells.Env)
	unreached(cells.Env)
	// gone says that nobody had the server's name while it was looked up.
	gone(cells.Env)
	// next is time for the next question, and unanswered that to the last one
	// there was no answer in time.
	next(cells.Env)
	unanswered(cells.Env)
}

// client is an application that has a server.
type client struct {
	nothing
	self    seeker
	target  target
	retry   time.Duration // after a server that did not answer ARP
	tries   int           // attempts in a row without an answer after which it gives up; 0 is never
	failed  int           // such attempts
	givenUp bool
	asking  bool // waits for an answer
	missed  uint64
	late    uint64
}

// triesMax bounds how often clients try before they give up.
const triesMax = 1_000_000

func checkTries(n int) error {
	if n < 0 || n > triesMax {
		return fmt.Errorf("tries %d: from 0 to %d are possible", n, triesMax)
	}
	return nil
}

// again counts an attempt without an answer, and reports whether there is
// another.
func (c *client) again(e cells.Env) bool {
	c.failed++
	if c.tries == 0 || c.failed < c.tries {
		return true
	}
	c.giveUp(e)
	return false
}

// giveUp ends the search for the server, for good.
func (c *client) giveUp(e cells.Env) {
	c.givenUp = true
	c.lost(e)
}

// seek begins to look for the server, unless the client has given up. What was
// known of it is forgotten.
func (c *client) seek(e cells.Env) {
	if c.givenUp {
		return
	}
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
	c.target.ok, c.asking = false, false
	e.Disarm(timerSeek)
	e.Disarm(timerReply)
	e.Disarm(timerNext)
}

// await waits for the answer to what was just asked.
func (c *client) await(e cells.Env, timeout time.Duration) {
	c.asking = true
	e.Arm(timerReply, timeout)
}

// answered is what was waited for.
func (c *client) answered(e cells.Env) {
	c.asking, c.failed = false, 0
	e.Disarm(timerReply)
}

func (c *client) timer(e cells.Env, id cells.TimerID) {
	switch id {
	case timerSeek:
		c.seek(e)
	case timerReply:
		c.late++
		c.asking = false
		c.self.unanswered(e)
	case timerNext:
		if c.target.ok {
			c.self.next(e)
		} else {
			c.seek(e)
		}
	}
}

// next asks as if the server had just been reached.
func (c *client) next(e cells.Env) { c.self.reached(e) }

// unanswered seeks the server anew, if that is not enough: its MAC may have
// moved.
func (c *client) unanswered(e cells.Env) {
	if c.again(e) {
		c.seek(e)
	}
}

// tried are the attributes that all clients have.
func (c *client) tried(a []cells.Attr) []cells.Attr {
	return append(a,
		cells.IntAttr("timeouts", int64(c.late)),
		cells.BoolAttr("given_up", c.givenUp),
		cells.IntAttr("not_found", int64(c.missed)))
}

func (c *client) found(e cells.Env, _ string, who switchyard.Identity, err error) {
	switch {
	case err != nil: // the time for that is over
		c.missed++
		c.line(e, "[cli] %v", err)
		c.self.gone(e)
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
		c.self.unreached(e)
	}
}

// unreached tries again, if that is not enough.
func (c *client) unreached(e cells.Env) {
	if c.again(e) {
		e.Arm(timerSeek, c.retry)
	}
}

func (c *client) gone(e cells.Env) { c.giveUp(e) }

func (c *client) reach(e cells.Env, mac eth.MAC) {
	c.target.mac, c.target.ok = mac, true
	e.Disarm(timerSeek)
	c.self.reached(e)
}

// at is the server's port.
func (c *client) at(port uint16) eth.Host {
	return eth.Host{MAC: c.target.mac, IP: c.target.ip, Port: port}
}
