package des

// Op says what a record is about. Ops from OpStart to OpCommand are events:
// something reached an entity. The rest are effects: what was done in answer,
// recorded under the key of the event that was being handled. The numbers are
// part of the trace format: they are never reused, only added to.
type Op uint8

const (
	_ Op = iota
	// Events.
	OpStart    // a cell starts; A: incarnation
	OpUp       // a port came up
	OpRecv     // bytes arrived on a port; Data; Link: the direction; A: frame number; B: copy
	OpTimer    // a timer fired; A: timer id; B: the local deadline
	OpDown     // a port went down; A: code of the error
	OpDrained  // a stream's queue fell to a quarter of its bound
	OpCommand  // a command; Text: its words; the answer follows as OpAnswer
	OpTimeline // the timeline acts; Text: what it does
	OpCredit   // bytes of a stream were credited; A: how many
	OpMiss     // a frame reached a port that cannot take it; A: reason
	OpPark     // an event reached a paused cell and waits; A: Op of the event
	OpTransit  // an event inside the network, seen by no cell; Text: what

	// Effects.
	OpSend       // bytes sent on a port; Data; Link: the direction; A: frame number
	OpArm        // a timer armed; A: timer id; B: the local deadline
	OpDisarm     // a timer disarmed; A: timer id
	OpListen     // Text: the address; Port: the listener
	OpDial       // Text: the address; Port: the new port
	OpCloseWrite //
	OpClose      //
	OpEmit       // A, B: values; Kind: what; Text: with EmitText
	OpAnswer     // what a command answered; Text; A: 1 if an error
	OpVerdict    // what a link did to a frame; Link, A: frame number; Text: the verdict
	OpPanic      // a handler panicked; Text: the cause
	OpState      // a cell's state changed from outside: Text: crash, restart, pause, resume, …
	OpChange     // the topology or a parameter changed; Text
	OpMark       // a checkpoint: Cell's fold is A as bits; with no Cell, the world's digest
)

var opNames = [...]string{
	OpStart: "start", OpUp: "up", OpRecv: "recv", OpTimer: "timer", OpDown: "down", OpDrained: "drained",
	OpCommand: "command", OpTimeline: "timeline", OpCredit: "credit", OpMiss: "miss", OpPark: "park",
	OpTransit: "transit", OpSend: "send", OpArm: "arm", OpDisarm: "disarm", OpListen: "listen", OpDial: "dial",
	OpCloseWrite: "closewrite", OpClose: "close", OpEmit: "emit", OpAnswer: "answer",
	OpVerdict: "verdict", OpPanic: "panic", OpState: "state", OpChange: "change", OpMark: "mark",
}

// OpCount is one more than the greatest Op.
const OpCount = Op(len(opNames))

// String is the op's word in printed traces.
func (o Op) String() string {
	if o < OpCount && opNames[o] != "" {
		return opNames[o]
	}
	return "op?"
}

// Event reports whether o is an event, not an effect.
func (o Op) Event() bool { return o >= OpStart && o <= OpTransit }

// Record is one thing that happened. Records of one event follow each other:
// the event first, its effects in the order they were drained.
type Record struct {
	Key   Key    // of the event being handled
	Cause Key    // of the event that scheduled it; zero for what comes from outside
	Op    Op     //
	Cell  string // the cell's name; empty where none is concerned
	Link  string // the link direction's name, such as "ab>"; empty where none is concerned
	Port  uint32 // the cell's own number for the port
	Kind  string // with OpEmit: the kind's name
	A, B  int64  // as the Op says
	Text  string // as the Op says
	Data  []byte // payload; valid during the call only
}

// Sink takes records as they happen. It observes: it must not draw, schedule
// or change anything, and must not keep Data.
type Sink interface {
	Record(*Record)
}

// Choice is one decision of chance that mattered, addressed by name and
// occurrence: what a link did to its n-th frame, the rank that decided a tie,
// the value drawn for an option. Plain outcomes make no choice. Choices are
// what a trace at level "choices" holds and what replay serves.
type Choice struct {
	At    Key    // the event during which it was made; zero before the run
	What  string // "verdict", "tie", "option", "command"
	Where string // the link direction, entity or option: "ab>", "cell alice", "links.ab.loss"
	N     uint64 // the occurrence: frame number, sequence or time
	Value string // the outcome, in the canonical text of its What
}

// ChoiceSink takes choices as they are made.
type ChoiceSink interface {
	Choose(*Choice)
}
