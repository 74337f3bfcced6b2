package node

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"example.com/dsim/clock"
	"example.com/dsim/realnet/xmlrpc"
)

// LeaseMax is the longest lease.
const LeaseMax = 24 * time.Hour

// ErrLease says that a node ended because nobody renewed its lease.
var ErrLease = errors.New("the lease has run out")

// lease is how long a process goes on without its holder.
type lease struct {
	mu     sync.Mutex
	timer  *time.Timer
	over   func(error)
	holder string
	span   time.Duration
	until  time.Time // by the monotonic clock; zero if there is no lease
}

func (l *lease) init(over func(error)) { l.over = over }

// hold begins or renews a lease. One that somebody else holds is not taken from
// him; one that nobody holds yet is whoever's comes first.
func (l *lease) hold(holder string, span time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.until.IsZero() && l.holder != "" && holder != l.holder {
		return fmt.Errorf("lease: %q holds it for %v more", l.holder, l.until.Sub(clock.Wall()).Round(time.Millisecond))
	}
	if l.timer != nil {
		l.timer.Stop()
	}
	if span == 0 {
		l.until, l.holder = time.Time{}, ""
		return nil
	}
	l.holder, l.span, l.until = holder, span, clock.Wall().Add(span)
	l.timer = time.AfterFunc(span, l.expire)
	return nil
}

// expire ends the process, unless the lease was renewed this moment.
func (l *lease) expire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.until.IsZero() || clock.Wall().Before(l.until) {
		return
	}
	who := fmt.Sprintf("%q", l.holder)
	if l.holder == "" {
		who = "whoever started it"
	}
	l.over(fmt.Errorf("%w: %s has not renewed it for %v", ErrLease, who, l.span))
}

func (l *lease) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = time.Time{}
	if l.timer != nil {
		l.timer.Stop()
	}
}

// callLease is the method lease(holder, seconds).
func (n *Node) callLease(holder string, seconds float64) (any, error) {
	if !(seconds >= 0 && seconds <= LeaseMax.Seconds()) {
		return nil, xmlrpc.Faultf(xmlrpc.FaultParams, "lease: %v seconds: from 0, for none, to %v", seconds, LeaseMax.Seconds())
	}
	if holder == "" {
		return nil, xmlrpc.Faultf(xmlrpc.FaultParams, "lease: a holder has a name")
	}
	return true, n.lease.hold(holder, time.Duration(seconds*float64(time.Second)))
}
