//go:build linux || darwin

package socket

import (
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"example.com/dsim/clock"
	"golang.org/x/sys/unix"
)

// udpFrameMax is the longest datagram of UDP, over IPv6 without options.
const udpFrameMax = 65535

// forgetRefusal is how long no refusal must come, after a frame was sent, until
// the other end is taken to be there.
const forgetRefusal = 100 * time.Millisecond

// udp is a UDP socket that is connected to one other: none but that is heard.
// Whether somebody is there is known only from what comes back, a frame or a
// refusal, so frames always go out, whatever is known.
type udp struct {
	*packets
	wake    chan struct{}
	refusal atomic.Int64 // when the last was seen
}

func openUDP(c Config, h Handler) (Wire, error) {
	host, err := c.addr()
	if err != nil {
		return nil, err
	}
	return dialUDP(newEnd(c, h), netip.AddrPortFrom(host, c.Local), netip.AddrPortFrom(host, c.Remote))
}

// dialUDP makes a wire between two addresses. If the local one is another
// machine's, it stands for any of this one.
func dialUDP(e *end, local, remote netip.AddrPort) (*udp, error) {
	conn, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(local), net.UDPAddrFromAddrPort(remote))
	if errors.Is(err, unix.EADDRNOTAVAIL) && local.Addr() == remote.Addr() {
		conn, err = net.DialUDP("udp", &net.UDPAddr{Port: int(local.Port())}, net.UDPAddrFromAddrPort(remote))
	}
	if err != nil {
		return nil, reason(err)
	}
	w := &udp{wake: make(chan struct{}, 1)}
	e.local, e.remote = conn.LocalAddr().String(), conn.RemoteAddr().String()
	if w.packets, err = newPackets(e, conn, udpFrameMax); err != nil {
		_ = conn.Close()
		return nil, err
	}
	w.again = true
	w.gone = w.poke
	w.troubled = func(err error) {
		_, _ = w.dropped(err)
		w.poke()
	}
	w.arrived = w.connected
	w.work.Go(w.keep)
	w.work.Go(w.receive)
	return w, nil
}

func (w *udp) poke() {
	w.refusal.Store(clock.Wall().UnixNano())
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// keep tells of the other end: that it is taken to be there at first, that it
// refused, that it refuses no more.
func (w *udp) keep() {
	w.connected()
	for {
		select {
		case <-w.closing:
			return
		case <-w.wake:
		}
		w.broken(ErrNotConnected)
		for !w.up.Load() {
			if !w.pause(forgetRefusal) {
				return
			}
			last := w.refusal.Load()
			if w.lastTx.Load() > last && clock.Wall().UnixNano() > last+int64(forgetRefusal) {
				w.connected()
			}
		}
	}
}

// Close is as Wire says.
func (w *udp) Close() error {
	if w.shut() {
		w.finish()
	}
	return nil
}
