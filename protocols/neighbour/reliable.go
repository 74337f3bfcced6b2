package neighbour

import (
	"strconv"

	"example.com/dsim/cells"
)

// Reliable sessions number what the upper protocol sends, from 1 in each
// session, and repeat it until the neighbour says that it has it:
//
//	<number> <what was sent>     data
//	HEARTBEAT <number>           everything up to this number has arrived
//
// A receiver takes the next number only, and acknowledges all it has at each
// datagram. A sender has at most windowMax datagrams on the way, keeps up to
// backlogMax, and sends those on the way again when nothing was acknowledged
// for a while.

// windowMax is how many datagrams may be on the way, and backlogMax how many
// may wait to be acknowledged before the session is given up.
const (
	windowMax  = 32
	backlogMax = 1 << 14
)

// numberRoom is what a number and its blank take of a frame.
const numberRoom = 21

// channel is both directions of a reliable session.
type channel struct {
	waiting  [][]byte // sent and not acknowledged, then not sent; a ring from head
	head     int
	sent     int    // of waiting: how many are on the way
	acked    uint64 // the number before the first of waiting
	received uint64
}

// begin empties a channel.
func (c *channel) begin(l *layer) {
	l.texts = append(l.texts, c.waiting[c.head:]...)
	*c = channel{waiting: c.waiting[:0]}
}

func (c *channel) backlog() int { return len(c.waiting) - c.head }

// submit takes what the upper protocol sends. A channel that holds too much is
// as good as broken: the session is left, by an event of its own.
func (l *layer) submit(e cells.Env, p *port, b []byte) {
	if p.backlog() >= backlogMax {
		l.Stray++
		return
	}
	var text []byte
	if k := len(l.texts); k > 0 {
		text, l.texts = l.texts[k-1], l.texts[:k-1]
	}
	p.waiting = append(p.waiting, append(text[:0], b...))
	if p.backlog() == backlogMax {
		p.heard = p.heard.Add(-l.silence)
		l.arm(e, p, timerSilence, 0)
	}
	l.proceed(e, p)
}

// proceed sends what the window allows.
func (l *layer) proceed(e cells.Env, p *port) {
	for p.sent < min(p.backlog(), windowMax) {
		if p.sent == 0 {
			l.arm(e, p, timerRTO, l.config.RTO)
		}
		l.transmit(e, p, p.sent)
		p.sent++
	}
}

// transmit sends the i-th of those that wait.
func (l *layer) transmit(e cells.Env, p *port, i int) {
	b := strconv.AppendUint(e.Buf(), p.acked+1+uint64(i), 10)
	b = append(b, ' ')
	e.Send(p.num, append(b, p.waiting[p.head+i]...))
}

// resend sends again what is on the way and was not acknowledged.
func (l *layer) resend(e cells.Env, p *port) {
	if p.state != connected || p.sent == 0 {
		return
	}
	for i := range p.sent {
		l.Resent++
		l.transmit(e, p, i)
	}
	l.arm(e, p, timerRTO, l.config.RTO)
}

// acknowledged takes the number that came with a heartbeat.
func (l *layer) acknowledged(e cells.Env, p *port, number []byte) {
	n, ok := decimal(number)
	if !ok || !l.config.Reliable || n > p.acked+uint64(p.sent) {
		l.Stray++
		return
	}
	if n <= p.acked {
		return
	}
	k := int(n - p.acked)
	for i := range k {
		l.texts = append(l.texts, p.waiting[p.head+i])
		p.waiting[p.head+i] = nil
	}
	p.head += k
	p.sent -= k
	p.acked = n
	if p.head > windowMax && 2*p.head >= len(p.waiting) {
		p.waiting = p.waiting[:copy(p.waiting, p.waiting[p.head:])]
		p.head = 0
	}
	if p.sent > 0 {
		l.arm(e, p, timerRTO, l.config.RTO)
	} else {
		l.timers.Over(e).Disarm(p.timer(timerRTO))
	}
	l.proceed(e, p)
}

// deliver hands a datagram to the upper protocol: of a reliable session, the
// next.
func (l *layer) deliver(e cells.Env, p *port, b []byte) {
	if !l.config.Reliable {
		l.upper.Recv(l.over(e), p.num, b)
		return
	}
	word, text := cut(b)
	n, ok := decimal(word)
	if !ok || len(word) == len(b) {
		l.Stray++
		return
	}
	if n != p.received+1 {
		l.Repeats++
		l.acknowledge(e, p)
		return
	}
	p.received = n
	l.acknowledge(e, p)
	l.upper.Recv(l.over(e), p.num, text)
}

func (l *layer) acknowledge(e cells.Env, p *port) {
	b := append(e.Buf(), wordBeat...)
	b = append(b, ' ')
	e.Send(p.num, strconv.AppendUint(b, p.received, 10))
}

// decimal reads a number that does not begin with 0, or is it.
func decimal(b []byte) (uint64, bool) {
	n := uint64(0)
	for _, x := range b {
		if x < '0' || x > '9' {
			return 0, false
		}
		n = 10*n + uint64(x-'0')
	}
	return n, len(b) > 0 && len(b) <= 18 && (b[0] != '0' || len(b) == 1)
}
