package switchyard

import (
	"fmt"
	"strings"
	"testing"

	"example.com/dsim/cells"
	"example.com/dsim/protocols/internal/talk"
)

// ruled is a fabric with the rules of b, set by a, and b an old client; tap sees
// everything at the endpoint of b.
func ruledFabric(t *testing.T, rules string) (f *talk.Cell, a, b, tap cells.Port) {
	t.Helper()
	f = newFabric(t, nil)
	a, _ = enter(t, f, "a", 0)
	b, _ = enter(t, f, "b", 0)
	tap, _ = enter(t, f, "tap", 0)
	f.Recv(tap, subscribe(2, Promisc))
	f.Take()
	f.Recv(a, control(TypeRuleSet, fmt.Sprintf(`{"endpoint": "b", "version": 1, "rules": [%s]}`, rules)))
	wantSaid(t, f, "nobody is told who did not ask", fmt.Sprintf(`%d: OK endpoint=0 flags=0x0 "{}"`, a))
	return f, a, b, tap
}

// The fabric applies rules for clients that cannot: each kind of match, and each
// action. Who sees everything sees what is blocked, too.
func TestTheFabricAppliesRulesForOldClients(t *testing.T) {
	copies := map[string]func(a, tap cells.Port) string{
		`"count", "mirror=tap", "drop"`: func(_, tap cells.Port) string { return in(tap, 3, 0, udp) },
		`"count ether=arp", "mirror=a"`: func(a, _ cells.Port) string { return in(a, 1, 0, udp) },
	}
	for rules, blocked := range map[string]bool{
		`"drop"`:                        true,
		`"accept", "drop"`:              false,
		`"drop src=02:53:59:00:00:01"`:  true,
		`"drop src=02:53:59:00:00:02"`:  false,
		`"drop dst=02:53:59:00:00:02"`:  true,
		`"drop dst=02:53:59:00:00:01"`:  false,
		`"drop ether=ipv4"`:             true,
		`"drop ether=arp"`:              false,
		`"drop proto=udp"`:              true,
		`"drop proto=tcp"`:              false,
		`"drop from=10.0.0.0/31"`:       true,
		`"drop from=10.0.0.2/31"`:       false,
		`"drop to=10.0.0.2"`:            true,
		`"drop to=10.0.0.1"`:            false,
		`"drop sport=12345"`:            true,
		`"drop sport=12346-65535"`:      false,
		`"drop dport=7000-7007"`:        true,
		`"drop dport=7008"`:             false,
		`"accept dport=7007", "drop"`:   false,
		`"count", "mirror=tap", "drop"`: true,
		`"count ether=arp", "mirror=a"`: false,
		`"accept ether=arp", "drop to=10.0.0.2 proto=udp dport=7007"`: true,
	} {
		f, a, b, tap := ruledFabric(t, rules)
		f.Recv(a, packet(1, udp))
		want := []string{in(b, 2, 0, udp), in(tap, 2, Promisc, udp)}
		if blocked {
			want = want[1:]
		}
		mirrors := int64(0)
		if c := copies[rules]; c != nil {
			want, mirrors = append(want, c(a, tap)), 1
		}
		wantSaid(t, f, rules, want...)
		if n := f.Attr("blocked"); n == 1 != blocked {
			t.Errorf("%s: %d blocked", rules, n)
		}
		counted := int64(strings.Count(rules, `"count"`))
		if f.Attr("counted") != counted || f.Attr("mirrored") != mirrors || f.Attr("unmirrored") != 0 {
			t.Errorf("%s: %d counted, %d mirrored, %d not", rules, f.Attr("counted"), f.Attr("mirrored"), f.Attr("unmirrored"))
		}
	}
}

// An endpoint says which version it applies; what cannot be so is not believed.
func TestWhoAppliesWhich(t *testing.T) {
	f := newFabric(t, nil)
	a, _ := enter(t, f, "a", 0)
	knows := f.Accept(1)
	f.Recv(knows, control(TypeHello, `{"features": ["rules"]}`))
	f.Recv(knows, subscribe(1, 0))
	f.Take()
	for version := 1; version <= 3; version++ {
		f.Recv(a, control(TypeRuleSet, fmt.Sprintf(`{"endpoint": "a", "version": %d, "rules": ["count"]}`, version)))
		wantSaid(t, f, "each version is pushed", fmt.Sprintf(`%d: RULES endpoint=1 flags=0x0 "{\"version\":%d,\"rules\":[\"count\"]}"`, knows, version), fmt.Sprintf(`%d: OK endpoint=0 flags=0x0 "{}"`, a))
	}
	for _, x := range []struct {
		endpoint uint32
		payload  string
		applied  int64
		said     string
	}{
		{1, `{"version": 4}`, 0, ""},
		{2, `{"version": 1}`, 0, ""},
		{1, `{"version": 2}`, 1, ""},
		{1, `{"version": 1}`, 1, ""},
		{1, `{"version": 2}`, 1, ""},
		{1, `{"version": 3}`, 2, ""},
		{1, `{"version": -1}`, 2, "RULES_APPLIED: version: want a whole number up to 9007199254740991"},
		{1, `x`, 2, "RULES_APPLIED: payload is not a JSON object"},
	} {
		f.Recv(knows, Message{TypeRulesApplied, x.endpoint, 0, []byte(x.payload)}.Append(nil))
		var want []string
		if x.said != "" {
			want = []string{failed(knows, x.said)}
		}
		wantSaid(t, f, x.payload, want...)
		if got := f.Attr("applied"); got != x.applied {
			t.Errorf("%d %s: applied %d, want %d", x.endpoint, x.payload, got, x.applied)
		}
	}
	var many []string
	for i := range 60 {
		many = append(many, fmt.Sprintf(`"mirror=%s dport=%d"`, strings.Repeat("x", 160), i))
	}
	f.Recv(a, control(TypeRuleSet, `{"endpoint": "a", "version": 9, "rules": [`+strings.Join(many, ",")+`]}`))
	wantSaid(t, f, "what no queue has room for", failed(a, "bad RULE_SET: rules of 10753 bytes: at most 8192 are possible"))
	f.Recv(a, control(TypeRuleSet, `{"endpoint": "a", "version": 9, "rules": "drop"}`))
	wantSaid(t, f, "no list", failed(a, "bad RULE_SET: rules: want a list of at most 256 texts"))
	f.Recv(a, control(TypeRuleSet, `{"endpoint": "a", "version": 0, "rules": []}`))
	wantSaid(t, f, "no version", failed(a, "bad RULE_SET: version 0: a has version 3 already"))
}

// A mirrored frame goes to one endpoint, whatever its addresses say, and nothing
// is learned of it.
func TestMirroredFrames(t *testing.T) {
	f := newFabric(t, nil)
	a, _ := enter(t, f, "a", 0)
	b, _ := enter(t, f, "b", 0)
	tap, _ := enter(t, f, "tap", 0)
	f.Recv(a, subscribe(3, Promisc))
	f.Take()
	hi := frameOf(t, mac2, "02:00:00:00:00:77", "hi")
	mirror := func(id uint32, frame []byte) []byte { return Message{TypeMirror, id, 0, frame}.Append(nil) }
	f.Recv(b, mirror(3, hi))
	wantSaid(t, f, "to the endpoint alone, not to who sees what enters", in(tap, 3, 0, hi))
	knows := f.Accept(1)
	f.Recv(knows, control(TypeHello, `{"features": ["rules"]}`))
	f.Recv(knows, subscribe(3, 0))
	f.Take()
	f.Recv(b, mirror(3, hi))
	wantSaid(t, f, "who applies rules is told that it is a copy", in(tap, 3, 0, hi), in(knows, 3, Mirrored, hi))
	f.Recv(b, mirror(9, hi))
	wantSaid(t, f, "to nobody", failed(b, "MIRROR: unknown endpoint_id 9"))
	f.Recv(b, mirror(3, hi[:13]))
	wantSaid(t, f, "no frame", failed(b, "MIRROR: bad ethernet frame: frame too short for ethernet"))
	for name, want := range map[string]int64{"mirrored": 2, "misplaced": 2, "macs": 3, "frames": 0, "arrived": 2, "captured": 0, "copies": 0} {
		if got := f.Attr(name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
}

// Two clients that apply no rules, and whose endpoints mirror to each other, get
// a copy each; one to nobody is counted. Copies that are late are mirrored when
// they come.
func TestTheFabricMirrorsOnce(t *testing.T) {
	f, a, b, tap := ruledFabric(t, `"mirror=tap", "mirror=nobody"`)
	f.Recv(a, control(TypeRuleSet, `{"endpoint": "tap", "version": 1, "rules": ["mirror=b", "mirror=tap"]}`))
	f.Take()
	f.Recv(a, packet(1, udp))
	wantSaid(t, f, "b has it, and tap its copy", in(b, 2, 0, udp), in(tap, 2, Promisc, udp), in(tap, 3, 0, udp))
	f.Recv(a, control(TypeImpairSet, `{"from": "a", "to": "b", "set": "latency=1s"}`))
	f.Take()
	f.Recv(a, packet(1, udp))
	wantSaid(t, f, "who sees everything sees it now", "arm 0 1s", in(tap, 2, Promisc, udp))
	f.Fire(timerLater)
	wantSaid(t, f, "the others later", in(b, 2, 0, udp), in(tap, 3, 0, udp))
	if f.Attr("mirrored") != 2 || f.Attr("unmirrored") != 2 {
		t.Errorf("%d mirrored, %d not", f.Attr("mirrored"), f.Attr("unmirrored"))
	}
}
