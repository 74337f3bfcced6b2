package switchyard

import "strings"

// What the fabric says in an ERROR. Clients act on these texts, since the
// protocol has no numbers for them.
const (
	errNoHello       = "expected HELLO, got "
	errUnknownType   = "unknown message type: "
	errNameExists    = "endpoint name already exists: "
	errMACExists     = "endpoint mac already exists: "
	errNoEndpoint    = "no such endpoint: "
	errSubscribe     = "subscribe: unknown endpoint_id "
	errUnknownSource = "PACKET_OUT: unknown src endpoint_id "
	errBadFrame      = "PACKET_OUT: bad ethernet frame: "
	errNoMirror      = "MIRROR: unknown endpoint_id "
	errBadMirror     = "MIRROR: bad ethernet frame: "
	errShortFrame    = "frame too short for ethernet"
)

// AnswersNothing reports whether the text of an ERROR is about a message that
// has no answer, so that it answers no question: it names that message first.
func AnswersNothing(text string) bool {
	return strings.HasPrefix(text, "PACKET_OUT: ") || strings.HasPrefix(text, "MIRROR: ") || strings.HasPrefix(text, "RULES_APPLIED: ")
}
