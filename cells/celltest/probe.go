package celltest

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"example.com/dsim/cells"
)

// ProbeName is the protocol of the cells that the suites for datacenters talk
// to.
const ProbeName = "probe"

// probe writes down what happens to it and does what it is told by commands.
type probe struct {
	log      []string
	got      [][]byte // by port: what a stream has brought
	starts   int64
	received int64 // frames and chunks
	drained  int64
	kept     string
}

// Bounds of what a probe keeps.
const (
	probeLogMax  = 1 << 10
	probeDataMax = 1 << 22
)

// MakeProbe makes the protocol of a cell; it knows ProbeName alone. A probe
// does nothing by itself. Its commands are
//
//	send PORT TEXT       flood PORT BYTES PIECE   queued PORT    info PORT
//	listen ADDRESS       dial ADDRESS             closewrite PORT  close PORT
//	arm TIMER SPAN       disarm TIMER             keep TEXT      kept
//	log                  text PORT                pattern PORT   refuse
//
// Answers are words and numbers; log gives one line an event.
func MakeProbe(spec cells.CellSpec) (cells.Protocol, error) {
	if spec.Protocol != ProbeName {
		return nil, fmt.Errorf("no protocol %q: must be %s", spec.Protocol, ProbeName)
	}
	for _, q := range spec.Params {
		return nil, fmt.Errorf("protocol %s takes no parameter %q", ProbeName, q.Name)
	}
	return &probe{}, nil
}

func (p *probe) note(format string, args ...any) {
	if len(p.log) < probeLogMax {
		p.log = append(p.log, fmt.Sprintf(format, args...))
	}
}

// Start and the other handlers write down what happened.
func (p *probe) Start(cells.Env) {
	p.starts++
	p.note("start")
}

func (p *probe) Up(e cells.Env, q cells.Port) {
	i := e.Port(q)
	if i.Accepted {
		p.note("up %d at %d from %s", q, i.Listener, i.Peer)
		return
	}
	p.note("up %d to %s", q, i.Peer)
}

func (p *probe) Recv(e cells.Env, q cells.Port, b []byte) {
	p.received++
	if !e.Port(q).Stream {
		p.note("recv %d %s", q, b)
		return
	}
	for int(q) >= len(p.got) {
		p.got = append(p.got, nil)
	}
	if len(p.got[q]) < probeDataMax {
		p.got[q] = append(p.got[q], b...)
	}
}

func (p *probe) Timer(e cells.Env, id cells.TimerID) { p.note("timer %d", id) }

func (p *probe) Down(e cells.Env, q cells.Port, err error) { p.note("down %d %v", q, err) }

func (p *probe) Drained(e cells.Env, q cells.Port) {
	p.drained++
	p.note("drained %d", q)
}

// AppendState shows how often things happened.
func (p *probe) AppendState(to []cells.Attr) []cells.Attr {
	return append(to, cells.IntAttr("starts", p.starts), cells.IntAttr("received", p.received),
		cells.IntAttr("drained", p.drained), cells.TextAttr("kept", p.kept))
}

// Save and Restore keep what the command keep was given.
func (p *probe) Save() []byte { return []byte(p.kept) }

func (p *probe) Restore(b []byte) error {
	p.kept = string(b)
	return nil
}

// Command does what it is told.
func (p *probe) Command(e cells.Env, args []string) (string, error) {
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	number := func(i int) int {
		n, err := strconv.ParseUint(arg(i), 10, 31)
		if err != nil {
			return 0
		}
		return int(n)
	}
	port := cells.Port(number(1))
	switch arg(0) {
	case "send":
		e.Send(port, []byte(arg(2)))
		p.note("sent %d %s", port, arg(2))
	case "flood":
		p.flood(e, port, number(2), max(number(3), 1))
	case "queued":
		return strconv.Itoa(e.Queued(port)), nil
	case "info":
		return e.Port(port).State.String(), nil
	case "listen":
		return strconv.Itoa(int(e.Listen(arg(1)))), nil
	case "dial":
		return strconv.Itoa(int(e.Dial(arg(1)))), nil
	case "closewrite":
		e.CloseWrite(port)
		p.note("closed %d for writing", port)
	case "close":
		e.Close(port)
		p.note("closed %d", port)
	case "arm":
		d, err := time.ParseDuration(arg(2))
		if err != nil {
			return "", err
		}
		e.Arm(cells.TimerID(number(1)), d)
	case "disarm":
		e.Disarm(cells.TimerID(number(1)))
	case "keep":
		p.kept = arg(1)
	case "kept":
		return p.kept, nil
	case "log":
		return strings.Join(p.log, "\n"), nil
	case "text":
		return string(p.stream(port)), nil
	case "pattern":
		return p.pattern(port), nil
	default:
		return "", fmt.Errorf("no command %q", arg(0))
	}
	return "ok", nil
}

// flood sends n bytes of the pattern, all in this one handler.
func (p *probe) flood(e cells.Env, q cells.Port, n, piece int) {
	b := make([]byte, n)
	for i := range b {
		b[i] = patternAt(i)
	}
	for len(b) > 0 {
		k := min(piece, len(b))
		e.Send(q, b[:k])
		b = b[k:]
	}
	p.note("flooded %d, %d queued, %s", q, e.Queued(q), e.Port(q).State)
}

func (p *probe) stream(q cells.Port) []byte {
	if int(q) < len(p.got) {
		return p.got[q]
	}
	return nil
}

// pattern says how many bytes of the pattern a stream has brought.
func (p *probe) pattern(q cells.Port) string {
	b := p.stream(q)
	for i := range b {
		if b[i] != patternAt(i) {
			return fmt.Sprintf("wrong at %d of %d", i, len(b))
		}
	}
	return strconv.Itoa(len(b))
}

// patternAt is the pattern's byte at a place: no two neighbouring blocks of 256
// are the same.
func patternAt(i int) byte { return byte(i*7 + i>>8) }

var _ interface {
	cells.Protocol
	cells.Commander
	cells.Inspector
	cells.Drainer
	cells.Durable
} = (*probe)(nil)

// eof is how a log shows that the peer sends no more.
var eof = io.EOF.Error()
