package neighbour

import (
	"strconv"

	"example.com/dsim/cells"
)

// The words of datagrams, and the one datagram that never changes.
const (
	wordAsk    = "AREYOUTHERE"
	wordAnswer = "YESIAM"
	wordBeat   = "HEARTBEAT"
)

var heartbeat = []byte(wordBeat)

// PortidMax is the longest portid that is taken from a datagram.
const PortidMax = 255

// ask sends AREYOUTHERE.
func (l *layer) ask(e cells.Env, p *port) {
	l.Asks++
	l.introduce(e, p, wordAsk, p.attempt, 0)
}

// introduce sends a word with the port's own name, and numbers that are not 0.
func (l *layer) introduce(e cells.Env, p *port, word string, numbers ...uint64) {
	b := append(e.Buf(), word...)
	b = append(b, ' ')
	b = append(b, p.own...)
	for _, n := range numbers {
		if n != 0 {
			b = append(b, ' ')
			b = strconv.AppendUint(b, n, 16)
		}
	}
	e.Send(p.num, b)
}

// datagram takes one: of the link protocol itself, or for the protocol above.
func (l *layer) datagram(e cells.Env, p *port, b []byte) {
	word, rest := cut(b)
	switch {
	case l.config.Reading == Plain && p.state == disconnected:
		l.Stray++ // closed, until it begins again
		return
	case string(word) == wordAsk, string(word) == wordAnswer:
		l.greeting(e, p, string(word) == wordAsk, rest)
		return
	case p.state != connected:
		if p.state == handshaking && p.role == server && string(word) == wordBeat {
			l.answerAgain(e, p) // it beats, so it has our answer, and we have not its
			return
		}
		l.Stray++
		return
	}
	p.heard = e.Now()
	switch {
	case string(word) != wordBeat:
		l.deliver(e, p, b)
	case len(rest) > 0:
		l.acknowledged(e, p, rest)
	}
}

// greeting takes the fields of AREYOUTHERE or YESIAM.
func (l *layer) greeting(e cells.Env, p *port, asks bool, fields []byte) {
	id, rest := cut(fields)
	first, rest := cut(rest)
	second, rest := cut(rest)
	attempt, ok1 := session(first)
	answer, ok2 := session(second)
	ours := l.config.Reading == Ours
	if !isPortid(id) || !ok1 || !ok2 || len(rest) > 0 || ours != (attempt != 0) || ours && !asks && answer == 0 {
		l.Stray++
		return
	}
	if p.open && asks && p.state != connected && p.own > string(id) {
		p.role = server
	}
	if asks != (p.role == server) {
		l.Stray++
		return
	}
	if p.state == connected {
		p.heard = e.Now()
	}
	if p.peer != string(id) {
		p.peer = string(id)
	}
	switch {
	case !ours:
		l.greetPlain(e, p, asks)
	case !asks:
		l.answered(e, p, attempt, answer)
	case answer == 0:
		l.asked(e, p, attempt)
	default:
		l.confirmed(e, p, attempt, answer)
	}
}

// greetPlain connects either end at the first datagram it hears.
func (l *layer) greetPlain(e cells.Env, p *port, asks bool) {
	if p.state != handshaking {
		return
	}
	if asks {
		l.Answers++
		l.introduce(e, p, wordAnswer)
	}
	l.connect(e, p)
}

// asked answers a client: one that asks in a new attempt has begun anew.
func (l *layer) asked(e cells.Env, p *port, attempt uint64) {
	if p.state == disconnected || attempt != p.attempt {
		l.anew(e, p)
		p.state = handshaking
		p.attempt, p.answer = attempt, l.number()
		p.heard = e.Now()
		l.timers.Over(e).Disarm(p.timer(timerTick))
		l.arm(e, p, timerSilence, l.config.GiveUp)
	}
	l.answerAgain(e, p)
}

func (l *layer) answerAgain(e cells.Env, p *port) {
	l.Answers++
	l.introduce(e, p, wordAnswer, p.attempt, p.answer)
}

// answered takes a server's answer to this attempt, and confirms it. A server
// that answers with another number has begun anew.
func (l *layer) answered(e cells.Env, p *port, attempt, answer uint64) {
	switch {
	case p.state == disconnected || attempt != p.attempt:
		l.Stray++
		return
	case p.state == connected && answer != p.answer:
		l.anew(e, p)
	}
	p.answer = answer
	l.Asks++
	l.introduce(e, p, wordAsk, attempt, answer)
	if p.state != connected {
		l.connect(e, p)
	}
}

// confirmed takes a client's word that it has the answer.
func (l *layer) confirmed(e cells.Env, p *port, attempt, answer uint64) {
	switch {
	case p.state == disconnected || attempt != p.attempt || answer != p.answer:
		l.Stray++
	case p.state == handshaking:
		l.connect(e, p)
	}
}

// anew ends a session whose neighbour has begun another.
func (l *layer) anew(e cells.Env, p *port) {
	if p.state == connected {
		l.Anew++
	}
	l.disconnect(e, p, ErrAnew)
}

// cut splits at the first blank.
func cut(b []byte) (word, rest []byte) {
	for i, x := range b {
		if x == ' ' {
			return b[:i], b[i+1:]
		}
	}
	return b, nil
}

// isPortid reports whether a word can be the name of a port.
func isPortid(b []byte) bool {
	for _, x := range b {
		if x <= ' ' || x == 0x7f || x == ',' || x == '[' || x == ']' {
			return false
		}
	}
	return len(b) > 0 && len(b) <= PortidMax
}

// session reads a number of a session, of which none is 0.
func session(b []byte) (uint64, bool) {
	if len(b) == 0 {
		return 0, true
	}
	n := uint64(0)
	for _, x := range b {
		switch {
		case x >= '0' && x <= '9':
			x -= '0'
		case x >= 'a' && x <= 'f':
			x -= 'a' - 10
		default:
			return 0, false
		}
		if n>>60 != 0 {
			return 0, false
		}
		n = n<<4 | uint64(x)
	}
	return n, n != 0
}
