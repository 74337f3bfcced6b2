// Package ntp is the 48 bytes of the network time protocol, version 4, as RFC
// 5905 describes them, without extensions and authentication: a [Header] as a
// table of package wire, a [Stamp] as a value, and the arithmetic of a client.
// What a server says of itself and when a client asks is left to them.
package ntp

import (
	"math/bits"
	"strconv"
	"time"

	"example.com/dsim/clock"
	"example.com/dsim/protocols/wire"
)

// Port is the UDP port of servers.
const Port = 123

// Size is the bytes of a header.
const Size = 48

// Version is the version of the headers made here. Servers answer others too.
const Version = 4

// StratumMax is the greatest stratum of a server that has the time; 0 is that of
// one that refuses to tell, RFC 5905, section 7.4.
const StratumMax = 15

// The modes in which a header is sent.
const (
	Client uint8 = 3
	Server uint8 = 4
)

// Stamp is an instant as seconds since 1900 in the upper 32 bits and their
// fraction in the lower, which starts again every 136 years. The zero Stamp is
// none.
type Stamp uint64

// unixSeconds are the seconds from 1900 to 1970, 17 of 70 years with a leap
// day.
const unixSeconds = 2_208_988_800

// StampOf is an instant that a clock shows, read as nanoseconds since 1970.
func StampOf(t clock.Time) Stamp {
	s := int64(t) / 1_000_000_000
	ns := int64(t) % 1_000_000_000
	if ns < 0 {
		s, ns = s-1, ns+1_000_000_000
	}
	hi, lo := bits.Mul64(uint64(ns), 1<<32)
	fraction, _ := bits.Div64(hi, lo, 1_000_000_000)
	return Stamp(uint64(s+unixSeconds)<<32 | fraction)
}

// Sub is how much later s is than t, the shorter way round the era: within 68
// years it is right, to less than a nanosecond.
func (s Stamp) Sub(t Stamp) time.Duration { return span(int64(s - t)) }

// span is units of 2^-32 seconds in nanoseconds, rounded to the nearest.
func span(units int64) time.Duration {
	neg := units < 0
	u := uint64(units)
	if neg {
		u = -u
	}
	hi, lo := bits.Mul64(u, 1_000_000_000)
	lo, carry := bits.Add64(lo, 1<<31, 0)
	hi += carry
	n := int64(hi<<32 | lo>>32) // less than 2^31 seconds: fits
	if neg {
		n = -n
	}
	return time.Duration(n)
}

// Time is the instant as a clock shows it, in the era that is nearest to near.
func (s Stamp) Time(near clock.Time) clock.Time { return near.Add(s.Sub(StampOf(near))) }

// String is the stamp in seconds since 1900 with nine decimals.
func (s Stamp) String() string {
	ns := uint64(span(int64(s & 0xffffffff)))
	sec := uint64(s>>32) + ns/1_000_000_000
	return strconv.FormatUint(sec, 10) + "." + strconv.FormatUint(1_000_000_000+ns%1_000_000_000, 10)[1:]
}

// Header is what client and server say.
type Header struct {
	Leap       uint8 // 0: no leap second is near; 3: the clock is not set
	Version    uint8
	Mode       uint8
	Stratum    uint8 // 1: has its time from a clock
	Poll       uint8 // log2 of seconds, as a signed number
	Precision  uint8 // log2 of seconds, as a signed number
	Delay      uint32
	Dispersion uint32
	Reference  [4]byte // what kind of clock, "LOCL"
	Updated    Stamp   // when the clock was last set
	Origin     Stamp   // of a reply: Transmit of the request
	Receive    Stamp   // when the request came
	Transmit   Stamp   // when this was sent
}

// RFC 5905, section 7.3. What may follow, extensions and a digest, is ignored.
var headers = wire.NewLayout("ntp",
	wire.Bits("mode", 1,
		wire.Part("leap", 6, 2, func(h *Header) *uint8 { return &h.Leap }),
		wire.Part("version", 3, 3, func(h *Header) *uint8 { return &h.Version }).Range(1, 4),
		wire.Part("mode", 0, 3, func(h *Header) *uint8 { return &h.Mode }),
	),
	wire.U8("stratum", func(h *Header) *uint8 { return &h.Stratum }),
	wire.U8("poll", func(h *Header) *uint8 { return &h.Poll }),
	wire.U8("precision", func(h *Header) *uint8 { return &h.Precision }),
	wire.U32("delay", func(h *Header) *uint32 { return &h.Delay }),
	wire.U32("dispersion", func(h *Header) *uint32 { return &h.Dispersion }),
	wire.Fixed("reference", func(h *Header) []byte { return h.Reference[:] }),
	wire.U64("updated", func(h *Header) *Stamp { return &h.Updated }).Hex(),
	wire.U64("origin", func(h *Header) *Stamp { return &h.Origin }).Hex(),
	wire.U64("receive", func(h *Header) *Stamp { return &h.Receive }).Hex(),
	wire.U64("transmit", func(h *Header) *Stamp { return &h.Transmit }).Hex(),
)

// Parse reads a header.
func (h *Header) Parse(b []byte) error {
	_, err := headers.DecodePrefix(b, h)
	return err
}

// Append puts the header at the end of dst.
func (h *Header) Append(dst []byte) ([]byte, error) { return headers.Append(dst, h) }

// String is the header in one line.
func (h *Header) String() string { return headers.Print(h) }

// Ask is a client's request at an instant of its clock.
func Ask(now clock.Time) Header {
	return Header{Version: Version, Mode: Client, Transmit: StampOf(now)}
}

// Answer is a server's reply to a request, at an instant of its clock, which is
// right by definition: stratum 1, precision 2^-20 s, "LOCL".
func (h *Header) Answer(now clock.Time) Header {
	t := StampOf(now)
	return Header{
		Version: h.Version, Mode: Server, Stratum: 1, Poll: 4, Precision: 0x100 - 20, Reference: [4]byte{'L', 'O', 'C', 'L'},
		Updated: t, Origin: h.Transmit, Receive: t, Transmit: t,
	}
}

// Sample is what a client knows from a reply that came at an instant of its
// clock: how far the server's clock is ahead of its own, and how long the
// request and the reply were on their way together. RFC 5905, section 8. The
// offset is off by half the delay at most, as long as neither clock is stepped.
func (h *Header) Sample(now clock.Time) (offset, delay time.Duration) {
	back := StampOf(now)
	there, here := int64(h.Receive-h.Origin), int64(h.Transmit-back)
	units := there/2 + here/2 + (there%2+here%2)/2 // no sum that could overflow
	return span(units), span(int64(back-h.Origin) - int64(h.Transmit-h.Receive))
}
