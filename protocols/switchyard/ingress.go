package switchyard

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/protocols/eth"
)

// applied are the rules of an endpoint, which the fabric has pushed to it. They
// outlive a connection: a fabric that is away is no way around them.
type applied struct {
	version uint64
	rules   []Rule
	hits    []uint64
}

// handleRules takes rules, whole or not at all, and says so. What the fabric
// pushed last holds, whatever its version: it comes in order, and a fabric that
// was begun anew counts anew.
func (p *Endpoint) handleRules(e cells.Env, m Message) error {
	version, rules, err := parseRulesPayload(m.Payload)
	if err != nil {
		return fmt.Errorf("%s: %w", TypeRules, err)
	}
	if m.Endpoint != p.me.Endpoint {
		return nil
	}
	if version != p.applied.version || !sameRules(rules, p.applied.rules) {
		p.applied = applied{version, rules, make([]uint64, len(rules))}
		clear(p.mirrored)
	}
	e.Emit(KindApplied, int64(p.me.Endpoint), int64(version))
	e.Send(p.port, Message{TypeRulesApplied, m.Endpoint, 0, encode(appliedPayload{version})}.Append(e.Buf()))
	return nil
}

func sameRules(a, b []Rule) bool {
	return slices.EqualFunc(a, b, func(r, s Rule) bool { return r.text == s.text })
}

// versionMax keeps versions exact where numbers of JSON are floats.
const versionMax = 1<<53 - 1

func parseRulesPayload(payload []byte) (version uint64, rules []Rule, err error) {
	o, err := parseObject(payload)
	if err != nil {
		return 0, nil, err
	}
	if version, err = o.number("version", 0, versionMax); err != nil {
		return 0, nil, err
	}
	texts, err := o.texts("rules", RulesMax)
	if err != nil {
		return 0, nil, err
	}
	rules, err = ParseRules(texts)
	return version, rules, err
}

// admit looks at a frame by the endpoint's rules. One that a rule has mirrored
// is not mirrored again.
func (p *Endpoint) admit(e cells.Env, m Message) bool {
	in := judge(p.applied.rules, m.Payload, func(i int) {
		p.applied.hits[i]++
		switch r := &p.applied.rules[i]; r.Action {
		case ActionCount:
			p.counts.counted++
		case ActionMirror:
			if m.Flags&Mirrored == 0 {
				p.mirror(e, r.Mirror, m.Payload)
			}
		}
	})
	if !in {
		p.counts.dropped++
	}
	return in
}

// mirror sends a copy of a frame to an endpoint, which is looked up first.
func (p *Endpoint) mirror(e cells.Env, name string, frame []byte) {
	to, known := p.mirrored[name]
	switch {
	case to != 0 && p.out(e, TypeMirror, to, nil, frame):
		p.counts.mirrors++
		return
	case !known && p.state == ready:
		if p.mirrored == nil {
			p.mirrored = make(map[string]uint32)
		}
		p.mirrored[name] = 0
		p.ask(e, question{asked: TypeEndpointLookup, name: name}, 0, 0, encode(lookupPayload{name}))
	}
	p.counts.missed++
}

// Command takes
//
//	rules        the endpoint's rules, and how often each fitted
//	endpoint     number, name and MAC
//
// and passes other words to the App, if it takes commands.
func (p *Endpoint) Command(e cells.Env, args []string) (string, error) {
	if len(args) == 1 {
		switch args[0] {
		case "rules":
			return p.rulesText(), nil
		case "endpoint":
			return fmt.Sprintf("%d %s %s %s", p.me.Endpoint, p.config.Name, p.me.MAC, endpointStates[p.state]), nil
		}
	}
	if c, ok := p.app.(cells.Commander); ok {
		return c.Command(e, args)
	}
	return "", fmt.Errorf("unknown command %q: want rules or endpoint", strings.Join(args, " "))
}

func (p *Endpoint) rulesText() string {
	lines := []string{fmt.Sprintf("version %d", p.applied.version)}
	for i := range p.applied.rules {
		lines = append(lines, fmt.Sprintf("%8d  %s", p.applied.hits[i], &p.applied.rules[i]))
	}
	return strings.Join(lines, "\n")
}

// AppendState shows the endpoint and its counters, and then what the App shows.
func (p *Endpoint) AppendState(a []cells.Attr) []cells.Attr {
	c := &p.counts
	n := func(name string, v uint64) cells.Attr { return cells.IntAttr(name, int64(min(v, math.MaxInt64))) }
	a = append(a,
		cells.TextAttr("state", endpointStates[p.state]),
		cells.BoolAttr("ready", p.state == ready),
		n("endpoint", uint64(p.me.Endpoint)), cells.TextAttr("mac", macText(p.me.MAC)),
		n("dials", c.dials), n("connects", c.connects), n("breaks", c.breaks),
		n("sent", c.sent), n("received", c.received), n("lost", c.lost), n("full", c.full), n("refused", c.refused),
		n("errors", c.errors), n("unexpected", c.unexpected), n("looking", uint64(len(p.wanted))),
		n("rules_version", p.applied.version), n("rules_dropped", c.dropped), n("rules_counted", c.counted),
		n("rules_mirrored", c.mirrors), n("rules_missed", c.missed))
	if i, ok := p.app.(cells.Inspector); ok {
		a = i.AppendState(a)
	}
	return a
}

// macText is a MAC, and nothing for none.
func macText(m eth.MAC) string {
	if m == (eth.MAC{}) {
		return ""
	}
	return m.String()
}
