package nd

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Look says what an interface is able to now, for neighbour discovery. An error
// is one that waiting does not mend.
func Look(name string) (Link, error) {
	link, _, err := look(name)
	return link, err
}

func look(name string) (Link, *net.Interface, error) {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return Link{Problem: missing(name, err)}, nil, nil
	}
	at := l.Attrs()
	link := Link{Index: at.Index}
	if err := unable(at, l.Type()); err != nil {
		return link, nil, fmt.Errorf("interface %s: cannot do neighbour discovery: %w", name, err)
	}
	if link.Local, link.Problem = address(l, at); link.Problem != nil {
		link.Problem = fmt.Errorf("interface %s: %w", name, link.Problem)
		return link, nil, nil //nolint:nilerr // it may get an address
	}
	return link, &net.Interface{Index: at.Index, MTU: at.MTU, Name: at.Name, HardwareAddr: at.HardwareAddr, Flags: at.Flags}, nil
}

func missing(name string, err error) error {
	var none netlink.LinkNotFoundError
	if errors.As(err, &none) {
		err = errors.New("there is no such interface")
	}
	return fmt.Errorf("interface %s: %w", name, err)
}

// unable says why neighbours cannot be found on an interface of that type.
func unable(at *netlink.LinkAttrs, kind string) error {
	switch raw := at.RawFlags; {
	case raw&unix.IFF_LOOPBACK != 0:
		return errors.New("it is the loopback: bind the port to a UNIX socket, or to UDP as 127.0.0.1:LOCAL:REMOTE")
	case raw&unix.IFF_POINTOPOINT != 0:
		return fmt.Errorf("it is point to point (%s) and has no link-layer addresses", kind)
	case raw&unix.IFF_NOARP != 0:
		return fmt.Errorf("it does not resolve addresses (%s, NOARP)", kind)
	case raw&unix.IFF_MULTICAST == 0:
		return fmt.Errorf("it has no multicast (%s)", kind)
	}
	return nil
}

// address gives the link-local address of an interface: the lowest, if it has
// several.
func address(l netlink.Link, at *netlink.LinkAttrs) (netip.Addr, error) {
	switch {
	case at.Flags&net.FlagUp == 0:
		return netip.Addr{}, fmt.Errorf("is down: ip link set %s up", at.Name)
	case at.RawFlags&unix.IFF_RUNNING == 0:
		return netip.Addr{}, errors.New("has no carrier: is the cable plugged in, and the other end up?")
	}
	addrs, err := netlink.AddrList(l, unix.AF_INET6)
	if err != nil {
		return netip.Addr{}, err
	}
	var best netip.Addr
	problem := noAddress(at.Name)
	for _, a := range addrs {
		ip, ok := netip.AddrFromSlice(a.IP)
		if !ok || !ip.Is6() || !ip.IsLinkLocalUnicast() {
			continue
		}
		switch {
		case a.Flags&unix.IFA_F_DADFAILED != 0:
			problem = fmt.Errorf("%w: the system found that somebody else has %s", ErrDuplicate, ip)
		case a.Flags&unix.IFA_F_TENTATIVE != 0 && a.Flags&unix.IFA_F_OPTIMISTIC == 0:
			problem = fmt.Errorf("the system is still looking whether somebody else has %s", ip)
		case !best.IsValid() || ip.Less(best):
			best = ip
		}
	}
	if best.IsValid() {
		return best, nil
	}
	return best, problem
}

// noAddress says what is missing when there is no link-local address.
func noAddress(name string) error {
	b, err := os.ReadFile(filepath.Join("/proc/sys/net/ipv6/conf", name, "disable_ipv6"))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return errors.New("the system has no IPv6")
	case err == nil && len(b) > 0 && b[0] == '1':
		return fmt.Errorf("IPv6 is disabled: sysctl net.ipv6.conf.%s.disable_ipv6=0", name)
	}
	return fmt.Errorf("has no link-local address: ip link set %s addrgenmode eui64, or ip -6 addr add fe80::1/64 dev %s", name, name)
}
