package switchyard

import (
	"encoding/binary"
	"fmt"
	"slices"

	"example.com/dsim/cells"
	"example.com/dsim/protocols/eth"
)

// handleHello takes the first message of a connection.
func (f *fabric) handleHello(e cells.Env, c *client, m Message) {
	if m.Type != TypeHello {
		f.hangUp(e, c, errNoHello+m.Type.number())
		return
	}
	h, err := parseHello(m.Payload)
	if err != nil {
		f.refuse(e, c, "bad HELLO: "+err.Error())
		return
	}
	c.hello, c.greeted = h, true
	f.counts.greeted++
	e.Emit(KindHello, int64(c.number), int64(h.session))
	f.answer(e, c, Message{TypeWelcome, 0, 0, encode(welcomePayload{f.config.Server, Version})})
}

// handleCreate makes an endpoint. An address that is given counts on even if
// the name then turns out to be taken, as it always did.
func (f *fabric) handleCreate(e cells.Env, c *client, m Message) {
	name, mac, err := f.parseCreate(m.Payload)
	switch {
	case err != nil:
		f.refuse(e, c, "bad ENDPOINT_CREATE: "+err.Error())
		return
	case f.byName[name] != nil:
		f.refuse(e, c, errNameExists+name)
		return
	case f.station(e, mac) != nil:
		f.refuse(e, c, errMACExists+mac.String())
		return
	case len(f.endpoints) >= f.config.Endpoints || f.lastID == 1<<32-1:
		f.refuse(e, c, fmt.Sprintf("bad ENDPOINT_CREATE: there are %d endpoints already", len(f.endpoints)))
		return
	}
	f.lastID++
	p := &endpoint{id: f.lastID, name: name, mac: mac, owner: c.number}
	f.endpoints = append(f.endpoints, p)
	f.byName[name], f.byID[p.id] = p, p
	c.owned = append(c.owned, p)
	e.Emit(KindEndpoint, int64(p.id), int64(mac.Uint64()))
	f.learn(e, mac, p)
	f.answer(e, c, Message{TypeEndpointCreated, 0, 0, p.identity()})
}

// parseCreate reads an ENDPOINT_CREATE, and gives an address if none is asked
// for: 02:53:59 and the next number that nobody has.
func (f *fabric) parseCreate(payload []byte) (name string, mac eth.MAC, err error) {
	o, err := parseObject(payload)
	if err != nil {
		return "", eth.MAC{}, err
	}
	if name, err = o.name("name"); err != nil {
		return "", eth.MAC{}, err
	}
	if o.has("mac") {
		if mac, err = o.mac("mac"); err == nil && !mac.Station() {
			err = fmt.Errorf("mac %s: no endpoint can have it", mac)
		}
		return name, mac, err
	}
	for f.autoMACs < autoMACsMax {
		f.autoMACs++
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], f.autoMACs)
		mac = eth.MAC{0x02, 0x53, 0x59, n[1], n[2], n[3]}
		if f.macs[mac] == nil {
			return name, mac, nil
		}
	}
	return "", eth.MAC{}, fmt.Errorf("all addresses are given")
}

// identity is the payload that tells an endpoint.
func (p *endpoint) identity() []byte { return encode(identityPayload{p.id, p.name, p.mac.String()}) }

// handleLookup finds an endpoint.
func (f *fabric) handleLookup(e cells.Env, c *client, m Message) {
	o, err := parseObject(m.Payload)
	name := ""
	if err == nil {
		name, err = o.name("name")
	}
	if err != nil {
		f.refuse(e, c, "bad ENDPOINT_LOOKUP: "+err.Error())
		return
	}
	p := f.byName[name]
	if p == nil {
		f.refuse(e, c, errNoEndpoint+name)
		return
	}
	f.answer(e, c, Message{TypeEndpointInfo, 0, 0, p.identity()})
}

// handleSubscribe adds a subscription. The header decides; the payload says the
// same, for people, and is not looked at.
func (f *fabric) handleSubscribe(e cells.Env, c *client, m Message) {
	p := f.byID[m.Endpoint]
	switch {
	case p == nil:
		f.refuse(e, c, fmt.Sprintf("%s%d", errSubscribe, m.Endpoint))
		return
	case len(c.subs) >= SubscriptionsMax:
		f.refuse(e, c, fmt.Sprintf("subscribe: a connection has at most %d subscriptions", SubscriptionsMax))
		return
	}
	f.lastSub++
	s := &subscription{number: f.lastSub, client: c, to: p, flags: m.Flags}
	p.subs = append(p.subs, s)
	c.subs = append(c.subs, s)
	promisc := int64(0)
	if s.promisc() {
		f.taps++
		promisc = 1
	}
	e.Emit(KindSubscribed, int64(p.id), int64(c.number)<<1|promisc)
	f.answer(e, c, Message{TypeSubscribed, m.Endpoint, m.Flags, []byte("{}")})
	f.push(e, s)
}

func (p *endpoint) unsubscribe(s *subscription) {
	if i := slices.Index(p.subs, s); i >= 0 {
		p.subs = slices.Delete(p.subs, i, i+1)
	}
}

// remove takes an endpoint off the fabric, with its subscriptions and its
// addresses. Its number is never used again.
func (f *fabric) remove(e cells.Env, p *endpoint) {
	if p.removed {
		return
	}
	p.removed, f.left = true, true
	e.Emit(KindRemoved, int64(p.id), 0)
	if i := slices.Index(f.endpoints, p); i >= 0 {
		f.endpoints = slices.Delete(f.endpoints, i, i+1)
	}
	delete(f.byName, p.name)
	delete(f.byID, p.id)
	for _, mac := range p.macs {
		if s := f.macs[mac]; s != nil && s.at == p {
			delete(f.macs, mac)
		}
	}
	for _, s := range p.subs {
		if i := slices.Index(s.client.subs, s); i >= 0 {
			s.client.subs = slices.Delete(s.client.subs, i, i+1)
		}
		if s.promisc() {
			f.taps--
		}
	}
	p.subs, p.macs = nil, nil
}
