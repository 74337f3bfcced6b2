package cells

// Reason says why a frame did not arrive, or arrived changed. Every reason has
// a counter at the sending port.
type Reason uint8

// The reasons, in the order in which a frame meets them.
const (
	ReasonNoPort  Reason = iota // the protocol sent on a port it does not have
	ReasonClosed                // the port is closed, or was over before the bytes came
	ReasonNoLink                // the port has no link
	ReasonMTU                   // longer than the link carries
	ReasonCut                   // the direction is cut
	ReasonHeld                  // held back, and the room for held frames was full
	ReasonQueue                 // the interface's queue was full
	ReasonBuffer                // the channel's buffer was full
	ReasonLoss                  // independent loss
	ReasonBurst                 // loss of a Gilbert-Elliott channel
	ReasonFCS                   // corrupted, and the link has a frame check sequence
	ReasonDown                  // the receiving cell is not running
	ReasonRemoved               // the link or the receiver was removed
	ReasonsMax                  // how many reasons there are
)

var reasonNames = [ReasonsMax]string{
	"no-port", "closed", "no-link", "mtu", "cut", "held", "queue", "buffer", "loss", "burst", "fcs", "down", "removed",
}

// String is the reason's word in counters and verdicts.
func (r Reason) String() string {
	if r < ReasonsMax {
		return reasonNames[r]
	}
	return "reason?"
}

// ReasonNamed finds the reason with a name.
func ReasonNamed(name string) (Reason, bool) {
	for r, n := range reasonNames {
		if n == name {
			return Reason(r), true
		}
	}
	return 0, false
}

// Reasons are all reasons' names, in order.
func Reasons() []string { return reasonNames[:] }
