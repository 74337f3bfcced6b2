package service

import (
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// told is an emission at a time.
type told struct {
	at   time.Duration
	cell cells.ID
	kind cells.Kind
	a, b int64
}

// verdict is the first error of an oracle that is told all.
func verdict(t *testing.T, o cells.Oracle, all ...[]told) string {
	t.Helper()
	for _, list := range all {
		for _, m := range list {
			err := o.Observe(des.Key{Time: clock.Time(m.at)}, cells.Emission{Cell: m.cell, Kind: m.kind, A: m.a, B: m.b})
			if err != nil {
				return err.Error()
			}
		}
	}
	if err := o.Finish(); err != nil {
		return err.Error()
	}
	return ""
}

func TestEchoOracle(t *testing.T) {
	asked := []told{{0, "ann", KindAsked, 1, 5}}
	for want, then := range map[string][]told{
		"": {{1, "ann", KindAnswered, 1, 5}},
		"ann: the reply to message 1 is not what it sent":       {{1, "ann", KindAnswered, 1, 6}},
		"ann: a reply to message 2, which it did not send last": {{1, "ann", KindAnswered, 2, 5}},
		"ben: a reply to message 1, which it did not send last": {{1, "ben", KindAnswered, 1, 5}},
	} {
		if got := verdict(t, NewEchoOracle(), asked, then); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestLeaseOracle(t *testing.T) {
	const a, annMAC, benMAC = 0x0a000064, 0x025359000002, 0x025359000003
	pool := []told{{0, "srv", KindPool, a, a + 1}}
	leased := append(pool, told{1, "srv", KindLeased, a, annMAC}, told{1, "ann", KindBound, a, int64(time.Minute)})
	later := []told{{2 * time.Minute, "srv", KindFreed, a, annMAC}, {2 * time.Minute, "srv", KindLeased, a, benMAC}, {2 * time.Minute, "ben", KindBound, a, int64(time.Minute)}}
	for _, c := range []struct {
		want  string
		first []told
		then  []told
	}{
		{"", leased, []told{{2, "srv", KindLeased, a, annMAC}, {3, "ann", KindBound, a, 9}}},
		{"", leased, []told{{2, "ann", KindUnbound, a, 0}, {3, "srv", KindFreed, a, annMAC}, {4, "srv", KindLeased, a, benMAC}, {4, "ben", KindBound, a, 9}}},
		{"", leased, []told{{2 * time.Minute, "srv", KindFreed, a, annMAC}, {2 * time.Minute, "srv", KindLeased, a, benMAC}, {2 * time.Minute, "ben", KindBound, a, 9}}},
		{"", leased, []told{{2, "two", KindPool, a + 2, a + 9}, {2, "two", KindLeased, a + 2, annMAC}, {3, "ben", KindBound, a + 9, 9}}},
		// ann stood still when its lease ended, and says so when it goes on: once.
		{"", leased, append(later, told{4 * time.Minute, "ann", KindUnbound, a, 1})},
		{"ann gives up 10.0.0.100, which it does not have", leased, append(later, told{4 * time.Minute, "ann", KindUnbound, a, 1}, told{4 * time.Minute, "ann", KindUnbound, a, 1})},
		{"ann is bound to 10.0.0.100, which ben has until 3m0s", leased, append(later, told{2*time.Minute + 1, "ann", KindBound, a, 9})},
		{"srv gives 10.0.0.100 to 02:53:59:00:00:03, but 02:53:59:00:00:02 has it", leased, []told{{2, "srv", KindLeased, a, benMAC}}},
		{"srv takes 10.0.0.100 back from 02:53:59:00:00:03, which does not have it", leased, []told{{2, "srv", KindFreed, a, benMAC}}},
		{"srv takes 10.0.0.101 back from 02:53:59:00:00:03, which does not have it", leased, []told{{2, "srv", KindFreed, a + 1, benMAC}}},
		{"ann is bound to 10.0.0.102, which is in no pool", pool, []told{{2, "ann", KindBound, a + 2, 9}}},
		{"ann is bound to 10.0.0.100, which is in no pool", nil, []told{{2, "ann", KindBound, a, 9}}},
		{"ben is bound to 10.0.0.100, which ann has until 1m0.000000001s", leased, []told{{59 * time.Second, "ben", KindBound, a, 9}}},
		{"ben gives up 10.0.0.100, which it does not have", leased, []told{{2, "ben", KindUnbound, a, 0}}},
		// A server that has forgotten all may give it again, but ann is still bound.
		{"ben is bound to 10.0.0.100, which ann has until 1m0.000000001s", leased, []told{{2, "srv", KindPool, a, a + 1}, {3, "srv", KindLeased, a, benMAC}, {4, "ben", KindBound, a, 9}}},
	} {
		if got := verdict(t, NewLeaseOracle(), c.first, c.then); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestOffsetOracle(t *testing.T) {
	const ms = time.Millisecond
	h := int64(time.Hour)
	// A client whose clock is right asks a server that is an hour ahead: 4 ms
	// there, 6 ms back.
	asked := []told{{0, "ann", KindTimeAsked, 7, 0}}
	served := append(asked, told{4 * ms, "srv", KindTimeServed, 7, h + int64(4*ms)})
	sample := func(cell cells.ID, request, offset, wall int64) []told {
		return []told{{10 * ms, cell, KindTimeSample, request, offset}, {10 * ms, cell, KindTimeGot, 0, wall}}
	}
	for _, c := range []struct {
		want        string
		first, then []told
	}{
		{"", served, sample("ann", 7, h-int64(ms), int64(10*ms))},
		{"", served, sample("ann", 7, h+int64(10*ms), int64(10*ms))},
		{"its clock is 1h0m0s behind the server's, and it found 1h0m0.010000011s: the round trip took 10ms", served, sample("ann", 7, h+int64(10*ms)+11, int64(10*ms))},
		{"its clock is 1h0m0s behind the server's, and it found 59m59.98s: the round trip took 10ms", served, sample("ann", 7, h-int64(20*ms), int64(10*ms))},
		{"a sample of a request that it did not send last", served, sample("ann", 8, h, int64(10*ms))},
		{"a sample of a request that it did not send last", served, sample("ben", 7, h, int64(10*ms))},
		{"a sample that no server has served", asked, sample("ann", 7, h, int64(10*ms))},
		{"", served, sample("ann", 7, 0, h)}, // stepped by an hour in between
	} {
		got := verdict(t, NewOffsetOracle(), c.first, c.then)
		if _, text, ok := strings.Cut(got, ": "); ok {
			got = text
		}
		if got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestConfigsAreChecked(t *testing.T) {
	ping := func(change func(c *PingConfig)) error {
		c := pingConfig()
		change(&c)
		_, err := NewPing(c)
		return err
	}
	lease := func(change func(c *DHCPConfig)) error {
		c := dhcpConfig()
		change(&c)
		_, err := NewDHCP(c)
		return err
	}
	_, badEcho := NewEcho(EchoConfig{IP: "10.0.0.2", Port: 7, Bug: "x"})
	_, badARP := NewARP(ARPConfig{Table: []string{"10.0.0.9"}})
	_, twice := NewARP(ARPConfig{Table: []string{"10.0.0.9=a", "10.0.0.9=b"}})
	_, badMAC := NewARP(ARPConfig{Table: []string{"10.0.0.9=02:53"}})
	_, badICMP := NewICMP(ICMPConfig{ToIP: "10.0.0.2", Resolve: ByARP, Requests: -1, Every: 1, Retry: 1})
	_, badNTP := NewNTP(NTPConfig{Bug: "x"})
	_, badClient := NewDHCPClient(DHCPClientConfig{Keep: -1})
	_, badDNS := NewDNS(DNSConfig{TTL: 1, Within: 1, Table: []string{"www=x"}})
	_, badAsk := NewDNSClient(DNSClientConfig{Port: 1, ToIP: "10.0.0.5", Resolve: ByARP, Every: 1, Timeout: 1, Retry: 1, Tries: 1, Ask: []string{"a b c"}})
	_, badSniffer := NewSniffer(SnifferConfig{Lines: -1})
	for _, c := range []struct {
		err  error
		want string
	}{
		{ping(func(c *PingConfig) { c.IP = "10.0.0" }), `ping: address "10.0.0": want four numbers from 0 to 255, as 10.0.0.2`},
		{ping(func(c *PingConfig) { c.MAC = "x" }), `ping: mac "x": want six bytes in hexadecimal, as 02:53:59:00:00:01`},
		{ping(func(c *PingConfig) { c.Port = 0 }), "ping: port 0: from 1 to 65535 are possible"},
		{ping(func(c *PingConfig) { c.ToPort = 65536 }), "ping: to-port 65536: from 1 to 65535 are possible"},
		{ping(func(c *PingConfig) { c.Resolve = "x" }), `ping: resolve "x": want arp or lookup`},
		{ping(func(c *PingConfig) { c.Resolve, c.To = ByLookup, "" }), "ping: to: a server that is resolved by look-up needs the name of an endpoint"},
		{ping(func(c *PingConfig) { c.Messages = 0 }), "ping: messages 0: from 1 to 1000000 are possible"},
		{ping(func(c *PingConfig) { c.Every = 0 }), "ping: every 0s: must be more than 0"},
		{ping(func(c *PingConfig) { c.Message = strings.Repeat("x", 1465) }), "ping: message of 1465 bytes: at most 1464 are possible"},
		{lease(func(c *DHCPConfig) { c.IP = "" }), "dhcp: ip: a server needs an address"},
		{lease(func(c *DHCPConfig) { c.IP = "10.0.0.100" }), "dhcp: pool 10.0.0.100-10.0.0.101: the server's own address 10.0.0.100 lies in it"},
		{lease(func(c *DHCPConfig) { c.Pool = "10.0.0.9-10.0.0.8" }), "dhcp: pool 10.0.0.9-10.0.0.8: has 0 addresses, from 1 to 4096 are possible"},
		{lease(func(c *DHCPConfig) { c.Pool = "10.0.0.0-10.0.16.0" }), "dhcp: pool 10.0.0.0-10.0.16.0: has 4097 addresses, from 1 to 4096 are possible"},
		{lease(func(c *DHCPConfig) { c.Router = "x" }), `dhcp: router: address "x": want four numbers from 0 to 255, as 10.0.0.2`},
		{lease(func(c *DHCPConfig) { c.Bug = "x" }), `dhcp: bug "x": want lease-twice or none`},
		{badEcho, `echo: bug "x": want swap-bytes or none`},
		{badARP, `arp: table: "10.0.0.9": want an address and whose it is, as 10.0.0.9=02:53:59:00:00:09`},
		{twice, "arp: table: 10.0.0.9 stands there twice"},
		{badMAC, `arp: table: mac "02:53": want six bytes in hexadecimal, as 02:53:59:00:00:01`},
		{badICMP, "icmp: requests -1: from 0 to 65535 are possible"},
		{badNTP, `ntp: bug "x": want whole-seconds or none`},
		{badClient, "dhcp-client: after, keep and again: must not be negative"},
		{badDNS, `dns: table: "www=x": want a name and an address, as www=10.0.0.9`},
		{badAsk, `dns-client: ask: "a b c": want a name, or a type and a name`},
		{badSniffer, "sniffer: lines -1: must not be negative"},
	} {
		if c.err == nil || c.err.Error() != c.want {
			t.Errorf("%v\nwant %s", c.err, c.want)
		}
	}
}

// Any frame may come: no service panics.
func FuzzFrame(f *testing.F) {
	f.Add([]byte("0123456789abcd"), uint8(0))
	f.Add([]byte{}, uint8(1))
	f.Fuzz(func(t *testing.T, frame []byte, which uint8) {
		if len(frame) > 60_000 {
			return
		}
		makes := services()
		p, err := makes[int(which)%len(makes)]()
		c := begin(t, p, err)
		c.bytes(frame)
		// The same for the host itself, with what is checked before it is looked at.
		if len(frame) >= 6 {
			own := append(append([]byte{}, me[:]...), frame[6:]...)
			c.bytes(own)
		}
		for id := range timerARP {
			if _, armed := c.Timers[id]; armed {
				c.Fire(id)
				c.bytes(frame)
			}
			if id > timerDNS {
				break
			}
		}
		c.heard()
	})
}

// services makes one of each.
func services() []func() (cells.Protocol, error) {
	return []func() (cells.Protocol, error){
		func() (cells.Protocol, error) { return NewEcho(echoConfig()) },
		func() (cells.Protocol, error) { return NewPing(pingConfig()) },
		func() (cells.Protocol, error) {
			return NewARP(ARPConfig{Table: []string{"10.0.0.9=02:53:59:00:00:09"}})
		},
		func() (cells.Protocol, error) {
			return NewICMP(ICMPConfig{IP: "10.0.0.1", ToIP: "10.0.0.2", Resolve: ByARP, Every: 1, Retry: 1})
		},
		func() (cells.Protocol, error) { return NewNTP(NTPConfig{IP: "10.0.0.3"}) },
		func() (cells.Protocol, error) { return NewDHCP(dhcpConfig()) },
		func() (cells.Protocol, error) { return NewDHCPClient(DHCPClientConfig{Renew: true}) },
		func() (cells.Protocol, error) { return NewDNS(DNSConfig{IP: "10.0.0.5", TTL: 1, Within: 1}) },
		func() (cells.Protocol, error) { return NewSniffer(SnifferConfig{}) },
	}
}
