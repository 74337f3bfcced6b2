package replay

import "fmt"

// Level says how much a trace holds.
type Level uint8

const (
	// Choices keeps the choices of a run and its marks: enough to run it again
	// and to see which cell went another way, cheap enough to be always on.
	Choices Level = iota
	// Events keeps everything: every record, with its bytes.
	Events
)

// String is "choices" or "events".
func (l Level) String() string {
	switch l {
	case Choices:
		return "choices"
	case Events:
		return "events"
	}
	return fmt.Sprintf("level %d", uint8(l))
}

// ParseLevel reads what String prints.
func ParseLevel(s string) (Level, error) {
	switch s {
	case "choices":
		return Choices, nil
	case "events":
		return Events, nil
	}
	return 0, fmt.Errorf("trace level %q: want choices or events", s)
}
