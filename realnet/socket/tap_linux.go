package socket

import (
	"errors"
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
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return nil, errors.New("/dev/net/tun: TAP needs this device, and the system has none: modprobe tun")
	case err != nil:
		return nil, fmt.Errorf("/dev/net/tun: %w", needs(err, "TAP", "access to the device"))
	}
	ifr, err := unix.NewIfreq(c.Interface)
	if err == nil {
		ifr.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = refusal(unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr))
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
	w.troubled = func(err error) {
		if _, now := w.name(); !errors.Is(now, ErrGone) { // which watch tells
			_, _ = w.dropped(err)
		}
	}
	w.work.Go(w.watch)
	w.work.Go(w.receive)
	return w, nil
}

// refusal says why a device cannot be had.
func refusal(err error) error {
	switch {
	case errors.Is(err, unix.EBUSY):
		return errors.New("another process has the device")
	case errors.Is(err, unix.EINVAL):
		return errors.New("there is an interface of that name, and it is no TAP device")
	}
	return needs(err, "TAP", "CAP_NET_ADMIN")
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

// watch tells whether the system's side of the device is up. The device is known
// by its file: it may be given another name, or be put into another namespace,
// where it is not seen from here and works on.
func (w *tapWire) watch() {
	for {
		name, err := w.name()
		if err != nil {
			w.broken(fmt.Errorf("interface %s: %w", w.local, err))
		} else if ifi, err := net.InterfaceByName(name); err == nil && ifi.Flags&net.FlagUp == 0 {
			w.broken(fmt.Errorf("interface %s: is down: ip link set %s up", name, name))
		} else {
			w.connected()
		}
		if !w.pause(deviceEvery) {
			return
		}
	}
}

// name is the device's name now.
func (w *tapWire) name() (name string, err error) {
	err = w.control(func(fd int) error {
		ifr, err := unix.NewIfreq(w.local)
		if err == nil {
			err = unix.IoctlIfreq(fd, unix.TUNGETIFF, ifr)
		}
		if errors.Is(err, unix.EBADFD) {
			return ErrGone
		}
		name = ifr.Name()
		return err
	})
	return name, err
}

// Plug says whether the device has a carrier. Systems before Linux 5.0 cannot be
// told.
func (w *tapWire) Plug(in bool) error {
	carrier := 0
	if in {
		carrier = 1
	}
	return w.control(func(fd int) error { return unix.IoctlSetPointerInt(fd, unix.TUNSETCARRIER, carrier) })
}

func (w *tapWire) control(f func(fd int) error) (err error) {
	if cerr := w.raw.Control(func(fd uintptr) { err = f(int(fd)) }); cerr != nil {
		return cerr
	}
	return err
}

// Close is as Wire says.
func (w *tapWire) Close() error {
	if w.shut() {
		w.finish()
	}
	return nil
}
