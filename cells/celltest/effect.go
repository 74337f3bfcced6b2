package celltest

import (
	"bytes"
	"fmt"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// Effect is one thing a protocol asked for, or what a test wants it to ask for.
type Effect struct {
	op     des.Op
	port   cells.Port
	timer  cells.TimerID
	after  time.Duration
	kind   string
	a, b   int64
	words  bool   // EmitText
	text   string // of an address, an emission, or why a frame was dropped
	data   []byte
	any    bool              // whatever the rest
	judge  func([]byte) bool // instead of data
	judged string
}

// Send is bytes sent on a port: a frame, or bytes a stream has taken.
func Send(p cells.Port, data []byte) Effect { return Effect{op: des.OpSend, port: p, data: data} }

// SendAny is any bytes sent on a port.
func SendAny(p cells.Port) Effect { return Effect{op: des.OpSend, port: p, any: true} }

// SendWhere is bytes sent on a port that judge accepts; what says which those
// are.
func SendWhere(p cells.Port, what string, judge func([]byte) bool) Effect {
	return Effect{op: des.OpSend, port: p, judge: judge, judged: what}
}

// Dropped is bytes sent on a port that go nowhere, and are counted under the
// reason.
func Dropped(p cells.Port, data []byte, why cells.Reason) Effect {
	return Effect{op: des.OpSend, port: p, data: data, text: why.String()}
}

// Overflow is bytes sent on a stream that has no room for them.
func Overflow(p cells.Port) Effect { return Effect{op: des.OpDown, port: p} }

// Arm is a timer armed to fire after d by the cell's own clock.
func Arm(id cells.TimerID, d time.Duration) Effect {
	return Effect{op: des.OpArm, timer: id, after: d}
}

// ArmAny is a timer armed, whenever it fires.
func ArmAny(id cells.TimerID) Effect { return Effect{op: des.OpArm, timer: id, any: true} }

// Disarm is a timer disarmed.
func Disarm(id cells.TimerID) Effect { return Effect{op: des.OpDisarm, timer: id} }

// Emit is an emission.
func Emit(k cells.Kind, a, b int64) Effect {
	return Effect{op: des.OpEmit, kind: k.String(), a: a, b: b}
}

// EmitAny is an emission of a kind, with whatever values or words.
func EmitAny(k cells.Kind) Effect { return Effect{op: des.OpEmit, kind: k.String(), any: true} }

// EmitText is an emission of words.
func EmitText(k cells.Kind, text string) Effect {
	return Effect{op: des.OpEmit, kind: k.String(), words: true, text: text}
}

// Listen is a listener opened at an address, as the port.
func Listen(p cells.Port, addr string) Effect { return Effect{op: des.OpListen, port: p, text: addr} }

// Dial is a stream dialled, as the port.
func Dial(p cells.Port, addr string) Effect { return Effect{op: des.OpDial, port: p, text: addr} }

// CloseWrite and Close end a half of a stream, or all of it.
func CloseWrite(p cells.Port) Effect { return Effect{op: des.OpCloseWrite, port: p} }

// Close is a port closed.
func Close(p cells.Port) Effect { return Effect{op: des.OpClose, port: p} }

// Data is what a Send sends.
func (e Effect) Data() []byte { return e.data }

// String prints the effect as a line of a conversation.
func (e Effect) String() string {
	what := func(s string) string {
		if e.any {
			return "(any)"
		}
		return s
	}
	switch e.op {
	case des.OpSend:
		s := fmt.Sprintf("send %d %s", e.port, what(e.bytes()))
		if e.text != "" {
			s += ", dropped: " + e.text
		}
		return s
	case des.OpDown:
		return fmt.Sprintf("overflow %d", e.port)
	case des.OpArm:
		return fmt.Sprintf("arm %d %s", e.timer, what(e.after.String()))
	case des.OpDisarm:
		return fmt.Sprintf("disarm %d", e.timer)
	case des.OpEmit:
		if e.words {
			return fmt.Sprintf("emit %s %s", e.kind, what(fmt.Sprintf("%q", e.text)))
		}
		return fmt.Sprintf("emit %s %s", e.kind, what(fmt.Sprintf("%d %d", e.a, e.b)))
	case des.OpListen, des.OpDial:
		return fmt.Sprintf("%s %d %s", e.op, e.port, e.text)
	}
	return fmt.Sprintf("%s %d", e.op, e.port)
}

// shown is how many bytes of a frame a line shows.
const shown = 48

func (e Effect) bytes() string {
	if e.judge != nil {
		return "(" + e.judged + ")"
	}
	return dump(e.data)
}

func dump(b []byte) string {
	if len(b) > shown {
		return fmt.Sprintf("%x… (%d bytes)", b[:shown], len(b))
	}
	return fmt.Sprintf("%x", b)
}

// fits reports whether what a protocol asked for is what e wants.
func (e Effect) fits(got Effect) bool {
	if e.op != got.op || e.port != got.port || e.timer != got.timer || e.kind != got.kind {
		return false
	}
	switch {
	case e.op == des.OpSend && e.text != got.text: // dropped, and not to be; or the other way
		return false
	case e.any:
		return true
	case e.judge != nil:
		return e.judge(got.data)
	}
	return e.after == got.after && e.a == got.a && e.b == got.b && e.words == got.words && e.text == got.text &&
		bytes.Equal(e.data, got.data)
}
