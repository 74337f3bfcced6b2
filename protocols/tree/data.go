package tree

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
)

// token is what the root knows of the tokens it sends to the leaves.
type token struct {
	number uint64 // of the last
	at     clock.Time
}

// sendToken sends a token down the own tree, and reports whether there is
// anywhere to send it to.
func (c *cell) sendToken(e cells.Env) error {
	if c.own == nil {
		return fmt.Errorf("rtp: this cell is no root")
	}
	c.token.number++
	c.token.at = e.Now()
	if c.pass(e, c.own, 0, c.token.number) == 0 {
		return fmt.Errorf("rtp: nobody has joined the tree")
	}
	return nil
}

// pass sends a token to all that have joined by the cell.
func (c *cell) pass(e cells.Env, t *tree, hops, number uint64) (sent int) {
	for i := range t.ends {
		if n := cells.Port(i); t.ends[i].child && c.isUp(n) {
			c.sendTokenOn(e, t, n, false, hops, number)
			sent++
		}
	}
	return sent
}

func (c *cell) sendTokenOn(e cells.Env, t *tree, n cells.Port, rootward bool, hops, number uint64) {
	e.Send(n, begin(e.Buf(), wordToken).name(t.root).truth(rootward).number(hops).number(number))
}

// handleToken passes a token on to the leaves, or back to the root.
func (c *cell) handleToken(e cells.Env, n cells.Port, r *reader) bool {
	root, rootward, hops, number := r.name(), r.truth(), r.number(), r.number()
	if !r.all() {
		return false
	}
	t := c.byRoot[string(root)]
	switch {
	case t == nil || !t.valid:
	case t == c.own:
		if rootward && number == c.token.number {
			c.Tokens++
			e.Emit(KindToken, int64(hops), int64(e.Now().Sub(c.token.at)))
		}
	case rootward:
		c.sendTokenOn(e, t, t.rootward, true, hops, number)
	case t.rootward != n || hops+1 > c.config.TTL:
	case c.pass(e, t, hops+1, number) == 0:
		c.sendTokenOn(e, t, n, true, hops+1, number)
	}
	return true
}

// packet is what DATA_PACKET carries.
type packet struct {
	Source      string `json:"source_id"`
	Destination string `json:"destination_id"`
	Payload     string `json:"payload"`
	Message     string `json:"message_id"`
	TTL         uint64 `json:"ttl"`
	Timestamp   int64  `json:"timestamp"` // the sender's clock, nanoseconds
}

// payloadMax bounds the payload of a packet.
const payloadMax = 1 << 15

func (c *cell) sendData(e cells.Env, to, text string) error {
	if len(text) > payloadMax || !isName([]byte(to)) {
		return fmt.Errorf("send: want a cell's name, and a text of at most %d bytes", payloadMax)
	}
	c.DataSent++
	p := packet{c.self, to, text, c.self + "-" + strconv.FormatUint(c.DataSent, 10), c.config.TTL, int64(e.Now())}
	if !c.route(e, p) {
		return fmt.Errorf("send: no way to %s is known", to)
	}
	return nil
}

// handleData takes a packet.
func (c *cell) handleData(e cells.Env, r *reader) bool {
	var p packet
	if err := json.Unmarshal(r.text(), &p); err != nil || !isName([]byte(p.Source)) || !isName([]byte(p.Destination)) {
		return false
	}
	c.route(e, p)
	return true
}

// route delivers a packet here, or sends it on: rootward in the tree of its
// destination; or else in the first tree the cell is in, leafward if its
// destination has joined by the cell, else rootward.
func (c *cell) route(e cells.Env, p packet) bool {
	if p.Destination == c.self {
		c.DataDelivered++
		e.EmitText(KindData, p.Source+" "+p.Message+" "+p.Payload)
		return true
	}
	n, ok := c.way(p.Destination)
	if !ok || p.TTL == 0 {
		c.DataLost++
		return false
	}
	p.TTL--
	b, err := json.Marshal(&p)
	if err != nil {
		panic("tree: " + err.Error()) // strings and numbers
	}
	e.Send(n, append(append(begin(e.Buf(), wordData), ' '), b...))
	return true
}

func (c *cell) way(to string) (cells.Port, bool) {
	if t := c.byRoot[to]; t != nil && t.valid && t != c.own {
		return t.rootward, true
	}
	for _, t := range c.trees {
		if !t.valid {
			continue
		}
		for i := range t.ends {
			if d := &t.ends[i]; d.child && c.isUp(cells.Port(i)) && lists(d.list, to) {
				return cells.Port(i), true
			}
		}
		if t != c.own {
			return t.rootward, true
		}
	}
	return 0, false
}

// lists reports whether a list names a port of a cell.
func lists(list []byte, id string) bool {
	for len(list) > 0 {
		name, rest, _ := bytes.Cut(list, []byte{','})
		if len(name) > len(id) && name[len(id)] == ':' && string(name[:len(id)]) == id {
			return true
		}
		list = rest
	}
	return false
}
