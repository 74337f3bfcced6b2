package socket

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"
)

// deviceFrameMax is more than the system puts into one frame, also where it
// joins what came in several.
const deviceFrameMax = 256 << 10

// How often a device is looked at that was pulled or set down.
const deviceEvery = 200 * time.Millisecond

// rawWire is Ethernet frames of an interface, whole, with their headers. What
// leaves the machine through the interface by others is not heard, what comes
// for others is: an end of a link is no host.
type rawWire struct {
	*packets
	name  string
	index int
}

func openRaw(c Config, h Handler) (Wire, error) {
	ifi, err := net.InterfaceByName(c.Interface)
	if err != nil {
		return nil, noInterface(err)
	}
	protocol := unix.ETH_P_ALL
	if c.EtherType != 0 {
		protocol = int(c.EtherType)
	}
	conn, err := packet.Listen(ifi, packet.Raw, protocol, nil)
	if err != nil {
		return nil, needs(err, "raw Ethernet", "CAP_NET_RAW")
	}
	e := newEnd(c, h)
	e.local, e.remote = fmt.Sprintf("%s %v", ifi.Name, ifi.HardwareAddr), "who is on "+ifi.Name
	w := &rawWire{name: ifi.Name, index: ifi.Index}
	if w.packets, err = newPackets(e, conn, deviceFrameMax); err != nil {
		_ = conn.Close()
		return nil, err
	}
	if err := w.onlyIncoming(conn); err != nil {
		_ = conn.Close()
		return nil, err
	}
	w.troubled = func(err error) { _, _ = w.dropped(err) }
	w.work.Go(w.watch)
	w.work.Go(w.receive)
	return w, nil
}

// onlyIncoming keeps what this machine sends from coming back, and asks for what
// is not addressed to it.
func (w *rawWire) onlyIncoming(conn *packet.Conn) error {
	var err error
	if cerr := w.raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
	}); cerr != nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("ignore what is sent: %w", err)
	}
	if err := conn.SetPromiscuous(true); err != nil {
		return fmt.Errorf("promiscuous mode: %w", reason(err))
	}
	return nil
}

// watch tells whether the interface can carry frames.
func (w *rawWire) watch() {
	for {
		if err := carries(w.name, w.index); err != nil {
			w.broken(err)
		} else {
			w.connected()
		}
		if !w.pause(deviceEvery) {
			return
		}
	}
}

// carries says why an interface does not carry frames, nil if it does. A new
// one under the old name is not the one that was opened.
func carries(name string, index int) error {
	ifi, err := net.InterfaceByName(name)
	switch {
	case err != nil && number(errors.Unwrap(err)) != 0:
		return fmt.Errorf("interface %s: %w", name, reason(err)) // the system would not look
	case err != nil:
		return fmt.Errorf("interface %s: %w", name, ErrGone)
	case ifi.Index != index:
		return fmt.Errorf("interface %s: was replaced by another of that name, and %w: bind the port anew", name, ErrGone)
	case ifi.Flags&net.FlagUp == 0:
		return fmt.Errorf("interface %s: is down: ip link set %s up", name, name)
	case ifi.Flags&net.FlagRunning == 0:
		return fmt.Errorf("interface %s: has no carrier", name)
	}
	return nil
}

// Close is as Wire says.
func (w *rawWire) Close() error {
	if w.shut() {
		w.finish()
	}
	return nil
}

// noInterface is what a person can do something about.
func noInterface(err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return reason(err)
	}
	return errors.New("there is no such interface")
}

// needs says which privilege is missing, if that is what is wrong.
func needs(err error, what, privilege string) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return fmt.Errorf("%s needs %s: %w", what, privilege, reason(err))
	}
	return reason(err)
}
