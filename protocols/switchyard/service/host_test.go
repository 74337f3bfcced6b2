package service

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"example.com/dsim/des"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/switchyard"
)

func echoConfig() EchoConfig { return EchoConfig{IP: "10.0.0.2", Port: 7007} }

func pingConfig() PingConfig {
	return PingConfig{
		IP: "10.0.0.1", Port: 12345, To: "svc_echo", ToIP: "10.0.0.2", ToPort: 7007, Resolve: ByARP, Message: "marco polo",
		Messages: 1, Every: time.Second, Timeout: 3 * time.Second, Retry: 200 * time.Millisecond,
	}
}

const announcement = "me > all arp request: 10.0.0.2 is at me"

func TestEchoConversation(t *testing.T) {
	p, err := NewEcho(echoConfig())
	c := begin(t, p, err)
	c.wants("a host says who it is", announcement)
	here := eth.Host{MAC: me, IP: eth.IP{10, 0, 0, 2}, Port: 7007}
	c.from(12345, here, []byte("marco polo"))
	c.wants("the echo", `me > ann udp 10.0.0.2:7007 > 10.0.0.1:12345, 10 bytes "marco polo"`)
	for what, to := range map[string]eth.Host{
		"another port":           {MAC: me, IP: here.IP, Port: 7008},
		"another IP":             {MAC: me, IP: eth.IP{10, 0, 0, 9}, Port: 7007},
		"another's MAC, flooded": {MAC: ben, IP: here.IP, Port: 7007},
		"a group's MAC":          {MAC: eth.MAC{1, 0, 0x5e}, IP: here.IP, Port: 7007},
		"all hosts":              {MAC: eth.Broadcast, IP: eth.BroadcastIP, Port: 7007},
	} {
		c.from(12345, to, []byte("x"))
		c.wants("not for the service: " + what)
	}
	c.hear(func(p *eth.Packet) { p.Ask(ann, annIP, here.IP) })
	c.wants("a question", "me > ann arp reply: 10.0.0.2 is at me")
	c.hear(func(p *eth.Packet) { p.Ask(ann, annIP, eth.IP{10, 0, 0, 9}) })
	c.hear(func(p *eth.Packet) { p.Announce(ann, here.IP) })
	c.hear(func(p *eth.Packet) { p.Ask(me, annIP, here.IP) })
	c.wants("others' questions, one who says he has the address, and an own frame that came back")
	c.hear(func(p *eth.Packet) {
		p.Ask(ann, annIP, eth.IP{})
		p.Destination, p.ARP.Operation, p.ARP.TargetMAC = me, eth.InverseRequest, me
	})
	c.wants("which address has this MAC?", "me > ann arp inverse-reply: 10.0.0.2 is at me")
	c.hear(func(p *eth.Packet) { p.Echo(eth.Host{MAC: ann, IP: annIP}, here, 7, 1, []byte("abc")) })
	c.wants("every host answers echo requests", `me > ann icmp 10.0.0.2 > 10.0.0.1 echo-reply id 7 sequence 1, 3 bytes "abc"`)
	c.hear(func(p *eth.Packet) {
		p.Echo(eth.Host{MAC: ann, IP: annIP}, eth.Host{MAC: eth.Broadcast, IP: eth.BroadcastIP}, 7, 2, nil)
	})
	c.wants("but not those to all")
	for _, from := range []eth.Host{
		{MAC: eth.Broadcast, IP: annIP}, {MAC: eth.MAC{1, 0, 0x5e}, IP: annIP}, {IP: annIP}, // no station's
		{MAC: ann}, {MAC: ann, IP: eth.BroadcastIP}, {MAC: ann, IP: eth.IP{224, 0, 0, 1}}, {MAC: ann, IP: eth.IP{127, 0, 0, 1}}, {MAC: ann, IP: eth.IP{0, 0, 0, 1}},
	} {
		from.Port = 12345
		c.hear(func(p *eth.Packet) { p.Datagram(from, here, []byte("x")) })
		c.hear(func(p *eth.Packet) { p.Echo(from, here, 7, 3, nil) })
	}
	c.hear(func(p *eth.Packet) { p.Ask(ann, annIP, here.IP); p.ARP.SenderMAC = eth.Broadcast })
	c.wants("who cannot be answered is not")
	c.hear(func(p *eth.Packet) { p.Ask(ann, annIP, here.IP); p.ARP.SenderMAC = ben })
	c.wants("who asks is who the question says, RFC 826", "me > ben arp reply: 10.0.0.2 is at me")
	c.attrs(t, map[string]int64{"echoed": 1, "arp_answered": 3, "pings_answered": 1, "malformed": 0, "other_packets": 18})
}

func TestDamagedFramesAreCountedInSilence(t *testing.T) {
	p, err := NewEcho(echoConfig())
	c := begin(t, p, err)
	c.heard()
	var q eth.Packet
	q.Datagram(eth.Host{MAC: ann, IP: annIP, Port: 1}, eth.Host{MAC: me, IP: eth.IP{10, 0, 0, 2}, Port: 7007}, []byte("marco polo"))
	whole, err := q.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := eth.HeaderSize; n < len(whole); n++ {
		c.bytes(whole[:n])
	}
	whole[20] = 0x20 // more fragments follow; and the checksum
	binary.BigEndian.PutUint16(whole[24:], binary.BigEndian.Uint16(whole[24:])-0x2000)
	c.bytes(whole)
	c.bytes(append(append(append([]byte{}, me[:]...), ann[:]...), 0x88, 0xcc))
	c.wants("nothing is said")
	c.attrs(t, map[string]int64{"malformed": int64(len(whole) - eth.HeaderSize), "fragments": 1, "other_packets": 1, "echoed": 0})
}

func TestSilentHostSaysOnlyWhatItsServiceDoes(t *testing.T) {
	config := echoConfig()
	config.Silent = true
	p, err := NewEcho(config)
	c := begin(t, p, err)
	here := eth.Host{MAC: me, IP: eth.IP{10, 0, 0, 2}, Port: 7007}
	c.hear(func(p *eth.Packet) { p.Ask(ann, annIP, here.IP) })
	c.hear(func(p *eth.Packet) { p.Echo(eth.Host{MAC: ann, IP: annIP}, here, 7, 1, nil) })
	c.wants("no announcement, no ARP, no ICMP")
	c.from(1, here, []byte("hi"))
	c.wants("but echoes", `me > ann udp 10.0.0.2:7007 > 10.0.0.1:1, 2 bytes "hi"`)
}

const (
	lookUp   = `ENDPOINT_LOOKUP {"name":"svc_echo"}`
	ownHello = "me > all arp request: 10.0.0.1 is at me"
	whoHas   = "me > all arp request: who has 10.0.0.2, tell 10.0.0.1"
	outgoing = `me > ben udp 10.0.0.1:12345 > 10.0.0.2:7007, 10 bytes "marco polo"`
)

// there is the service's host.
var there = eth.Host{MAC: ben, IP: eth.IP{10, 0, 0, 2}, Port: 7007}

// isAt is its answer to a question.
func (c *talker) isAt() {
	c.hear(func(p *eth.Packet) { p.Ask(me, annIP, there.IP); p.Reply(ben) })
}

func (c *talker) pong(payload string) {
	c.hear(func(p *eth.Packet) { p.Datagram(there, eth.Host{MAC: me, IP: annIP, Port: 12345}, []byte(payload)) })
}

func TestPingConversation(t *testing.T) {
	p, err := NewPing(pingConfig())
	c := begin(t, p, err)
	c.wants("the service is looked up", ownHello, lookUp)
	c.missing("svc_echo")
	c.wants("it is not there yet")
	c.Fire(switchyard.TimersMax + 2)
	c.wants("again", lookUp)
	c.found("svc_echo", ben)
	c.wants("its MAC is asked for, although the look-up told it", whoHas)
	c.wait(timerARP)
	c.wants("again", whoHas)
	c.isAt()
	c.wants("the message", "asked message=1 sum=…", outgoing, "[cli] sent 10 bytes: b'marco polo'")
	c.hear(func(p *eth.Packet) {
		p.Datagram(eth.Host{MAC: ann, IP: eth.IP{10, 0, 0, 3}, Port: 7007}, eth.Host{MAC: me, IP: annIP, Port: 12345}, []byte("no"))
	})
	c.wants("somebody else")
	if d := c.wait(timerReply); d != 3*time.Second {
		t.Errorf("waited %s for a reply", d)
	}
	c.wants("no reply: all from the beginning", "[cli] no reply in 3s", lookUp)
	c.found("svc_echo", ben)
	c.wants("what was known is forgotten", whoHas)
	c.isAt()
	c.wants("the message again", "asked message=1 sum=…", outgoing, "[cli] sent 10 bytes: b'marco polo'")
	c.pong("marco polo")
	c.wants("the reply", "answered message=1 sum=…", "[cli] got reply from 10.0.0.2:7007: b'marco polo'")
	c.pong("marco polo")
	c.wants("a duplicate")
	c.attrs(t, map[string]int64{"done": 1, "asked": 2, "answered": 1, "timeouts": 1})
}

func TestPingByLookupOverABreak(t *testing.T) {
	config := pingConfig()
	config.Resolve, config.Messages = ByLookup, 2
	p, err := NewPing(config)
	c := begin(t, p, err)
	c.found("svc_echo", ben)
	c.wants("no ARP", ownHello, lookUp, "asked message=1 sum=…", `me > ben udp 10.0.0.1:12345 > 10.0.0.2:7007, 12 bytes "marco polo 1"`, "[cli] sent 12 bytes: b'marco polo 1'")
	c.Down(c.port, errors.New("broken"))
	if _, armed := c.Timers[timerReply]; armed {
		t.Error("waits for a reply without a connection")
	}
	c.Fire(switchyard.TimersMax)
	c.port = 2
	c.Up(2)
	c.message(switchyard.TypeWelcome, `{}`)
	c.message(switchyard.TypeEndpointInfo, `{"endpoint_id": 1, "name": "me", "mac": "02:53:59:00:00:01"}`)
	c.Take()
	c.message(switchyard.TypeSubscribed, "{}")
	c.found("svc_echo", ben)
	c.wants("all again", ownHello, lookUp, "asked message=1 sum=…", `me > ben udp 10.0.0.1:12345 > 10.0.0.2:7007, 12 bytes "marco polo 1"`, "[cli] sent 12 bytes: b'marco polo 1'")
	c.pong("marco polo 1")
	c.wants("the reply", "answered message=1 sum=…", "[cli] got reply from 10.0.0.2:7007: b'marco polo 1'")
	c.wait(timerNext)
	c.wants("the next", "asked message=2 sum=…", `me > ben udp 10.0.0.1:12345 > 10.0.0.2:7007, 12 bytes "marco polo 2"`, "[cli] sent 12 bytes: b'marco polo 2'")
}

func TestPingGivesUpARP(t *testing.T) {
	p, err := NewPing(pingConfig())
	c := begin(t, p, err)
	c.found("svc_echo", ben)
	c.wait(timerARP)
	c.wait(timerARP)
	c.heard()
	c.wait(timerARP)
	c.wants("three questions, no answer", "[cli] no ARP reply from 10.0.0.2")
	if c.Time != at(3*time.Second) || c.Attr("neighbours") != 0 {
		t.Errorf("at %s, %d neighbours", c.Time, c.Attr("neighbours"))
	}
	c.wait(timerSeek)
	c.wants("and from the beginning", lookUp)
}

func TestARPConversation(t *testing.T) {
	p, err := NewARP(ARPConfig{Table: []string{"10.0.0.8=02:53:59:00:00:03", "10.0.0.9=mute"}})
	c := begin(t, p, err)
	c.wants("endpoints of the table are looked up", `ENDPOINT_LOOKUP {"name":"mute"}`)
	ask := func(ip byte, by eth.MAC) {
		c.hear(func(p *eth.Packet) { p.Ask(by, annIP, eth.IP{10, 0, 0, ip}) })
	}
	ask(8, ann)
	c.wants("whose MAC stands there", "me > ann arp reply: 10.0.0.8 is at ben", "[arp] told 10.0.0.1 that 10.0.0.8 is at ben")
	ask(9, ann)
	ask(7, ann)
	ask(8, ben)
	c.hear(func(p *eth.Packet) { p.Announce(ann, eth.IP{10, 0, 0, 8}) })
	c.wants("not known yet, not in the table, asks for himself, says it of himself")
	c.found("mute", ben)
	ask(9, ann)
	c.wants("found", "me > ann arp reply: 10.0.0.9 is at ben", "[arp] told 10.0.0.1 that 10.0.0.9 is at ben")
	c.attrs(t, map[string]int64{"table": 2, "known": 2, "answered": 2})
}

func TestICMPConversation(t *testing.T) {
	p, err := NewICMP(ICMPConfig{IP: "10.0.0.1", ToIP: "10.0.0.2", Resolve: ByARP, Requests: 2, Size: 3, Every: time.Second, Retry: time.Second})
	c := begin(t, p, err)
	c.wants("the other is sought", ownHello, whoHas)
	c.isAt()
	c.wants("a request", "me > ben icmp 10.0.0.1 > 10.0.0.2 echo-request …")
	c.Time += at(2 * time.Millisecond)
	r := des.SeedOf(1).Rand("me", 0, "icmp")
	id := uint16(r.N(0x10000))
	answer := func(sequence uint16, payload string) {
		c.hear(func(p *eth.Packet) {
			p.Echo(eth.Host{MAC: me, IP: annIP}, there, id, sequence, []byte(payload))
			p.Reply(ben)
		})
	}
	answer(1, "abc")
	c.wants("the answer", "[icmp] 11 bytes from 10.0.0.2: sequence 1, 2ms")
	answer(2, "abc")
	answer(1, "abd")
	c.wants("none that was asked for")
	c.wait(timerNext)
	c.wants("the next", "me > ben icmp 10.0.0.1 > 10.0.0.2 echo-request …")
	c.wait(timerNext)
	c.wants("and no more", "[icmp] sequence 2: no answer in 1s", "[icmp] 2 requests, 1 answered")
	c.attrs(t, map[string]int64{"asked": 2, "answered": 1, "stray": 2, "done": 1, "given_up": 0})
	answer(2, "abc")
	c.wants("late", "[icmp] 11 bytes from 10.0.0.2: sequence 2, 1s")
	c.attrs(t, map[string]int64{"answered": 1, "unawaited": 1})
}

func TestQuoted(t *testing.T) {
	for in, want := range map[string]string{
		"marco polo": `b'marco polo'`, "it's": `b"it's"`, `"it's"`: `b'"it\'s"'`, "a\n\r\t\\\x00\xff": `b'a\n\r\t\\\x00\xff'`, "": `b''`,
	} {
		if got := quoted([]byte(in)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
