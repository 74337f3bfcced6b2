package des

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/dsim/clock"
)

// Limits bound a run. The zero value of each field means its default.
type Limits struct {
	Events uint64        // events executed, in all grains that were begun; default 1e12
	Grain  time.Duration // the event limit stops a run at the next multiple of this; default 1 ns
	Time   clock.Time    // virtual time; default 100 years
	Delta  uint16        // depth of a chain of causes within one instant; default 1000
}

// The limits that hold where none is given.
const (
	EventsMax uint64     = 1_000_000_000_000
	TimeMax   clock.Time = 100 * 365 * 24 * 3600 * 1_000_000_000
	DeltaMax  uint16     = 1000
)

// eventsMore is how many events more than twice the limit a run may have before
// the multiple of the grain that would stop it: what multiplies within an
// instant never reaches it.
const eventsMore = 1 << 16

func (l Limits) withDefaults() Limits {
	if l.Events == 0 {
		l.Events = EventsMax
	}
	if l.Grain <= 0 {
		l.Grain = 1
	}
	if l.Time == 0 {
		l.Time = TimeMax
	}
	if l.Delta == 0 {
		l.Delta = DeltaMax
	}
	return l
}

// ErrEvents says that a run executed as many events as its limit allows.
var ErrEvents = errors.New("event limit reached")

// ZeroDelayError says that a chain of causes did not leave its instant: each
// event scheduled the next without any time passing.
type ZeroDelayError struct {
	Limit uint16
	Chain []Key // the last causes, oldest first
	Names []string
}

// Error names the limit and the cycle at the end of the chain.
func (e *ZeroDelayError) Error() string {
	var b strings.Builder
	at := clock.Time(0)
	if len(e.Chain) > 0 {
		at = e.Chain[0].Time
	}
	fmt.Fprintf(&b, "zero-delay cycle at %s: more than %d events caused one another without time passing: ", at, e.Limit)
	names := e.Names
	if n := cycle(names); n > 0 {
		names = names[len(names)-n:]
		b.WriteString("… ")
		for _, s := range names {
			b.WriteString(s)
			b.WriteString(" -> ")
		}
		b.WriteString(names[0])
		return b.String()
	}
	b.WriteString(strings.Join(names, " -> "))
	return b.String()
}

// cycle is the length of the shortest period at the end of names, 0 if none.
func cycle(names []string) int {
	for n := 1; n <= len(names)/2; n++ {
		same := true
		for i := len(names) - 1; i >= n && i >= len(names)-2*n; i-- {
			if names[i] != names[i-n] {
				same = false
				break
			}
		}
		if same {
			return n
		}
	}
	return 0
}
