// Package nd finds the one neighbour at the other end of an interface by IPv6
// neighbour discovery (RFC 4861), and which of the two is the client: the one
// with the numerically lower link-local address. Both ends find the same without
// having agreed on anything before.
//
// A [Finder] holds the rules and touches nothing: it takes what was heard and what
// time it is, and says what to send and what was found. A [Watcher] runs one on an
// interface, for as long as it is wanted: cables are pulled and replaced.
//
// What is sent to the neighbour once it is found is left to package socket.
package nd

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Port is the UDP port that both ends bind on their link-local addresses.
const Port = 55555

// The times of discovery. The first two are RetransTimer and the number of tries
// of RFC 4861, section 10.
const (
	RoundTime  = time.Second            // from one question to the next
	Tries      = 3                      // questions without an answer until the neighbour is gone
	SettleTime = 200 * time.Millisecond // after a neighbour answered, for another to show itself
)

// knownMax bounds whom is asked back: with more than one there is nothing to be
// found anyway.
const knownMax = 8

// Kind is what a message is.
type Kind uint8

// The messages that take part, with their types in ICMPv6.
const (
	EchoRequest   Kind = 128
	EchoReply     Kind = 129
	Solicitation  Kind = 135
	Advertisement Kind = 136
)

// Heard is one message from the interface.
type Heard struct {
	Kind     Kind
	From     netip.Addr // as the packet says
	HopLimit int
	Target   netip.Addr // of a solicitation or an advertisement
}

// Send is one message to be sent: an echo request to all nodes, or a solicitation
// of its target, to the group where that listens.
type Send struct {
	Kind   Kind
	Target netip.Addr
}

// Link is what the interface is able to.
type Link struct {
	Index   int        // another one is another interface, whatever its name
	Local   netip.Addr // our link-local address
	Problem error      // why nothing can be found on it, nil if something can
}

// Peer is the two ends of a link.
type Peer struct {
	Local, Remote netip.Addr
	Role          string // ours: "server" or "client"
	Index         int    // of the interface: its name may be another's tomorrow
}

// What is wrong with a link that is up.
var (
	ErrNone      = errors.New("no neighbour answers")
	ErrMany      = errors.New("more than one neighbour")
	ErrDuplicate = errors.New("duplicate address")
	ErrGone      = errors.New("the neighbour answers no more")
)

// Role gives the role of the end with address local: the numerically lower one
// is the client. Equal addresses are an error.
func Role(local, remote netip.Addr) (string, error) {
	switch local.WithZone("").Compare(remote.WithZone("")) {
	case -1:
		return "client", nil
	case 1:
		return "server", nil
	}
	return "", fmt.Errorf("%w: both ends are %s", ErrDuplicate, local)
}

// neighbour is somebody who was heard.
type neighbour struct {
	addr      netip.Addr
	confirmed bool // has answered our solicitation
}

// Finder is the rules of discovery. Its methods are called with times that do not
// fall; after each, what Sends gives is to be sent. Addresses have no zones here.
//
// A round asks all nodes, and whoever is heard is asked back: only the answer to
// that, an advertisement with the hop limit that no router leaves, makes a
// neighbour.
type Finder struct {
	// Found is told of exactly one neighbour, Lost that it is not any more. Between
	// two Found there is a Lost. If Found fails, the search goes on.
	Found func(Peer) error
	Lost  func(error)

	link    Link
	known   []neighbour // in the order heard
	peer    Peer
	found   bool
	problem error
	double  bool // somebody else has our address, heard in this round

	roundEnd time.Duration
	settle   time.Duration // when to judge, 0 while nobody has answered
	unheard  int           // solicitations of the found neighbour without an answer

	sends []Send
}

// Sends gives what is to be sent, and forgets it.
func (f *Finder) Sends() []Send {
	s := f.sends
	f.sends = nil
	return s
}

// Problem says why there is no neighbour, nil if there is one.
func (f *Finder) Problem() error { return f.problem }

// Next is when [Finder.Time] is to be called at the latest; false if time alone
// changes nothing.
func (f *Finder) Next() (time.Duration, bool) {
	if f.link.Problem != nil || !f.link.Local.IsValid() {
		return 0, false
	}
	if f.settle > 0 {
		return min(f.settle, f.roundEnd), true
	}
	return f.roundEnd, true
}

// Interface tells what the interface is able to now.
func (f *Finder) Interface(now time.Duration, l Link) {
	l.Local = l.Local.WithZone("")
	same := l.Index == f.link.Index && l.Local == f.link.Local && (l.Problem == nil) == (f.link.Problem == nil)
	f.link = l
	switch {
	case l.Problem != nil:
		f.lose(l.Problem)
		f.problem = l.Problem
	case !same:
		f.lose(fmt.Errorf("the interface is %s now", l.Local))
		f.begin(now, ErrNone)
	}
}

// Time tells that time went by.
func (f *Finder) Time(now time.Duration) {
	if next, ok := f.Next(); !ok || now < next {
		return
	}
	if f.found {
		f.ask(now)
		return
	}
	over := now >= f.roundEnd
	switch confirmed := f.confirmed(); {
	case f.double:
		f.problem = fmt.Errorf("%w: somebody else has %s", ErrDuplicate, f.link.Local)
	case len(confirmed) == 0:
		f.problem = ErrNone
	case len(confirmed) > 1:
		f.problem = many(confirmed)
	case over || len(f.known) == 1:
		f.take(now, confirmed[0])
		return
	}
	f.settle = 0
	if over {
		f.begin(now, f.problem)
	}
}

// many names who is there: somebody must be unplugged.
func many(who []netip.Addr) error {
	slices.SortFunc(who, netip.Addr.Compare)
	names := make([]string, len(who))
	for i, a := range who {
		names[i] = a.String()
	}
	return fmt.Errorf("%w: %s; want exactly one", ErrMany, strings.Join(names, ", "))
}

func (f *Finder) confirmed() []netip.Addr {
	var out []netip.Addr
	for _, n := range f.known {
		if n.confirmed {
			out = append(out, n.addr)
		}
	}
	return out
}

// begin starts a round from nothing.
func (f *Finder) begin(now time.Duration, problem error) {
	f.known, f.double, f.settle = f.known[:0], false, 0
	f.problem = problem
	f.roundEnd = now + RoundTime
	f.sends = append(f.sends, Send{Kind: EchoRequest})
}

// take ends the search, unless the neighbour cannot be used.
func (f *Finder) take(now time.Duration, remote netip.Addr) {
	role, err := Role(f.link.Local, remote)
	if err == nil {
		f.peer = Peer{Local: f.link.Local, Remote: remote, Role: role, Index: f.link.Index}
		err = f.Found(f.peer)
	}
	if err != nil {
		f.problem, f.settle = err, 0
		if now >= f.roundEnd {
			f.begin(now, err)
		}
		return
	}
	f.found, f.problem = true, nil
	f.known, f.settle, f.unheard = f.known[:0], 0, 0
	f.roundEnd = now + RoundTime
}

// lose ends what was found.
func (f *Finder) lose(err error) {
	if f.found {
		f.found = false
		f.Lost(err)
	}
}

// ask looks whether the neighbour is still there, and still alone.
func (f *Finder) ask(now time.Duration) {
	if f.unheard >= Tries {
		f.lose(ErrGone)
		f.begin(now, ErrGone)
		return
	}
	f.unheard++
	f.known = f.known[:0]
	f.roundEnd = now + RoundTime
	f.sends = append(f.sends, Send{EchoRequest, netip.Addr{}}, Send{Solicitation, f.peer.Remote})
}

// Hear takes a message from the interface, and reports whether it was one that
// may have been sent on this link.
func (f *Finder) Hear(now time.Duration, h Heard) bool {
	f.Time(now)
	h.From, h.Target = h.From.WithZone(""), h.Target.WithZone("")
	if f.link.Problem != nil || !f.link.Local.IsValid() || !plausible(h) {
		return false
	}
	switch {
	case h.From == f.link.Local:
		f.duplicate(now)
	case h.Kind == Advertisement:
		f.advertised(now, h.From)
	default:
		f.meet(h.From)
	}
	return true
}

// plausible judges a message as RFC 4861, sections 7.1.1 and 7.1.2, wants: what
// passed a router has a lower hop limit. Echoes may have any.
func plausible(h Heard) bool {
	if !h.From.Is6() || !h.From.IsLinkLocalUnicast() {
		return false // also the unspecified address, of those who have none yet
	}
	switch h.Kind {
	case EchoRequest, EchoReply:
		return true
	case Solicitation:
		return h.HopLimit == 255 && !h.Target.IsMulticast()
	case Advertisement:
		// One that speaks for others is a proxy: no neighbour.
		return h.HopLimit == 255 && h.Target == h.From
	}
	return false
}

// duplicate ends all: neither end could be told from the other.
func (f *Finder) duplicate(now time.Duration) {
	f.double = true
	err := fmt.Errorf("%w: somebody else has %s", ErrDuplicate, f.link.Local)
	if f.found {
		f.lose(err)
		f.begin(now, err)
		f.double = true
	}
	f.problem = err
}

// meet asks back whoever is heard for the first time in this round.
func (f *Finder) meet(addr netip.Addr) {
	if f.lookup(addr) != nil || f.found && addr == f.peer.Remote || len(f.known) == knownMax {
		return
	}
	f.known = append(f.known, neighbour{addr: addr})
	f.sends = append(f.sends, Send{Solicitation, addr})
}

func (f *Finder) lookup(addr netip.Addr) *neighbour {
	for i := range f.known {
		if f.known[i].addr == addr {
			return &f.known[i]
		}
	}
	return nil
}

// advertised takes an answer to a solicitation of ours.
func (f *Finder) advertised(now time.Duration, addr netip.Addr) {
	if f.found && addr == f.peer.Remote {
		f.unheard = 0
		return
	}
	n := f.lookup(addr)
	switch {
	case n == nil:
		f.meet(addr) // it spoke unasked
	case f.found:
		// The old one is gone, or there are two now: a search tells.
		err := many([]netip.Addr{f.peer.Remote, addr})
		f.lose(err)
		f.begin(now, err)
	default:
		n.confirmed = true
		if f.settle == 0 {
			f.settle = now + SettleTime
		}
	}
}
