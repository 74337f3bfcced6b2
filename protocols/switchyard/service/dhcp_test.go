package service

import (
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/eth/dhcp"
)

func dhcpConfig() DHCPConfig {
	return DHCPConfig{IP: "10.0.0.4", Pool: "10.0.0.100-10.0.0.101", Lease: time.Minute, Hold: 10 * time.Second, Mask: "255.255.255.0", DNS: "10.0.0.5"}
}

func newDHCP(t *testing.T) *talker {
	t.Helper()
	p, err := NewDHCP(dhcpConfig())
	c := begin(t, p, err)
	c.heard()
	return c
}

var (
	server  = eth.IP{10, 0, 0, 4}
	hundred = eth.IP{10, 0, 0, 100}
	other   = eth.IP{10, 0, 0, 101}
)

// says is a message of a client to all.
func (c *talker) says(mac eth.MAC, typ dhcp.Type, change func(m *dhcp.Message)) {
	c.T.Helper()
	m := dhcp.Message{Op: dhcp.FromClient, ID: 7, Broadcast: true, MAC: mac, Type: typ}
	if change != nil {
		change(&m)
	}
	b, err := m.Append(nil)
	if err != nil {
		c.T.Fatal(err)
	}
	c.hear(func(p *eth.Packet) {
		p.Datagram(eth.Host{MAC: mac, IP: m.Client, Port: dhcp.ClientPort}, eth.Host{MAC: eth.Broadcast, IP: eth.BroadcastIP, Port: dhcp.ServerPort}, b)
	})
}

func takes(ip eth.IP) func(m *dhcp.Message) {
	return func(m *dhcp.Message) { m.Asked, m.Server = ip, server }
}

func reboots(ip eth.IP) func(m *dhcp.Message) { return func(m *dhcp.Message) { m.Asked = ip } }

func renews(ip eth.IP) func(m *dhcp.Message) { return func(m *dhcp.Message) { m.Client = ip } }

// wantsDHCP is wants, of messages without what a line has around them.
func (c *talker) wantsDHCP(why string, want ...string) {
	c.T.Helper()
	got := c.heard()
	for i, line := range got {
		if _, said, ok := strings.Cut(line, ": dhcp "); ok {
			line = said
		}
		got[i] = stations.Replace(line)
	}
	if !slices.Equal(got, want) {
		c.T.Fatalf("%s:\n got %q\nwant %q", why, got, want)
	}
}

func TestDHCPServerConversation(t *testing.T) {
	c := newDHCP(t)
	c.says(ann, dhcp.Discover, nil)
	c.wantsDHCP("the first address", "OFFER ann yours 10.0.0.100 server 10.0.0.4 lease 60 s")
	c.says(ben, dhcp.Discover, reboots(hundred))
	c.wantsDHCP("it is offered to ann", "OFFER ben yours 10.0.0.101 server 10.0.0.4 lease 60 s")
	c.says(ann, dhcp.Request, takes(hundred))
	c.wantsDHCP("she takes it", "leased address=167772260 mac=2556998713346", "ACK ann yours 10.0.0.100 server 10.0.0.4 lease 60 s", "[dhcp] ann has 10.0.0.100 for 1m0s")
	c.says(ben, dhcp.Request, takes(hundred))
	c.wantsDHCP("ben may not", `NAK ben server 10.0.0.4 "no offer of that address is open"`)
	c.says(ben, dhcp.Request, func(m *dhcp.Message) { m.Asked, m.Server = other, eth.IP{10, 0, 0, 5} })
	c.wantsDHCP("ben takes another server's offer")
	c.attrs(t, map[string]int64{"leased": 1, "offered": 0, "free": 1, "acks": 1, "naks": 1})
	c.Time += at(30 * time.Second)
	c.says(ann, dhcp.Request, renews(hundred))
	c.wantsDHCP("she keeps it", "leased address=167772260 mac=2556998713346", "ACK ann has 10.0.0.100 yours 10.0.0.100 server 10.0.0.4 lease 60 s", "[dhcp] ann has 10.0.0.100 for 1m0s")
	c.says(ben, dhcp.Request, renews(hundred))
	c.says(ben, dhcp.Request, reboots(hundred))
	c.says(ben, dhcp.Request, reboots(eth.IP{192, 168, 0, 1}))
	c.wantsDHCP("others' addresses", `NAK ben server 10.0.0.4 "that address is not yours"`, `NAK ben server 10.0.0.4 "that address is not yours"`, `NAK ben server 10.0.0.4 "that address is not yours"`)
	fifty := eth.IP{10, 0, 0, 50}
	c.says(ben, dhcp.Request, reboots(fifty))
	c.says(ben, dhcp.Request, renews(fifty))
	c.wantsDHCP("of this network, and perhaps leased by another server, which is asked too: silence")
	b, err := (&dhcp.Message{Op: dhcp.FromClient, ID: 7, MAC: ben, Type: dhcp.Request, Client: fifty}).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	c.hear(func(p *eth.Packet) {
		p.Datagram(eth.Host{MAC: ben, IP: fifty, Port: dhcp.ClientPort}, eth.Host{MAC: me, IP: server, Port: dhcp.ServerPort}, b)
	})
	c.wantsDHCP("asked alone, it can say", `NAK ben server 10.0.0.4 "that address is not yours"`)
	c.says(ann, dhcp.Request, reboots(hundred))
	c.wantsDHCP("she asks after a restart", "leased address=167772260 mac=2556998713346", "ACK ann yours 10.0.0.100 server 10.0.0.4 lease 60 s", "[dhcp] ann has 10.0.0.100 for 1m0s")
	c.says(eth.MAC{2, 9}, dhcp.Request, reboots(other))
	c.wantsDHCP("nothing is known of that one, and it is free: silence")
	c.says(ann, dhcp.Inform, renews(hundred))
	c.wantsDHCP("the rest without a lease", "ACK ann server 10.0.0.4")
	if d := c.wait(timerLease); d != time.Minute {
		t.Errorf("a lease is over after %s", d)
	}
	c.wantsDHCP("nobody kept it", "freed address=167772260 mac=2556998713346", "[dhcp] the lease of ann on 10.0.0.100 is over")
	c.says(ann, dhcp.Discover, nil)
	c.wantsDHCP("the same address again", "OFFER ann yours 10.0.0.100 server 10.0.0.4 lease 60 s")
}

func TestDHCPServerRunsOutAndTakesBack(t *testing.T) {
	c := newDHCP(t)
	c.says(ann, dhcp.Discover, nil)
	c.says(ann, dhcp.Request, takes(hundred))
	c.says(ben, dhcp.Discover, nil)
	c.heard()
	third := eth.MAC{2, 0x53, 0x59, 0, 0, 9}
	c.says(third, dhcp.Discover, nil)
	c.wantsDHCP("all are leased or offered", "starving mac=2556998713353", "[dhcp] no address is left for 02:53:59:00:00:09")
	if d := c.wait(timerLease); d != 10*time.Second {
		t.Errorf("an offer is kept for %s", d)
	}
	c.wantsDHCP("an offer that ends is no lease that ends")
	c.says(third, dhcp.Discover, nil)
	c.wantsDHCP("the offer is free", "OFFER 02:53:59:00:00:09 yours 10.0.0.101 server 10.0.0.4 lease 60 s")
	c.says(ann, dhcp.Release, renews(other))
	c.says(ben, dhcp.Release, renews(hundred))
	c.wantsDHCP("nobody gives back what is not his")
	c.says(ann, dhcp.Release, renews(hundred))
	c.wantsDHCP("she gives it back", "freed address=167772260 mac=2556998713346")
	c.says(ben, dhcp.Discover, nil)
	c.wantsDHCP("for ben", "OFFER ben yours 10.0.0.100 server 10.0.0.4 lease 60 s")
	c.says(ben, dhcp.Request, takes(hundred))
	c.heard()
	c.says(ben, dhcp.Decline, takes(hundred))
	c.wantsDHCP("somebody uses it", "freed address=167772260 mac=2556998713347")
	c.says(ann, dhcp.Discover, reboots(hundred))
	c.wantsDHCP("nobody gets it", "starving mac=2556998713346", "[dhcp] no address is left for ann")
	c.attrs(t, map[string]int64{"starved": 2, "released": 1, "declined": 1, "free": 0})
	c.hear(func(p *eth.Packet) {
		p.Datagram(eth.Host{MAC: ann, Port: 68}, eth.Host{MAC: eth.Broadcast, IP: eth.BroadcastIP, Port: 67}, []byte("no message"))
	})
	c.says(ann, dhcp.Discover, func(m *dhcp.Message) { m.MAC = eth.Broadcast })
	if c.Attr("bad_messages") != 2 {
		t.Errorf("%d bad messages", c.Attr("bad_messages"))
	}
}

// hears is a message of a server to the client.
func (c *talker) hears(typ dhcp.Type, change func(m *dhcp.Message)) {
	c.T.Helper()
	c.listen()
	m := dhcp.Message{Op: dhcp.FromServer, ID: c.id, MAC: me, Type: typ, Server: server, Yours: hundred, Lease: 600, Renew: 300, Rebind: 525}
	if change != nil {
		change(&m)
	}
	b, err := m.Append(nil)
	if err != nil {
		c.T.Fatal(err)
	}
	c.hear(func(p *eth.Packet) {
		p.Datagram(eth.Host{MAC: ben, IP: server, Port: 67}, eth.Host{MAC: eth.Broadcast, IP: eth.BroadcastIP, Port: 68}, b)
	})
}

func TestDHCPClientConversation(t *testing.T) {
	p, err := NewDHCPClient(DHCPClientConfig{Renew: true, Asks: "10.0.0.100"})
	c := begin(t, p, err)
	c.wantsDHCP("no address, no announcement")
	c.wait(timerDHCP)
	c.wantsDHCP("it asks", "DISCOVER me asks 10.0.0.100")
	if d := c.wait(timerDHCP); d < 3*time.Second || d > 5*time.Second {
		t.Errorf("asks again after %s", d)
	}
	c.wantsDHCP("again", "DISCOVER me asks 10.0.0.100")
	asking := c.secs
	if asking < 3 || asking > 5 {
		t.Errorf("asks for %d s", asking)
	}
	c.Time += at(2 * time.Second)
	c.hears(dhcp.Offer, func(m *dhcp.Message) { m.ID++ })
	c.hears(dhcp.Offer, func(m *dhcp.Message) { m.MAC = ann })
	c.hears(dhcp.Ack, nil)
	c.wantsDHCP("for others, and too early")
	c.hears(dhcp.Offer, nil)
	c.wantsDHCP("an offer is taken", "REQUEST me asks 10.0.0.100 server 10.0.0.4")
	if c.secs != asking {
		t.Errorf("the REQUEST says %d s, its DISCOVER %d s", c.secs, asking)
	}
	c.Time += at(time.Second)
	c.hears(dhcp.Ack, nil)
	c.wantsDHCP("bound from the request on", "bound address=167772260 span=599000000000", "[dhcp] bound to 10.0.0.100 for 10m0s", "me > all arp request: 10.0.0.100 is at me")
	if d := c.wait(timerDHCP); d != 299*time.Second {
		t.Errorf("T1 after %s", d)
	}
	c.wants("renewing with its server", "me > ben udp 10.0.0.100:68 > 10.0.0.4:67…")
	if c.secs != 0 {
		t.Errorf("a renewal that begins says %d s", c.secs)
	}
	c.hears(dhcp.Ack, nil)
	c.wantsDHCP("kept", "bound address=167772260 span=600000000000", "[dhcp] keeps 10.0.0.100 for 10m0s")
	c.wait(timerDHCP)
	c.heard()
	c.wait(timerT2)
	c.wants("rebinding with any server", "me > all udp 10.0.0.100:68 > 255.255.255.255:67…")
	if d := c.wait(timerExpiry); d != 75*time.Second || c.Attr("bound") != 0 {
		t.Errorf("%s after T2 bound is %d", d, c.Attr("bound"))
	}
	c.wantsDHCP("over", "unbound address=167772260 why=1", "[dhcp] 10.0.0.100 is over")
	c.wait(timerDHCP)
	c.wantsDHCP("and from the beginning", "DISCOVER me asks 10.0.0.100")
	c.attrs(t, map[string]int64{"binds": 1, "renewals": 1, "expiries": 1, "stray": 3})
}

func TestDHCPClientIsRefusedAndGivesBack(t *testing.T) {
	p, err := NewDHCPClient(DHCPClientConfig{Renew: true, Keep: 20 * time.Second, Again: 5 * time.Second})
	c := begin(t, p, err)
	c.wait(timerDHCP)
	c.hears(dhcp.Offer, nil)
	c.heard()
	c.hears(dhcp.Nak, func(m *dhcp.Message) { m.Yours, m.Text = eth.IP{}, "no" })
	c.wantsDHCP("refused", `[dhcp] refused: "no"`)
	c.wait(timerDHCP)
	c.wantsDHCP("and from the beginning", "DISCOVER me")
	c.hears(dhcp.Offer, nil)
	c.heard()
	for range requestsMax - 1 {
		c.wait(timerDHCP)
		c.wantsDHCP("the server is silent", "REQUEST me asks 10.0.0.100 server 10.0.0.4")
	}
	c.wait(timerDHCP)
	c.wantsDHCP("given up")
	c.wait(timerDHCP)
	c.hears(dhcp.Offer, nil)
	c.hears(dhcp.Ack, nil)
	c.heard()
	if d := c.wait(timerKeep); d != 20*time.Second {
		t.Errorf("kept for %s", d)
	}
	c.wantsDHCP("given back", "RELEASE me has 10.0.0.100 server 10.0.0.4", "unbound address=167772260 why=0", "[dhcp] 10.0.0.100 is over")
	if d := c.wait(timerKeep); d != 5*time.Second {
		t.Errorf("asks again after %s", d)
	}
	c.wait(timerDHCP)
	c.wantsDHCP("again", "DISCOVER me asks 10.0.0.100")
}

func TestPools(t *testing.T) {
	p, err := parsePool("10.0.0.255-10.0.1.2")
	if err != nil || len(p.leases) != 4 || p.ip(1) != (eth.IP{10, 0, 1, 0}) || p.index(eth.IP{10, 0, 1, 2}) != 3 || p.index(eth.IP{10, 0, 1, 3}) != -1 {
		t.Errorf("%v, %v", p, err)
	}
	if p, err := parsePool("10.0.0.1"); err != nil || len(p.leases) != 1 {
		t.Errorf("%v, %v", p, err)
	}
	for d, want := range map[time.Duration]uint32{1: 1, time.Second: 1, time.Second + 1: 2, 1<<63 - 1: 0xffffffff} {
		if got := seconds(d); got != want {
			t.Errorf("%s is %d s, want %d", d, got, want)
		}
	}
}
