package socket

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// tapWire is a device of Ethernet frames that the system sees as an interface:
// what the system sends there is received here, and the other way round. A device
// that this wire made goes when it is closed.
type tapWire struct {
	*packets
}

func openTAP(c Config, h Handler) (Wire, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/net/tun: %w", needs(err, "TAP", "access to the device"))
	}
	ifr, err := unix.NewIfreq(c.Interface)
	if err == nil {
		ifr.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = needs(unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr), "TAP", "CAP_NET_ADMIN")
	}
	if err == nil {
		err = setUp(c.Interface)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	// Only now may the file be watched: before, the device was none yet.
	f := os.NewFile(uintptr(fd), "/dev/net/tun")
	e := newEnd(c, h)
	e.local, e.remote = c.Interface, "this machine"
	if ifi, err := net.InterfaceByName(c.Interface); err == nil {
		e.remote = ifi.HardwareAddr.String()
	}
	w := &tapWire{}
	if w.packets, err = newPackets(e, f, deviceFrameMax); err != nil {
		f.Close()
		return nil, err
	}
	w.troubled = func(err error) { _, _ = w.dropped(err) }
	w.work.Go(w.watch)
	w.work.Go(w.receive)
	return w, nil
}

// setUp sets an interface up, which a new device is not.
func setUp(name string) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(s) }()
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(s, unix.SIOCGIFFLAGS, ifr); err != nil {
		return err
	}
	ifr.SetUint16(ifr.Uint16() | unix.IFF_UP)
	return needs(unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, ifr), "setting an interface up", "CAP_NET_ADMIN")
}

// watch tells whether the system's side of the device is up.
func (w *tapWire) watch() {
	for {
		ifi, err := net.InterfaceByName(w.local)
		switch {
		case err != nil:
			w.broken(noInterface(err))
		case ifi.Flags&net.FlagUp == 0:
			w.broken(fmt.Errorf("interface %s: is down: ip link set %s up", w.local, w.local))
		default:
			w.connected()
		}
		if !w.pause(deviceEvery) {
			return
		}
	}
}

// Close is as Wire says.
func (w *tapWire) Close() error {
	if w.shut() {
		w.finish()
	}
	return nil
}
