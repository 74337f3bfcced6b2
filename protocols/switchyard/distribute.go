package switchyard

import (
	"errors"
	"fmt"

	"example.com/dsim/cells"
)

// ruled are the rules of one endpoint, as the fabric distributes them: clients
// that can apply them do, for others the fabric does. Promiscuous subscriptions
// see everything.
type ruled struct {
	version uint64
	rules   []Rule
}

// texts are the rules as they go over the wire.
func (r *ruled) texts() []string {
	texts := make([]string, len(r.rules))
	for i := range r.rules {
		texts[i] = r.rules[i].text
	}
	return texts
}

// handleRuleSet takes a RULE_SET.
func (f *fabric) handleRuleSet(e cells.Env, c *client, m Message) {
	name := ""
	o, err := parseObject(m.Payload)
	if err == nil {
		name, err = o.name("endpoint")
	}
	var version uint64
	var rules []Rule
	if err == nil {
		version, rules, err = parseRulesPayload(m.Payload)
	}
	if err == nil {
		err = f.setRules(e, name, version, rules)
	}
	if err != nil {
		f.refuse(e, c, "bad RULE_SET: "+err.Error())
		return
	}
	f.answer(e, c, Message{TypeOK, 0, 0, []byte("{}")})
}

// rulesBytesMax bounds what is pushed to a client at once: it must find room in
// a stream beside frames.
const rulesBytesMax = 8 << 10

// setRules gives an endpoint its rules. Versions only grow; the same version
// with the same rules is one that is said again.
func (f *fabric) setRules(e cells.Env, name string, version uint64, rules []Rule) error {
	p := f.byName[name]
	switch {
	case p == nil:
		return errors.New(errNoEndpoint + name)
	case version == p.ruled.version && version > 0 && sameRules(rules, p.ruled.rules):
		return nil
	case version <= p.ruled.version:
		return fmt.Errorf("version %d: %s has version %d already", version, name, p.ruled.version)
	}
	fresh := ruled{version, rules}
	if payload := len(encode(rulesPayload{version, fresh.texts()})); payload > rulesBytesMax {
		return fmt.Errorf("rules of %d bytes: at most %d are possible", payload, rulesBytesMax)
	}
	p.ruled = fresh
	f.counts.rules++
	e.Emit(KindRules, int64(p.id), int64(version))
	for _, s := range p.subs {
		f.push(e, s)
	}
	return nil
}

// push sends a subscription the rules of its endpoint, if there are any and its
// client knows what they are.
func (f *fabric) push(e cells.Env, s *subscription) {
	if s.to.ruled.version > 0 && s.client.hello.rules && !s.promisc() {
		f.answer(e, s.client, Message{TypeRules, s.to.id, 0, encode(rulesPayload{s.to.ruled.version, s.to.ruled.texts()})})
	}
}

// handleApplied takes a client's word that it applies rules from now on. It has
// no answer.
func (f *fabric) handleApplied(e cells.Env, c *client, m Message) {
	o, err := parseObject(m.Payload)
	var version uint64
	if err == nil {
		version, err = o.number("version", 0, versionMax)
	}
	if err != nil {
		f.refuse(e, c, "RULES_APPLIED: "+err.Error())
		return
	}
	for _, s := range c.subs {
		if s.to.id == m.Endpoint && !s.promisc() && s.applied < version && version <= s.to.ruled.version {
			s.applied = version
			f.counts.applied++
			e.Emit(KindApplied, int64(m.Endpoint), int64(version))
		}
	}
}

// copied is a frame that a rule mirrors, in place of a client that cannot.
type copied struct {
	to    string
	frame []byte
	sum   int64
}

// copiedMax bounds the copies that rules make of one frame.
const copiedMax = 1 << 10

// mirror brings the copies that rules have made of a frame to their endpoints,
// once the frame itself has gone where it must.
func (f *fabric) mirror(e cells.Env) {
	for i := range f.copied {
		x := &f.copied[i]
		p := f.byName[x.to]
		if p == nil {
			f.counts.unmirrored++
			continue
		}
		f.counts.mirrored++
		e.Emit(KindMirror, 0, int64(p.id))
		e.Emit(KindFrame, x.sum, int64(len(x.frame)))
		f.arrive(e, p, x.frame, x.sum, mirrored)
	}
	clear(f.copied)
	f.copied = f.copied[:0]
}

// admit looks at a frame for a client that applies no rules itself.
func (f *fabric) admit(e cells.Env, s *subscription, frame []byte, sum int64, how coming) bool {
	p := s.to
	if s.client.hello.rules || len(p.ruled.rules) == 0 {
		return true
	}
	in := judge(p.ruled.rules, frame, func(i int) {
		switch r := &p.ruled.rules[i]; r.Action {
		case ActionCount:
			f.counts.counted++
		case ActionMirror:
			switch {
			case how == mirrored:
			case len(f.copied) >= copiedMax:
				f.counts.unmirrored++
			default:
				f.copied = append(f.copied, copied{r.Mirror, frame, sum})
			}
		}
	})
	if !in {
		f.counts.blocked++
		e.Emit(KindBlocked, int64(s.number), sum)
	}
	return in
}
