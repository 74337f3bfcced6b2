package switchyard

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"example.com/dsim/des/suggest"
	"example.com/dsim/protocols/eth"
)

// RulesMax is how many rules an endpoint has at most.
const RulesMax = 256

// ruleTextMax bounds the text of one rule: RulesMax of them fit a message.
const ruleTextMax = 240

// Rule says what becomes of frames that fit it. As text it is an action, and
// what a frame must be like, in any order:
//
//	drop ether=arp
//	accept proto=udp to=10.0.0.2 dport=7007
//	count src=02:53:59:00:00:07
//	mirror=tap from=10.0.0.0/24 sport=1024-65535
//	drop
//
// Rules are looked at in their order. Accept and drop end the search; count and
// mirror note the frame, or send a copy to an endpoint, and go on; a copy is not
// mirrored again. A frame that nothing ends is accepted.
type Rule struct {
	Action Action
	Mirror string // with ActionMirror: the name of an endpoint
	match
	text string
}

// Action is what a rule does.
type Action uint8

// The actions of rules.
const (
	ActionAccept Action = iota + 1
	ActionDrop
	ActionCount
	ActionMirror
)

var actionNames = [...]string{ActionAccept: "accept", ActionDrop: "drop", ActionCount: "count", ActionMirror: "mirror"}

// match is what a frame must be like.
type match struct {
	src, dst         *eth.MAC
	ether            int32 // -1 is any
	proto            int16 // of IPv4; -1 is any
	from, to         prefix
	sport, dport     ports
	needsIP, hasPort bool
}

// prefix is a block of addresses of IPv4; the zero prefix holds all.
type prefix struct {
	ip   uint32
	bits uint8
}

func (p prefix) holds(ip uint32) bool { return p.bits == 0 || (ip^p.ip)>>(32-p.bits) == 0 }

// ports is a range of ports, both included.
type ports struct{ lo, hi uint16 }

func (p ports) holds(n uint16) bool { return p.lo <= n && n <= p.hi }

var allPorts = ports{0, 0xffff}

var ruleKeys = []string{"src", "dst", "ether", "proto", "from", "to", "sport", "dport"}

// ParseRule reads a rule.
func ParseRule(text string) (Rule, error) {
	words := strings.Fields(text)
	if len(words) == 0 || len(text) > ruleTextMax {
		return Rule{}, fmt.Errorf("want an action and what a frame must be like, in at most %d bytes", ruleTextMax)
	}
	r := Rule{match: match{ether: -1, proto: -1, sport: allPorts, dport: allPorts}, text: strings.Join(words, " ")}
	action, target, _ := strings.Cut(words[0], "=")
	r.Action = Action(max(0, slices.Index(actionNames[:], action)))
	switch {
	case r.Action == 0:
		return Rule{}, fmt.Errorf("no action %s%s", suggest.Quoted(action), suggest.Hint(action, actionNames[1:]))
	case r.Action == ActionMirror:
		if err := checkName(target); err != nil {
			return Rule{}, fmt.Errorf("mirror: %w", err)
		}
		r.Mirror = target
	case action != words[0]:
		return Rule{}, fmt.Errorf("%s: only mirror has a value", suggest.Quoted(words[0]))
	}
	for i, w := range words[1:] {
		if err := r.set(w); err != nil {
			return Rule{}, err
		}
		if twice(words[1:][:i], w) {
			return Rule{}, fmt.Errorf("%s: its condition stands there twice", suggest.Quoted(w))
		}
	}
	return r, nil
}

// twice reports whether one of the words has the key of another.
func twice(words []string, other string) bool {
	key, _, _ := strings.Cut(other, "=")
	return slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, key+"=") })
}

// String is the rule as text.
func (r *Rule) String() string { return r.text }

func (m *match) set(word string) error {
	key, value, ok := strings.Cut(word, "=")
	if !ok || !slices.Contains(ruleKeys, key) {
		return fmt.Errorf("no condition %s%s", suggest.Quoted(word), suggest.Hint(key, ruleKeys))
	}
	var err error
	switch key {
	case "src":
		m.src, err = parseMAC(value)
	case "dst":
		m.dst, err = parseMAC(value)
	case "ether":
		var n int64
		n, err = parseNumber(value, map[string]int64{"ipv4": 0x0800, "arp": 0x0806, "ipv6": 0x86dd}, 0xffff)
		m.ether = int32(n)
	case "proto":
		var n int64
		n, err = parseNumber(value, map[string]int64{"icmp": 1, "tcp": 6, "udp": 17}, 0xff)
		m.proto, m.needsIP = int16(n), true
	case "from":
		m.from, err = parsePrefix(value)
		m.needsIP = true
	case "to":
		m.to, err = parsePrefix(value)
		m.needsIP = true
	case "sport":
		m.sport, err = parsePorts(value)
		m.needsIP, m.hasPort = true, true
	case "dport":
		m.dport, err = parsePorts(value)
		m.needsIP, m.hasPort = true, true
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

func parseMAC(s string) (*eth.MAC, error) {
	m, err := eth.ParseMAC(s)
	return &m, err
}

func parseNumber(s string, names map[string]int64, most int64) (int64, error) {
	if n, ok := names[s]; ok {
		return n, nil
	}
	n, err := strconv.ParseInt(s, 0, 32)
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf("%s: want a known name, or a number up to %#x", suggest.Quoted(s), most)
	}
	return n, nil
}

func parsePrefix(s string) (prefix, error) {
	addr, length, cut := strings.Cut(s, "/")
	ip, err := eth.ParseIP(addr)
	if err != nil {
		return prefix{}, err
	}
	n := uint64(32)
	if cut {
		if n, err = strconv.ParseUint(length, 10, 8); err != nil || n > 32 {
			return prefix{}, fmt.Errorf("%s: want a length from 0 to 32", suggest.Quoted(s))
		}
	}
	p := prefix{binary.BigEndian.Uint32(ip[:]), uint8(n)}
	if n < 32 && p.ip<<n != 0 {
		return prefix{}, fmt.Errorf("%s: the address has bits set beyond its prefix", suggest.Quoted(s))
	}
	return p, nil
}

func parsePorts(s string) (ports, error) {
	lo, hi, cut := strings.Cut(s, "-")
	if !cut {
		hi = lo
	}
	a, err1 := strconv.ParseUint(lo, 10, 16)
	b, err2 := strconv.ParseUint(hi, 10, 16)
	if err1 != nil || err2 != nil || a > b {
		return ports{}, fmt.Errorf("%s: want a port, or a range as 1024-2047", suggest.Quoted(s))
	}
	return ports{uint16(a), uint16(b)}, nil
}

// ParseRules reads a list of rules.
func ParseRules(texts []string) ([]Rule, error) {
	if len(texts) > RulesMax {
		return nil, fmt.Errorf("rules: %d of them: at most %d are possible", len(texts), RulesMax)
	}
	rules := make([]Rule, 0, len(texts))
	for i, text := range texts {
		r, err := ParseRule(text)
		if err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// view is what rules look at in a frame. It is read off the headers alone:
// whether lengths and checksums fit is the receiver's business.
type view struct {
	dst, src     eth.MAC
	ether        uint16
	ip           bool
	proto        uint8
	from, to     uint32
	ports        bool // UDP and TCP; not in a fragment that is not the first
	sport, dport uint16
}

// look reads a frame of at least a header.
func look(frame []byte) (v view) {
	copy(v.dst[:], frame)
	copy(v.src[:], frame[6:])
	v.ether = binary.BigEndian.Uint16(frame[12:])
	b := frame[eth.HeaderSize:]
	if v.ether != 0x0800 || len(b) < 20 || b[0]>>4 != 4 {
		return v
	}
	v.ip = true
	v.proto = b[9]
	v.from, v.to = binary.BigEndian.Uint32(b[12:]), binary.BigEndian.Uint32(b[16:])
	header := int(b[0]&15) * 4
	first := binary.BigEndian.Uint16(b[6:])&0x1fff == 0
	if (v.proto == 6 || v.proto == 17) && first && header >= 20 && len(b) >= header+4 {
		v.ports = true
		v.sport, v.dport = binary.BigEndian.Uint16(b[header:]), binary.BigEndian.Uint16(b[header+2:])
	}
	return v
}

func (m *match) fits(v *view) bool {
	switch {
	case m.src != nil && *m.src != v.src, m.dst != nil && *m.dst != v.dst:
		return false
	case m.ether >= 0 && uint16(m.ether) != v.ether:
		return false
	case m.needsIP && !v.ip:
		return false
	case m.proto >= 0 && uint8(m.proto) != v.proto:
		return false
	case !m.from.holds(v.from) || !m.to.holds(v.to):
		return false
	}
	return !m.hasPort || v.ports && m.sport.holds(v.sport) && m.dport.holds(v.dport)
}

// judge goes through rules, tells note of each that fits, and reports whether
// the frame is let in.
func judge(rules []Rule, frame []byte, note func(i int)) bool {
	if len(rules) == 0 || len(frame) < eth.HeaderSize {
		return true
	}
	v := look(frame)
	for i := range rules {
		r := &rules[i]
		if !r.fits(&v) {
			continue
		}
		note(i)
		switch r.Action {
		case ActionAccept:
			return true
		case ActionDrop:
			return false
		}
	}
	return true
}
