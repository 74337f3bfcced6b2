package switchyard

import (
	"fmt"
	"testing"

	"example.com/dsim/protocols/eth"
)

// Pairs of endpoints that are gone make room: else a fabric that reaps would, in
// the end, do nothing any more to the frames of those that came later.
func TestPairsOfThePastMakeRoom(t *testing.T) {
	c := newFabric(t, func(c *FabricConfig) { c.Reap, c.Impair = true, []string{"* * drop=100%"} })
	old, id := enter(t, c, "old", 0)
	f := c.P.(*fabric)
	for n := range uint32(pathsMax) {
		f.paths[[2]uint32{id, 1000 + n}] = &path{}
	}
	a, _ := enter(t, c, "a", 0)
	enter(t, c, "b", 0)
	lose := func() {
		t.Helper()
		c.Recv(a, packet(2, frameOf(t, mac3, mac2, "x")))
		c.Take()
	}
	c.Down(old, nil)
	lose()
	if c.Attr("impaired") != 1 || c.Attr("unimpaired") != 0 || len(f.paths) != 1 {
		t.Errorf("%d impaired, %d not, of %d pairs", c.Attr("impaired"), c.Attr("unimpaired"), len(f.paths))
	}
	for n := range uint32(pathsMax) { // all of endpoints that are there, as far as the fabric knows
		f.paths[[2]uint32{2, 1000 + n}] = &path{}
	}
	delete(f.paths, [2]uint32{2, 3})
	lose()
	if c.Attr("impaired") != 1 || c.Attr("unimpaired") != 1 {
		t.Errorf("beyond the bound %d are impaired, %d not", c.Attr("impaired"), c.Attr("unimpaired"))
	}
}

// What waits is bounded in bytes, too: copies beyond are dropped, and a replay is
// refused.
func TestBytesThatWaitAreBounded(t *testing.T) {
	c := newFabric(t, func(c *FabricConfig) { c.Impair = []string{"* * latency=1h"} })
	a, _ := enter(t, c, "a", 0)
	enter(t, c, "b", 0)
	f := c.P.(*fabric)
	x := frameOf(t, mac2, mac1, "x")
	f.laterBytes = LaterBytesMax - len(x)
	for range 2 {
		c.Recv(a, packet(1, x))
	}
	if c.Attr("waiting") != 1 || c.Attr("impaired") != 1 || f.laterBytes != LaterBytesMax {
		t.Errorf("%d wait, %d are dropped, %d bytes", c.Attr("waiting"), c.Attr("impaired"), f.laterBytes)
	}
	c.Take()
	c.Recv(a, control(TypeReplay, `{}`))
	wantSaid(t, c, "no room", failed(a, "bad REPLAY: 1 frames of 67108864 bytes wait already: at most 65536 of 67108864 can"))
}

// An endpoint's own address has its place, however many others were heard.
func TestATableThatIsFullKnowsEndpoints(t *testing.T) {
	c := newFabric(t, nil)
	a, _ := enter(t, c, "a", 0)
	f := c.P.(*fabric)
	for n := range uint32(MACsMax) {
		mac := eth.MAC{0x06, 0, 0, byte(n >> 16), byte(n >> 8), byte(n)}
		f.macs[mac] = &station{at: f.endpoints[0]}
	}
	b, _ := enter(t, c, "b", 0)
	enter(t, c, "c", 0)
	x := frameOf(t, mac2, "06:00:01:00:00:00", "x")
	c.Recv(a, packet(1, x))
	wantSaid(t, c, "to b alone", in(b, 2, 0, x))
	if c.Attr("unlearned") != 1 {
		t.Errorf("%d addresses found no room", c.Attr("unlearned"))
	}
}

// Fabrics that are bridged give addresses of ranges of their own.
func TestWhereAddressesBegin(t *testing.T) {
	c := newFabric(t, func(c *FabricConfig) { c.FirstMAC = autoMACsMax - 1 })
	a := c.Accept(1)
	c.Recv(a, control(TypeHello, `{}`))
	c.Take()
	for _, x := range []struct{ name, answer string }{
		{"a", `ENDPOINT_CREATED endpoint=0 flags=0x0 "{\"endpoint_id\":1,\"name\":\"a\",\"mac\":\"02:53:59:ff:ff:fe\"}"`},
		{"b", `ENDPOINT_CREATED endpoint=0 flags=0x0 "{\"endpoint_id\":2,\"name\":\"b\",\"mac\":\"02:53:59:ff:ff:ff\"}"`},
	} {
		c.Recv(a, control(TypeEndpointCreate, `{"name": "`+x.name+`"}`))
		wantSaid(t, c, x.name, fmt.Sprintf("%d: %s", a, x.answer))
	}
	c.Recv(a, control(TypeEndpointCreate, `{"name": "c"}`))
	wantSaid(t, c, "none is left", failed(a, "bad ENDPOINT_CREATE: all addresses are given"))
	for _, n := range []int{0, -1, 1 << 24} {
		config := FabricDefaults()
		config.FirstMAC = n
		if _, err := NewFabric(config); err == nil {
			t.Errorf("a fabric begins with address %d", n)
		}
	}
}
