package nd

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/mdlayher/ndp"
)

// layouts are an echo request and its reply as RFC 4443, sections 4.1 and 4.2,
// lays them out, and a solicitation with the sender's link-layer address and the
// advertisement that answers it, as RFC 4861, sections 4.3 and 4.4, does. The
// checksums are the system's, and zero here.
var layouts = []struct {
	b    []byte
	want Heard
}{
	{[]byte{0x80, 0, 0, 0, 0xd5, 0x1a, 0, 1}, Heard{Kind: EchoRequest}},
	{[]byte{0x81, 0, 0, 0, 0xd5, 0x1a, 0, 1}, Heard{Kind: EchoReply}},
	{
		[]byte{0x87, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0d, 1, 1, 0x02, 0, 0, 0, 0, 0x0c},
		Heard{Kind: Solicitation, Target: addrD},
	},
	{
		[]byte{0x88, 0, 0, 0, 0x60, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0d, 2, 1, 0x02, 0, 0, 0, 0, 0x0d},
		Heard{Kind: Advertisement, Target: addrD},
	},
}

func TestMessages(t *testing.T) {
	for _, c := range layouts {
		if got, ok := parse(c.b); !ok || got != c.want {
			t.Errorf("% x: %+v, %v", c.b, got, ok)
		}
		for n := range c.b {
			if got, ok := parse(c.b[:n]); ok && n < min(24, len(c.b)) {
				t.Errorf("% x: %+v", c.b[:n], got)
			}
		}
	}
	b, to, err := marshal(solicit(addrD), []byte{2, 0, 0, 0, 0, 0x0c}, 7)
	if err != nil || to != netip.MustParseAddr("ff02::1:ff00:d") || !bytes.Equal(b[4:], layouts[2].b[4:]) {
		t.Fatalf("% x to %s, %v", b, to, err)
	}
	b, to, err = marshal(ping, nil, 1)
	if err != nil || to != netip.MustParseAddr("ff02::1") || !bytes.Equal(b[4:], layouts[0].b[4:]) {
		t.Fatalf("% x to %s, %v", b, to, err)
	}
}

// FuzzMessage: no bytes harm the parser, and what it takes is what another
// parser of the same format takes.
func FuzzMessage(f *testing.F) {
	for _, c := range layouts {
		f.Add(c.b)
	}
	f.Add([]byte{0x87, 0, 0, 0, 0, 0, 0, 0, 0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := parse(b)
		if !ok {
			return
		}
		if h.Kind == EchoRequest || h.Kind == EchoReply {
			if h.Target.IsValid() {
				t.Fatalf("an echo with target %s", h.Target)
			}
			return
		}
		m, err := ndp.ParseMessage(b)
		if err != nil || m == nil || !h.Target.Is6() || h.Target.IsMulticast() {
			t.Fatalf("%+v, %v", h, err)
		}
		if want, _ := netip.AddrFromSlice(b[8:24]); h.Target != want {
			t.Fatalf("target %s, in the bytes %s", h.Target, want)
		}
	})
}

// FuzzFinder: whatever is heard and whenever, found and lost take turns, nobody is
// found who has not answered, and what is sent is bounded.
func FuzzFinder(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0x41, 0x43, 20})
	f.Add([]byte{0, 0, 1, 0x41, 0x43, 20, 0x51, 0x53, 30, 0x02, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, script []byte) {
		var peer *Peer
		answered := map[netip.Addr]bool{}
		var fi Finder
		fi.Found = func(p Peer) error {
			if peer != nil || !answered[p.Remote] || p.Remote == p.Local {
				t.Fatalf("found %+v; before %+v, answered %v", p, peer, answered)
			}
			peer = &p
			return nil
		}
		fi.Lost = func(error) {
			if peer == nil {
				t.Fatal("lost without found")
			}
			peer = nil
		}
		now := time.Duration(0)
		addrs := []netip.Addr{addrC, addrD, addrE, netip.MustParseAddr("fe80::1")}
		kinds := []Kind{EchoRequest, EchoReply, Solicitation, Advertisement}
		for _, b := range script {
			switch {
			case b < 4:
				fi.Interface(now, Link{Index: int(b) + 1, Local: addrC})
			case b < 8:
				fi.Interface(now, Link{Index: int(b), Problem: ErrNone})
			case b < 0x40:
				now += time.Duration(b) * 10 * time.Millisecond
				fi.Time(now)
			default:
				h := Heard{Kind: kinds[b&3], From: addrs[b>>4&3], HopLimit: 255, Target: addrs[b>>2&3]}
				if b&0x80 == 0 {
					h.Target = h.From
				}
				if fi.Hear(now, h) && h.Kind == Advertisement {
					answered[h.From] = true
				}
			}
			if n := len(fi.Sends()); n > 6 {
				t.Fatalf("%d messages at once", n)
			}
			if (peer == nil) != (fi.Problem() != nil) && fi.link.Local.IsValid() {
				t.Fatalf("peer %v, problem %v", peer, fi.Problem())
			}
		}
	})
}
