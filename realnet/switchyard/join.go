package switchyard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"example.com/dsim/protocols/switchyard"
	"example.com/dsim/realnet/socket"
)

// Joined is an interface of the system that is an endpoint of a fabric: what the
// system sends on it enters the fabric, and what the fabric has for it comes out
// there. It has addresses of its own behind it, which the fabric learns from what
// it sends, so the MAC that the fabric gave the endpoint stays unused.
type Joined struct {
	e      *Endpoint
	w      socket.Wire
	config socket.Config
	notice func(string)

	in, inLost, unfit, finished atomic.Uint64
}

// JoinStats are what an interface and its endpoint have counted.
type JoinStats struct {
	In       uint64 `json:"in"`       // frames of the interface that entered the fabric
	Out      uint64 `json:"out"`      // frames of the fabric that the interface took
	Lost     uint64 `json:"lost"`     // either way: no connection, no room, the interface down
	TooLong  uint64 `json:"too_long"` // for the fabric, or for the interface
	Finished uint64 `json:"finished"` // checksums that the system had left to hardware
}

// Join opens an endpoint and an interface, which is of the kind tap or raw, and
// carries frames between them until Close. Without a name the endpoint has the
// interface's. Notice, which may be nil, is told in a line when the fabric or the
// interface fails, and when it is back; it must return soon.
func Join(ctx context.Context, o Options, c socket.Config, notice func(string)) (*Joined, error) {
	if c.Kind != "tap" && c.Kind != "raw" {
		return nil, fmt.Errorf("switchyard: kind %s has no Ethernet frames: want tap or raw", c.Kind)
	}
	if o.Name == "" {
		o.Name = c.Interface
	}
	j := &Joined{config: c, notice: notice}
	if notice == nil {
		j.notice = func(string) {}
	}
	ready := make(chan struct{})
	o.Lost = func(err error) {
		<-ready
		j.plug(false)
		j.notice(fmt.Sprintf("the fabric is gone: %v", err))
	}
	o.Ready = func(me switchyard.Identity) {
		j.plug(true)
		j.notice(fmt.Sprintf("the fabric is back: %s %s is endpoint %d", c.Kind, c.Interface, me.Endpoint))
	}
	var err error
	if j.e, err = Open(ctx, o); err != nil {
		return nil, err
	}
	if j.w, err = socket.Open(c, j); err != nil {
		close(ready)
		_ = j.e.Close()
		return nil, err
	}
	close(ready)
	return j, nil
}

// plug takes the interface's carrier away and gives it back, where that can be:
// behind another fabric the neighbours may have other MACs.
func (j *Joined) plug(in bool) {
	if cable, ok := j.w.(socket.Cable); ok {
		_ = cable.Plug(in) // old systems cannot: their neighbours time out
	}
}

// Frame takes a frame of the interface.
func (j *Joined) Frame(b []byte) {
	if len(b) > switchyard.PayloadMax || len(b) < 14 {
		j.unfit.Add(1)
		return
	}
	if j.config.Kind == "raw" && finishChecksum(b) {
		j.finished.Add(1)
	}
	if j.e.Send(b) != nil {
		j.inLost.Add(1)
		return
	}
	j.in.Add(1)
}

// Connected and Broken are told by the interface; Run looks for itself.
func (*Joined) Connected() {}

// Broken is as Connected.
func (*Joined) Broken(error) {}

// problemEvery is how often Run looks whether the interface still works.
const problemEvery = 200 * time.Millisecond

// Run carries frames from the fabric to the interface until ctx ends, which is
// no error, or the interface is gone.
func (j *Joined) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go j.watch(ctx, cancel)
	for {
		in, err := j.e.Recv(ctx)
		switch {
		case errors.Is(err, socket.ErrGone):
			return err
		case err != nil:
			return nil // somebody said stop
		}
		_ = j.w.Send(in.Data) // what the interface does not take is counted there
	}
}

// watch tells of what is wrong with the interface, once each.
func (j *Joined) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(problemEvery)
	defer tick.Stop()
	last := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := j.w.Problem()
		if errors.Is(err, socket.ErrGone) {
			cancel(err)
			return
		}
		now := ""
		if err != nil {
			now = err.Error()
		}
		switch {
		case now != "" && now != last:
			j.notice(now)
		case now == "" && last != "":
			j.notice(fmt.Sprintf("interface %s: works again", j.config.Interface))
		}
		last = now
	}
}

// Identity is the endpoint as the fabric knows it.
func (j *Joined) Identity() switchyard.Identity { return j.e.Identity() }

// MTU is how long the interface's packets may be, without their Ethernet header;
// 0 if the system does not say.
func (j *Joined) MTU() int {
	ifi, err := net.InterfaceByName(j.config.Interface)
	if err != nil {
		return 0
	}
	return ifi.MTU
}

// Stats are what was counted so far.
func (j *Joined) Stats() JoinStats {
	w, e := j.w.Counters(), j.e.Stats()
	return JoinStats{
		In: j.in.Load(), Out: w.TxFrames,
		Lost:    j.inLost.Load() + e.Dropped + w.Full + w.Refused + w.Errors,
		TooLong: j.unfit.Load() + w.TooLong + w.BadFrames, Finished: j.finished.Load(),
	}
}

// Close ends the endpoint, and with it the interface if that was made for it.
func (j *Joined) Close() error {
	return errors.Join(j.e.Close(), j.w.Close()) // first what a frame may wait for
}
