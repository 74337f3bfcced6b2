package switchyard

import (
	"slices"
	"strings"
	"testing"
)

// udp is a frame of Ethernet with IPv4 and UDP from 10.0.0.1:12345 to
// 10.0.0.2:7007, without checksums, which rules do not look at.
var udp = unhexed("025359000002 025359000001 0800" + "4500001d 00000000 40110000 0a000001 0a000002" + "3039 1b5f 0009 0000 78")

func TestRulesFit(t *testing.T) {
	arp := unhexed("ffffffffffff 025359000001 0806 0001")
	options := unhexed("025359000002 025359000001 0800" + "46000021 00000000 40110000 0a000001 0a000002 01010101" + "3039 1b5f 0009 0000 78")
	fragment := unhexed("025359000002 025359000001 0800" + "4500001d 00000001 40110000 0a000001 0a000002" + "3039 1b5f 0009 0000 78")
	cutOff := udp[:36]
	for _, c := range []struct {
		rule  string
		frame []byte
		fits  bool
	}{
		{"drop", udp, true},
		{"drop", arp, true},
		{"drop ether=arp", arp, true},
		{"drop ether=0x0806", arp, true},
		{"drop ether=2054", arp, true},
		{"drop ether=arp", udp, false},
		{"drop src=02:53:59:00:00:01", udp, true},
		{"drop src=02:53:59:00:00:02", udp, false},
		{"drop dst=02:53:59:00:00:02", udp, true},
		{"drop dst=ff:ff:ff:ff:ff:ff", udp, false},
		{"drop proto=udp", udp, true},
		{"drop proto=17", udp, true},
		{"drop proto=icmp", udp, false},
		{"drop proto=udp", arp, false},
		{"drop from=10.0.0.0/8 to=10.0.0.2", udp, true},
		{"drop from=10.0.0.0/31", udp, true},
		{"drop from=10.0.0.2/31", udp, false},
		{"drop from=0.0.0.0/0", udp, true},
		{"drop from=0.0.0.0/0", arp, false},
		{"drop sport=12345 dport=7000-7007", udp, true},
		{"drop dport=7008-9000", udp, false},
		{"drop dport=7007", options, true},
		{"drop dport=7007", fragment, false},
		{"drop proto=udp", fragment, true},
		{"drop dport=7007", cutOff, false},
		{"drop proto=udp", cutOff, true},
		{"drop proto=udp", udp[:30], false},
	} {
		r, err := ParseRule(c.rule)
		if err != nil {
			t.Fatal(err)
		}
		if in := judge([]Rule{r}, c.frame, func(int) {}); in == c.fits {
			t.Errorf("%s: %x let in: %v", c.rule, c.frame, in)
		}
	}
}

func TestRulesInOrder(t *testing.T) {
	for _, c := range []struct {
		rules string
		in    bool
		hits  string
	}{
		{"", true, ""},
		{"accept; drop", true, "0"},
		{"drop; accept", false, "0"},
		{"count; drop proto=icmp; count; drop dport=7007; accept", false, "023"},
		{"mirror=tap; accept", true, "01"},
		{"count", true, "0"},
	} {
		rules, err := ParseRules(strings.FieldsFunc(c.rules, func(r rune) bool { return r == ';' }))
		if err != nil {
			t.Fatal(err)
		}
		hits := ""
		if in := judge(rules, udp, func(i int) { hits += string(rune('0' + i)) }); in != c.in || hits != c.hits {
			t.Errorf("%s: let in %v, hits %s", c.rules, in, hits)
		}
	}
	if !judge([]Rule{{Action: ActionDrop}}, udp[:13], nil) {
		t.Error("what is no frame is the receiver's to refuse")
	}
}

func TestRulesThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "want an action and what a frame must be like, in at most 240 bytes",
		"drip":                             `no action "drip"; did you mean "drop"?`,
		"drop=x":                           `"drop=x": only mirror has a value`,
		"drop dport=1 sport=2 dport=1":     `"dport=1": its condition stands there twice`,
		"mirror":                           "mirror: name: want 1 to 255 bytes of text without control characters",
		"drop x":                           `no condition "x"; one of src, dst, ether, proto, from, to, sport, dport`,
		"drop prot=1":                      `no condition "prot=1"; did you mean "proto"?`,
		"drop src=1":                       `src: mac "1": want six bytes in hexadecimal, as 02:53:59:00:00:01`,
		"drop ether=70000":                 `ether: "70000": want a known name, or a number up to 0xffff`,
		"drop proto=-1":                    `proto: "-1": want a known name, or a number up to 0xff`,
		"drop from=10.0.0.1/33":            `from: "10.0.0.1/33": want a length from 0 to 32`,
		"drop from=10.0.0.1/24":            `from: "10.0.0.1/24": the address has bits set beyond its prefix`,
		"drop sport=9-8":                   `sport: "9-8": want a port, or a range as 1024-2047`,
		"drop dport=65536":                 `dport: "65536": want a port, or a range as 1024-2047`,
		"drop " + strings.Repeat("x", 240): "want an action and what a frame must be like, in at most 240 bytes",
	} {
		if _, err := ParseRule(text); err == nil || err.Error() != want {
			t.Errorf("%.40s: %v, want %s", text, err, want)
		}
	}
	if _, err := ParseRules(make([]string, RulesMax+1)); err == nil {
		t.Error("too many rules")
	}
	if _, err := ParseRules([]string{"drop", "x"}); err == nil || !strings.HasPrefix(err.Error(), "rule 2: ") {
		t.Errorf("%v", err)
	}
}

// Rules reach the endpoint, which applies them and says so; the same version
// again changes nothing, an older one is refused.
func TestRulesAreDistributed(t *testing.T) {
	f := newFabric(t, nil)
	a, _ := enter(t, f, "a", 0)
	knows := f.Accept(1)
	f.Recv(knows, control(TypeHello, `{"client_name": "b", "features": ["future", "rules"]}`))
	f.Recv(knows, control(TypeEndpointCreate, `{"name": "b"}`))
	f.Recv(knows, subscribe(2, 0))
	f.Recv(knows, subscribe(2, Promisc))
	old, _ := f.Accept(1), 0
	f.Recv(old, control(TypeHello, `{}`))
	f.Recv(old, subscribe(2, 0))
	f.Take()
	set := func(why, payload string, want ...string) {
		t.Helper()
		f.Recv(a, control(TypeRuleSet, payload))
		wantSaid(t, f, why, want...)
	}
	ok := `2: OK endpoint=0 flags=0x0 "{}"`
	push := `3: RULES endpoint=2 flags=0x0 "{\"version\":3,\"rules\":[\"drop dst=ff:ff:ff:ff:ff:ff\"]}"`
	set("to who can apply them, once", `{"endpoint": "b", "version": 3, "rules": ["drop  dst=ff:ff:ff:ff:ff:ff"]}`, push, ok)
	set("again", `{"endpoint": "b", "version": 3, "rules": ["drop dst=ff:ff:ff:ff:ff:ff"]}`, ok)
	set("others", `{"endpoint": "b", "version": 3, "rules": ["accept"]}`, failed(a, "bad RULE_SET: version 3: b has version 3 already"))
	set("older", `{"endpoint": "b", "version": 2, "rules": []}`, failed(a, "bad RULE_SET: version 2: b has version 3 already"))
	set("for nobody", `{"endpoint": "x", "version": 2, "rules": []}`, failed(a, "bad RULE_SET: no such endpoint: x"))
	set("no rules", `{"endpoint": "b", "version": 4, "rules": ["x"]}`, failed(a, `bad RULE_SET: rule 1: no action "x"; one of accept, drop, count, mirror`))
	hi := frameOf(t, all, mac1, "hi")
	f.Recv(a, packet(1, hi))
	wantSaid(t, f, "the fabric applies them for the old client alone", in(knows, 2, 0, hi), in(knows, 2, 1, hi))
	f.Recv(knows, Message{TypeRulesApplied, 2, 0, []byte(`{"version": 3}`)}.Append(nil))
	wantSaid(t, f, "no answer")
	got, err := f.P.(*fabric).Command(f, []string{"rules", "b"})
	want := "version 3\ndrop dst=ff:ff:ff:ff:ff:ff\nconnection 2 applies version 3\nconnection 2 sees everything\nconnection 3: applied by the fabric"
	if err != nil || got != want {
		t.Errorf("%s, %v", got, err)
	}
	f.Recv(knows, subscribe(2, 0))
	wantSaid(t, f, "a later subscription gets them too", `3: SUBSCRIBED endpoint=2 flags=0x0 "{}"`, push)
	if f.Attr("blocked") != 1 || f.Attr("applied") != 1 {
		t.Errorf("blocked %d, applied %d", f.Attr("blocked"), f.Attr("applied"))
	}
}

func TestAnEndpointAppliesItsRules(t *testing.T) {
	c, app := newEndpoint(t, nil)
	c.Start()
	toReady(t, c, app, 1)
	c.Recv(1, reply(TypeRules, 7, 0, `{"version": 5, "rules": ["count", "mirror=tap ether=0x88b6", "drop dst=ff:ff:ff:ff:ff:ff"]}`))
	wantSaid(t, c, "said", `1: RULES_APPLIED endpoint=7 flags=0x0 "{\"version\":5}"`)
	c.Recv(1, reply(TypeRules, 8, 0, `{"version": 6, "rules": ["drop"]}`))
	wantSaid(t, c, "rules of another endpoint, which the connection has, too")
	broadcast, mine := frameOf(t, all, mac1, "x"), frameOf(t, "02:53:59:00:00:07", mac1, "y")
	c.Recv(1, reply(TypePacketIn, 7, 0, string(broadcast)))
	app.want(t, "dropped")
	wantSaid(t, c, "who is tap?", "arm 4278190081 5s", `1: ENDPOINT_LOOKUP endpoint=0 flags=0x0 "{\"name\":\"tap\"}"`)
	c.Recv(1, reply(TypeEndpointInfo, 0, 0, `{"endpoint_id": 9, "name": "tap", "mac": "02:53:59:00:00:09"}`))
	app.want(t, "a look-up of its own")
	c.Take()
	c.Recv(1, reply(TypePacketIn, 7, 0, string(mine)))
	wantSaid(t, c, "a copy", "1: "+Message{TypeMirror, 9, 0, mine}.String())
	c.Recv(1, reply(TypePacketIn, 7, Promisc, string(broadcast)))
	if len(app.log) != 2 {
		t.Errorf("let in: %q", app.log)
	}
	wantSaid(t, c, "what is for others is mirrored by nobody")
	c.Recv(1, reply(TypePacketIn, 7, Mirrored, string(mine)))
	wantSaid(t, c, "what was mirrored is not mirrored again")
	if len(app.log) != 3 {
		t.Errorf("let in: %q", app.log)
	}
	for name, want := range map[string]int64{"rules_version": 5, "rules_dropped": 1, "rules_counted": 3, "rules_mirrored": 1, "rules_missed": 1} {
		if got := c.Attr(name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	text, _ := app.ep.Command(c, []string{"rules"})
	if !strings.Contains(text, "       3  count\n") {
		t.Error(text)
	}
	app.log = nil
	c.Down(1, nil)
	app.want(t, "lost", "lost: <nil>")
	if len(app.ep.applied.rules) != 3 {
		t.Error("rules do not outlive their connection")
	}
}

// An endpoint that is mirrored to may go, and come back under another number.
func TestAMirrorThatIsGoneIsLookedUpAgain(t *testing.T) {
	c, app := newEndpoint(t, nil)
	c.Start()
	toReady(t, c, app, 1)
	hi := frameOf(t, mac7, mac1, "hi")
	next := func(why string, want ...string) {
		t.Helper()
		c.Recv(1, reply(TypePacketIn, 7, 0, string(hi)))
		got := said(t, c)
		if got = slices.DeleteFunc(got, func(s string) bool { return strings.Contains(s, "arm ") }); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", why, got, want)
		}
	}
	c.Recv(1, reply(TypeRules, 7, 0, `{"version": 1, "rules": ["mirror=tap"]}`))
	c.Take()
	lookup := `1: ENDPOINT_LOOKUP endpoint=0 flags=0x0 "{\"name\":\"tap\"}"`
	next("who is it?", lookup)
	next("it is asked once")
	c.Recv(1, reply(TypeError, 0, 0, `{"error": "no such endpoint: tap"}`))
	next("it may be there by now", lookup)
	c.Recv(1, reply(TypeEndpointInfo, 0, 0, `{"endpoint_id": 9, "name": "tap", "mac": "02:53:59:00:00:09"}`))
	next("a copy", "1: "+Message{TypeMirror, 9, 0, hi}.String())
	c.Recv(1, reply(TypeError, 0, 0, `{"error": "MIRROR: unknown endpoint_id 9"}`))
	next("it is gone", lookup)
	c.Recv(1, reply(TypeEndpointInfo, 0, 0, `{"endpoint_id": 12, "name": "tap", "mac": "02:53:59:00:00:09"}`))
	next("and back", "1: "+Message{TypeMirror, 12, 0, hi}.String())
	if c.Attr("rules_missed") != 4 || c.Attr("rules_mirrored") != 2 || c.Attr("refused") != 1 {
		t.Errorf("missed %d, mirrored %d, refused %d", c.Attr("rules_missed"), c.Attr("rules_mirrored"), c.Attr("refused"))
	}
}

func FuzzParseRule(f *testing.F) {
	for _, s := range []string{"drop", "mirror=x from=10.0.0.0/24 sport=1-2", "accept ether=arp src=02:53:59:00:00:01"} {
		f.Add(s, udp)
	}
	f.Fuzz(func(t *testing.T, text string, frame []byte) {
		r, err := ParseRule(text)
		if err != nil {
			return
		}
		again, err := ParseRule(r.String())
		if err != nil || again.text != r.text {
			t.Fatalf("%q: %v", r.text, err)
		}
		if judge([]Rule{r}, frame, func(int) {}) != judge([]Rule{again}, frame, func(int) {}) {
			t.Errorf("%q is not what it is", text)
		}
	})
}
