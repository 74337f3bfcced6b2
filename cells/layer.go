package cells

import "time"

// Layer is an Env for a protocol that is wrapped by another: its timers, its
// random streams and its kinds of emissions are kept apart from those of the
// layer above. What it emits as "deliver" is emitted as "name/deliver".
// A protocol holds one Layer for each protocol it wraps, calls Over with its
// own Env at each event, and passes timers on that In claims.
//
//	func (p *upper) Timer(e cells.Env, id cells.TimerID) {
//		if inner, ok := p.lower.In(id); ok {
//			p.protocol.Timer(p.lower.Over(e), inner)
//			return
//		}
//		…
//	}
type Layer struct {
	Env           // of the layer above; set by Over
	name   string // prefixes purposes and kinds
	number uint32
	kinds  []Kind // by the wrapped protocol's kind; 0 if not emitted yet
}

// layerBits is how many bits of a TimerID are left to each layer.
const layerBits = 24

// NewLayer makes a layer. Number, from 1 to 255, tells the timers of the
// layers of one cell apart; name tells their random streams and kinds apart.
func NewLayer(name string, number uint8) *Layer {
	if number == 0 {
		panic("cells: layer 0 is the cell itself")
	}
	return &Layer{name: name + "/", number: uint32(number)}
}

// Over gives the layer's Env for the event that e is for.
func (l *Layer) Over(e Env) Env {
	l.Env = e
	return l
}

// In reports whether a timer belongs to the layer, and its number there.
func (l *Layer) In(id TimerID) (TimerID, bool) {
	return id & (1<<layerBits - 1), uint32(id)>>layerBits == l.number
}

func (l *Layer) timer(id TimerID) TimerID {
	if id>>layerBits != 0 {
		panic("cells: a layer's timer id is at most 2^24-1")
	}
	return TimerID(l.number<<layerBits) | id
}

// Arm arms a timer of the layer.
func (l *Layer) Arm(id TimerID, d time.Duration) { l.Env.Arm(l.timer(id), d) }

// Disarm disarms a timer of the layer.
func (l *Layer) Disarm(id TimerID) { l.Env.Disarm(l.timer(id)) }

// Rand gives a random stream of the layer.
func (l *Layer) Rand(purpose string) *Rand { return l.Env.Rand(l.name + purpose) }

// Emit emits under the layer's own kind.
func (l *Layer) Emit(k Kind, a, b int64) { l.Env.Emit(l.kind(k), a, b) }

// EmitText emits words under the layer's own kind.
func (l *Layer) EmitText(k Kind, text string) { l.Env.EmitText(l.kind(k), text) }

func (l *Layer) kind(k Kind) Kind {
	for int(k) >= len(l.kinds) {
		l.kinds = append(l.kinds, 0)
	}
	if l.kinds[k] == 0 {
		a, b := k.Values()
		l.kinds[k] = NewKind(l.name+k.String(), a, b)
	}
	return l.kinds[k]
}
