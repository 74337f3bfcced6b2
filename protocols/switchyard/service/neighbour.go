package service

import (
	"slices"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/switchyard"
)

// How neighbours are asked for: three times, a second apart, and what is known
// of one is good for a minute.
const (
	arpEvery      = time.Second
	arpTries      = 3
	arpGood       = time.Minute
	neighboursMax = 1024
)

// timerARP is the host's own timer.
const timerARP = switchyard.TimersMax - 1

// neighbour is a host on the same Ethernet, or one that is asked for.
type neighbour struct {
	ip    eth.IP
	mac   eth.MAC
	tries int // asked so often, and no answer yet; 0: it is known
	due   clock.Time
}

// neighbour gives the MAC of an IP. If it is not known, it is asked for, and the
// application hears of it by resolved.
func (h *host) neighbour(e cells.Env, ip eth.IP) (eth.MAC, bool) {
	i := h.findNeighbour(ip)
	if i >= 0 && h.neighbours[i].tries == 0 && e.Now() < h.neighbours[i].due {
		return h.neighbours[i].mac, true
	}
	if i < 0 {
		i = h.newNeighbour(ip)
	}
	n := &h.neighbours[i]
	if n.tries == 0 {
		n.tries, n.due = 1, e.Now().Add(arpEvery)
		h.ask(e, ip)
		h.armARP(e)
	}
	return eth.MAC{}, false
}

func (h *host) findNeighbour(ip eth.IP) int {
	return slices.IndexFunc(h.neighbours, func(n neighbour) bool { return n.ip == ip })
}

// forget forgets what is known of a neighbour, if it is not asked for just now.
func (h *host) forget(ip eth.IP) {
	if i := h.findNeighbour(ip); i >= 0 && h.neighbours[i].tries == 0 {
		h.neighbours = slices.Delete(h.neighbours, i, i+1)
	}
}

// newNeighbour makes room for one; the oldest is forgotten.
func (h *host) newNeighbour(ip eth.IP) int {
	if len(h.neighbours) >= neighboursMax {
		h.neighbours = slices.Delete(h.neighbours, 0, 1)
	}
	h.neighbours = append(h.neighbours, neighbour{ip: ip})
	return len(h.neighbours) - 1
}

func (h *host) ask(e cells.Env, ip eth.IP) {
	h.arpAsked++
	h.out.Ask(h.me.MAC, h.ip, ip)
	h.send(e, &h.out)
}

// armARP arms for the question that is to be asked again first.
func (h *host) armARP(e cells.Env) {
	next := clock.Never
	for i := range h.neighbours {
		if h.neighbours[i].tries > 0 {
			next = min(next, h.neighbours[i].due)
		}
	}
	if next == clock.Never {
		e.Disarm(timerARP)
		return
	}
	e.Arm(timerARP, next.Sub(e.Now()))
}

// askAgain asks again for neighbours that have not answered, and gives up those
// that were asked for often enough.
func (h *host) askAgain(e cells.Env) {
	var gone []eth.IP
	for i := 0; i < len(h.neighbours); {
		n := &h.neighbours[i]
		switch {
		case n.tries == 0 || n.due > e.Now():
			i++
		case n.tries >= arpTries:
			gone = append(gone, n.ip)
			h.neighbours = slices.Delete(h.neighbours, i, i+1)
		default:
			n.tries, n.due = n.tries+1, e.Now().Add(arpEvery)
			h.ask(e, n.ip)
			i++
		}
	}
	h.armARP(e)
	for _, ip := range gone {
		h.app.resolved(e, ip, eth.MAC{}, false)
	}
}

// handleARP takes an ARP packet as RFC 826 does: what is known of the sender is
// renewed; who asks for the host is a neighbour from now on.
func (h *host) handleARP(e cells.Env, p *eth.Packet) {
	a := p.ARP
	forMe := a.TargetIP == h.ip && h.ip != eth.IP{}
	learnt := false
	if a.SenderIP != (eth.IP{}) && a.SenderIP != h.ip && a.SenderMAC.Station() {
		learnt = h.learn(e, a.SenderIP, a.SenderMAC, forMe)
	}
	switch {
	case h.app.arp(e, p):
	case h.config.silent:
	case a.Operation == eth.Request && forMe && a.SenderIP != a.TargetIP,
		a.Operation == eth.InverseRequest && a.TargetMAC == h.me.MAC && h.ip != eth.IP{}:
		h.arpAnswered++
		if a.Operation == eth.InverseRequest {
			p.ARP.TargetIP = h.ip // what the question leaves open
		}
		h.reply(e, p)
	}
	if learnt {
		h.app.resolved(e, a.SenderIP, a.SenderMAC, true)
	}
}

// learn takes a sender down, and reports whether it was asked for.
func (h *host) learn(e cells.Env, ip eth.IP, mac eth.MAC, create bool) (asked bool) {
	i := h.findNeighbour(ip)
	if i < 0 {
		if !create {
			return false
		}
		i = h.newNeighbour(ip)
	}
	n := &h.neighbours[i]
	asked = n.tries > 0
	n.mac, n.tries, n.due = mac, 0, e.Now().Add(arpGood)
	if asked {
		h.armARP(e)
	}
	return asked
}
