package nd

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	addrC = netip.MustParseAddr("fe80::c")
	addrD = netip.MustParseAddr("fe80::d")
	addrE = netip.MustParseAddr("fe80::e")
)

const ms = time.Millisecond

// talkWith is a conversation with a finder at fe80::c.
type talkWith struct {
	t      *testing.T
	f      Finder
	now    time.Duration
	told   []string
	refuse error // what Found answers
}

func newTalk(t *testing.T) *talkWith {
	w := &talkWith{t: t}
	w.f.Found = func(p Peer) error {
		if w.refuse != nil {
			return w.refuse
		}
		w.told = append(w.told, fmt.Sprintf("found %s as %s", p.Remote, p.Role))
		return nil
	}
	w.f.Lost = func(err error) { w.told = append(w.told, "lost: "+err.Error()) }
	return w
}

func (w *talkWith) up() { w.f.Interface(w.now, Link{Index: 2, Local: addrC}) }

func (w *talkWith) hear(k Kind, from netip.Addr) {
	w.f.Hear(w.now, Heard{Kind: k, From: from, HopLimit: 255, Target: from})
}

// advance lets time go by, as a clock that rings when the finder wants it.
func (w *talkWith) advance(d time.Duration) {
	end := w.now + d
	for {
		next, ok := w.f.Next()
		if !ok || next > end {
			break
		}
		w.now = max(w.now, next)
		w.f.Time(w.now)
	}
	w.now = end
}

// sent wants these messages, and no others.
func (w *talkWith) sent(why string, want ...Send) {
	w.t.Helper()
	if got := w.f.Sends(); !slices.Equal(got, want) {
		w.t.Fatalf("%s: sent %v, want %v", why, got, want)
	}
}

// wants wants exactly this to have been told since the last time.
func (w *talkWith) wants(why string, want ...string) {
	w.t.Helper()
	if !slices.Equal(w.told, want) {
		w.t.Fatalf("%s: told %q, want %q", why, w.told, want)
	}
	w.told = nil
}

func (w *talkWith) problem(want error) {
	w.t.Helper()
	if got := w.f.Problem(); !errors.Is(got, want) {
		w.t.Fatalf("problem %v, want %v", got, want)
	}
}

var ping = Send{Kind: EchoRequest}

func solicit(a netip.Addr) Send { return Send{Solicitation, a} }

// found has fe80::d found.
func found(t *testing.T) *talkWith {
	w := newTalk(t)
	w.up()
	w.hear(EchoReply, addrD)
	w.hear(Advertisement, addrD)
	w.advance(SettleTime)
	w.wants("one neighbour", "found fe80::d as client")
	w.f.Sends()
	return w
}

func TestOneNeighbourIsFound(t *testing.T) {
	w := newTalk(t)
	w.sent("without an interface")
	w.up()
	w.sent("all are asked at once", ping)
	w.problem(ErrNone)
	w.advance(50 * ms)
	w.hear(EchoReply, addrD)
	w.sent("who answers is asked", solicit(addrD))
	w.hear(EchoReply, addrD)
	w.sent("once")
	w.advance(50 * ms)
	w.hear(Advertisement, addrD)
	w.advance(SettleTime - ms)
	w.wants("another may come")
	w.advance(ms)
	w.wants("none came", "found fe80::d as client")
	w.problem(nil)
}

func TestNoNeighbourIsAskedForEverySecond(t *testing.T) {
	w := newTalk(t)
	w.up()
	for range 5 {
		w.sent("a round", ping)
		w.advance(RoundTime - ms)
		w.sent("within the round")
		w.advance(ms)
		w.problem(ErrNone)
	}
	w.wants("nobody is there")
}

// TestAnEchoIsNoNeighbour: it may come from behind a router; only the answer to a
// solicitation counts.
func TestAnEchoIsNoNeighbour(t *testing.T) {
	w := newTalk(t)
	w.up()
	w.hear(EchoReply, addrD)
	w.advance(3 * RoundTime)
	w.wants("no answer")
	w.problem(ErrNone)
}

func TestWhatIsNotBelieved(t *testing.T) {
	for name, h := range map[string]Heard{
		"hop limit 254":          {Advertisement, addrD, 254, addrD},
		"hop limit 64":           {Advertisement, addrD, 64, addrD},
		"a proxy":                {Advertisement, addrE, 255, addrD},
		"a global address":       {Advertisement, netip.MustParseAddr("2001:db8::d"), 255, netip.MustParseAddr("2001:db8::d")},
		"no address":             {Solicitation, netip.IPv6Unspecified(), 255, addrC},
		"a routed solicitation":  {Solicitation, addrD, 63, addrC},
		"a group as target":      {Solicitation, addrD, 255, netip.MustParseAddr("ff02::1")},
		"IPv4":                   {EchoReply, netip.MustParseAddr("169.254.0.1"), 255, netip.Addr{}},
		"no message of the game": {Kind(134), addrD, 255, addrD},
	} {
		w := newTalk(t)
		w.up()
		w.hear(EchoReply, addrD) // known, so that an answer would count
		w.f.Sends()
		if w.f.Hear(w.now, h) {
			t.Errorf("%s: taken", name)
		}
		w.sent(name)
		w.advance(RoundTime)
		w.wants(name)
	}
}

func TestTwoNeighboursAreNone(t *testing.T) {
	w := newTalk(t)
	w.up()
	w.hear(EchoReply, addrE)
	w.hear(EchoReply, addrD)
	w.hear(Advertisement, addrE)
	w.advance(100 * ms)
	w.hear(Advertisement, addrD)
	w.sent("both are asked", ping, solicit(addrE), solicit(addrD))
	w.advance(SettleTime)
	w.wants("two")
	w.problem(ErrMany)
	if got := w.f.Problem().Error(); got != "more than one neighbour: fe80::d, fe80::e; want exactly one" {
		t.Fatal(got)
	}
	w.advance(RoundTime)
	w.sent("the next round", ping)
	w.hear(EchoReply, addrD)
	w.hear(Advertisement, addrD)
	w.advance(SettleTime)
	w.wants("one has gone", "found fe80::d as client")
}

// TestAFloodIsBounded: whoever is on the wire, only so many are asked.
func TestAFloodIsBounded(t *testing.T) {
	w := newTalk(t)
	w.up()
	w.f.Sends()
	for i := range 200 {
		w.hear(EchoReply, netip.MustParseAddr(fmt.Sprintf("fe80::1:%x", i)))
	}
	if n := len(w.f.Sends()); n != knownMax {
		t.Fatalf("%d solicitations", n)
	}
}

// TestSlowerSecondWaitsForTheRound: while somebody who was heard has not answered
// yet, it may be a second neighbour.
func TestSlowerSecondWaitsForTheRound(t *testing.T) {
	w := newTalk(t)
	w.up()
	w.hear(EchoReply, addrD)
	w.hear(EchoReply, addrE)
	w.hear(Advertisement, addrD)
	w.advance(SettleTime + 100*ms)
	w.wants("one is still to answer")
	w.advance(RoundTime - SettleTime - 100*ms)
	w.wants("it did not", "found fe80::d as client")
}

func TestRoles(t *testing.T) {
	for _, c := range []struct{ local, remote, want string }{
		{"fe80::c", "fe80::d", "client"},
		{"fe80::d", "fe80::c", "server"},
		{"fe80::9", "fe80::10", "client"}, // as text it would be the other way
		{"fe80::f%v", "fe80::10%w", "client"},
		{"fe80::ff:0", "fe80::fe:ffff", "server"},
		{"fe80::c%v", "fe80::c%w", ""},
	} {
		got, err := Role(netip.MustParseAddr(c.local), netip.MustParseAddr(c.remote))
		if got != c.want || errors.Is(err, ErrDuplicate) != (c.want == "") {
			t.Errorf("%s, %s: %q, %v", c.local, c.remote, got, err)
		}
	}
}

func TestOwnAddressElsewhere(t *testing.T) {
	w := newTalk(t)
	w.up()
	w.hear(EchoReply, addrD)
	w.hear(EchoRequest, addrC)
	w.problem(ErrDuplicate)
	w.hear(Advertisement, addrD)
	w.advance(RoundTime)
	w.wants("nobody is found in such a round")
	w.problem(ErrDuplicate)

	w = found(t)
	w.hear(Solicitation, addrC)
	w.wants("also later", "lost: duplicate address: somebody else has fe80::c")
	w.hear(EchoReply, addrD)
	w.hear(Advertisement, addrD)
	w.advance(RoundTime)
	w.wants("not in this round")
	w.hear(EchoReply, addrD)
	w.hear(Advertisement, addrD)
	w.advance(RoundTime)
	w.wants("but when nothing of it is heard for a round", "found fe80::d as client")
}

func TestSilentNeighbourIsGoneAfterThreeTries(t *testing.T) {
	w := found(t)
	w.advance(RoundTime)
	w.sent("is it there?", ping, solicit(addrD))
	w.hear(Advertisement, addrD)
	for n := range Tries {
		w.advance(RoundTime)
		w.wants(fmt.Sprint("question ", n))
		w.sent("another question", ping, solicit(addrD))
	}
	w.advance(RoundTime)
	w.wants("no answer", "lost: the neighbour answers no more")
	w.sent("a new search", ping)
	w.hear(EchoReply, addrD)
	w.hear(Advertisement, addrD)
	w.advance(SettleTime)
	w.wants("it is back", "found fe80::d as client")
}

func TestAnotherNeighbourLater(t *testing.T) {
	w := found(t)
	w.hear(EchoRequest, addrE)
	w.sent("who is that?", solicit(addrE))
	w.hear(Advertisement, addrE)
	w.wants("two, or another one", "lost: more than one neighbour: fe80::d, fe80::e; want exactly one")
	w.sent("a new search", ping)
	w.hear(EchoReply, addrE)
	w.hear(Advertisement, addrE)
	w.advance(SettleTime)
	w.wants("another one", "found fe80::e as client")
}

// TestWhoWasSilentIsAskedAgain: that somebody did not answer during the search
// is forgotten when it ends.
func TestWhoWasSilentIsAskedAgain(t *testing.T) {
	w := newTalk(t)
	w.up()
	w.hear(EchoReply, addrD)
	w.hear(EchoReply, addrE)
	w.hear(Advertisement, addrD)
	w.advance(RoundTime)
	w.wants("the other was silent", "found fe80::d as client")
	w.f.Sends()
	w.hear(EchoRequest, addrE)
	w.sent("it speaks", solicit(addrE))
}

func TestCable(t *testing.T) {
	w := found(t)
	down := errors.New("no carrier")
	w.f.Interface(w.now, Link{Index: 2, Problem: down})
	w.wants("pulled", "lost: no carrier")
	w.problem(down)
	w.hear(Advertisement, addrD)
	w.advance(10 * RoundTime)
	w.sent("nothing while it is out")
	w.up()
	w.sent("plugged in", ping)
	w.up()
	w.sent("as before")
	w.hear(EchoReply, addrD)
	w.hear(Advertisement, addrD)
	w.advance(SettleTime)
	w.wants("found again", "found fe80::d as client")
	w.f.Interface(w.now, Link{Index: 3, Local: addrC})
	w.wants("another interface of that name", "lost: the interface is fe80::c now")
	w.hear(EchoReply, addrD)
	w.hear(Advertisement, addrD)
	w.advance(SettleTime)
	w.wants("found again", "found fe80::d as client")
	w.f.Interface(w.now, Link{Index: 3, Local: addrE})
	w.wants("another address", "lost: the interface is fe80::e now")
}

func TestNeighbourThatCannotBeUsed(t *testing.T) {
	w := newTalk(t)
	w.refuse = errors.New("the port is in use")
	w.up()
	w.hear(EchoReply, addrD)
	w.hear(Advertisement, addrD)
	w.advance(SettleTime)
	w.problem(w.refuse)
	w.advance(RoundTime)
	w.wants("never found")
	w.refuse = nil
	w.hear(EchoReply, addrD)
	w.hear(Advertisement, addrD)
	w.advance(RoundTime)
	w.wants("in the end", "found fe80::d as client")
}

// TestBothEndsAgree: two finders, started at any time, over a link that loses one
// message in three and is cut now and then: each time that it lasts they find
// each other, with different roles.
func TestBothEndsAgree(t *testing.T) {
	for seed := range uint64(200) {
		if err := agree(seed); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// host is a finder and what the system beside it answers by itself.
type host struct {
	addr  netip.Addr
	f     Finder
	peer  *Peer
	fault error
}

func newHost(a netip.Addr) *host {
	h := &host{addr: a}
	h.f.Found = func(p Peer) error {
		if h.peer != nil {
			h.fault = errors.New("found twice")
		}
		h.peer = &p
		return nil
	}
	h.f.Lost = func(error) {
		if h.peer == nil {
			h.fault = errors.New("lost twice")
		}
		h.peer = nil
	}
	return h
}

// deliver gives messages of one host to the other, and its system's answers back.
func deliver(from, to *host, now time.Duration, lose func() bool) {
	for _, s := range from.f.Sends() {
		if lose() {
			continue
		}
		answer := Heard{Kind: EchoReply, From: to.addr, HopLimit: 64}
		if s.Kind == Solicitation {
			answer = Heard{Kind: Advertisement, From: to.addr, HopLimit: 255, Target: to.addr}
		}
		to.f.Hear(now, Heard{Kind: s.Kind, From: from.addr, HopLimit: 255, Target: s.Target})
		if (s.Kind == EchoRequest || s.Target == to.addr) && !lose() {
			from.f.Hear(now, answer)
		}
	}
}

func agree(seed uint64) error {
	state := seed*0x9e3779b97f4a7c15 + 1
	draw := func(n uint64) uint64 {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		return state % n
	}
	lose := func() bool { return draw(3) == 0 }
	one, two := newHost(addrC), newHost(addrD)
	now := time.Duration(0)
	for range 5 {
		starts := [2]time.Duration{now + time.Duration(draw(3000))*ms, now + time.Duration(draw(3000))*ms}
		for end := now + 30*time.Second; now < end; now += 10 * ms {
			for i, h := range []*host{one, two} {
				if now >= starts[i] {
					h.f.Interface(now, Link{Index: 1, Local: h.addr})
				}
				h.f.Time(now)
			}
			deliver(one, two, now, lose)
			deliver(two, one, now, lose)
			if one.peer != nil && two.peer != nil && draw(4) == 0 {
				break
			}
		}
		switch {
		case one.fault != nil || two.fault != nil:
			return errors.Join(one.fault, two.fault)
		case one.peer == nil || two.peer == nil:
			return fmt.Errorf("not found after 30 s: %v, %v", one.f.Problem(), two.f.Problem())
		case one.peer.Role != "client" || two.peer.Role != "server" || one.peer.Remote != two.peer.Local:
			return fmt.Errorf("%+v, %+v", one.peer, two.peer)
		}
		for _, h := range []*host{one, two} {
			h.f.Interface(now, Link{Index: 1, Problem: errors.New("pulled")})
		}
	}
	return nil
}

func TestProblemsNameTheCause(t *testing.T) {
	err := many([]netip.Addr{addrE, addrC})
	if !errors.Is(err, ErrMany) || !strings.Contains(err.Error(), "fe80::c, fe80::e") {
		t.Fatal(err)
	}
}
