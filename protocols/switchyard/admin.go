package switchyard

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/des/suggest"
	"example.com/dsim/protocols/eth"
)

var fabricCommands = []string{"stats", "endpoints", "macs", "impair", "rule", "rules", "capture", "replay", "kick"}

// Command takes
//
//	stats                              the counters
//	endpoints                          number, name, MAC, subscriptions, frames
//	macs                               the table of addresses
//	impair                             what is said of pairs
//	impair FROM TO WHAT…               says it; without WHAT, nothing more happens to them
//	rule ENDPOINT VERSION RULE; RULE…  gives an endpoint its rules
//	rules ENDPOINT                     its rules, and who applies them
//	capture                            which frames are kept
//	replay [SCALE [FROM [TO]]]         lets them come again
//	kick ENDPOINT                      removes it, and ends the connection that created it
func (f *fabric) Command(e cells.Env, args []string) (string, error) {
	if len(args) == 0 {
		return "", fmt.Errorf("no command: want %s", strings.Join(fabricCommands, ", "))
	}
	rest := args[1:]
	switch args[0] {
	case "stats":
		return f.statsText(), nil
	case "endpoints":
		return f.endpointsText(), nil
	case "macs":
		return f.macsText(), nil
	case "impair":
		return f.commandImpair(rest)
	case "rule":
		return f.commandRule(e, rest)
	case "rules":
		return f.commandRules(rest)
	case "capture":
		return f.captureText(), nil
	case "replay":
		return f.commandReplay(e, rest)
	case "kick":
		return f.commandKick(e, rest)
	}
	return "", fmt.Errorf("unknown command %s%s", suggest.Quoted(args[0]), suggest.Hint(args[0], fabricCommands))
}

func (f *fabric) statsText() string {
	var words []string
	for _, a := range f.AppendState(nil) {
		switch a.Is {
		case cells.IsText:
			words = append(words, a.Name+"="+a.Text)
		case cells.IsBool:
			words = append(words, a.Name+"="+strconv.FormatBool(a.Int != 0))
		default:
			words = append(words, a.Name+"="+strconv.FormatInt(a.Int, 10))
		}
	}
	return strings.Join(words, " ")
}

func (f *fabric) endpointsText() string {
	lines := []string{}
	for _, p := range f.endpoints {
		lines = append(lines, fmt.Sprintf("%d %s %s subscriptions=%d in=%d out=%d", p.id, p.name, p.mac, len(p.subs), p.tx, p.rx))
	}
	return strings.Join(lines, "\n")
}

func (f *fabric) macsText() string {
	var lines []string
	for _, mac := range slices.SortedFunc(maps.Keys(f.macs), func(a, b eth.MAC) int { return cmp.Compare(a.Uint64(), b.Uint64()) }) {
		lines = append(lines, fmt.Sprintf("%s %s", mac, f.macs[mac].at.name))
	}
	return strings.Join(lines, "\n")
}

func (f *fabric) commandImpair(args []string) (string, error) {
	if len(args) == 0 {
		return strings.Join(f.impairLines(), "\n"), nil
	}
	if len(args) < 2 {
		return "", errors.New("impair: want FROM TO and what happens")
	}
	if err := f.setImpairment(pair{args[0], args[1]}, strings.Join(args[2:], " ")); err != nil {
		return "", fmt.Errorf("impair: %w", err)
	}
	return "said", nil
}

func (f *fabric) commandRule(e cells.Env, args []string) (string, error) {
	if len(args) < 2 {
		return "", errors.New("rule: want ENDPOINT VERSION and rules, with ; between them")
	}
	version, err := strconv.ParseUint(args[1], 10, 53)
	if err != nil {
		return "", fmt.Errorf("rule: version %s: want a whole number", suggest.Quoted(args[1]))
	}
	var texts []string
	for text := range strings.SplitSeq(strings.Join(args[2:], " "), ";") {
		if strings.TrimSpace(text) != "" {
			texts = append(texts, text)
		}
	}
	rules, err := ParseRules(texts)
	if err == nil {
		err = f.setRules(e, args[0], version, rules)
	}
	if err != nil {
		return "", fmt.Errorf("rule: %w", err)
	}
	return fmt.Sprintf("%d rules, version %d", len(rules), version), nil
}

func (f *fabric) commandRules(args []string) (string, error) {
	if len(args) != 1 {
		return "", errors.New("rules: want an endpoint")
	}
	p := f.byName[args[0]]
	if p == nil {
		return "", errors.New(errNoEndpoint + args[0])
	}
	lines := []string{fmt.Sprintf("version %d", p.ruled.version)}
	lines = append(lines, p.ruled.texts()...)
	for _, s := range p.subs {
		switch {
		case s.promisc():
			lines = append(lines, fmt.Sprintf("connection %d sees everything", s.client.number))
		case !s.client.hello.rules:
			lines = append(lines, fmt.Sprintf("connection %d: applied by the fabric", s.client.number))
		default:
			lines = append(lines, fmt.Sprintf("connection %d applies version %d", s.client.number, s.applied))
		}
	}
	return strings.Join(lines, "\n"), nil
}

func (f *fabric) captureText() string {
	kept := f.ring.kept()
	if len(kept) == 0 {
		return "no frames"
	}
	return fmt.Sprintf("%d frames of %d bytes, number %d to %d", len(kept), f.ring.bytes, kept[0].Number, kept[len(kept)-1].Number)
}

func (f *fabric) commandReplay(e cells.Env, args []string) (string, error) {
	r := replayRequest{from: 1, to: math.MaxInt64}
	var err error
	scale := ""
	if len(args) > 0 {
		scale = args[0]
	}
	if r.num, r.den, err = parseScale(scale); err != nil {
		return "", fmt.Errorf("replay: %w", err)
	}
	bounds := args[min(1, len(args)):]
	for _, to := range []*uint64{&r.from, &r.to} {
		if len(bounds) > 0 {
			if *to, err = strconv.ParseUint(bounds[0], 10, 63); err != nil {
				return "", fmt.Errorf("replay: %s: want the number of a frame", suggest.Quoted(bounds[0]))
			}
			bounds = bounds[1:]
		}
	}
	if len(args) > 3 {
		return "", errors.New("replay: want SCALE FROM TO")
	}
	n, err := f.replay(e, r)
	if err != nil {
		return "", fmt.Errorf("replay: %w", err)
	}
	return fmt.Sprintf("%d frames", n), nil
}

func (f *fabric) commandKick(e cells.Env, args []string) (string, error) {
	if len(args) != 1 {
		return "", errors.New("kick: want an endpoint")
	}
	p := f.byName[args[0]]
	if p == nil {
		return "", errors.New(errNoEndpoint + args[0])
	}
	owner := p.owner
	clients := []*client{}
	for _, s := range p.subs {
		if s.client.number == owner && !slices.Contains(clients, s.client) {
			clients = append(clients, s.client)
		}
	}
	f.remove(e, p)
	for _, c := range clients {
		f.hangUp(e, c, "kicked: "+p.name)
	}
	return "kicked", nil
}
