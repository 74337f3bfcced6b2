package switchyard

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/protocols/eth"
)

// BridgeConfig is what a bridge is made of.
type BridgeConfig struct {
	Left  string `dsim:"left" doc:"the fabric on one side, as cell:service" default:"left:switchyard"`
	Right string `dsim:"right" doc:"the fabric on the other side" default:"right:switchyard"`
	Name  string `dsim:"endpoint" doc:"the name of its endpoints; the cell's own if empty" default:""`
}

// BridgeDefaults is the BridgeConfig that the tags describe.
func BridgeDefaults() BridgeConfig {
	return BridgeConfig{Left: "left:" + Service, Right: "right:" + Service}
}

// What a bridge emits: once, the cells of its fabrics, as "left right"; and each
// frame it takes across, with the side it came from, 0 for left.
var (
	KindBridge  = cells.NewKind("switchyard-bridge", "fabrics", "")
	KindCarried = cells.NewKind("switchyard-carried", "sum", "side")
)

// Bridge joins two fabrics: it has an endpoint on each, and what reaches one it
// sends from the other. It needs no promiscuous subscription: a fabric learns
// that addresses of the other side live at the bridge, and floods what it does
// not know. It keeps no table, and knows no other bridges: two of them between
// the same fabrics are a loop, in which a broadcast never ends. The oracle
// switchyard/storm names it.
type Bridge struct {
	config BridgeConfig
	sides  [2]side

	carried [2]uint64 // by the side it came from
	own     uint64    // for the bridge itself
	lost    uint64
}

// side is one endpoint of a bridge, and the App on it.
type side struct {
	b  *Bridge
	n  int
	ep *Endpoint
}

// NewBridge makes a bridge.
func NewBridge(c BridgeConfig) (cells.Protocol, error) {
	if c.Left == c.Right {
		return nil, fmt.Errorf("switchyard: a bridge from %q to itself", c.Left)
	}
	b := &Bridge{config: c}
	for i, fabric := range [2]string{c.Left, c.Right} {
		s := &b.sides[i]
		s.b, s.n = b, i
		ep, err := NewEndpoint(EndpointConfig{Fabric: fabric, Name: c.Name}, s)
		if err != nil {
			return nil, err
		}
		s.ep = ep
	}
	return b, nil
}

// sideTimers is how many timers of the endpoints' range each side has.
const sideTimers = 16

// sideEnv keeps the timers and the chance of the two endpoints apart.
type sideEnv struct {
	cells.Env
	n int
}

func (e sideEnv) timer(id cells.TimerID) cells.TimerID {
	return id + cells.TimerID(e.n)*sideTimers
}

// Arm arms a timer of the side's.
func (e sideEnv) Arm(id cells.TimerID, d time.Duration) { e.Env.Arm(e.timer(id), d) }

// Disarm disarms one.
func (e sideEnv) Disarm(id cells.TimerID) { e.Env.Disarm(e.timer(id)) }

var sideNames = [2]string{"left", "right"}

// Rand gives a random stream of the side's.
func (e sideEnv) Rand(purpose string) *cells.Rand { return e.Env.Rand(sideNames[e.n] + " " + purpose) }

// cellOf is the cell of an address.
func cellOf(addr string) string {
	cell, _, _ := strings.Cut(addr, ":")
	return cell
}

// Start dials both fabrics.
func (b *Bridge) Start(e cells.Env) {
	e.EmitText(KindBridge, cellOf(b.config.Left)+" "+cellOf(b.config.Right))
	for i := range b.sides {
		b.sides[i].ep.Start(sideEnv{e, i})
	}
}

// Up, Recv and Down are of the side whose port it is.
func (b *Bridge) Up(e cells.Env, q cells.Port) {
	if s := b.side(q); s != nil {
		s.ep.Up(sideEnv{e, s.n}, q)
	}
}

// Recv takes a chunk of one side's stream.
func (b *Bridge) Recv(e cells.Env, q cells.Port, p []byte) {
	if s := b.side(q); s != nil {
		s.ep.Recv(sideEnv{e, s.n}, q, p)
	}
}

// Down ends one side's connection.
func (b *Bridge) Down(e cells.Env, q cells.Port, err error) {
	if s := b.side(q); s != nil {
		s.ep.Down(sideEnv{e, s.n}, q, err)
	}
}

func (b *Bridge) side(q cells.Port) *side {
	for i := range b.sides {
		if b.sides[i].ep.Owns(q) {
			return &b.sides[i]
		}
	}
	return nil
}

// Timer is of the side whose it is.
func (b *Bridge) Timer(e cells.Env, id cells.TimerID) {
	if id < TimersMax {
		return
	}
	if n := int(id-TimersMax) / sideTimers; n < len(b.sides) {
		b.sides[n].ep.Timer(sideEnv{e, n}, id-cells.TimerID(n)*sideTimers)
	}
}

// Command passes "left WORDS" and "right WORDS" to the endpoint of that side.
func (b *Bridge) Command(e cells.Env, args []string) (string, error) {
	if len(args) > 1 {
		for i, name := range sideNames {
			if args[0] == name {
				return b.sides[i].ep.Command(sideEnv{e, i}, args[1:])
			}
		}
	}
	return "", errors.New("want left or right, and a command for that endpoint: rules or endpoint")
}

// AppendState shows both sides, and what went across.
func (b *Bridge) AppendState(a []cells.Attr) []cells.Attr {
	l, r := &b.sides[0], &b.sides[1]
	return append(a,
		cells.BoolAttr("left_ready", l.ep.state == ready), cells.BoolAttr("right_ready", r.ep.state == ready),
		cells.BoolAttr("ready", l.ep.state == ready && r.ep.state == ready),
		count("left_breaks", l.ep.counts.breaks), count("right_breaks", r.ep.counts.breaks),
		count("to_right", b.carried[0]), count("to_left", b.carried[1]),
		count("own", b.own), count("lost", b.lost))
}

// Start and the methods that follow are the App on one side.
func (s *side) Start(cells.Env, *Endpoint) {}

// Ready has nothing to do.
func (s *side) Ready(cells.Env, Identity) {}

// Frame takes a frame across.
func (s *side) Frame(e cells.Env, in Incoming) {
	if eth.MAC(in.Frame[:6]) == s.ep.me.MAC {
		s.b.own++
		return
	}
	if !s.b.sides[1-s.n].ep.Send(e, in.Frame) {
		s.b.lost++
		return
	}
	s.b.carried[s.n]++
	e.Emit(KindCarried, Sum(in.Frame), int64(s.n))
}

// Found has nothing to do: a bridge looks for nobody.
func (s *side) Found(cells.Env, string, Identity, error) {}

// Lost has nothing to do: the other side goes on.
func (s *side) Lost(cells.Env, error) {}

// Timer has nothing to do.
func (s *side) Timer(cells.Env, cells.TimerID) {}
