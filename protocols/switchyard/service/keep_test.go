package service

import (
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/protocols/eth/dhcp"
)

// restart is another life of a server, which begins a while later; kept is
// what it finds in stable storage, nil if it has none.
func restart(t *testing.T, before *talker, kept []byte, later time.Duration) *talker {
	t.Helper()
	p, err := NewDHCP(dhcpConfig())
	if err == nil && kept != nil {
		err = p.(cells.Durable).Restore(kept)
	}
	if err != nil {
		t.Fatal(err)
	}
	return beginAt(t, p, before.Time+at(later))
}

// leased is a server that ann has an address of, and ben an offer.
func leasedToAnn(t *testing.T) (c *talker, kept []byte) {
	c = newDHCP(t)
	c.says(ann, dhcp.Discover, nil)
	c.says(ann, dhcp.Request, takes(hundred))
	c.says(ben, dhcp.Discover, nil)
	c.heard()
	return c, c.P.(cells.Durable).Save()
}

func TestAServerKeepsItsLeases(t *testing.T) {
	before, kept := leasedToAnn(t)
	c := restart(t, before, kept, 20*time.Second)
	c.wantsDHCP("it begins with what it knows", "pool first=167772260 last=167772261", "leased address=167772260 mac=2556998713346",
		"me > all arp request: 10.0.0.4 is at me")
	c.attrs(t, map[string]int64{"leased": 1, "offered": 0, "free": 1, "acks": 0})
	c.says(ben, dhcp.Discover, reboots(hundred))
	c.wantsDHCP("ann's is not ben's, and he gets what he was offered", "OFFER ben yours 10.0.0.101 server 10.0.0.4 lease 60 s")
	c.says(ben, dhcp.Request, reboots(hundred))
	c.wantsDHCP("nor if he says so", `NAK ben server 10.0.0.4 "that address is not yours"`)
	if d := c.wait(timerLease); d != 10*time.Second {
		t.Errorf("ben's offer is over after %s", d)
	}
	if d := c.wait(timerLease); d != 30*time.Second {
		t.Errorf("the lease is over after %s more", d)
	}
	c.wantsDHCP("time went on while it was down", "freed address=167772260 mac=2556998713346", "[dhcp] the lease of ann on 10.0.0.100 is over")
	c = restart(t, c, c.P.(cells.Durable).Save(), time.Hour)
	c.heard()
	c.says(ben, dhcp.Discover, nil)
	c.says(ann, dhcp.Discover, nil)
	c.wantsDHCP("each gets what it had", "OFFER ben yours 10.0.0.101 server 10.0.0.4 lease 60 s", "OFFER ann yours 10.0.0.100 server 10.0.0.4 lease 60 s")
}

func TestALeaseThatEndsWhileTheServerIsDown(t *testing.T) {
	before, kept := leasedToAnn(t)
	c := restart(t, before, kept, time.Minute)
	c.wantsDHCP("it is taken back at once", "pool first=167772260 last=167772261", "leased address=167772260 mac=2556998713346",
		"freed address=167772260 mac=2556998713346", "[dhcp] the lease of ann on 10.0.0.100 is over", "me > all arp request: 10.0.0.4 is at me")
	if _, armed := c.Timers[timerLease]; armed {
		t.Error("it waits for the end of a lease")
	}
}

// Without what it knew, a server gives an address that a client has: the oracle
// finds that where the client is bound.
func TestAServerThatForgetsItsLeases(t *testing.T) {
	before, _ := leasedToAnn(t)
	c := restart(t, before, nil, time.Second)
	c.heard()
	c.says(ben, dhcp.Discover, nil)
	c.says(ben, dhcp.Request, takes(hundred))
	if c.Attr("acks") != 1 {
		t.Error("ben did not get ann's address")
	}
	o := NewLeaseOracle()
	mine := cells.Emission{Cell: "ann", Kind: KindBound, A: int64(hundred.Uint32()), B: int64(time.Minute)}
	his := mine
	his.Cell = "ben"
	for _, m := range append(before.Emitted, mine) {
		if err := o.Observe(des.Key{}, m); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range c.Emitted {
		if err := o.Observe(des.Key{}, m); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Observe(des.Key{}, his); err == nil || !strings.Contains(err.Error(), "is bound to 10.0.0.100, which ann has until") {
		t.Error(err)
	}
}

// The oracle holds a server that kept its leases to them.
func TestTheOracleKnowsOfKeptLeases(t *testing.T) {
	before, kept := leasedToAnn(t)
	c := restart(t, before, kept, time.Second)
	o := NewLeaseOracle()
	for _, m := range append(before.Emitted, c.Emitted...) {
		if err := o.Observe(des.Key{}, m); err != nil {
			t.Fatal(err)
		}
	}
	gives := cells.Emission{Cell: "me", Kind: KindLeased, A: int64(hundred.Uint32()), B: int64(ben.Uint64())}
	if err := o.Observe(des.Key{}, gives); err == nil || err.Error() != "me gives 10.0.0.100 to 02:53:59:00:00:03, but 02:53:59:00:00:02 has it" {
		t.Error(err)
	}
}

// An address that was declined is nobody's for a lease, whatever its station gets
// then, and over a restart.
func TestADeclinedAddressIsNobodys(t *testing.T) {
	c := newDHCP(t)
	c.says(ann, dhcp.Discover, nil)
	c.says(ann, dhcp.Decline, takes(hundred))
	c.says(ann, dhcp.Discover, reboots(hundred))
	c.says(ann, dhcp.Request, takes(other))
	c.heard()
	c.attrs(t, map[string]int64{"declined": 1, "leased": 1, "free": 0})
	c.says(ben, dhcp.Discover, nil)
	c.wantsDHCP("nothing is left for ben", "starving mac=2556998713347", "[dhcp] no address is left for ben")
	c = restart(t, c, c.P.(cells.Durable).Save(), 30*time.Second)
	c.heard()
	c.says(ben, dhcp.Discover, nil)
	c.wantsDHCP("still not", "starving mac=2556998713347", "[dhcp] no address is left for ben")
	c.wait(timerLease)
	c.heard()
	c.says(ben, dhcp.Discover, reboots(hundred))
	c.wantsDHCP("its time is over", "OFFER ben yours 10.0.0.100 server 10.0.0.4 lease 60 s")
}

func TestKeptLeasesAreChecked(t *testing.T) {
	_, kept := leasedToAnn(t)
	const want = `[{"ip":"10.0.0.100","mac":"02:53:59:00:00:02","state":"bound","until_ns":60000000000},{"ip":"10.0.0.101","mac":"02:53:59:00:00:03","state":"free"}]`
	if string(kept) != want {
		t.Errorf("kept is %s, want %s", kept, want)
	}
	p, err := NewDHCP(dhcpConfig())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.(cells.Durable).Restore(kept); err != nil || string(p.(cells.Durable).Save()) != want {
		t.Errorf("it became %s, %v", p.(cells.Durable).Save(), err)
	}
	const bound = `{"ip": "10.0.0.100", "mac": "02:53:59:00:00:02", "state": "bound", "until_ns": 1}`
	for text, want := range map[string]string{
		`x`:                             "dhcp: kept leases: invalid character 'x' looking for beginning of value",
		`[{"ip": "10.0.0.1"}]`:          `dhcp: kept lease of "10.0.0.1": it is not of the pool`,
		`[{"ip": "x"}]`:                 `dhcp: kept lease of "x": `,
		`[{"ip": "10.0.0.100"}]`:        `dhcp: kept lease of "10.0.0.100": no state "": want free, bound or declined`,
		`[` + bound + `,` + bound + `]`: `dhcp: kept lease of "10.0.0.100": it is there twice`,
		`[` + bound + `,` + strings.Replace(bound, "100", "101", 1) + `]`: `dhcp: kept lease of "10.0.0.101": mac 02:53:59:00:00:02: no station's, or it has another address`,
		`[` + strings.Replace(bound, "02:53", "03:53", 1) + `]`:           `dhcp: kept lease of "10.0.0.100": mac 03:53:59:00:00:02: no station's, or it has another address`,
		`[` + strings.Replace(bound, "02:53:59:", "", 1) + `]`:            `dhcp: kept lease of "10.0.0.100": mac "00:00:02"`,
	} {
		err := p.(cells.Durable).Restore([]byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if string(p.(cells.Durable).Save()) != want {
		t.Error("leases that cannot be read have changed what was there")
	}
}
