package service

import (
	"fmt"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/protocols/switchyard"
)

// TestClientsGiveUp lets servers not answer: neither whom their name belongs to,
// nor ARP, nor what they are asked.
func TestClientsGiveUp(t *testing.T) {
	ping := func(to string, tries int, wait time.Duration) (cells.Protocol, error) {
		return NewPing(PingConfig{
			IP: "10.0.0.1", Port: 12345, To: to, ToIP: "10.0.0.2", ToPort: 7007, Resolve: ByARP, Message: "m", Messages: 1,
			Every: time.Second, Timeout: 3 * time.Second, Tries: tries, Wait: wait, Retry: 200 * time.Millisecond,
		})
	}
	unanswered := func(c *talker) {
		for range arpTries {
			c.wait(timerARP)
		}
	}

	p, err := ping("", 2, 0)
	c := begin(t, p, err)
	unanswered(c)
	c.wants("once", ownHello, whoHas, whoHas, whoHas, "[cli] no ARP reply from 10.0.0.2")
	c.attrs(t, map[string]int64{"given_up": 0})
	c.wait(timerSeek)
	unanswered(c)
	c.wants("twice", whoHas, whoHas, whoHas, "[cli] no ARP reply from 10.0.0.2")
	c.attrs(t, map[string]int64{"given_up": 1, "done": 0, "asked": 0})
	c.Down(c.port, cells.ErrReset)
	c.Fire(switchyard.TimersMax)
	c.port = 2
	c.Up(2)
	c.message(switchyard.TypeWelcome, `{}`)
	c.message(switchyard.TypeEndpointInfo, `{"endpoint_id": 1, "name": "me", "mac": "02:53:59:00:00:01"}`)
	c.heard()
	c.message(switchyard.TypeSubscribed, `{}`)
	c.wants("a new connection changes nothing", ownHello)

	p, err = ping("", 2, 0)
	c = begin(t, p, err)
	for try := range 2 {
		c.isAt()
		c.attrs(t, map[string]int64{"asked": int64(try + 1), "given_up": 0})
		c.wait(timerReply)
	}
	c.attrs(t, map[string]int64{"given_up": 1, "timeouts": 2})

	p, err = ping("svc_echo", 0, time.Second)
	c = begin(t, p, err)
	c.Time += at(time.Second)
	c.missing("svc_echo")
	c.wants("nobody has the name", ownHello, `ENDPOINT_LOOKUP {"name":"svc_echo"}`, "[cli] no such endpoint: svc_echo")
	c.attrs(t, map[string]int64{"given_up": 1, "looking": 0})

	p, err = NewICMP(ICMPConfig{IP: "10.0.0.1", ToIP: "10.0.0.2", Resolve: ByARP, Requests: 2, Every: time.Second, Retry: time.Second})
	c = begin(t, p, err)
	c.isAt()
	c.wait(timerNext)
	c.attrs(t, map[string]int64{"done": 0, "given_up": 0})
	c.wait(timerNext)
	c.attrs(t, map[string]int64{"done": 1, "given_up": 1, "asked": 2}) // none was answered

	p, err = NewDNSClient(DNSClientConfig{
		IP: "10.0.0.1", Port: 40053, ToIP: "10.0.0.2", Resolve: ByARP, Ask: []string{"www", "ftp"},
		Every: time.Second, Timeout: time.Second, Tries: 1, Retry: time.Second,
	})
	c = begin(t, p, err)
	unanswered(c)
	c.wants("the first is given up", ownHello, whoHas, whoHas, whoHas, "[cli] no ARP reply from 10.0.0.2", "[dns] A www: no answer")
	c.wait(timerNext)
	c.isAt()
	c.wants("the next is asked", whoHas, "me > ben udp 10.0.0.1:40053 > 10.0.0.2:53…")
	c.attrs(t, map[string]int64{"given_up": 1, "done": 0, "asked": 1})

	p, err = NewDNSClient(DNSClientConfig{
		IP: "10.0.0.1", Port: 40053, To: "svc_dns", ToIP: "10.0.0.2", Resolve: ByARP, Ask: []string{"www", "ftp"},
		Every: time.Second, Timeout: time.Second, Tries: 3, Wait: time.Second, Retry: time.Second,
	})
	c = begin(t, p, err)
	c.Time += at(time.Second)
	c.missing("svc_dns")
	c.attrs(t, map[string]int64{"given_up": 2, "done": 1, "asked": 0})
	if _, err := c.command("ask", "www"); err != nil {
		t.Fatal(err)
	}
	c.heard()
	c.found("svc_dns", ben)
	c.isAt()
	c.attrs(t, map[string]int64{"done": 0, "asked": 1})

	for _, tries := range []int{-1, triesMax + 1} {
		if _, err := ping("", tries, 0); err == nil || err.Error() != fmt.Sprintf("ping: tries %d: from 0 to 1000000 are possible", tries) {
			t.Error(err)
		}
	}
}
