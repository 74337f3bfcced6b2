package service

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"example.com/dsim/des"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/eth/dns"
	"example.com/dsim/protocols/eth/ntp"
	"example.com/dsim/protocols/switchyard"
)

func TestNTPServerShowsItsWallClock(t *testing.T) {
	p, err := NewNTP(NTPConfig{IP: "10.0.0.3"})
	c := begin(t, p, err)
	c.heard()
	c.Time = at(1500 * time.Millisecond)
	ask := ntp.Ask(at(time.Second))
	b, err := ask.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	here := eth.Host{MAC: me, IP: eth.IP{10, 0, 0, 3}, Port: ntp.Port}
	c.from(40000, here, b)
	c.wants("half a second later", "time-served request=-8959209416184299520 clock=1500000000",
		"me > ann udp 10.0.0.3:123 > 10.0.0.1:40000, 48 bytes: ntp leap=0 version=4 mode=4 stratum=1 poll=4 precision=236 delay=0 dispersion=0 reference=4c4f434c updated=0x83aa7e8180000000 origin=0x83aa7e8100000000 receive=0x83aa7e8180000000 transmit=0x83aa7e8180000000")
	c.from(40000, here, b[:47])
	b[0] = 0x24
	c.from(40000, here, b)
	c.wants("a short one, and one of a server")
	c.attrs(t, map[string]int64{"served": 1, "strays": 2})
}

func TestNTPClientTakesOnlyWhatItAskedFor(t *testing.T) {
	p, err := NewNTPClient(NTPClientConfig{
		IP: "10.0.0.10", Port: 40000, ToIP: "10.0.0.3", Resolve: ByARP, Samples: 1, Every: time.Second, Timeout: time.Second, Retry: time.Second,
	})
	c := begin(t, p, err)
	far := eth.Host{MAC: ben, IP: eth.IP{10, 0, 0, 3}, Port: ntp.Port}
	arp := func() {
		c.hear(func(p *eth.Packet) { p.Ask(me, eth.IP{10, 0, 0, 10}, far.IP); p.Reply(ben) })
	}
	arp()
	c.wait(timerReply)
	arp()
	c.wants("asked twice", "me > all arp request: 10.0.0.10 is at me", "me > all arp request: who has 10.0.0.3, tell 10.0.0.10",
		"time-asked request=-8959209420479266816 clock=0", "me > ben udp …", "[ntp] no reply in 1s", "me > all arp request: who has 10.0.0.3, tell 10.0.0.10",
		"time-asked request=-8959209416184299520 clock=1000000000", "me > ben udp …")
	answer := func(ask ntp.Header, change ...func(*ntp.Header)) {
		h := ask.Answer(c.Time.Add(time.Hour))
		for _, x := range change {
			x(&h)
		}
		b, err := h.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		c.hear(func(p *eth.Packet) { p.Datagram(far, eth.Host{MAC: me, IP: eth.IP{10, 0, 0, 10}, Port: 40000}, b) })
	}
	ask := ntp.Ask(c.Time)
	c.Time += at(4 * time.Millisecond)
	answer(ntp.Ask(0))
	c.wants("the answer to the first, too late")
	answer(ask, func(h *ntp.Header) { h.Stratum, h.Reference = 0, [4]byte{'R', 'A', 'T', 'E'} })
	answer(ask, func(h *ntp.Header) { h.Stratum = 16 })
	answer(ask, func(h *ntp.Header) { h.Leap = 3 })
	answer(ask, func(h *ntp.Header) { h.Transmit = 0 })
	c.wants("servers that do not know what time it is, or do not say")
	answer(ask)
	c.wants("an hour behind, but for half of the round trip", "time-sample request=-8959209416184299520 offset=3600002000000", "time-got delay=4000000 clock=1004000000",
		"[ntp] 10.0.0.3: offset 1h0m0.002s, delay 4ms, it is 1970-01-01T01:00:01.004Z")
	answer(ask)
	c.wants("a duplicate")
	c.attrs(t, map[string]int64{"samples": 1, "stray": 1, "bad_replies": 4, "timeouts": 1, "done": 1})
}

// query is a question of ann's.
func (c *talker) query(name dns.Name, typ dns.Type, change func(*dns.Message)) {
	m := dns.Ask(7, name, typ)
	if change != nil {
		change(&m)
	}
	b, err := m.Append(nil)
	if err != nil {
		c.T.Fatal(err)
	}
	c.from(40053, eth.Host{MAC: me, IP: eth.IP{10, 0, 0, 5}, Port: dns.Port}, b)
}

// wantsDNS is wants, of messages without what a line has around them.
func (c *talker) wantsDNS(why string, want ...string) {
	c.T.Helper()
	c.listen()
	for i, line := range c.lines {
		if _, said, ok := strings.Cut(line, ": dns "); ok {
			c.lines[i] = said
		}
	}
	c.wants(why, want...)
}

func TestDNSConversation(t *testing.T) {
	p, err := NewDNS(DNSConfig{IP: "10.0.0.5", Table: []string{"www=10.0.0.9", "six=2001:db8::9"}, Domain: "yard", TTL: time.Minute, Within: time.Second})
	c := begin(t, p, err)
	c.heard()
	c.query("www", dns.TypeA, nil)
	c.query("www", dns.TypeAAAA, nil)
	c.query("9.0.0.10.in-addr.arpa", dns.TypePTR, nil)
	c.query("9.0.0.10.in-addr.arpa", dns.TypeA, nil)
	c.query("svc_echo", dns.TypeA, nil)
	c.query("a.b.yard", dns.TypeA, nil)
	c.wantsDNS("what is in the table, and what cannot be an endpoint",
		"reply 7 NOERROR A www: A www 10.0.0.9", "reply 7 NOERROR AAAA www", "reply 7 NOERROR PTR 9.0.0.10.in-addr.arpa: PTR 9.0.0.10.in-addr.arpa www",
		"reply 7 NOERROR A 9.0.0.10.in-addr.arpa", "reply 7 NXDOMAIN A svc_echo", "reply 7 NXDOMAIN A a.b.yard")
	c.query("www", dns.TypeA, func(m *dns.Message) { m.Opcode = 2 })
	c.query("www", dns.TypeA, func(m *dns.Message) { m.Question.Class = 3 })
	c.query("www", dns.TypeA, func(m *dns.Message) { m.Response = true })
	c.wantsDNS("what is not understood", "reply 7 NOTIMP A www", "reply 7 REFUSED A www")

	c.query("svc_echo.yard", dns.TypeA, nil)
	c.query("svc_echo.yard", dns.TypeAAAA, nil)
	c.wantsDNS("the fabric is asked once", lookUp)
	c.found("svc_echo", ben)
	c.wantsDNS("and the host", "reply 7 NOERROR AAAA svc_echo.yard: AAAA svc_echo.yard fe80::53:59ff:fe00:3",
		"me > ben arp inverse-request: which address has ben, tell 10.0.0.5")
	c.hear(func(p *eth.Packet) {
		p.Ask(me, eth.IP{10, 0, 0, 5}, there.IP)
		p.ARP.Operation = eth.InverseRequest
		p.Reply(ben)
	})
	c.wantsDNS("who answers", "reply 7 NOERROR A svc_echo.yard: A svc_echo.yard 10.0.0.2")
	c.query("2.0.0.10.in-addr.arpa", dns.TypePTR, nil)
	c.wantsDNS("and is known now", "reply 7 NOERROR PTR 2.0.0.10.in-addr.arpa: PTR 2.0.0.10.in-addr.arpa svc_echo.yard")
	for addr, want := range map[string]string{"2001:db8::9": "NOERROR six", "fe80::53:59ff:fe00:3": "NOERROR svc_echo.yard", "2001:db8::8": "NXDOMAIN"} {
		q, err := parseQuestion("PTR " + addr)
		if err != nil {
			t.Fatal(err)
		}
		c.query(q.Name, dns.TypePTR, nil)
		code, name, _ := strings.Cut(want, " ")
		want = "reply 7 " + code + " PTR " + string(q.Name)
		if name != "" {
			want += ": PTR " + string(q.Name) + " " + name
		}
		c.wantsDNS("addresses of IPv6 have names, too", want)
	}
	c.query("nobody.yard", dns.TypeA, nil)
	c.Time++
	c.missing("nobody")
	c.query("mute.yard", dns.TypeA, nil)
	c.found("mute", ann)
	if d := c.wait(timerDNS); d != time.Second {
		t.Errorf("waited %s for an address", d)
	}
	c.wantsDNS("one who is not, and one who does not say", `ENDPOINT_LOOKUP {"name":"nobody"}`, "reply 7 NXDOMAIN A nobody.yard",
		`ENDPOINT_LOOKUP {"name":"mute"}`, "me > ann arp inverse-request: which address has ann, tell 10.0.0.5", "reply 7 NOERROR A mute.yard")
	for range questionsMax + 1 {
		c.query("slow.yard", dns.TypeA, nil)
	}
	c.wantsDNS("too many at a time", `ENDPOINT_LOOKUP {"name":"slow"}`, "reply 7 SERVFAIL A slow.yard")
	c.attrs(t, map[string]int64{"waiting": questionsMax, "overrun": 1, "bad_messages": 1, "nxdomain": 4, "known": 2})
}

func TestDNSClientAsksUntilItIsAnswered(t *testing.T) {
	p, err := NewDNSClient(DNSClientConfig{
		IP: "10.0.0.1", Port: 40053, To: "svc_dns", ToIP: "10.0.0.5", Resolve: ByLookup, Ask: []string{"www", "PTR 10.0.0.9"},
		Every: time.Second, Timeout: time.Second, Tries: 2, Retry: time.Second,
	})
	c := begin(t, p, err)
	c.found("svc_dns", ben)
	for range 2 {
		c.wait(timerReply)
		if c.Attr("looking") == 1 {
			c.found("svc_dns", ben)
		}
	}
	c.wants("asked twice, given up", ownHello, `ENDPOINT_LOOKUP {"name":"svc_dns"}`, "me > ben udp 10.0.0.1:40053 > 10.0.0.5:53…",
		`ENDPOINT_LOOKUP {"name":"svc_dns"}`, "me > ben udp 10.0.0.1:40053 > 10.0.0.5:53…", "[dns] A www: no answer")
	c.wait(timerNext)
	c.wants("the next", "me > ben udp 10.0.0.1:40053 > 10.0.0.5:53…")
	r := des.SeedOf(1).Rand("me", 0, "dns")
	id := uint16(0)
	for range 3 {
		id = uint16(r.N(0x10000))
	}
	reply := func(id uint16, name dns.Name) {
		ask := dns.Ask(id, name, dns.TypePTR)
		m := ask.Reply(dns.NameError)
		b, _ := m.Append(nil)
		c.hear(func(p *eth.Packet) {
			p.Datagram(eth.Host{MAC: ben, IP: eth.IP{10, 0, 0, 5}, Port: dns.Port}, eth.Host{MAC: me, IP: annIP, Port: 40053}, b)
		})
	}
	reply(id+1, "9.0.0.10.in-addr.arpa")
	reply(id, "8.0.0.10.in-addr.arpa")
	c.wants("not what was asked")
	reply(id, "9.0.0.10.in-addr.arpa")
	c.wants("the answer", "[dns] PTR 9.0.0.10.in-addr.arpa: NXDOMAIN")
	if c.Attr("done") != 1 || c.Attr("stray") != 2 {
		t.Errorf("%d stray", c.Attr("stray"))
	}
	if _, err := c.command("ask", "AAAA", "www"); err != nil {
		t.Fatal(err)
	}
	c.wants("one more, at once", "me > ben udp 10.0.0.1:40053 > 10.0.0.5:53…")
	for args, want := range map[string]string{
		"ask":          `unknown command ["ask"]: want ask QUESTION, rules or endpoint`,
		"tell x":       `unknown command ["tell" "x"]: want ask QUESTION, rules or endpoint`,
		"ask MX x":     `ask: "MX x": type "MX": want A, AAAA or PTR`,
		"ask A x y":    `ask: "A x y": want a name, or a type and a name`,
		"ask PTR a..b": `ask: "PTR a..b": name "a..b": a label is empty`,
	} {
		if _, err := c.command(strings.Fields(args)...); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
	if c.Attr("done") != 0 || c.Attr("given_up") != 1 || c.Attr("timeouts") != 2 {
		t.Error("counters")
	}
}

func (c *talker) command(args ...string) (string, error) {
	return c.P.(*switchyard.Endpoint).Command(c.Cell, args)
}

func TestSnifferSeesAll(t *testing.T) {
	p, err := NewSniffer(SnifferConfig{Lines: 3})
	c := begin(t, p, err)
	c.wants("it says nothing")
	ask := dns.Ask(7, "www", dns.TypeA)
	b, _ := ask.Append(nil)
	c.from(40053, eth.Host{MAC: ben, IP: there.IP, Port: dns.Port}, b)
	c.hear(func(p *eth.Packet) { p.Ask(ann, annIP, there.IP) })
	c.bytes([]byte("0123456789abcd"))
	c.bytes([]byte("0123456789abcd"))
	c.wants("but writes all down, as far as it was told to", "ann > ben udp 10.0.0.1:40053 > 10.0.0.2:53, 21 bytes: dns question 7 A www",
		"ann > all arp request: who has 10.0.0.2, tell 10.0.0.1", "36:37:38:39:61:62 > 30:31:32:33:34:35 0x6364, 0 bytes")
	c.attrs(t, map[string]int64{"frames": 4, "udp": 1, "arp": 1, "other": 2})
	if s := Line(nil); s != "bad ethernet: destination at byte 0: 0 bytes, want at least 6" {
		t.Error(s)
	}
}

func TestRecordsOfTables(t *testing.T) {
	r, err := parseRecord("WWW.Yard=10.0.0.9", 60)
	if err != nil || r.String() != "A www.yard 10.0.0.9" || r.Addr != netip.MustParseAddr("10.0.0.9") {
		t.Errorf("%s, %v", r, err)
	}
	for _, s := range []string{"www", "www=", "=10.0.0.9", "w..w=10.0.0.9", "www=fe80::1%eth0", "www=::ffff:10.0.0.9"} {
		if r, err := parseRecord(s, 60); err == nil && s != "=10.0.0.9" {
			t.Errorf("%s is %s", s, r)
		}
	}
}

// TestDNSSpellsAndComplains: a reply has the letters of its question, and what is
// no question that can be read is told so, if it has a header.
func TestDNSSpellsAndComplains(t *testing.T) {
	p, err := NewDNS(DNSConfig{IP: "10.0.0.2", Table: []string{"www=10.0.0.9"}, TTL: time.Minute, Within: time.Second})
	c := begin(t, p, err)
	ask := dns.Ask(7, "www", dns.TypeA)
	b, err := ask.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	copy(b[13:], "WwW")
	to := eth.Host{MAC: me, IP: eth.IP{10, 0, 0, 2}, Port: dns.Port}
	c.Take()
	said := func() string { return strings.Join(c.Take(), "\n") }
	c.from(40053, to, b)
	if got := said(); !strings.Contains(got, hex.EncodeToString([]byte("\x03WwW\x00"))) {
		t.Errorf("answered %s", got)
	}
	b[5] = 2 // two questions
	c.from(40053, to, b)
	if got := said(); !strings.Contains(got, "000781010000000000000000") {
		t.Errorf("two questions: %s", got)
	}
	b[2] |= 0x80 // a reply
	c.from(40053, to, b)
	c.from(40053, to, b[:11])
	if got := said(); strings.Contains(got, "send") {
		t.Errorf("no question: %s", got)
	}
	c.attrs(t, map[string]int64{"bad_messages": 3, "questions": 1})
}
